package crosscheck

import (
	"math/bits"

	"loan310/app/money"
)

// batch is how many rows are looked up together. A table of a million entries
// lies in main memory, and a row needs half a dozen places of it: asked for
// one after the other each costs a trip, asked for together the trips overlap.
// So rows wait until there are enough; the tables are first touched for all of
// them, then used. The rows are still taken in their order.
const batch = 64

// pendingWaybill is a parcel with its number, hashed, and the region it comes
// from.
type pendingWaybill struct {
	number uint64
	origin uint16
	parcel parcel
}

// pendingOrder is what is needed of a paid order: ids as hashes (0 = not
// said), ages in minutes.
type pendingOrder struct {
	waybill, buyer, payer, device, ip uint64
	dense                             int64
	paid, weight                      int32
	region                            uint16 // of the address
	sale                              sale
}

func (j *Join) flushWaybills() {
	for i := range j.waybillBatch {
		j.touched ^= j.byNumber.touch(j.waybillBatch[i].number)
	}
	for i := range j.waybillBatch {
		with := &j.waybillBatch[i]
		if with.number != 0 {
			if _, fresh := j.byNumber.put(with.number, int32(len(j.parcels))); !fresh { //nolint:gosec // bounded by memory, far below 2^31
				continue // the carrier repeats itself: the first row stands
			}
		}
		with.parcel.origin = j.origins.count(with.origin)
		j.parcels = append(j.parcels, with.parcel)
	}
	j.waybillBatch = j.waybillBatch[:0]
}

// flush takes what still waits.
func (j *Join) flush() {
	j.flushWaybills()
	j.flushOrders()
}

func (j *Join) flushOrders() {
	list := j.orderBatch
	readable := !j.unread()
	for i := range list {
		if row := &list[i]; row.waybill != 0 && readable {
			j.touched ^= j.byNumber.touch(row.waybill)
		}
	}
	for i := range list {
		if row := &list[i]; row.waybill != 0 && readable && row.sale.findings&markService == 0 {
			if row.sale.parcel = j.byNumber.find(row.waybill); row.sale.parcel != unknown {
				j.touched ^= j.parcels[row.sale.parcel].order
			}
		}
	}
	for i := range list {
		j.take(&list[i])
	}
	j.orderBatch = list[:0]
}

// take holds a row against its parcel and keeps the sale. Who stands behind it
// is seen only at the end.
func (j *Join) take(row *pendingOrder) {
	entry, self := &row.sale, len(j.sales)
	if row.buyer != 0 { // a payer or device without a buyer links nobody
		j.buyerOf.put(self, row.buyer, cap(j.sales))
		j.payerOf.put(self, row.payer, cap(j.sales))
		j.deviceOf.put(self, row.device, cap(j.sales))
		j.ipOf.put(self, row.ip, cap(j.sales))
	}
	switch {
	case entry.findings&markService != 0 || j.unread():
		entry.findings &^= markShipped
	default:
		j.match(entry, row)
	}
	j.sales = append(j.sales, *entry)
}

// match holds the order and its parcel together.
func (j *Join) match(entry *sale, row *pendingOrder) {
	if entry.parcel == unknown {
		entry.parcel = j.declaredFor(entry.key)
	}
	if entry.parcel == unknown {
		grace := j.horizon + int32(j.options.Rules.GraceDays*dayMinutes) //nolint:gosec // at most 400 days
		switch {
		case first(row.paid, entry.created) < grace:
			entry.findings = entry.findings&^markShipped | findPending
		case entry.findings&markShipped != 0:
			entry.findings |= findMissing
		default:
			entry.findings |= findMissing | markStuck
		}
		return
	}
	entry.findings &^= markShipped
	self := int32(len(j.sales)) //nolint:gosec // bounded by memory, far below 2^31
	with := &j.parcels[entry.parcel]
	switch {
	case with.order == entry.key:
		with.owner = self
	case with.order != 0:
		entry.findings |= findForeign
	}
	if with.first == unknown {
		with.first = self
	} else {
		entry.findings |= findReused
	}
	entry.findings |= with.findings&^markAtOnce | j.compare(with, row)
	if with.weight > 0 {
		j.weights.add(with.weight, row.weight)
	}
}

// compare gives what one order and its parcel tell of each other. Ages run
// backwards: a larger one is earlier.
func (j *Join) compare(with *parcel, row *pendingOrder) (found uint32) {
	rules, created := &j.options.Rules, row.sale.created
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
	if with.findings&markAtOnce != 0 {
		// Both stamps are one: the way from the order to the door decides.
		if created-with.picked < rules.Transit.fastest(with.tier) {
			found |= findTooFast | markNoTime
		} else {
			found |= markAtOnce
		}
	}
	if with.region != 0 && row.region != 0 && with.region != row.region {
		found |= findDestination
	}
	if with.weight <= 0 {
		return found
	}
	if row.weight > 0 {
		if int64(with.weight)*10_000 < int64(row.weight)*int64(rules.WeightMin) {
			found |= findWeight
		}
		if row.weight >= rules.LightGrams && int64(with.weight)*10_000 < int64(row.weight)*int64(rules.LightWeight) {
			found |= markLight
		}
	}
	if row.dense > 0 && tooDense(row.sale.amount, row.dense, with.weight) {
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
			if declared := j.parcels[i].order; declared != 0 {
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
