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
	rows      int64
	byDay     [orderDays]orderDay
	oldest    int64     // days before the moment, of any order
	newest    time.Time // of a paid order
	created   int64     // orders of the year, and what became of them
	cancelled int64
	refunds   int64
	habits    habits
	after     aftersales
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
		sums.after.addAny(order, at, c.asOf)
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
		refund := int64(crosscheck.RefundAt(order, c.asOf))
		sums.refunds += refund
		sums.habits.add(order, made)
		sums.after.addPaid(order, at, refund, c.asOf)
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

// vouched gives the moment up to which a source vouches for its rows: the one
// it named, or the moment of decision.
func (c *Collector) vouched(named time.Time) time.Time {
	if named.IsZero() || named.After(c.asOf) {
		return c.asOf
	}
	return named
}

// writeSinceOrder counts from the last paid order to the moment the source
// vouches for, and the longest stretch without one up to then.
func (c *Collector) writeSinceOrder(out writer, vouched time.Time) {
	newest := c.orders.newest
	out.setIf(!newest.IsZero(), DaysSinceOrder, max(0, int64(vouched.Sub(newest)/(24*time.Hour))))
	from := int64(c.asOf.Sub(vouched) / (24 * time.Hour))
	gap, known := c.orders.longestGap(from)
	out.setIf(known, LongestGap, gap)
}

// longestGap gives the most days in a row without a paid order between the
// first of the year and the day from; false when the year has none.
func (s *orderSums) longestGap(from int64) (longest int64, known bool) {
	last := int64(-1) // the latest day seen with an order, going back
	for at := range int64(yearDays) {
		if s.byDay[at].orders == 0 {
			continue
		}
		gap := at - last - 1
		if last < 0 {
			gap = at - from
		}
		longest, last = max(longest, gap), at
	}
	return longest, last >= 0
}

func (s *orderSums) write(out writer) {
	out.setIf(s.rows > 0, ShopAgeDays, s.oldest)
	for _, window := range [...]struct {
		orders, revenue ID
		days            int64
	}{{Orders7, Revenue7, 7}, {Orders30, Revenue30, 30}, {Orders90, Revenue90, 90}, {Orders180, Revenue180, 180}, {Orders365, Revenue365, yearDays}} {
		orders, _ := s.count(window.days)
		out.set(window.orders, orders)
		out.set(window.revenue, s.gross(0, window.days))
	}
	_, active := s.count(90)
	out.set(ActiveDays90, active)
	orders365, _ := s.count(yearDays)
	revenue90, revenue365 := s.gross(0, 90), s.gross(0, yearDays)
	out.setIf(s.created > 0, CancelRate, ratio(s.cancelled, max(s.created, 1)))
	out.setIf(revenue365 > 0, RefundRate, ratio(s.refunds, max(revenue365, 1)))
	out.setIf(orders365 > 0, AvgTicket, mean(revenue365, orders365))
	s.writeCourse(out)
	s.habits.write(out)
	s.after.write(out, orders365, revenue90)
}

// writeCourse writes how sales developed over the days.
func (s *orderSums) writeCourse(out writer) {
	revenue90, before := s.gross(0, 90), s.gross(90, 180)
	yearAgo, yearAgo30 := s.gross(yearDays, yearDays+90), s.gross(yearDays, yearDays+30)
	out.setIf(before > 0, RevenueGrowth, ratio(revenue90, max(before, 1)))
	out.setIf(yearAgo > 0, RevenueYoY, ratio(revenue90, max(yearAgo, 1)))
	out.setIf(yearAgo30 > 0, RevenueYoY30, ratio(s.gross(0, 30), max(yearAgo30, 1)))
	week := scaled(s.gross(7, 90), 7, 83)
	out.setIf(week > 0, RevenueWeek, ratio(s.gross(0, 7), max(week, 1)))
	var months [12]int64 // oldest first
	var best, sum int64
	for k := range months {
		months[k] = s.gross(int64(11-k)*30, int64(11-k)*30+30)
		best, sum = max(best, months[k]), sum+months[k]
	}
	half := months[6:]
	out.setIf(s.oldest >= 180 && revenue90+before > 0, RevenueVolatility, volatility(half))
	out.setIf(s.oldest >= 180 && revenue90+before > 0, RevenueSlope, trend(half))
	out.setIf(sum > 0, BestMonth, ratio(best, max(sum, 1)))
	var weeks int64
	for k := range 52 {
		for _, day := range s.byDay[7*k : 7*k+7] {
			if day.orders > 0 {
				weeks++
				break
			}
		}
	}
	out.set(ActiveWeeks52, weeks)
}
