package simulate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"loan310/adapters/store"
	"loan310/app/audit"
	"loan310/app/clock"
	"loan310/app/drawdown"
	"loan310/app/ident"
	"loan310/app/ledger"
	"loan310/app/portfolio"
	"loan310/app/reconciliation"
	"loan310/app/servicing"
	"loan310/app/servicing/loan"
)

// world is everything: the product on one side, borrowers and rails on the
// other.
type world struct {
	o     Options
	first loan.Date
	days  int
	clock atomic.Int64 // microseconds

	db         *store.DB
	draws      *drawdown.Service
	loans      *servicing.Service
	closing    *servicing.EndOfDay
	reconciler *reconciliation.Service
	books      portfolio.Store
	rails      map[string]*rail

	circles []*circle // of borrowers; each acts in one order
	checks  checker
	result  Result
}

// circle is some of the borrowers, acting one after another.
type circle struct {
	w         *world
	agenda    map[loan.Date][]action
	unsettled []*draw
	owed      map[string]*owed // by draw id without hyphens, while something is owed
	cash      cash
	counts    map[string]int
	paidOut   int
	off       int // of owed, charged off
	loanDays  int
	touched   map[string]bool // lines since they were checked
	breaches  []Breach
}

// firstDay is when every simulation begins.
func firstDay() loan.Date { return loan.NewDate(2025, 1, 1) }

func newWorld(ctx context.Context, o Options) (*world, error) {
	w := &world{o: o, first: firstDay(), rails: map[string]*rail{}}
	w.days = int(w.first.AddMonths(o.Months) - w.first)
	w.at(w.first, 9)
	db, err := open(ctx, o, w.now)
	if err != nil {
		return nil, err
	}
	w.db = db
	w.books = db.Portfolio(clock.Lender())
	for _, name := range []string{drawdown.RailWallet, drawdown.RailBank} {
		w.rails[name] = newRail(name, o.Seed, w.now)
	}
	w.draws = drawdown.NewService(drawdown.Deps{
		Store: db.Drawdowns(), Desk: db.PayoutDesk(), Rails: map[string]drawdown.Rail{drawdown.RailWallet: w.rails[drawdown.RailWallet], drawdown.RailBank: w.rails[drawdown.RailBank]},
		FailOver: map[string]string{drawdown.RailWallet: drawdown.RailBank}, Now: w.now, NewID: ident.NewID, Logger: slog.New(slog.DiscardHandler), // rails fail on purpose
	})
	w.loans = servicing.NewService(servicing.Deps{Store: db.Servicing(), Now: w.now, Logger: o.Logger})
	w.closing = &servicing.EndOfDay{Days: db.Days(), Service: w.loans, Owner: "simulation", Workers: 2, MonthClosed: w.monthClosed}
	w.reconciler = reconciliation.NewService(reconciliation.Deps{
		Store: db.Reconciliation(), Sources: map[string]reconciliation.Source{drawdown.RailWallet: w.rails[drawdown.RailWallet], drawdown.RailBank: w.rails[drawdown.RailBank]},
		Account: map[string]ledger.Account{drawdown.RailWallet: ledger.Settlement, drawdown.RailBank: ledger.SettlementBank}, Now: w.now, Logger: o.Logger,
	})
	for range o.Callers {
		w.circles = append(w.circles, &circle{w: w, agenda: map[loan.Date][]action{}, owed: map[string]*owed{}, counts: map[string]int{}, touched: map[string]bool{}})
	}
	w.checks = newChecker(w)
	return w, nil
}

// now is the virtual time.
func (w *world) now() time.Time { return time.UnixMicro(w.clock.Load()).UTC() }

// at moves the virtual time to an hour of a day.
func (w *world) at(day loan.Date, hour int) {
	year, month, date := day.Civil()
	w.clock.Store(time.Date(year, time.Month(month), date, hour, 5, 0, 0, clock.Lender()).UnixMicro())
}

