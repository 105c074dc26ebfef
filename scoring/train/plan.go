package train

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"loan310/scoring/model"
)

// ColumnProfile is what was found in a column of the data.
type ColumnProfile struct {
	Name         string
	Kind         model.Kind
	Layouts      []string // of dates
	Rows         int
	Missing      int
	Distinct     int      // different texts, up to a bound
	ManyDistinct bool     // the bound was reached
	Whole        bool     // all numbers are whole
	Values       []string // all texts, sorted, when they are few
	Odd          string   // a cell that does not fit what nearly all others are
	Mixed        bool     // dates both with the day first and with the month first
	Ambiguous    bool     // dates that may have the day or the month first
}

// FeatureSpec is a column that may enter the model.
type FeatureSpec struct {
	Name     string
	Slot     int
	Kind     model.Kind
	Monotone string
	Special  []float64
}

// Plan is a spec brought together with a file: what is read, what is a feature,
// what is only looked at for leaks.
type Plan struct {
	Spec        Spec
	Target      model.Target
	Weight      string
	Preparation model.Preparation
	Features    []FeatureSpec
	Looked      []int // slots that are no features but are checked for leaks
	AsOf        int   // slot; -1 = none
	Notes       []string
	Seed        uint64
	positive    map[string]bool
	negative    map[string]bool
	missing     *model.Reader
}

// NewPlan settles kinds and roles of the columns of a file. Errors name the
// place in the spec or the column.
func NewPlan(spec Spec, columns []ColumnProfile, seed uint64) (*Plan, error) {
	spec, err := spec.Defaults()
	if err != nil {
		return nil, err
	}
	p := &Plan{Spec: spec, Weight: spec.Weight, AsOf: -1, Seed: seed, Preparation: model.Preparation{Missing: spec.Missing}}
	byName := map[string]*ColumnProfile{}
	for i := range columns {
		byName[columns[i].Name] = &columns[i]
	}
	if err := p.checkNames(byName); err != nil {
		return nil, err
	}
	if err := p.setTarget(byName[spec.Target.Column]); err != nil {
		return nil, err
	}
	reads := p.columnsRead()
	for i := range columns {
		if err := p.addColumn(&columns[i], reads[columns[i].Name]); err != nil {
			return nil, err
		}
	}
	if err := p.addDerived(); err != nil {
		return nil, err
	}
	if len(p.Features) == 0 {
		return nil, fault("", "no column is left as a feature: %s", strings.Join(p.Notes, "; "))
	}
	return p, nil
}

// checkNames refuses a spec that names columns the file does not have.
func (p *Plan) checkNames(columns map[string]*ColumnProfile) error {
	named := map[string]string{"target.column": p.Spec.Target.Column}
	for path, name := range map[string]string{"id": p.Spec.ID, "as_of": p.Spec.AsOf, "weight": p.Spec.Weight} {
		if name != "" {
			named[path] = name
		}
	}
	for i, name := range p.Spec.Exclude {
		named[fmt.Sprintf("exclude[%d]", i)] = name
	}
	for name := range p.Spec.Columns {
		named["columns."+name] = name
	}
	for _, path := range slices.Sorted(maps.Keys(named)) {
		if columns[named[path]] == nil {
			return fault(path, "the data has no column %q; it has %s", named[path], strings.Join(slices.Sorted(maps.Keys(columns)), ", "))
		}
	}
	return nil
}

// setTarget decides which texts are bad; without a word from the spec, only
// where there can be no doubt.
func (p *Plan) setTarget(column *ColumnProfile) error {
	target := p.Spec.Target
	p.Target = model.Target{Column: target.Column, Positive: target.Positive, Negative: target.Negative}
	if len(target.Positive) == 0 {
		for _, pair := range [][2]string{{"0", "1"}, {"false", "true"}, {"no", "yes"}, {"n", "y"}, {"good", "bad"}} {
			if len(column.Values) == 2 && strings.EqualFold(column.Values[0], pair[0]) && strings.EqualFold(column.Values[1], pair[1]) {
				p.Target.Positive = column.Values[1:]
			}
		}
		if len(column.Values) == 2 && strings.EqualFold(column.Values[0], "bad") && strings.EqualFold(column.Values[1], "good") {
			p.Target.Positive = column.Values[:1]
		}
		if len(column.Values) == 1 {
			return fault("target", "column %q holds nothing but %q: two outcomes are needed", column.Name, column.Values[0])
		}
		if len(p.Target.Positive) == 0 {
			return fault("target.positive", "column %q holds %s: say which mean bad", column.Name, some(column))
		}
	}
	if len(p.Target.Negative) == 0 && len(column.Values) > 0 {
		for _, value := range column.Values {
			if !slices.Contains(p.Target.Positive, value) {
				p.Target.Negative = append(p.Target.Negative, value)
			}
		}
	}
	p.positive, p.negative = set(p.Target.Positive), set(p.Target.Negative)
	reader, err := model.NewReader(model.Input{Name: column.Name, Kind: model.Category}, p.Spec.Missing)
	p.missing = reader
	return err
}

func some(column *ColumnProfile) string {
	if len(column.Values) == 0 {
		return "many different texts"
	}
	return fmt.Sprintf("%q", column.Values)
}

func set(values []string) map[string]bool {
	out := map[string]bool{}
	for _, value := range values {
		out[value] = true
	}
	return out
}

// Outcome reads a cell of the target column; known is false for a missing one.
func (p *Plan) Outcome(text string) (bad, known bool, err error) {
	return Outcome(&p.Target, p.missing, text)
}

