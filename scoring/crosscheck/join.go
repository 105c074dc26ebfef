package crosscheck

import (
	"math"
	"slices"
	"time"

	"loan310/scoring/evidence"
)

const (
	unknown      = -1  // an age that was not said or has not happened yet, an index of nothing
	groupBuyers  = 4   // most distinct buyers counted per payer, device or address
	historyDays  = 820 // kept by day: the window, and the same months a year before
	dayMinutes   = 24 * 60
	daySeconds   = 24 * 3600
	hourCount    = 400 * 24
	windowMonths = 12
	maxExpected  = 2_000_000
)

// sale is what is kept of a paid order, in 24 bytes; its buyer stands beside
// it, see Join.
type sale struct {
	amount   int64 // fen, with what was paid back
	order    int32 // number of its id
	parcel   int32
	created  int32 // minutes before the decision
	findings uint32
}

func (s *sale) day() int64 { return int64(s.created) / dayMinutes }

// refund is what was paid back of a sale. Few have one.
type refund struct {
	amount int64
	sale   int32
}

// buyer is what is kept of a distinct buyer: its orders in the window.
type buyer struct {
	amount   int64
	orders   int32
	lastHour int32
}

// hour counts orders and distinct buyers in one hour of the window.
type hour struct{ orders, buyers int32 }

// day sums one day: gross of refunds.
type day struct {
	gross  int64
	wh     int64
	meters int32
}

// due counts a month's orders that should have a parcel, and those that have
// one of their own.
type due struct{ orders, matched int64 }

// Join is one merchant's check as of one moment: add all waybills, then the
// orders, transactions and bills, then ask for the Result. It keeps about
// 140 bytes an order, never the rows, and its time grows with their number
// alone. Not for concurrent use.
type Join struct {
	options Options
	asOf    time.Time
	second  int64 // asOf, whole seconds and the rest
	nano    int
	horizon int32 // minutes before asOf up to which logistics vouch

	orders           index // all that count
	byNumber         index // parcels
	byOrder          table
	parcels          []parcel
	sales            []sale
	refunds          []refund // of sales, in their order
	buyerAt          []int32  // of each sale, once grouped
	buyers           []buyer
	buyerOf, payerOf column // by sale
	deviceOf, ipOf   column
	origins          origins
	weights          weights
	bank             bank
	hours            []hour
	busiest          int32 // orders of the busiest hour
	days             [historyDays]day
	months           [windowMonths]due
	indexed, routed  bool // byOrder is built; some parcel names its route

	waybillBatch               []pendingWaybill
	touched                    uint64 // keeps the reads of batches from being left out
	fromCache, toCache, shipTo localityCache
	categories                 []category
	last                       int      // the category found last
	further                    category // one more than is remembered

	claimed, refunded           int64
	refundsSoon, newBuyers      int64
	knownSince, paid, shippable int64
	peerOrders                  []int64
	judgedOrders                int64
	tenth                       int64 // amount of the tenth largest buyer, see buyerStats
	oldest                      int32
}

// New starts a check as of a moment.
func New(asOf time.Time, options Options) *Join {
	join := &Join{
		options: options, asOf: asOf, second: asOf.Unix(), nano: asOf.Nanosecond(), oldest: unknown,
		hours: make([]hour, hourCount), waybillBatch: make([]pendingWaybill, 0, Batch), peerOrders: make([]int64, len(options.Rules.Peers)),
		bank: bank{oldest: unknown},
	}
	if !options.LogisticsAsOf.IsZero() && options.LogisticsAsOf.Before(asOf) {
		join.horizon = join.age(options.LogisticsAsOf)
	}
	orders, waybills := int(min(max(options.Orders, 0), maxExpected)), int(min(max(options.Waybills, 0), maxExpected))
	join.orders.expect(orders)
	join.byNumber.expect(waybills)
	join.sales, join.parcels = make([]sale, 0, orders), make([]parcel, 0, waybills)
	return join
}

