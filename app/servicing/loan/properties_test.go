package loan_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"loan310/app/ledger"
	"loan310/app/money"
	"loan310/app/servicing/loan"
	"loan310/scoring/verdict"
)

var repayments = []verdict.RepaymentType{verdict.EqualInstalments, verdict.EqualPrincipal, verdict.Bullet, verdict.AnyTime}

// anyContract draws terms and product data over all their choices.
func anyContract(t *rapid.T) loan.Contract {
	p := product(t, rapid.SampledFrom(repayments).Draw(t, "repayment"))
	p.DayCountBase = rapid.SampledFrom([]int{360, 365}).Draw(t, "base")
	p.Penalty.MarkupBps = rapid.SampledFrom([]money.BasisPoints{0, 3_000, 5_000}).Draw(t, "markup")
	p.Penalty.OnInterest = rapid.Bool().Draw(t, "on interest")
	p.Penalty.GraceDays = rapid.SampledFrom([]int{0, 0, 3, 10}).Draw(t, "grace")
	p.Relay = rapid.SampledFrom([]loan.Relay{loan.KeepTenor, loan.Shorten}).Draw(t, "relay")
	p.Excess = rapid.SampledFrom([]loan.Excess{loan.Prepay, loan.Hold, loan.Advance}).Draw(t, "excess")
	p.Allocation.By = rapid.SampledFrom([]loan.By{loan.ByInstalment, loan.ByComponent}).Draw(t, "by")
	p.Allocation.Order = rapid.Permutation(p.Allocation.Order).Draw(t, "order")
	if rapid.Bool().Draw(t, "one order") {
		p.NonPerforming = nil
	}
	if rapid.Bool().Draw(t, "fees") {
		p.Fees.UpfrontBps = money.BasisPoints(rapid.Int64Range(0, 300).Draw(t, "upfront"))
		p.Fees.PeriodicBps = money.BasisPoints(rapid.Int64Range(0, 50).Draw(t, "periodic"))
		if p.Repayment != verdict.AnyTime {
			p.Stub = rapid.SampledFrom([]loan.Stub{loan.WholeMonth, loan.ActualDays}).Draw(t, "stub")
			p.Fees.PrepaymentBps = money.BasisPoints(rapid.Int64Range(0, 500).Draw(t, "prepayment"))
		}
	}
	c := loan.Contract{
		LoanID: "L1", MerchantID: "M1", Product: p,
		Principal:   money.Amount(rapid.Int64Range(1, 2_000_000).Draw(t, "principal")),
		RateBps:     money.BasisPoints(rapid.Int64Range(0, 3_600).Draw(t, "rate")),
		TenorMonths: rapid.IntRange(1, 14).Draw(t, "tenor"),
		DisbursedOn: loan.NewDate(2026, 1, 1) + loan.Date(rapid.IntRange(0, 400).Draw(t, "start")),
	}
	if rapid.Bool().Draw(t, "stub period") {
		c.FirstDue = c.DisbursedOn + loan.Date(rapid.IntRange(1, 58).Draw(t, "first due"))
	}
	return c
}

// anyEvents draws events of every kind over two years, reversals included.
func anyEvents(t *rapid.T, c *loan.Contract, kinds []loan.Kind) []loan.Event {
	var events []loan.Event
	reversed := map[string]bool{}
	for i := range rapid.IntRange(0, 14).Draw(t, "events") {
		event := loan.Event{
			ID: fmt.Sprintf("e%02d", i), Kind: rapid.SampledFrom(kinds).Draw(t, "kind"),
			On: c.DisbursedOn + loan.Date(rapid.IntRange(0, 700).Draw(t, "day")),
		}
		if rapid.Bool().Draw(t, "on a due date") {
			event.On = c.Due(rapid.IntRange(1, c.TenorMonths).Draw(t, "line"))
		}
		switch event.Kind {
		case loan.Repayment, loan.Recovered, loan.Refund, loan.FeeCharged, loan.Waiver:
			event.Amount = c.Principal.Share(money.BasisPoints(rapid.Int64Range(0, 12_000).Draw(t, "share"))) + 1
			if event.Kind == loan.FeeCharged || event.Kind == loan.Waiver {
				event.Amount = event.Amount/100 + 1
			}
			event.Component = rapid.SampledFrom([]loan.Component{loan.Penalty, loan.Fee, loan.Interest}).Draw(t, "component")
			event.Subsidised = rapid.Bool().Draw(t, "subsidised")
			event.Excess = rapid.SampledFrom([]loan.Excess{"", loan.Prepay, loan.Hold, loan.Advance}).Draw(t, "excess")
			event.Account = rapid.SampledFrom([]ledger.Account{"", ledger.SettlementBank}).Draw(t, "account")
		case loan.Paused:
			if rapid.Bool().Draw(t, "closed pause") {
				event.Until = event.On + loan.Date(rapid.IntRange(1, 90).Draw(t, "pause"))
			}
		case loan.Restructured:
			event.Terms = &loan.Restructuring{
				TenorMonths: rapid.IntRange(1, 14).Draw(t, "new tenor"), RateBps: c.RateBps - c.RateBps/3,
				FirstDue: event.On + loan.Date(rapid.IntRange(1, 60).Draw(t, "new due")), Capitalise: rapid.Bool().Draw(t, "capitalise"),
			}
		case loan.Reversal:
			if len(events) == 0 {
				continue
			}
			original := rapid.SampledFrom(events).Draw(t, "original")
			if original.Kind == loan.Reversal || reversed[original.ID] {
				continue
			}
			reversed[original.ID] = true
			event.ReversesID = original.ID
		}
		events = append(events, event)
	}
	return events
}

