package train

import (
	"math"
	"strings"

	"loan310/scoring/model"
)

// Column is the values of one slot: numbers and dates in Num (NaN = missing),
// categories as Codes into Levels (-1 = missing).
type Column struct {
	Name   string
	Kind   model.Kind
	Num    []float64
	Codes  []int32
	Levels []string
}

// Table is the rows to train on, by column.
type Table struct {
	Plan       *Plan
	Columns    []Column // one a slot of the plan's preparation
	Bad        []bool
	Weight     []float64 // nil = each row counts once
	FileRows   int       // rows seen, sampled or not
	Unlabelled int       // of these, without an outcome
	Sampled    bool
	DataHash   string
}

// Rows is the number of rows held.
func (t *Table) Rows() int { return len(t.Bad) }

// Builder fills a table row by row.
type Builder struct {
	plan     *Plan
	preparer *model.Preparer
	table    Table
	codes    []map[string]int32
	random   random
	labelled int
}

// NewBuilder makes an empty table. Rows are laid out as Preparer says.
func NewBuilder(plan *Plan) (*Builder, error) {
	preparer, err := model.NewPreparer(&plan.Preparation)
	if err != nil {
		return nil, err
	}
	b := &Builder{plan: plan, preparer: preparer, random: random(plan.Seed ^ 0x7ab1e)}
	b.table.Plan = plan
	b.codes = make([]map[string]int32, preparer.Slots())
	for slot := range preparer.Slots() {
		_, kind, _ := preparer.Slot(preparer.Name(slot))
		b.table.Columns = append(b.table.Columns, Column{Name: preparer.Name(slot), Kind: kind})
		if kind == model.Category {
			b.codes[slot] = map[string]int32{}
		}
	}
	return b, nil
}

// Preparer reads the rows that Add takes.
func (b *Builder) Preparer() *model.Preparer { return b.preparer }

// Skip counts a row without an outcome.
func (b *Builder) Skip() {
	b.table.FileRows++
	b.table.Unlabelled++
}

// Add takes a row. Beyond the plan's MaxRows each row of the file has the same
// chance to be kept (Vitter's algorithm R).
func (b *Builder) Add(row []model.Value, bad bool, weight float64) {
	b.table.FileRows++
	b.labelled++
	at := b.table.Rows()
	if at == b.plan.Spec.MaxRows {
		b.table.Sampled = true
		drawn := b.random.below(uint64(b.labelled)) //nolint:gosec // a count
		if drawn >= uint64(b.plan.Spec.MaxRows) {   //nolint:gosec // validated: 100 or more
			return
		}
		at = int(drawn) //nolint:gosec // below MaxRows
	} else {
		b.grow()
	}
	b.table.Bad[at] = bad
	if b.table.Weight != nil {
		b.table.Weight[at] = weight
	}
	for slot := range b.table.Columns {
		column := &b.table.Columns[slot]
		switch {
		case column.Kind == model.Category:
			column.Codes[at] = b.code(slot, row[slot])
		case row[slot].Known:
			column.Num[at] = row[slot].Num
		default:
			column.Num[at] = math.NaN()
		}
	}
}

func (b *Builder) grow() {
	t := &b.table
	t.Bad = append(t.Bad, false)
	if b.plan.Weight != "" {
		t.Weight = append(t.Weight, 0)
	}
	for slot := range t.Columns {
		if column := &t.Columns[slot]; column.Kind == model.Category {
			column.Codes = append(column.Codes, 0)
		} else {
			column.Num = append(column.Num, 0)
		}
	}
}

func (b *Builder) code(slot int, value model.Value) int32 {
	if !value.Known {
		return -1
	}
	code, ok := b.codes[slot][value.Text]
	if !ok {
		text := strings.Clone(value.Text)
		code = int32(len(b.table.Columns[slot].Levels)) //nolint:gosec // fewer than MaxRows, which is at most 100 million
		b.codes[slot][text] = code
		b.table.Columns[slot].Levels = append(b.table.Columns[slot].Levels, text)
	}
	return code
}

// Table ends the filling. dataHash is the SHA-256 of the file.
func (b *Builder) Table(dataHash string) *Table {
	b.table.DataHash = dataHash
	return &b.table
}

// row gives the values of one row.
func (t *Table) row(at int, into []model.Value) {
	for slot := range t.Columns {
		column := &t.Columns[slot]
		into[slot] = model.Value{}
		if column.Kind == model.Category {
			if code := column.Codes[at]; code >= 0 {
				into[slot] = model.Value{Text: column.Levels[code], Known: true}
			}
		} else if num := column.Num[at]; !math.IsNaN(num) {
			into[slot] = model.Value{Num: num, Known: true}
		}
	}
}

// random is SplitMix64 (Steele, Lea and Flood 2014): the same numbers on every
// machine and in every version of Go.
type random uint64

func (r *random) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below draws evenly from 0 to n-1.
func (r *random) below(n uint64) uint64 {
	limit := math.MaxUint64 - math.MaxUint64%n
	for {
		if drawn := r.next(); drawn < limit {
			return drawn % n
		}
	}
}

// shuffle puts indices in random order.
func (r *random) shuffle(values []int32) {
	for i := len(values) - 1; i > 0; i-- {
		j := int(r.below(uint64(i) + 1)) //nolint:gosec // below len(values)
		values[i], values[j] = values[j], values[i]
	}
}
