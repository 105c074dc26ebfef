package simulate

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"loan310/adapters/store"
	"loan310/app/drawdown"
	"loan310/app/ledger"
	"loan310/app/money"
	"loan310/app/servicing/loan"
)

// checker holds our books against the world: every day by what was booked and
// changed that day, at months' ends and at the end by all there is.
type checker struct {
	w        *world
	from     time.Time // what was booked before is summed
	balances map[ledger.Account]money.Amount
	verdict  chan verdict // of the books as a whole, while it is being made
}

// verdict is what recomputing all books found.
type verdict struct {
	day    loan.Date
	report store.LedgerReport
	err    error
}

func newChecker(w *world) checker {
	return checker{w: w, balances: map[ledger.Account]money.Amount{}}
}

// day checks what happened since the day before.
func (k *checker) day(ctx context.Context, day loan.Date) error {
	from, before := k.from, k.w.now().Add(time.Microsecond)
	k.from = before
	if err := k.journals(ctx, day, from, before); err != nil {
		return err
	}
	k.cash(day)
	touched := map[string]bool{}
	for _, c := range k.w.circles {
		maps.Copy(touched, c.touched)
		clear(c.touched)
	}
	faults, err := k.w.db.Ledger().VerifyLines(ctx, slices.Sorted(maps.Keys(touched)))
	if err != nil {
		return err
	}
	classes, err := k.w.db.Ledger().VerifyBorrowers(ctx, from)
	if err != nil {
		return err
	}
	k.add(day, append(faults, classes...))
	for _, c := range k.w.circles {
		for _, b := range c.breaches {
			k.w.breach(day, b.Rule, b.What)
			k.w.result.Lost++
		}
		c.breaches = nil
	}
	if day != day.MonthEnd() {
		return nil
	}
	return k.whole(ctx, day)
}

// journals checks each journal booked since, and sums them.
func (k *checker) journals(ctx context.Context, day loan.Date, from, before time.Time) error {
	for j, err := range k.w.db.Ledger().Walk(ctx, ledger.Filter{From: from, Before: before}) {
		if err != nil {
			return err
		}
		if err := j.Check(); err != nil {
			k.w.result.Unbalanced++
			k.w.breach(day, "ledger_balances", err.Error())
		}
		for _, p := range j.Postings {
			k.balances[p.Account] += p.Amount
		}
	}
	return nil
}

// cash holds our money at the rails, by the ledger, against what rails and
// borrowers moved, and what is in transit against what is under way.
func (k *checker) cash(day loan.Date) {
	var have cash
	var underway money.Amount
	for _, c := range k.w.circles {
		have.settlement += c.cash.settlement
		have.bank += c.cash.bank
		for _, each := range c.unsettled {
			underway += each.amount
		}
	}
	for _, each := range []struct {
		account ledger.Account
		want    money.Amount
	}{{ledger.Settlement, have.settlement}, {ledger.SettlementBank, have.bank}, {ledger.PayoutInTransit, -underway}} {
		if booked := k.balances[each.account]; booked != each.want {
			k.w.breach(day, "ledger_equals_the_rails_books", fmt.Sprintf("%s is %s, should be %s", each.account, booked, each.want))
		}
	}
}

// add notes faults of the store's rules.
func (k *checker) add(day loan.Date, faults []store.LedgerFault) {
	for _, f := range faults {
		k.w.breach(day, f.Rule, fmt.Sprintf("%s: want %d, have %d", f.Subject, f.Want, f.Have))
	}
}

// whole begins to recompute all books, beside what goes on; what it finds is
// taken up when the next begins or at the end.
func (k *checker) whole(ctx context.Context, day loan.Date) error {
	if err := k.wait(); err != nil {
		return err
	}
	made := make(chan verdict, 1)
	k.verdict = made
	go func() {
		report, err := k.w.db.Ledger().Verify(ctx)
		made <- verdict{day, report, err}
	}()
	return nil
}

// wait takes up what was found of the books as a whole.
func (k *checker) wait() error {
	if k.verdict == nil {
		return nil
	}
	found := <-k.verdict
	k.verdict = nil
	if found.err != nil {
		return found.err
	}
	k.w.result.Verified++
	for _, f := range found.report.Faults {
		if f.Rule == store.RuleJournalBalances {
			k.w.result.Unbalanced++
		}
	}
	k.add(found.day, found.report.Faults)
	return nil
}

// end settles what is open after the last day, reconciles what was not yet,
// and holds all of our books against all of the rails'.
func (w *world) end(ctx context.Context, after loan.Date) error {
	day := after
	for n := 0; n < 10; n, day = n+1, day+1 {
		for _, hour := range []int{9, 13, 17, 22} {
			w.at(day, hour)
			if err := w.settle(ctx, day); err != nil {
				return err
			}
		}
		if err := w.returns(ctx, day); err != nil {
			return err
		}
		w.at(day+1, 0)
		if err := w.reconcile(ctx, day); err != nil {
			return err
		}
		if open := slices.ContainsFunc(w.circles, func(c *circle) bool { return len(c.unsettled) > 0 }); !open {
			break
		}
	}
	for _, c := range w.circles {
		for _, each := range c.unsettled {
			w.breach(day, "nothing_stays_unsettled", "drawdown "+each.id)
		}
	}
	open, err := w.reconciler.Breaks(ctx, false, 1000)
	if err != nil {
		return err
	}
	for _, b := range open { // of days on which we did not know yet
		if _, err := w.reconciler.Run(ctx, b.Rail, b.Day); err != nil {
			return err
		}
	}
	if open, err = w.reconciler.Breaks(ctx, false, 1000); err != nil {
		return err
	}
	for _, b := range open {
		w.breach(day, "reconciliation_has_no_breaks", fmt.Sprintf("%s %s %s %s", b.Rail, b.Day, b.Reason, b.Key))
		switch {
		case b.Reason.Lost():
			w.result.Lost++
		case b.Reason == "twice_at_rail":
			w.result.DoublePaid++
		}
	}
	if err := w.compare(ctx, day); err != nil {
		return err
	}
	if err := w.checks.day(ctx, day); err != nil {
		return err
	}
	if err := w.checks.whole(ctx, day); err != nil {
		return err
	}
	return w.checks.wait()
}

// compare holds every payout of ours against the rails' books, both ways, and
// looks for draws that were paid twice.
func (w *world) compare(ctx context.Context, day loan.Date) error {
	ours := map[string]bool{}
	for paid, err := range w.db.Ledger().PaidKeys(ctx) {
		if err != nil {
			return err
		}
		ours[paid.Key] = true
		if amount, ok := w.rails[paid.Rail].paid(paid.Key); !ok || amount != paid.Amount {
			w.result.Lost++
			w.breach(day, "payouts_equal_the_rails_books", fmt.Sprintf("%s: %s here, %s at rail %s", paid.Key, paid.Amount, amount, paid.Rail))
		}
	}
	payouts := map[string]int{} // of a draw
	for _, name := range []string{drawdown.RailWallet, drawdown.RailBank} {
		r := w.rails[name]
		for _, key := range slices.Sorted(maps.Keys(r.book)) {
			if _, paid := r.paid(key); !paid {
				continue
			}
			if payouts[drawOf(key)]++; payouts[drawOf(key)] > 1 {
				w.result.DoublePaid++
				w.breach(day, "nothing_is_paid_twice", key)
			}
			if !ours[key] {
				w.result.Lost++
				w.breach(day, "payouts_equal_the_rails_books", key+" is paid at rail "+name+" and not here")
			}
		}
	}
	return nil
}
