package crosscheck

import (
	"math"
	"strings"
	"time"

	"loan310/scoring/evidence"
)

const (
	unknown     = -1  // an age that was not said or has not happened yet
	groupBuyers = 4   // distinct buyers remembered per payer or device
	historyDays = 820 // kept by day: the window, and the same months a year before
	dayMinutes  = 24 * 60
	hourCount   = 400 * 24
	perFinding  = 50 // examples kept of each finding
	maxExpected = 2_000_000
)

// parcel is what is kept of a waybill: ages are minutes before the decision.
type parcel struct {
	order                   uint64
	created, picked, signed int32
	distance, weight        int32
	owner, first            int32 // the order it was declared for; the first that named it
	scans                   int16
	void                    bool
}

// sale is what is kept of a paid order in the window.
type sale struct {
	net           int64 // amount less refunds, fen
	parcel        int32
	payer, device int32
	buyer         int32
	day           int16
	findings      uint32
	service       bool
}

// buyer is what is kept of a distinct buyer.
type buyer struct {
	amount   int64
	orders   int32
	lastHour int32
}

// group is a payer or a device with the first distinct buyers seen behind it.
type group struct {
	buyers   [groupBuyers]int32
	distinct int8
	orders   int32
}

// hour counts orders and distinct buyers in one hour of the window.
type hour struct{ orders, buyers int32 }

// day sums one day: gross of refunds.
type day struct {
	gross  int64
	wh     int64
	meters int32
}

// example keeps the readable ids of a finding for the people who look.
type example struct {
	sale             int32
	orderID, waybill string
}

// Join is one merchant's check as of one moment: add all waybills, then the
// orders and bills in any order, then ask for the Result. It keeps a few dozen
// bytes a row, never the rows. Not for concurrent use.
type Join struct {
	asOf     time.Time
	options  Options
	horizon  int32 // minutes before asOf up to which logistics vouch
	services map[string]bool

	orderTable        table
	byNumber, byOrder table
	orderIndex        []int32 // dense byOrder index to parcel
	parcels           []parcel
	sales             []sale
	buyerTable        table
	buyers            []buyer
	payerTable        table
	payers            []group
	deviceTable       table
	devices           []group
	hours             []hour
	days              [historyDays]day
	examples          []example
	exampled          [findingCount]int

	claimed, refunded           int64
	refundsSoon, newBuyers      int64
	knownSince, paid, shippable int64
	oldest                      int32
}

// New starts a check as of a moment.
func New(asOf time.Time, options Options) *Join {
	join := &Join{asOf: asOf, options: options, services: make(map[string]bool, len(options.Rules.ServiceCategories)), oldest: unknown}
	for _, category := range options.Rules.ServiceCategories {
		join.services[category] = true
	}
	if !options.LogisticsAsOf.IsZero() && options.LogisticsAsOf.Before(asOf) {
		join.horizon = join.age(options.LogisticsAsOf)
	}
	orders, waybills := int(min(max(options.Orders, 0), maxExpected)), int(min(max(options.Waybills, 0), maxExpected))
	join.orderTable.expect(orders)
	join.byNumber.expect(waybills)
	join.sales = make([]sale, 0, orders)
	join.parcels = make([]parcel, 0, waybills)
	return join
}

// age gives minutes from t to the moment of decision; unknown when the source
// did not say or it has not happened by then.
func (j *Join) age(t time.Time) int32 {
	if t.IsZero() || t.After(j.asOf) {
		return unknown
	}
	return int32(min(j.asOf.Sub(t)/time.Minute, math.MaxInt32)) //nolint:gosec // bounded in the same line
}

func first(ages ...int32) int32 {
	for _, age := range ages {
		if age != unknown {
			return age
		}
	}
	return unknown
}

