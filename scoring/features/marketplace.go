package features

import (
	"time"

	"loan310/scoring/crosscheck"
	"loan310/scoring/evidence"
)

type orderDay struct{ gross, orders int64 }

// orderSums gathers orders; what it needs of buyers and verified revenue the
// cross-check counts on its way.
type orderSums struct {
	rows           int64
	byDay          [orderDays]orderDay
	oldest         int64     // days before the moment, of any order
	newest         time.Time // of a paid order
	created        int64     // orders of the year, and what became of them
	cancelled      int64
	refunds        int64
	stars, reviews int64
}

// AddOrder takes one order that the cross-check counted (Join.AddOrder gave
// true), so that both see the same rows.
func (c *Collector) AddOrder(order *evidence.Order) {
	sums := &c.orders
	made := order.CreatedAt
	if made.IsZero() {
		made = order.PaidAt
	}
	at, known := c.days(made)
	if !known {
		return
	}
	sums.rows++
	sums.oldest = max(sums.oldest, at)
	if at < yearDays {
		sums.created++
		if order.Status == evidence.OrderCancelled {
			sums.cancelled++
		}
		if order.ReviewScore > 0 && (order.DeliveredAt.IsZero() || !order.DeliveredAt.After(c.asOf)) {
			sums.stars += int64(order.ReviewScore)
			sums.reviews++
		}
	}
	if !crosscheck.Paid(order, c.asOf) {
		return
	}
	if made.After(sums.newest) {
		sums.newest = made
	}
	if at < orderDays {
		sums.byDay[at].gross += max(int64(order.Amount), 0)
		sums.byDay[at].orders++
	}
	if at < yearDays {
		sums.refunds += int64(crosscheck.RefundAt(order, c.asOf))
	}
}

// gross sums claimed revenue of the days [from, to) before the moment.
func (s *orderSums) gross(from, to int64) (sum int64) {
	for _, day := range s.byDay[from:to] {
		sum += day.gross
	}
	return sum
}

func (s *orderSums) count(to int64) (orders, days int64) {
	for _, day := range s.byDay[:to] {
		orders += day.orders
		if day.orders > 0 {
			days++
		}
	}
	return orders, days
}

// writeSinceOrder counts from the last paid order to the moment the source
// vouches for.
func (c *Collector) writeSinceOrder(out writer, vouched time.Time) {
	if vouched.IsZero() || vouched.After(c.asOf) {
		vouched = c.asOf
	}
	newest := c.orders.newest
	out.setIf(!newest.IsZero(), DaysSinceOrder, max(0, int64(vouched.Sub(newest)/(24*time.Hour))))
}

func (s *orderSums) write(out writer) {
	out.setIf(s.rows > 0, ShopAgeDays, s.oldest)
	orders30, _ := s.count(30)
	orders90, active := s.count(90)
	orders365, _ := s.count(yearDays)
	revenue90, revenue365 := s.gross(0, 90), s.gross(0, yearDays)
	out.set(Orders30, orders30)
	out.set(Orders90, orders90)
	out.set(Orders365, orders365)
	out.set(ActiveDays90, active)
	out.set(Revenue30, s.gross(0, 30))
	out.set(Revenue90, revenue90)
	out.set(Revenue365, revenue365)
	before, yearAgo := s.gross(90, 180), s.gross(yearDays, yearDays+90)
	out.setIf(before > 0, RevenueGrowth, ratio(revenue90, max(before, 1)))
	out.setIf(yearAgo > 0, RevenueYoY, ratio(revenue90, max(yearAgo, 1)))
	months := make([]int64, 6)
	for k := range months {
		months[k] = s.gross(int64(k)*30, int64(k)*30+30)
	}
	out.setIf(s.oldest >= 180 && revenue90+before > 0, RevenueVolatility, volatility(months))
	out.setIf(s.created > 0, CancelRate, ratio(s.cancelled, max(s.created, 1)))
	out.setIf(revenue365 > 0, RefundRate, ratio(s.refunds, max(revenue365, 1)))
	out.setIf(orders365 > 0, AvgTicket, revenue365/max(orders365, 1))
	out.setIf(s.reviews > 0, ReviewScore, s.stars*100/max(s.reviews, 1))
}

// parcelSums gathers waybills.
type parcelSums struct {
	rows             int64
	oldest           int64
	last90, before90 int64
	year, returned   int64
	mature, signed   int64
	weeks            [shippingDays / 7]bool
	hours            [deliveryCap + 1]int64 // signed parcels by hours on the way
	timed            int64
}

// AddWaybill takes one parcel.
func (c *Collector) AddWaybill(waybill *evidence.Waybill) {
	made := waybill.CreatedAt
	if made.IsZero() {
		made = waybill.PickedUpAt
	}
	if made.IsZero() {
		made = waybill.SignedAt
	}
	at, known := c.days(made)
	if !known {
		return
	}
	sums := &c.parcels
	sums.rows++
	sums.oldest = max(sums.oldest, at)
	switch {
	case at < 90:
		sums.last90++
	case at < 180:
		sums.before90++
	}
	if at < shippingDays {
		sums.weeks[at/7] = true
	}
	if at >= yearDays {
		return
	}
	sums.year++
	ahead := waybill.PickedUpAt.After(c.asOf) || waybill.SignedAt.After(c.asOf)
	if waybill.Status == evidence.WaybillReturned && !ahead {
		sums.returned++
	}
	_, arrived := c.days(waybill.SignedAt)
	arrived = arrived || waybill.Status == evidence.WaybillSigned && waybill.SignedAt.IsZero()
	if at >= matureDays {
		sums.mature++
		if arrived {
			sums.signed++
		}
	}
	if arrived && !waybill.SignedAt.IsZero() && !waybill.PickedUpAt.IsZero() && !waybill.SignedAt.Before(waybill.PickedUpAt) {
		sums.hours[min(waybill.SignedAt.Sub(waybill.PickedUpAt)/time.Hour, deliveryCap)]++
		sums.timed++
	}
}

func (s *parcelSums) write(out writer) {
	out.setIf(s.rows > 0, LogisticsAge, s.oldest)
	out.set(Waybills90, s.last90)
	out.setIf(s.mature > 0, SignRate, ratio(s.signed, max(s.mature, 1)))
	out.setIf(s.year > 0, ReturnRate, ratio(s.returned, max(s.year, 1)))
	out.setIf(s.timed > 0, MedianDelivery, s.median())
	var weeks int64
	for _, active := range s.weeks {
		if active {
			weeks++
		}
	}
	out.set(ActiveWeeks, weeks)
	out.setIf(s.before90 > 0, WaybillGrowth, ratio(s.last90, max(s.before90, 1)))
}

// median gives the lower median of the hours on the way.
func (s *parcelSums) median() int64 {
	var seen int64
	for at, count := range s.hours {
		if seen += count; count > 0 && seen*2 >= s.timed {
			return int64(at)
		}
	}
	return 0
}
