package loan

import "loan310/app/money"

// State is where a loan stands.
type State string

// Loan states.
const (
	Active     State = "active"
	Closed     State = "closed" // nothing is owed
	WrittenOff State = "charged_off"
)

// InstalmentState is where one line stands.
type InstalmentState string

// Instalment states.
const (
	Upcoming InstalmentState = "upcoming"
	DueToday InstalmentState = "due"
	Overdue  InstalmentState = "overdue"
	Settled  InstalmentState = "paid"
)

// Instalment is one line of the schedule as it stands. What is still to be
// paid is Owed less Paid less Waived.
type Instalment struct {
	Number   int             `json:"number"` // 1.., counted on through restructurings
	From     Date            `json:"from"`   // interest runs from here
	DueOn    Date            `json:"due_on"`
	State    InstalmentState `json:"state"`
	Owed     Amounts         `json:"owed"` // penalty up to the position's day; of an upcoming line what it will be
	Paid     Amounts         `json:"paid"`
	Waived   Amounts         `json:"waived"`
	DPD      int             `json:"dpd"`     // days past due, pauses taken out; 0 when paid
	PaidOn   Date            `json:"paid_on"` // the day nothing was left; 0 = not yet
	Unpaid   money.Amount    `json:"unpaid_fen"`
	Demanded bool            `json:"demanded"`    // due on or before the position's day
	Balance  money.Amount    `json:"balance_fen"` // principal not yet due after this line
}

// Position is a loan on a day: everything that follows from contract and
// events up to the end of it. Amounts are fen.
type Position struct {
	LoanID      string       `json:"loan_id"`
	On          Date         `json:"on"`
	State       State        `json:"state"`
	ClosedOn    Date         `json:"closed_on"` // the day nothing was owed any more; 0 = open
	Instalments []Instalment `json:"instalments"`

	Outstanding Amounts      `json:"outstanding"` // on the books: all principal; interest, penalty and fees owed so far
	Due         Amounts      `json:"due"`         // demanded and unpaid, today's included
	Overdue     Amounts      `json:"overdue"`     // demanded before On and unpaid
	Accrued     money.Amount `json:"accrued_fen"` // interest run up since the last demand, not due yet
	Payoff      money.Amount `json:"payoff_fen"`  // what settles the loan on this day
	Credit      money.Amount `json:"credit_fen"`  // paid too much: the merchant's
	Paid        Amounts      `json:"paid"`        // all money ever allocated, early repayments included
	Waived      Amounts      `json:"waived"`
	Prepaid     money.Amount `json:"prepaid_fen"` // principal repaid before its line fell due
	Refunded    money.Amount `json:"refunded_fen"`
	Capitalised money.Amount `json:"capitalised_fen"` // unpaid interest that restructurings made principal

	NextDue    Date         `json:"next_due"`     // of the next line not demanded yet; 0 = none
	NextAmount money.Amount `json:"next_due_fen"` // what it will ask for, as things stand

	DPD      int    `json:"dpd"` // days past due of the oldest unpaid line, pauses taken out
	WorstDPD int    `json:"worst_dpd"`
	Bucket   string `json:"bucket"`
	Class    Class  `json:"class"` // of this loan alone; the borrower's may be worse
	Paused   bool   `json:"paused"`

	Restructured  int  `json:"restructured"`   // times
	ObservedUntil Date `json:"observed_until"` // last day of observation; 0 = none

	ChargedOffOn Date         `json:"charged_off_on"`
	OffBooks     bool         `json:"off_books"`     // charged off and not written back
	WrittenOff   Amounts      `json:"written_off"`   // still owed, off the books
	Recovered    money.Amount `json:"recovered_fen"` // money received on it
	// ChargedOff is principal ever taken off the books, less what a write-back
	// put on them again; RecoveredPrincipal what was received of it.
	ChargedOff         money.Amount `json:"charged_off_fen"`
	RecoveredPrincipal money.Amount `json:"recovered_principal_fen"`
}

