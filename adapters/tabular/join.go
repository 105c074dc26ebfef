package tabular

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strconv"

	"loan310/scoring/model"
)

// JoinSpec adds columns to a file from other files about the same customers.
type JoinSpec struct {
	Key     string              `json:"key"`               // column of the base file
	AsOf    string              `json:"as_of,omitempty"`   // date column of the base file
	Layouts map[string][]string `json:"layouts,omitempty"` // of date columns of any file that are not found by themselves
	Joins   []Join              `json:"joins"`
}

// Join is one other file, whose rows are held in memory.
type Join struct {
	File string `json:"file"` // beside the base file
	Key  string `json:"key"`
	// Date is when a row became known: rows at or after the base row's as_of are
	// left out.
	Date    string       `json:"date,omitempty"`
	Columns []JoinColumn `json:"columns"`
}

// JoinColumn is a new column: an expression over the other file's rows and what
// is taken of its values.
type JoinColumn struct {
	Name string `json:"name"`
	Expr string `json:"expr"`
	Take string `json:"take"` // "count", "sum", "mean", "min", "max" or "last" (by date, else in the file)
}

// history is the rows of one joined file, by key.
type history struct {
	join  *Join
	kinds []model.Kind // of the columns
	rows  map[string][]event
}

type event struct {
	day    float64 // NaN = not dated
	values []model.Value
}

// JoinFiles writes the base file with the columns that the spec adds. Customers
// without rows have empty cells (a count of 0). It gives the number of rows.
func JoinFiles(ctx context.Context, base string, spec *JoinSpec, out io.Writer) (int, error) {
	asOf, err := dateReader(base, spec, spec.AsOf)
	if err != nil {
		return 0, err
	}
	var all []*history
	for i := range spec.Joins {
		h, err := readHistory(ctx, filepath.Dir(base), spec, &spec.Joins[i])
		if err != nil {
			return 0, fmt.Errorf("joins[%d]: %w", i, err)
		}
		all = append(all, h)
	}
	reader, err := Open(base)
	if err != nil {
		return 0, err
	}
	defer func() { _ = reader.Close() }()
	key, err := reader.Column(spec.Key)
	if err != nil {
		return 0, err
	}
	when := -1
	if spec.AsOf != "" {
		if when, err = reader.Column(spec.AsOf); err != nil {
			return 0, err
		}
	}
	w := csv.NewWriter(out)
	header := slices.Clone(reader.Header())
	for _, h := range all {
		for _, column := range h.join.Columns {
			header = append(header, column.Name)
		}
	}
	if err := w.Write(header); err != nil {
		return 0, err
	}
	for {
		cells, err := reader.Next()
		if errors.Is(err, io.EOF) {
			w.Flush()
			return reader.Rows(), w.Error()
		}
		if err != nil {
			return 0, err
		}
		day := math.Inf(1)
		if when >= 0 {
			value, err := asOf.Read(cells[when])
			if err != nil {
				return 0, reader.Fault(when, err)
			}
			if value.Known {
				day = value.Num
			}
		}
		line := slices.Clone(cells)
		for _, h := range all {
			line = h.append(line, cells[key], day)
		}
		if err := w.Write(line); err != nil {
			return 0, err
		}
	}
}

// append adds the columns of one file for a customer as of a day.
func (h *history) append(line []string, key string, day float64) []string {
	var known []event
	for _, e := range h.rows[key] {
		if math.IsNaN(e.day) || e.day < day {
			known = append(known, e)
		}
	}
	for i, column := range h.join.Columns {
		line = append(line, take(column.Take, h.kinds[i], known, i))
	}
	return line
}

func take(what string, kind model.Kind, events []event, at int) string {
	var count, sum float64
	low, high := math.Inf(1), math.Inf(-1)
	var last model.Value
	for _, e := range events {
		if value := e.values[at]; value.Known {
			last = value
			count, sum = count+1, sum+value.Num
			low, high = min(low, value.Num), max(high, value.Num)
		}
	}
	result := last.Num
	switch {
	case what == "count":
		result = count
	case count == 0:
		return ""
	case what == "sum":
		result = sum
	case what == "mean":
		result = sum / count
	case what == "min":
		result = low
	case what == "max":
		result = high
	case kind == model.Category:
		return last.Text
	}
	if kind == model.Date && what != "count" {
		return model.DayText(result)
	}
	return strconv.FormatFloat(result, 'g', -1, 64)
}

