// Package train makes scorecards and boosted models from a table of loans whose
// outcome is known. The one rule: the same table, spec and seed give the same
// model bit for bit, on any number of cores.
package train

import (
	"fmt"
	"maps"
	"slices"

	"loan310/scoring/model"
)

// Spec says how to train. Its zero value, after Defaults, trains on every
// column of a file; docs/models.md explains each field.
type Spec struct {
	Name    string                `json:"name,omitempty"`
	Target  TargetSpec            `json:"target"`
	ID      string                `json:"id,omitempty"`
	AsOf    string                `json:"as_of,omitempty"` // date column: when the row was decided
	Weight  string                `json:"weight,omitempty"`
	Exclude []string              `json:"exclude,omitempty"`
	Only    []string              `json:"only,omitempty"` // if given, no other column becomes a feature
	Missing []string              `json:"missing,omitempty"`
	Columns map[string]ColumnSpec `json:"columns,omitempty"`
	Derived []DerivedSpec         `json:"derived,omitempty"`
	Split   *SplitSpec            `json:"split,omitempty"`
	MaxRows int                   `json:"max_rows,omitempty"` // sample when there are more; 0 = 1,000,000
	Folds   int                   `json:"folds,omitempty"`    // 0 = 5

	// PopulationBadRate corrects for a sample with more or fewer bad rows.
	PopulationBadRate float64           `json:"population_bad_rate,omitempty"`
	Calibration       string            `json:"calibration,omitempty"` // "platt" (default), "isotonic" or "none"
	Binning           BinningSpec       `json:"binning,omitzero"`
	Selection         SelectionSpec     `json:"selection,omitzero"`
	L2                float64           `json:"l2,omitempty"` // penalty on coefficients; 0 = 1
	Scaling           *model.Scaling    `json:"scaling,omitempty"`
	Boost             *BoostSpec        `json:"boost,omitempty"`
	AllowLeak         map[string]string `json:"allow_leak,omitempty"` // column to the reason why it is allowed
	Leaks             LeakSpec          `json:"leaks,omitzero"`
}

// TargetSpec names the outcome. Rows whose outcome is missing are left out.
type TargetSpec struct {
	Column   string   `json:"column,omitempty"`
	Positive []string `json:"positive,omitempty"` // texts that mean bad
	Negative []string `json:"negative,omitempty"` // texts that mean good; empty = all others
}

// ColumnSpec overrides what is found in the data.
type ColumnSpec struct {
	Kind       model.Kind `json:"kind,omitempty"`
	Layouts    []string   `json:"layouts,omitempty"`
	Missing    []string   `json:"missing,omitempty"`
	Unreadable string     `json:"unreadable,omitempty"`
	Monotone   string     `json:"monotone,omitempty"` // of the risk: "rising", "falling", "auto" or "none"
	Special    []float64  `json:"special,omitempty"`  // values with a bin of their own
	Feature    *bool      `json:"feature,omitempty"`  // false: only read, for derived columns
}

// DerivedSpec is a computed column.
type DerivedSpec struct {
	Name     string    `json:"name"`
	Expr     string    `json:"expr"`
	Monotone string    `json:"monotone,omitempty"`
	Special  []float64 `json:"special,omitempty"`
	Feature  *bool     `json:"feature,omitempty"`
}

// SplitSpec holds rows out of training.
type SplitSpec struct {
	By    string  `json:"by"`              // "time" (by as_of) or "random"
	Share float64 `json:"share,omitempty"` // of rows held out: the latest, or random ones
	From  string  `json:"from,omitempty"`  // of "time": hold out from this day on, YYYY-MM-DD
}

