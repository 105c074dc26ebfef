package boost

import (
	"cmp"
	"slices"
)

// mostCategories is how many categories a split may name before its mirror
// image is looked at, against splits that learn noise by heart.
const mostCategories = 32

// categorical puts the categories of the leaf in order of their mean gradient,
// smoothed, and tries their first and last few against the rest (Fisher 1958:
// the best parting of a convex loss is of neighbours in that order). Missing
// is a category like others; one with few rows here stays with the rest.
func (f *finder) categorical(h *histogram, of *feature) {
	var order []uint8
	rare := max(f.params.MinRows/4, 1)
	consider := func(bin uint8) {
		if f.scale.count(h[bin]) >= rare {
			order = append(order, bin)
		}
	}
	for bin := range of.bins {
		consider(uint8(bin))
	}
	consider(missing)
	var means [256]float64
	for _, bin := range order {
		gradient, hessian := f.scale.values(h[bin])
		means[bin] = gradient / (hessian + f.params.CategorySmooth + tiny)
	}
	slices.SortStableFunc(order, func(a, b uint8) int { return cmp.Compare(means[a], means[b]) })
	chosen := f.prefixes(h, order, nil)
	slices.Reverse(order)
	chosen = f.prefixes(h, order, chosen)
	if f.best.gain == 0 {
		return
	}
	f.orient(h, of, chosen)
}

const tiny = 1e-300 // keeps 0/0 out

// prefixes tries the first few categories of the order as the left side.
func (f *finder) prefixes(h *histogram, order, chosen []uint8) []uint8 {
	var left sums
	for i := 0; i < min(len(order), mostCategories); i++ {
		left = left.plus(h[order[i]])
		if f.try(left, Free) {
			chosen = slices.Clone(order[:i+1])
		}
	}
	return chosen
}

// orient makes the smaller part the left one, which is named; so categories
// never seen in the leaf go with the larger.
func (f *finder) orient(h *histogram, of *feature, chosen []uint8) {
	for _, bin := range chosen {
		f.best.left.put(bin)
	}
	if 2*f.scale.count(f.best.leftSums) > f.scale.count(f.total) {
		var others set
		for bin := range of.bins {
			if b := uint8(bin); h[b].packed != 0 && !f.best.left.has(b) {
				others.put(b)
			}
		}
		if h[missing].packed != 0 && !f.best.left.has(missing) {
			others.put(missing)
		}
		f.best.left = others
		f.best.leftSums = f.total.less(f.best.leftSums)
		f.best.leftValue, f.best.rightValue = f.best.rightValue, f.best.leftValue
	}
	f.best.missingLeft = f.best.left.has(missing)
}
