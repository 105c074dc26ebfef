package boost_test

import (
	"context"
	"math"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/scoring/boost"
	"loan310/scoring/metrics"
)

func TestBadDataIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(m *boost.Matrix, p *boost.Params)
		want  string
	}{
		"no columns":       {func(m *boost.Matrix, _ *boost.Params) { m.Columns = nil }, "no columns"},
		"no rows":          {func(m *boost.Matrix, _ *boost.Params) { *m = *m.Take(nil) }, "no rows"},
		"short column":     {func(m *boost.Matrix, _ *boost.Params) { m.Columns[1].Values = m.Columns[1].Values[:5] }, `column "age": has 5 rows`},
		"short target":     {func(m *boost.Matrix, _ *boost.Params) { m.Target = m.Target[:5] }, "target has 5 rows"},
		"name twice":       {func(m *boost.Matrix, _ *boost.Params) { m.Columns[1].Name = "debt" }, `column "debt": stands twice`},
		"infinite":         {func(m *boost.Matrix, _ *boost.Params) { m.Columns[1].Values[7] = math.Inf(1) }, `column "age": row 7`},
		"code":             {func(m *boost.Matrix, _ *boost.Params) { m.Columns[4].Codes[9] = 300 }, `column "town": row 9: code 300`},
		"category":         {func(m *boost.Matrix, _ *boost.Params) { m.Columns[4].Categories[9] = "" }, `column "town": category 9`},
		"weights":          {func(m *boost.Matrix, _ *boost.Params) { m.Weights = make([]float64, 3) }, "weights have 3 rows"},
		"no weight at all": {func(m *boost.Matrix, _ *boost.Params) { m.Weights = make([]float64, 200) }, "of both kinds"},
		"negative weight": {func(m *boost.Matrix, _ *boost.Params) {
			m.Weights = make([]float64, 200)
			m.Weights[3] = -1
		}, "weights, row 3"},
		"tiny weights": {func(m *boost.Matrix, _ *boost.Params) {
			m.Weights = make([]float64, 200)
			for row := range m.Weights {
				m.Weights[row] = 1e-320
			}
		}, "the largest is 1e-320"},
		"one kind":           {func(m *boost.Matrix, _ *boost.Params) { m.Target = make([]bool, 200) }, "of both kinds"},
		"unknown monotone":   {func(_ *boost.Matrix, p *boost.Params) { p.Monotone = map[string]boost.Direction{"x": "rising"} }, "monotone.x: no such column"},
		"ordered towns":      {func(_ *boost.Matrix, p *boost.Params) { p.Monotone = map[string]boost.Direction{"town": "rising"} }, "monotone.town: has categories"},
		"direction":          {func(_ *boost.Matrix, p *boost.Params) { p.Monotone = map[string]boost.Direction{"age": "up"} }, `monotone.age: "up"`},
		"trees":              {func(_ *boost.Matrix, p *boost.Params) { p.Trees = 0 }, "trees: 0: want 1 to 20000"},
		"rate":               {func(_ *boost.Matrix, p *boost.Params) { p.LearningRate = math.NaN() }, "learning_rate"},
		"l2":                 {func(_ *boost.Matrix, p *boost.Params) { p.L2 = -1 }, "l2: -1"},
		"nothing to stop by": {func(_ *boost.Matrix, p *boost.Params) { p.EarlyStop = 5 }, "early_stop"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, params := madeUp(200, 1), small(2)
			c.spoil(data, &params)
			_, err := boost.Train(t.Context(), data, boost.Options{Params: params})
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestBadValidationRowsAreRefused(t *testing.T) {
	t.Parallel()
	valid := madeUp(100, 2)
	valid.Columns = valid.Columns[1:]
	_, err := boost.Train(t.Context(), madeUp(200, 1), boost.Options{Params: small(2), Valid: valid})
	require.ErrorContains(t, err, `validation data: column "debt": there is none`)
	_, err = boost.Fit(t.Context(), madeUp(200, 1), boost.Options{Params: small(2), Valid: valid})
	require.ErrorContains(t, err, "holds out rows of its own")
}

func TestStopsEarlyAtTheBestTree(t *testing.T) {
	t.Parallel()
	params := small(400)
	params.EarlyStop = 10
	var seen []boost.Progress
	model, err := boost.Train(t.Context(), madeUp(2_000, 1), boost.Options{
		Params: params, Valid: madeUp(2_000, 2), Progress: func(p boost.Progress) { seen = append(seen, p) },
	})
	require.NoError(t, err)
	last := seen[len(seen)-1]
	require.Len(t, model.Trees, last.BestTrees)
	require.Equal(t, last.BestTrees+10, last.Trees)
	require.Less(t, last.Trees, 400)
	for i, p := range seen {
		require.Equal(t, i+1, p.Trees)
		require.GreaterOrEqual(t, p.ValidLoss, model.Training.ValidLoss)
		if i > 0 && i < 10 {
			require.Less(t, p.TrainLoss, seen[i-1].TrainLoss)
		}
	}
	require.InDelta(t, seen[last.BestTrees-1].ValidLoss, model.Training.ValidLoss, 0)
}

func TestTrainingCanBeCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	_, err := boost.Train(ctx, madeUp(500, 1), boost.Options{Params: small(100), Progress: func(p boost.Progress) {
		if p.Trees == 3 {
			cancel()
		}
	}})
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "after 3 trees")
}

