package metrics

import (
	"fmt"
	"math"
)

// GridBins is the number of score bins of a Grid.
const GridBins = 1 << 20

// Grid measures any number of rows in bounded memory (16 MB): probabilities of
// default fall into GridBins equal bins. What it gives differs from the exact
// figures by the rows that share a bin with the other outcome, counted as ties.
type Grid struct {
	good []float64
	bad  []float64
	rows int
	// Sums for Brier score and log loss, exact but for rounding.
	weight, brier, loss, expected, happened float64
}

// NewGrid makes an empty grid.
func NewGrid() *Grid {
	return &Grid{good: make([]float64, GridBins), bad: make([]float64, GridBins)}
}

// Add counts one row: a probability of default from 0 to 1 and its outcome.
func (g *Grid) Add(pd float64, bad bool, weight float64) error {
	if !(pd >= 0 && pd <= 1) || !(weight > 0) || math.IsInf(weight, 0) {
		return fmt.Errorf("probability %v with weight %v: want 0 to 1 and a positive weight", pd, weight)
	}
	at := min(int(pd*GridBins), GridBins-1)
	g.rows++
	g.weight += weight
	g.expected += weight * pd
	if bad {
		g.bad[at] += weight
		g.happened += weight
		g.brier += weight * (1 - pd) * (1 - pd)
		g.loss -= weight * math.Log(max(pd, probabilityFloor))
	} else {
		g.good[at] += weight
		g.brier += weight * pd * pd
		g.loss -= weight * math.Log(max(1-pd, probabilityFloor))
	}
	return nil
}

// Rows is the number of rows added.
func (g *Grid) Rows() int { return g.rows }

// Curve gives what the order of the scores says; a group's score is the middle
// of its bin. Errors as NewCurve.
func (g *Grid) Curve() (*Curve, error) {
	var groups []Group
	for i := range g.good {
		if g.good[i] > 0 || g.bad[i] > 0 {
			groups = append(groups, Group{Score: (float64(i) + 0.5) / GridBins, Good: g.good[i], Bad: g.bad[i]})
		}
	}
	return newCurve(groups, g.rows)
}

// Brier is the mean squared difference of probability and outcome.
func (g *Grid) Brier() float64 { return g.brier / g.weight }

// LogLoss is the mean negative log likelihood.
func (g *Grid) LogLoss() float64 { return g.loss / g.weight }

// Calibration is as the function Calibration, with scores known to a grid bin.
func (g *Grid) Calibration(groups int) (Calibrated, error) {
	c, err := g.Curve()
	if err != nil {
		return Calibrated{}, err
	}
	return c.calibration(groups), nil
}
