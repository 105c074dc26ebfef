package loan

import (
	"loan310/app/fault"
	"loan310/app/ledger"
	"loan310/app/money"
	"loan310/scoring/pricing"
)

// observation is the time after a restructuring (重组观察期).
type observation struct {
	times int
	until Date
	floor Class
}

// observationMonths is the least time from the first new due date on. With
// monthly lines it holds more than the two repayment periods it must.
const observationMonths = 12

// cured starts the time anew when arrears that began within it are paid.
func (o *observation) cured(before, after arrears, on Date) {
	if o.times > 0 && before.dpd > 0 && after.dpd == 0 && before.since <= o.until {
		o.until = max(o.until, on.AddMonths(observationMonths))
	}
}

// class gives the floor of the class on a day.
func (o *observation) class(now arrears, on Date) Class {
	if o.times > 0 && (on <= o.until || now.dpd > 0 && now.since <= o.until) {
		return o.floor
	}
	return Normal
}

// waive forgives what is owed and booked of a component, oldest first; never
// more than there is. Income goes back, unless a campaign pays.
func (r *replay) waive(event *Event) {
	r.penalty(event.On)
	rest := event.Amount
	var got, due Amounts
	for k := range r.lines {
		if rest == 0 || k > r.next {
			break
		}
		at := &r.lines[k]
		unpaid := at.unpaid()
		if k == r.next {
			unpaid = r.pending()
		}
		part := min(unpaid.Of(event.Component), rest)
		if part <= 0 || event.Component == Principal {
			continue
		}
		*at.waived.at(event.Component) += part
		*got.at(event.Component) += part
		rest -= part
		if k < r.next {
			*due.at(event.Component) += part
			if at.paidOn == 0 && at.unpaid().Total() == 0 {
				at.paidOn = event.On
			}
		}
	}
	r.due = r.due.Minus(due)
	if r.chargedOffOn != 0 {
		return
	}
	r.open()
	if event.Subsidised {
		r.post(ledger.CampaignSubsidy, got.Total())
	} else {
		r.post(ledger.InterestIncome, got.Interest)
		r.post(ledger.PenaltyIncome, got.Penalty)
		r.post(ledger.FeeIncome, got.Fee)
	}
	r.credited(got)
	r.book(string(event.Kind), name{id: event.ID}, event.On)
}

// cut ends every line on a day: interest to the day is booked in the open
// entry, lines not due are taken away, and what each line still owes is taken
// off it. It gives what was owed, all principal included.
func (r *replay) cut(on Date) Amounts {
	owed := r.due
	if r.next < len(r.lines) {
		at := &r.lines[r.next]
		total := r.fixed + r.running(on)
		r.post(ledger.InterestReceivable, total-at.interest)
		r.post(ledger.InterestIncome, at.interest-total)
		at.interest = total
		owed = owed.Plus(r.pending())
		owed.Principal += r.undue
		at.owed = Amounts{Penalty: at.owed.Penalty, Interest: total, Fee: at.fee}
		at.due, at.since = on, on
		if at.paid.Total()+at.waived.Total() > 0 {
			r.next++
		}
		r.lines = r.lines[:r.next]
	}
	for k := range r.lines {
		at := &r.lines[k]
		if at.paidOn == 0 {
			at.owed = at.paid.Plus(at.waived)
			at.paidOn = on
		}
	}
	r.due, r.undue, r.fixed, r.seg = Amounts{}, 0, 0, on
	return owed
}

// number is that of the next line to be made.
func (r *replay) number() int {
	if len(r.lines) == 0 {
		return 1
	}
	return r.lines[len(r.lines)-1].number + 1
}

