package backtest

import (
	"encoding/csv"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"loan310/scoring"
	"loan310/scoring/features"
	"loan310/scoring/policy"
)

// Wanted says which applications a FeatureTable writes. Its zero value: all.
type Wanted struct {
	Lane string // only those judged in this lane; empty = both
	// Passed leaves out who is declined by a rule whatever the score: a card is
	// trained and calibrated on those whom it decides about.
	Passed bool
}

// declining lists the rules that decline whatever the score.
func declining(rules []policy.Rule) (ids []string) {
	readsScore := regexp.MustCompile(`\b(score|pd_ppm)\b`)
	for i := range rules {
		rule := &rules[i]
		if (rule.Stage == policy.KnockOut || rule.Stage == policy.Hard) && !readsScore.MatchString(rule.When) {
			ids = append(ids, rule.ID)
		}
	}
	return ids
}

// FeatureTable writes every feature of every application as CSV, one row an
// application, merchant by merchant in the order of the book: the same bytes
// however many workers decide. Give its Take to Options.Judged.
//
// Columns: application_id, merchant_id, as_of, every feature by name (empty =
// missing), stale (names of features made of a stale source, joined by spaces),
// and bad (0 or 1, empty = not known) where the book has outcomes.
type FeatureTable struct {
	mutex    sync.Mutex
	want     Wanted
	declines []string
	out      *csv.Writer
	outcomes bool
	next     int                // place of the merchant to be written next
	waiting  map[int][][]string // of merchants decided out of turn
	rows     int
	err      error
}

// NewFeatureTable writes the header. outcomes says whether there is a column
// bad, want which rows there are; rules are the champion's.
func NewFeatureTable(out io.Writer, outcomes bool, want Wanted, rules []policy.Rule) *FeatureTable {
	table := &FeatureTable{out: csv.NewWriter(out), outcomes: outcomes, want: want, declines: declining(rules), waiting: map[int][][]string{}}
	header := []string{"application_id", "merchant_id", "as_of"}
	for _, def := range features.All() {
		header = append(header, def.Name)
	}
	header = append(header, "stale")
	if outcomes {
		header = append(header, "bad")
	}
	table.err = table.out.Write(header)
	return table
}

// Take keeps a merchant's rows and writes those whose turn it is.
func (t *FeatureTable) Take(place int, judged []Judged) {
	rows := make([][]string, 0, len(judged))
	for i := range judged {
		if t.wanted(&judged[i].Verdict) {
			rows = append(rows, t.row(&judged[i]))
		}
	}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.waiting[place] = rows
	for {
		ready, there := t.waiting[t.next]
		if !there {
			return
		}
		delete(t.waiting, t.next)
		t.next++
		for _, row := range ready {
			t.rows++
			if t.err == nil {
				t.err = t.out.Write(row)
			}
		}
	}
}

func (t *FeatureTable) wanted(verdict *scoring.Verdict) bool {
	if t.want.Lane != "" && verdict.Versions.Lane != t.want.Lane {
		return false
	}
	return !t.want.Passed || !slices.ContainsFunc(verdict.Rules, func(id string) bool {
		return slices.Contains(t.declines, strings.TrimSuffix(id, policy.FailedSuffix))
	})
}

func (t *FeatureTable) row(judged *Judged) []string {
	c := judged.Case
	row := make([]string, 3, int(features.Count)+5)
	row[0], row[1], row[2] = c.ID, c.MerchantID, c.AppliedAt.UTC().Format(time.RFC3339)
	var stale []string
	for i := range judged.Verdict.Features {
		value := &judged.Verdict.Features[i]
		switch value.State {
		case scoring.FeatureMissing:
			row = append(row, "")
			continue
		case scoring.FeatureStale:
			stale = append(stale, value.Name)
		}
		row = append(row, strconv.FormatInt(value.Value, 10))
	}
	row = append(row, strings.Join(stale, " "))
	if !t.outcomes {
		return row
	}
	switch {
	case !c.Known:
		return append(row, "")
	case c.Outcome.Bad:
		return append(row, "1")
	}
	return append(row, "0")
}

// Close writes out what is buffered and gives the number of rows.
func (t *FeatureTable) Close() (int, error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.out.Flush()
	if t.err == nil {
		t.err = t.out.Error()
	}
	if t.err != nil {
		return t.rows, fmt.Errorf("write features: %w", t.err)
	}
	return t.rows, nil
}
