package crosscheck

import (
	"math/bits"
	"slices"

	"loan310/app/money"
	"loan310/scoring/evidence"
)

// Batch is how many rows are looked up together, and how many orders it is
// best to give AddOrders: more would push each other out of the cache. A table of a million entries
// lies in main memory, or in a cache shared by all cores: asked for one after
// the other each look-up costs a trip, asked for together the trips overlap.
// So the tables are first touched for a batch of rows, then used. The rows are
// still taken in their order.
const Batch = 32

// pendingWaybill is a parcel with its number, hashed, and the region it comes
// from.
type pendingWaybill struct {
	number uint64
	origin uint16
	parcel parcel
}

// incoming is an order on its way in.
type incoming struct {
	key, waybill  uint64 // the order and the parcel it names, hashed
	created, paid int32  // ages; created is unknown of an order that does not count
	parcel        int32
}

func (j *Join) stamp(order *evidence.Order) incoming {
	paid := j.age(order.PaidAt)
	created := first(j.age(order.CreatedAt), paid)
	if created == unknown || j.ahead(order.CreatedAt) {
		return incoming{created: unknown}
	}
	return incoming{key: hash(order.ID), waybill: hash(order.WaybillNo), created: created, paid: paid, parcel: unknown}
}

// AddOrder takes one order. Orders that are cancelled, unpaid or dated after
// the moment claim nothing; stamps after it have not happened. It reports
// whether the row counts at all: false for one dated after the moment, not
// dated, or repeating an id seen before. With many orders its look-ups cost a
// trip to main memory each: AddOrders makes the trips of many rows together.
func (j *Join) AddOrder(order *evidence.Order) bool {
	j.flush()
	row := j.stamp(order)
	j.look(&row)
	return j.add(order, &row)
}

// AddOrders takes orders as AddOrder does and calls counted, if given, with
// each that counts, in their order. Batch at a time are enough.
func (j *Join) AddOrders(orders []evidence.Order, counted func(*evidence.Order)) {
	j.flush()
	var rows [Batch]incoming
	for part := range slices.Chunk(orders, Batch) {
		touched := uint64(0)
		for i := range part {
			rows[i] = j.stamp(&part[i])
		}
		for i := range part {
			touched ^= j.orders.touch(rows[i].key) ^ j.byNumber.touch(rows[i].waybill)
		}
		for i := range part {
			if j.look(&rows[i]); rows[i].parcel != unknown {
				touched ^= uint64(j.parcels[rows[i].parcel].order.low)
			}
		}
		j.touched ^= touched
		for i := range part {
			if j.add(&part[i], &rows[i]) && counted != nil {
				counted(&part[i])
			}
		}
	}
}

// look finds the parcel an order names.
func (j *Join) look(row *incoming) {
	if row.waybill != 0 && !j.unread() {
		row.parcel = j.byNumber.find(row.waybill)
	}
}

func (j *Join) add(order *evidence.Order, row *incoming) bool {
	if row.created == unknown || !j.orders.put(row.key) {
		return false
	}
	if Paid(order, j.asOf) {
		j.addPaid(order, row)
	}
	return true
}

func (j *Join) addPaid(order *evidence.Order, row *incoming) {
	amount := max(int64(order.Amount), 0)
	at := int64(row.created / dayMinutes)
	if at < historyDays {
		j.days[at].gross += amount
	}
	j.oldest = max(j.oldest, row.created)
	if at >= max(j.options.Rules.EvidenceDays, j.options.Rules.WindowDays) {
		return
	}
	self := len(j.sales)
	back := int64(RefundAt(order, j.asOf))
	if back > 0 {
		j.refunds = append(j.refunds, refund{amount: back, sale: int32(self)}) //nolint:gosec // bounded by memory, far below 2^31
	}
	kind := j.category(order.Category)
	entry := sale{
		amount: amount, order: int32(len(j.orders.keys) - 1), //nolint:gosec // bounded by memory, far below 2^31
		parcel: row.parcel, created: row.created, findings: j.claim(order, at, amount, back),
	}
	if kind.service {
		entry.findings |= markService
	} else if entry.findings&markOutside == 0 {
		j.shippable++
	}
	j.judgedOrders++
	if kind.peer != unknown {
		j.peerOrders[kind.peer]++
	}
	if buyer := hash(order.BuyerID); buyer != 0 { // a payer or device without a buyer links nobody
		j.buyerOf.put(self, buyer, cap(j.sales))
		j.payerOf.put(self, hash(order.PayerID), cap(j.sales))
		j.deviceOf.put(self, hash(order.DeviceID), cap(j.sales))
		j.ipOf.put(self, hash(order.IP), cap(j.sales))
	}
	if kind.service || j.unread() {
		entry.parcel = unknown
	} else {
		j.match(&entry, order, row, kind)
	}
	j.sales = append(j.sales, entry)
}

