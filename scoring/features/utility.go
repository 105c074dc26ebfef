package features

import (
	"time"

	"loan310/scoring/evidence"
)

// billSums gathers utility bills of all meters.
type billSums struct {
	rows, oldest   int64
	due, late      int64
	late90, unpaid int64
	delay          int64
	charged        int64
	meters         cells
	wh             [meterDays]int64
	metered        [meterDays]bool // by an electricity meter
	covered        [meterDays]bool // by any meter
}

// AddBill takes one billing period; one that ends after the moment has not
// been billed yet.
func (c *Collector) AddBill(bill *evidence.UtilityBill) {
	end, known := c.days(bill.PeriodEnd)
	if !known || !bill.PeriodEnd.After(bill.PeriodStart) || bill.PeriodStart.IsZero() {
		return
	}
	sums := &c.bills
	sums.rows++
	start, _ := c.days(bill.PeriodStart)
	sums.oldest = max(sums.oldest, start)
	if end < yearDays {
		sums.charged += max(int64(bill.Amount), 0)
		sums.meters.add(bill.MeterID, 1)
	}
	days := max(1, int64(bill.PeriodEnd.Sub(bill.PeriodStart)/(24*time.Hour)))
	for at := end; at < min(end+days, meterDays); at++ {
		sums.covered[at] = true
		if bill.Kind == evidence.Electricity && bill.Quantity >= 0 {
			sums.metered[at] = true
			sums.wh[at] += bill.Quantity / days
		}
	}
	due, known := c.days(bill.DueAt)
	if known && due < yearDays {
		sums.addDue(bill, due, c.asOf)
	}
}

// addDue takes a bill that was due within the year.
func (s *billSums) addDue(bill *evidence.UtilityBill, due int64, asOf time.Time) {
	s.due++
	paid := bill.PaidAt
	if paid.IsZero() || paid.After(asOf) {
		s.unpaid++
		paid = asOf
	}
	delay := int64(paid.Sub(bill.DueAt) / (24 * time.Hour))
	if delay <= 0 {
		return
	}
	// A day of grace: a payment made on the due day may be booked the next.
	if delay > 1 {
		s.late++
		if due < 90 {
			s.late90++
		}
	}
	s.delay = max(s.delay, delay)
}

// power sums electricity over the metered days of [from, to).
func (s *billSums) power(from, to int64) (wh, days int64) {
	for at := from; at < to; at++ {
		if s.metered[at] {
			wh += s.wh[at]
			days++
		}
	}
	return wh, days
}

// What must be metered before electricity is compared.
const (
	leastMetered   = 30 // days of a quarter; a third of it of a stretch of 30 days
	leastStretches = 4  // of six
)

func (s *billSums) write(out writer) {
	out.setIf(s.rows > 0, UtilityHistory, s.oldest)
	if s.due > 0 {
		out.set(BillsOnTime, ratio(s.due-s.late, s.due))
		out.set(BillsLate, s.late)
		out.set(BillsLate90, s.late90)
		out.set(BillsUnpaid, s.unpaid)
		out.set(BillDelayMax, s.delay)
	}
	s.writePower(out)
	var covered int64
	span := min(max(s.oldest, 30), yearDays)
	for _, by := range s.covered[:span] {
		if by {
			covered++
		}
	}
	out.setIf(s.rows > 0, UtilityCover, ratio(covered, span))
	out.setIf(s.rows > 0, UtilityGap, s.longestGap())
	out.setIf(s.rows > 0, UtilityMonthly, monthly(s.charged, span))
	out.setIf(s.meters.named > 0, Meters, s.meters.distinct())
}

// longestGap gives the most days in a row without a bill between two covered
// days of the year.
func (s *billSums) longestGap() (longest int64) {
	last := int64(-1)
	for at := range int64(yearDays) {
		if !s.covered[at] {
			continue
		}
		if last >= 0 {
			longest = max(longest, at-last-1)
		}
		last = at
	}
	return longest
}

func (s *billSums) writePower(out writer) {
	last, lastDays := s.power(0, 90)
	out.setIf(lastDays >= leastMetered, PowerMonthly, monthly(last, max(lastDays, 1)))
	for _, base := range [...]struct {
		id       ID
		from, to int64
	}{{PowerTrend, 90, 180}, {PowerYoY, yearDays, yearDays + 90}} {
		before, days := s.power(base.from, base.to)
		if lastDays >= leastMetered && days >= leastMetered && before > 0 {
			out.set(base.id, ratio(last/lastDays, max(before/days, 1)))
		}
	}
	var stretches [6]int64
	daily, sum := stretches[:0], int64(0)
	for k := range int64(6) {
		if wh, days := s.power(30*k, 30*k+30); days >= leastMetered/3 {
			daily, sum = append(daily, wh/days), sum+wh/days
		}
	}
	if len(daily) >= leastStretches && sum > 0 {
		out.set(PowerVolatility, volatility(daily))
	}
}
