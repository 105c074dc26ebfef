package loan

import (
	"loan310/app/ledger"
	"loan310/app/money"
)

// span is a pause: days from first on, before until.
type span struct{ first, until Date }

const never Date = 1<<31 - 1

// pause takes a pause or its end, in order of day, into disjoint spans.
func (r *replay) pause(event *Event) {
	last := len(r.pauses) - 1
	switch event.Kind {
	case Paused:
		until := event.Until
		if until == 0 {
			until = never
		}
		if last >= 0 && event.On <= r.pauses[last].until {
			r.pauses[last].until = max(r.pauses[last].until, until)
			return
		}
		r.pauses = append(r.pauses, span{event.On, until})
	case Resumed:
		if last >= 0 {
			r.pauses[last].until = min(r.pauses[last].until, event.On)
		}
	}
}

// days counts the days after one up to another that are not paused.
func (r *replay) days(after, to Date) int {
	if to <= after {
		return 0
	}
	count := int(to - after)
	for _, each := range r.pauses {
		first, until := max(each.first, after+1), min(each.until, to+1)
		if until > first {
			count -= int(until - first)
		}
	}
	return count
}

func (r *replay) paused(on Date) bool {
	for _, each := range r.pauses {
		if each.first <= on && on < each.until {
			return true
		}
	}
	return false
}

// first gives the first demanded line that is not paid, r.next for none.
func (r *replay) first() int {
	if r.due.Total() == 0 {
		return r.next
	}
	for k := range r.lines[:r.next] {
		if r.lines[k].paidOn == 0 {
			return k
		}
	}
	return r.next
}

// arrears is what is overdue on a day.
type arrears struct {
	dpd   int
	since Date // due date of the oldest line
}

func (r *replay) arrears(on Date) arrears {
	k := r.first()
	if k == r.next {
		return arrears{}
	}
	at := &r.lines[k]
	return arrears{dpd: r.days(at.due, on), since: at.due}
}

// note remembers the worst day count before the day changes anything.
func (r *replay) note(on Date) {
	if r.chargedOffOn == 0 && r.due.Total() > 0 {
		r.worstDPD = max(r.worstDPD, r.arrears(on).dpd)
	}
}

// penalised tells whether late interest runs.
func (r *replay) penalised() bool {
	return r.product.Penalty.MarkupBps > 0 && r.chargedOffOn == 0 && r.due.Principal+r.due.Interest > 0
}

// base is what a line pays late interest on.
func (r *replay) base(at *line) money.Amount {
	base := at.owed.Principal - at.paid.Principal - at.waived.Principal
	if r.product.Penalty.OnInterest {
		base += at.owed.Interest - at.paid.Interest - at.waived.Interest
	}
	return base
}

// late gives an overdue line's penalty up to a day: base times days times the
// raised rate over the day-count base, days counted from the due date, rounded
// half up once for the line. Nothing new while the line is within its grace
// days; one that is paid within them is never asked again.
func (r *replay) late(at *line, on Date) money.Amount {
	if r.days(at.due, on) <= r.product.Penalty.GraceDays {
		return at.owed.Penalty
	}
	total := at.fenDays + int64(r.base(at))*int64(r.days(at.since, on))
	raised := int64(at.rate) * (10_000 + int64(r.product.Penalty.MarkupBps))
	return max(at.carried+money.MulDiv(money.Amount(total), raised, 100_000_000*int64(r.product.DayCountBase)), at.owed.Penalty)
}

// penalty books late interest up to a day. It comes before whatever changes
// what is overdue.
func (r *replay) penalty(on Date) {
	if !r.penalised() {
		return
	}
	var added money.Amount
	for k := r.first(); k < r.next; k++ {
		at := &r.lines[k]
		base := r.base(at)
		if base <= 0 {
			continue
		}
		late := r.late(at, on)
		added += late - at.owed.Penalty
		at.owed.Penalty = late
		at.fenDays += int64(base) * int64(r.days(at.since, on))
		at.since = on
	}
	r.due.Penalty += added
	r.open()
	r.post(ledger.PenaltyReceivable, added)
	r.post(ledger.PenaltyIncome, -added)
	r.book("penalty", name{day: on}, on)
}
