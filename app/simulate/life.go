package simulate

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"loan310/app/drawdown"
	"loan310/app/fault"
	"loan310/app/money"
	"loan310/app/servicing"
	"loan310/app/servicing/loan"
)

// owed is a loan as its borrower sees it.
type owed struct {
	id     string
	who    *borrower
	loan   servicing.Loan // after the last thing that was done
	rail   string
	paid   money.Amount // to the borrower
	dice   dice
	keys   int
	lapsed bool // it pays nothing until it is spoken to
	spoken int  // times
	last   string
	over   bool
	off    bool // charged off
}

// kind is what an action does.
type kind int

const (
	drawing     kind = iota
	paying           // what the next line asks for
	payingHalf       // half of it
	payingMore       // a fifth more, which repays early
	payingEarly      // days before, held for the line
	payingBack       // of what was bounced: reverses and comes back
	recording        // money that came days ago
	catchingUp       // all that is due
	clearing         // the whole loan
	bouncing         // the last payment never was
	reviewing        // arrears are looked at
	givingUp         // a charge-off
	recovering       // money on what was charged off
	refunding        // credit goes back
)

// action is something that happens on a day.
type action struct {
	kind kind
	who  *borrower
	of   *owed
	on   loan.Date // of recording: when the money came
}

// plan puts an action on a day.
func (c *circle) plan(day loan.Date, a action) { c.agenda[day] = append(c.agenda[day], a) }

// act does what is planned for a day.
func (c *circle) act(ctx context.Context, day loan.Date) error {
	todo := c.agenda[day]
	delete(c.agenda, day)
	for _, a := range todo {
		if a.kind == drawing {
			if err := c.draw(ctx, day, a.who); err != nil {
				return err
			}
			continue
		}
		if a.of.over {
			continue
		}
		if err := c.do(ctx, day, a); err != nil {
			return fmt.Errorf("loan %s: %w", a.of.id, err)
		}
	}
	return nil
}

// planNext says how the next line will be paid.
func (c *circle) planNext(day loan.Date, o *owed) {
	due := o.loan.NextDue
	if due == 0 || o.lapsed {
		return
	}
	weights := [...][]int{ // on time, early, more, all, late, half, bounced, recorded later, never again
		steady: {870, 40, 15, 15, 30, 5, 10, 13, 2},
		slow:   {450, 10, 10, 5, 380, 60, 40, 40, 5},
		weak:   {300, 0, 0, 0, 350, 150, 60, 40, 100},
		gone:   {250, 0, 0, 0, 150, 100, 50, 0, 450},
	}[o.who.temper]
	after := func(first, last int) loan.Date { return loan.Date(o.dice.between(first, last)) } //nolint:gosec // small
	switch o.dice.pick(weights...) {
	case 0:
		c.plan(due, action{kind: paying, of: o})
	case 1:
		c.plan(max(due-after(1, 4), day+1), action{kind: payingEarly, of: o})
	case 2:
		c.plan(due, action{kind: payingMore, of: o})
	case 3:
		c.plan(max(due-after(1, 20), day+1), action{kind: clearing, of: o})
	case 4:
		c.plan(due+after(1, 25), action{kind: catchingUp, of: o})
	case 5:
		c.plan(due, action{kind: payingHalf, of: o})
	case 6:
		c.plan(due, action{kind: payingBack, of: o})
	case 7:
		c.plan(due+after(1, 4), action{kind: recording, of: o, on: due})
	default:
		o.lapsed = true
		c.counts["stopped paying"]++
		c.plan(due+62, action{kind: reviewing, of: o})
	}
}

// do does one thing to a loan.
func (c *circle) do(ctx context.Context, day loan.Date, a action) error {
	o := a.of
	ask := o.loan.Due + o.loan.NextAmount - o.loan.Credit
	switch a.kind {
	case paying:
		return c.repay(ctx, day, o, "repayment on time", ask, 0, "")
	case payingHalf:
		return c.repay(ctx, day, o, "repayment in part", ask/2, 0, "")
	case payingMore:
		return c.repay(ctx, day, o, "repayment of more", ask+ask/5, 0, loan.Prepay)
	case payingEarly:
		return c.repay(ctx, day, o, "repayment before its day", ask, 0, loan.Hold)
	case recording:
		return c.repay(ctx, day, o, "repayment backdated", ask, a.on, "")
	case payingBack:
		if err := c.receive(ctx, o, "repayment that bounces", ask, 0, ""); err != nil || o.last == "" {
			return errors.Join(err, c.goOn(day, o))
		}
		c.plan(day+loan.Date(o.dice.between(1, 3)), action{kind: bouncing, of: o}) //nolint:gosec // small
		return nil
	case bouncing:
		return c.bounce(ctx, day, o)
	case catchingUp, clearing:
		return c.clear(ctx, day, a.kind, o)
	case reviewing:
		return c.review(ctx, day, o)
	case givingUp:
		return c.giveUp(ctx, day, o)
	case recovering:
		return c.recover(ctx, day, o)
	default:
		return c.refund(ctx, day, o)
	}
}

