package store_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/adapters/store"
	"loan310/app/audit"
	"loan310/app/fault"
	"loan310/app/ledger"
	"loan310/app/money"
	"loan310/app/reconciliation"
	"loan310/app/servicing"
	"loan310/app/servicing/collection"
	"loan310/app/servicing/loan"
)

// debitRail is a rail with a book of its own. What it answers is chosen per
// call; nothing means that it collects.
type debitRail struct {
	mu     sync.Mutex
	taken  map[string]money.Amount
	times  map[string]int
	calls  int
	answer func(call int, in collection.Instruction) (collect bool, receipt collection.Receipt, err error)
	now    func() time.Time
}

func newDebitRail(now func() time.Time) *debitRail {
	return &debitRail{taken: map[string]money.Amount{}, times: map[string]int{}, now: now}
}

var errLost = errors.New("the answer was lost")

func (r *debitRail) Collect(_ context.Context, in collection.Instruction) (collection.Receipt, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	collect, receipt, err := true, collection.Receipt{State: collection.RailCollected, Ref: "R" + in.Key, Amount: in.Amount, At: r.now()}, error(nil)
	if r.answer != nil {
		collect, receipt, err = r.answer(r.calls, in)
	}
	if collect && r.times[in.Key] == 0 {
		r.taken[in.Key] = in.Amount
		r.times[in.Key]++
	}
	return receipt, err
}

func (r *debitRail) Query(_ context.Context, key string) (collection.Receipt, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.times[key] == 0 {
		return collection.Receipt{State: collection.RailNoRecord}, nil
	}
	return collection.Receipt{State: collection.RailCollected, Ref: "R" + key, Amount: r.taken[key], At: r.now()}, nil
}

func (r *debitRail) total() money.Amount {
	r.mu.Lock()
	defer r.mu.Unlock()
	var sum money.Amount
	for _, amount := range r.taken {
		sum += amount
	}
	return sum
}

// clockwork is a clock that tests move.
type clockwork struct {
	mu sync.Mutex
	at time.Time
}

func (c *clockwork) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clockwork) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// day sets the clock to so many days after the payouts, at an hour of China.
func (c *clockwork) day(days, hour int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = time.Date(2026, 11, 11+days, hour, 0, 0, 0, time.FixedZone("CST", 8*3600)).UTC()
}

// collecting is the use case over a store, at a time that tests move.
func (s *suite) collecting(db *store.DB, rail collection.Collector, clock *clockwork, change ...func(*collection.Deps)) *collection.Service {
	plans, err := collection.StandardPlans()
	require.NoError(s.t, err)
	deps := collection.Deps{
		Store: db.Collection(), Plans: plans, Collector: rail, Now: clock.now, Logger: slog.New(slog.DiscardHandler),
		Servicing: servicing.NewService(servicing.Deps{Store: db.Servicing(), Now: clock.now, Logger: slog.New(slog.DiscardHandler)}),
	}
	for _, c := range change {
		c(&deps)
	}
	return collection.NewService(deps)
}

func staff() audit.Actor { return audit.Actor{Kind: "person", ID: "s-1"} }

// 600.00 over 6 months at 12 %: 103.53 on 11 December.
func TestWhatIsDueIsCollectedOnce(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx := t.Context()
		clock := &clockwork{}
		clock.day(29, 9)
		rail := newDebitRail(clock.now)
		service := s.collecting(s.DB, rail, clock)
		l := s.loan(t, s.line(t, 600_00), 600_00)

		opened, looked, err := service.Collect(ctx, 100)
		require.NoError(t, err)
		require.Empty(t, opened)
		require.Zero(t, looked, "nothing is due before the due date")

		clock.day(30, 6)
		opened, looked, err = service.Collect(ctx, 100)
		require.NoError(t, err)
		require.Empty(t, opened, "not before 8 o'clock")
		require.Equal(t, 1, looked)
		_, looked, err = service.Collect(ctx, 100)
		require.NoError(t, err)
		require.Zero(t, looked, "and not looked at until then")

		clock.day(30, 8)
		opened, _, err = service.Collect(ctx, 100)
		require.NoError(t, err)
		require.Len(t, opened, 1)
		require.Equal(t, money.Amount(103_53), opened[0].Amount)
		require.Equal(t, 1, opened[0].Line)
		again, err := service.CollectLoan(ctx, l.ID)
		require.NoError(t, err)
		require.Empty(t, again.Key, "never two under way")

		done, err := service.Advance(ctx, opened[0].Key)
		require.NoError(t, err)
		require.Equal(t, collection.Collected, done.State)
		require.Equal(t, money.Amount(103_53), rail.total())
		position := s.recomputed(t, l.ID)
		require.Zero(t, position.Due.Total())
		require.Equal(t, "2026-12-11", position.Instalments[0].PaidOn.String())
		same, err := service.Advance(ctx, opened[0].Key)
		require.NoError(t, err)
		require.Equal(t, done, same)
		require.Equal(t, 1, rail.calls)

		journals, err := s.Ledger().Journals(ctx, "debit/"+done.Key)
		require.NoError(t, err)
		require.Len(t, journals, 1)
		require.Equal(t, []ledger.Posting{{Account: ledger.Settlement, Amount: 103_53}, {Account: ledger.CollectionInTransit, Amount: -103_53}}, journals[0].Postings)
		balances, err := s.Ledger().TrialBalance(ctx, time.Time{})
		require.NoError(t, err)
		for _, b := range balances {
			if b.Account == ledger.CollectionInTransit {
				require.Zero(t, b.Amount)
			}
		}
		s.sound(t)
	})
}