func TestHoldOutKeepsTheShareOfDefaults(t *testing.T) {
	t.Parallel()
	target := make([]bool, 1_000)
	for row := range 100 {
		target[row*7] = true
	}
	train, held := boost.HoldOut(target, 0.3, 5)
	require.Len(t, train, 700)
	require.Len(t, held, 300)
	bad := 0
	seen := make([]bool, 1_000)
	for _, row := range held {
		seen[row] = true
		if target[row] {
			bad++
		}
	}
	require.Equal(t, 30, bad)
	for _, row := range train {
		require.False(t, seen[row])
	}
	_, other := boost.HoldOut(target, 0.3, 6)
	require.NotEqual(t, held, other)
}

func TestFoldsAreEven(t *testing.T) {
	t.Parallel()
	target := make([]bool, 1_003)
	for row := range 101 {
		target[row*7] = true
	}
	var bad, all [5]int
	for row, fold := range boost.Folds(target, 5, 9) {
		all[fold]++
		if target[row] {
			bad[fold]++
		}
	}
	for fold := range 5 {
		require.InDelta(t, 20, bad[fold], 1)
		require.InDelta(t, 201, all[fold], 2)
	}
}

// Missing values and categories never seen do not stop scoring, and other
// dictionaries of the same categories change nothing.
func TestOtherDictionaries(t *testing.T) {
	t.Parallel()
	data := madeUp(3_000, 1)
	scorer := trained(t, data, small(10))
	before, err := scorer.Logits(data)
	require.NoError(t, err)
	turned := data.Take(rowsOf(3_000))
	town := &turned.Columns[4]
	names := make([]string, len(town.Categories))
	for i, name := range town.Categories {
		names[len(names)-1-i] = name
	}
	town.Categories = append(names, "never seen")
	for row, code := range town.Codes {
		if code >= 0 {
			town.Codes[row] = 299 - code
		}
	}
	turned.Columns[0], turned.Columns[4] = turned.Columns[4], turned.Columns[0]
	after, err := scorer.Logits(turned)
	require.NoError(t, err)
	require.Equal(t, before, after)
	turned.Columns[0].Codes[5] = 300
	_, err = scorer.Logits(turned)
	require.NoError(t, err)
	turned.Columns[0] = boost.Column{Name: "town", Values: make([]float64, 3_000)}
	_, err = scorer.Logits(turned)
	require.ErrorContains(t, err, `column "town": is numeric, the model has categories`)
}

func rowsOf(n int) []int {
	rows := make([]int, n)
	for i := range rows {
		rows[i] = i
	}
	return rows
}

// Rows of a fold are scored by a model that never saw them.
func TestCrossValidationHoldsRowsBack(t *testing.T) {
	t.Parallel()
	data := madeUp(3_000, 1)
	params := small(200)
	params.EarlyStop, params.LearningRate = 15, 0.1
	last := boost.Progress{}
	folds := boost.Folds(data.Target, 5, 2)
	found, err := boost.CrossValidate(t.Context(), data, folds, boost.Options{Params: params, Progress: func(p boost.Progress) { last = p }})
	require.NoError(t, err)
	require.Equal(t, found.Trees, last.BestTrees)
	require.Equal(t, found.Trees+15, last.Trees)
	pd := make([]float64, len(found.Logits))
	for row, logit := range found.Logits {
		pd[row] = boost.Probability(logit)
	}
	lost, err := metrics.LogLoss(pd, data.Target, nil)
	require.NoError(t, err)
	require.InDelta(t, found.Loss, lost, 1e-9)

	// The first fold alone gives the same logits.
	var rows, held []int
	for row, fold := range folds {
		if fold == 0 {
			held = append(held, row)
		} else {
			rows = append(rows, row)
		}
	}
	params.Trees, params.EarlyStop = found.Trees, 0
	alone, err := trained(t, data.Take(rows), params).Logits(data.Take(held))
	require.NoError(t, err)
	for i, row := range held {
		require.InDelta(t, alone[i], found.Logits[row], 0)
	}

	folds[7] = 9
	_, err = boost.CrossValidate(t.Context(), data, folds, boost.Options{Params: params})
	require.ErrorContains(t, err, "folds: 5 has no rows")
	_, err = boost.CrossValidate(t.Context(), data, folds[1:], boost.Options{Params: params})
	require.ErrorContains(t, err, "folds have 2999 rows")
}

