package metrics

import (
	"fmt"
	"math"
)

// BinCount is what a bin of a feature holds: the weight of good and bad rows.
type BinCount struct {
	Good float64
	Bad  float64
}

// WeightOfEvidence gives ln(share of goods / share of bads) of each bin and the
// information value of the feature. Smoothing is added to both counts of each
// bin; with 0 an empty side gives no finite weight: such a bin counts as 0
// evidence and the information value leaves it out. Positive evidence is good.
func WeightOfEvidence(bins []BinCount, smoothing float64) (woe []float64, informationValue float64) {
	var good, bad float64
	for _, b := range bins {
		good, bad = good+b.Good+smoothing, bad+b.Bad+smoothing
	}
	woe = make([]float64, len(bins))
	for i, b := range bins {
		g, d := (b.Good+smoothing)/good, (b.Bad+smoothing)/bad
		if !(g > 0 && d > 0) {
			continue
		}
		woe[i] = math.Log(g / d)
		informationValue += (g - d) * woe[i]
	}
	return woe, informationValue
}

// Stability is a population stability index and what it can be expected to be
// by chance alone.
type Stability struct {
	PSI      float64 `json:"psi"`
	Expected float64 `json:"expected_rows"`
	Actual   float64 `json:"actual_rows"`
	Bins     int     `json:"bins"`
	Critical float64 `json:"critical"` // exceeded by chance in one case of twenty
}

// PSI compares two distributions over the same bins, given as counts of rows:
// sum (a - e) ln(a / e) over shares. An empty bin counts as half a row. The
// critical value is (1/n + 1/m) times the 95 % point of chi-square with bins - 1
// degrees of freedom (Yurdakul and Naranjo 2020), so that small samples raise
// no alarm and large ones are held to more than the customary 0.1.
func PSI(expected, actual []float64) (Stability, error) {
	if len(expected) != len(actual) || len(expected) == 0 {
		return Stability{}, fmt.Errorf("%d expected bins and %d actual", len(expected), len(actual))
	}
	result := Stability{}
	for i := range expected {
		if expected[i] < 0 || actual[i] < 0 || math.IsNaN(expected[i]+actual[i]) || math.IsInf(expected[i]+actual[i], 0) {
			return Stability{}, fmt.Errorf("bin %d: counts %v and %v", i, expected[i], actual[i])
		}
		result.Expected += expected[i]
		result.Actual += actual[i]
	}
	if result.Expected == 0 || result.Actual == 0 {
		return Stability{}, fmt.Errorf("no rows: %v expected, %v actual", result.Expected, result.Actual)
	}
	for i := range expected {
		if expected[i] == 0 && actual[i] == 0 {
			continue
		}
		result.Bins++
		e, a := max(expected[i], 0.5)/result.Expected, max(actual[i], 0.5)/result.Actual
		result.PSI += (a - e) * math.Log(a/e)
	}
	if result.Bins > 1 {
		result.Critical = (1/result.Expected + 1/result.Actual) * ChiSquareQuantile(0.95, result.Bins-1)
	}
	return result, nil
}