// BinningSpec bounds the bins. Zero fields get the default.
type BinningSpec struct {
	MaxBins   int     `json:"max_bins,omitempty"`   // 10; 5 below 5,000 rows
	MinShare  float64 `json:"min_share,omitempty"`  // of rows in a bin; 0.02
	MinEvents int     `json:"min_events,omitempty"` // goods and bads in a bin; 5
	MinLevel  int     `json:"min_level,omitempty"`  // rows of a level of its own, others are pooled; 5, or 30 and 0.5 % where more than 15 levels are
	Smoothing float64 `json:"smoothing,omitempty"`  // rows of average risk added to each bin; 20
	Merge     float64 `json:"merge,omitempty"`      // neighbours less apart (likelihood ratio) are merged; 0.5
	Monotone  string  `json:"monotone,omitempty"`   // of columns that do not say; "auto"
}

// SelectionSpec chooses features. Zero fields get the default.
type SelectionSpec struct {
	MinIV          float64 `json:"min_iv,omitempty"`          // 0.01
	MaxCorrelation float64 `json:"max_correlation,omitempty"` // 0.9
	MaxVIF         float64 `json:"max_vif,omitempty"`         // 10
	Stepwise       bool    `json:"stepwise,omitempty"`        // drop features that are not significant at 5 %
}

// BoostSpec steers the boosted model. Zero fields get the default.
type BoostSpec struct {
	Trees        int     `json:"trees,omitempty"`
	LearningRate float64 `json:"learning_rate,omitempty"`
	MaxLeaves    int     `json:"max_leaves,omitempty"`
	MaxDepth     int     `json:"max_depth,omitempty"`
	MinRows      int     `json:"min_rows,omitempty"`
	L2           float64 `json:"l2,omitempty"`
	RowShare     float64 `json:"row_share,omitempty"`    // of the rows drawn for each tree
	ColumnShare  float64 `json:"column_share,omitempty"` // of the features drawn for each tree
}

// LeakSpec are the limits beyond which a column is taken for a leak. Zero
// fields get the default.
type LeakSpec struct {
	AUC         float64 `json:"auc,omitempty"`          // of the column alone, out of fold; 0.90
	RelativeAUC float64 `json:"relative_auc,omitempty"` // less, if also Margin above all others; 0.85
	Margin      float64 `json:"margin,omitempty"`       // 0.10
	Presence    float64 `json:"presence,omitempty"`     // difference of the share filled in between bads and goods; 0.80
	AfterShare  float64 `json:"after_share,omitempty"`  // of a date column's cells later than as_of; 0.01
}

// Defaults gives the spec with zero fields filled in, or the first field out
// of its range as a *model.PathError.
func (s Spec) Defaults() (Spec, error) {
	number(&s.MaxRows, 1_000_000)
	number(&s.Folds, 5)
	number(&s.L2, 1)
	number(&s.Binning.MinShare, 0.02)
	number(&s.Binning.MinEvents, 5)
	number(&s.Binning.Smoothing, 20)
	number(&s.Binning.Merge, 0.5)
	number(&s.Selection.MinIV, 0.01)
	number(&s.Selection.MaxCorrelation, 0.9)
	number(&s.Selection.MaxVIF, 10)
	number(&s.Leaks.AUC, 0.90)
	number(&s.Leaks.RelativeAUC, 0.85)
	number(&s.Leaks.Margin, 0.10)
	number(&s.Leaks.Presence, 0.80)
	number(&s.Leaks.AfterShare, 0.01)
	text(&s.Name, "model")
	text(&s.Calibration, model.Platt)
	text(&s.Binning.Monotone, Auto)
	if s.Scaling == nil {
		s.Scaling = &model.Scaling{BasePoints: 600, BaseOdds: 30, PDO: 40}
	}
	if s.Missing == nil {
		s.Missing = model.DefaultMissing()
	}
	return s, s.validate()
}

func number[T int | float64](field *T, fallback T) {
	if *field == 0 {
		*field = fallback
	}
}

func text(field *string, fallback string) {
	if *field == "" {
		*field = fallback
	}
}

// Directions a spec may ask for.
const (
	Auto = "auto" // monotone unless that costs a tenth of the information
	Free = "none"
)

