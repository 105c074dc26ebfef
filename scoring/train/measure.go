package train

import (
	"cmp"
	"errors"
	"math"
	"slices"

	"loan310/scoring/metrics"
	"loan310/scoring/model"
)

// rawScores scores rows of the table with a model that has the table's
// preparation, before calibration.
func rawScores(m *model.Model, table *Table, rows []int32) ([]float64, error) {
	bare := *m
	bare.Calibration = model.Calibration{Method: model.Uncalibrated}
	bare.Preparation = table.Plan.Preparation
	scorer, err := model.New(&bare)
	if err != nil {
		return nil, err
	}
	out := make([]float64, len(rows))
	const chunk = 4096
	parallel((len(rows)+chunk-1)/chunk, func(c int) {
		row := make([]model.Value, len(table.Columns))
		var result model.Result
		for i := c * chunk; i < min((c+1)*chunk, len(rows)); i++ {
			table.row(int(rows[i]), row)
			scorer.Score(row, &result)
			out[i] = result.LogOdds
		}
	})
	return out, nil
}

func outcomes(table *Table, rows []int32) []bool {
	out := make([]bool, len(rows))
	for i, row := range rows {
		out[i] = table.Bad[row]
	}
	return out
}

func weights(table *Table, rows []int32) []float64 {
	if table.Weight == nil {
		return nil
	}
	out := make([]float64, len(rows))
	for i, row := range rows {
		out[i] = table.Weight[row]
	}
	return out
}

// calibrate fits the calibration on scores of rows out of fold.
func calibrate(table *Table, rows []int32, raw []float64) (model.Calibration, error) {
	spec := &table.Plan.Spec
	c := model.Calibration{Method: spec.Calibration}
	bad, weight := outcomes(table, rows), weights(table, rows)
	switch spec.Calibration {
	case model.Platt:
		c.Shift, c.Slope = platt(raw, bad, weight)
		if !(c.Slope > 0.01) {
			return c, errors.New("out of fold the scores do not rise with risk: there is nothing to learn from these columns")
		}
	case model.Isotonic:
		c.Raw, c.PD = isotonic(raw, bad, weight)
	}
	if spec.PopulationBadRate > 0 {
		var all tally
		for i := range bad {
			w := 1.0
			if weight != nil {
				w = weight[i]
			}
			all.count(bad[i], w)
		}
		c.Prior = model.Logit(spec.PopulationBadRate) - math.Log(all.bad/all.good)
	}
	return c, nil
}

// platt fits log-odds = shift + slope * raw by Newton (Platt 1999, without his
// smoothing of the targets: rows are many).
func platt(raw []float64, bad []bool, weight []float64) (shift, slope float64) {
	slope = 1
	for range maxNewton {
		var g0, g1, h00, h01, h11 float64
		for i, x := range raw {
			w, y := 1.0, 0.0
			if weight != nil {
				w = weight[i]
			}
			if bad[i] {
				y = 1
			}
			p := model.Probability(shift + slope*x)
			v := w * max(p*(1-p), 1e-12)
			g0, g1 = g0+w*(p-y), g1+w*(p-y)*x
			h00, h01, h11 = h00+v, h01+v*x, h11+v*x*x
		}
		det := h00*h11 - h01*h01
		if !(det > 1e-12*h00*h11) {
			return shift, slope
		}
		a, b := (h11*g0-h01*g1)/det, (h00*g1-h01*g0)/det
		// A long step is a sign of separated scores; a short one always helps.
		short := min(1, 2/max(math.Abs(a), math.Abs(b), 1e-300))
		shift, slope = shift-short*a, slope-short*b
		if max(math.Abs(a), math.Abs(b)) < 1e-10 {
			break
		}
	}
	return shift, slope
}

