package model

import (
	"fmt"
	"math"
	"slices"
)

// Calibration methods.
const (
	Uncalibrated = "none"
	Platt        = "platt"
	Isotonic     = "isotonic"
)

// certain keeps probabilities off 0 and 1, whose odds are infinite.
const certain = 1e-7

func (c *Calibration) validate() error {
	switch c.Method {
	case Uncalibrated:
	case Platt:
		if c.Slope <= 0 {
			return faultAt("calibration.slope", "%v: want above 0, else a riskier row would score safer", c.Slope)
		}
	case Isotonic:
		if len(c.Raw) == 0 || len(c.Raw) != len(c.PD) {
			return faultAt("calibration", "%d raw values for %d probabilities", len(c.Raw), len(c.PD))
		}
		for i := range c.Raw {
			if i > 0 && (c.Raw[i] <= c.Raw[i-1] || c.PD[i] < c.PD[i-1]) {
				return faultAt(fmt.Sprintf("calibration.raw[%d]", i), "raw values must rise and probabilities must not fall")
			}
			if c.PD[i] < 0 || c.PD[i] > 1 {
				return faultAt(fmt.Sprintf("calibration.pd[%d]", i), "%v: want 0 to 1", c.PD[i])
			}
		}
	default:
		return faultAt("calibration.method", "%q, want \"none\", \"platt\" or \"isotonic\"", c.Method)
	}
	return nil
}

// LogOdds gives the calibrated log-odds of bad of a raw score.
func (c *Calibration) LogOdds(raw float64) float64 {
	switch c.Method {
	case Platt:
		raw = c.Shift + c.Slope*raw
	case Isotonic:
		raw = Logit(min(max(c.isotonic(raw), certain), 1-certain))
	}
	return raw + c.Prior
}

// scaled gives the log-odds that points stand for: those of Platt's method
// without the prior, else the raw ones.
func (c *Calibration) scaled(raw float64) float64 {
	if c.Method == Platt {
		return c.Shift + c.Slope*raw
	}
	return raw
}

func (c *Calibration) isotonic(raw float64) float64 {
	at, exact := slices.BinarySearch(c.Raw, raw)
	switch {
	case exact:
		return c.PD[at]
	case at == 0:
		return c.PD[0]
	case at == len(c.Raw):
		return c.PD[at-1]
	}
	share := (raw - c.Raw[at-1]) / (c.Raw[at] - c.Raw[at-1])
	return c.PD[at-1] + share*(c.PD[at]-c.PD[at-1])
}

// Logit is ln(p / (1 - p)).
func Logit(p float64) float64 { return math.Log(p / (1 - p)) }

// Probability is the inverse of Logit.
func Probability(logOdds float64) float64 {
	if logOdds >= 0 {
		return 1 / (1 + math.Exp(-logOdds))
	}
	e := math.Exp(logOdds)
	return e / (1 + e)
}

// Factor is points a unit of log-odds.
func (s *Scaling) Factor() float64 { return s.PDO / math.Ln2 }

// Exact gives the unrounded points of log-odds of bad.
func (s *Scaling) Exact(logOdds float64) float64 {
	return s.BasePoints + s.Factor()*(-logOdds-math.Log(s.BaseOdds))
}

func (s *Scaling) validate() error {
	switch {
	case !(s.PDO > 0) || s.PDO > 10_000:
		return faultAt("scaling.pdo", "%v: want above 0, at most 10000", s.PDO)
	case !(s.BaseOdds > 0) || s.BaseOdds > 1e6:
		return faultAt("scaling.base_odds", "%v: want above 0, at most 1000000", s.BaseOdds)
	case math.Abs(s.BasePoints) > 1e6:
		return faultAt("scaling.base_points", "%v: want at most 1000000 either way", s.BasePoints)
	}
	return nil
}
