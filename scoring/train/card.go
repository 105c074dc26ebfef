package train

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"loan310/scoring/model"
)

// cardFit is a card before points, with why each feature is in or out.
type cardFit struct {
	card   *model.Card
	status []string // by feature of the plan; "" = in the card
	iv     []float64
	bins   []int
	errors []float64 // standard error of each attribute's coefficient
}

// candidate is a feature on its way into a card.
type candidate struct {
	at      int // in the plan's features
	binning model.Binning
	codes   []uint8
	bad     []float64 // negative weight of evidence by bin
}

// fitCard bins, selects and fits on the rows given.
func fitCard(table *Table, rows []int32) (*cardFit, error) {
	features := table.Plan.Features
	fit := &cardFit{status: make([]string, len(features)), iv: make([]float64, len(features)), bins: make([]int, len(features))}
	all := make([]candidate, len(features))
	errs := make([]error, len(features))
	parallel(len(features), func(i int) {
		c := candidate{at: i, binning: bin(table, features[i], rows)}
		c.codes, errs[i] = codes(table, features[i], &c.binning, rows)
		for _, b := range c.binning.Bins {
			c.bad = append(c.bad, -b.WoE)
		}
		all[i] = c
	})
	for i, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("bin %s: %w", features[i].Name, err)
		}
	}
	selection := table.Plan.Spec.Selection
	var kept []candidate
	for i, c := range all {
		fit.iv[i], fit.bins[i] = c.binning.IV, len(c.binning.Bins)
		if c.binning.IV < selection.MinIV {
			fit.status[i] = fmt.Sprintf("information value %.4f below %v", c.binning.IV, selection.MinIV)
			continue
		}
		kept = append(kept, c)
	}
	kept = uncorrelated(kept, selection, features, fit.status)
	if len(kept) == 0 {
		return nil, fault("", "no feature is left: none has an information value of %v", selection.MinIV)
	}
	return fit, fit.regress(table, rows, kept)
}

// regress fits and drops features until every coefficient has the right sign
// and, if asked for, is significant.
func (f *cardFit) regress(table *Table, rows []int32, kept []candidate) error {
	target := make([]bool, len(rows))
	var weight []float64
	if table.Weight != nil {
		weight = make([]float64, len(rows))
	}
	for i, row := range rows {
		target[i] = table.Bad[row]
		if weight != nil {
			weight[i] = table.Weight[row]
		}
	}
	const rough, exact = 1e-3, 1e-9
	tolerance, start := rough, []float64(nil)
	for {
		d := design{target: target, weight: weight}
		for _, c := range kept {
			d.codes, d.bad = append(d.codes, c.codes), append(d.bad, c.bad)
		}
		result, err := d.newton(table.Plan.Spec.L2, start, tolerance)
		if err != nil {
			return err
		}
		start = result.coefficients
		drop, why := worst(result, table.Plan.Spec.Selection.Stepwise)
		if (drop < 0 || len(kept) == 1) && tolerance == rough {
			tolerance = exact // nobody left to drop: now to the last digit
			continue
		}
		if drop < 0 || len(kept) == 1 {
			f.card = &model.Card{Intercept: result.coefficients[0]}
			for i, c := range kept {
				f.card.Attributes = append(f.card.Attributes, model.Attribute{
					Binning: c.binning, Coefficient: max(result.coefficients[i+1], 0), Points: make([]int64, len(c.binning.Bins)),
				})
			}
			f.errors = result.errors[1:]
			return nil
		}
		f.status[kept[drop].at] = why
		kept = slices.Delete(kept, drop, drop+1)
		start = slices.Delete(start, drop+1, drop+2)
	}
}

// worst finds the feature to drop; -1 = none.
func worst(result *fitted, stepwise bool) (int, string) {
	at, lowest := -1, 0.0
	for i, coefficient := range result.coefficients[1:] {
		if coefficient < lowest {
			at, lowest = i, coefficient
		}
	}
	if at >= 0 {
		return at, fmt.Sprintf("coefficient %.3f against its own evidence: others say it better", lowest)
	}
	const significant = 1.959963984540054
	if !stepwise {
		return -1, ""
	}
	least := significant
	for i, coefficient := range result.coefficients[1:] {
		if z := coefficient / max(result.errors[i+1], 1e-300); z < least {
			at, least = i, z
		}
	}
	return at, fmt.Sprintf("not significant: z = %.2f", least)
}

// uncorrelated drops, of two features that say nearly the same, the one with
// less information, then those that the others together foretell.
func uncorrelated(all []candidate, selection SelectionSpec, features []FeatureSpec, status []string) []candidate {
	slices.SortStableFunc(all, func(a, b candidate) int {
		switch {
		case a.binning.IV > b.binning.IV:
			return -1
		case a.binning.IV < b.binning.IV:
			return 1
		}
		return a.at - b.at
	})
	matrix := correlations(all)
	var kept []int
	for i := range all {
		with := slices.IndexFunc(kept, func(k int) bool { return math.Abs(matrix[i][k]) > selection.MaxCorrelation })
		if with >= 0 {
			status[all[i].at] = fmt.Sprintf("correlation %.3f with %s", matrix[i][kept[with]], features[all[kept[with]].at].Name)
			continue
		}
		kept = append(kept, i)
	}
	for len(kept) > 1 {
		at, inflation := mostInflated(matrix, kept)
		if inflation <= selection.MaxVIF {
			break
		}
		status[all[kept[at]].at] = fmt.Sprintf("variance inflation %.1f: the others foretell it", inflation)
		kept = slices.Delete(kept, at, at+1)
	}
	out := make([]candidate, len(kept))
	for i, k := range kept {
		out[i] = all[k]
	}
	return out
}

// correlations of the evidence, on at most 50,000 rows spread evenly.
func correlations(all []candidate) [][]float64 {
	const most = 50_000
	matrix := make([][]float64, len(all))
	if len(all) == 0 {
		return matrix
	}
	stride := (len(all[0].codes) + most - 1) / most
	centred := make([][]float64, len(all))
	parallel(len(all), func(i int) {
		var values []float64
		mean := 0.0
		for row := 0; row < len(all[i].codes); row += stride {
			values = append(values, all[i].bad[all[i].codes[row]])
			mean += values[len(values)-1]
		}
		mean /= float64(len(values))
		square := 0.0
		for k := range values {
			values[k] -= mean
			square += values[k] * values[k]
		}
		for k := range values {
			values[k] /= math.Sqrt(max(square, 1e-300))
		}
		centred[i] = values
	})
	parallel(len(all), func(i int) {
		matrix[i] = make([]float64, len(all))
		for j := range all {
			for k, v := range centred[i] {
				matrix[i][j] += v * centred[j][k]
			}
		}
	})
	return matrix
}

// mostInflated finds the greatest variance inflation factor: the diagonal of
// the inverse correlation matrix.
func mostInflated(matrix [][]float64, kept []int) (at int, inflation float64) {
	const ridge = 1e-9
	square := mat.NewSymDense(len(kept), nil)
	for i, a := range kept {
		for j := i; j < len(kept); j++ {
			square.SetSym(i, j, matrix[a][kept[j]])
		}
		square.SetSym(i, i, 1+ridge)
	}
	var chol mat.Cholesky
	if !chol.Factorize(square) {
		return len(kept) - 1, math.Inf(1) // repeated: the one with least information goes
	}
	var inverse mat.SymDense
	if err := chol.InverseTo(&inverse); err != nil {
		return len(kept) - 1, math.Inf(1)
	}
	for i := range kept {
		if v := inverse.At(i, i); v > inflation {
			at, inflation = i, v
		}
	}
	return at, inflation
}
