package store_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/adapters/store"
	"loan310/app/audit"
	"loan310/app/drawdown"
	"loan310/app/fault"
	"loan310/app/ledger"
	"loan310/app/money"
	"loan310/app/servicing"
	"loan310/app/servicing/loan"
	"loan310/app/underwriting"
)

// later is the clock of servicing tests: so many days after every payout.
func later(days int) func() time.Time {
	return func() time.Time { return now().AddDate(0, 0, days) }
}

// servicing makes the use case over a store, at a day.
func (s *suite) servicing(days int) *servicing.Service {
	return servicing.NewService(servicing.Deps{Store: s.Servicing(), Now: later(days), Logger: slog.New(slog.DiscardHandler)})
}

// loan pays a draw of six months in equal instalments out.
func (s *suite) loan(tb testing.TB, line underwriting.Line, amount money.Amount) servicing.Loan {
	tb.Helper()
	d := s.drawdown(tb, line, amount)
	return s.payOut(tb, d)
}

func (s *suite) payOut(tb testing.TB, d drawdown.Drawdown) servicing.Loan {
	tb.Helper()
	s.reserve(tb, d)
	_, err := s.Drawdowns().SettlePaid(tb.Context(), d.ID, newPayout(d).Key, "rail-1", paid(d), entry("drawdown.paid", "drawdown/"+d.ID))
	require.NoError(tb, err)
	l, err := s.Servicing().Loan(tb.Context(), d.ID)
	require.NoError(tb, err)
	return l
}

func command(loanID, key string) servicing.Command {
	return servicing.Command{LoanID: loanID, Key: key, Actor: audit.Actor{Kind: "person", ID: "s-1"}}
}

// moved is money of another kind than a repayment, which repays early here.
func moved(loanID, key string, amount money.Amount, on loan.Date) servicing.Money {
	m := repayment(loanID, key, amount, on)
	m.Excess = ""
	return m
}

func repayment(loanID, key string, amount money.Amount, on loan.Date) servicing.Money {
	m := servicing.Money{Command: command(loanID, key), Amount: amount, Channel: "transfer", Ref: "R-" + key, Excess: loan.Prepay}
	m.On = on
	return m
}

// recomputed requires that the loan's standing journals are what its events
// say, that every cache agrees, and that the books balance.
func (s *suite) recomputed(tb require.TestingT, id string) loan.Position {
	ctx := context.WithoutCancel(s.t.Context())
	record, err := s.Servicing().Record(ctx, id)
	require.NoError(tb, err)
	events := make([]loan.Event, len(record.Events))
	for i := range record.Events {
		events[i] = record.Events[i].Event
	}
	position, entries, err := loan.Replay(record.Loan.Contract, events, record.Loan.Through)
	require.NoError(tb, err)
	require.True(tb, loan.Diff(record.Booked, entries).Empty(), "the journals are what the events say")
	require.Equal(tb, position.Outstanding.Principal, record.Loan.Outstanding)
	require.Equal(tb, position.DPD, record.Loan.DPD)
	require.Equal(tb, position.Class, record.Loan.Class)
	require.Equal(tb, position.NextDue, record.Loan.NextDue)
	report, err := s.Ledger().Verify(ctx)
	require.NoError(tb, err)
	require.Empty(tb, report.Faults)
	return position
}

func TestALoanBeginsWithItsPayout(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		line := s.line(t, 100_000_00)
		l := s.loan(t, line, 60_000_00)
		require.Equal(t, loan.Active, l.State)
		require.Equal(t, line.ID, l.LineID)
		require.Equal(t, money.Amount(60_000_00), l.Outstanding)
		require.Equal(t, "2026-11-11", l.Contract.DisbursedOn.String())
		require.Equal(t, "2026-12-11", l.NextDue.String())
		require.Equal(t, l.NextDue, l.Wake)
		require.Equal(t, 360, l.Contract.Product.DayCountBase)
		require.Equal(t, "equal-instalments", l.Contract.Product.ID)
		s.recomputed(t, l.ID)

		listed, next, err := s.Servicing().LoansOf(t.Context(), line.MerchantID, servicing.Page{})
		require.NoError(t, err)
		require.Empty(t, next)
		require.Equal(t, []servicing.Loan{l}, listed)
		borrower, err := s.Servicing().Borrower(t.Context(), line.MerchantID)
		require.NoError(t, err)
		require.Equal(t, loan.Normal, borrower.Class)
		_, err = s.Servicing().Loan(t.Context(), "none")
		requireFault(t, err, fault.NotFound, fault.CodeNotFound)
	})
}