// position tells how the run stands at the end of a day.
func (r *replay) position(on Date) Position {
	r.note(on)
	now := r.arrears(on)
	p := Position{
		LoanID: r.contract.LoanID, On: on, State: r.state(), ClosedOn: r.closedOn,
		Credit: r.credit, Refunded: r.refunded, Prepaid: r.prepaid,
		DPD: now.dpd, WorstDPD: r.worstDPD, Bucket: BucketOf(now.dpd), Paused: r.paused(on),
		Restructured: r.watch.times, ObservedUntil: r.watch.until,
		ChargedOffOn: r.everOff, Recovered: r.recovered, Capitalised: r.capitalised,
		ChargedOff: r.offPrincipal, RecoveredPrincipal: r.gotPrincipal,
		Paid: Amounts{Principal: r.prepaid, Fee: r.prepayFees},
	}
	r.instalments(&p)
	if r.chargedOffOn != 0 {
		p.OffBooks, p.WrittenOff = true, r.due
		p.Class = Loss
		if p.State == Closed {
			p.Class = Normal
		}
		p.Payoff = r.due.Total()
		return p
	}
	pending := r.pending()
	p.Due = r.due
	p.Due.Penalty += r.unbooked(on)
	p.Outstanding = p.Due.Plus(pending)
	p.Outstanding.Principal += r.undue
	accrued := r.accrued(on)
	p.Accrued = accrued - pending.Interest
	p.Payoff = p.Due.Total() + pending.Penalty + pending.Fee + accrued + r.undue + r.undue.Share(r.product.Fees.PrepaymentBps)
	p.Class = worse(ClassOfDPD(now.dpd), r.watch.class(now, on))
	if p.State == Closed {
		p.Class = Normal
	}
	return p
}

// state follows from what is owed.
func (r *replay) state() State {
	switch {
	case r.nothingOwed():
		return Closed
	case r.chargedOffOn != 0:
		return WrittenOff
	default:
		return Active
	}
}

// unbooked is late interest run up since it was last booked.
func (r *replay) unbooked(on Date) money.Amount {
	if !r.penalised() {
		return 0
	}
	var sum money.Amount
	for k := range r.lines[:r.next] {
		if at := &r.lines[k]; r.base(at) > 0 {
			sum += r.late(at, on) - at.owed.Penalty
		}
	}
	return sum
}

// instalments fills the lines, and what sums over them.
func (r *replay) instalments(p *Position) {
	p.Instalments = make([]Instalment, len(r.lines))
	balance := r.undue
	for k := range r.lines {
		at := &r.lines[k]
		line := &p.Instalments[k]
		*line = Instalment{
			Number: at.number, From: at.from, DueOn: at.due, State: Upcoming,
			Owed: at.owed, Paid: at.paid, Waived: at.waived, PaidOn: at.paidOn, Demanded: k < r.next,
		}
		p.Paid = p.Paid.Plus(at.paid)
		p.Waived = p.Waived.Plus(at.waived)
		if k >= r.next {
			balance -= at.owed.Principal
			line.Balance = balance
			line.Unpaid = at.unpaid().Total()
			if p.NextDue == 0 && line.Unpaid > 0 {
				p.NextDue, p.NextAmount = at.due, line.Unpaid
			}
			continue
		}
		line.Balance = balance
		if r.penalised() && r.base(at) > 0 {
			line.Owed.Penalty = r.late(at, p.On)
		}
		unpaid := line.Owed.Minus(at.paid).Minus(at.waived)
		line.Unpaid = unpaid.Total()
		switch {
		case line.Unpaid == 0:
			line.State = Settled
		case at.due == p.On:
			line.State = DueToday
		default:
			line.State = Overdue
			line.DPD = r.days(at.due, p.On)
			p.Overdue = p.Overdue.Plus(unpaid)
		}
	}
}
