package model

import (
	"fmt"
	"math"
	"slices"

	"loan310/scoring/features"
	"loan310/scoring/scorecard"
)

// ToEngine turns a card trained on a dossier's features into the engine's own
// scorecard. Attributes must be whole-number features of features.All; a
// special value becomes a range of its own. The points of missing values also
// stand for stale ones: edit the result where an old value deserves more.
// Reasons maps a feature to its reason code; without one it is "sc_" and the
// feature's name. The result is validated (scorecard.New).
func ToEngine(m *Model, version string, reasons map[string]string) (scorecard.Card, error) {
	if _, err := New(m); err != nil {
		return scorecard.Card{}, err
	}
	if m.Kind != Scorecard {
		return scorecard.Card{}, faultAt("kind", "%q: only a scorecard has points a bin", m.Kind)
	}
	card := scorecard.Card{
		Name: m.Name, Version: version, Start: m.Card.StartPoints,
		Scaling: scorecard.Scaling{
			BasePoints: int64(math.Round(m.Scaling.BasePoints)), BaseOdds: int64(math.Round(m.Scaling.BaseOdds)), PDO: int64(math.Round(m.Scaling.PDO)),
		},
		PDTable: m.anchors(),
	}
	for i := range m.Card.Attributes {
		a := &m.Card.Attributes[i]
		path := fmt.Sprintf("card.attributes[%d]", i)
		if _, known := features.Index(a.Feature); !known || a.Kind != Number {
			return scorecard.Card{}, faultAt(path+".feature", "%q is no feature of the engine", a.Feature)
		}
		code := reasons[a.Feature]
		if code == "" {
			code = "sc_" + a.Feature
		}
		attribute := scorecard.Attribute{Feature: a.Feature, Reason: code}
		attribute.Bins, attribute.Missing = a.engineBins()
		attribute.Stale = attribute.Missing
		card.Attributes = append(card.Attributes, attribute)
	}
	if _, err := scorecard.New(card); err != nil {
		return scorecard.Card{}, fmt.Errorf("the engine's card: %w", err)
	}
	return card, nil
}

// anchors ties points to the calibrated probability where points alone do not:
// nil when the scaling says it all.
func (m *Model) anchors() []scorecard.Anchor {
	if m.Calibration.Method != Isotonic && m.Calibration.Prior == 0 {
		return nil
	}
	var table []scorecard.Anchor
	for k := -16; k <= 16; k++ {
		points := m.Scaling.BasePoints + float64(k)*m.Scaling.PDO/2
		raw := -(points-m.Scaling.BasePoints)/m.Scaling.Factor() - math.Log(m.Scaling.BaseOdds)
		pd := Probability(m.fromPoints(raw))
		ppm := min(max(int64(math.Round(pd*1e6)), 1), 999_999)
		table = append(table, scorecard.Anchor{Points: int64(math.Round(points)), PDPpm: ppm})
	}
	return slices.CompactFunc(table, func(a, b scorecard.Anchor) bool { return a.Points == b.Points })
}

// fromPoints gives the calibrated log-odds of what points stand for before the
// prior, and before an isotonic table.
func (m *Model) fromPoints(logOdds float64) float64 {
	if m.Calibration.Method == Isotonic {
		return m.Calibration.LogOdds(logOdds)
	}
	return logOdds + m.Calibration.Prior
}

// engineBins cuts the whole numbers at the card's bounds and around special
// values; neighbours of equal points are one bin.
func (a *Attribute) engineBins() (bins []scorecard.Bin, missing int64) {
	binner, _ := NewBinner(&a.Binning) // New has validated it
	bounds := map[int64]bool{}
	for i := range a.Bins {
		if low := a.Bins[i].Min; low != nil {
			bounds[int64(math.Ceil(*low))] = true
		}
		for _, special := range a.Bins[i].Special {
			if special == math.Trunc(special) {
				bounds[int64(special)], bounds[int64(special)+1] = true, true
			}
		}
		if a.Bins[i].Missing {
			missing = a.Points[i]
		}
	}
	sorted := make([]int64, 0, len(bounds))
	for bound := range bounds {
		sorted = append(sorted, bound)
	}
	slices.Sort(sorted)
	first := int64(math.MinInt32) - 1
	if len(sorted) > 0 {
		first = sorted[0] - 1
	}
	bins = append(bins, scorecard.Bin{Points: a.Points[binner.Find(known(float64(first)))]})
	for _, bound := range sorted {
		points := a.Points[binner.Find(known(float64(bound)))]
		last := &bins[len(bins)-1]
		if last.Points == points {
			continue
		}
		last.Max = new(bound)
		bins = append(bins, scorecard.Bin{Min: new(bound), Points: points})
	}
	return bins, missing
}
