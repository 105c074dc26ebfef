package loan_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/app/ledger"
	"loan310/app/money"
	"loan310/app/servicing/loan"
	"loan310/scoring/verdict"
)

func TestGoldenSchedules(t *testing.T) {
	t.Parallel()
	for name, want := range map[verdict.RepaymentType]struct {
		first, last loan.Amounts
		interest    money.Amount
	}{
		verdict.EqualInstalments: {loan.Amounts{Principal: 788_488, Interest: 100_000}, loan.Amounts{Principal: 879_688, Interest: 8_797}, 661_853},
		verdict.EqualPrincipal:   {loan.Amounts{Principal: 833_333, Interest: 100_000}, loan.Amounts{Principal: 833_337, Interest: 8_333}, 650_000},
		verdict.Bullet:           {loan.Amounts{Interest: 100_000}, loan.Amounts{Principal: 10_000_000, Interest: 100_000}, 1_200_000},
		// 31 days from 15 January, 31 to 15 January; 365 days in all, base 360.
		verdict.AnyTime: {loan.Amounts{Interest: 103_333}, loan.Amounts{Principal: 10_000_000, Interest: 103_333}, 1_216_664},
	} {
		t.Run(string(name), func(t *testing.T) {
			t.Parallel()
			c := golden(t, name)
			require.NoError(t, c.Check())
			quote, err := c.Quote()
			require.NoError(t, err)
			require.Len(t, quote.Lines, 12)
			require.Equal(t, want.first, quote.Lines[0].Owed)
			require.Equal(t, want.last, quote.Lines[11].Owed)
			require.Equal(t, want.interest, quote.Interest)
			require.Equal(t, "2026-02-15", quote.Lines[0].DueOn.String())
			require.Equal(t, "2027-01-15", quote.Lines[11].DueOn.String())
		})
	}
}

func TestALoanPaidOnTimeIsNeverOverdueAndCloses(t *testing.T) {
	t.Parallel()
	for _, repayment := range []verdict.RepaymentType{verdict.EqualInstalments, verdict.EqualPrincipal, verdict.Bullet, verdict.AnyTime} {
		t.Run(string(repayment), func(t *testing.T) {
			t.Parallel()
			c := golden(t, repayment)
			quote, err := c.Quote()
			require.NoError(t, err)
			var events []loan.Event
			for _, line := range quote.Lines {
				events = append(events, loan.Event{ID: "pay" + line.DueOn.String(), Kind: loan.Repayment, On: line.DueOn, Amount: line.Unpaid})
				p, _ := replayed(t, c, events, line.DueOn)
				require.Zero(t, p.DPD)
				require.Equal(t, loan.Normal, p.Class)
				require.Zero(t, p.Due)
			}
			p, entries := replayed(t, c, events, c.Due(12))
			require.Equal(t, loan.Closed, p.State)
			require.Equal(t, c.Due(12), p.ClosedOn)
			sum := balances(&c, entries)
			require.Equal(t, quote.Interest, -sum[ledger.InterestIncome])
			require.Equal(t, quote.Interest, sum[ledger.Settlement])
		})
	}
}
