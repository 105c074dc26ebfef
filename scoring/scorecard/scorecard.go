// Package scorecard turns a feature vector into points and a probability of
// default. A card is versioned data; the one rule: missing and stale are bins
// of their own, never a value.
package scorecard

import (
	"slices"
	"strings"

	"loan310/app/money"
	"loan310/scoring/features"
	"loan310/scoring/verdict"
)

// Bin gives points to feature values from Min up to but without Max. A nil
// Min or Max is open.
type Bin struct {
	Min    *int64 `json:"min,omitempty"`
	Max    *int64 `json:"max,omitempty"`
	Points int64  `json:"points"`
}

// Attribute is one feature's part of the score.
type Attribute struct {
	Feature  string `json:"feature"`
	Reason   string `json:"reason"`             // code given when points are lost
	Monotone string `json:"monotone,omitempty"` // "rising", "falling" (points with the value) or none
	Bins     []Bin  `json:"bins"`               // ascending, without gap or overlap
	Missing  int64  `json:"missing_points"`
	Stale    int64  `json:"stale_points"`
}

// Scaling ties points to odds: BasePoints stand for BaseOdds (good : 1 bad)
// and PDO more points double them, so that
//
//	PD = 1 / (1 + BaseOdds * 2^((points - BasePoints) / PDO)).
type Scaling struct {
	BasePoints int64 `json:"base_points"`
	BaseOdds   int64 `json:"base_odds"`
	PDO        int64 `json:"pdo"` // points to double the odds
}

// Anchor fixes the probability of default (per million) at a score.
type Anchor struct {
	Points int64 `json:"points"`
	PDPpm  int64 `json:"pd_ppm"`
}

// Card is a scorecard. Its score is Start plus the points of each attribute.
type Card struct {
	Name       string      `json:"name"`
	Version    string      `json:"version"`
	Start      int64       `json:"start_points"` // before any attribute
	Scaling    Scaling     `json:"scaling"`
	PDTable    []Anchor    `json:"pd_table,omitempty"` // calibrated; empty = computed from the scaling
	Attributes []Attribute `json:"attributes"`
}

// Suffixes of an attribute's reason when its value could not be judged.
const (
	MissingSuffix = "_missing"
	StaleSuffix   = "_stale"
)

// compiled is an attribute ready to score.
type compiled struct {
	feature features.ID
	best    int64  // most points any of its bins gives
	missing string // reason codes
	stale   string
}

// Scorer is a validated card. Safe for concurrent use.
type Scorer struct {
	card     Card
	version  string
	compiled []compiled
	anchors  []Anchor // rising points, falling PD
}

// New validates a card and makes it ready. The error names the attribute.
func New(card Card) (*Scorer, error) {
	if err := validate(&card); err != nil {
		return nil, err
	}
	scorer := &Scorer{card: card, version: card.Name + "@" + card.Version, anchors: card.PDTable}
	for i := range card.Attributes {
		attribute := &card.Attributes[i]
		id, _ := features.Index(attribute.Feature)
		best := max(attribute.Missing, attribute.Stale)
		for _, bin := range attribute.Bins {
			best = max(best, bin.Points)
		}
		scorer.compiled = append(scorer.compiled, compiled{id, best, attribute.Reason + MissingSuffix, attribute.Reason + StaleSuffix})
	}
	if len(scorer.anchors) == 0 {
		scorer.anchors = anchors(card.Scaling)
	}
	return scorer, nil
}

// anchors computes PD at whole multiples of PDO around the base, exactly:
// odds = base * 2^k, PD = 1,000,000 / (1 + odds) rounded half up.
func anchors(scaling Scaling) []Anchor {
	var table []Anchor
	for k := int64(-16); k <= 16; k++ {
		num, den := scaling.BaseOdds, int64(1)
		if k >= 0 {
			num <<= k
		} else {
			den <<= -k
		}
		pd := int64(money.MulDiv(1_000_000, den, den+num))
		table = append(table, Anchor{scaling.BasePoints + k*scaling.PDO, min(max(pd, 1), 999_999)})
	}
	return table
}

