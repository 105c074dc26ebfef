// Package validate measures the product's models on public data of real loans
// and on its own synthetic population, and writes docs/validation.md. The one
// rule: the same data and code give the same bytes; a time that was measured
// never stands in that file.
package validate

import (
	"context"
	"embed"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"loan310/app/fault"
	"loan310/app/scorecards"
	"loan310/scoring/metrics"
	"loan310/scoring/model"
	"loan310/scoring/train"
)

//go:embed specs/*.json
var specs embed.FS

// Options say what to validate.
type Options struct {
	Data     string           // folder of the public data
	Only     []string         // sets by id; empty = all
	Progress io.Writer        // nil = silence
	Now      func() time.Time // for the timings alone
	TempDir  string           // for files made on the way; "" = the system's
	// Synthetic is how many merchants a seed are generated; 0 = 2,000. With
	// fewer the bad rates are not held against their limit.
	Synthetic int
}

// Report is the sets in order.
type Report struct {
	Code string // version of the scoring rules
	Sets []Set
}

// Set is what was found on one data set.
type Set struct {
	ID       string
	Title    string
	Data     []File
	Protocol []string
	Results  []Result
	Tables   []Table
	Checks   []Check
	Remarks  []string
	Timings  []Timing
}

// File is what was read: name below the data folder, rows, SHA-256.
type File struct {
	Name string
	Rows int
	Hash string
}

// Result is one model on one sample.
type Result struct {
	Model  string
	Sample string
	Rows   int
	Bad    int
	AUC    metrics.Interval
	Gini   float64
	KS     float64
	At2    metrics.Approval // largest approval with at most 2 % bad
	Fit    metrics.Calibrated
}

// Table is any other finding.
type Table struct {
	Title string
	Head  []string
	Rows  [][]string
}

// Check holds a figure against what is asked for.
type Check struct {
	What string
	Want string
	Got  string
	Pass bool
}

// Timing is how long something took; it is printed and never written.
type Timing struct {
	What string
	Took time.Duration
}

// Failed counts the checks that do not hold.
func (r *Report) Failed() int {
	failed := 0
	for i := range r.Sets {
		for _, check := range r.Sets[i].Checks {
			if !check.Pass {
				failed++
			}
		}
	}
	return failed
}

// seed is the one seed of every split and fold.
const seed = 310

// madeAt stands in every model instead of the time, so that models replay.
const madeAt = "2026-01-01T00:00:00Z"

// study is one set to validate.
type study struct {
	id  string
	run func(*runner, *Set) error
}

func studies() []study {
	return []study{
		{"german", german},
		{"taiwan", taiwan},
		{"gmsc", gmsc},
		{"sba", sba},
		{"berka", berka},
		{"superlender", superlender},
		{"olist", olist},
		{"ecom_fraud", ecom},
		{"xente", xente},
		{"synthetic", synthetic},
	}
}

// IDs lists the sets there are.
func IDs() []string {
	var ids []string
	for _, s := range studies() {
		ids = append(ids, s.id)
	}
	return ids
}

// Run validates the sets asked for, in order. Errors are faults of kind Invalid
// where the data or the choice is to blame.
func Run(ctx context.Context, options Options) (*Report, error) {
	for _, id := range options.Only {
		if !slices.Contains(IDs(), id) {
			return nil, fault.Field("only", fault.CodeInvalid, "no set %q; there are %s", id, strings.Join(IDs(), ", "))
		}
	}
	report := &Report{}
	for _, s := range studies() {
		if len(options.Only) > 0 && !slices.Contains(options.Only, s.id) {
			continue
		}
		r := &runner{ctx: ctx, options: &options}
		r.say("%s", s.id)
		set := Set{ID: s.id}
		if err := s.run(r, &set); err != nil {
			return nil, fmt.Errorf("validate %s: %w", s.id, err)
		}
		report.Sets = append(report.Sets, set)
	}
	return report, nil
}

// runner is what every study needs.
type runner struct {
	ctx     context.Context //nolint:containedctx // a study is one call, cut into steps
	options *Options
}

func (r *runner) say(format string, args ...any) {
	if r.options.Progress != nil {
		fmt.Fprintf(r.options.Progress, "loan310 validate: "+format+"\n", args...)
	}
}

func (r *runner) path(name string) string {
	return filepath.Join(r.options.Data, filepath.FromSlash(name))
}

func (r *runner) spec(name string) (train.Spec, error) {
	body, err := specs.ReadFile("specs/" + name + ".json")
	if err != nil {
		return train.Spec{}, err
	}
	return scorecards.ParseSpec(body, ".json")
}

// fit trains a kind of model by a spec on a file.
func (r *runner) fit(set *Set, what, file string, spec train.Spec, kind string) (*train.Report, error) {
	r.say("%s: training %s", set.ID, what)
	started := r.options.Now()
	_, report, err := scorecards.Train(r.ctx, scorecards.TrainJob{Data: file, Spec: spec, Kind: kind, Seed: seed, Author: "loan310 validate", MadeAt: madeAt})
	set.Timings = append(set.Timings, Timing{what, r.options.Now().Sub(started)})
	return report, err
}

// kinds are both models that every set is given.
func kinds() []string { return []string{model.Scorecard, model.Boosted} }

// both trains both kinds and adds what they do out of fold and held out; it
// gives the reports by kind.
func (r *runner) both(set *Set, file string, spec train.Spec, sample string) (map[string]*train.Report, error) {
	reports := map[string]*train.Report{}
	for _, kind := range kinds() {
		report, err := r.fit(set, kind, file, spec, kind)
		if err != nil {
			return nil, err
		}
		reports[kind] = report
		if len(report.HeldPD) > 0 {
			err = set.measure(kind, sample, report.HeldPD, report.HeldBad)
		} else {
			err = set.measure(kind, sample, report.FoldPD, report.FoldBad)
		}
		if err != nil {
			return nil, err
		}
	}
	return reports, nil
}

// measure adds a result.
func (s *Set) measure(modelName, sample string, pd []float64, bad []bool) error {
	curve, err := metrics.NewCurve(pd, bad, nil)
	if err != nil {
		return fmt.Errorf("%s, %s: %w", modelName, sample, err)
	}
	auc, err := metrics.DeLong(pd, bad)
	if err != nil {
		return fmt.Errorf("%s, %s: %w", modelName, sample, err)
	}
	result := Result{Model: modelName, Sample: sample, Rows: len(pd), AUC: auc, Gini: metrics.Gini(auc.AUC), At2: curve.ApprovalAt(0.02)}
	for _, is := range bad {
		if is {
			result.Bad++
		}
	}
	result.KS, _ = curve.KS()
	if result.Fit, err = metrics.Calibration(pd, bad, nil, 10); err != nil {
		return fmt.Errorf("%s, %s: %w", modelName, sample, err)
	}
	s.Results = append(s.Results, result)
	return nil
}

// best is the result of a sample with the greatest AUC.
func (s *Set) best(sample string) Result {
	var found Result
	for _, result := range s.Results {
		if result.Sample == sample && result.AUC.AUC > found.AUC.AUC {
			found = result
		}
	}
	return found
}

// atLeast checks a figure against a floor.
func (s *Set) atLeast(what string, got, want float64) {
	s.Checks = append(s.Checks, Check{what, fmt.Sprintf("at least %.4g", want), fmt.Sprintf("%.4f", got), got >= want})
}