// command is what every change carries.
func (o *owed) command(n int) servicing.Command {
	o.keys++
	return servicing.Command{LoanID: o.id, Key: strconv.Itoa(o.keys), Reason: "simulated", Actor: person(n)}
}

// money is a command that moves money at the loan's rail.
func (o *owed) money(amount money.Amount) servicing.Money {
	return servicing.Money{Command: o.command(1), Amount: amount, Account: drawdown.SettlementOf(o.rail), Channel: "transfer", Ref: "S" + strconv.Itoa(o.keys)}
}

// repay pays, and plans what comes after.
func (c *circle) repay(ctx context.Context, day loan.Date, o *owed, what string, amount money.Amount, on loan.Date, excess loan.Excess) error {
	if err := c.receive(ctx, o, what, amount, on, excess); err != nil {
		return err
	}
	return c.goOn(day, o)
}

// receive records a payment, if it is one.
func (c *circle) receive(ctx context.Context, o *owed, what string, amount money.Amount, on loan.Date, excess loan.Excess) error {
	if amount <= 0 {
		return nil
	}
	m := o.money(amount)
	m.On, m.Excess = on, excess
	outcome, err := c.w.loans.Repay(ctx, m)
	if err != nil {
		return err
	}
	c.counts[what]++
	c.moved(o.rail, amount)
	o.last = outcome.Event.ID
	c.changed(o, outcome.Loan)
	return nil
}

// changed takes up how a loan stands after a change.
func (c *circle) changed(o *owed, l servicing.Loan) {
	o.loan = l
	c.touched[l.LineID] = true
}

// goOn plans what comes after a payment.
func (c *circle) goOn(day loan.Date, o *owed) error {
	switch {
	case o.loan.State == loan.Closed:
		if o.loan.Credit > 0 {
			c.plan(day+2, action{kind: refunding, of: o})
			return nil
		}
		if o.dice.chance(995) || o.last == "" {
			c.ended(o)
			return nil
		}
		c.plan(day+1, action{kind: bouncing, of: o}) // the last payment bounces after all
	case o.loan.Due > 0:
		c.plan(day+loan.Date(o.dice.between(2, 12)), action{kind: catchingUp, of: o}) //nolint:gosec // small
	default:
		c.planNext(day, o)
	}
	return nil
}

// ended forgets a loan that nothing is owed of.
func (c *circle) ended(o *owed) {
	o.over = true
	if o.off {
		c.off--
	}
	c.counts["repaid in full"]++
	delete(c.owed, bare(o.id))
}

// clear pays all that is due, or the whole loan.
func (c *circle) clear(ctx context.Context, day loan.Date, what kind, o *owed) error {
	view, err := c.w.loans.View(ctx, o.id)
	if err != nil {
		return err
	}
	p := &view.Position
	if p.State == loan.Closed {
		c.changed(o, view.Loan)
		o.loan.State, o.loan.Credit = p.State, p.Credit
		return c.goOn(day, o)
	}
	amount, name, excess := p.Due.Total()-p.Credit, "repayment late", loan.Excess("")
	if what == clearing {
		amount, name, excess = p.Payoff-p.Credit, "repaid early", loan.Prepay
		if o.dice.chance(500) {
			amount += money.Yuan * money.Amount(o.dice.between(1, 50)) // rounded up: the rest is its credit
		}
	} else if p.Due.Penalty > 0 && o.dice.chance(100) {
		outcome, err := c.w.loans.Waive(ctx, o.command(2), loan.Penalty, p.Due.Penalty, o.dice.chance(300))
		if err != nil {
			return err
		}
		c.counts["late interest waived"]++
		c.changed(o, outcome.Loan)
		amount -= p.Due.Penalty
	}
	if amount <= 0 {
		c.changed(o, view.Loan)
		o.loan.Due, o.loan.NextDue, o.loan.NextAmount, o.loan.Credit = 0, p.NextDue, p.NextAmount, p.Credit
		return c.goOn(day, o)
	}
	return c.repay(ctx, day, o, name, amount, 0, excess)
}

