package metrics

import "math"

// probabilityFloor keeps the log loss of a certain but wrong row finite.
const probabilityFloor = 1e-15

// CalibrationBin compares, for a group of rows of like probability, what was
// expected with what happened. Rates are 0 to 1.
type CalibrationBin struct {
	From     float64 `json:"from"` // least and greatest probability in the group
	To       float64 `json:"to"`
	Rows     float64 `json:"rows"` // weighted
	Bad      float64 `json:"bad"`  // weighted
	Expected float64 `json:"expected"`
	Observed float64 `json:"observed"`
}

// Calibrated is a calibration table and its summary.
type Calibrated struct {
	Bins           []CalibrationBin `json:"bins"`
	Expected       float64          `json:"expected"` // mean probability of all rows
	Observed       float64          `json:"observed"` // bad rate of all rows
	HosmerLemeshow float64          `json:"hosmer_lemeshow"`
	Freedom        int              `json:"degrees_of_freedom"`
	PValue         float64          `json:"p_value"`
	MeanGap        float64          `json:"mean_gap"` // expected calibration error: mean |expected - observed| by rows
}

// Calibration sorts rows by probability into groups (ten: deciles) of about
// equal size, ties together. The statistic is that of Hosmer and Lemeshow with
// groups - 2 degrees of freedom, as for the sample a model was fitted on; on
// fresh rows it is on the strict side by two degrees. Errors as NewCurve.
func Calibration(pd []float64, bad []bool, weight []float64, groups int) (Calibrated, error) {
	c, err := NewCurve(pd, bad, weight)
	if err != nil {
		return Calibrated{}, err
	}
	return c.calibration(groups), nil
}

func (c *Curve) calibration(groups int) Calibrated {
	var table Calibrated
	groups = max(groups, 1)
	total := c.good + c.bad
	var open CalibrationBin
	var sum, seen float64
	for i, g := range c.groups {
		if open.Rows == 0 {
			open.From = g.Score
		}
		open.To = g.Score
		open.Rows += g.Good + g.Bad
		open.Bad += g.Bad
		sum += g.Score * (g.Good + g.Bad)
		seen += g.Good + g.Bad
		due := total * float64(len(table.Bins)+1) / float64(groups)
		if seen < due-1e-9*total && i < len(c.groups)-1 {
			continue
		}
		open.Expected, open.Observed = sum/open.Rows, open.Bad/open.Rows
		table.Bins = append(table.Bins, open)
		table.Expected += sum / total
		table.MeanGap += math.Abs(open.Expected-open.Observed) * open.Rows / total
		if variance := open.Rows * open.Expected * (1 - open.Expected); variance > 0 {
			gap := open.Bad - sum
			table.HosmerLemeshow += gap * gap / variance
		}
		open, sum = CalibrationBin{}, 0
	}
	table.Observed = c.bad / total
	table.Freedom = max(len(table.Bins)-2, 1)
	table.PValue = ChiSquareSurvival(table.HosmerLemeshow, table.Freedom)
	return table
}

// Brier is the mean squared difference of probability and outcome. Weights may
// be nil. Errors when lengths differ or numbers are not finite.
func Brier(pd []float64, bad []bool, weight []float64) (float64, error) {
	return mean(pd, bad, weight, func(p float64, bad bool) float64 {
		if bad {
			return (1 - p) * (1 - p)
		}
		return p * p
	})
}

// LogLoss is the mean negative log likelihood; a certain but wrong row counts
// as 1e-15. Weights and errors as Brier.
func LogLoss(pd []float64, bad []bool, weight []float64) (float64, error) {
	return mean(pd, bad, weight, func(p float64, bad bool) float64 {
		if bad {
			return -math.Log(max(p, probabilityFloor))
		}
		return -math.Log(max(1-p, probabilityFloor))
	})
}

func mean(pd []float64, bad []bool, weight []float64, of func(float64, bool) float64) (float64, error) {
	if err := check(pd, bad, weight); err != nil {
		return 0, err
	}
	var sum, total float64
	for i, p := range pd {
		w := 1.0
		if weight != nil {
			w = weight[i]
		}
		sum, total = sum+w*of(p, bad[i]), total+w
	}
	if total == 0 {
		return 0, ErrNoBad
	}
	return sum / total, nil
}
