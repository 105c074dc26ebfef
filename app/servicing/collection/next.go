package collection

import (
	"time"

	"loan310/app/clock"
	"loan310/app/money"
	"loan310/app/servicing"
	"loan310/app/servicing/loan"
)

// Why is what a plan says about a loan now.
type Why string

// What plans say.
const (
	Collect      Why = "collect"
	NothingDue   Why = "nothing_due" // also of loans charged off or cancelled: people collect those
	UnderWay     Why = "debit_open"
	Paused       Why = "paused"
	Held         Why = "held" // promised, or otherwise held back by staff
	NoConsent    Why = "consent_withdrawn"
	TooLate      Why = "past_automatic" // so long overdue that people collect
	AccountShut  Why = "account_blocked"
	LineSpent    Why = "line_attempts_spent"
	WeekSpent    Why = "week_attempts_spent"
	DaySpent     Why = "day_attempts_spent"
	Spaced       Why = "spacing"
	OutsideHours Why = "outside_hours"
	AskedLongAgo Why = "asked_long_ago"
)

// Wish is what a plan wants of a loan: an amount now, or a look later.
type Wish struct {
	Why    Why
	Amount money.Amount // Collect: of it, so much
	Line   int          // Collect: the oldest unpaid line
	LookAt time.Time    // else: when to look again; something may be due before
}

// Next says what the plan wants of a loan at a moment, its position of that
// day. It is pure.
func (p *Plan) Next(standing *Standing, position *loan.Position, now time.Time) Wish {
	now = now.In(clock.Lender())
	today := loan.DateOf(now, clock.Lender())
	tomorrow := p.Debit.Hours.next(startOf(today + 1))
	later := func(why Why, at time.Time) Wish { return Wish{Why: why, LookAt: p.Debit.Hours.next(at)} }
	due := owed(standing, position)
	switch {
	case standing.open() != nil:
		return Wish{Why: UnderWay, LookAt: tomorrow}
	case due <= 0:
		return Wish{Why: NothingDue, LookAt: tomorrow}
	case standing.Withdrawn:
		return Wish{Why: NoConsent, LookAt: tomorrow}
	case position.Paused:
		return Wish{Why: Paused, LookAt: tomorrow}
	case today < standing.HeldUntil:
		return later(Held, startOf(standing.HeldUntil))
	case p.Debit.MaxDPD > 0 && position.DPD > p.Debit.MaxDPD:
		return Wish{Why: TooLate, LookAt: tomorrow}
	}
	line := oldestUnpaid(position)
	tried := p.tried(standing.Debits, line, today)
	for _, limit := range tried.limits(&p.Debit, today, tomorrow) {
		if limit.LookAt.After(now) {
			return later(limit.Why, limit.LookAt)
		}
	}
	if !p.Debit.Hours.has(now) {
		return later(OutsideHours, now)
	}
	amount := due
	if shares := p.Debit.PartialBps; len(shares) > 0 {
		part := due.Share(shares[min(tried.shortfalls, len(shares)-1)])
		amount = min(due, max(part, p.Debit.MinFen))
	}
	return Wish{Why: Collect, Amount: amount, Line: line}
}

// owed is what may be collected by itself: what is due and not covered by
// credit. What is off the books people collect.
func owed(standing *Standing, position *loan.Position) money.Amount {
	if standing.Record.Loan.State == servicing.StateCancelled || position.OffBooks {
		return 0
	}
	return max(0, position.Due.Total()-position.Credit)
}

// oldestUnpaid is the number of the oldest line that is due and not paid; 0 =
// none.
func oldestUnpaid(position *loan.Position) int {
	for i := range position.Instalments {
		if line := &position.Instalments[i]; line.Demanded && line.Unpaid > 0 {
			return line.Number
		}
	}
	return 0
}

// trials count what was tried by the plan.
type trials struct {
	line, day, week int
	weekEnds        loan.Date // the day on which the oldest of the week no longer counts
	last            time.Time
	shortfalls      int // in a row, latest first, for the line
	blockedUntil    loan.Date
}

// tried counts attempts that may have reached the rail, by the day they were
// made.
func (p *Plan) tried(debits []Debit, line int, today loan.Date) trials {
	var t trials
	counting := true
	for i := len(debits) - 1; i >= 0; i-- {
		d := &debits[i]
		if d.Origin != Scheduled || !d.Left() {
			continue
		}
		day := loan.DateOf(d.CreatedAt, clock.Lender())
		if t.last.IsZero() {
			t.last = d.LastCallAt
			if d.Failure == Blocked {
				t.blockedUntil = day + loan.Date(p.Debit.BlockedDays) //nolint:gosec // a few days
			}
		}
		if day == today {
			t.day++
		}
		if day > today-7 {
			t.week++
			t.weekEnds = day + 7
		}
		if d.Line != line {
			continue
		}
		t.line++
		if counting = counting && d.Failure == Shortfall; counting {
			t.shortfalls++
		}
	}
	return t
}

// limits give each limit that was reached, with the moment it ends.
func (t *trials) limits(rule *Rule, today loan.Date, tomorrow time.Time) []Wish {
	var reached []Wish
	if t.blockedUntil > today {
		reached = append(reached, Wish{Why: AccountShut, LookAt: startOf(t.blockedUntil)})
	}
	if t.line >= rule.PerLine {
		reached = append(reached, Wish{Why: LineSpent, LookAt: tomorrow})
	}
	if t.week >= rule.PerWeek {
		reached = append(reached, Wish{Why: WeekSpent, LookAt: startOf(t.weekEnds)})
	}
	if t.day >= rule.PerDay {
		reached = append(reached, Wish{Why: DaySpent, LookAt: tomorrow})
	}
	if !t.last.IsZero() {
		reached = append(reached, Wish{Why: Spaced, LookAt: t.last.Add(time.Duration(rule.SpacingMinutes) * time.Minute)})
	}
	return reached
}