// AddWaybill takes one parcel. One dated after the moment, or not dated at
// all, is not there; a terminal status counts once nothing else lies ahead.
func (j *Join) AddWaybill(waybill *evidence.Waybill) {
	entry := parcel{
		order: hash(waybill.OrderID), created: j.age(waybill.CreatedAt), picked: j.age(waybill.PickedUpAt), signed: j.age(waybill.SignedAt),
		distance: waybill.DistanceKM, weight: waybill.WeightGrams, owner: unknown, first: unknown,
		scans: int16(min(max(waybill.Scans, -1), math.MaxInt16)),
	}
	if waybill.CreatedAt.After(j.asOf) || first(entry.created, entry.picked, entry.signed) == unknown {
		return
	}
	future := waybill.PickedUpAt.After(j.asOf) || waybill.SignedAt.After(j.asOf)
	entry.void = !future && (waybill.Status == evidence.WaybillCancelled || waybill.Status == evidence.WaybillReturned)
	index := int32(len(j.parcels)) //nolint:gosec // bounded by memory, far below 2^31
	if key := hash(waybill.No); key != 0 {
		if _, fresh := j.byNumber.put(key); !fresh {
			return // the carrier repeats itself: the first row stands
		}
	} else {
		// Keeps the table's index and the parcel's the same number.
		j.byNumber.put(mix(uint64(index)) | 1)
	}
	j.parcels = append(j.parcels, entry)
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
	created := first(j.age(order.CreatedAt), j.age(order.PaidAt))
	if created == unknown || order.CreatedAt.After(j.asOf) {
		return false
	}
	key := hash(order.ID)
	if key != 0 {
		if _, fresh := j.orderTable.put(key); !fresh {
			return false
		}
	}
	if Paid(order, j.asOf) {
		j.addPaid(order, key, created)
	}
	return true
}

func (j *Join) addPaid(order *evidence.Order, key uint64, created int32) {
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
	entry := sale{
		net: amount - refund, parcel: unknown, payer: unknown, device: unknown, buyer: unknown,
		day: int16(at), service: j.services[order.Category], //nolint:gosec // a day of the window, 400 at most
	}
	j.countBuyer(&entry, order, amount, created)
	if refund > 0 && !order.RefundedAt.IsZero() && !order.PaidAt.IsZero() &&
		order.RefundedAt.Sub(order.PaidAt) < time.Duration(j.options.Rules.RefundSoonDays)*24*time.Hour {
		j.refundsSoon++
	}
	if !entry.service {
		j.shippable++
		j.match(&entry, order, key, created)
	}
	j.sales = append(j.sales, entry)
	if entry.findings != 0 {
		j.keep(entry.findings, int32(len(j.sales)-1), order) //nolint:gosec // bounded by memory, far below 2^31
	}
}

// match finds the order's parcel and holds the two together.
func (j *Join) match(entry *sale, order *evidence.Order, key uint64, created int32) {
	if j.unread() {
		return
	}
	if order.WaybillNo != "" {
		entry.parcel = j.byNumber.find(hash(order.WaybillNo))
	}
	if entry.parcel == unknown {
		entry.parcel = j.declaredFor(key)
	}
	if entry.parcel == unknown {
		grace := j.horizon + int32(j.options.Rules.GraceDays*dayMinutes) //nolint:gosec // at most 400 days
		if first(j.age(order.PaidAt), created) < grace {
			entry.findings |= findPending
		} else {
			entry.findings |= findMissing
		}
		return
	}
	self := int32(len(j.sales)) //nolint:gosec // bounded by memory, far below 2^31
	with := &j.parcels[entry.parcel]
	switch {
	case with.order == key:
		with.owner = self
	case with.order != 0:
		entry.findings |= findForeign
	}
	if with.first == unknown {
		with.first = self
	} else {
		entry.findings |= findReused
	}
	entry.findings |= j.compare(with, order, created)
}

