package crosscheck

import (
	"slices"
	"strings"

	"loan310/app/money"
)

// batch is how many rows are looked up together. A table of a million entries
// lies in main memory, and a row needs half a dozen places of it: asked for
// one after the other each costs a trip, asked for together the trips overlap.
// So rows wait until there are enough; the tables are first touched for all of
// them, then used. The rows are still taken in their order.
const batch = 64

// pendingWaybill is a parcel and its number, hashed.
type pendingWaybill struct {
	number uint64
	parcel parcel
}

// pendingOrder is what is needed of a paid order: ids as hashes (0 = not
// said), ages in minutes, and the readable ids in case something is found.
type pendingOrder struct {
	order, waybill, buyer, payer, device uint64
	amount                               int64
	created, paid, weight                int32
	sale                                 sale
	orderID, waybillNo                   string
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
			j.payers.index.touch(row.payer) ^ j.devices.index.touch(row.device)
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
		j.touched ^= j.payers.touch(at.payer) ^ j.devices.touch(at.device)
	}
	for i := range list {
		j.take(&list[i])
	}
	j.orderBatch = list[:0]
}

// identify finds the row's parcel, buyer, payer and device.
func (j *Join) identify(row *pendingOrder) {
	if row.waybill != 0 && !row.sale.service && !j.unread() {
		row.sale.parcel = j.byNumber.find(row.waybill)
	}
	if row.buyer == 0 {
		return // a payer or device without a buyer links nobody
	}
	index, fresh := j.buyerTable.put(row.buyer, int32(len(j.buyers))) //nolint:gosec // bounded by memory, far below 2^31
	if fresh {
		j.buyers = append(j.buyers, buyer{lastHour: unknown})
	}
	row.sale.buyer = index
	row.sale.payer, row.sale.device = j.payers.identify(row.payer), j.devices.identify(row.device)
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

// take counts a row whose entries are known and keeps the sale.
func (j *Join) take(row *pendingOrder) {
	entry := &row.sale
	j.countBuyer(entry, row)
	rules := &j.options.Rules
	linked := j.payers.join(entry.payer, entry.buyer, rules.PayerBuyers, rules.LinkedOrders)
	if j.devices.join(entry.device, entry.buyer, rules.DeviceBuyers, rules.LinkedOrders) || linked {
		entry.findings |= findLinked
	}
	if !entry.service && !j.unread() {
		j.match(entry, row)
	}
	j.sales = append(j.sales, *entry)
	if entry.findings != 0 {
		j.keep(row)
	}
}

// match holds the order and its parcel together.
func (j *Join) match(entry *sale, row *pendingOrder) {
	if entry.parcel == unknown {
		entry.parcel = j.declaredFor(row.order)
	}
	if entry.parcel == unknown {
		grace := j.horizon + int32(j.options.Rules.GraceDays*dayMinutes) //nolint:gosec // at most 400 days
		if first(row.paid, row.created) < grace {
			entry.findings |= findPending
		} else {
			entry.findings |= findMissing
		}
		return
	}
	self := int32(len(j.sales)) //nolint:gosec // bounded by memory, far below 2^31
	with := &j.parcels[entry.parcel]
	switch {
	case with.order == row.order:
		with.owner = self
	case with.order != 0:
		entry.findings |= findForeign
	}
	if with.first == unknown {
		with.first = self
	} else {
		entry.findings |= findReused
	}
	entry.findings |= with.findings | j.compare(with, row)
}

// compare gives what one order and its parcel tell of each other. Ages run
// backwards: a larger one is earlier.
func (j *Join) compare(with *parcel, row *pendingOrder) (found uint16) {
	rules := &j.options.Rules
	if with.start > row.created+rules.PredatesMinutes {
		found |= findPredates
	}
	if with.weight > 0 && row.weight > 0 && int64(with.weight)*10_000 < int64(row.weight)*int64(rules.WeightMin) {
		found |= findWeight
	}
	if with.picked != unknown && row.paid != unknown && with.picked > row.paid {
		found |= findBeforePaid
	}
	return found
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
	at := row.created / 60
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

// join counts a sale into its group and says whether the group stands for too
// many buyers by now; Result settles the earlier sales.
func (g *groups) join(index, buyer int32, limit int8, orders int32) bool {
	if index == unknown {
		return false
	}
	with := &g.list[index]
	with.orders++
	if with.distinct < groupBuyers && !with.knows(buyer) {
		if int(with.distinct) < len(with.buyers) {
			with.buyers[with.distinct] = buyer
		}
		with.distinct++
	}
	return with.distinct >= limit && with.orders >= orders
}

func (g *group) knows(buyer int32) bool {
	return slices.Contains(g.buyers[:min(int(g.distinct), len(g.buyers))], buyer)
}

// linked says whether a group stands for too many buyers.
func (g *groups) linked(index int32, limit int8, orders int32) bool {
	return index != unknown && g.list[index].distinct >= limit && g.list[index].orders >= orders
}

// keep remembers readable ids while a finding still wants examples.
func (j *Join) keep(row *pendingOrder) {
	wanted := false
	for bit := range findingCount {
		if row.sale.findings&(1<<bit) != 0 && j.exampled[bit] < perFinding && 1<<bit != findPending {
			j.exampled[bit]++
			wanted = true
		}
	}
	if wanted {
		// Cloned so that the row's buffer can go.
		j.examples = append(j.examples, example{int32(len(j.sales) - 1), strings.Clone(row.orderID), strings.Clone(row.waybillNo)}) //nolint:gosec // bounded by memory, far below 2^31
	}
}

// coverage gives the share of a month's orders to be shipped that have a
// parcel of their own; orders still in the grace are left out.
func (j *Join) coverage(month int64) money.BasisPoints {
	if j.unread() || j.months[month].orders == 0 {
		return unknown
	}
	return share(j.months[month].matched, j.months[month].orders)
}
