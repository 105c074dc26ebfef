package boost

import (
	"fmt"
	"math"
	"slices"
)

// column finds a column by name and kind.
func (m *Matrix) column(name string, categorical bool) (*Column, error) {
	at := slices.IndexFunc(m.Columns, func(c Column) bool { return c.Name == name })
	if at < 0 {
		return nil, fmt.Errorf("column %q: there is none", name)
	}
	column := &m.Columns[at]
	switch {
	case categorical && column.Values != nil:
		return nil, fmt.Errorf("column %q: is numeric, the model has categories", name)
	case !categorical && column.Codes != nil:
		return nil, fmt.Errorf("column %q: has categories, the model is numeric", name)
	}
	return column, nil
}

// Code gives the number of a category in a row; one the model does not know
// has the number of "other", and the empty name is missing (NaN).
func (f *Feature) Code(name string) float64 {
	if name == "" {
		return math.NaN()
	}
	if at := slices.Index(f.Categories, name); at >= 0 {
		return float64(at)
	}
	return float64(len(f.Categories))
}

// Binding reads the rows of a matrix as a model wants them. Safe for
// concurrent use.
type Binding struct {
	columns []*Column
	codes   [][]uint8 // by the column's own codes; nil = numeric
	rows    int
}

// Bind finds the model's features among the columns of data, by name;
// other columns are ignored, target and weights are not looked at.
func (s *Scorer) Bind(data *Matrix) (*Binding, error) {
	if err := data.validateColumns(); err != nil {
		return nil, err
	}
	b := &Binding{rows: data.Rows()}
	for i := range s.model.Features {
		of := &s.model.Features[i]
		column, err := data.column(of.Name, of.Kind == KindCategorical)
		if err != nil {
			return nil, err
		}
		var own []uint8
		if of.Kind == KindCategorical {
			own = codes(of.Categories, column.Categories)
		}
		b.columns, b.codes = append(b.columns, column), append(b.codes, own)
	}
	return b, nil
}

// Rows is the number of rows.
func (b *Binding) Rows() int { return b.rows }

// Row fills into with a row of the matrix; its length is that of the features.
func (b *Binding) Row(row int, into []float64) {
	for i, column := range b.columns {
		switch {
		case b.codes[i] == nil:
			into[i] = column.Values[row]
		case column.Codes[row] < 0:
			into[i] = math.NaN()
		default:
			into[i] = float64(b.codes[i][column.Codes[row]])
		}
	}
}

// Logits scores all rows of data on all cores.
func (s *Scorer) Logits(data *Matrix) ([]float64, error) {
	b, err := s.Bind(data)
	if err != nil {
		return nil, err
	}
	out := make([]float64, b.rows)
	blocks(b.rows, func(_, first, last int) {
		row := make([]float64, len(b.columns))
		for i := first; i < last; i++ {
			b.Row(i, row)
			out[i] = s.Logit(row)
		}
	})
	return out, nil
}
