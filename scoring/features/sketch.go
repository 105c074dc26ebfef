package features

import "math/bits"

// Sketches hold a distribution in bounded memory, exact in integers and the
// same whatever the order of what they were given.

// finest is how many cells a power of two has in a histogram: a value read
// from it is below the true one by less than one part in finest.
const finest = 16

// histogram counts values of either sign in cells that widen with the value.
type histogram struct {
	count           int64
	negative, above [64 * finest]uint32
}

func (h *histogram) add(value int64) {
	h.count++
	if value < 0 {
		h.negative[cellOf(uint64(-value))]++
		return
	}
	h.above[cellOf(uint64(value))]++
}

// cellOf places a value: up to 2*finest exactly, then finest cells a doubling.
func cellOf(value uint64) int {
	if value < 2*finest {
		return int(value)
	}
	shift := bits.Len64(value) - 5
	return finest*shift + int(value>>shift) //nolint:gosec // at most 31
}

// lowest gives the least value of a cell.
func lowest(cell int) int64 {
	if cell < 2*finest {
		return int64(cell)
	}
	shift := cell/finest - 1
	return int64(cell-finest*shift) << shift
}

// quantile gives the least cell at or below which part/whole of the values
// lie, by the end of the cell nearer to zero; 0 of nothing.
func (h *histogram) quantile(part, whole int64) int64 {
	var seen int64
	for cell := len(h.negative) - 1; cell >= 0; cell-- {
		if seen += int64(h.negative[cell]); h.negative[cell] > 0 && seen*whole >= h.count*part {
			return -lowest(cell)
		}
	}
	for cell, count := range h.above {
		if seen += int64(count); count > 0 && seen*whole >= h.count*part {
			return lowest(cell)
		}
	}
	return 0
}

// cells sums amounts by the hash of a name.
type cells struct {
	named int64 // how many rows named one
	sums  [1024]int64
}

func (c *cells) add(name string, amount int64) {
	if name == "" {
		return
	}
	c.named++
	c.sums[hash(name)%uint64(len(c.sums))] += amount
}

// hash is FNV-1a, mixed so that the low bits depend on every byte.
func hash(name string) uint64 {
	sum := uint64(14695981039346656037)
	for i := range len(name) {
		sum = (sum ^ uint64(name[i])) * 1099511628211
	}
	sum ^= sum >> 32
	return sum
}

// distinct estimates how many names were given: as many as are expected to
// fill the cells that are filled, sum(n/(n-i)) over the filled i of n cells,
// rounded half up. Exact up to about 20, where two names rarely share a cell.
func (c *cells) distinct() int64 {
	count, millionths := int64(len(c.sums)), int64(0)
	for left := count; left > count-c.filled(); left-- {
		millionths += count * 1_000_000 / left
	}
	return (millionths + 500_000) / 1_000_000
}

func (c *cells) filled() (filled int64) {
	for _, sum := range c.sums {
		if sum > 0 {
			filled++
		}
	}
	return filled
}

// hhi gives the Herfindahl index of the sums in basis points, 0 of nothing.
func (c *cells) hhi() int64 {
	var index concentration
	for _, sum := range c.sums {
		index.total += sum
	}
	for _, sum := range c.sums {
		index.add(sum)
	}
	return index.bps()
}
