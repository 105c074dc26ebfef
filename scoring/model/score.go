package model

import (
	"errors"
	"fmt"
	"math"

	"loan310/scoring/boost"
)

// MaxReasons is the most reasons a result holds.
const MaxReasons = 8

// Reason is a feature that cost points.
type Reason struct {
	Feature int // index into Scorer.Features
	Bin     int // of that feature
	// Lost is what the best bin would have given more. A boosted model has no
	// best bin; there it is the same as LostToAverage.
	Lost int64
	// LostToAverage is what the average training row got more; below 0 when the
	// feature did better than that.
	LostToAverage int64
}

// Result is the score of a row. Use one again for the next row: it keeps room
// to work in.
type Result struct {
	PD      float64 // calibrated probability of default
	LogOdds float64 // its log-odds
	Points  int64
	Count   int // reasons given
	Reasons [MaxReasons]Reason
	values  []float64
	parts   []float64
}

// feature is a binning ready to use.
type feature struct {
	binning *Binning
	slot    int
	binner  *Binner
	logOdds []float64 // what a bin adds to the raw log-odds of bad
	points  []int64
	best    int64
	average float64            // points of the average training row
	codes   map[string]float64 // of a category in trees
	other   float64
}

// Scorer is a validated model. Safe for concurrent use.
type Scorer struct {
	model    *Model
	preparer *Preparer
	features []feature
	trees    *boost.Scorer
	parts    *boost.Explainer
}