// live lives every day, and what is left to settle after the last.
func (w *world) live(ctx context.Context) (Result, error) {
	begun := clock.System()
	if err := w.populate(ctx); err != nil {
		return w.result, err
	}
	w.result.Prepared = clock.System().Sub(begun)
	started := clock.System()
	done := 0
	var err error
	for n := range w.days {
		if err = ctx.Err(); err != nil {
			break
		}
		day := w.first + loan.Date(n)
		if err = w.day(ctx, day); err != nil {
			break
		}
		done++
		w.tell(day, done)
	}
	stopped := err
	if stopped != nil && ctx.Err() == nil {
		return w.result, stopped
	}
	ending := context.WithoutCancel(ctx)
	if stopped == nil {
		if err := w.end(ending, w.first+loan.Date(done)); err != nil {
			return w.result, err
		}
	} else if err := w.checks.wait(); err != nil {
		return w.result, err
	}
	w.result.Took = clock.System().Sub(started)
	if err := w.report(ending, done); err != nil {
		return w.result, errors.Join(stopped, err)
	}
	return w.result, stopped
}

// populate makes the borrowers and says when they draw.
func (w *world) populate(ctx context.Context) error {
	n := max(w.o.Loans/drawsEach, 1)
	borrowers := make([]*borrower, n)
	err := w.inParallel(len(borrowers), func(i int) error {
		borrowers[i] = newBorrower(w.o.Seed, i, w.o.Bad)
		if err := w.admit(ctx, borrowers[i], w.o.Seed); err != nil {
			return err
		}
		return w.db.SaveCosts(ctx, borrowers[i].lineID, asked(borrowers[i], w.now(), clock.Lender()))
	})
	if err != nil {
		return fmt.Errorf("make the borrowers: %w", err)
	}
	luck := newDice(w.o.Seed, 3)
	for i := range w.o.Loans {
		day := w.first + loan.Date(i*w.days/w.o.Loans) //nolint:gosec // below days
		b := borrowers[luck.below(n)]
		w.circles[b.n%len(w.circles)].plan(day, action{kind: drawing, who: b})
	}
	return nil
}

// inParallel runs tasks by as many callers as act at once.
func (w *world) inParallel(n int, do func(int) error) error {
	var group sync.WaitGroup
	var next atomic.Int64
	problems := make([]error, w.o.Callers)
	for c := range w.o.Callers {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && problems[c] == nil; i = int(next.Add(1)) - 1 {
				problems[c] = do(i)
			}
		})
	}
	group.Wait()
	return errors.Join(problems...)
}

// each has every circle do something, all at once.
func (w *world) each(do func(*circle) error) error {
	return w.inParallel(len(w.circles), func(i int) error { return do(w.circles[i]) })
}

// day lives one day and closes it.
func (w *world) day(ctx context.Context, day loan.Date) error {
	w.at(day, 10)
	if err := w.each(func(c *circle) error { return c.act(ctx, day) }); err != nil {
		return fmt.Errorf("%s: %w", day, err)
	}
	for _, hour := range []int{11, 15, 21} {
		w.at(day, hour)
		if err := w.settle(ctx, day); err != nil {
			return fmt.Errorf("%s: %w", day, err)
		}
	}
	w.at(day, 23)
	if err := w.returns(ctx, day); err != nil {
		return fmt.Errorf("%s: %w", day, err)
	}
	w.at(day+1, 0)
	if _, err := w.closing.Run(ctx, day); err != nil {
		return fmt.Errorf("close %s: %w", day, err)
	}
	if err := w.reconcile(ctx, day); err != nil {
		return fmt.Errorf("reconcile %s: %w", day, err)
	}
	if w.o.AfterDay != nil {
		w.o.AfterDay(day.String())
	}
	for _, c := range w.circles {
		c.loanDays += len(c.owed) - c.off
	}
	if err := w.checks.day(ctx, day); err != nil {
		return fmt.Errorf("check %s: %w", day, err)
	}
	return nil
}