// Score adds the points of a vector in the order of features.All. It
// allocates nothing.
func (s *Scorer) Score(vector features.Vector) int64 {
	total := s.card.Start
	for i := range s.compiled {
		total += s.card.Attributes[i].points(&vector[s.compiled[i].feature])
	}
	return total
}

// Hopeful scores a vector as if each feature for which doubtful says true had
// fallen into its best bin.
func (s *Scorer) Hopeful(vector features.Vector, doubtful func(features.ID) bool) int64 {
	total := s.card.Start
	for i := range s.compiled {
		id := s.compiled[i].feature
		if doubtful(id) {
			total += s.compiled[i].best
			continue
		}
		total += s.card.Attributes[i].points(&vector[id])
	}
	return total
}

func (a *Attribute) points(value *verdict.FeatureValue) int64 {
	switch value.State {
	case verdict.FeatureKnown:
	case verdict.FeatureStale:
		return a.Stale
	default:
		return a.Missing
	}
	for i := range a.Bins {
		if most := a.Bins[i].Max; most == nil || value.Value < *most {
			return a.Bins[i].Points
		}
	}
	return a.Missing // not reached: the last bin is open
}

// PDPpm gives the probability of default within twelve months per million:
// the anchor at or around a score, straight lines between, rounded half up,
// flat beyond the ends.
func (s *Scorer) PDPpm(score int64) int64 {
	at, exact := slices.BinarySearchFunc(s.anchors, score, func(anchor Anchor, score int64) int {
		return compare(anchor.Points, score)
	})
	switch {
	case exact:
		return s.anchors[at].PDPpm
	case at == 0:
		return s.anchors[0].PDPpm
	case at == len(s.anchors):
		return s.anchors[at-1].PDPpm
	}
	low, high := s.anchors[at-1], s.anchors[at]
	width := high.Points - low.Points
	return (2*(low.PDPpm*width+(high.PDPpm-low.PDPpm)*(score-low.Points)) + width) / (2 * width)
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// loss is an attribute that lost points.
type loss struct {
	points int64
	code   string
	value  *verdict.FeatureValue
}

// Reasons adds to a list the attributes that lost points against their best
// bin, most points first, with the feature's value as argument where it has
// one: each code once, and no more than make the list most long.
func (s *Scorer) Reasons(list []verdict.Reason, vector features.Vector, most int) []verdict.Reason {
	var room [64]loss
	losses := room[:0]
	for i := range s.compiled {
		made, attribute := &s.compiled[i], &s.card.Attributes[i]
		value := &vector[made.feature]
		lost := loss{made.best - attribute.points(value), attribute.Reason, value}
		if lost.points <= 0 {
			continue
		}
		switch value.State {
		case verdict.FeatureKnown:
		case verdict.FeatureStale:
			lost.code = made.stale
		default:
			lost.code = made.missing
		}
		losses = append(losses, lost)
	}
	slices.SortFunc(losses, func(a, b loss) int {
		if a.points != b.points {
			return compare(b.points, a.points)
		}
		return strings.Compare(a.code, b.code)
	})
	for i := range losses {
		lost := &losses[i]
		if len(list) >= most {
			break
		}
		if slices.ContainsFunc(list, func(other verdict.Reason) bool { return other.Code == lost.code }) {
			continue
		}
		reason := verdict.Reason{Code: lost.code, Points: lost.points}
		if state := lost.value.State; state == verdict.FeatureKnown || state == verdict.FeatureStale {
			reason.Args = map[string]int64{lost.value.Name: lost.value.Value}
		}
		list = append(list, reason)
	}
	return list
}

// Version names the card: name@version.
func (s *Scorer) Version() string { return s.version }