// compare gives what one order and its parcel tell of each other. Ages run
// backwards: a larger one is earlier.
func (j *Join) compare(with *parcel, order *evidence.Order, created int32) uint32 {
	rules := &j.options.Rules
	var found uint32
	start := first(with.created, with.picked, with.signed)
	if start > created+rules.PredatesMinutes {
		found |= findPredates
	}
	if with.void {
		found |= findVoid
	}
	if with.signed != unknown && with.picked != unknown {
		minutes := int64(with.picked) - int64(with.signed)
		if minutes < 0 || with.distance > 50 && int64(with.distance)*60 > rules.MaxKMH*minutes {
			found |= findTooFast
		}
	}
	if with.signed != unknown && with.scans >= 0 && int32(with.scans) < rules.MinScans {
		found |= findFewScans
	}
	if with.weight > 0 && order.WeightGrams > 0 && int64(with.weight)*10_000 < int64(order.WeightGrams)*int64(rules.WeightMin) {
		found |= findWeight
	}
	if paid := j.age(order.PaidAt); with.picked != unknown && paid != unknown && with.picked > paid {
		found |= findBeforePaid
	}
	return found
}

// declaredFor finds a parcel by the order the carrier was told. The index is
// built when first asked for: most orders name their waybill.
func (j *Join) declaredFor(order uint64) int32 {
	if j.orderIndex == nil {
		j.orderIndex = make([]int32, 0, len(j.parcels))
		for i := range j.parcels {
			if j.parcels[i].order == 0 {
				continue
			}
			if _, fresh := j.byOrder.put(j.parcels[i].order); fresh {
				j.orderIndex = append(j.orderIndex, int32(i))
			}
		}
	}
	if index := j.byOrder.find(order); index != unknown {
		return j.orderIndex[index]
	}
	return unknown
}

// countBuyer counts the order with its buyer, hour, payer and device.
func (j *Join) countBuyer(entry *sale, order *evidence.Order, amount int64, created int32) {
	at := created / 60
	if j.hours == nil {
		j.hours = make([]hour, hourCount)
	}
	counts := at < hourCount
	if counts {
		j.hours[at].orders++
	}
	if key := hash(order.BuyerID); key != 0 {
		index, fresh := j.buyerTable.put(key)
		if fresh {
			j.buyers = append(j.buyers, buyer{lastHour: unknown})
		}
		known := &j.buyers[index]
		known.orders++
		known.amount += amount
		if counts && known.lastHour != at {
			known.lastHour = at
			j.hours[at].buyers++
		}
		entry.buyer = index
	} else if counts {
		j.hours[at].buyers++
	}
	if !order.BuyerSince.IsZero() && !order.BuyerSince.After(j.asOf) {
		j.knownSince++
		if days := int64(order.CreatedAt.Sub(order.BuyerSince) / (24 * time.Hour)); days < j.options.Rules.NewBuyerDays {
			j.newBuyers++
		}
	}
	entry.payer = j.join(&j.payerTable, &j.payers, hash(order.PayerID), entry, j.options.Rules.PayerBuyers)
	entry.device = j.join(&j.deviceTable, &j.devices, hash(order.DeviceID), entry, j.options.Rules.DeviceBuyers)
}

// join counts a sale into the group of its payer or device and marks it once
// the group stands for too many buyers; Result settles the earlier ones.
func (j *Join) join(index *table, groups *[]group, key uint64, entry *sale, limit int8) int32 {
	if key == 0 || entry.buyer == unknown {
		return unknown
	}
	at, fresh := index.put(key)
	if fresh {
		*groups = append(*groups, group{})
	}
	with := &(*groups)[at]
	with.orders++
	seen := false
	for _, known := range with.buyers[:with.distinct] {
		seen = seen || known == entry.buyer
	}
	if !seen && with.distinct < groupBuyers {
		with.buyers[with.distinct] = entry.buyer
		with.distinct++
	}
	if with.distinct >= limit && with.orders >= j.options.Rules.LinkedOrders {
		entry.findings |= findLinked
	}
	return at
}

// keep remembers readable ids while a finding still wants examples.
func (j *Join) keep(findings uint32, index int32, order *evidence.Order) {
	wanted := false
	for bit := range findingCount {
		if findings&(1<<bit) != 0 && j.exampled[bit] < perFinding && 1<<bit != findPending {
			j.exampled[bit]++
			wanted = true
		}
	}
	if wanted {
		// Cloned so that the row's buffer can go.
		j.examples = append(j.examples, example{index, strings.Clone(order.ID), strings.Clone(order.WaybillNo)})
	}
}
