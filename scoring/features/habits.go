package features

import (
	"time"

	"loan310/scoring/evidence"
)

// clockOffset is China's time zone, the same all year: habits are told by the
// merchants' clock.
const clockOffset = 8 * 3600

// weekdayHour gives the day of the week (0 = Sunday) and the hour in China.
func weekdayHour(t time.Time) (weekday, hour int64) {
	second := t.Unix() + clockOffset
	days, rest := second/daySeconds, second%daySeconds
	if rest < 0 {
		days, rest = days-1, rest+daySeconds
	}
	return ((days+4)%7 + 7) % 7, rest / 3600 // 1970-01-01 was a Thursday
}

// Marks of young: a buyer account and a review.
const (
	youngAccountDays = 30
	poorStars        = 2
	delayCap         = 10_000
	handOverCap      = 1_000
	leastForSpread   = 10
)

// habits gathers when and what people order within the year, paid orders only.
type habits struct {
	orders, weekend, night int64
	hours                  [24]int64
	categories             cells
	tickets                histogram
	accounts, young        int64 // orders that say when the buyer's account was opened; of them, young
}

func (h *habits) add(order *evidence.Order, made time.Time) {
	h.orders++
	weekday, hour := weekdayHour(made)
	if weekday == 0 || weekday == 6 {
		h.weekend++
	}
	if hour < 6 {
		h.night++
	}
	h.hours[hour]++
	amount := max(int64(order.Amount), 0)
	h.categories.add(order.Category, amount)
	h.tickets.add(amount)
	if !order.BuyerSince.IsZero() && !order.BuyerSince.After(made) {
		h.accounts++
		if made.Sub(order.BuyerSince) < youngAccountDays*24*time.Hour {
			h.young++
		}
	}
}

func (h *habits) write(out writer) {
	if h.orders == 0 {
		return
	}
	out.set(WeekendShare, ratio(h.weekend, h.orders))
	out.set(NightShare, ratio(h.night, h.orders))
	index := concentration{total: h.orders}
	for _, count := range h.hours {
		index.add(count)
	}
	out.set(HourHHI, index.bps())
	if h.categories.named*5 >= h.orders*4 && h.categories.filled() > 0 {
		out.set(Categories, h.categories.distinct())
		out.set(CategoryHHI, h.categories.hhi())
	}
	median := h.tickets.quantile(1, 2)
	out.set(TicketMedian, median)
	out.setIf(h.orders >= leastForSpread && median > 0, TicketSpread, ratio(h.tickets.quantile(9, 10), max(median, 1)))
	out.setIf(h.accounts > 0, YoungAccounts, ratio(h.young, max(h.accounts, 1)))
}

// aftersales gathers what follows an order within the year.
type aftersales struct {
	made90, cancelled90, refunds90 int64
	refundHours, refunded          int64
	stars, reviews, poor           int64
	stars90, reviews90             int64
	shipHours, shipped             int64
}

// addAny takes an order, paid or not, of the year.
func (a *aftersales) addAny(order *evidence.Order, at int64, asOf time.Time) {
	if at < 90 {
		a.made90++
		if order.Status == evidence.OrderCancelled {
			a.cancelled90++
		}
	}
	if order.ReviewScore > 0 && !order.DeliveredAt.After(asOf) {
		stars := int64(order.ReviewScore)
		a.stars, a.reviews = a.stars+stars, a.reviews+1
		if stars <= poorStars {
			a.poor++
		}
		if at < 90 {
			a.stars90, a.reviews90 = a.stars90+stars, a.reviews90+1
		}
	}
}

// addPaid takes a paid order of the year and what of it was paid back.
func (a *aftersales) addPaid(order *evidence.Order, at, refund int64, asOf time.Time) {
	if at < 90 {
		a.refunds90 += refund
	}
	if refund > 0 {
		addHours(&a.refundHours, &a.refunded, order.PaidAt, order.RefundedAt, asOf, delayCap)
	}
	addHours(&a.shipHours, &a.shipped, order.PaidAt, order.ShippedAt, asOf, handOverCap)
}

// addHours adds the whole hours between two moments, 0 where the second comes
// first, at most limit, if both were said and lie before asOf.
func addHours(sum, count *int64, from, to, asOf time.Time, limit int64) {
	if from.IsZero() || to.IsZero() || from.After(asOf) || to.After(asOf) {
		return
	}
	*sum += min(max(int64(to.Sub(from)/time.Hour), 0), limit)
	*count++
}

func (a *aftersales) write(out writer, paid, gross90 int64) {
	out.setIf(a.made90 > 0, CancelRate90, ratio(a.cancelled90, max(a.made90, 1)))
	out.setIf(gross90 > 0, RefundRate90, ratio(a.refunds90, max(gross90, 1)))
	out.setIf(a.refunded > 0, RefundDelay, mean(a.refundHours, a.refunded))
	out.setIf(a.shipped > 0, ShipDelay, mean(a.shipHours, a.shipped))
	out.set(Reviews365, a.reviews)
	out.setIf(paid > 0, ReviewShare, ratio(a.reviews, max(paid, 1)))
	out.setIf(a.reviews > 0, ReviewScore, mean(a.stars*100, a.reviews))
	out.setIf(a.reviews > 0, LowReviews, ratio(a.poor, max(a.reviews, 1)))
	before, stars := a.reviews-a.reviews90, a.stars-a.stars90
	out.setIf(before > 0 && a.reviews90 > 0, ReviewTrend, mean(a.stars90*100, a.reviews90)-mean(stars*100, before))
}