// 64 callers from two processes: debits, the same debit advanced many times,
// and transfers that staff books, on a rail that loses every third answer. No
// more than is owed is ever taken for what is due; what staff booked beside it
// is credit, and every fen the rail took is booked once.
func TestManyCollectOneLoan(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx := t.Context()
		clock := &clockwork{}
		clock.day(30, 10)
		rail := newDebitRail(clock.now)
		rail.answer = func(call int, in collection.Instruction) (bool, collection.Receipt, error) {
			if call%3 != 0 {
				return true, collection.Receipt{}, errLost
			}
			return true, collection.Receipt{State: collection.RailCollected, Ref: "R", Amount: in.Amount, At: clock.now()}, nil
		}
		l := s.loan(t, s.line(t, 600_00), 600_00)
		services := []*collection.Service{s.collecting(s.DB, rail, clock), s.collecting(s.open(t), rail, clock)}
		books := servicing.NewService(servicing.Deps{Store: s.Servicing(), Now: clock.now, Logger: slog.New(slog.DiscardHandler)})
		answers := inParallel(64, func(i int) (collection.Debit, error) {
			service := services[i%2]
			switch {
			case i%8 == 7: // a transfer that arrived: 8 of 1.00
				_, err := books.Repay(ctx, repayment(l.ID, fmt.Sprint("k", i), 1_00, 0))
				return collection.Debit{}, err
			case i%2 == 0:
				d, err := service.CollectLoan(ctx, l.ID)
				if err == nil && d.Key != "" {
					d, err = service.Advance(ctx, d.Key)
				}
				return d, ignoreStale(err)
			default:
				d, err := service.Open(ctx, collection.Request{LoanID: l.ID, Key: fmt.Sprint("r", i)}, staff())
				if code := fault.CodeOf(err); code == collection.CodeOpen || code == collection.CodeNothingDue {
					return d, nil
				}
				if err == nil {
					d, err = service.Advance(ctx, d.Key)
				}
				return d, ignoreStale(err)
			}
		})
		for _, answer := range answers {
			require.NoError(t, answer.err)
		}
		for range 20 { // what is left open is asked about, and what is still due collected
			clock.pass(20 * time.Second)
			_, err := services[0].CollectLoan(ctx, l.ID)
			require.NoError(t, err)
			keys, err := services[0].Unsettled(ctx, clock.now().Add(time.Hour), 100)
			require.NoError(t, err)
			for _, key := range keys {
				_, err := services[0].Advance(ctx, key)
				require.NoError(t, err)
			}
		}
		require.LessOrEqual(t, rail.total(), money.Amount(103_53))
		position := s.recomputed(t, l.ID)
		require.Zero(t, position.Due.Total())
		require.Equal(t, rail.total()+8_00, position.Paid.Total()+position.Credit, "every fen is booked once")
		list, _, err := services[0].Debits(ctx, collection.Filter{LoanID: l.ID}, collection.Page{Limit: 200})
		require.NoError(t, err)
		var collected money.Amount
		for _, d := range list {
			require.True(t, d.State.Final(), "%s is %s", d.Key, d.State)
			if d.State == collection.Collected {
				collected += d.Amount
			}
		}
		require.Equal(t, rail.total(), collected, "our debits are the rail's book")
		s.sound(t)
	})
}

