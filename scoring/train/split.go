package train

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"loan310/scoring/model"
)

// split parts the rows into those to train on and those held out, each in the
// order of the file.
func split(table *Table) (learn, held []int32, err error) {
	spec := table.Plan.Spec.Split
	all := make([]int32, table.Rows())
	for i := range all {
		all[i] = int32(i)
	}
	if spec == nil {
		return all, nil, nil
	}
	if spec.By == "random" {
		// Half of the goods' share and half of the bads': by outcome, so that
		// small samples keep their bad rate.
		random := random(table.Plan.Seed ^ 0x5b117)
		for _, outcome := range []bool{true, false} {
			rows := slices.DeleteFunc(slices.Clone(all), func(row int32) bool { return table.Bad[row] != outcome })
			random.shuffle(rows)
			cut := len(rows) - int(math.Round(spec.Share*float64(len(rows))))
			learn, held = append(learn, rows[:cut]...), append(held, rows[cut:]...)
		}
		slices.Sort(learn)
		slices.Sort(held)
		return learn, held, nil
	}
	dates := table.Columns[table.Plan.AsOf].Num
	from, err := splitDay(spec, dates, all)
	if err != nil {
		return nil, nil, err
	}
	for _, row := range all {
		switch {
		case math.IsNaN(dates[row]):
			return nil, nil, fault("split", "row %d has no date in %s", row+1, table.Columns[table.Plan.AsOf].Name)
		case dates[row] >= from:
			held = append(held, row)
		default:
			learn = append(learn, row)
		}
	}
	return learn, held, nil
}

// splitDay is the moment from which rows are held out: the start of the share
// of the latest rows.
func splitDay(spec *SplitSpec, dates []float64, rows []int32) (float64, error) {
	if spec.From != "" {
		return model.ParseDay(spec.From)
	}
	sorted := slices.SortedFunc(slices.Values(rows), func(a, b int32) int { return cmp.Compare(dates[a], dates[b]) })
	return dates[sorted[len(sorted)-int(math.Round(spec.Share*float64(len(sorted))))]], nil
}

// folds deals rows into groups with the same bad rate, repeatably.
func folds(table *Table, rows []int32, count int) [][]int32 {
	random := random(table.Plan.Seed ^ 0xf01d5)
	out := make([][]int32, count)
	at := 0
	for _, outcome := range []bool{true, false} {
		of := slices.DeleteFunc(slices.Clone(rows), func(row int32) bool { return table.Bad[row] != outcome })
		random.shuffle(of)
		for _, row := range of {
			out[at%count] = append(out[at%count], row)
			at++
		}
	}
	for _, fold := range out {
		slices.Sort(fold)
	}
	return out
}

// without gives the rows that are not in a fold.
func without(all [][]int32, fold int) []int32 {
	var out []int32
	for i, rows := range all {
		if i != fold {
			out = append(out, rows...)
		}
	}
	slices.Sort(out)
	return out
}

// enough refuses rows from which nothing can be learned.
func enough(table *Table, rows []int32, what string) error {
	bad := 0
	for _, row := range rows {
		if table.Bad[row] {
			bad++
		}
	}
	const least = 10
	switch good := len(rows) - bad; {
	case len(rows) == 0:
		return fault("", "no row in %s", what)
	case bad == 0 || good == 0:
		return fault("target", "only one outcome in %s: %d bad and %d good rows (positive is %q)", what, bad, good, table.Plan.Target.Positive)
	case bad < least || good < least || len(rows) < 50:
		return fault("", "too few rows in %s: %d bad and %d good; want at least %d of each and 50 in all", what, bad, good, least)
	}
	return nil
}

// window is the least and greatest date of rows.
func window(table *Table, rows []int32) (column, from, to string) {
	if table.Plan.AsOf < 0 {
		return "", "", ""
	}
	dates := &table.Columns[table.Plan.AsOf]
	low, high := math.Inf(1), math.Inf(-1)
	for _, row := range rows {
		if date := dates.Num[row]; !math.IsNaN(date) {
			low, high = min(low, date), max(high, date)
		}
	}
	if low > high {
		return dates.Name, "", ""
	}
	return dates.Name, model.DayText(low), model.DayText(high)
}

func (t *Table) describe() string {
	text := fmt.Sprintf("%d rows", t.FileRows)
	if t.Unlabelled > 0 {
		text += fmt.Sprintf(", %d without an outcome", t.Unlabelled)
	}
	if t.Sampled {
		text += fmt.Sprintf(", of the others %d sampled evenly (max_rows)", t.Rows())
	}
	return text
}