// A drawdown paid before there were loans gets its loan later, once.
func TestPaidDrawdownsWithoutALoanAreCaughtUp(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		l := s.loan(t, s.line(t, 1_000_00), 500_00)
		s.raw(t, "DELETE FROM loan_instalments")
		s.raw(t, "DELETE FROM loans")
		made := inParallel(4, func(int) (int, error) { return s.servicing(0).CatchUp(t.Context()) })
		total := 0
		for _, each := range made {
			require.NoError(t, each.err)
			total += each.value
		}
		require.GreaterOrEqual(t, total, 1)
		again, err := s.Servicing().Loan(t.Context(), l.ID)
		require.NoError(t, err)
		require.Equal(t, l, again)
		none, err := s.servicing(0).CatchUp(t.Context())
		require.NoError(t, err)
		require.Zero(t, none)
	})
}

// 600.00 over 6 months at 12 %: 103.53 a month. Early, in part, backdated and
// reversed; each step answers with its journals.
func TestALoanIsRepaidEarlyInPartBackdatedAndReversed(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx := t.Context()
		line := s.line(t, 600_00)
		l := s.loan(t, line, 600_00)
		due := l.NextDue

		part, err := s.servicing(10).Repay(ctx, repayment(l.ID, "early", 100_00, 0))
		require.NoError(t, err)
		require.Equal(t, l.Contract.DisbursedOn+10, part.Event.On)
		require.Len(t, part.Journals, 1)
		// 600.00 × 12 %/12 × 10/30 = 2.00 interest to the day, the rest is principal.
		require.Equal(t, money.Amount(502_00), part.Loan.Outstanding)
		require.Equal(t, money.Amount(98_00), part.Loan.Released)
		s.recomputed(t, l.ID)
		view, err := s.Drawdowns().Line(ctx, line.ID)
		require.NoError(t, err)
		require.Equal(t, money.Amount(502_00), view.Used, "headroom comes back with principal")

		late, err := s.servicing(35).Repay(ctx, repayment(l.ID, "late", 10_00, 0))
		require.NoError(t, err)
		require.Equal(t, 5, late.Loan.DPD)
		require.Equal(t, loan.SpecialMention, late.Loan.Class)
		borrower, err := s.Servicing().Borrower(ctx, line.MerchantID)
		require.NoError(t, err)
		require.Equal(t, loan.SpecialMention, borrower.Class, "in the same transaction as the money")

		backdated, err := s.servicing(36).Repay(ctx, repayment(l.ID, "backdated", 200_00, due))
		require.NoError(t, err)
		require.Zero(t, backdated.Loan.DPD)
		require.Equal(t, loan.Normal, backdated.Loan.Class)
		require.True(t, slices.ContainsFunc(backdated.Journals, func(j servicing.Journal) bool { return j.ReversesID != "" }), "what it changed is reversed and booked anew")
		s.recomputed(t, l.ID)

		undo := command(l.ID, "undo")
		reversed, err := s.servicing(37).Reverse(ctx, undo, backdated.Event.ID)
		require.NoError(t, err)
		require.Equal(t, 7, reversed.Loan.DPD)
		s.recomputed(t, l.ID)
		_, err = s.servicing(37).Reverse(ctx, command(l.ID, "undo again"), backdated.Event.ID)
		requireFault(t, err, fault.Conflict, loan.CodeAlreadyReversed)

		payoff, err := s.servicing(40).Payoff(ctx, l.ID, 0)
		require.NoError(t, err)
		all, err := s.servicing(40).Repay(ctx, repayment(l.ID, "all", payoff.Amount+5_00, 0))
		require.NoError(t, err)
		require.Equal(t, loan.Closed, all.Loan.State)
		require.Equal(t, money.Amount(5_00), all.Loan.Credit, "paid too much: the merchant's")
		refund := moved(l.ID, "refund", 5_00, 0)
		refunded, err := s.servicing(41).Refund(ctx, refund)
		require.NoError(t, err)
		require.Zero(t, refunded.Loan.Credit)
		s.recomputed(t, l.ID)
		view, err = s.Drawdowns().Line(ctx, line.ID)
		require.NoError(t, err)
		require.Zero(t, view.Used)
		trail, err := s.Audit(ctx, "loan/"+l.ID)
		require.NoError(t, err)
		require.Len(t, trail, 6)
	})
}

