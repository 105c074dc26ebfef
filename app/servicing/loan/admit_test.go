package loan_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/app/fault"
	"loan310/app/ledger"
	"loan310/app/servicing/loan"
	"loan310/scoring/verdict"
)

func TestWhatIsLetIn(t *testing.T) {
	t.Parallel()
	c := golden(t, verdict.EqualInstalments)
	due := c.Due(1)
	today := c.Due(8)
	pay := loan.Event{ID: "p", Kind: loan.Repayment, On: due, Amount: 888_488}
	closing := loan.Event{ID: "c", Kind: loan.Repayment, On: due, Amount: 10_200_000}
	off := loan.Event{ID: "off", Kind: loan.ChargedOff, On: c.Due(5)}
	recovery := loan.Event{ID: "rec", Kind: loan.Recovered, On: c.Due(6), Amount: 1_000}
	undo := func(id string) loan.Event {
		return loan.Event{ID: "undo", Kind: loan.Reversal, On: today, ReversesID: id}
	}
	terms := loan.Restructuring{TenorMonths: 12, RateBps: 600, FirstDue: today + 30}
	restructure := func(on loan.Date, change func(*loan.Restructuring)) loan.Event {
		own := terms
		change(&own)
		return loan.Event{ID: "n", Kind: loan.Restructured, On: on, Terms: &own}
	}
	for name, row := range map[string]struct {
		before []loan.Event
		next   loan.Event
		code   fault.Code // empty = let in
		field  string
	}{
		"a repayment":                  {nil, pay, "", ""},
		"a repayment of a closed loan": {[]loan.Event{closing}, pay, "", ""},
		"no id":                        {nil, loan.Event{Kind: loan.Repayment, On: due, Amount: 1}, loan.CodeEvent, "id"},
		"no kind":                      {nil, loan.Event{ID: "x", On: due}, loan.CodeEvent, "kind"},
		"the same id":                  {[]loan.Event{pay}, pay, fault.CodeDuplicate, ""},
		"nothing paid":                 {nil, loan.Event{ID: "x", Kind: loan.Repayment, On: due}, loan.CodeEvent, "amount_fen"},
		"less than nothing":            {nil, loan.Event{ID: "x", Kind: loan.Repayment, On: due, Amount: -5}, loan.CodeEvent, "amount_fen"},
		"beyond all bounds":            {nil, loan.Event{ID: "x", Kind: loan.Repayment, On: due, Amount: 1 << 60}, loan.CodeEvent, "amount_fen"},
		"a pause has no amount":        {nil, loan.Event{ID: "x", Kind: loan.Paused, On: due, Amount: 1}, loan.CodeEvent, "amount_fen"},
		"before the payout":            {nil, loan.Event{ID: "x", Kind: loan.Repayment, On: c.DisbursedOn - 1, Amount: 1}, loan.CodeBeforeStart, "on"},
		"on the day of the payout":     {nil, loan.Event{ID: "x", Kind: loan.Repayment, On: c.DisbursedOn, Amount: 1}, "", ""},
		"tomorrow":                     {nil, loan.Event{ID: "x", Kind: loan.Repayment, On: today + 1, Amount: 1}, loan.CodeFuture, "on"},
		"into an income account":       {nil, loan.Event{ID: "x", Kind: loan.Repayment, On: due, Amount: 1, Account: ledger.InterestIncome}, loan.CodeEvent, "account"},
		"excess unheard of":            {nil, loan.Event{ID: "x", Kind: loan.Repayment, On: due, Amount: 1, Excess: "keep"}, loan.CodeEvent, "excess"},

		"a reversal":                         {[]loan.Event{pay}, undo("p"), "", ""},
		"a reversal of another loan's":       {[]loan.Event{pay}, undo("q"), loan.CodeUnknownEvent, ""},
		"a second reversal":                  {[]loan.Event{pay, {ID: "u", Kind: loan.Reversal, On: today, ReversesID: "p"}}, undo("p"), loan.CodeAlreadyReversed, ""},
		"a reversal of a reversal":           {[]loan.Event{pay, {ID: "u", Kind: loan.Reversal, On: today, ReversesID: "p"}}, undo("u"), loan.CodeNotReversible, ""},
		"a reversal of a charge-off":         {[]loan.Event{off}, undo("off"), loan.CodeNotReversible, ""},
		"a reversal before its original":     {[]loan.Event{pay}, loan.Event{ID: "u", Kind: loan.Reversal, On: due - 1, ReversesID: "p"}, loan.CodeEvent, "on"},
		"a reversal behind a charge-off":     {[]loan.Event{pay, off}, undo("p"), "", ""},
		"and money after it":                 {[]loan.Event{pay, off, recovery}, undo("p"), loan.CodeAfterChargeOff, ""},
		"money of the day itself":            {[]loan.Event{{ID: "p", Kind: loan.Repayment, On: off.On, Amount: 1}, off, recovery}, undo("p"), loan.CodeAfterChargeOff, ""},
		"a recovery of the day itself":       {[]loan.Event{off, {ID: "q", Kind: loan.Recovered, On: off.On, Amount: 1}, recovery}, undo("q"), "", ""},
		"the recovery itself":                {[]loan.Event{pay, off, recovery}, undo("rec"), "", ""},
		"a backdated repayment":              {[]loan.Event{off}, pay, "", ""},
		"one behind a charge-off with money": {[]loan.Event{off, recovery}, pay, loan.CodeAfterChargeOff, ""},
		"a repayment after a charge-off":     {[]loan.Event{off, recovery}, loan.Event{ID: "x", Kind: loan.Repayment, On: today, Amount: 1}, "", ""},

		"a refund of nothing":     {[]loan.Event{pay}, loan.Event{ID: "r", Kind: loan.Refund, On: today, Amount: 1}, loan.CodeRefundExceeds, "amount_fen"},
		"a refund of the credit":  {[]loan.Event{closing}, loan.Event{ID: "r", Kind: loan.Refund, On: today, Amount: 100_000}, "", ""},
		"a refund of more":        {[]loan.Event{closing}, loan.Event{ID: "r", Kind: loan.Refund, On: today, Amount: 100_001}, loan.CodeRefundExceeds, "amount_fen"},
		"a refund before it":      {[]loan.Event{closing}, loan.Event{ID: "r", Kind: loan.Refund, On: due - 1, Amount: 1}, loan.CodeRefundExceeds, "amount_fen"},
		"a refund twice":          {[]loan.Event{closing, {ID: "r", Kind: loan.Refund, On: today, Amount: 60_000}}, loan.Event{ID: "s", Kind: loan.Refund, On: due, Amount: 60_000}, loan.CodeRefundExceeds, "amount_fen"},
		"a waiver":                {nil, loan.Event{ID: "w", Kind: loan.Waiver, On: due, Component: loan.Interest, Amount: 100_000}, "", ""},
		"a waiver of more":        {nil, loan.Event{ID: "w", Kind: loan.Waiver, On: due, Component: loan.Interest, Amount: 100_001}, loan.CodeWaiverExceeds, "amount_fen"},
		"a waiver of principal":   {nil, loan.Event{ID: "w", Kind: loan.Waiver, On: due, Component: loan.Principal, Amount: 1}, loan.CodeEvent, "component"},
		"a fee":                   {nil, loan.Event{ID: "f", Kind: loan.FeeCharged, On: due, Amount: 1}, "", ""},
		"a fee after charge-off":  {[]loan.Event{off}, loan.Event{ID: "f", Kind: loan.FeeCharged, On: today, Amount: 1}, loan.CodeChargedOff, ""},
		"a fee on what is paid":   {[]loan.Event{closing}, loan.Event{ID: "f", Kind: loan.FeeCharged, On: today, Amount: 1}, loan.CodeLoanClosed, ""},
		"a pause":                 {nil, loan.Event{ID: "z", Kind: loan.Paused, On: due, Until: due + 3}, "", ""},
		"a pause that ends first": {nil, loan.Event{ID: "z", Kind: loan.Paused, On: due, Until: due}, loan.CodeEvent, "until"},
		"resumed without a pause": {nil, loan.Event{ID: "z", Kind: loan.Resumed, On: due}, loan.CodeNotPaused, ""},
		"resumed":                 {[]loan.Event{{ID: "a", Kind: loan.Paused, On: due}}, loan.Event{ID: "z", Kind: loan.Resumed, On: due + 1}, "", ""},
		"a pause of what is paid": {[]loan.Event{closing}, loan.Event{ID: "z", Kind: loan.Paused, On: today}, loan.CodeLoanClosed, ""},

		"a restructuring":                    {nil, restructure(today, func(*loan.Restructuring) {}), "", ""},
		"without terms":                      {nil, loan.Event{ID: "n", Kind: loan.Restructured, On: today}, loan.CodeRestructureTerms, "terms"},
		"without lines":                      {nil, restructure(today, func(r *loan.Restructuring) { r.TenorMonths = 0 }), loan.CodeRestructureTerms, "terms.tenor_months"},
		"dearer":                             {nil, restructure(today, func(r *loan.Restructuring) { r.RateBps = 1_201 }), loan.CodeRestructureTerms, "terms.rate_bps"},
		"due at once":                        {nil, restructure(today, func(r *loan.Restructuring) { r.FirstDue = today }), loan.CodeRestructureTerms, "terms.first_due"},
		"a restructuring behind money":       {[]loan.Event{{ID: "x", Kind: loan.Repayment, On: today, Amount: 1}}, restructure(today-1, func(*loan.Restructuring) {}), loan.CodeLaterMoney, ""},
		"a restructuring of what is paid":    {[]loan.Event{closing}, restructure(today, func(*loan.Restructuring) {}), loan.CodeLoanClosed, ""},
		"a restructuring of a loss":          {[]loan.Event{off}, restructure(today, func(*loan.Restructuring) {}), loan.CodeChargedOff, ""},
		"a charge-off":                       {nil, off, "", ""},
		"a second charge-off":                {[]loan.Event{off}, loan.Event{ID: "x", Kind: loan.ChargedOff, On: today}, loan.CodeChargedOff, ""},
		"a charge-off of what is paid":       {[]loan.Event{closing}, off, loan.CodeLoanClosed, ""},
		"a charge-off behind money":          {[]loan.Event{{ID: "x", Kind: loan.Repayment, On: today, Amount: 1}}, off, loan.CodeLaterMoney, ""},
		"a recovery":                         {[]loan.Event{off}, recovery, "", ""},
		"a recovery of what is on the books": {nil, recovery, loan.CodeNotChargedOff, ""},
		"a write-back":                       {[]loan.Event{off, recovery}, loan.Event{ID: "x", Kind: loan.WrittenBack, On: today}, "", ""},
		"a write-back of nothing":            {nil, loan.Event{ID: "x", Kind: loan.WrittenBack, On: today}, loan.CodeNotChargedOff, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := loan.Admit(c, row.before, row.next, today)
			if row.code == "" {
				require.NoError(t, err)
				return
			}
			var refused *fault.Error
			require.ErrorAs(t, err, &refused)
			require.Equal(t, row.code, refused.Code)
			require.Equal(t, row.field, refused.Field)
		})
	}
}
