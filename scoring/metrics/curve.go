// Package metrics measures how well a probability of default sorts and states
// the risk of loans whose outcome is known. The one rule: a score is a
// probability of default or anything that rises with risk; ties are shared
// fairly, never broken by the order of rows.
package metrics

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Group is all rows of one score: the weight of the good and of the bad ones.
type Group struct {
	Score float64
	Good  float64
	Bad   float64
}

// Curve is a sample sorted from the safest score to the riskiest, one group a
// distinct score. The measures that depend on order alone are its methods.
type Curve struct {
	groups []Group
	rows   int
	good   float64
	bad    float64
}

// Errors of samples that cannot be measured.
var (
	ErrNoGood = errors.New("no good row: all outcomes are bad, so nothing can be told apart")
	ErrNoBad  = errors.New("no bad row: all outcomes are good, so nothing can be told apart")
)

// NewCurve sorts a sample. Weights may be nil (each row counts once); else they
// are positive. Fails when lengths differ, a number is not finite, or one of
// the two outcomes is absent (ErrNoGood, ErrNoBad).
func NewCurve(score []float64, bad []bool, weight []float64) (*Curve, error) {
	if err := check(score, bad, weight); err != nil {
		return nil, err
	}
	rows := make([]Group, len(score))
	for i, s := range score {
		w := 1.0
		if weight != nil {
			w = weight[i]
		}
		rows[i].Score = s
		if bad[i] {
			rows[i].Bad = w
		} else {
			rows[i].Good = w
		}
	}
	// Sums of equal scores must not depend on the order of rows: sorting by all
	// three fields fixes it.
	slices.SortFunc(rows, func(a, b Group) int {
		return cmp.Or(cmp.Compare(a.Score, b.Score), cmp.Compare(a.Good, b.Good), cmp.Compare(a.Bad, b.Bad))
	})
	groups := rows[:0]
	for i, row := range rows {
		if i > 0 && groups[len(groups)-1].Score == row.Score {
			last := &groups[len(groups)-1]
			last.Good, last.Bad = last.Good+row.Good, last.Bad+row.Bad
			continue
		}
		groups = append(groups, row)
	}
	return newCurve(groups, len(score))
}

func newCurve(groups []Group, rows int) (*Curve, error) {
	c := &Curve{groups: groups, rows: rows}
	for _, g := range groups {
		c.good, c.bad = c.good+g.Good, c.bad+g.Bad
	}
	switch {
	case c.good == 0:
		return nil, ErrNoGood
	case c.bad == 0:
		return nil, ErrNoBad
	}
	return c, nil
}

func check(score []float64, bad []bool, weight []float64) error {
	if len(score) != len(bad) {
		return fmt.Errorf("%d scores for %d outcomes", len(score), len(bad))
	}
	if weight != nil && len(weight) != len(score) {
		return fmt.Errorf("%d weights for %d scores", len(weight), len(score))
	}
	for i, s := range score {
		if math.IsNaN(s) || math.IsInf(s, 0) {
			return fmt.Errorf("row %d: the score is not a finite number", i)
		}
	}
	for i, w := range weight {
		if !(w > 0) || math.IsInf(w, 0) {
			return fmt.Errorf("row %d: the weight is not a positive number", i)
		}
	}
	return nil
}

// Rows is the number of rows measured.
func (c *Curve) Rows() int { return c.rows }

// BadRate is the weighted share of bad rows, 0 to 1.
func (c *Curve) BadRate() float64 { return c.bad / (c.good + c.bad) }

// Groups lists the distinct scores, safest first. The caller must not write.
func (c *Curve) Groups() []Group { return c.groups }

// AUC is the chance that a bad row scores riskier than a good one, ties
// counting half (the Mann-Whitney statistic).
func (c *Curve) AUC() float64 {
	var area, goodBelow float64
	for _, g := range c.groups {
		area += g.Bad * (goodBelow + g.Good/2)
		goodBelow += g.Good
	}
	return area / (c.good * c.bad)
}

// Gini is 2 AUC - 1.
func Gini(auc float64) float64 { return 2*auc - 1 }

// KS is the largest distance between the cumulative shares of good and of bad
// rows, and the score up to which they are counted there.
func (c *Curve) KS() (distance, at float64) {
	var good, bad float64
	at = c.groups[0].Score
	for _, g := range c.groups {
		good, bad = good+g.Good, bad+g.Bad
		if d := math.Abs(good/c.good - bad/c.bad); d > distance+1e-12 { // the safest of equals
			distance, at = d, g.Score
		}
	}
	return distance, at
}

// Point is a cut-off: what is caught when every row riskier than Score is
// refused. All shares 0 to 1.
type Point struct {
	Score    float64 `json:"score"`
	Refused  float64 `json:"refused"`   // share of all rows refused
	GoodLost float64 `json:"good_lost"` // share of good rows refused: the ROC's x
	BadFound float64 `json:"bad_found"` // share of bad rows refused: the ROC's y, and the gains chart's over Refused
}

// ROC gives at most most+1 cut-offs, riskiest first, from nothing refused to
// all refused, as even in the share refused as ties allow.
func (c *Curve) ROC(most int) []Point {
	points := []Point{{Score: c.groups[len(c.groups)-1].Score}}
	total, step := c.good+c.bad, (c.good+c.bad)/float64(max(most, 1))
	var good, bad, given float64
	for i, g := range slices.Backward(c.groups) {
		good, bad = good+g.Good, bad+g.Bad
		if good+bad < given+step && i > 0 {
			continue
		}
		given = good + bad
		score := c.groups[max(i-1, 0)].Score
		points = append(points, Point{Score: score, Refused: (good + bad) / total, GoodLost: good / c.good, BadFound: bad / c.bad})
	}
	return points
}

// Approval is what a cut-off lets through.
type Approval struct {
	Share   float64 `json:"share"`    // weighted share of rows approved
	BadRate float64 `json:"bad_rate"` // among them
	Cut     float64 `json:"cut"`      // approved up to this score; meaningless when Share is 0
}

// ApprovalAt gives the largest share approved, safest first, whose bad rate is
// at most the one given. Rows of one score are approved together or not at all.
func (c *Curve) ApprovalAt(badRate float64) Approval {
	var good, bad float64
	var best Approval
	for _, g := range c.groups {
		good, bad = good+g.Good, bad+g.Bad
		if rate := bad / (good + bad); rate <= badRate {
			best = Approval{Share: (good + bad) / (c.good + c.bad), BadRate: rate, Cut: g.Score}
		}
	}
	return best
}

// AtCut gives the share and bad rate of the rows scored at most cut.
func (c *Curve) AtCut(cut float64) Approval {
	var good, bad float64
	for _, g := range c.groups {
		if g.Score > cut {
			break
		}
		good, bad = good+g.Good, bad+g.Bad
	}
	if good+bad == 0 {
		return Approval{Cut: cut}
	}
	return Approval{Share: (good + bad) / (c.good + c.bad), BadRate: bad / (good + bad), Cut: cut}
}

// AUC is NewCurve and Curve.AUC of unweighted rows.
func AUC(score []float64, bad []bool) (float64, error) {
	c, err := NewCurve(score, bad, nil)
	if err != nil {
		return 0, err
	}
	return c.AUC(), nil
}
