package train

import (
	"cmp"
	"math"
	"slices"
	"strconv"

	"loan310/scoring/metrics"
	"loan310/scoring/model"
)

// tally is the weight of good and bad rows.
type tally struct{ good, bad float64 }

func (t tally) rows() float64 { return t.good + t.bad }

func (t tally) plus(o tally) tally { return tally{t.good + o.good, t.bad + o.bad} }

func (t *tally) count(bad bool, weight float64) {
	if bad {
		t.bad += weight
	} else {
		t.good += weight
	}
}

// likelihood is the log-likelihood of the rows at their own bad rate.
func (t tally) likelihood() float64 {
	sum := 0.0
	for _, part := range []float64{t.good, t.bad} {
		if part > 0 {
			sum += part * math.Log(part/t.rows())
		}
	}
	return sum
}

// apart is the likelihood ratio statistic of two neighbours being of different
// risk, about chi-square with one degree of freedom if they are not.
func apart(a, b tally) float64 {
	return 2 * (a.likelihood() + b.likelihood() - a.plus(b).likelihood())
}

// piece is a part of a feature in the making: numbers from low on, or levels.
type piece struct {
	tally
	low    float64
	levels []string
}

// maker bins one feature on some rows.
type maker struct {
	spec    BinningSpec
	feature FeatureSpec
	column  *Column
	table   *Table
	rows    []int32
	total   tally // of all rows
}

// bin makes the bins of a feature on the rows given.
func bin(table *Table, feature FeatureSpec, rows []int32) model.Binning {
	m := &maker{spec: table.Plan.Spec.Binning, feature: feature, column: &table.Columns[feature.Slot], table: table, rows: rows}
	for _, row := range rows {
		m.total.count(table.Bad[row], m.weight(row))
	}
	if m.spec.MaxBins == 0 {
		const small, few, many = 5000, 5, 10
		m.spec.MaxBins = many
		if len(rows) < small {
			m.spec.MaxBins = few
		}
	}
	if feature.Kind == model.Category {
		return m.categories()
	}
	return m.numbers()
}

func (m *maker) weight(row int32) float64 {
	if m.table.Weight == nil {
		return 1
	}
	return m.table.Weight[row]
}

// numbers parts the values into ranges, special values and missing ones.
func (m *maker) numbers() model.Binning {
	type cell struct {
		value float64
		row   int32
	}
	var missing tally
	special := make([]tally, len(m.feature.Special))
	cells := make([]cell, 0, len(m.rows))
	for _, row := range m.rows {
		value := m.column.Num[row]
		if math.IsNaN(value) {
			missing.count(m.table.Bad[row], m.weight(row))
		} else if at := slices.Index(m.feature.Special, value); at >= 0 {
			special[at].count(m.table.Bad[row], m.weight(row))
		} else {
			cells = append(cells, cell{value, row})
		}
	}
	slices.SortFunc(cells, func(a, b cell) int { return cmp.Or(cmp.Compare(a.value, b.value), cmp.Compare(a.row, b.row)) })
	var fine []piece
	step := m.total.rows() / float64(fineParts(len(m.rows)))
	for i := 0; i < len(cells); {
		next := piece{low: cells[i].value}
		if i > 0 {
			next.low = between(cells[i-1].value, cells[i].value)
		}
		// Whole values, until the piece holds its share.
		for i < len(cells) && (next.rows() < step || cells[i].value == cells[i-1].value) {
			next.count(m.table.Bad[cells[i].row], m.weight(cells[i].row))
			i++
		}
		fine = append(fine, next)
	}
	if len(fine) == 0 {
		fine = []piece{{}}
	}
	pieces, monotone := m.settle(fine)
	binning := model.Binning{Feature: m.feature.Name, Kind: model.Number, Monotone: monotone}
	for i, p := range pieces {
		made := m.made(p.tally)
		if i > 0 {
			made.Min = new(p.low)
		}
		if i+1 < len(pieces) {
			made.Max = new(pieces[i+1].low)
		}
		binning.Bins = append(binning.Bins, made)
	}
	for i, value := range m.feature.Special {
		made := m.made(special[i])
		made.Special = []float64{value}
		binning.Bins = append(binning.Bins, made)
	}
	return m.finish(binning, missing)
}