// dateReader reads a date column of a file.
func dateReader(path string, spec *JoinSpec, name string) (*model.Reader, error) {
	if name == "" {
		return model.NewReader(model.Input{Name: "none", Kind: model.Category}, nil)
	}
	inputs, err := inputsOf(path, spec, []string{name})
	if err != nil {
		return nil, err
	}
	if inputs[0].Kind != model.Date {
		return nil, fmt.Errorf("%s: column %q is a %s, want dates: give its layouts", path, name, inputs[0].Kind)
	}
	return model.NewReader(inputs[0], model.DefaultMissing())
}

// inputsOf finds the kinds of the columns named.
func inputsOf(path string, spec *JoinSpec, names []string) ([]model.Input, error) {
	reader, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = reader.Close() }()
	columns, err := Scan(context.Background(), reader, model.DefaultMissing(), nil)
	if err != nil {
		return nil, err
	}
	var inputs []model.Input
	for _, column := range columns {
		if !slices.Contains(names, column.Name) {
			continue
		}
		input := model.Input{Name: column.Name, Kind: column.Kind}
		if layouts := spec.Layouts[column.Name]; layouts != nil {
			input.Kind, input.Layouts = model.Date, layouts
		} else if column.Kind == model.Date {
			if column.Mixed || column.Ambiguous {
				return nil, fmt.Errorf("%s: the dates of %q can be read two ways: give layouts", path, column.Name)
			}
			input.Layouts = column.Layouts
		}
		inputs = append(inputs, input)
	}
	for _, name := range names {
		if !slices.ContainsFunc(inputs, func(input model.Input) bool { return input.Name == name }) {
			_, err := reader.Column(name)
			return nil, err
		}
	}
	return inputs, nil
}

// readHistory loads a joined file.
func readHistory(ctx context.Context, dir string, spec *JoinSpec, join *Join) (*history, error) {
	path := filepath.Join(dir, join.File)
	preparation := model.Preparation{Missing: model.DefaultMissing()}
	header, err := headerOf(path)
	if err != nil {
		return nil, err
	}
	var names []string
	if join.Date != "" {
		names = append(names, join.Date)
	}
	for i, column := range join.Columns {
		if !slices.Contains([]string{"count", "sum", "mean", "min", "max", "last"}, column.Take) {
			return nil, fmt.Errorf(`columns[%d].take: %q, want "count", "sum", "mean", "min", "max" or "last"`, i, column.Take)
		}
		for _, word := range model.ExprColumns(column.Expr) {
			if slices.Contains(header, word) && !slices.Contains(names, word) {
				names = append(names, word)
			}
		}
		preparation.Derived = append(preparation.Derived, model.Derived{Name: "new " + column.Name, Expr: column.Expr})
	}
	if preparation.Inputs, err = inputsOf(path, spec, names); err != nil {
		return nil, err
	}
	preparer, err := model.NewPreparer(&preparation)
	if err != nil {
		return nil, err
	}
	h := &history{join: join, rows: map[string][]event{}}
	for _, derived := range preparation.Derived {
		_, kind, _ := preparer.Slot(derived.Name)
		h.kinds = append(h.kinds, kind)
	}
	return h, h.read(ctx, path, preparer)
}

func headerOf(path string) ([]string, error) {
	reader, err := Open(path)
	if err != nil {
		return nil, err
	}
	return reader.Header(), reader.Close()
}

func (h *history) read(ctx context.Context, path string, preparer *model.Preparer) error {
	reader, err := Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = reader.Close() }()
	key, err := reader.Column(h.join.Key)
	if err != nil {
		return err
	}
	rows, err := NewRows(reader, preparer)
	if err != nil {
		return err
	}
	date, _, dated := preparer.Slot(h.join.Date)
	for {
		row, cells, err := rows.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		e := event{day: math.NaN(), values: slices.Clone(row[preparer.Inputs():])}
		if dated {
			if e.day = math.Inf(1); row[date].Known { // a row without a date is not known yet
				e.day = row[date].Num
			}
		}
		h.rows[cells[key]] = append(h.rows[cells[key]], e)
	}
	for _, events := range h.rows {
		slices.SortStableFunc(events, func(a, b event) int { return cmp.Compare(a.day, b.day) })
	}
	return nil
}
