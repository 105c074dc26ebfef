package train

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"loan310/scoring/metrics"
	"loan310/scoring/model"
)

// Rules by which a column is taken for a leak.
const (
	LeakTooGood  = "too_good"       // alone it tells good from bad as no honest column does
	LeakRelative = "far_above_rest" // nearly so, and no other column comes near it
	LeakPresence = "presence"       // filled in for one outcome and hardly for the other
	LeakAfter    = "dated_after"    // dates later than the row's as_of
)

// Leak is a column that must not be trained on, with the evidence.
type Leak struct {
	Column   string  `json:"column"`
	Rule     string  `json:"rule"`
	Figure   float64 `json:"figure"`
	Limit    float64 `json:"limit"`
	Evidence string  `json:"evidence"` // in words
	Allowed  string  `json:"allowed,omitempty"`
}

// LeakError refuses a training: columns that leak the outcome and that nobody
// allowed.
type LeakError struct{ Leaks []Leak }

// Error lists the columns with the evidence and says what to do.
func (e *LeakError) Error() string {
	var b strings.Builder
	b.WriteString("columns that look like leaks of the outcome:")
	for _, leak := range e.Leaks {
		fmt.Fprintf(&b, "\n  %s: %s (%s)", leak.Column, leak.Evidence, leak.Rule)
	}
	b.WriteString("\nExclude them in the spec, or allow one with --allow-leak COLUMN or allow_leak in the spec, if its values were known when the loan was decided.")
	return b.String()
}

// signal is what a column by itself says about the outcome.
type signal struct {
	name     string
	slot     int
	auc      float64 // out of fold, the better of value by value and of twenty ranges
	monotone float64 // of the values as they stand, either way up; 0 for categories
	bad      float64 // share of bad rows with a value
	good     float64
	feature  bool
}

// leakRows bounds how many rows are looked at.
const leakRows = 200_000

// findLeaks looks at every feature and date column.
func findLeaks(table *Table, rows []int32) []Leak {
	rows = thin(rows, leakRows)
	var looked []signal
	for _, feature := range table.Plan.Features {
		looked = append(looked, signal{name: feature.Name, slot: feature.Slot, feature: true})
	}
	for _, slot := range table.Plan.Looked {
		looked = append(looked, signal{name: table.Columns[slot].Name, slot: slot})
	}
	parallel(len(looked), func(i int) { looked[i].measure(table, rows) })
	limits := table.Plan.Spec.Leaks
	var leaks []Leak
	add := func(s *signal, rule string, figure, limit float64, format string, args ...any) {
		leaks = append(leaks, Leak{
			Column: s.name, Rule: rule, Figure: figure, Limit: limit, Evidence: fmt.Sprintf(format, args...), Allowed: table.Plan.Spec.AllowLeak[s.name],
		})
	}
	best, second := 0.0, 0.0 // of those that are not too good outright
	for _, s := range looked {
		if s.auc >= limits.AUC {
			continue
		}
		if s.auc > best {
			best, second = s.auc, best
		} else {
			second = max(second, s.auc)
		}
	}
	for i := range looked {
		s := &looked[i]
		if after, share := lateShare(table, s.slot, rows); share > limits.AfterShare {
			add(s, LeakAfter, share, limits.AfterShare, "%d of its dates (%.1f %%) are later than %s; limit %.1f %%",
				after, 100*share, table.Columns[table.Plan.AsOf].Name, 100*limits.AfterShare)
		}
		if gap := math.Abs(s.bad - s.good); gap >= limits.Presence {
			add(s, LeakPresence, gap, limits.Presence, "filled in for %.1f %% of the bad rows and %.1f %% of the good ones; limit %.0f points apart",
				100*s.bad, 100*s.good, 100*limits.Presence)
		}
		switch {
		case s.auc >= limits.AUC:
			add(s, LeakTooGood, s.auc, limits.AUC, "alone it reaches an AUC of %.3f out of fold%s; the best column that is not a leak %.3f; limit %.2f",
				s.auc, s.erratic(), best, limits.AUC)
		case s.auc >= limits.RelativeAUC && s.auc == best && best-second >= limits.Margin:
			add(s, LeakRelative, s.auc, limits.RelativeAUC, "alone it reaches an AUC of %.3f out of fold%s; the next best column %.3f; limits %.2f and %.2f above the rest",
				s.auc, s.erratic(), second, limits.RelativeAUC, limits.Margin)
		}
	}
	return leaks
}

