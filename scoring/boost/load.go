package boost

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// ModelError reports a model that cannot be used: where and why.
type ModelError struct {
	Path  string // in the JSON; empty = the document
	Cause error
}

// Error gives the path and the cause.
func (e *ModelError) Error() string {
	if e.Path == "" {
		return "model: " + e.Cause.Error()
	}
	return "model." + e.Path + ": " + e.Cause.Error()
}

// Unwrap gives the cause.
func (e *ModelError) Unwrap() error { return e.Cause }

func refuse(path, format string, args ...any) error {
	return &ModelError{path, fmt.Errorf(format, args...)}
}

// Load reads the JSON of a model and makes it ready. Unknown fields, trees
// that are none, numbers that are not finite and leaves that break a promise
// of direction are refused with a *ModelError.
func Load(modelJSON []byte) (*Scorer, error) {
	var model Model
	decoder := json.NewDecoder(bytes.NewReader(modelJSON))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&model); err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return nil, refuse(wrong.Field, "byte %d: want %s, got %s", wrong.Offset, wrong.Type, wrong.Value)
		}
		return nil, &ModelError{Cause: err}
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, refuse("", "text after the document")
	}
	return New(&model)
}

func (m *Model) validate() error {
	switch {
	case m.Format != Format:
		return refuse("format", "%q: want %q", m.Format, Format)
	case len(m.Features) == 0 || len(m.Features) > maxFeatures:
		return refuse("features", "%d of them: want 1 to %d", len(m.Features), maxFeatures)
	case !finite(m.Base):
		return refuse("base_logit", "%g: want a finite number", m.Base)
	case len(m.Trees) > maxTrees:
		return refuse("trees", "%d of them: want at most %d", len(m.Trees), maxTrees)
	}
	seen := map[string]bool{}
	for i := range m.Features {
		of := &m.Features[i]
		path := fmt.Sprintf("features[%d]", i)
		if of.Name == "" || seen[of.Name] {
			return refuse(path+".name", "%q: want a name of its own", of.Name)
		}
		seen[of.Name] = true
		if err := of.validate(path); err != nil {
			return err
		}
	}
	for i := range m.Trees {
		if err := m.validateTree(&m.Trees[i], fmt.Sprintf("trees[%d]", i)); err != nil {
			return err
		}
	}
	return nil
}

// maxCover keeps sums of covers finite; training gives no larger ones.
const maxCover = 1e120

func finite(value float64) bool { return !math.IsNaN(value) && !math.IsInf(value, 0) }

func (f *Feature) validate(path string) error {
	switch f.Kind {
	case KindNumeric:
		if len(f.Categories) > 0 {
			return refuse(path+".categories", "a numeric feature has none")
		}
	case KindCategorical:
		if f.Monotone != Free {
			return refuse(path+".monotone", "categories have no order")
		}
	default:
		return refuse(path+".kind", "%q: want %q or %q", f.Kind, KindNumeric, KindCategorical)
	}
	if f.Monotone != Free && f.Monotone != Rising && f.Monotone != Falling {
		return refuse(path+".monotone", "%q: want %q, %q or nothing", f.Monotone, Rising, Falling)
	}
	if len(f.Categories) >= maxBins {
		return refuse(path+".categories", "%d of them: want at most %d", len(f.Categories), maxBins-1)
	}
	seen := make(map[string]bool, len(f.Categories))
	for i, name := range f.Categories {
		if name == "" || seen[name] {
			return refuse(fmt.Sprintf("%s.categories[%d]", path, i), "%q: want a name of its own", name)
		}
		seen[name] = true
	}
	return nil
}

