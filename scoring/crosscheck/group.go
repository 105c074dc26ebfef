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

// member is a row of a part: its key, its sale, the sale's amount, and its
// buyer (of payers, devices and addresses) or its age (of buyers).
type member struct {
	key      uint64
	amount   int64
	row, who int32
}

// partRows is how many rows a part has on average, at most.
const partRows = 2048

// grouper deals columns into parts and groups one part after the other. Its
// space is used again for each column: 28 bytes a row, and one part's.
type grouper struct {
	members []member
	ends    []int32 // of the parts
	cut     int     // bits of a key that name its part
	table   []int32 // group + 1; 0 = free
	groups  []int32 // of each member of the part
	keys    []uint64
	numbers []int32 // of each sale's buyer + 1, negative of a repeated one
}

// deal sorts a column's rows into parts, each with its age or its buyer.
func (g *grouper) deal(keys column, sales []sale, ages bool) {
	g.cut = bits.Len(uint(len(keys) / partRows))
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
		g.members = make([]member, rows, max(rows, len(sales)))
	} else {
		g.members = g.members[:rows]
	}
	for row, key := range keys {
		if key != 0 {
			at := &starts[g.part(key)]
			entry := &sales[row]
			who := entry.buyer
			if ages {
				if who = entry.created; entry.findings&markOutside != 0 {
					who = unknown
				}
			}
			g.members[*at] = member{key, entry.amount, int32(row), who}
			*at++
		}
	}
	g.ends = starts[:1<<g.cut]
}

func (g *grouper) part(key uint64) uint64 { return key >> 32 >> (32 - g.cut) }

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
	j.buyers = j.buyers[:0]
	clear(j.hours)
	g.deal(j.buyerOf, j.sales, true)
	if cap(j.buyers) == 0 {
		j.buyers = make([]buyer, 0, len(g.members)/2)
	}
	g.numbers = make([]int32, len(j.sales))
	g.each(func(part []member, groups []int32, keys []uint64) {
		base := len(j.buyers)
		j.buyers = slices.Grow(j.buyers, len(keys))[:base+len(keys)]
		buyers := j.buyers[base:]
		for i := range buyers {
			buyers[i] = buyer{lastHour: never}
		}
		for i := range part {
			with, known := &part[i], &buyers[groups[i]]
			number := int32(base) + groups[i] + 1 //nolint:gosec // bounded by memory, far below 2^31
			if known.lastHour != never {
				number = -number
			} else {
				known.lastHour = unknown
			}
			g.numbers[with.row] = number
			if with.who != unknown {
				known.count(with, j.hours)
			}
		}
	})
	for i, number := range g.numbers {
		j.name(&j.sales[i], number)
	}
}

// name writes a buyer's number into its sale and counts the sale's hour.
func (j *Join) name(entry *sale, number int32) {
	at := entry.created / 60
	counts := at < hourCount && entry.findings&markOutside == 0
	if counts {
		j.hours[at].orders++
	}
	switch {
	case number > 0:
		entry.buyer = number - 1
	case number < 0:
		entry.buyer = -number - 1
		entry.findings |= markRepeat
	default:
		entry.buyer = unknown
		if counts {
			j.hours[at].buyers++
		}
	}
}

// never is the last hour of a buyer of whom no order was seen yet.
const never = -2

// count adds an order within the window.
func (b *buyer) count(with *member, hours []hour) {
	b.orders++
	b.amount += with.amount
	if at := with.who / 60; at < hourCount && b.lastHour != at {
		b.lastHour = at
		hours[at].buyers++
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
	if g.distinct == groupBuyers || slices.Contains(g.buyers[:min(int(g.distinct), len(g.buyers))], buyer) {
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
	g.deal(keys, j.sales, false)
	var known []group
	g.each(func(part []member, groups []int32, keys []uint64) {
		known = slices.Grow(known[:0], len(keys))[:len(keys)]
		clear(known)
		linked := false
		for i := range part {
			with := &known[groups[i]]
			with.join(part[i].who)
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
