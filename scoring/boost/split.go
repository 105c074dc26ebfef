package boost

import (
	"math"
)

// set holds bins; missing is one of them.
type set [4]uint64

func (s *set) has(bin uint8) bool { return s[bin>>6]>>(bin&63)&1 == 1 }

func (s *set) put(bin uint8) { s[bin>>6] |= 1 << (bin & 63) }

// split is a way to part a leaf in two.
type split struct {
	gain        float64 // of twice the loss; 0 = no split
	feature     int     // place in the grower's features
	cut         int     // numeric: the last bin on the left; bins-1 when only missing is right
	left        set     // the bins on the left
	leftSums    sums
	leftValue   float64
	rightValue  float64
	missingLeft bool
}

// bounds a leaf's value must keep, so that the tree stays monotone.
type bounds struct{ low, high float64 }

func (b *bounds) clamp(value float64) float64 { return min(max(value, b.low), b.high) }

func unbounded() bounds { return bounds{math.Inf(-1), math.Inf(1)} }

// finder looks for the best split of one leaf by one feature.
type finder struct {
	params *Params
	scale  *scale
	total  sums
	bounds bounds
	value  float64 // of the leaf as it is
	l2     float64
	worth  float64 // of the leaf as it is
	best   split
}

// worthOf is what a value takes off twice the loss: -(2Gw + (H+l2)w^2), which
// is G^2/(H+l2) for the unbounded Newton value (Chen and Guestrin 2016, eq. 5).
func worthOf(gradient, hessian, value, l2 float64) float64 {
	return -(2*gradient + (hessian+l2)*value) * value
}

func newFinder(params *Params, scale *scale, node *node, l2 float64) *finder {
	gradient, hessian := scale.values(node.sums)
	return &finder{
		params: params, scale: scale, total: node.sums, bounds: node.bounds, value: node.value, l2: l2,
		worth: worthOf(gradient, hessian, node.value, params.L2),
	}
}

// try weighs a split with these sums on the left and reports whether it is the
// best so far. A monotone feature's values must stand in its direction.
func (f *finder) try(left sums, direction Direction) bool {
	right := f.total.less(left)
	if f.scale.count(left) < f.params.MinRows || f.scale.count(right) < f.params.MinRows {
		return false
	}
	leftG, leftH := f.scale.values(left)
	rightG, rightH := f.scale.values(right)
	if leftH < f.params.MinHessian || rightH < f.params.MinHessian || leftH+f.l2 == 0 || rightH+f.l2 == 0 {
		return false
	}
	leftValue := f.bounds.clamp(-leftG / (leftH + f.l2))
	rightValue := f.bounds.clamp(-rightG / (rightH + f.l2))
	if direction == Rising && leftValue > rightValue || direction == Falling && leftValue < rightValue {
		return false
	}
	gain := worthOf(leftG, leftH, leftValue, f.l2) + worthOf(rightG, rightH, rightValue, f.l2) - f.worth
	if !(gain > f.params.MinGain && gain > f.best.gain) {
		return false
	}
	f.best.gain, f.best.leftSums, f.best.leftValue, f.best.rightValue = gain, left, leftValue, rightValue
	return true
}

// numeric tries every cut, with missing on either side.
func (f *finder) numeric(h *histogram, of *feature) {
	hasMissing := h[missing].packed != 0
	last := of.bins - 2
	if hasMissing {
		last = of.bins - 1 // all values left, missing right
	}
	var left sums
	for bin := 0; bin <= last; bin++ {
		if h[bin].packed == 0 {
			continue // the same as the cut before
		}
		left = left.plus(h[bin])
		if f.try(left, of.direction) {
			f.best.cut, f.best.missingLeft = bin, false
		}
		if hasMissing && bin < of.bins-1 && f.try(left.plus(h[missing]), of.direction) {
			f.best.cut, f.best.missingLeft = bin, true
		}
	}
	if f.best.gain == 0 {
		return
	}
	if !hasMissing { // never seen here: with the larger part
		f.best.missingLeft = 2*f.scale.count(f.best.leftSums) >= f.scale.count(f.total)
	}
	for bin := 0; bin <= f.best.cut; bin++ {
		f.best.left.put(uint8(bin))
	}
	if f.best.missingLeft {
		f.best.left.put(missing)
	}
}