func TestAKeyIsBoundToItsRequest(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		l := s.loan(t, s.line(t, 600_00), 600_00)
		first, err := s.servicing(3).Repay(t.Context(), repayment(l.ID, "k", 50_00, 0))
		require.NoError(t, err)
		again, err := s.servicing(4).Repay(t.Context(), repayment(l.ID, "k", 50_00, 0)) // a day later: the same request
		require.NoError(t, err)
		require.True(t, again.Repeated)
		require.Equal(t, first.Event, again.Event)
		require.Equal(t, first.Journals, again.Journals)
		require.Equal(t, first.Loan, again.Loan)
		_, err = s.servicing(4).Repay(t.Context(), repayment(l.ID, "k", 50_01, 0))
		requireFault(t, err, fault.Mismatch, fault.CodeKeyReused)
		_, err = s.servicing(4).Charge(t.Context(), command(l.ID, "k"), 50_00)
		requireFault(t, err, fault.Mismatch, fault.CodeKeyReused)
		_, err = s.servicing(4).Repay(t.Context(), repayment(l.ID, "", 50_00, 0))
		requireFault(t, err, fault.Invalid, servicing.CodeNoKey)
		_, err = s.servicing(4).Repay(t.Context(), repayment("none", "k", 50_00, 0))
		requireFault(t, err, fault.NotFound, fault.CodeNotFound)
		s.recomputed(t, l.ID)
	})
}

// 64 writers on one loan, from two processes: 32 repayments of 10.00 each sent
// twice. Each counts once.
func TestManyWritersOnOneLoan(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		l := s.loan(t, s.line(t, 1_000_00), 600_00)
		second := s.open(t)
		day := s.servicing(5)
		other := servicing.NewService(servicing.Deps{Store: second.Servicing(), Now: later(5), Logger: slog.New(slog.DiscardHandler)})
		answers := inParallel(64, func(i int) (servicing.Outcome, error) {
			service := day
			if i%2 == 1 {
				service = other
			}
			return service.Repay(t.Context(), repayment(l.ID, fmt.Sprint("k", i/2), 10_00, 0))
		})
		repeated := 0
		for _, answer := range answers {
			require.NoError(t, answer.err)
			if answer.value.Repeated {
				repeated++
			}
		}
		require.Equal(t, 32, repeated)
		position := s.recomputed(t, l.ID)
		require.Equal(t, money.Amount(320_00), position.Paid.Total()+position.Credit)
	})
}

// 64 writers on eight loans of one line and one merchant, while draws compete
// for the headroom that comes back.
func TestManyWritersOnOneLine(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		line := s.line(t, 800_00)
		loans := make([]servicing.Loan, 8)
		for i := range loans {
			loans[i] = s.loan(t, line, 100_00)
		}
		draws := make([]drawdown.Drawdown, 16)
		for i := range draws {
			draws[i] = s.drawdown(t, line, 30_00)
		}
		service := s.servicing(33) // the first lines are overdue
		answers := inParallel(80, func(i int) (struct{}, error) {
			if i >= 64 {
				_, _, err := s.Drawdowns().Reserve(t.Context(), draws[i-64].ID, newPayout(draws[i-64]), promised(draws[i-64]), entry("drawdown.reserved", "drawdown/x"))
				return struct{}{}, err
			}
			_, err := service.Repay(t.Context(), repayment(loans[i%8].ID, fmt.Sprint("k", i), 12_00, 0))
			return struct{}{}, err
		})
		for _, answer := range answers {
			require.NoError(t, answer.err)
		}
		for _, l := range loans {
			s.recomputed(t, l.ID)
		}
		borrower, err := s.Servicing().Borrower(t.Context(), line.MerchantID)
		require.NoError(t, err)
		require.Equal(t, loan.Normal, borrower.Class)
		require.Equal(t, 3, borrower.WorstDPD)
	})
}