// age gives minutes from t to the moment of decision; unknown when the source
// did not say or it has not happened by then.
func (j *Join) age(t time.Time) int32 {
	seconds := j.second - t.Unix()
	if t.Nanosecond() > j.nano {
		seconds--
	}
	if seconds < 0 || t.IsZero() {
		return unknown
	}
	return int32(min(seconds/60, math.MaxInt32))
}

// ahead says whether t lies after the moment of decision.
func (j *Join) ahead(t time.Time) bool {
	second := t.Unix()
	return second > j.second || second == j.second && t.Nanosecond() > j.nano
}

// first gives an age, or another one where it is unknown.
func first(age, other int32) int32 {
	if age != unknown {
		return age
	}
	return other
}

// AddBill takes one bill; electricity is spread over the days of its period.
func (j *Join) AddBill(bill *evidence.UtilityBill) {
	if bill.Kind != evidence.Electricity || bill.Quantity < 0 || bill.PeriodEnd.After(j.asOf) || !bill.PeriodEnd.After(bill.PeriodStart) {
		return
	}
	days := max(1, int64(bill.PeriodEnd.Sub(bill.PeriodStart)/(24*time.Hour)))
	if days > 366 {
		return
	}
	end := int64(j.asOf.Sub(bill.PeriodEnd) / (24 * time.Hour))
	for at := end; at < min(end+days, historyDays); at++ {
		j.days[at].wh += bill.Quantity / days
		j.days[at].meters++
	}
}

// claim counts what an order adds to the claimed revenue and gives the marks
// that it bears by itself.
func (j *Join) claim(order *evidence.Order, at, amount, refund int64) (findings uint32) {
	if at >= j.options.Rules.WindowDays {
		return markOutside
	}
	j.claimed += amount
	j.refunded += refund
	j.paid++
	if refund > 0 && !order.RefundedAt.IsZero() && !order.PaidAt.IsZero() &&
		order.RefundedAt.Sub(order.PaidAt) < time.Duration(j.options.Rules.RefundSoonDays)*24*time.Hour {
		j.refundsSoon++
		findings |= markRefundSoon
	}
	if !order.BuyerSince.IsZero() && !j.ahead(order.BuyerSince) {
		j.knownSince++
		if (order.CreatedAt.Unix()-order.BuyerSince.Unix())/daySeconds < j.options.Rules.NewBuyerDays {
			j.newBuyers++
			findings |= markNewBuyer
		}
	}
	return findings
}

// saidShipped says whether the seller claims to have sent the goods: by the
// status, or by a moment that has passed. A cancelled order never gets here.
func (j *Join) saidShipped(order *evidence.Order) bool {
	if j.age(order.ShippedAt) != unknown || j.age(order.DeliveredAt) != unknown {
		return true
	}
	if j.ahead(order.ShippedAt) || j.ahead(order.DeliveredAt) {
		return false // status and number are of later, too
	}
	switch order.Status {
	case evidence.OrderShipped, evidence.OrderDelivered, evidence.OrderCompleted:
		return true
	default:
		return order.WaybillNo != ""
	}
}

// category is what the rules say about a category of goods.
type category struct {
	name    string
	dense   int64 // most fen per 100 g
	peer    int32
	service bool
}

// mostCategories bounds what is remembered; further ones are looked up anew.
const mostCategories = 1_000

func (j *Join) category(name string) *category {
	if j.last < len(j.categories) && j.categories[j.last].name == name {
		return &j.categories[j.last]
	}
	for i := range j.categories {
		if j.categories[i].name == name {
			j.last = i
			return &j.categories[i]
		}
	}
	rules, found := &j.options.Rules, &j.further
	if len(j.categories) < mostCategories {
		j.last = len(j.categories)
		j.categories = append(j.categories, category{})
		found = &j.categories[j.last]
	}
	*found = category{
		name: clone(name), dense: int64(rules.DensityMax), peer: unknown, service: slices.Contains(rules.ServiceCategories, name),
	}
	for i := range rules.Peers {
		if slices.Contains(rules.Peers[i].Categories, name) {
			found.peer = int32(i)
			if limit := rules.Peers[i].DensityMax; limit > 0 {
				found.dense = int64(limit)
			}
			break
		}
	}
	return found
}
