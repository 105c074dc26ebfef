package boost

import (
	"fmt"
	"math"
)

// Column is one feature of a Matrix: either Values or Codes is filled.
type Column struct {
	Name   string
	Values []float64 // numeric; NaN = missing
	// Codes index Categories; -1 = missing.
	Codes      []int32
	Categories []string // distinct, none empty
}

// Matrix is data by columns, all of one length.
type Matrix struct {
	Columns []Column
	Target  []bool    // true = default; may be nil where only predictions are wanted
	Weights []float64 // nil = each row counts once; else finite, 0 or more
}

// maxRows keeps the sums of a histogram exact: see scale.
const maxRows = 1 << 24

// Rows is the length of the columns.
func (m *Matrix) Rows() int {
	if len(m.Columns) == 0 {
		return len(m.Target)
	}
	return m.Columns[0].len()
}

func (c *Column) len() int {
	if c.Codes != nil {
		return len(c.Codes)
	}
	return len(c.Values)
}

// Take copies the rows named, in the order named; a row may be named twice.
// Rows that do not exist are an error of the caller and panic as slices do.
func (m *Matrix) Take(rows []int) *Matrix {
	out := &Matrix{Columns: make([]Column, len(m.Columns)), Target: take(m.Target, rows), Weights: take(m.Weights, rows)}
	for i := range m.Columns {
		column := m.Columns[i]
		column.Values, column.Codes = take(column.Values, rows), take(column.Codes, rows)
		out.Columns[i] = column
	}
	return out
}

func take[T any](values []T, rows []int) []T {
	if values == nil {
		return nil
	}
	out := make([]T, len(rows))
	for i, row := range rows {
		out[i] = values[row]
	}
	return out
}

// validate reports the first thing wrong with data to learn from.
func (m *Matrix) validate() error {
	rows := m.Rows()
	switch {
	case len(m.Columns) == 0:
		return fmt.Errorf("no columns: give at least one feature")
	case len(m.Columns) > maxFeatures:
		return fmt.Errorf("%d columns: want at most %d", len(m.Columns), maxFeatures)
	case rows == 0:
		return fmt.Errorf("no rows")
	case rows >= maxRows:
		return fmt.Errorf("%d rows: want fewer than %d; take a sample", rows, maxRows)
	case len(m.Target) != rows:
		return fmt.Errorf("target has %d rows, the columns have %d", len(m.Target), rows)
	}
	if err := m.validateColumns(); err != nil {
		return err
	}
	if m.Weights != nil && len(m.Weights) != rows {
		return fmt.Errorf("weights have %d rows, the columns have %d", len(m.Weights), rows)
	}
	for row, weight := range m.Weights {
		if !(weight >= 0) || math.IsInf(weight, 0) {
			return fmt.Errorf("weights, row %d: %g: want a finite number of 0 or more", row, weight)
		}
	}
	return nil
}

func (m *Matrix) validateColumns() error {
	seen := map[string]bool{}
	for i := range m.Columns {
		column := &m.Columns[i]
		switch {
		case column.Name == "":
			return fmt.Errorf("column %d: has no name", i)
		case seen[column.Name]:
			return fmt.Errorf("column %q: stands twice", column.Name)
		case column.len() != m.Rows():
			return fmt.Errorf("column %q: has %d rows, the first has %d", column.Name, column.len(), m.Rows())
		case column.Codes != nil && column.Values != nil:
			return fmt.Errorf("column %q: has values and codes: want one of them", column.Name)
		}
		seen[column.Name] = true
		if err := column.validate(); err != nil {
			return fmt.Errorf("column %q: %w", column.Name, err)
		}
	}
	return nil
}

func (c *Column) validate() error {
	for row, value := range c.Values {
		if math.IsInf(value, 0) {
			return fmt.Errorf("row %d is infinite: give NaN for missing or a finite number", row)
		}
	}
	seen := make(map[string]bool, len(c.Categories))
	for code, name := range c.Categories {
		if name == "" || seen[name] {
			return fmt.Errorf("category %d (%q): want names that are distinct and not empty", code, name)
		}
		seen[name] = true
	}
	for row, code := range c.Codes {
		if code < -1 || int(code) >= len(c.Categories) {
			return fmt.Errorf("row %d: code %d: want -1 (missing) to %d", row, code, len(c.Categories)-1)
		}
	}
	return nil
}

// weight of a row.
func (m *Matrix) weight(row int) float64 {
	if m.Weights == nil {
		return 1
	}
	return m.Weights[row]
}

// totals are the weights of defaults and of all rows, and the largest weight.
func (m *Matrix) totals() (bad, all, largest float64) {
	for row, isBad := range m.Target {
		weight := m.weight(row)
		all += weight
		largest = max(largest, weight)
		if isBad {
			bad += weight
		}
	}
	return bad, all, largest
}