// The headroom of a repayment that is reversed may have been drawn since: the
// line takes back what it has room for, and the rest later.
func TestHeadroomDrawnAgainIsTakenBackLater(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx := t.Context()
		line := s.line(t, 100_00)
		l := s.loan(t, line, 100_00)
		back, err := s.servicing(0).Repay(ctx, repayment(l.ID, "bounces", 80_00, 0))
		require.NoError(t, err)
		other := s.loan(t, line, 70_00)
		reversed, err := s.servicing(0).Reverse(ctx, command(l.ID, "bounced"), back.Event.ID)
		require.NoError(t, err)
		require.Equal(t, money.Amount(100_00), reversed.Loan.Outstanding)
		require.Equal(t, money.Amount(70_00), reversed.Loan.Released)
		s.recomputed(t, l.ID)
		_, err = s.servicing(1).Repay(ctx, repayment(other.ID, "all", 75_00, 0))
		require.NoError(t, err)
		_, err = s.servicing(2).Charge(ctx, command(l.ID, "fee"), 1_00)
		require.NoError(t, err)
		view, err := s.Drawdowns().Line(ctx, line.ID)
		require.NoError(t, err)
		require.Equal(t, money.Amount(100_00), view.Used)
		s.recomputed(t, l.ID)
	})
}

func TestDecisionsOfStaff(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx := t.Context()
		l := s.loan(t, s.line(t, 600_00), 600_00)
		day := s.servicing(50)
		paused, err := day.Pause(ctx, command(l.ID, "flood"), l.NextDue+40)
		require.NoError(t, err)
		require.True(t, paused.Position.Paused)
		_, err = day.Waive(ctx, command(l.ID, "too much"), loan.Interest, 100_00, false)
		requireFault(t, err, fault.Invalid, loan.CodeWaiverExceeds)
		waived, err := day.Waive(ctx, command(l.ID, "goodwill"), loan.Interest, 1_00, true)
		require.NoError(t, err)
		require.Equal(t, money.Amount(1_00), waived.Position.Waived.Interest)
		resumed, err := day.Resume(ctx, command(l.ID, "dry"))
		require.NoError(t, err)
		require.False(t, resumed.Position.Paused)
		today := day.Today()
		laid, err := day.Restructure(ctx, command(l.ID, "new terms"), loan.Restructuring{TenorMonths: 12, RateBps: 600, FirstDue: today.AddMonths(1)})
		require.NoError(t, err)
		require.Equal(t, loan.SpecialMention, laid.Loan.Class, "observed")
		s.recomputed(t, l.ID)

		mine := command(l.ID, "hopeless")
		mine.Reason = "nobody there"
		proposal, err := day.ProposeChargeOff(ctx, mine)
		require.NoError(t, err)
		same, err := day.ProposeChargeOff(ctx, mine)
		require.NoError(t, err)
		require.Equal(t, proposal, same)
		_, _, err = day.DecideChargeOff(ctx, proposal.ID, true, mine.Actor)
		requireFault(t, err, fault.Conflict, servicing.CodeSamePerson)
		another := audit.Actor{Kind: "person", ID: "s-2"}
		decided, off, err := day.DecideChargeOff(ctx, proposal.ID, true, another)
		require.NoError(t, err)
		require.Equal(t, "approved", decided.State)
		require.Equal(t, loan.WrittenOff, off.Loan.State)
		require.Equal(t, loan.Loss, off.Loan.Class)
		_, off, err = day.DecideChargeOff(ctx, proposal.ID, true, another)
		require.NoError(t, err)
		require.True(t, off.Repeated)
		_, _, err = day.DecideChargeOff(ctx, proposal.ID, false, another)
		requireFault(t, err, fault.Conflict, servicing.CodeDecided)
		recovered, err := s.servicing(60).Recover(ctx, moved(l.ID, "found", 100_00, 0))
		require.NoError(t, err)
		require.Equal(t, money.Amount(100_00), recovered.Loan.Recovered)
		_, err = s.servicing(60).Reverse(ctx, command(l.ID, "undo"), waived.Event.ID)
		requireFault(t, err, fault.Conflict, loan.CodeAfterChargeOff)
		s.recomputed(t, l.ID)
	})
}

