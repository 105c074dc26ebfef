package model

import (
	"fmt"
	"slices"
)

// Derived is a column computed from others; see docs/models.md for the
// functions.
type Derived struct {
	Name string `json:"name"`
	Expr string `json:"expr"`
}

// Preparation says how cells become the values that a model is trained and
// scored on: the same code does both.
type Preparation struct {
	Inputs  []Input   `json:"inputs"`
	Derived []Derived `json:"derived,omitempty"`
	// Missing are the tokens, besides an empty cell, that stand for no value.
	Missing []string `json:"missing"`
}

// Preparer reads rows. A row is one slot an input, then one a derived column.
// Safe for concurrent use.
type Preparer struct {
	readers []*Reader
	derived []eval
	names   []string
	kinds   []Kind
}

// NewPreparer checks and compiles. The error names the place, such as
// derived[2] (income_ratio).
func NewPreparer(p *Preparation) (*Preparer, error) {
	out := &Preparer{}
	add := func(name string, kind Kind) error {
		if slices.Contains(out.names, name) {
			return fmt.Errorf("a second column of the name %q", name)
		}
		out.names, out.kinds = append(out.names, name), append(out.kinds, kind)
		return nil
	}
	for i, input := range p.Inputs {
		reader, err := NewReader(input, p.Missing)
		if err == nil {
			err = add(input.Name, input.Kind)
		}
		if err != nil {
			return nil, fmt.Errorf("inputs[%d] (%s): %w", i, input.Name, err)
		}
		out.readers = append(out.readers, reader)
	}
	for i, derived := range p.Derived {
		t, err := compile(derived.Expr, func(name string) (int, Kind, bool) {
			slot := slices.Index(out.names, name)
			if slot < 0 {
				return 0, "", false
			}
			return slot, out.kinds[slot], true
		})
		if err == nil {
			err = add(derived.Name, t.kind)
		}
		if err != nil {
			return nil, fmt.Errorf("derived[%d] (%s): %w", i, derived.Name, err)
		}
		out.derived = append(out.derived, t.run)
	}
	return out, nil
}

// Slots is the length of a row.
func (p *Preparer) Slots() int { return len(p.names) }

// Inputs is how many slots are read; the rest is derived.
func (p *Preparer) Inputs() int { return len(p.readers) }

// Slot finds a column by name.
func (p *Preparer) Slot(name string) (slot int, kind Kind, ok bool) {
	slot = slices.Index(p.names, name)
	if slot < 0 {
		return 0, "", false
	}
	return slot, p.kinds[slot], true
}

// Name gives the name of a slot's column.
func (p *Preparer) Name(slot int) string { return p.names[slot] }

// Read gives the value of a cell for an input's slot.
func (p *Preparer) Read(slot int, text string) (Value, error) { return p.readers[slot].Read(text) }

// Derive fills the derived slots of a row whose inputs are filled.
func (p *Preparer) Derive(row []Value) {
	for i, run := range p.derived {
		row[len(p.readers)+i] = run(row)
	}
}
