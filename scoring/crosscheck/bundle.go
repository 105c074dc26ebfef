package crosscheck

import (
	"math/bits"
	"slices"
)

// bundle marks the orders whose parcels were picked up in the same minute for
// the same route, of as many different buyers as the rules ask for. A first
// walk counts parcels into a table of bytes that fits a cache; only what may
// reach the number is then counted exactly, so time is linear and memory two
// bytes an order.
func (j *Join) bundle() {
	limit := j.options.Rules.BundleParcels
	if !j.routed || limit < 2 || len(j.sales) < int(limit) {
		return
	}
	size := min(max(1<<bits.Len(uint(len(j.sales))), 1<<10), 1<<24)
	rough := make([]uint8, size)
	candidate := false
	for i := range j.sales {
		if key := j.pickup(i); key != 0 {
			at := key >> 32 & uint64(size-1)
			if rough[at] < 255 {
				rough[at]++
			}
			candidate = candidate || int32(rough[at]) >= limit
		}
	}
	if !candidate {
		return
	}
	exact := map[uint64][]int32{} // distinct buyers
	visit := func(do func(index int, key uint64)) {
		for i := range j.sales {
			if key := j.pickup(i); key != 0 && int32(rough[key>>32&uint64(size-1)]) >= limit { //nolint:gosec // a power of two
				do(i, key)
			}
		}
	}
	visit(func(index int, key uint64) {
		if known := exact[key]; len(known) < int(limit) && !slices.Contains(known, j.buyerAt[index]) {
			exact[key] = append(known, j.buyerAt[index])
		}
	})
	visit(func(index int, key uint64) {
		if len(exact[key]) >= int(limit) {
			j.sales[index].findings |= findBundle
		}
	})
}

// pickup gives a key of a parcel's route and minute, 0 where either is not
// known or the parcel is not the order's own.
func (j *Join) pickup(index int) uint64 {
	entry := &j.sales[index]
	if entry.parcel == unknown || j.buyerAt[index] == unknown || entry.findings&(findForeign|findReused) != 0 {
		return 0
	}
	with := &j.parcels[entry.parcel]
	if with.route == 0 || with.picked == unknown {
		return 0
	}
	return fold(uint64(with.route)^mixA, uint64(uint32(with.picked))^mixC) | 1 //nolint:gosec // never negative here
}
