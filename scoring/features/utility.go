package features

import (
	"time"

	"loan310/scoring/evidence"
)

// billSums gathers utility bills of all meters.
type billSums struct {
	rows, oldest int64
	due, late    int64
	delay        int64
	wh           [meterDays]int64
	metered      [meterDays]bool // by an electricity meter
	covered      [meterDays]bool // by any meter
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
	days := max(1, int64(bill.PeriodEnd.Sub(bill.PeriodStart)/(24*time.Hour)))
	for at := end; at < min(end+days, meterDays); at++ {
		sums.covered[at] = true
		if bill.Kind == evidence.Electricity && bill.Quantity >= 0 {
			sums.metered[at] = true
			sums.wh[at] += bill.Quantity / days
		}
	}
	due, known := c.days(bill.DueAt)
	if !known || due >= yearDays {
		return
	}
	sums.due++
	paid := bill.PaidAt
	if paid.IsZero() || paid.After(c.asOf) {
		paid = c.asOf
	}
	if delay := int64(paid.Sub(bill.DueAt) / (24 * time.Hour)); delay > 0 {
		// A day of grace: a payment made on the due day may be booked the next.
		if delay > 1 {
			sums.late++
		}
		sums.delay = max(sums.delay, delay)
	}
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

func (s *billSums) write(out writer) {
	out.setIf(s.rows > 0, UtilityHistory, s.oldest)
	out.setIf(s.due > 0, BillsOnTime, ratio(s.due-s.late, max(s.due, 1)))
	out.setIf(s.due > 0, BillsLate, s.late)
	out.setIf(s.due > 0, BillDelayMax, s.delay)
	last, lastDays := s.power(0, 90)
	before, beforeDays := s.power(90, 180)
	out.setIf(lastDays >= 30, PowerMonthly, monthly(last, max(lastDays, 1)))
	if lastDays >= 30 && beforeDays >= 30 && before > 0 {
		out.set(PowerTrend, ratio(last/lastDays, max(before/beforeDays, 1)))
	}
	var covered int64
	span := min(max(s.oldest, 30), yearDays)
	for _, by := range s.covered[:span] {
		if by {
			covered++
		}
	}
	out.setIf(s.rows > 0, UtilityCover, ratio(covered, span))
}
