package payout_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/adapters/payout"
	"loan310/app/fault"
	"loan310/app/reconciliation"
)

const wholeBill = `#支付宝账务明细查询
#-----账务明细列表-----
账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,收入金额（+元）,支出金额（-元）,业务类型,备注
1F,1,K1,,2026-11-11 08:00:00,,0.00,-60.00,转账,
2F,2,K2,"a, ""b""",2026-11-11 08:00:01,,,-40.00,转账,
3F,1,K1,,2026-11-11 09:00:00,,60.00,0.00,转账退回,
#-----账务明细列表结束-----
#支出合计：2笔，共-100.00元
#收入合计：1笔，共60.00元
`

func TestBillIsReadWholeOrRefusedWithTheLine(t *testing.T) {
	t.Parallel()
	var lines []reconciliation.Line
	keep := func(line reconciliation.Line) error { lines = append(lines, line); return nil }
	require.NoError(t, payout.ReadBill(strings.NewReader(wholeBill), keep))
	require.Len(t, lines, 3)
	require.Equal(t, "K2", lines[1].Key)
	require.EqualValues(t, 40_00, lines[1].Amount)
	require.True(t, lines[2].Return)
	require.Equal(t, reconciliation.In, lines[2].Direction)
	for name, c := range map[string]struct{ old, replaced, want string }{
		"cut in a row":      {"40.00,转账,\n3F,1,K1,,2026-11-11 09:00:00,,60.00,0.00,转账退回,\n#-----账务明细列表结束-----\n#支出合计：2笔，共-100.00元\n#收入合计：1笔，共60.00元\n", "40", "line 5: 8 fields, the head has 10"},
		"cut before totals": {"#支出合计：2笔，共-100.00元\n#收入合计：1笔，共60.00元\n", "", "ends after line 7 without its totals"},
		"a row missing":     {"2F,2,K2,\"a, \"\"b\"\"\",2026-11-11 08:00:01,,,-40.00,转账,\n", "", "line 7: 支出合计 says 2"},
		"an amount":         {"-60.00", "-6O.00", "line 4: 支出金额"},
		"no column":         {"商户订单号", "订单", "line 3: no column 商户订单号"},
	} {
		err := payout.ReadBill(strings.NewReader(strings.Replace(wholeBill, c.old, c.replaced, 1)), func(reconciliation.Line) error { return nil })
		require.Equal(t, reconciliation.CodePartial, fault.CodeOf(err), name)
		require.ErrorContains(t, err, c.want, name)
	}
}

func FuzzReadBill(f *testing.F) {
	f.Add(wholeBill)
	f.Fuzz(func(t *testing.T, text string) {
		_ = payout.ReadBill(strings.NewReader(text), func(line reconciliation.Line) error {
			require.Positive(t, line.Amount)
			return nil
		})
	})
}
