package loan

import (
	"loan310/app/ledger"
	"loan310/app/money"
)

// receive takes money in: what is due first, then an early repayment where
// excess is for that, and the rest is the merchant's.
func (r *replay) receive(event *Event) {
	r.penalty(event.On)
	r.open()
	r.post(account(event), event.Amount)
	rest := r.allocate(event.Amount, event.On)
	excess := event.Excess
	if excess == "" {
		excess = r.product.Excess
	}
	if rest > 0 && r.chargedOffOn == 0 {
		switch excess {
		case Prepay:
			rest = r.early(rest, event.On)
		case Advance:
			rest = r.ahead(rest, event.On)
		}
	}
	r.credit += rest
	r.post(ledger.BorrowerCredit, -rest)
	r.book(string(event.Kind), name{id: event.ID}, event.On)
}

// account is where an event's money is.
func account(event *Event) ledger.Account {
	if event.Account == "" {
		return ledger.Settlement
	}
	return event.Account
}

// allocate pays what is due, in the product's order, and posts it to the open
// entry. It gives the money that is left.
func (r *replay) allocate(amount money.Amount, on Date) money.Amount {
	if amount == 0 || r.due.Total() == 0 {
		return amount
	}
	rule := &r.product.Allocation
	if r.product.NonPerforming != nil && (r.chargedOffOn != 0 || ClassOfDPD(r.arrears(on).dpd).NonPerforming()) {
		rule = r.product.NonPerforming
	}
	open := r.lines[r.first():r.next]
	var got Amounts
	if rule.By == ByInstalment {
		for k := range open {
			for _, component := range rule.Order {
				open[k].settle(component, &amount, &got)
			}
		}
	} else {
		for _, component := range rule.Order {
			for k := range open {
				open[k].settle(component, &amount, &got)
			}
		}
	}
	r.due = r.due.Minus(got)
	for k := range open {
		at := &open[k]
		if at.paidOn == 0 && at.unpaid().Total() == 0 {
			at.paidOn = on
		}
	}
	r.credited(got)
	return amount
}

// settle pays one component of one line from what money there is.
func (l *line) settle(component Component, amount *money.Amount, got *Amounts) {
	part := min(*l.owed.at(component)-*l.paid.at(component)-*l.waived.at(component), *amount)
	if part <= 0 {
		return
	}
	*l.paid.at(component) += part
	*got.at(component) += part
	*amount -= part
}

// credited posts what was paid of receivables; off the books it is a recovery.
func (r *replay) credited(got Amounts) {
	if r.chargedOffOn != 0 {
		r.recovered += got.Total()
		r.gotPrincipal += got.Principal
		r.post(ledger.Recovery, -got.Total())
		return
	}
	r.post(ledger.PrincipalReceivable, -got.Principal)
	r.post(ledger.InterestReceivable, -got.Interest)
	r.post(ledger.PenaltyReceivable, -got.Penalty)
	r.post(ledger.FeeReceivable, -got.Fee)
}

// ahead keeps what the next line asks for beyond the credit there is, for its
// due date, and repays early with the rest. As the next line shrinks by that,
// so does what is kept for it. Money that settles the loan settles it. It
// gives the money that is kept.
func (r *replay) ahead(amount money.Amount, on Date) money.Amount {
	if r.next == len(r.lines) {
		return amount
	}
	pending := r.pending()
	if amount >= pending.Penalty+pending.Fee+r.accrued(on)+r.undue+r.undue.Share(r.product.Fees.PrepaymentBps) {
		return r.early(amount, on)
	}
	for {
		kept := min(max(r.lines[r.next].unpaid().Total()-r.credit, 0), amount)
		rest := r.early(amount-kept, on) // what is beyond gets smaller each time, by the share of the line in the loan
		if amount == kept || r.next == len(r.lines) {
			return kept + rest
		}
		amount = kept + rest
	}
}