// settle asks the rails about what is not settled, and has persons see to what
// stays so.
func (w *world) settle(ctx context.Context, day loan.Date) error {
	if err := w.each(func(c *circle) error { return c.settle(ctx, day) }); err != nil {
		return err
	}
	cases, err := w.draws.Cases(ctx, 100)
	if err != nil {
		return err
	}
	for _, each := range cases {
		if err := w.decide(ctx, each); err != nil {
			return err
		}
	}
	return nil
}

// decide has two persons settle a case by the rail's book.
func (w *world) decide(ctx context.Context, c drawdown.Case) error {
	outcome := drawdown.OutcomeNoted
	if c.Reason == drawdown.CaseUnknown {
		if w.now().Sub(c.OpenedAt) < 48*time.Hour { // the rail may answer by itself
			return nil
		}
		payout, err := w.draws.PayoutByKey(ctx, c.PayoutKey)
		if err != nil {
			return err
		}
		outcome = drawdown.OutcomeFailed
		if _, paid := w.rails[payout.Rail].paid(c.PayoutKey); paid {
			outcome = drawdown.OutcomePaid
		}
	}
	if _, err := w.draws.Propose(ctx, drawdown.Resolution{CaseID: c.ID, Outcome: outcome, Reference: "statement"}, person(1)); err != nil {
		return err
	}
	_, err := w.draws.Approve(ctx, c.ID, person(2))
	w.circles[0].counts["payout settled by two persons"]++
	return err
}

// person is one of the staff.
func person(n int) audit.Actor {
	return audit.Actor{Kind: "person", ID: "staff/simulated-" + strconv.Itoa(n)}
}

// returns takes in what the rails send back.
func (w *world) returns(ctx context.Context, day loan.Date) error {
	for _, name := range []string{drawdown.RailWallet, drawdown.RailBank} {
		w.rails[name].sendBack(day.String())
		for _, key := range w.rails[name].back[day.String()] {
			for _, c := range w.circles {
				c.cameBack(name, key)
			}
		}
	}
	return w.draws.SweepReturns(ctx)
}

// reconcile holds the rails' statements of a day against our books.
func (w *world) reconcile(ctx context.Context, day loan.Date) error {
	for _, name := range []string{drawdown.RailWallet, drawdown.RailBank} {
		run, err := w.reconciler.Run(ctx, name, day.String())
		if err != nil {
			return err
		}
		if run.Lost > 0 {
			w.breach(day, "nothing_is_lost", fmt.Sprintf("%d breaks on the statement of rail %s", run.Lost, name))
		}
		if run.DoublePaid > 0 {
			w.breach(day, "nothing_is_paid_twice", fmt.Sprintf("%d breaks on the statement of rail %s", run.DoublePaid, name))
		}
	}
	return nil
}

// monthClosed books the provisions of a month's end.
func (w *world) monthClosed(ctx context.Context, day loan.Date) error {
	rates, err := portfolio.StandardProvisionRates()
	if err != nil {
		return err
	}
	year, month, _ := day.Civil()
	w.result.Provision, err = portfolio.BookProvisions(ctx, w.books, portfolio.MonthOf(time.Date(year, time.Month(month), 1, 0, 0, 0, 0, clock.Lender())), rates, w.now(), audit.System("portfolio"))
	return err
}

// breach notes an invariant that does not hold, at most maxBreaches of them.
func (w *world) breach(day loan.Date, rule, what string) {
	if len(w.result.Breaches) < maxBreaches {
		w.result.Breaches = append(w.result.Breaches, Breach{day.String(), rule, what})
	}
}

const maxBreaches = 20

// tell tells how far it is.
func (w *world) tell(day loan.Date, done int) {
	if w.o.Told == nil {
		return
	}
	p := Progress{Day: day.String(), Done: done, Days: w.days}
	for _, c := range w.circles {
		p.Loans += c.paidOut
		p.Open += len(c.owed)
	}
	w.o.Told(p)
}