// fineParts is into how many parts values are cut before they are merged: few
// rows must not be searched for the best of many cuts.
func fineParts(rows int) int { return min(max(rows/50, 10), 200) }

// between gives the shortest decimal number above low and at most high, so that
// bounds read well and rows on either side stay apart.
func between(low, high float64) float64 {
	for digits := 1; digits < 17; digits++ {
		short, err := strconv.ParseFloat(strconv.FormatFloat(high, 'g', digits, 64), 64)
		if err == nil && short > low && short <= high {
			return short
		}
	}
	return high
}

// settle merges fine pieces into bins, in the direction asked for.
func (m *maker) settle(fine []piece) ([]piece, string) {
	switch m.feature.Monotone {
	case model.Rising, model.Falling:
		return m.merge(fine, m.feature.Monotone), m.feature.Monotone
	case Free:
		return m.merge(fine, ""), ""
	}
	free, best, direction := m.merge(fine, ""), []piece(nil), ""
	for _, way := range []string{model.Rising, model.Falling} {
		if held := m.merge(fine, way); best == nil || m.information(held) > m.information(best) {
			best, direction = held, way
		}
	}
	const most = 0.9 // of the information that may be given for a direction
	if m.information(best) >= most*m.information(free) {
		return best, direction
	}
	return free, ""
}

func (m *maker) information(pieces []piece) float64 {
	counts := make([]metrics.BinCount, len(pieces))
	for i, p := range pieces {
		counts[i] = metrics.BinCount{Good: p.good, Bad: p.bad}
	}
	_, iv := metrics.WeightOfEvidence(counts, 0.5)
	return iv
}

// merge joins neighbours until the direction holds, each bin is large enough,
// no two neighbours are alike, and there are no more than MaxBins.
func (m *maker) merge(fine []piece, way string) []piece {
	pieces := slices.Clone(fine)
	pieces = m.pool(pieces, way)
	for len(pieces) > 1 {
		at := m.tooSmall(pieces)
		if at < 0 {
			break
		}
		if at == len(pieces)-1 || at > 0 && apart(pieces[at-1].tally, pieces[at].tally) <= apart(pieces[at].tally, pieces[at+1].tally) {
			at--
		}
		pieces = join(pieces, at)
	}
	for len(pieces) > 1 {
		least, at := math.Inf(1), 0
		for i := range len(pieces) - 1 {
			if d := apart(pieces[i].tally, pieces[i+1].tally); d < least {
				least, at = d, i
			}
		}
		if least >= m.spec.Merge && len(pieces) <= m.spec.MaxBins {
			break
		}
		pieces = join(pieces, at)
	}
	return m.pool(pieces, way)
}

// pool joins neighbours that go against the direction (pool adjacent violators
// on the smoothed evidence).
func (m *maker) pool(pieces []piece, way string) []piece {
	if way == "" {
		return pieces
	}
	for i := 1; i < len(pieces); {
		low, high := m.evidence(pieces[i-1].tally), m.evidence(pieces[i].tally)
		if way == model.Rising && high <= low || way == model.Falling && high >= low {
			i++
			continue
		}
		pieces = join(pieces, i-1)
		i = max(i-1, 1)
	}
	return pieces
}

// tooSmall finds the bin with the fewest rows of those that are not allowed to
// stand alone; -1 = none.
func (m *maker) tooSmall(pieces []piece) int {
	at := -1
	for i, p := range pieces {
		small := p.rows() < m.spec.MinShare*m.total.rows() || min(p.good, p.bad) < float64(m.spec.MinEvents)
		if small && (at < 0 || p.rows() < pieces[at].rows()) {
			at = i
		}
	}
	return at
}

// join merges pieces at and at+1, in place.
func join(pieces []piece, at int) []piece {
	pieces[at].tally = pieces[at].plus(pieces[at+1].tally)
	pieces[at].levels = slices.Concat(pieces[at].levels, pieces[at+1].levels)
	return slices.Delete(pieces, at+1, at+2)
}

// evidence is ln(good odds of the rows / good odds of all), with Smoothing rows
// of average risk added.
func (m *maker) evidence(t tally) float64 {
	rate := m.total.bad / m.total.rows()
	good, bad := t.good+m.spec.Smoothing*(1-rate), t.bad+m.spec.Smoothing*rate
	if !(good > 0 && bad > 0) {
		return 0
	}
	return math.Log(good/bad) - math.Log((1-rate)/rate)
}

