// Package features turns evidence into numbers a scorecard and a rule can
// read: integers in documented units, each known, stale or missing. The one
// rule: a value that is not known is missing, never zero.
package features

import (
	"sync"

	"loan310/scoring/evidence"
	"loan310/scoring/verdict"
)

// Def documents one feature.
type Def struct {
	Name   string // ends in its unit where it has one: _fen, _bps, _days, _hours, _wh
	Unit   string
	Window string // what the value looks back on, from the moment of decision
	Source string // an evidence source, "crosscheck" (marketplace held against logistics) or "own"
	// With is a second source the value is made of, "" = none: stale where
	// either is, missing where either is.
	With  string
	About string
	// Missing is when the value is missing although its source was read;
	// empty = never. With a source that is empty, down or withheld every
	// feature of it is missing.
	Missing string
}

// Sources of features that are no evidence source.
const (
	FromCrosscheck = "crosscheck" // stale when marketplace or logistics is
	FromOwn        = "own"        // our own books: never stale
)

// Index gives the place of a feature in a vector.
func Index(name string) (ID, bool) {
	id, known := index()[name]
	return id, known
}

// index is built once and never written again.
var index = sync.OnceValue(func() map[string]ID {
	byName := make(map[string]ID, Count)
	for id := range table {
		byName[table[id].Name] = ID(id)
	}
	return byName
})

// Name gives a feature's name.
func (id ID) Name() string { return table[id].Name }

// From says whether a feature is made of a source's rows, alone or with
// another's.
func (id ID) From(source evidence.Source) bool {
	for _, name := range [...]string{table[id].Source, table[id].With} {
		if name == string(source) || name == FromCrosscheck && (source == evidence.Marketplace || source == evidence.Logistics) {
			return true
		}
	}
	return false
}

// Vector holds every feature once, in the order of All.
type Vector []verdict.FeatureValue

// newVector gives a vector of which nothing is known.
func newVector() Vector {
	vector := make(Vector, Count)
	for id := range vector {
		vector[id] = verdict.FeatureValue{Name: table[id].Name, State: verdict.FeatureMissing}
	}
	return vector
}

// Get gives a feature's value and whether it has one (known or stale).
func (v Vector) Get(id ID) (int64, bool) {
	state := v[id].State
	return v[id].Value, state == verdict.FeatureKnown || state == verdict.FeatureStale
}

// writer fills the features of one source in that source's state.
type writer struct {
	vector Vector
	state  verdict.FeatureState
}

func (w writer) set(id ID, value int64) {
	w.vector[id].Value, w.vector[id].State = value, w.state
}

// setIf sets a value that is only known under a condition.
func (w writer) setIf(known bool, id ID, value int64) {
	if known {
		w.set(id, value)
	}
}

// stateOf translates a source's state: read and fresh, read and stale, or not.
func stateOf(state evidence.State) verdict.FeatureState {
	switch state {
	case evidence.Known:
		return verdict.FeatureKnown
	case evidence.Stale:
		return verdict.FeatureStale
	default:
		return verdict.FeatureMissing
	}
}