// isotonic pools adjacent violators; each pool stands at its mean raw score.
func isotonic(raw []float64, bad []bool, weight []float64) (at, pd []float64) {
	type pool struct{ rows, bad, raw float64 }
	order := make([]int, len(raw))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(raw[a], raw[b]), cmp.Compare(a, b)) })
	var pools []pool
	for k, i := range order {
		w := 1.0
		if weight != nil {
			w = weight[i]
		}
		p := pool{rows: w, raw: w * raw[i]}
		if bad[i] {
			p.bad = w
		}
		if k > 0 && raw[i] == raw[order[k-1]] {
			last := &pools[len(pools)-1]
			last.rows, last.bad, last.raw = last.rows+p.rows, last.bad+p.bad, last.raw+p.raw
		} else {
			pools = append(pools, p)
		}
		// Equal scores still to come may change the last pool, so only earlier
		// ones are final; joining at once or at the end gives the same pools.
		for n := len(pools); n > 1 && pools[n-2].bad*pools[n-1].rows >= pools[n-1].bad*pools[n-2].rows; n = len(pools) {
			pools[n-2] = pool{pools[n-2].rows + pools[n-1].rows, pools[n-2].bad + pools[n-1].bad, pools[n-2].raw + pools[n-1].raw}
			pools = pools[:n-1]
		}
	}
	for _, p := range pools {
		if mean := p.raw / p.rows; len(at) == 0 || mean > at[len(at)-1] {
			at, pd = append(at, mean), append(pd, p.bad/p.rows)
		}
	}
	return at, pd
}

// measure fills in the figures, the reference of scores, and the scores that a
// report wants.
func (t *trained) measure(outOfFold, aucs []float64) error {
	m := t.model
	inSample, err := rawScores(m, t.table, t.learn)
	if err != nil {
		return err
	}
	m.Metrics.FoldAUCs = aucs
	var pd []float64
	if m.Metrics.InSample, pd, _, err = t.figures(t.learn, inSample); err != nil {
		return err
	}
	// Of the model as it is: the models of the folds score a little otherwise.
	m.Reference.ScoreCuts = metrics.Quantiles(pd, 10)
	m.Reference.ScoreCounts = metrics.Histogram(pd, m.Reference.ScoreCuts)
	if m.Metrics.OutOfFold, t.foldPD, t.foldBad, err = t.figures(t.learn, outOfFold); err != nil {
		return err
	}
	if len(t.held) == 0 {
		return nil
	}
	if err := enough(t.table, t.held, "the rows held out"); err != nil {
		return err
	}
	held, err := rawScores(m, t.table, t.held)
	if err != nil {
		return err
	}
	m.Metrics.HoldOut, t.heldPD, t.heldBad, err = t.figures(t.held, held)
	return err
}

// figures measures raw scores, calibrated.
func (t *trained) figures(rows []int32, raw []float64) (*model.Figures, []float64, []bool, error) {
	pd := make([]float64, len(raw))
	for i, z := range raw {
		pd[i] = model.Probability(t.model.Calibration.LogOdds(z))
	}
	bad := outcomes(t.table, rows)
	f, err := Measure(pd, bad, weights(t.table, rows))
	return f, pd, bad, err
}

// Measure gives the figures of probabilities whose outcomes are known. Weights
// may be nil; the confidence interval does not heed them. Errors as
// metrics.NewCurve.
func Measure(pd []float64, bad []bool, weight []float64) (*model.Figures, error) {
	curve, err := metrics.NewCurve(pd, bad, weight)
	if err != nil {
		return nil, err
	}
	f := &model.Figures{Rows: len(pd), AUC: curve.AUC(), Approve2: curve.ApprovalAt(0.02).Share}
	for _, is := range bad {
		if is {
			f.Events++
		}
	}
	f.Gini = metrics.Gini(f.AUC)
	f.KS, _ = curve.KS()
	if weight != nil {
		if curve, err = metrics.NewCurve(pd, bad, nil); err != nil {
			return nil, err
		}
	}
	interval := curve.Interval()
	f.AUCLow, f.AUCHigh = interval.Low, interval.High
	if f.Brier, err = metrics.Brier(pd, bad, weight); err != nil {
		return nil, err
	}
	f.LogLoss, err = metrics.LogLoss(pd, bad, weight)
	return f, err
}
