package loan_test

import (
	"fmt"

	"github.com/stretchr/testify/require"

	"loan310/app/ledger"
	"loan310/app/money"
	"loan310/app/servicing/loan"
	"loan310/scoring/verdict"
)

// day reads a date in a test's table.
func day(t require.TestingT, text string) loan.Date {
	date, err := loan.ParseDate(text)
	require.NoError(t, err)
	return date
}

// product gives the standard product of a repayment type.
func product(t require.TestingT, repayment verdict.RepaymentType) loan.Product {
	catalogue, err := loan.StandardCatalogue()
	require.NoError(t, err)
	p, found := catalogue.For(repayment)
	require.True(t, found)
	return p
}

// golden is the loan of the golden tables: 100,000.00 at 12 % over 12 months.
func golden(t require.TestingT, repayment verdict.RepaymentType) loan.Contract {
	return loan.Contract{
		LoanID: "L1", MerchantID: "M1", Principal: 10_000_000, RateBps: 1_200, TenorMonths: 12,
		DisbursedOn: day(t, "2026-01-15"), Product: product(t, repayment),
	}
}

func paid(t require.TestingT, id, on string, amount money.Amount) loan.Event {
	return loan.Event{ID: id, Kind: loan.Repayment, On: day(t, on), Amount: amount}
}

// balances sums the entries by account, on top of what the payout booked.
func balances(c *loan.Contract, entries []loan.Entry) map[ledger.Account]money.Amount {
	sum := map[ledger.Account]money.Amount{}
	for _, posting := range c.Opening(ledger.Settlement) {
		sum[posting.Account] += posting.Amount
	}
	for _, entry := range entries {
		for _, posting := range entry.Postings {
			sum[posting.Account] += posting.Amount
		}
	}
	return sum
}

// replayed replays and holds the answer against what must always be true.
func replayed(t require.TestingT, c loan.Contract, events []loan.Event, through loan.Date) (loan.Position, []loan.Entry) {
	position, entries, err := loan.Replay(c, events, through)
	require.NoError(t, err)
	mustHold(t, &c, events, &position, entries)
	return position, entries
}

// mustHold is the invariants of any replay.
func mustHold(t require.TestingT, c *loan.Contract, events []loan.Event, p *loan.Position, entries []loan.Entry) {
	keys := map[string]bool{}
	for i, entry := range entries {
		require.False(t, keys[entry.Key], "key %s twice", entry.Key)
		keys[entry.Key] = true
		require.NoError(t, ledger.Journal{Key: entry.Key, Postings: entry.Postings}.Check())
		require.LessOrEqual(t, entry.On, p.On)
		if i > 0 {
			require.GreaterOrEqual(t, entry.On, entries[i-1].On, "%s before %s", entry.Key, entries[i-1].Key)
		}
	}
	sum := balances(c, entries)
	require.Equal(t, p.Outstanding.Principal, sum[ledger.PrincipalReceivable], "principal receivable is what is outstanding")
	require.Equal(t, p.Outstanding.Interest, sum[ledger.InterestReceivable], "interest receivable")
	require.Equal(t, p.Outstanding.Fee, sum[ledger.FeeReceivable], "fee receivable")
	require.LessOrEqual(t, sum[ledger.PenaltyReceivable], p.Outstanding.Penalty, "what is booked of penalty is owed")
	require.Equal(t, -p.Credit, sum[ledger.BorrowerCredit], "credit")
	var principal money.Amount
	lines := loan.Amounts{}
	for _, line := range p.Instalments {
		principal += line.Owed.Principal
		lines = lines.Plus(line.Paid)
		if line.Demanded {
			require.Equal(t, line.State == loan.Settled, line.PaidOn != 0, "line %d", line.Number)
		} else {
			require.Equal(t, loan.Upcoming, line.State)
		}
		for _, component := range []loan.Component{loan.Principal, loan.Interest, loan.Penalty, loan.Fee} {
			require.GreaterOrEqual(t, line.Paid.Of(component), money.Amount(0))
			require.GreaterOrEqual(t, line.Owed.Of(component), line.Paid.Of(component)+line.Waived.Of(component), "line %d %s", line.Number, component)
		}
	}
	require.Equal(t, c.Principal+p.Capitalised, principal+p.Prepaid, "the schedule's total is the principal")
	for _, amount := range []money.Amount{
		p.Credit, p.Accrued, p.Payoff, p.Prepaid, p.Recovered, p.NextAmount, p.Refunded,
		p.Outstanding.Principal, p.Outstanding.Interest, p.Outstanding.Penalty, p.Outstanding.Fee,
		p.Due.Principal, p.Due.Interest, p.Due.Penalty, p.Due.Fee,
		p.WrittenOff.Principal, p.WrittenOff.Interest, p.WrittenOff.Penalty, p.WrittenOff.Fee,
	} {
		require.GreaterOrEqual(t, amount, money.Amount(0))
	}
	in, out := moved(events, p.On)
	claimed := p.Paid.Total() + p.Credit + out - in // what refunds took beyond the credit is paid for again
	require.GreaterOrEqual(t, claimed, money.Amount(0))
	if out == 0 {
		require.Zero(t, claimed, "allocations and credit are the money that came in")
	}
	if p.State == loan.Closed {
		require.Zero(t, p.Payoff)
		require.NotZero(t, p.ClosedOn)
	} else {
		require.Positive(t, p.Payoff)
		require.Zero(t, p.ClosedOn)
	}
}

// moved sums money in and refunds of the events that count.
func moved(events []loan.Event, on loan.Date) (in, out money.Amount) {
	gone := map[string]bool{}
	for _, event := range events {
		if event.Kind == loan.Reversal {
			gone[event.ReversesID] = true
		}
	}
	for _, event := range events {
		switch {
		case event.On > on || gone[event.ID]:
		case event.Kind == loan.Repayment || event.Kind == loan.Recovered:
			in += event.Amount
		case event.Kind == loan.Refund:
			out += event.Amount
		}
	}
	return in, out
}

// book is a store in memory that keeps journals as the real one does.
type book struct {
	journals []loan.Booked
	keys     map[string]bool
}

// bring applies what Diff asks for.
func (b *book) bring(t require.TestingT, loanID string, entries []loan.Entry) {
	changes := loan.Diff(b.journals, entries)
	for _, gone := range changes.Reverse {
		for i := range b.journals {
			if b.journals[i].JournalID == gone.JournalID {
				require.False(t, b.journals[i].Reversed, "a journal is reversed once")
				b.journals[i].Reversed = true
			}
		}
	}
	if b.keys == nil {
		b.keys = map[string]bool{}
	}
	for _, booking := range changes.Book {
		key := loan.JournalKey(loanID, booking.Key, booking.Revision)
		require.False(t, b.keys[key], "journal key %s twice", key)
		b.keys[key] = true
		b.journals = append(b.journals, loan.Booked{
			JournalID: fmt.Sprintf("j%d", len(b.journals)), Key: booking.Key, Revision: booking.Revision, On: booking.On, Postings: booking.Postings,
		})
	}
	require.True(t, loan.Diff(b.journals, entries).Empty(), "asking again changes nothing")
}

// live lists the journals that nothing reverses.
func (b *book) live() map[string][]ledger.Posting {
	live := map[string][]ledger.Posting{}
	for _, journal := range b.journals {
		if !journal.Reversed {
			live[journal.Key] = journal.Postings
		}
	}
	return live
}