func (s *Spec) validate() error {
	for _, limit := range []struct {
		path      string
		value     float64
		low, high float64
	}{
		{"max_rows", float64(s.MaxRows), 100, 100e6},
		{"folds", float64(s.Folds), 2, 50},
		{"population_bad_rate", s.PopulationBadRate, 0, 0.99},
		{"l2", s.L2, 0, 1e9},
		{"binning.max_bins", float64(s.Binning.MaxBins), 0, 50},
		{"binning.min_share", s.Binning.MinShare, 0, 0.5},
		{"binning.min_events", float64(s.Binning.MinEvents), 0, 1e6},
		{"binning.min_level", float64(s.Binning.MinLevel), 0, 1e6},
		{"binning.smoothing", s.Binning.Smoothing, 0, 1e6},
		{"binning.merge", s.Binning.Merge, 0, 1e3},
		{"selection.min_iv", s.Selection.MinIV, 0, 10},
		{"selection.max_correlation", s.Selection.MaxCorrelation, 0.1, 1},
		{"selection.max_vif", s.Selection.MaxVIF, 1, 1e6},
		{"leaks.auc", s.Leaks.AUC, 0.5, 1},
		{"leaks.relative_auc", s.Leaks.RelativeAUC, 0.5, 1},
		{"leaks.margin", s.Leaks.Margin, 0, 0.5},
		{"leaks.presence", s.Leaks.Presence, 0, 1},
		{"leaks.after_share", s.Leaks.AfterShare, 0, 1},
	} {
		if !(limit.value >= limit.low && limit.value <= limit.high) {
			return fault(limit.path, "%v: want %v to %v", limit.value, limit.low, limit.high)
		}
	}
	if !slices.Contains([]string{model.Platt, model.Isotonic, model.Uncalibrated}, s.Calibration) {
		return fault("calibration", "%q, want \"platt\", \"isotonic\" or \"none\"", s.Calibration)
	}
	if err := direction("binning.monotone", s.Binning.Monotone); err != nil {
		return err
	}
	return s.validateColumns()
}

func (s *Spec) validateColumns() error {
	for _, name := range slices.Sorted(maps.Keys(s.Columns)) {
		if err := direction("columns."+name+".monotone", s.Columns[name].Monotone); err != nil {
			return err
		}
	}
	for i, derived := range s.Derived {
		if err := direction(fmt.Sprintf("derived[%d].monotone", i), derived.Monotone); err != nil {
			return err
		}
	}
	for _, column := range slices.Sorted(maps.Keys(s.AllowLeak)) {
		if s.AllowLeak[column] == "" {
			return fault("allow_leak."+column, "say why it is allowed")
		}
	}
	if s.Split == nil {
		return nil
	}
	switch {
	case s.Split.By != "time" && s.Split.By != "random":
		return fault("split.by", "%q, want \"time\" or \"random\"", s.Split.By)
	case s.Split.By == "time" && s.AsOf == "":
		return fault("as_of", "none, but the split is by time")
	case s.Split.From != "":
		if s.Split.By != "time" || s.Split.Share != 0 {
			return fault("split.from", "goes with by \"time\" and without share")
		}
		if _, err := model.ParseDay(s.Split.From); err != nil {
			return fault("split.from", "%w", err)
		}
	case !(s.Split.Share > 0 && s.Split.Share < 1):
		return fault("split.share", "%v: want above 0 and below 1", s.Split.Share)
	}
	return nil
}

func direction(path, value string) error {
	if !slices.Contains([]string{"", Auto, Free, model.Rising, model.Falling}, value) {
		return fault(path, "%q, want \"rising\", \"falling\", \"auto\" or \"none\"", value)
	}
	return nil
}

func fault(path, format string, args ...any) error {
	return &model.PathError{Path: path, Cause: fmt.Errorf(format, args...)}
}
