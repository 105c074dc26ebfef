package metrics

import (
	"math"
	"slices"
)

// Interval is an area under the ROC curve with its uncertainty.
type Interval struct {
	AUC   float64 `json:"auc"`
	Error float64 `json:"standard_error"`
	Low   float64 `json:"low"` // 95 % confidence
	High  float64 `json:"high"`
}

// DeLong is NewCurve and Curve.Interval of unweighted rows.
func DeLong(score []float64, bad []bool) (Interval, error) {
	c, err := NewCurve(score, bad, nil)
	if err != nil {
		return Interval{}, err
	}
	return c.Interval(), nil
}

// Interval gives AUC and its 95 % confidence interval by the method of DeLong,
// DeLong and Clarke-Pearson (1988), computed from ranks as Sun and Xu (2014)
// do. Weights are taken for numbers of rows.
func (c *Curve) Interval() Interval {
	// For a bad row of a group: the share of goods below it, ties half; for a
	// good row: the share of bads above it.
	auc := c.AUC()
	var goodBelow, badBelow, overBad, overGood float64
	for _, g := range c.groups {
		caught := (goodBelow + g.Good/2) / c.good
		passed := (c.bad - badBelow - g.Bad/2) / c.bad
		overBad += g.Bad * (caught - auc) * (caught - auc)
		overGood += g.Good * (passed - auc) * (passed - auc)
		goodBelow, badBelow = goodBelow+g.Good, badBelow+g.Bad
	}
	variance := 0.0
	if c.bad > 1 {
		variance += overBad / (c.bad - 1) / c.bad
	}
	if c.good > 1 {
		variance += overGood / (c.good - 1) / c.good
	}
	const z95 = 1.959963984540054
	se := math.Sqrt(variance)
	return Interval{AUC: auc, Error: se, Low: max(auc-z95*se, 0), High: min(auc+z95*se, 1)}
}

// Quantiles gives the cut points that part values into groups of about equal
// size: at most groups - 1, rising, each distinct; a value belongs to the group
// of the first cut it is below. Values must be finite; they are not changed.
func Quantiles(values []float64, groups int) []float64 {
	sorted := slices.Sorted(slices.Values(values))
	var cuts []float64
	for i := 1; i < groups && len(sorted) > 0; i++ {
		cut := sorted[min(i*len(sorted)/groups, len(sorted)-1)]
		if cut > sorted[0] && (len(cuts) == 0 || cut > cuts[len(cuts)-1]) {
			cuts = append(cuts, cut)
		}
	}
	return cuts
}

// Histogram counts values between cuts: len(cuts)+1 bins.
func Histogram(values, cuts []float64) []float64 {
	counts := make([]float64, len(cuts)+1)
	for _, v := range values {
		counts[BinOf(v, cuts)]++
	}
	return counts
}

// BinOf is the index of the first cut that the value is below; len(cuts) when
// there is none.
func BinOf(value float64, cuts []float64) int {
	at, exact := slices.BinarySearch(cuts, value)
	if exact {
		at++
	}
	return at
}