func ignoreStale(err error) error {
	if fault.CodeOf(err) == fault.CodeStale {
		return nil
	}
	return err
}

// The rail collects, and its answer is lost; before it is asked, the merchant
// pays by transfer. The money is the merchant's credit and can be refunded.
func TestMoneyForWhatWasPaidMeanwhileIsCredit(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx := t.Context()
		clock := &clockwork{}
		clock.day(30, 9)
		rail := newDebitRail(clock.now)
		rail.answer = func(int, collection.Instruction) (bool, collection.Receipt, error) {
			return true, collection.Receipt{}, errLost
		}
		service := s.collecting(s.DB, rail, clock)
		books := servicing.NewService(servicing.Deps{Store: s.Servicing(), Now: clock.now, Logger: slog.New(slog.DiscardHandler)})
		l := s.loan(t, s.line(t, 600_00), 600_00)
		d, err := service.CollectLoan(ctx, l.ID)
		require.NoError(t, err)
		d, err = service.Advance(ctx, d.Key)
		require.NoError(t, err)
		require.Equal(t, collection.Unknown, d.State)
		paid, err := books.Repay(ctx, repayment(l.ID, "transfer", 103_53, 0))
		require.NoError(t, err)
		require.Zero(t, paid.Loan.Credit)
		d, err = service.Advance(ctx, d.Key)
		require.NoError(t, err)
		require.Equal(t, collection.Collected, d.State)
		position := s.recomputed(t, l.ID)
		require.Equal(t, money.Amount(103_53), position.Credit, "held, not prepaid")
		refunded, err := books.Refund(ctx, moved(l.ID, "back", 103_53, 0))
		require.NoError(t, err)
		require.Zero(t, refunded.Loan.Credit)
		s.sound(t)
	})
}

// Each row: what happens between the debit's making and its first call, and
// what becomes of it without the rail being called.
func TestADebitNotNeededAnyMoreNeverLeaves(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx := t.Context()
		clock := &clockwork{}
		books := servicing.NewService(servicing.Deps{Store: s.Servicing(), Now: clock.now, Logger: slog.New(slog.DiscardHandler)})
		rail := newDebitRail(clock.now)
		service := s.collecting(s.DB, rail, clock)
		tests := map[string]func(l servicing.Loan) error{
			"paid in part by transfer": func(l servicing.Loan) error {
				_, err := books.Repay(ctx, repayment(l.ID, "part", 50_00, 0))
				return err
			},
			"paused": func(l servicing.Loan) error {
				_, err := books.Pause(ctx, command(l.ID, "flood"), 0)
				return err
			},
			"consent withdrawn": func(l servicing.Loan) error {
				_, err := service.SetConsent(ctx, l.MerchantID, false, staff())
				return err
			},
			"held for a promise": func(l servicing.Loan) error {
				return service.HoldBack(ctx, collection.Hold{LoanID: l.ID, Until: loan.DateOf(clock.now(), time.UTC) + 5, Reason: "promised"}, staff())
			},
			"charged off": func(l servicing.Loan) error {
				p, err := books.ProposeChargeOff(ctx, servicing.Command{LoanID: l.ID, Key: "off", Reason: "gone", Actor: staff()})
				if err == nil {
					_, _, err = books.DecideChargeOff(ctx, p.ID, true, audit.Actor{Kind: "person", ID: "s-2"})
				}
				return err
			},
			"the day's hours are over": func(servicing.Loan) error { clock.day(30, 20); return nil },
		}
		for name, happens := range tests {
			clock.day(30, 9)
			l := s.loan(t, s.line(t, 600_00), 600_00)
			d, err := service.CollectLoan(ctx, l.ID)
			require.NoError(t, err, name)
			require.NotEmpty(t, d.Key, name)
			require.NoError(t, happens(l), name)
			d, err = service.Advance(ctx, d.Key)
			require.NoError(t, err, name)
			require.Equal(t, collection.Failed, d.State, name)
			require.Equal(t, collection.Dropped, d.Failure, name)
			require.Zero(t, d.Calls, name)
			next, err := service.CollectLoan(ctx, l.ID)
			require.NoError(t, err, name)
			if name == "paid in part by transfer" {
				require.Equal(t, money.Amount(53_53), next.Amount, "the rest at once")
			} else {
				require.Empty(t, next.Key, name)
			}
		}
		require.Zero(t, rail.calls)
		s.sound(t)
	})
}