// Whatever the order of posting, the books end equal: balances by account,
// position and class. All 24 orders of a late part, a backdated early
// repayment, a fee and a payment on the due day.
func TestTheOrderOfPostingNeverShows(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		line := s.line(t, 100_000_00)
		type books struct {
			position loan.Position
			sums     map[ledger.Account]money.Amount
		}
		post := func(order []int) books {
			l := s.loan(t, line, 600_00)
			service := s.servicing(90)
			for _, n := range order {
				c := command(l.ID, fmt.Sprint("k", n))
				c.On = l.Contract.DisbursedOn + []loan.Date{45, 12, 20, 30}[n]
				var err error
				if n == 2 {
					_, err = service.Charge(t.Context(), c, 7_00)
				} else {
					_, err = service.Repay(t.Context(), servicing.Money{Command: c, Amount: []money.Amount{110_00, 150_00, 0, 60_00}[n], Excess: loan.Prepay})
				}
				require.NoError(t, err)
			}
			record, err := s.Servicing().Record(t.Context(), l.ID)
			require.NoError(t, err)
			view, err := service.View(t.Context(), l.ID)
			require.NoError(t, err)
			b := books{view.Position, map[ledger.Account]money.Amount{}}
			b.position.LoanID = ""
			for _, j := range record.Booked {
				for _, p := range j.Postings {
					b.sums[p.Account] += p.Amount
				}
			}
			return b
		}
		orders := permutations(4)
		require.Len(t, orders, 24)
		want := post(orders[0])
		require.NotZero(t, want.sums[ledger.PenaltyIncome])
		for _, order := range orders[1:] {
			require.Equal(t, want, post(order), "posted as %v", order)
		}
		s.sound(t)
	})
}

// permutations lists the orders of n things.
func permutations(n int) [][]int {
	if n == 0 {
		return [][]int{{}}
	}
	var all [][]int
	for _, shorter := range permutations(n - 1) {
		for at := range n {
			all = append(all, slices.Insert(slices.Clone(shorter), at, n-1))
		}
	}
	return all
}

// A payout that comes back after repayments: the loan never was, and what was
// repaid is the merchant's.
func TestALoanWhosePayoutCameBackNeverWas(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx := t.Context()
		line := s.line(t, 600_00)
		l := s.loan(t, line, 600_00)
		_, err := s.servicing(33).Repay(ctx, repayment(l.ID, "k", 200_00, 0))
		require.NoError(t, err)
		d, err := s.Drawdowns().Drawdown(ctx, l.ID)
		require.NoError(t, err)
		_, err = s.Drawdowns().SettleReversed(ctx, l.ID, newPayout(d).Key, "AC04", now().AddDate(0, 0, 40), entry("drawdown.reversed", "drawdown/"+l.ID))
		require.NoError(t, err)
		ended, err := s.Servicing().Loan(ctx, l.ID)
		require.NoError(t, err)
		require.Equal(t, servicing.StateCancelled, ended.State)
		require.Equal(t, money.Amount(200_00), ended.Credit)
		view, err := s.Drawdowns().Line(ctx, line.ID)
		require.NoError(t, err)
		require.Zero(t, view.Used)
		_, err = s.servicing(41).Charge(ctx, command(l.ID, "fee"), 1_00)
		requireFault(t, err, fault.Conflict, servicing.CodeCancelled)
		more, err := s.servicing(41).Repay(ctx, repayment(l.ID, "more", 1_00, 0))
		require.NoError(t, err, "what arrives nevertheless is the merchant's")
		require.Equal(t, money.Amount(201_00), more.Loan.Credit)
		s.sound(t)
	})
}

// What was booked behind a loan's back, and what its events never said, is
// found by recomputing it.
func TestVerifyRecomputesEveryLoan(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx := t.Context()
		l := s.loan(t, s.line(t, 600_00), 600_00)
		_, err := s.servicing(33).Repay(ctx, repayment(l.ID, "k", 50_00, 0))
		require.NoError(t, err)
		s.sound(t)
		s.raw(t, "UPDATE loans SET contract = REPLACE(contract, '\"rate_bps\":1200', '\"rate_bps\":1100')")
		report, err := s.Ledger().Verify(ctx)
		require.NoError(t, err)
		require.Len(t, report.Faults, 2)
		require.Equal(t, store.RuleLoanBooks, report.Faults[0].Rule)
		require.Equal(t, store.RuleLoanPosition, report.Faults[1].Rule)
		require.Equal(t, l.ID, report.Faults[0].Subject)
	})
}