// early repays before anything is due: what the next line owes already,
// interest to the day, then principal with its fee, all posted to the open
// entry; the lines that remain are laid again. It gives the money that is left.
func (r *replay) early(amount money.Amount, on Date) money.Amount {
	if r.next == len(r.lines) {
		return amount
	}
	at := &r.lines[r.next]
	pending := r.pending()
	var got Amounts
	for _, component := range [...]Component{Penalty, Fee, Interest} {
		part := min(pending.Of(component), amount)
		*at.paid.at(component) += part
		*got.at(component) += part
		amount -= part
	}
	r.credited(got)
	interest := min(r.accrued(on), amount)
	at.paid.Interest += interest
	at.interest += interest
	r.post(ledger.InterestIncome, -interest)
	amount -= interest
	if amount == 0 || r.undue == 0 {
		return amount
	}
	principal, fee := r.prepayment(amount)
	r.post(ledger.PrincipalReceivable, -principal)
	r.post(ledger.FeeIncome, -fee)
	r.fixed += r.running(on)
	r.seg = on
	r.undue -= principal
	r.prepaid += principal
	r.prepayFees += fee
	if r.undue > 0 {
		r.relay()
	} else {
		r.end(on)
	}
	return amount - principal - fee
}

// prepayment splits money into principal and the fee on it: all of undue when
// there is enough for both, else the largest principal whose fee still fits,
// the fee taking what rounding leaves.
func (r *replay) prepayment(amount money.Amount) (principal, fee money.Amount) {
	bps := r.product.Fees.PrepaymentBps
	if fee = r.undue.Share(bps); amount >= r.undue+fee {
		return r.undue, fee
	}
	principal = min(money.MulDiv(amount, 10_000, 10_000+int64(bps)), r.undue-1)
	for principal+principal.Share(bps) > amount {
		principal--
	}
	if bps == 0 {
		return principal, 0
	}
	return principal, amount - principal
}

// end drops the lines of a principal that is repaid; what the running one asked
// for is paid.
func (r *replay) end(on Date) {
	at := &r.lines[r.next]
	at.owed.Principal, at.owed.Interest, at.owed.Fee = 0, r.fixed, at.fee
	if at.owed.Total() == 0 {
		r.lines = r.lines[:r.next]
		return
	}
	at.interest = at.owed.Interest
	at.due, at.since, at.paidOn = on, on, on
	r.next++
	r.lines = r.lines[:r.next]
	r.fixed, r.seg = 0, on
}

// useCredit pays what is due from money the merchant has with us.
func (r *replay) useCredit(kind string, of name, on Date) {
	if r.credit == 0 || r.due.Total() == 0 || r.chargedOffOn != 0 {
		return
	}
	r.penalty(on)
	r.open()
	rest := r.allocate(r.credit, on)
	r.post(ledger.BorrowerCredit, r.credit-rest)
	r.credit = rest
	r.book(kind, of, on)
}

// refund gives credit back. What a later, backdated correction leaves
// uncovered is owed again, like a fee due on that day, but is no income.
func (r *replay) refund(event *Event) {
	covered := min(event.Amount, r.credit)
	r.credit -= covered
	r.refunded += event.Amount
	r.open()
	r.post(ledger.BorrowerCredit, covered)
	r.claim(event.Amount-covered, event.On)
	r.post(account(event), -event.Amount)
	r.book(string(event.Kind), name{id: event.ID}, event.On)
}

// charge takes a fee, due with the next line, or at once after the last.
// Nothing is charged on what is off the books.
func (r *replay) charge(event *Event) {
	if r.chargedOffOn != 0 {
		return
	}
	r.open()
	r.claim(event.Amount, event.On)
	r.post(ledger.FeeIncome, -event.Amount)
	r.book(string(event.Kind), name{id: event.ID}, event.On)
	r.useCredit("credit_after", name{id: event.ID}, event.On)
}

// claim owes an amount as a fee and debits it in the open entry.
func (r *replay) claim(amount money.Amount, on Date) {
	if amount == 0 {
		return
	}
	if r.next < len(r.lines) {
		r.lines[r.next].owed.Fee += amount
		r.lines[r.next].fee += amount
	} else {
		number := 1
		if r.next > 0 {
			number = r.lines[r.next-1].number + 1
		}
		r.lines = append(r.lines, line{number: number, from: on, due: on, since: on, rate: r.rate, owed: Amounts{Fee: amount}, fee: amount})
		r.next++
		r.due.Fee += amount
	}
	if r.chargedOffOn != 0 {
		r.post(ledger.WriteOff, amount)
		return
	}
	r.post(ledger.FeeReceivable, amount)
}