// bounce has the last payment never have been.
func (c *circle) bounce(ctx context.Context, day loan.Date, o *owed) error {
	if o.last == "" {
		return nil
	}
	record, err := c.w.db.Servicing().Record(ctx, o.id)
	if err != nil {
		return err
	}
	var amount money.Amount
	for i := range record.Events {
		if record.Events[i].ID == o.last {
			amount = record.Events[i].Amount
		}
	}
	outcome, err := c.w.loans.Reverse(ctx, o.command(1), o.last)
	if err != nil {
		return err
	}
	o.last = ""
	c.counts["repayment reversed"]++
	c.moved(o.rail, -amount)
	c.changed(o, outcome.Loan)
	return c.goOn(day, o)
}

// review looks at a loan sixty days late: it pays, is restructured, or is
// charged off months later.
func (c *circle) review(ctx context.Context, day loan.Date, o *owed) error {
	o.spoken++
	switch o.dice.pick(25, 30, 45) {
	case 0:
		o.lapsed = false
		c.counts["cured after review"]++
		return c.clear(ctx, day, catchingUp, o)
	case 1:
		if o.spoken > 2 {
			break
		}
		rate := o.loan.Contract.RateBps
		if o.dice.chance(500) {
			rate = rate * 3 / 4
		}
		outcome, err := c.w.loans.Restructure(ctx, o.command(2), loan.Restructuring{
			TenorMonths: []int{3, 6, 12}[o.dice.below(3)], RateBps: rate, FirstDue: day + loan.Date(o.dice.between(20, 40)), Capitalise: o.dice.chance(400), //nolint:gosec // small
		})
		if err != nil {
			return err
		}
		o.lapsed = false
		c.counts["restructured"]++
		c.changed(o, outcome.Loan)
		return c.goOn(day, o)
	}
	c.plan(day+loan.Date(o.dice.between(60, 220)), action{kind: givingUp, of: o}) //nolint:gosec // small
	return nil
}

// giveUp has two persons charge a loan off.
func (c *circle) giveUp(ctx context.Context, day loan.Date, o *owed) error {
	proposal, err := c.w.loans.ProposeChargeOff(ctx, o.command(1))
	if err != nil {
		return err
	}
	_, outcome, err := c.w.loans.DecideChargeOff(ctx, proposal.ID, true, person(2))
	if err != nil {
		return err
	}
	c.counts["charged off"]++
	c.off++
	o.off = true
	c.changed(o, outcome.Loan)
	if o.dice.chance(450) {
		c.plan(day+loan.Date(o.dice.between(5, 60)), action{kind: recovering, of: o}) //nolint:gosec // small
	}
	return nil
}

// recover receives something on a loan that was charged off.
func (c *circle) recover(ctx context.Context, day loan.Date, o *owed) error {
	amount := max(o.loan.WrittenOff*money.Amount(o.dice.between(5, 60))/100, 1)
	outcome, err := c.w.loans.Recover(ctx, o.money(amount))
	if err != nil {
		return err
	}
	c.counts["recovered"]++
	c.moved(o.rail, amount)
	c.changed(o, outcome.Loan)
	if outcome.Loan.State == loan.Closed {
		return c.goOn(day, o)
	}
	if o.dice.chance(500) {
		c.plan(day+loan.Date(o.dice.between(10, 60)), action{kind: recovering, of: o}) //nolint:gosec // small
	}
	return nil
}

// refund gives credit back.
func (c *circle) refund(ctx context.Context, day loan.Date, o *owed) error {
	outcome, err := c.w.loans.Refund(ctx, o.money(o.loan.Credit))
	if err != nil {
		if fault.CodeOf(err) == loan.CodeRefundExceeds {
			c.counts["refund refused"]++
			c.ended(o)
			return nil
		}
		return err
	}
	c.counts["refunded"]++
	c.moved(o.rail, -o.loan.Credit)
	o.last = ""
	c.changed(o, outcome.Loan)
	return c.goOn(day, o)
}