// A rail's stop holds debits back, and lets them go on after.
func TestAStoppedRailHoldsDebitsBack(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx := t.Context()
		clock := &clockwork{}
		clock.day(30, 9)
		rail := newDebitRail(clock.now)
		service := s.collecting(s.DB, rail, clock)
		l := s.loan(t, s.line(t, 600_00), 600_00)
		d, err := service.CollectLoan(ctx, l.ID)
		require.NoError(t, err)
		s.raw(t, "INSERT INTO payout_stops (rail, reason, stopped_by, stopped_at) VALUES ('*', 'rehearsal', 's-1', 1)")
		d, err = service.Advance(ctx, d.Key)
		require.NoError(t, err)
		require.Equal(t, collection.Requested, d.State)
		require.Equal(t, collection.WaitsForResume, d.WaitsFor)
		s.raw(t, "DELETE FROM payout_stops")
		d, err = service.Advance(ctx, d.Key)
		require.NoError(t, err)
		require.Equal(t, collection.Collected, d.State)
	})
}

// A call that surely did not leave is taken back; a reference that the rail
// never saw is called again under the same key, and given up once the rail
// would take it no more; an unknown one is handed to a person.
func TestUnclearDebits(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx := t.Context()
		clock := &clockwork{}
		clock.day(30, 9)
		rail := newDebitRail(clock.now)
		service := s.collecting(s.DB, rail, clock)
		l := s.loan(t, s.line(t, 600_00), 600_00)
		d, err := service.CollectLoan(ctx, l.ID)
		require.NoError(t, err)

		rail.answer = func(int, collection.Instruction) (bool, collection.Receipt, error) {
			return false, collection.Receipt{}, collection.ErrNotSent
		}
		d, err = service.Advance(ctx, d.Key)
		require.NoError(t, err)
		require.Equal(t, collection.Requested, d.State)
		require.False(t, d.Left())
		require.Equal(t, collection.WaitsForRail, d.WaitsFor)

		rail.answer = func(int, collection.Instruction) (bool, collection.Receipt, error) {
			return false, collection.Receipt{}, errLost
		}
		d, err = service.Advance(ctx, d.Key)
		require.NoError(t, err)
		require.Equal(t, collection.Unknown, d.State)
		d, err = service.Advance(ctx, d.Key)
		require.NoError(t, err)
		require.Equal(t, 2, d.Calls, "within the grace nothing is sent again")
		clock.pass(20 * time.Second)
		d, err = service.Advance(ctx, d.Key)
		require.NoError(t, err)
		require.Equal(t, 3, d.Calls)
		clock.pass(16 * time.Minute)
		d, err = service.Advance(ctx, d.Key)
		require.NoError(t, err)
		require.Equal(t, collection.Failed, d.State)
		require.Equal(t, string(collection.CodeNotTaken), d.FailureCode)

		// It was taken after all: the statement shows it, and it is booked.
		rail.taken[d.Key], rail.times[d.Key] = d.Amount, 1
		d, err = service.Arrived(ctx, d.Key, d.Amount)
		require.NoError(t, err)
		require.Equal(t, collection.Collected, d.State)
		require.Zero(t, s.recomputed(t, l.ID).Due.Total())

		// Another one stays pending for a day.
		other := s.loan(t, s.line(t, 600_00), 600_00)
		clock.day(30, 9)
		rail.answer = func(int, collection.Instruction) (bool, collection.Receipt, error) {
			return false, collection.Receipt{State: collection.RailPending}, nil
		}
		d, err = service.CollectLoan(ctx, other.ID)
		require.NoError(t, err)
		d, err = service.Advance(ctx, d.Key)
		require.NoError(t, err)
		s.raw(t, "UPDATE debits SET first_call_at = 1 WHERE key = '"+d.Key+"'")
		d, err = service.Advance(ctx, d.Key)
		require.NoError(t, err)
		cases, err := service.Cases(ctx, 10)
		require.NoError(t, err)
		require.Len(t, cases, 1)
		_, err = service.Propose(ctx, collection.Resolution{CaseID: cases[0].ID, Outcome: collection.OutcomeCollected, Reference: "statement 1, line 7"}, staff())
		require.NoError(t, err)
		_, err = service.Approve(ctx, cases[0].ID, staff())
		requireFault(t, err, fault.Conflict, collection.CodeTwoPairsOfEyes)
		closed, err := service.Approve(ctx, cases[0].ID, audit.Actor{Kind: "person", ID: "s-2"})
		require.NoError(t, err)
		require.Equal(t, collection.CaseClosed, closed.State)
		require.Equal(t, "s-2", closed.ClosedBy)
		settled, err := service.Debit(ctx, d.Key)
		require.NoError(t, err)
		require.Equal(t, collection.Collected, settled.State)
		s.sound(t)
	})
}

