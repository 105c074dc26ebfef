package crosscheck

import (
	"math"
	"slices"
	"time"

	"loan310/scoring/evidence"
)

const (
	unknown      = -1  // an age that was not said or has not happened yet, an index of nothing
	groupBuyers  = 4   // most distinct buyers counted per payer or device
	historyDays  = 820 // kept by day: the window, and the same months a year before
	dayMinutes   = 24 * 60
	daySeconds   = 24 * 3600
	hourCount    = 400 * 24
	windowMonths = 12
	perFinding   = 50 // examples kept of each finding
	maxExpected  = 2_000_000
)

// parcel is what is kept of a waybill, in 32 bytes. Ages are minutes before
// the decision.
type parcel struct {
	order         uint64 // the declared one, hashed
	start, picked int32  // made, picked up or signed: the first that was said; picked up
	weight        int32
	owner, first  int32  // the sale it was declared for; the first that named it
	findings      uint16 // what the parcel alone tells
}

// sale is what is kept of a paid order in the window, in 32 bytes.
type sale struct {
	net           int64 // amount less refunds, fen
	parcel, buyer int32
	payer, device int32
	day           int16
	findings      uint16
	service       bool
}

// buyer is what is kept of a distinct buyer.
type buyer struct {
	amount   int64
	orders   int32
	lastHour int32
}