// New validates a model and makes it ready; errors as Load, but for the hash,
// which it does not look at.
func New(m *Model) (*Scorer, error) {
	if err := m.validate(); err != nil {
		return nil, err
	}
	preparer, err := NewPreparer(&m.Preparation)
	if err != nil {
		return nil, &PathError{Path: "preparation", Cause: err}
	}
	s := &Scorer{model: m, preparer: preparer}
	switch {
	case m.Kind == Scorecard && m.Card != nil && m.Trees == nil:
		err = s.compileCard()
	case m.Kind == Boosted && m.Trees != nil && m.Card == nil:
		err = s.compileTrees()
	default:
		err = faultAt("kind", "%q, want \"scorecard\" with a card or \"boosted\" with trees", m.Kind)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Scorer) compileCard() error {
	card := s.model.Card
	if err := card.validate(); err != nil {
		return err
	}
	for i := range card.Attributes {
		a := &card.Attributes[i]
		f, err := s.compileFeature(&a.Binning, fmt.Sprintf("card.attributes[%d]", i))
		if err != nil {
			return err
		}
		f.points, f.best = a.Points, math.MinInt64
		rows := 0.0
		for j := range a.Bins {
			f.logOdds = append(f.logOdds, -a.Coefficient*a.Bins[j].WoE)
			f.best = max(f.best, a.Points[j])
			f.average += a.Bins[j].Rows * float64(a.Points[j])
			rows += a.Bins[j].Rows
		}
		f.average /= max(rows, 1)
		s.features = append(s.features, f)
	}
	return nil
}

func (s *Scorer) compileTrees() error {
	t := s.model.Trees
	if t.Ensemble == nil || len(t.Features) != len(t.Ensemble.Features) {
		return faultAt("trees.features", "%d of them: want one a feature of the ensemble, in its order", len(t.Features))
	}
	scorer, err := boost.New(t.Ensemble)
	if err != nil {
		return &PathError{Path: "trees.ensemble", Cause: err}
	}
	s.trees, s.parts = scorer, scorer.Explainer()
	for i := range t.Features {
		path := fmt.Sprintf("trees.features[%d]", i)
		f, err := s.compileFeature(&t.Features[i], path)
		if err != nil {
			return err
		}
		of := &t.Ensemble.Features[i]
		if of.Name != t.Features[i].Feature || (of.Kind == boost.KindCategorical) != (t.Features[i].Kind == Category) {
			return faultAt(path, "%q is a %s, but the ensemble has %q, %s", t.Features[i].Feature, t.Features[i].Kind, of.Name, of.Kind)
		}
		if of.Kind == boost.KindCategorical {
			f.codes, f.other = map[string]float64{}, float64(len(of.Categories))
			for _, name := range of.Categories {
				f.codes[name] = of.Code(name)
			}
		}
		s.features = append(s.features, f)
	}
	return nil
}

func (s *Scorer) compileFeature(binning *Binning, path string) (feature, error) {
	slot, kind, ok := s.preparer.Slot(binning.Feature)
	switch {
	case !ok:
		return feature{}, faultAt(path+".feature", "%q is no column of the preparation", binning.Feature)
	case kind != binning.Kind:
		return feature{}, faultAt(path+".kind", "%q, but the column is a %s", binning.Kind, kind)
	}
	binner, err := NewBinner(binning)
	if err != nil {
		if inner, ok := errors.AsType[*PathError](err); ok {
			return feature{}, &PathError{Path: path + "." + inner.Path, Cause: inner.Cause}
		}
		return feature{}, err
	}
	return feature{binning: binning, slot: slot, binner: binner}, nil
}

// Model gives what was loaded. The caller must not change it.
func (s *Scorer) Model() *Model { return s.model }

// Preparer reads the rows that Score takes.
func (s *Scorer) Preparer() *Preparer { return s.preparer }

// Features is how many features the model uses.
func (s *Scorer) Features() int { return len(s.features) }

// Feature gives a feature with its bins. The caller must not change it.
func (s *Scorer) Feature(i int) *Binning { return s.features[i].binning }

// Bin gives the bin of a feature that a prepared row is in.
func (s *Scorer) Bin(i int, row []Value) int {
	return s.features[i].binner.Find(row[s.features[i].slot])
}

// Score scores a prepared row (Preparer.Read into each input's slot, then
// Derive): probability and points, no reasons. It allocates nothing, but for a
// boosted model's first row in a Result.
func (s *Scorer) Score(row []Value, result *Result) {
	result.Count = 0
	if s.trees != nil {
		raw := s.trees.Logit(s.values(row, result))
		s.settle(raw, result)
		result.Points = int64(math.Round(s.model.Scaling.Exact(s.model.Calibration.scaled(raw))))
		return
	}
	card := s.model.Card
	raw, points := card.Intercept, card.StartPoints
	for i := range s.features {
		f := &s.features[i]
		bin := f.binner.Find(row[f.slot])
		raw += f.logOdds[bin]
		points += f.points[bin]
	}
	s.settle(raw, result)
	result.Points = points
}

func (s *Scorer) settle(raw float64, result *Result) {
	result.LogOdds = s.model.Calibration.LogOdds(raw)
	result.PD = Probability(result.LogOdds)
}

// values gives the numbers that the trees read.
func (s *Scorer) values(row []Value, result *Result) []float64 {
	if len(result.values) != len(s.features) {
		result.values = make([]float64, len(s.features))
	}
	for i := range s.features {
		f := &s.features[i]
		switch value := &row[f.slot]; {
		case !value.Known:
			result.values[i] = math.NaN()
		case f.codes == nil:
			result.values[i] = value.Num
		default:
			code, ok := f.codes[value.Text]
			if !ok {
				code = f.other
			}
			result.values[i] = code
		}
	}
	return result.values
}

// Explain is Score with reasons: the features that lost most points, most
// first, at most MaxReasons. A card's are against their best bin; a boosted
// model's are Shapley values in points, against the average row. It allocates as
// Score.
func (s *Scorer) Explain(row []Value, result *Result) {
	s.Score(row, result)
	if s.trees != nil {
		s.explainTrees(row, result)
		return
	}
	for i := range s.features {
		f := &s.features[i]
		bin := f.binner.Find(row[f.slot])
		if lost := f.best - f.points[bin]; lost > 0 {
			result.add(Reason{Feature: i, Bin: bin, Lost: lost, LostToAverage: int64(math.Round(f.average)) - f.points[bin]})
		}
	}
}

func (s *Scorer) explainTrees(row []Value, result *Result) {
	if len(result.parts) != len(s.features) {
		result.parts = make([]float64, len(s.features))
	}
	s.parts.Explain(result.values, result.parts) // Score has filled the values
	slope := 1.0
	if s.model.Calibration.Method == Platt {
		slope = s.model.Calibration.Slope
	}
	for i, part := range result.parts {
		if lost := int64(math.Round(s.model.Scaling.Factor() * slope * part)); lost > 0 {
			result.add(Reason{Feature: i, Bin: s.features[i].binner.Find(row[s.features[i].slot]), Lost: lost, LostToAverage: lost})
		}
	}
}

// add keeps the reasons sorted by points lost, the earlier feature first among
// equals.
func (r *Result) add(reason Reason) {
	at := r.Count
	for at > 0 && r.Reasons[at-1].Lost < reason.Lost {
		at--
	}
	if at == MaxReasons {
		return
	}
	r.Count = min(r.Count+1, MaxReasons)
	copy(r.Reasons[at+1:r.Count], r.Reasons[at:r.Count-1])
	r.Reasons[at] = reason
}