// validateTree checks that every split and leaf hangs on exactly one earlier
// split, and that the leaves keep the promised directions.
func (m *Model) validateTree(tree *Tree, path string) error {
	if len(tree.Leaves) != len(tree.Splits)+1 || len(tree.Leaves) > maxLeaves {
		return refuse(path+".leaves", "%d of them for %d splits: want one more than splits, at most %d", len(tree.Leaves), len(tree.Splits), maxLeaves)
	}
	for i, leaf := range tree.Leaves {
		switch {
		case !finite(leaf.Value):
			return refuse(fmt.Sprintf("%s.leaves[%d].value", path, i), "%g: want a finite number", leaf.Value)
		case !(leaf.Cover > 0 && leaf.Cover <= maxCover):
			return refuse(fmt.Sprintf("%s.leaves[%d].cover", path, i), "%g: want a number above 0, at most %g", leaf.Cover, maxCover)
		}
	}
	splits, leaves := make([]bool, len(tree.Splits)), make([]bool, len(tree.Leaves))
	depths := make([]int, len(tree.Splits))
	for i := range tree.Splits {
		split := &tree.Splits[i]
		here := fmt.Sprintf("%s.splits[%d]", path, i)
		if err := m.validateSplit(split, here); err != nil {
			return err
		}
		if depths[i] >= maxDepth {
			return refuse(here, "is %d splits below the root: want at most %d", depths[i], maxDepth-1)
		}
		for _, child := range []struct {
			name string
			at   int
		}{{".left", split.Left}, {".right", split.Right}} {
			used, at := splits, child.at
			if at < 0 {
				used, at = leaves, ^at
			} else if at <= i {
				return refuse(here+child.name, "%d: a split must come after the one it hangs on", at)
			}
			if at >= len(used) {
				return refuse(here+child.name, "%d: there is none", child.at)
			}
			if used[at] {
				return refuse(here+child.name, "%d: hangs on another split already", child.at)
			}
			used[at] = true
			if child.at >= 0 {
				depths[at] = depths[i] + 1
			}
		}
	}
	return m.validateOrder(tree, path)
}

func (m *Model) validateSplit(split *Split, path string) error {
	if split.Feature < 0 || split.Feature >= len(m.Features) {
		return refuse(path+".feature", "%d: want 0 to %d", split.Feature, len(m.Features)-1)
	}
	if split.Missing != SideLeft && split.Missing != SideRight {
		return refuse(path+".missing", "%q: want %q or %q", split.Missing, SideLeft, SideRight)
	}
	if !finite(split.Gain) || split.Gain < 0 {
		return refuse(path+".gain", "%g: want a finite number of 0 or more", split.Gain)
	}
	of := &m.Features[split.Feature]
	if of.Kind == KindNumeric {
		if !finite(split.Threshold) {
			return refuse(path+".threshold", "%g: want a finite number", split.Threshold)
		}
		if len(split.Categories) > 0 {
			return refuse(path+".categories", "the feature %q is numeric", of.Name)
		}
		return nil
	}
	if split.Threshold != 0 {
		return refuse(path+".threshold", "the feature %q has categories", of.Name)
	}
	if len(split.Categories) == 0 && split.Missing == SideRight {
		return refuse(path+".categories", "none goes left, nor does missing")
	}
	for i, category := range split.Categories {
		if category < 0 || category > len(of.Categories) || i > 0 && category <= split.Categories[i-1] {
			return refuse(fmt.Sprintf("%s.categories[%d]", path, i), "%d: want ascending numbers of 0 to %d", category, len(of.Categories))
		}
	}
	return nil
}

// validateOrder proves each tree monotone: two rows that differ in a held
// feature part at a split on it, so it is enough that on each such split no
// leaf of the one side passes a leaf of the other.
func (m *Model) validateOrder(tree *Tree, path string) error {
	type reach struct{ low, high float64 }
	reaches := make([]reach, len(tree.Splits))
	of := func(at int) reach {
		if at < 0 {
			return reach{tree.Leaves[^at].Value, tree.Leaves[^at].Value}
		}
		return reaches[at]
	}
	for i, split := range slices.Backward(tree.Splits) { // children come after
		left, right := of(split.Left), of(split.Right)
		reaches[i] = reach{min(left.low, right.low), max(left.high, right.high)}
		switch direction := m.Features[split.Feature].Monotone; {
		case direction == Rising && left.high > right.low, direction == Falling && left.low < right.high:
			return refuse(fmt.Sprintf("%s.splits[%d]", path, i), "the leaves below are not %s with %q", direction, m.Features[split.Feature].Name)
		}
	}
	return nil
}
