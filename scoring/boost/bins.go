package boost

import (
	"cmp"
	"slices"
)

const (
	missing   = 255     // the bin of missing values and categories
	cutSample = 200_000 // values looked at for quantiles
)

// feature is how a column's values become bins 0 to bins-1.
type feature struct {
	name      string
	direction Direction
	// A numeric value is in the first bin whose cut is not below it, or in the last.
	cuts []float64
	// A category is in the bin of its place here, any other in the bin after them.
	categories  []string
	categorical bool
	bins        int
}

// newFeature chooses the bins of a column.
func newFeature(column *Column, params *Params) feature {
	f := feature{name: column.Name, direction: params.Monotone[column.Name], categorical: column.Codes != nil}
	if f.categorical {
		f.categories = frequent(column, params.CategoryMinRows)
		f.bins = len(f.categories) + 1
		return f
	}
	f.cuts = quantiles(some(column.Values, params.Seed), params.MaxBins)
	f.bins = len(f.cuts) + 1
	return f
}

// some copies values that are not missing, of a column too long for a sort
// about cutSample of them.
func some(values []float64, seed uint64) []float64 {
	share := cutSample / float64(max(len(values), 1))
	out := make([]float64, 0, min(len(values), cutSample+cutSample/8))
	for row, value := range values {
		if value == value && (share >= 1 || drawn(seed, row, share)) {
			out = append(out, value)
		}
	}
	return out
}

// quantiles gives at most most-1 cuts between distinct values, so that bins
// hold about as many values each; a value that fills a bin alone has its own.
func quantiles(values []float64, most int) []float64 {
	slices.Sort(values)
	var distinct []float64
	var counts []int
	for _, value := range values {
		if n := len(distinct); n > 0 && distinct[n-1] == value {
			counts[n-1]++
			continue
		}
		distinct, counts = append(distinct, value), append(counts, 1)
	}
	rest, bins := len(values), most
	fair := float64(rest) / float64(bins)
	heavy := func(i int) bool { return len(distinct) <= most || float64(counts[i]) >= fair }
	big := make([]bool, len(distinct))
	for i := range distinct {
		if big[i] = heavy(i); big[i] {
			rest -= counts[i]
			bins--
		}
	}
	fair = float64(rest) / float64(max(bins, 1))
	var cuts []float64
	filled := 0
	for i := 0; i+1 < len(distinct) && len(cuts) < most-1; i++ {
		filled += counts[i]
		if !big[i] {
			rest -= counts[i]
		}
		if big[i] || float64(filled) >= fair || big[i+1] && float64(filled) >= max(1, fair/2) {
			cuts = append(cuts, between(distinct[i], distinct[i+1]))
			filled = 0
			if !big[i] {
				bins--
				fair = float64(rest) / float64(max(bins, 1))
			}
		}
	}
	return cuts
}

// between is a number of at least low and below high, in the middle if it can be.
func between(low, high float64) float64 {
	if middle := low/2 + high/2; middle >= low && middle < high {
		return middle
	}
	return low
}

// frequent lists the categories with at least least rows, most rows first,
// by name among equals; at most 254, so that one bin is left for the others.
func frequent(column *Column, least int) []string {
	counts := make([]int, len(column.Categories))
	for _, code := range column.Codes {
		if code >= 0 {
			counts[code]++
		}
	}
	var kept []int
	for code, n := range counts {
		if n >= least {
			kept = append(kept, code)
		}
	}
	slices.SortFunc(kept, func(a, b int) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(column.Categories[a], column.Categories[b]))
	})
	names := make([]string, 0, min(len(kept), maxBins-1))
	for _, code := range kept[:cap(names)] {
		names = append(names, column.Categories[code])
	}
	return names
}

// bin of a numeric value.
func (f *feature) bin(value float64) uint8 {
	if value != value {
		return missing
	}
	low, high := 0, len(f.cuts)
	for low < high {
		middle := (low + high) / 2
		if f.cuts[middle] < value {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return uint8(low)
}

// codes gives the bin of each code of a column's own dictionary.
func codes(kept, dictionary []string) []uint8 {
	known := make(map[string]int, len(kept))
	for i, name := range kept {
		known[name] = i
	}
	out := make([]uint8, len(dictionary))
	for code, name := range dictionary {
		bin, ok := known[name]
		if !ok {
			bin = len(kept)
		}
		out[code] = uint8(bin) //nolint:gosec // at most 254 categories are kept
	}
	return out
}

// fill bins a column of the feature's kind.
func (f *feature) fill(column *Column) []uint8 {
	out := make([]uint8, column.len())
	if !f.categorical {
		for row, value := range column.Values {
			out[row] = f.bin(value)
		}
		return out
	}
	bins := codes(f.categories, column.Categories)
	for row, code := range column.Codes {
		out[row] = missing
		if code >= 0 {
			out[row] = bins[code]
		}
	}
	return out
}