// What merchants ask for: bound to its key, to what is owed, one at a time.
func TestDebitsThatWereAskedFor(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx := t.Context()
		clock := &clockwork{}
		clock.day(10, 3) // at night: who asks is not held to hours
		rail := newDebitRail(clock.now)
		service := s.collecting(s.DB, rail, clock)
		l := s.loan(t, s.line(t, 600_00), 600_00)
		_, err := service.Open(ctx, collection.Request{LoanID: l.ID, Key: "k1"}, staff())
		requireFault(t, err, fault.Conflict, collection.CodeNothingDue)
		_, err = service.Open(ctx, collection.Request{LoanID: l.ID, Key: "k1", Amount: 700_00, Early: true}, staff())
		requireFault(t, err, fault.Invalid, collection.CodeAmount)
		first, err := service.Open(ctx, collection.Request{LoanID: l.ID, Key: "k1", Amount: 102_00, Early: true}, staff())
		require.NoError(t, err)
		again, err := service.Open(ctx, collection.Request{LoanID: l.ID, Key: "k1", Amount: 102_00, Early: true}, staff())
		require.NoError(t, err)
		require.Equal(t, first.Key, again.Key)
		_, err = service.Open(ctx, collection.Request{LoanID: l.ID, Key: "k1", Amount: 101_00, Early: true}, staff())
		requireFault(t, err, fault.Mismatch, fault.CodeKeyReused)
		_, err = service.Open(ctx, collection.Request{LoanID: l.ID, Key: "k2", Amount: 1_00, Early: true}, staff())
		requireFault(t, err, fault.Conflict, collection.CodeOpen)
		done, err := service.Advance(ctx, first.Key)
		require.NoError(t, err)
		require.Equal(t, collection.Collected, done.State)
		// 600.00 × 1 % × 10/30 = 2.00 interest to the day, 100.00 principal.
		require.Equal(t, money.Amount(500_00), s.recomputed(t, l.ID).Outstanding.Principal)
		old, err := service.Open(ctx, collection.Request{LoanID: l.ID, Key: "old", Amount: 1_00, Early: true}, staff())
		require.NoError(t, err)
		clock.pass(time.Hour)
		dropped, err := service.Advance(ctx, old.Key)
		require.NoError(t, err)
		require.Equal(t, collection.Dropped, dropped.Failure, "not an hour later")
		all, err := service.Open(ctx, collection.Request{LoanID: l.ID, Key: "k3", Early: true}, staff())
		require.NoError(t, err)
		_, err = service.Advance(ctx, all.Key)
		require.NoError(t, err)
		closed, err := s.Servicing().Loan(ctx, l.ID)
		require.NoError(t, err)
		require.Equal(t, loan.Closed, closed.State)
		require.Zero(t, closed.Credit)
		s.sound(t)
	})
}

// A debit whose loan was cancelled meanwhile, since its payout came back: the
// money is credit, and can be refunded.
func TestMoneyForACancelledLoanIsCredit(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx := t.Context()
		clock := &clockwork{}
		clock.day(30, 9)
		rail := newDebitRail(clock.now)
		rail.answer = func(int, collection.Instruction) (bool, collection.Receipt, error) {
			return true, collection.Receipt{}, errLost
		}
		service := s.collecting(s.DB, rail, clock)
		d0 := s.drawdown(t, s.line(t, 600_00), 600_00)
		l := s.payOut(t, d0)
		d, err := service.CollectLoan(ctx, l.ID)
		require.NoError(t, err)
		d, err = service.Advance(ctx, d.Key)
		require.NoError(t, err)
		_, err = s.Drawdowns().SettleReversed(ctx, d0.ID, newPayout(d0).Key, "AC04", clock.now(), entry("drawdown.reversed", "drawdown/"+d0.ID))
		require.NoError(t, err)
		d, err = service.Advance(ctx, d.Key)
		require.NoError(t, err)
		require.Equal(t, collection.Collected, d.State)
		cancelled, err := s.Servicing().Loan(ctx, l.ID)
		require.NoError(t, err)
		require.Equal(t, servicing.StateCancelled, cancelled.State)
		require.Equal(t, d.Amount, cancelled.Credit)
		s.sound(t)
		books := servicing.NewService(servicing.Deps{Store: s.Servicing(), Now: clock.now, Logger: slog.New(slog.DiscardHandler)})
		back, err := books.Refund(ctx, moved(l.ID, "back", d.Amount, 0))
		require.NoError(t, err)
		require.Zero(t, back.Loan.Credit)
		_, err = books.Refund(ctx, moved(l.ID, "again", 1, 0))
		requireFault(t, err, fault.Invalid, loan.CodeRefundExceeds)
		s.sound(t)
	})
}