func allKinds() []loan.Kind {
	return []loan.Kind{
		loan.Repayment, loan.Repayment, loan.Repayment, loan.Repayment, loan.Reversal, loan.FeeCharged, loan.Refund, loan.Waiver,
		loan.Paused, loan.Resumed, loan.Restructured, loan.ChargedOff, loan.Recovered, loan.WrittenBack,
	}
}

func TestAnyLifeKeepsTheBooks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := anyContract(t)
		events := anyEvents(t, &c, allKinds())
		for _, days := range []int{0, 40, 400, 900} {
			replayed(t, c, events, c.DisbursedOn+loan.Date(days))
		}
	})
}

// Postings of the same events in any order, each booked as it comes, end in the
// same position and the same journals that nothing reverses.
func TestTheOrderOfPostingNeverShows(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := anyContract(t)
		events := anyEvents(t, &c, allKinds())
		through := c.DisbursedOn + loan.Date(rapid.IntRange(0, 900).Draw(t, "through"))
		want, entries := replayed(t, c, events, through)
		order := rapid.Permutation(events).Draw(t, "order")
		var posted []loan.Event
		var books book
		for at, event := range order {
			if event.Kind == loan.Reversal && !slices.ContainsFunc(order[:at], func(e loan.Event) bool { return e.ID == event.ReversesID }) {
				continue // comes after what it reverses
			}
			posted = append(posted, event)
			for _, later := range order[:at] {
				if later.Kind == loan.Reversal && later.ReversesID == event.ID {
					posted = append(posted, later)
				}
			}
			step := min(through, c.DisbursedOn+loan.Date(at*60))
			_, now := replayed(t, c, posted, step)
			books.bring(t, c.LoanID, now)
		}
		require.Len(t, posted, len(events))
		got, again := replayed(t, c, posted, through)
		books.bring(t, c.LoanID, again)
		require.Equal(t, want, got)
		require.Equal(t, entries, again)
		live := books.live()
		require.Len(t, live, len(entries))
		for _, entry := range entries {
			require.Equal(t, entry.Postings, live[entry.Key])
		}
	})
}

func TestAReversedRepaymentNeverWas(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := anyContract(t)
		events := anyEvents(t, &c, allKinds())
		through := c.DisbursedOn + loan.Date(rapid.IntRange(0, 900).Draw(t, "through"))
		want, entries := replayed(t, c, events, through)
		extra := loan.Event{ID: "x", Kind: loan.Repayment, On: c.DisbursedOn + loan.Date(rapid.IntRange(0, 700).Draw(t, "day")), Amount: c.Principal/3 + 1}
		undone := append(slices.Clone(events), extra, loan.Event{ID: "y", Kind: loan.Reversal, On: extra.On, ReversesID: "x"})
		got, again := replayed(t, c, undone, through)
		require.Equal(t, want, got)
		require.Equal(t, entries, again)
	})
}

// What a partial repayment leaves of interest is still asked for: with the
// payoff, all interest to the day is paid, however the money came.
func TestInterestIsNeverLostByAPartialRepayment(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := anyContract(t)
		c.Product.Penalty.MarkupBps, c.Product.Excess = 0, loan.Hold
		on := c.DisbursedOn + loan.Date(rapid.IntRange(0, 500).Draw(t, "day"))
		whole, _ := replayed(t, c, nil, on)
		part := loan.Event{ID: "a", Kind: loan.Repayment, On: on, Amount: min(whole.Payoff, 1+whole.Payoff.Share(money.BasisPoints(rapid.Int64Range(0, 9_000).Draw(t, "part")))), Excess: loan.Hold}
		after, _ := replayed(t, c, []loan.Event{part}, on)
		rest := loan.Event{ID: "b", Kind: loan.Repayment, On: on, Amount: whole.Payoff - part.Amount, Excess: loan.Hold}
		require.Equal(t, whole.Payoff-part.Amount+after.Credit, after.Payoff)
		both, _ := replayed(t, c, []loan.Event{part, rest}, on)
		once, _ := replayed(t, c, []loan.Event{{ID: "b", Kind: loan.Repayment, On: on, Amount: whole.Payoff, Excess: loan.Hold}}, on)
		require.Equal(t, once.Paid, both.Paid)
		require.Equal(t, once.Outstanding, both.Outstanding)
	})
}

// A payoff asked for on a day closes the loan on that day.
func TestThePayoffSettlesTheLoan(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := anyContract(t)
		events := anyEvents(t, &c, []loan.Kind{loan.Repayment, loan.Repayment, loan.FeeCharged, loan.Waiver, loan.Restructured, loan.Paused, loan.ChargedOff})
		on := c.DisbursedOn + loan.Date(rapid.IntRange(0, 900).Draw(t, "day"))
		events = slices.DeleteFunc(events, func(e loan.Event) bool { return e.On > on })
		before, _ := replayed(t, c, events, on)
		if before.Payoff == 0 {
			return
		}
		kind := loan.Repayment
		if before.OffBooks {
			kind = loan.Recovered
		}
		// Repayments come before waivers and restructurings of the same day: pay a day later.
		next, _ := replayed(t, c, events, on+1)
		if next.Payoff == 0 {
			return
		}
		events = append(events, loan.Event{ID: "z", Kind: kind, On: on + 1, Amount: next.Payoff, Excess: loan.Prepay})
		after, _ := replayed(t, c, events, on+1)
		require.Equal(t, loan.Closed, after.State)
		require.Equal(t, next.Credit, after.Credit)
	})
}
