package train

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"loan310/scoring/metrics"
	"loan310/scoring/model"
)

// Best asks for a scorecard and a boosted model and takes the one with the
// greater out-of-fold AUC; the scorecard, when they are within BestMargin.
const (
	Best       = "best"
	BestMargin = 0.002
)

// Options are what a training is given besides table and spec.
type Options struct {
	Kind   string // model.Scorecard, model.Boosted or Best
	Author string
	MadeAt string // RFC 3339
	// Progress, when not nil, hears of each step from one goroutine.
	Progress func(step string, done, of int)
}

func (o *Options) step(step string, done, of int) {
	if o.Progress != nil {
		o.Progress(step, done, of)
	}
}

// FeatureReport says what became of a feature.
type FeatureReport struct {
	Name        string  `json:"name"`
	Kind        string  `json:"kind"`
	IV          float64 `json:"iv"`                 // of the bins, smoothed
	LevelIV     float64 `json:"level_iv,omitempty"` // of a category, level by level, unsmoothed
	Bins        int     `json:"bins"`
	Monotone    string  `json:"monotone,omitempty"`
	Coefficient float64 `json:"coefficient,omitempty"`
	Error       float64 `json:"standard_error,omitempty"`
	Importance  float64 `json:"importance,omitempty"` // boosted: share of the gain
	Dropped     string  `json:"dropped,omitempty"`    // why; empty = in the model
}

// Report is what a training found.
type Report struct {
	Rows       string          `json:"rows"` // in words
	Kind       string          `json:"kind"` // of the model made
	Notes      []string        `json:"notes,omitempty"`
	Leaks      []Leak          `json:"leaks,omitempty"`
	Features   []FeatureReport `json:"features"`
	Metrics    model.Metrics   `json:"metrics"`
	Challenger *model.Metrics  `json:"challenger,omitempty"` // of the kind not taken, when Best
	// Scores of the rows held out, in the file's order, for reports.
	HeldPD  []float64 `json:"-"`
	HeldBad []bool    `json:"-"`
	// FoldPD are the calibrated out-of-fold scores of the training rows.
	FoldPD  []float64 `json:"-"`
	FoldBad []bool    `json:"-"`
}

// Run trains. The report is there, as far as it goes, also with a *LeakError.
// Other errors name the place in the spec, or say what the data lack.
func Run(ctx context.Context, table *Table, options Options) (*model.Model, *Report, error) {
	report := &Report{Rows: table.describe(), Notes: table.Plan.Notes}
	learn, held, err := split(table)
	if err != nil {
		return nil, report, err
	}
	if err := enough(table, learn, "the training data"); err != nil {
		return nil, report, err
	}
	options.step("leaks", 0, 1)
	report.Leaks = findLeaks(table, learn)
	allowed, refused := judge(report.Leaks)
	if len(refused) > 0 {
		return nil, report, &LeakError{refused}
	}
	var made []*trained
	for _, kind := range []string{model.Scorecard, model.Boosted} {
		if options.Kind != kind && options.Kind != Best {
			continue
		}
		t := &trained{table: table, kind: kind, learn: learn, held: held, options: &options}
		if err := t.train(ctx); err != nil {
			return nil, report, err
		}
		made = append(made, t)
	}
	if len(made) == 0 {
		return nil, report, fmt.Errorf("kind %q, want %q, %q or %q", options.Kind, model.Scorecard, model.Boosted, Best)
	}
	chosen := made[0]
	if len(made) == 2 {
		if made[1].model.Metrics.OutOfFold.AUC > made[0].model.Metrics.OutOfFold.AUC+BestMargin {
			chosen = made[1]
		}
		other := made[0]
		if chosen == other {
			other = made[1]
		}
		report.Challenger = &other.model.Metrics
	}
	chosen.model.Leaks = allowed
	report.Kind, report.Features, report.Metrics = chosen.kind, chosen.features, chosen.model.Metrics
	report.HeldPD, report.HeldBad, report.FoldPD, report.FoldBad = chosen.heldPD, chosen.heldBad, chosen.foldPD, chosen.foldBad
	_, err = model.New(chosen.model)
	return chosen.model, report, err
}

// trained is a model of one kind in the making.
type trained struct {
	table    *Table
	kind     string
	learn    []int32
	held     []int32
	options  *Options
	model    *model.Model
	features []FeatureReport
	heldPD   []float64
	heldBad  []bool
	foldPD   []float64
	foldBad  []bool
}

// train fits each fold and the whole, calibrates on the rows out of fold, and
// measures.
func (t *trained) train(ctx context.Context) error {
	spec := &t.table.Plan.Spec
	groups := folds(t.table, t.learn, spec.Folds)
	raw := make(map[int32]float64, len(t.learn))
	var aucs []float64
	for i, fold := range groups {
		if err := ctx.Err(); err != nil {
			return err
		}
		t.options.step(t.kind+" folds", i, len(groups)+1)
		m, _, err := t.fit(ctx, without(groups, i), i)
		if err != nil {
			return fmt.Errorf("fold %d: %w", i+1, err)
		}
		scores, err := rawScores(m, t.table, fold)
		if err != nil {
			return err
		}
		for k, row := range fold {
			raw[row] = scores[k]
		}
		if auc, err := metrics.AUC(scores, outcomes(t.table, fold)); err == nil {
			aucs = append(aucs, auc)
		}
	}
	t.options.step(t.kind+" folds", len(groups), len(groups)+1)
	whole, features, err := t.fit(ctx, t.learn, -1)
	if err != nil {
		return err
	}
	t.model, t.features = whole, features
	outOfFold := make([]float64, len(t.learn))
	for i, row := range t.learn {
		outOfFold[i] = raw[row]
	}
	if whole.Calibration, err = calibrate(t.table, t.learn, outOfFold); err != nil {
		return err
	}
	t.finish()
	return t.measure(outOfFold, aucs)
}

