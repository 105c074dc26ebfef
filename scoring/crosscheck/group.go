package crosscheck

import (
	"math/bits"
	"slices"
)

// Buyers, payers, devices and addresses are grouped at the end, not as rows
// come: only the hashes of their ids are kept, a column each. A column is dealt
// into parts by hash, each small enough that its table stays in a cache, so a
// row costs a few sequential steps in place of several trips to main memory.
// Within a part rows keep their order, and no report depends on the order of
// parts.

// column holds one hashed id a sale, 0 = not said. Sales beyond its end did
// not say it.
type column []uint64

// put notes the id of the sale at index; orders is how many to make room for.
func (c *column) put(index int, key uint64, orders int) {
	if key == 0 {
		return
	}
	if *c == nil {
		*c = make(column, 0, max(index+1, orders))
	}
	for len(*c) < index {
		*c = append(*c, 0)
	}
	*c = append(*c, key)
}

// member is a row of a part: its key, its sale and, of payers, devices and
// addresses, its buyer.
type member struct {
	key        uint64
	row, buyer int32
}

// partRows is how many rows a part has on average, at most.
const partRows = 2048

// grouper deals columns into parts and groups one part after the other. Its
// space is used again for each column: 16 bytes a row, and one part's.
type grouper struct {
	members []member
	ends    []int32 // of the parts
	cut     int     // bits of a key that name its part, at least one
	table   []int32 // group + 1; 0 = free
	groups  []int32 // of each member of the part
	keys    []uint64
}

// deal sorts a column's rows into parts, each with its buyer where they are
// known.
func (g *grouper) deal(keys column, buyers []int32) {
	g.cut = max(1, bits.Len(uint(len(keys)/partRows)))
	starts := make([]int32, 1<<g.cut+1)
	for _, key := range keys {
		if key != 0 {
			starts[g.part(key)+1]++
		}
	}
	for i := 1; i < len(starts); i++ {
		starts[i] += starts[i-1]
	}
	if rows := int(starts[len(starts)-1]); cap(g.members) < rows {
		g.members = make([]member, rows)
	} else {
		g.members = g.members[:rows]
	}
	for row, key := range keys {
		if key != 0 {
			at := &starts[g.part(key)]
			with := &g.members[*at]
			with.key, with.row = key, int32(row)
			if row < len(buyers) {
				with.buyer = buyers[row]
			}
			*at++
		}
	}
	g.ends = starts[:1<<g.cut]
}

func (g *grouper) part(key uint64) uint64 { return key >> (-g.cut & 63) }

// each groups one part after the other: visit gets a part's members, the
// group of each, counted from 0, and each group's key.
func (g *grouper) each(visit func(part []member, groups []int32, keys []uint64)) {
	from := int32(0)
	for _, end := range g.ends {
		if part := g.members[from:end]; len(part) > 0 {
			g.group(part)
			visit(part, g.groups, g.keys)
		}
		from = end
	}
}

func (g *grouper) group(part []member) {
	size := 1 << bits.Len(uint(2*len(part)-1))
	g.table = slices.Grow(g.table[:0], size)[:size]
	clear(g.table)
	g.groups = slices.Grow(g.groups[:0], len(part))[:len(part)]
	g.keys = slices.Grow(g.keys[:0], len(part))[:0]
	table, shift := g.table, 64-bits.Len(uint(size-1))
	for i := range part {
		key := part[i].key
		at := key << g.cut >> shift
		for {
			kept := table[at&uint64(len(table)-1)] //nolint:gosec // a length
			if kept == 0 {
				g.keys = append(g.keys, key)
				kept = int32(len(g.keys))             //nolint:gosec // bounded by memory, far below 2^31
				table[at&uint64(len(table)-1)] = kept //nolint:gosec // a length
			}
			if g.keys[kept-1] == key {
				g.groups[i] = kept - 1
				break
			}
			at++
		}
	}
}

// groupBuyers gives each sale its buyer, marks repeated ones and counts hours.
func (j *Join) groupBuyers(g *grouper) {
	j.buyerAt = slices.Grow(j.buyerAt[:0], len(j.sales))[:len(j.sales)]
	for i := range j.buyerAt {
		j.buyerAt[i] = unknown
	}
	g.deal(j.buyerOf, nil)
	buyers := 0
	g.each(func(part []member, groups []int32, keys []uint64) {
		for i := range part {
			j.buyerAt[part[i].row] = int32(buyers) + groups[i] //nolint:gosec // bounded by memory, far below 2^31
		}
		buyers += len(keys)
	})
	j.buyers = slices.Grow(j.buyers[:0], buyers)[:buyers]
	for i := range j.buyers {
		j.buyers[i] = buyer{lastHour: never}
	}
	clear(j.hours)
	j.busiest = 0
	for i := range j.sales {
		j.count(&j.sales[i], j.buyerAt[i])
	}
}

// never is the last hour of a buyer of whom no order was seen yet.
const never = -2

// count takes a sale into its hour and its buyer.
func (j *Join) count(entry *sale, by int32) {
	var known *buyer
	if by != unknown {
		if known = &j.buyers[by]; known.lastHour != never {
			entry.findings |= markRepeat
		} else {
			known.lastHour = unknown
		}
	}
	if entry.findings&markOutside != 0 {
		return
	}
	at := entry.created / 60
	if at < hourCount {
		j.hours[at].orders++
		j.busiest = max(j.busiest, j.hours[at].orders)
	}
	if known != nil {
		known.orders++
		known.amount += entry.amount
		if known.lastHour == at {
			return
		}
		if at < hourCount {
			known.lastHour = at
		}
	}
	if at < hourCount {
		j.hours[at].buyers++
	}
}

// group is a payer, a device or an address with the first distinct buyers seen
// behind it. The last one counted need not be remembered.
type group struct {
	buyers   [groupBuyers - 1]int32
	orders   int32
	distinct int8
}

// join counts a sale into its group.
func (g *group) join(buyer int32) {
	g.orders++
	if g.buyers[0] == buyer && g.distinct > 0 || g.distinct == groupBuyers || slices.Contains(g.buyers[:min(int(g.distinct), len(g.buyers))], buyer) {
		return
	}
	if int(g.distinct) < len(g.buyers) {
		g.buyers[g.distinct] = buyer
	}
	g.distinct++
}

// link marks the sales of payers, devices or addresses that stand for so many
// buyers and orders. With each, called on every part before, may look further.
func (j *Join) link(g *grouper, keys column, limit int8, mark uint32, further func(part []member, groups []int32, keys []uint64, known []group)) {
	if len(keys) == 0 {
		return
	}
	g.deal(keys, j.buyerAt)
	var known []group
	g.each(func(part []member, groups []int32, keys []uint64) {
		known = slices.Grow(known[:0], len(keys))[:len(keys)]
		clear(known)
		linked := false
		for i := range part {
			with := &known[groups[i]]
			with.join(part[i].buyer)
			linked = linked || j.linked(with, limit)
		}
		if linked {
			for i := range part {
				if j.linked(&known[groups[i]], limit) {
					j.sales[part[i].row].findings |= mark
				}
			}
		}
		if further != nil {
			further(part, groups, keys, known)
		}
	})
}

// linked says whether a group stands for too many buyers.
func (j *Join) linked(with *group, limit int8) bool {
	return with.distinct >= limit && with.orders >= j.options.Rules.LinkedOrders
}