// group is a payer or a device with the first distinct buyers seen behind it.
// The last one counted need not be remembered.
type group struct {
	buyers   [groupBuyers - 1]int32
	orders   int32
	distinct int8
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

// example keeps the readable ids of a finding for the people who look.
type example struct {
	sale             int32
	orderID, waybill string
}

// Join is one merchant's check as of one moment: add all waybills, then the
// orders and bills in any order, then ask for the Result. It keeps about two
// hundred bytes an order, never the rows, and its time grows with their number
// alone. Not for concurrent use.
type Join struct {
	options Options
	asOf    time.Time
	second  int64 // asOf, whole seconds and the rest
	nano    int
	horizon int32 // minutes before asOf up to which logistics vouch

	seen              set // orders
	byNumber, byOrder table
	parcels           []parcel
	sales             []sale
	buyerTable        table
	buyers            []buyer
	payers, devices   groups
	hours             []hour
	days              [historyDays]day
	months            [windowMonths]due
	examples          []example
	exampled          [findingCount]int
	indexed           bool // byOrder is built

	waybillBatch []pendingWaybill
	orderBatch   []pendingOrder
	touched      uint64 // keeps the reads of flush from being left out

	claimed, refunded           int64
	refundsSoon, newBuyers      int64
	knownSince, paid, shippable int64
	oldest                      int32
}

// groups are all payers or all devices.
type groups struct {
	index table
	list  []group
}

// New starts a check as of a moment.
func New(asOf time.Time, options Options) *Join {
	join := &Join{
		options: options, asOf: asOf, second: asOf.Unix(), nano: asOf.Nanosecond(), oldest: unknown, hours: make([]hour, hourCount),
		waybillBatch: make([]pendingWaybill, 0, batch), orderBatch: make([]pendingOrder, 0, batch),
	}
	if !options.LogisticsAsOf.IsZero() && options.LogisticsAsOf.Before(asOf) {
		join.horizon = join.age(options.LogisticsAsOf)
	}
	orders, waybills := int(min(max(options.Orders, 0), maxExpected)), int(min(max(options.Waybills, 0), maxExpected))
	join.seen.expect(orders)
	join.byNumber.expect(waybills)
	join.sales, join.parcels = make([]sale, 0, orders), make([]parcel, 0, waybills)
	// Nobody says how many buyers there are: half as many as orders is a start.
	join.buyerTable.expect(orders / 2)
	join.buyers = make([]buyer, 0, orders/2)
	for _, with := range []*groups{&join.payers, &join.devices} {
		with.index.expect(orders / 2)
		with.list = make([]group, 0, orders/2)
	}
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

// AddWaybill takes one parcel. One dated after the moment, or not dated at
// all, is not there; a terminal status counts once nothing else lies ahead.
func (j *Join) AddWaybill(waybill *evidence.Waybill) {
	picked, signed := j.age(waybill.PickedUpAt), j.age(waybill.SignedAt)
	start := first(j.age(waybill.CreatedAt), first(picked, signed))
	if start == unknown || j.ahead(waybill.CreatedAt) {
		return
	}
	if len(j.orderBatch) > 0 {
		j.flushOrders()
	}
	j.waybillBatch = append(j.waybillBatch, pendingWaybill{hash(waybill.No), parcel{
		order: hash(waybill.OrderID), start: start, picked: picked, weight: waybill.WeightGrams, owner: unknown, first: unknown,
		findings: j.inspect(waybill, picked, signed),
	}})
	if len(j.waybillBatch) == batch {
		j.flushWaybills()
	}
}

// inspect gives what a parcel tells without its order. Ages run backwards: a
// larger one is earlier.
func (j *Join) inspect(waybill *evidence.Waybill, picked, signed int32) (found uint16) {
	rules := &j.options.Rules
	ended := waybill.Status == evidence.WaybillCancelled || waybill.Status == evidence.WaybillReturned
	if ended && !j.ahead(waybill.PickedUpAt) && !j.ahead(waybill.SignedAt) {
		found |= findVoid
	}
	if signed == unknown {
		return found
	}
	if picked != unknown {
		minutes := int64(picked) - int64(signed)
		if minutes < 0 || waybill.DistanceKM > 50 && int64(waybill.DistanceKM)*60 > rules.MaxKMH*minutes {
			found |= findTooFast
		}
	}
	if waybill.Scans >= 0 && min(waybill.Scans, math.MaxInt16) < rules.MinScans {
		found |= findFewScans
	}
	return found
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

// AddOrder takes one order. Orders that are cancelled, unpaid or dated after
// the moment claim nothing; stamps after it have not happened. It reports
// whether the row counts at all: false for one dated after the moment, not
// dated, or repeating an id seen before.
func (j *Join) AddOrder(order *evidence.Order) bool {
	paid := j.age(order.PaidAt)
	created := first(j.age(order.CreatedAt), paid)
	if created == unknown || j.ahead(order.CreatedAt) {
		return false
	}
	key := hash(order.ID)
	if key != 0 && !j.seen.add(key) {
		return false
	}
	if Paid(order, j.asOf) {
		j.addPaid(order, key, created, paid)
	}
	return true
}

func (j *Join) addPaid(order *evidence.Order, key uint64, created, paid int32) {
	amount := max(int64(order.Amount), 0)
	at := created / dayMinutes
	if at < historyDays {
		j.days[at].gross += amount
	}
	j.oldest = max(j.oldest, created)
	if int64(at) >= j.options.Rules.WindowDays {
		return
	}
	refund := int64(RefundAt(order, j.asOf))
	j.claimed += amount
	j.refunded += refund
	j.paid++
	if refund > 0 && !order.RefundedAt.IsZero() && !order.PaidAt.IsZero() &&
		order.RefundedAt.Sub(order.PaidAt) < time.Duration(j.options.Rules.RefundSoonDays)*24*time.Hour {
		j.refundsSoon++
	}
	if !order.BuyerSince.IsZero() && !j.ahead(order.BuyerSince) {
		j.knownSince++
		if (order.CreatedAt.Unix()-order.BuyerSince.Unix())/daySeconds < j.options.Rules.NewBuyerDays {
			j.newBuyers++
		}
	}
	service := slices.Contains(j.options.Rules.ServiceCategories, order.Category)
	if !service {
		j.shippable++
	}
	if len(j.waybillBatch) > 0 {
		j.flushWaybills()
	}
	j.orderBatch = append(j.orderBatch, pendingOrder{
		order: key, waybill: hash(order.WaybillNo), buyer: hash(order.BuyerID), payer: hash(order.PayerID), device: hash(order.DeviceID),
		amount: amount, created: created, paid: paid, weight: order.WeightGrams, orderID: order.ID, waybillNo: order.WaybillNo,
		sale: sale{
			net: amount - refund, parcel: unknown, payer: unknown, device: unknown, buyer: unknown,
			day: int16(at), service: service, //nolint:gosec // a day of the window, 400 at most
		},
	})
	if len(j.orderBatch) == batch {
		j.flushOrders()
	}
}