// flush numbers the parcels that wait.
func (j *Join) flush() {
	if len(j.waybillBatch) == 0 {
		return
	}
	for i := range j.waybillBatch {
		j.touched ^= j.byNumber.touch(j.waybillBatch[i].number)
	}
	for i := range j.waybillBatch {
		with := &j.waybillBatch[i]
		if !j.byNumber.put(with.number) {
			continue // the carrier repeats itself: the first row stands
		}
		with.parcel.origin = j.origins.count(with.origin)
		j.parcels = append(j.parcels, with.parcel)
	}
	j.waybillBatch = j.waybillBatch[:0]
}

// match holds the order and its parcel together. Who stands behind it is seen
// only at the end.
func (j *Join) match(entry *sale, order *evidence.Order, row *incoming, kind *category) {
	if entry.parcel == unknown {
		entry.parcel = j.declaredFor(row.key)
	}
	if entry.parcel == unknown {
		grace := j.horizon + int32(j.options.Rules.GraceDays*dayMinutes) //nolint:gosec // at most 400 days
		switch {
		case first(row.paid, entry.created) < grace:
			entry.findings |= findPending
		case j.saidShipped(order):
			entry.findings |= findMissing | markShipped
		default:
			entry.findings |= findMissing | markStuck
		}
		return
	}
	self := int32(len(j.sales)) //nolint:gosec // bounded by memory, far below 2^31
	with := &j.parcels[entry.parcel]
	switch declared := with.order.key(); {
	case declared == row.key:
		with.owner = self
	case declared != 0:
		entry.findings |= findForeign
	}
	if with.first == unknown {
		with.first = self
	} else {
		entry.findings |= findReused
	}
	entry.findings |= with.told.findings() | j.compare(with, order, row, kind)
	if with.weight > 0 {
		j.weights.add(with.weight, order.WeightGrams)
	}
}

// compare gives what one order and its parcel tell of each other. Ages run
// backwards: a larger one is earlier.
func (j *Join) compare(with *parcel, order *evidence.Order, row *incoming, kind *category) (found uint32) {
	rules, created := &j.options.Rules, row.created
	if with.start > created+rules.PredatesMinutes {
		found |= findPredates
	}
	if first(with.picked, with.start) > created+rules.BeforeMinutes {
		found |= markBeforeOrder
	}
	if with.picked != unknown && row.paid != unknown && with.picked > row.paid {
		found |= findBeforePaid
		if created-row.paid <= rules.QuickPayMinutes {
			found |= markQuickPaid
		}
	}
	if with.told&toldAtOnce != 0 {
		// Both stamps are one: the way from the order to the door decides.
		if created-with.picked < rules.Transit.fastest(with.told.tier()) {
			found |= findTooFast | markNoTime
		} else {
			found |= markAtOnce
		}
	}
	if with.region != 0 {
		if region := j.shipTo.of(order.ShipTo).region; region != 0 && region != with.region {
			found |= findDestination
		}
	}
	if with.weight <= 0 {
		return found
	}
	if order.WeightGrams > 0 {
		if int64(with.weight)*10_000 < int64(order.WeightGrams)*int64(rules.WeightMin) {
			found |= findWeight
		}
		if order.WeightGrams >= rules.LightGrams && int64(with.weight)*10_000 < int64(order.WeightGrams)*int64(rules.LightWeight) {
			found |= markLight
		}
	}
	if kind.dense > 0 && tooDense(max(int64(order.Amount), 0), kind.dense, with.weight) {
		found |= findDensity
	}
	return found
}

// tooDense says whether amount > dense * weight / 100, in 128 bits.
func tooDense(amount, dense int64, weight int32) bool {
	aHigh, aLow := bits.Mul64(uint64(amount), 100)           //nolint:gosec // never negative
	bHigh, bLow := bits.Mul64(uint64(dense), uint64(weight)) //nolint:gosec // positive, see compare
	return aHigh > bHigh || aHigh == bHigh && aLow > bLow
}

// declaredFor finds a parcel by the order the carrier was told. The index is
// built when first asked for: most orders name their waybill.
func (j *Join) declaredFor(order uint64) int32 {
	if !j.indexed {
		j.indexed = true
		j.byOrder.expect(len(j.parcels))
		for i := range j.parcels {
			if declared := j.parcels[i].order.key(); declared != 0 {
				j.byOrder.put(declared, int32(i))
			}
		}
	}
	if order == 0 {
		return unknown
	}
	return j.byOrder.find(order)
}

// coverage gives the share of a month's orders to be shipped that have a
// parcel of their own; orders still in the grace are left out.
func (j *Join) coverage(month int64) money.BasisPoints {
	if j.unread() || j.months[month].orders == 0 {
		return unknown
	}
	return share(j.months[month].matched, j.months[month].orders)
}
