package simulate

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"loan310/app/audit"
	"loan310/app/drawdown"
	"loan310/app/money"
	"loan310/app/servicing/loan"
	"loan310/scoring"
)

// draw is a draw that is not settled.
type draw struct {
	id     string
	who    *borrower
	amount money.Amount
}

// draw has a borrower draw on its line.
func (c *circle) draw(ctx context.Context, day loan.Date, b *borrower) error {
	b.draws++
	amount := max(b.limit*money.Amount(b.dice.between(2, 14))/100/100*100, drawdown.MinAmount)
	tenor := []int{3, 6, 12}[b.dice.pick(3, 5, 2)]
	repayment := []scoring.RepaymentType{scoring.EqualInstalments, scoring.EqualPrincipal, scoring.Bullet, scoring.AnyTime}[b.dice.pick(55, 15, 10, 20)]
	d, err := c.w.draws.Open(ctx, drawdown.Request{
		Key: "draw-" + strconv.Itoa(b.draws), LineID: b.lineID, Amount: amount, TenorMonths: tenor, Repayment: repayment,
	}, audit.Actor{Kind: "merchant", ID: b.merchantID})
	if err != nil {
		return err
	}
	c.touched[b.lineID] = true
	if d, err = c.w.draws.Reserve(ctx, d.ID); err != nil {
		return err
	}
	return c.pay(ctx, day, &draw{d.ID, b, amount}, d)
}

// pay pays a reserved draw, or asks about it.
func (c *circle) pay(ctx context.Context, day loan.Date, each *draw, d drawdown.Drawdown) (err error) {
	if !d.State.Final() {
		if d, err = c.w.draws.Pay(ctx, d.ID); err != nil {
			return err
		}
	}
	switch d.State {
	case drawdown.Paid:
		return c.begun(ctx, day, each, d)
	case drawdown.Failed:
		c.counts["draw failed: "+string(d.FailureCode)]++
		c.touched[each.who.lineID] = true
		if rail, paid := c.w.paidAnywhere(each.id); paid {
			c.breach(day, "what_failed_was_not_paid", fmt.Sprintf("drawdown %s failed here and was paid by rail %s", each.id, rail))
		}
		c.plan(day+loan.Date(each.who.dice.between(3, 12)), action{kind: drawing, who: each.who}) //nolint:gosec // small
		return nil
	case drawdown.Reversed:
		return nil
	default:
		c.unsettled = append(c.unsettled, each)
		return nil
	}
}

// settle asks about every draw that is not settled.
func (c *circle) settle(ctx context.Context, day loan.Date) error {
	open := c.unsettled
	c.unsettled = nil
	for _, each := range open {
		d, err := c.w.draws.Drawdown(ctx, each.id)
		if err != nil {
			return err
		}
		if err := c.pay(ctx, day, each, d); err != nil {
			return err
		}
	}
	return nil
}

// begun takes up a loan whose payout we hold as paid. The money is counted by
// the rail's own book.
func (c *circle) begun(ctx context.Context, day loan.Date, each *draw, d drawdown.Drawdown) error {
	rail, paid := c.w.paidAnywhere(each.id)
	if !paid {
		c.breach(day, "what_is_paid_left_the_rail", fmt.Sprintf("drawdown %s is paid here and in no rail's book", each.id))
		return nil
	}
	c.moved(rail, -d.Amount)
	l, err := c.w.db.Servicing().Loan(ctx, each.id)
	if err != nil {
		return err
	}
	c.paidOut++
	o := &owed{id: each.id, who: each.who, loan: l, rail: rail, dice: newDice(c.w.o.Seed, 4, hash(each.id)), paid: d.Amount}
	c.owed[bare(each.id)] = o
	c.planNext(day, o)
	return nil
}

// cameBack takes up that a rail sent a payout back.
func (c *circle) cameBack(rail, key string) {
	o, known := c.owed[drawOf(key)]
	if !known {
		return // not settled here yet: it settles as failed
	}
	o.over = true
	c.moved(rail, o.paid)
	c.touched[o.who.lineID] = true
	delete(c.owed, drawOf(key))
}

// bare is an id as references have it.
func bare(id string) string { return strings.ReplaceAll(id, "-", "") }

// paidAnywhere gives the rail whose book has a payout of a draw.
func (w *world) paidAnywhere(id string) (rail string, paid bool) {
	for attempt := 1; attempt <= 2; attempt++ {
		for _, name := range []string{drawdown.RailWallet, drawdown.RailBank} {
			if _, ok := w.rails[name].paid(drawdown.AttemptKey(id, attempt)); ok {
				return name, true
			}
		}
	}
	return "", false
}

// moved counts money that moved at a rail.
func (c *circle) moved(rail string, amount money.Amount) {
	if rail == drawdown.RailBank {
		c.cash.bank += amount
		return
	}
	c.cash.settlement += amount
}

func (c *circle) breach(day loan.Date, rule, what string) {
	c.breaches = append(c.breaches, Breach{day.String(), rule, what})
}