// restructure lays all principal over new lines. Unpaid interest joins it, or
// falls due with penalty and fees on the first new line.
func (r *replay) restructure(event *Event) error {
	if event.Terms == nil || event.Terms.TenorMonths < 1 || event.Terms.TenorMonths > pricing.MaxTenor {
		return fault.New(fault.Internal, CodeEvents, "restructuring %s without terms", event.ID)
	}
	if r.chargedOffOn != 0 || r.nothingOwed() {
		return nil
	}
	r.penalty(event.On)
	before := ClassOfDPD(r.arrears(event.On).dpd)
	r.open()
	owed := r.cut(event.On)
	var capitalised money.Amount
	if event.Terms.Capitalise {
		capitalised = owed.Interest
		owed.Principal, owed.Interest = owed.Principal+owed.Interest, 0
		r.post(ledger.PrincipalReceivable, capitalised)
		r.post(ledger.InterestReceivable, -capitalised)
	}
	r.book(string(event.Kind), name{id: event.ID}, event.On)
	r.capitalised += capitalised
	number, from := r.number(), event.On
	for k := range event.Terms.TenorMonths {
		due := event.Terms.FirstDue.AddMonths(k)
		r.lines = append(r.lines, line{number: number + k, from: from, due: due, since: due})
		from = due
	}
	r.undue, r.rate = owed.Principal, event.Terms.RateBps
	r.fixed, r.seg = owed.Interest, event.On
	r.stub = event.Terms.FirstDue != event.On.AddMonths(1)
	if r.undue > 0 {
		if err := r.lay(); err != nil {
			return fault.New(fault.Internal, CodeEvents, "restructuring %s: %v", event.ID, err)
		}
	} else {
		r.lines = r.lines[:r.next+1]
		r.interest()
	}
	first := &r.lines[r.next]
	first.interest = owed.Interest
	first.owed.Fee += owed.Fee
	first.fee = owed.Fee
	first.owed.Penalty, first.carried = owed.Penalty, owed.Penalty
	r.observe(before, event)
	return nil
}

// observe starts the observation: special mention at least, and substandard
// after a non-performing loan or within another observation.
func (r *replay) observe(before Class, event *Event) {
	floor := SpecialMention
	if before.NonPerforming() || r.watch.times > 0 && event.On <= r.watch.until {
		floor = Substandard
	}
	r.watch = observation{
		times: r.watch.times + 1, floor: floor,
		until: max(r.watch.until, event.Terms.FirstDue.AddMonths(observationMonths)),
	}
}

// chargeOff takes all that is owed off the books: everything falls due, as one
// line for what was not, and is a claim from then on.
func (r *replay) chargeOff(event *Event) {
	if r.chargedOffOn != 0 || r.nothingOwed() {
		return
	}
	r.penalty(event.On)
	r.open()
	r.accelerate(event.On)
	r.credited(r.due)
	r.post(ledger.WriteOff, r.due.Total())
	r.offPrincipal += r.due.Principal
	r.book(string(event.Kind), name{id: event.ID}, event.On)
	r.chargedOffOn, r.everOff = event.On, event.On
}

// accelerate makes all principal due on a day, with interest up to it, which
// is booked in the open entry.
func (r *replay) accelerate(on Date) {
	if r.next == len(r.lines) {
		return
	}
	at := &r.lines[r.next]
	total := r.fixed + r.running(on)
	r.post(ledger.InterestReceivable, total-at.interest)
	r.post(ledger.InterestIncome, at.interest-total)
	at.interest = total
	at.owed = Amounts{Principal: r.undue, Interest: total, Penalty: at.owed.Penalty, Fee: at.fee}
	at.due, at.since = on, on
	unpaid := at.unpaid()
	if r.due = r.due.Plus(unpaid); unpaid.Total() == 0 {
		at.paidOn = on
	}
	r.next++
	r.lines = r.lines[:r.next]
	r.undue, r.fixed, r.seg = 0, 0, on
}

// writeBack puts what is left of a charge-off on the books again. Late
// interest starts anew.
func (r *replay) writeBack(event *Event) {
	if r.chargedOffOn == 0 {
		return
	}
	r.chargedOffOn = 0
	for k := range r.lines {
		r.lines[k].since = event.On
	}
	r.monthEnd = event.On.MonthEnd()
	r.open()
	r.credited(Amounts{}.Minus(r.due))
	r.post(ledger.WriteOff, -r.due.Total())
	r.offPrincipal -= r.due.Principal
	r.book(string(event.Kind), name{id: event.ID}, event.On)
	r.useCredit("credit_after", name{id: event.ID}, event.On)
}