// Columns that tell nothing, or hardly anything, are no reason to fail.
func TestOddColumns(t *testing.T) {
	t.Parallel()
	data := madeUp(500, 1)
	column := func(name string, value func(row int) float64) boost.Column {
		c := boost.Column{Name: name, Values: make([]float64, 500)}
		for row := range c.Values {
			c.Values[row] = value(row)
		}
		return c
	}
	sign := func(row int) float64 {
		if data.Target[row] {
			return 1
		}
		return -1
	}
	for name, c := range map[string]boost.Column{
		"lost":     column("x", func(int) float64 { return math.NaN() }),
		"constant": column("x", func(int) float64 { return 7 }),
		"constant or lost": column("x", func(row int) float64 {
			if row%3 == 0 {
				return math.NaN()
			}
			return 7
		}),
		"huge":            column("x", func(row int) float64 { return sign(row) * math.MaxFloat64 }),
		"neighbours":      column("x", func(row int) float64 { return math.Nextafter(1, 1+sign(row)) }),
		"tiny":            column("x", func(row int) float64 { return sign(row) * 5e-324 }),
		"no category":     {Name: "x", Codes: make([]int32, 500), Categories: []string{"only"}},
		"lost categories": {Name: "x", Codes: slices.Repeat([]int32{-1}, 500)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			params := small(3)
			params.RowShare, params.MinHessian, params.MinRows = 1, 0, 1
			own := &boost.Matrix{Columns: []boost.Column{c}, Target: data.Target}
			scorer := trained(t, own, params)
			logits, err := scorer.Logits(own)
			require.NoError(t, err)
			loaded, err := boost.Load(save(t, scorer.Model()))
			require.NoError(t, err)
			again, err := loaded.Logits(own)
			require.NoError(t, err)
			require.Equal(t, logits, again)
			auc, err := metrics.AUC(logits, data.Target)
			require.NoError(t, err)
			switch name {
			case "huge", "neighbours", "tiny":
				require.InDelta(t, 1, auc, 0, "one cut tells all")
			case "constant or lost":
				require.NotEmpty(t, scorer.Model().Trees, "missing against a value can be split")
			default:
				require.Empty(t, scorer.Model().Trees)
			}
		})
	}
}

// A column of more distinct values than bins has at most one cut fewer.
func TestBinsAreAsManyAsAsked(t *testing.T) {
	t.Parallel()
	params := small(60)
	params.MaxBins, params.ColumnShare, params.MinRows = 8, 1, 1
	data := madeUp(5_000, 3)
	data.Columns = data.Columns[:1]
	cuts := map[float64]bool{}
	for _, tree := range trained(t, data, params).Model().Trees {
		for _, split := range tree.Splits {
			cuts[split.Threshold] = true
		}
	}
	require.Len(t, cuts, 7)
	for cut := range cuts { // debt is even from 0 to 4
		require.InDelta(t, math.Round(cut*2)/2, cut, 0.05)
	}
}

// More categories than a split can name, most with too few rows to stand alone.
func TestManyCategories(t *testing.T) {
	t.Parallel()
	d := dice(5)
	column := boost.Column{Name: "shop", Codes: make([]int32, 20_000)}
	for i := range 5_000 {
		column.Categories = append(column.Categories, strconv.Itoa(i))
	}
	data := &boost.Matrix{Target: make([]bool, 20_000)}
	for row := range column.Codes {
		shop := int32(5_000 * d.float() * d.float() * d.float())
		column.Codes[row] = shop
		data.Target[row] = d.float() < 0.1+0.5*float64(shop%2)
	}
	data.Columns = []boost.Column{column}
	params := small(20)
	params.CategoryMinRows = 1 // still at most 254 of their own
	scorer := trained(t, data, params)
	shop := &scorer.Model().Features[0]
	require.Len(t, shop.Categories, 254)
	require.Greater(t, scorer.PD([]float64{shop.Code("1")}), 0.5)
	require.Less(t, scorer.PD([]float64{shop.Code("0")}), 0.2)
	require.InDelta(t, 0.35, scorer.PD([]float64{shop.Code("4999")}), 0.1, "others are as others were")
	require.InDelta(t, scorer.PD([]float64{shop.Code("4999")}), scorer.PD([]float64{shop.Code("never seen")}), 0)
}