// wallet reconciles the wallet's day of the debits, with what arrived booked.
func (s *suite) wallet(source reconciliation.Source, service *collection.Service, now func() time.Time) *reconciliation.Service {
	return reconciliation.NewService(reconciliation.Deps{
		Store: s.Reconciliation(), Sources: map[string]reconciliation.Source{"wallet": source},
		Account: map[string]ledger.Account{"wallet": ledger.Settlement}, Now: now, Logger: slog.New(slog.DiscardHandler),
		Arrived: func(ctx context.Context, key string, amount money.Amount) error {
			_, err := service.Arrived(ctx, key, amount)
			return err
		},
	})
}

// debitBill is the rail's own statement of a day, of its book.
type debitBill struct {
	rail  *debitRail
	twice string // a key it shows twice
	leave string // a key it leaves out
}

func (b *debitBill) Statement(_ context.Context, _ string, each func(reconciliation.Line) error) (string, error) {
	b.rail.mu.Lock()
	defer b.rail.mu.Unlock()
	n := 0
	for key, amount := range b.rail.taken {
		times := 1
		if key == b.twice {
			times = 2
		}
		if key == b.leave {
			times = 0
		}
		for range times {
			n++
			if err := each(reconciliation.Line{N: n, Key: key, Ref: "R" + key, Direction: reconciliation.In, Amount: amount, At: b.rail.now()}); err != nil {
				return "", err
			}
		}
	}
	return "hash", nil
}

// Three debits: one collected, one whose answer was lost, one given up that
// the rail took after all. The statement books the last two; what the rail
// shows twice, or not at all, is a break.
func TestTheStatementSettlesDebits(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx := t.Context()
		clock := &clockwork{}
		clock.day(30, 9)
		rail := newDebitRail(clock.now)
		service := s.collecting(s.DB, rail, clock)
		var keys []string
		for i := range 3 {
			l := s.loan(t, s.line(t, 600_00), 600_00)
			d, err := service.CollectLoan(ctx, l.ID)
			require.NoError(t, err)
			keys = append(keys, d.Key)
			if i > 0 {
				rail.answer = func(int, collection.Instruction) (bool, collection.Receipt, error) {
					return i == 1, collection.Receipt{}, errLost
				}
			}
			_, err = service.Advance(ctx, d.Key)
			require.NoError(t, err)
		}
		clock.pass(16 * time.Minute)
		given, err := service.Advance(ctx, keys[2])
		require.NoError(t, err)
		require.Equal(t, collection.Failed, given.State)
		rail.taken[keys[2]], rail.times[keys[2]] = given.Amount, 1

		source := &debitBill{rail: rail}
		reconciler := s.wallet(source, service, clock.now)
		run, err := reconciler.Run(ctx, "wallet", "2026-12-11")
		require.NoError(t, err)
		require.Zero(t, run.Breaks)
		require.Zero(t, run.Lost)
		require.Equal(t, 3, run.Matched)
		require.Equal(t, money.Amount(3*103_53), run.Ours.In)
		require.Equal(t, money.Amount(3*103_53), run.Ledger)
		for _, key := range keys {
			d, err := service.Debit(ctx, key)
			require.NoError(t, err)
			require.Equal(t, collection.Collected, d.State)
		}
		s.sound(t)

		source.twice, source.leave = keys[0], keys[1]
		run, err = reconciler.Run(ctx, "wallet", "2026-12-11")
		require.NoError(t, err)
		require.Equal(t, 2, run.Breaks)
		require.Equal(t, 1, run.DoublePaid)
		require.Equal(t, 1, run.Lost)
		breaks, err := reconciler.Breaks(ctx, false, 10)
		require.NoError(t, err)
		require.Len(t, breaks, 2)
		require.Contains(t, breaks[0].Subject, "loan/")
	})
}
