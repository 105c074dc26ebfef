package crosscheck

import (
	"math/bits"
	"slices"

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
	amount, dense                     int64
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
	for i := range list {
		row := &list[i]
		j.touched ^= j.byNumber.touch(row.waybill) ^ j.buyerTable.touch(row.buyer) ^
			j.payers.index.touch(row.payer) ^ j.devices.index.touch(row.device) ^ j.ips.index.touch(row.ip)
	}
	for i := range list {
		j.identify(&list[i])
	}
	for i := range list {
		at := &list[i].sale
		if at.parcel != unknown {
			j.touched ^= j.parcels[at.parcel].order
		}
		if at.buyer != unknown {
			j.touched ^= uint64(j.buyers[at.buyer].orders) //nolint:gosec // any bits will do
		}
		j.touched ^= j.payers.touch(at.payer) ^ j.devices.touch(at.device) ^ j.ips.touch(at.ip)
	}
	for i := range list {
		j.take(&list[i])
	}
	j.orderBatch = list[:0]
}

// identify finds the row's parcel, buyer, payer, device and address.
func (j *Join) identify(row *pendingOrder) {
	if row.waybill != 0 && row.sale.findings&markService == 0 && !j.unread() {
		row.sale.parcel = j.byNumber.find(row.waybill)
	}
	if row.buyer == 0 {
		return // a payer or device without a buyer links nobody
	}
	index, fresh := j.buyerTable.put(row.buyer, int32(len(j.buyers))) //nolint:gosec // bounded by memory, far below 2^31
	if fresh {
		j.buyers = append(j.buyers, buyer{lastHour: unknown})
	} else {
		row.sale.findings |= markRepeat
	}
	row.sale.buyer = index
	row.sale.payer, row.sale.device, row.sale.ip = j.payers.identify(row.payer), j.devices.identify(row.device), j.ips.identify(row.ip)
}

func (g *groups) identify(key uint64) int32 {
	if key == 0 {
		return unknown
	}
	index, fresh := g.index.put(key, int32(len(g.list))) //nolint:gosec // bounded by memory, far below 2^31
	if fresh {
		g.list = append(g.list, group{})
	}
	return index
}

func (g *groups) touch(index int32) uint64 {
	if index == unknown {
		return 0
	}
	return uint64(g.list[index].orders) //nolint:gosec // any bits will do
}

// take counts a row whose entries are known and keeps the sale. Which groups
// link buyers is seen only at the end.
func (j *Join) take(row *pendingOrder) {
	entry := &row.sale
	if entry.findings&markOutside == 0 {
		j.countBuyer(entry, row)
	}
	j.payers.join(entry.payer, entry.buyer, row.amount)
	j.devices.join(entry.device, entry.buyer, row.amount)
	j.ips.join(entry.ip, entry.buyer, row.amount)
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
	if row.dense > 0 && tooDense(row.amount, row.dense, with.weight) {
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

// countBuyer counts the order with its buyer and hour.
func (j *Join) countBuyer(entry *sale, row *pendingOrder) {
	at := entry.created / 60
	counts := at < hourCount
	if counts {
		j.hours[at].orders++
	}
	if entry.buyer == unknown {
		if counts {
			j.hours[at].buyers++
		}
		return
	}
	known := &j.buyers[entry.buyer]
	known.orders++
	known.amount += row.amount
	if counts && known.lastHour != at {
		known.lastHour = at
		j.hours[at].buyers++
	}
}

// join counts a sale into its group.
func (g *groups) join(index, buyer int32, amount int64) {
	if index == unknown {
		return
	}
	with := &g.list[index]
	with.orders++
	with.amount += amount
	if with.distinct < groupBuyers && !with.knows(buyer) {
		if int(with.distinct) < len(with.buyers) {
			with.buyers[with.distinct] = buyer
		}
		with.distinct++
	}
}

func (g *group) knows(buyer int32) bool {
	return slices.Contains(g.buyers[:min(int(g.distinct), len(g.buyers))], buyer)
}

// linked says whether a group stands for too many buyers.
func (g *groups) linked(index int32, limit int8, orders int32) bool {
	return index != unknown && g.list[index].distinct >= limit && g.list[index].orders >= orders
}

// coverage gives the share of a month's orders to be shipped that have a
// parcel of their own; orders still in the grace are left out.
func (j *Join) coverage(month int64) money.BasisPoints {
	if j.unread() || j.months[month].orders == 0 {
		return unknown
	}
	return share(j.months[month].matched, j.months[month].orders)
}