func (m *maker) made(t tally) model.Bin {
	return model.Bin{Rows: t.rows(), Bad: t.bad, WoE: m.evidence(t)}
}

// finish adds the bin of missing values and the information value.
func (m *maker) finish(binning model.Binning, missing tally) model.Binning {
	last := m.made(missing)
	last.Missing = true
	binning.Bins = append(binning.Bins, last)
	for _, b := range binning.Bins {
		binning.IV += ((b.Rows-b.Bad)/m.total.good - b.Bad/m.total.bad) * b.WoE
	}
	return binning
}

// categories groups levels of like risk; rare ones are pooled with those never
// seen.
func (m *maker) categories() model.Binning {
	counts := make([]tally, len(m.column.Levels))
	var missing, other tally
	for _, row := range m.rows {
		if code := m.column.Codes[row]; code >= 0 {
			counts[code].count(m.table.Bad[row], m.weight(row))
		} else {
			missing.count(m.table.Bad[row], m.weight(row))
		}
	}
	var fine []piece
	least := m.leastLevel(counts)
	for code, t := range counts {
		switch {
		case t.rows() >= least:
			fine = append(fine, piece{tally: t, levels: []string{m.column.Levels[code]}})
		default:
			other = other.plus(t)
		}
	}
	slices.SortFunc(fine, func(a, b piece) int {
		return cmp.Or(cmp.Compare(m.evidence(b.tally), m.evidence(a.tally)), cmp.Compare(a.levels[0], b.levels[0]))
	})
	binning := model.Binning{Feature: m.feature.Name, Kind: model.Category}
	for _, p := range m.merge(fine, "") {
		made := m.made(p.tally)
		made.Levels = slices.Sorted(slices.Values(p.levels))
		binning.Bins = append(binning.Bins, made)
	}
	rest := m.made(other)
	rest.Other = true
	binning.Bins = append(binning.Bins, rest)
	return m.finish(binning, missing)
}

// leastLevel is how many rows a level needs to be told from the other rare ones.
// Where levels are many, the safest of the small ones are safe by luck alone.
func (m *maker) leastLevel(counts []tally) float64 {
	const few, many, fewRows, manyRows, manyShare = 15, 5, 5, 30, 0.005
	if m.spec.MinLevel > 0 {
		return float64(m.spec.MinLevel)
	}
	levels := 0
	for _, t := range counts {
		if t.rows() >= many {
			levels++
		}
	}
	if levels <= few {
		return fewRows
	}
	return max(manyRows, manyShare*m.total.rows())
}

// levelIV is the information value of a category level by level, unsmoothed.
func levelIV(table *Table, feature FeatureSpec, rows []int32) float64 {
	column := &table.Columns[feature.Slot]
	counts := make([]metrics.BinCount, len(column.Levels)+1)
	for _, row := range rows {
		w := 1.0
		if table.Weight != nil {
			w = table.Weight[row]
		}
		if at := &counts[column.Codes[row]+1]; table.Bad[row] {
			at.Bad += w
		} else {
			at.Good += w
		}
	}
	_, iv := metrics.WeightOfEvidence(counts, 0)
	return iv
}

// codes gives the bin of each row.
func codes(table *Table, feature FeatureSpec, binning *model.Binning, rows []int32) ([]uint8, error) {
	binner, err := model.NewBinner(binning)
	if err != nil {
		return nil, err
	}
	column := &table.Columns[feature.Slot]
	out := make([]uint8, len(rows))
	if feature.Kind != model.Category {
		for i, row := range rows {
			num := column.Num[row]
			out[i] = uint8(binner.Find(model.Value{Num: num, Known: !math.IsNaN(num)})) //nolint:gosec // bins are fewer than 256
		}
		return out, nil
	}
	byLevel := make([]uint8, len(column.Levels)+1)
	byLevel[0] = uint8(binner.Find(model.Value{})) //nolint:gosec // bins are fewer than 256
	for code, level := range column.Levels {
		byLevel[code+1] = uint8(binner.Find(model.Value{Text: level, Known: true})) //nolint:gosec // bins are fewer than 256
	}
	for i, row := range rows {
		out[i] = byLevel[column.Codes[row]+1]
	}
	return out, nil
}