// erratic says so when risk jumps up and down along a column, as it does when
// the outcome has changed the values.
func (s *signal) erratic() string {
	if s.monotone == 0 || s.auc-s.monotone < 0.05 {
		return ""
	}
	return fmt.Sprintf(" (%.3f if risk had to rise or fall with it: it jumps)", s.monotone)
}

// thin takes at most so many rows, spread evenly.
func thin(rows []int32, most int) []int32 {
	if len(rows) <= most {
		return rows
	}
	out := make([]int32, most)
	for i := range out {
		out[i] = rows[i*len(rows)/most]
	}
	return out
}

// lateShare counts the dates of a column that are later than as_of.
func lateShare(table *Table, slot int, rows []int32) (after int, share float64) {
	if table.Plan.AsOf < 0 || table.Columns[slot].Kind != model.Date {
		return 0, 0
	}
	filled := 0
	for _, row := range rows {
		date, asOf := table.Columns[slot].Num[row], table.Columns[table.Plan.AsOf].Num[row]
		if math.IsNaN(date) || math.IsNaN(asOf) {
			continue
		}
		filled++
		if date > asOf {
			after++
		}
	}
	return after, float64(after) / float64(max(filled, 1))
}

// measure fills in what the column says.
func (s *signal) measure(table *Table, rows []int32) {
	values, distinct := ranks(&table.Columns[s.slot], rows)
	bad := make([]bool, len(rows))
	var present, all tally
	for i, row := range rows {
		bad[i] = table.Bad[row]
		all.count(bad[i], 1)
		if values[i] > 0 {
			present.count(bad[i], 1)
		}
	}
	s.bad, s.good = present.bad/all.bad, present.good/all.good
	s.auc = outOfFold(values, distinct, bad)
	if table.Columns[s.slot].Kind == model.Category {
		return
	}
	plain := make([]float64, len(values))
	for i, v := range values {
		plain[i] = float64(v)
	}
	if auc, err := metrics.AUC(plain, bad); err == nil {
		s.monotone = max(auc, 1-auc)
	}
	const ranges = 20
	coarse := make([]int32, len(values))
	cuts := metrics.Quantiles(plain, ranges)
	for i, v := range plain {
		if values[i] > 0 {
			coarse[i] = int32(metrics.BinOf(v, cuts)) + 1 //nolint:gosec // at most 20
		}
	}
	s.auc = max(s.auc, outOfFold(coarse, ranges+1, bad))
}

// ranks numbers the values of a column from 1 in their order, 0 = missing.
func ranks(column *Column, rows []int32) (values []int32, distinct int) {
	values = make([]int32, len(rows))
	if column.Kind == model.Category {
		for i, row := range rows {
			values[i] = column.Codes[row] + 1
		}
		return values, len(column.Levels)
	}
	order := make([]int32, 0, len(rows))
	for i, row := range rows {
		if !math.IsNaN(column.Num[row]) {
			order = append(order, int32(i))
		}
	}
	slices.SortFunc(order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(column.Num[rows[a]], column.Num[rows[b]]), cmp.Compare(a, b))
	})
	for k, i := range order {
		if k == 0 || column.Num[rows[i]] != column.Num[rows[order[k-1]]] {
			distinct++
		}
		values[i] = int32(distinct)
	}
	return values, distinct
}

// outOfFold is the AUC of the bad rate of a row's value among the other four
// fifths of the rows, with 20 rows of average risk added.
func outOfFold(values []int32, distinct int, bad []bool) float64 {
	const folds, smooth = 5, 20
	var all tally
	for _, is := range bad {
		all.count(is, 1)
	}
	rate := all.bad / all.rows()
	score := make([]float64, len(values))
	for fold := range folds {
		counts := make([]tally, distinct+1)
		for i, v := range values {
			if i%folds != fold {
				counts[v].count(bad[i], 1)
			}
		}
		for i, v := range values {
			if i%folds == fold {
				score[i] = (counts[v].bad + smooth*rate) / (counts[v].rows() + smooth)
			}
		}
	}
	auc, err := metrics.AUC(score, bad)
	if err != nil {
		return 0.5
	}
	return auc
}

// judge parts what somebody allowed from what refuses the training.
func judge(leaks []Leak) (allowed []model.Leak, refused []Leak) {
	for _, leak := range leaks {
		if leak.Allowed == "" {
			refused = append(refused, leak)
			continue
		}
		allowed = append(allowed, model.Leak{Column: leak.Column, Evidence: leak.Evidence, Reason: leak.Allowed})
	}
	return allowed, refused
}