// Outcome reads a cell of a target column. missing tells which texts are no
// outcome. A text that is neither positive nor negative is an error.
func Outcome(target *model.Target, missing *model.Reader, text string) (bad, known bool, err error) {
	text = strings.TrimSpace(text)
	switch {
	case slices.Contains(target.Positive, text):
		return true, true, nil
	case slices.Contains(target.Negative, text):
		return false, true, nil
	case missing.IsMissing(text):
		return false, false, nil
	case len(target.Negative) == 0:
		return false, true, nil
	}
	return false, false, fmt.Errorf("outcome %q is neither positive %q nor negative %q", text, target.Positive, target.Negative)
}

// columnsRead lists the columns that as_of or an expression needs.
func (p *Plan) columnsRead() map[string]bool {
	reads := map[string]bool{p.Spec.AsOf: true}
	for _, derived := range p.Spec.Derived {
		for _, word := range model.ExprColumns(derived.Expr) {
			reads[word] = true
		}
	}
	return reads
}

// addColumn gives a column its part.
func (p *Plan) addColumn(column *ColumnProfile, read bool) error {
	name := column.Name
	spec := p.Spec.Columns[name]
	if name == p.Spec.Target.Column || name == p.Spec.Weight {
		return nil
	}
	excluded := slices.Contains(p.Spec.Exclude, name) || name == p.Spec.ID || len(p.Spec.Only) > 0 && !slices.Contains(p.Spec.Only, name)
	if excluded && !read {
		return nil
	}
	kind := column.Kind
	if spec.Kind != "" {
		kind = spec.Kind
	}
	isFeature := !excluded && (spec.Feature == nil || *spec.Feature)
	if isFeature && !read {
		if why := useless(column, kind); why != "" {
			p.note("%s is left out: %s", name, why)
			return nil
		}
	}
	input, err := p.input(column, spec, kind)
	if err != nil {
		return err
	}
	slot := len(p.Preparation.Inputs)
	p.Preparation.Inputs = append(p.Preparation.Inputs, input)
	if name == p.Spec.AsOf {
		if kind != model.Date {
			return fault("as_of", "column %q is a %s, want dates: give its layouts under columns.%s", name, kind, name)
		}
		p.AsOf = slot
		return nil
	}
	switch {
	case isFeature && kind != model.Date:
		p.Features = append(p.Features, FeatureSpec{Name: name, Slot: slot, Kind: kind, Monotone: spec.Monotone, Special: spec.Special})
	case !excluded && kind == model.Date:
		p.Looked = append(p.Looked, slot)
		if isFeature && !read {
			p.note("%s is a date: it is looked at for leaks but is no feature (derive one, such as days(a, b))", name)
		}
	}
	return nil
}

func (p *Plan) input(column *ColumnProfile, spec ColumnSpec, kind model.Kind) (model.Input, error) {
	input := model.Input{Name: column.Name, Kind: kind, Missing: spec.Missing, Unreadable: spec.Unreadable}
	if column.Odd != "" && spec.Kind == "" && len(spec.Missing) == 0 && spec.Unreadable == "" {
		return input, fault("columns."+column.Name, `%s: say its kind, list such texts under "missing", or set "unreadable": "missing"`, column.Odd)
	}
	if kind != model.Date {
		return input, nil
	}
	input.Layouts = spec.Layouts
	if len(input.Layouts) > 0 {
		return input, nil
	}
	switch {
	case column.Mixed:
		return input, fault("columns."+column.Name, "some dates have the day first and some the month: give layouts")
	case column.Ambiguous:
		return input, fault("columns."+column.Name, `no day is above 12, so the dates can be read two ways: give layouts, such as ["1/2/2006"] for month first`)
	case len(column.Layouts) == 0:
		return input, fault("columns."+column.Name, "no known date layout: give layouts")
	}
	input.Layouts = column.Layouts
	return input, nil
}

// useless says why a column cannot be a feature.
func useless(column *ColumnProfile, kind model.Kind) string {
	filled := column.Rows - column.Missing
	switch {
	case filled == 0:
		return "it is empty"
	case column.Distinct <= 1 && column.Missing == 0:
		return "it never changes"
	case kind == model.Category && column.ManyDistinct:
		return "it holds so many different texts that it looks like an identifier"
	case kind == model.Category && column.Distinct > 50 && 2*column.Distinct > filled:
		return fmt.Sprintf("it looks like an identifier: %d different texts in %d cells", column.Distinct, filled)
	case kind == model.Number && column.Whole && !column.ManyDistinct && filled >= 100 && column.Distinct == filled:
		return fmt.Sprintf("it looks like an identifier: %d whole numbers, none twice", filled)
	}
	return ""
}

func (p *Plan) addDerived() error {
	for _, derived := range p.Spec.Derived {
		p.Preparation.Derived = append(p.Preparation.Derived, model.Derived{Name: derived.Name, Expr: derived.Expr})
	}
	preparer, err := model.NewPreparer(&p.Preparation)
	if err != nil {
		return err
	}
	for i, derived := range p.Spec.Derived {
		slot, kind, _ := preparer.Slot(derived.Name)
		if derived.Feature != nil && !*derived.Feature {
			continue
		}
		if kind == model.Date {
			return fault(fmt.Sprintf("derived[%d]", i), "gives a date, which is no feature")
		}
		p.Features = append(p.Features, FeatureSpec{Name: derived.Name, Slot: slot, Kind: kind, Monotone: derived.Monotone, Special: derived.Special})
	}
	for i := range p.Features {
		f := &p.Features[i]
		text(&f.Monotone, p.Spec.Binning.Monotone)
		if f.Kind == model.Category {
			f.Monotone = Free
		}
	}
	return nil
}

func (p *Plan) note(format string, args ...any) {
	p.Notes = append(p.Notes, fmt.Sprintf(format, args...))
}