// fit makes an uncalibrated model of the rows given; fold is -1 for the whole.
func (t *trained) fit(ctx context.Context, rows []int32, fold int) (*model.Model, []FeatureReport, error) {
	if t.kind == model.Boosted {
		return t.fitTrees(ctx, rows, fold)
	}
	fit, err := fitCard(t.table, rows)
	if err != nil {
		return nil, nil, err
	}
	m := t.blank(rows)
	m.Card = fit.card
	if fold >= 0 {
		return m, nil, nil
	}
	var features []FeatureReport
	for i, feature := range t.table.Plan.Features {
		r := FeatureReport{Name: feature.Name, Kind: string(feature.Kind), IV: fit.iv[i], Bins: fit.bins[i], Dropped: fit.status[i]}
		if feature.Kind == model.Category {
			r.LevelIV = levelIV(t.table, feature, rows)
		}
		for k := range fit.card.Attributes {
			if a := &fit.card.Attributes[k]; a.Feature == feature.Name {
				r.Coefficient, r.Error, r.Monotone = a.Coefficient, fit.errors[k], a.Monotone
			}
		}
		features = append(features, r)
	}
	slices.SortStableFunc(features, func(a, b FeatureReport) int { return cmp.Compare(b.IV, a.IV) })
	return m, features, nil
}

// blank is a model with all but what was learned.
func (t *trained) blank(rows []int32) *model.Model {
	plan := t.table.Plan
	spec, _ := json.Marshal(plan.Spec) // plain data: never fails
	hash := sha256.Sum256(spec)
	m := &model.Model{
		Format: model.Format, Kind: t.kind, Name: plan.Spec.Name, Target: plan.Target, ID: plan.Spec.ID, Preparation: plan.Preparation,
		Scaling: *plan.Spec.Scaling, Calibration: model.Calibration{Method: model.Uncalibrated}, Reference: model.Reference{ScoreCounts: []float64{0}},
		Author: t.options.Author, MadeAt: t.options.MadeAt,
		Training: model.Training{
			Rows: len(rows), FileRows: t.table.FileRows, Sampled: t.table.Sampled, HoldOut: len(t.held), DataHash: t.table.DataHash,
			SpecHash: hex.EncodeToString(hash[:]), Seed: plan.Seed, Folds: plan.Spec.Folds,
		},
	}
	var all tally
	for _, row := range rows {
		if t.table.Bad[row] {
			m.Training.Events++
		}
		weight := 1.0
		if t.table.Weight != nil {
			weight = t.table.Weight[row]
		}
		all.count(t.table.Bad[row], weight)
	}
	m.Training.BadRate = all.bad / all.rows()
	m.Training.DateColumn, m.Training.From, m.Training.To = window(t.table, rows)
	return m
}

// finish gives points and drops inputs that the model does not read.
func (t *trained) finish() {
	m := t.model
	if m.Card != nil {
		scale(m)
	}
	m.Preparation = prune(m.Preparation, used(m))
}

// scale turns evidence into points. With Platt calibration its slope and shift
// are in the points; the prior is not, nor an isotonic table.
func scale(m *model.Model) {
	shift, slope := 0.0, 1.0
	if m.Calibration.Method == model.Platt {
		shift, slope = m.Calibration.Shift, m.Calibration.Slope
	}
	m.Card.StartPoints = int64(math.Round(m.Scaling.Exact(shift + slope*m.Card.Intercept)))
	for i := range m.Card.Attributes {
		a := &m.Card.Attributes[i]
		for j := range a.Bins {
			a.Points[j] = int64(math.Round(m.Scaling.Factor() * slope * a.Coefficient * a.Bins[j].WoE))
		}
	}
}

func used(m *model.Model) map[string]bool {
	names := map[string]bool{}
	if m.Trees != nil {
		for i := range m.Trees.Features {
			names[m.Trees.Features[i].Feature] = true
		}
	}
	if m.Card != nil {
		for i := range m.Card.Attributes {
			names[m.Card.Attributes[i].Feature] = true
		}
	}
	return names
}

// prune keeps the columns named and what they are derived from.
func prune(p model.Preparation, names map[string]bool) model.Preparation {
	for _, derived := range slices.Backward(p.Derived) {
		if names[derived.Name] {
			for _, word := range model.ExprColumns(derived.Expr) {
				names[word] = true
			}
		}
	}
	p.Inputs = slices.DeleteFunc(slices.Clone(p.Inputs), func(input model.Input) bool { return !names[input.Name] })
	p.Derived = slices.DeleteFunc(slices.Clone(p.Derived), func(derived model.Derived) bool { return !names[derived.Name] })
	return p
}
