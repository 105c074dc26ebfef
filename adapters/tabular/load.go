package tabular

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"loan310/scoring/model"
	"loan310/scoring/train"
)

func sorted(values []string) []string {
	slices.Sort(values)
	return values
}

// Load reads a file into a table as a plan says. More rows than the plan's
// MaxRows are sampled evenly and repeatably (reservoir sampling by the seed).
// Progress as Scan.
func Load(ctx context.Context, r *Reader, plan *train.Plan, progress func(rows int)) (*train.Table, error) {
	builder, err := train.NewBuilder(plan)
	if err != nil {
		return nil, err
	}
	rows, err := NewRows(r, builder.Preparer())
	if err != nil {
		return nil, err
	}
	target, err := r.Column(plan.Target.Column)
	if err != nil {
		return nil, err
	}
	weight := -1
	if plan.Weight != "" {
		if weight, err = r.Column(plan.Weight); err != nil {
			return nil, err
		}
	}
	for {
		row, cells, err := rows.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		bad, known, err := plan.Outcome(cells[target])
		if err != nil {
			return nil, r.Fault(target, err)
		}
		counts := 1.0
		if weight >= 0 {
			var ok bool
			if counts, ok = model.ParseNumber(cells[weight]); !ok || counts <= 0 {
				return nil, r.Fault(weight, fmt.Errorf("%q is no weight, want a number above 0", cells[weight]))
			}
		}
		if known {
			builder.Add(row, bad, counts)
		} else {
			builder.Skip()
		}
		if r.Rows()%100_000 == 0 {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if progress != nil {
				progress(r.Rows())
			}
		}
	}
	sum, err := r.Sum()
	if err != nil {
		return nil, err
	}
	return builder.Table(sum), nil
}

// Rows reads a file as rows of values for a model or a training.
type Rows struct {
	reader   *Reader
	preparer *model.Preparer
	columns  []int // of each input
	row      []model.Value
}

// NewRows finds the inputs' columns in a file. A column that is not there is a
// *CellError.
func NewRows(r *Reader, preparer *model.Preparer) (*Rows, error) {
	rows := &Rows{reader: r, preparer: preparer, row: make([]model.Value, preparer.Slots())}
	for slot := range preparer.Inputs() {
		column, err := r.Column(preparer.Name(slot))
		if err != nil {
			return nil, err
		}
		rows.columns = append(rows.columns, column)
	}
	return rows, nil
}

// Next gives the values of the next row, derived ones too, and its cells; both
// hold until the next call. io.EOF after the last.
func (r *Rows) Next() ([]model.Value, []string, error) {
	cells, err := r.reader.Next()
	if err != nil {
		return nil, nil, err
	}
	for slot, column := range r.columns {
		value, err := r.preparer.Read(slot, cells[column])
		if err != nil {
			return nil, nil, r.reader.Fault(column, fmt.Errorf(
				`%w; if such cells mean no value, list them under "missing" in the spec or set "unreadable": "missing" for the column`, err))
		}
		r.row[slot] = value
	}
	r.preparer.Derive(r.row)
	return r.row, cells, nil
}
