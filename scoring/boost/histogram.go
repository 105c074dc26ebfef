package boost

import (
	"math"
	"math/bits"
)

// sample is a row that a tree learns from: its gradient w*(p-y) and hessian
// w*p*(1-p) in whole numbers, so that sums are exact in whatever order they
// are made and a sibling's histogram is an exact difference.
type sample struct {
	row      uint32
	gradient int32
	hessian  uint32
}

// sums of samples: the gradients; and the hessians shifted up by
// scale.shift, with the number of samples in the bits below.
type sums struct {
	gradient int64
	packed   uint64
}

func (s sums) less(other sums) sums {
	return sums{s.gradient - other.gradient, s.packed - other.packed}
}

func (s sums) plus(other sums) sums {
	return sums{s.gradient + other.gradient, s.packed + other.packed}
}

// histogram has the sums of each bin of a feature.
type histogram [256]sums

// scale turns gradients and hessians into whole numbers and back. Both
// factors are powers of two.
type scale struct {
	gradient, hessian float64
	shift             uint
}

// newScale leaves room for the sum over rows of weights up to largest: with s
// bits for a count of rows and b for a hessian, b + 2s <= 63.
func newScale(rows int, largest float64) scale {
	shift := bits.Len(uint(rows))
	wide := min(30, 63-2*shift)
	_, exponent := math.Frexp(largest) // largest < 2^exponent
	return scale{
		gradient: math.Ldexp(1, 30-exponent),
		hessian:  math.Ldexp(1, wide+1-exponent), // w*p*(1-p) <= w/4
		shift:    uint(shift),
	}
}

func (s *scale) count(of sums) int { return int(of.packed & (1<<s.shift - 1)) } //nolint:gosec // below 2^24

func (s *scale) values(of sums) (gradient, hessian float64) {
	return float64(of.gradient) / s.gradient, float64(of.packed>>s.shift) / s.hessian
}

func (s *scale) add(to *sums, one *sample) {
	to.gradient += int64(one.gradient)
	to.packed += uint64(one.hessian)<<s.shift | 1
}

// fill sums up samples by their bin in a column.
func (h *histogram) fill(samples []sample, column []uint8, shift uint) {
	clear(h[:])
	for i := range samples {
		one := &samples[i]
		bin := &h[column[one.row]]
		bin.gradient += int64(one.gradient)
		bin.packed += uint64(one.hessian)<<(shift&63) | 1
	}
}

// subtract leaves the sibling's sums.
func (h *histogram) subtract(other *histogram) {
	for i := range h {
		h[i] = h[i].less(other[i])
	}
}
