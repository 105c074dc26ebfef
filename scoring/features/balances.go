package features

import (
	"math/bits"
	"time"

	"loan310/scoring/evidence"
)

// balances gathers what accounts held after their rows.
type balances struct {
	rows, sum int64
	lowest    int64
	byDay     [balanceDays]struct {
		said   bool
		lowest int64
	}
	all       histogram
	monthEnds [8]struct { // by calendar months back, the present one first
		at   time.Time
		held int64
	}
}

func (b *balances) add(balance, at int64, booked, asOf time.Time) {
	if b.rows == 0 || balance < b.lowest {
		b.lowest = balance
	}
	b.sum += balance
	b.rows++
	b.all.add(balance)
	day := &b.byDay[at]
	if !day.said || balance < day.lowest {
		day.said, day.lowest = true, balance
	}
	back := calendarMonth(asOf) - calendarMonth(booked)
	if back < 0 || back >= int64(len(b.monthEnds)) {
		return
	}
	if end := &b.monthEnds[back]; !booked.Before(end.at) {
		end.at, end.held = booked, balance
	}
}

// calendarMonth numbers the months of China's calendar.
func calendarMonth(t time.Time) int64 {
	year, month, _ := t.UTC().Add(clockOffset * time.Second).Date()
	return int64(year)*12 + int64(month)
}

func (b *balances) write(out writer, weekOut int64) {
	if b.rows == 0 {
		return
	}
	out.set(BalanceAvg, b.sum/b.rows)
	out.set(BalanceMin, b.lowest)
	out.set(BalanceMedian, b.all.quantile(1, 2))
	var negative, low int64
	for _, day := range b.byDay {
		if day.said && day.lowest < 0 {
			negative++
		}
		if day.said && day.lowest < weekOut {
			low++
		}
	}
	out.set(NegativeDays, negative)
	out.set(BalanceLowDays, low)
	var held, ends int64
	for _, end := range b.monthEnds[1:] {
		if !end.at.IsZero() {
			held, ends = held+end.held, ends+1
		}
	}
	out.setIf(ends > 0, BalanceMonthEnd, mean(held, ends))
}

// costs gathers what the business pays regularly: a bit for each stretch with
// a payment.
type costs struct {
	salary, rent  uint8  // of six stretches of 30 days
	supplierWeeks uint16 // of twelve weeks
	taxes         int64
	supplier      int64
	supplier90    int64
}

func (c *costs) add(kind evidence.TxKind, amount, at int64) {
	switch kind {
	case evidence.TxSalary:
		c.salary |= 1 << (at / 30)
	case evidence.TxRent:
		c.rent |= 1 << (at / 30)
	case evidence.TxTax:
		c.taxes++
	case evidence.TxSupplier:
		c.supplier += amount
		if at < 90 {
			c.supplier90 += amount
		}
		if at < shippingDays {
			c.supplierWeeks |= 1 << (at / 7)
		}
	}
}

func (c *costs) write(out writer, days int64) {
	out.set(SalaryMonths, int64(bits.OnesCount8(c.salary)))
	out.set(RentMonths, int64(bits.OnesCount8(c.rent)))
	out.set(TaxPayments, c.taxes)
	out.set(SupplierWeeks, int64(bits.OnesCount16(c.supplierWeeks)))
	out.set(SupplierMonthly, monthly(c.supplier, days))
}
