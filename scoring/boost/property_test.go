package boost_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"loan310/scoring/boost"
)

// anyMatrix is small and nasty: few rows, repeated and huge values, missing
// ones, columns that hold nothing, weights of nothing.
func anyMatrix(t *rapid.T) *boost.Matrix {
	rows := rapid.IntRange(4, 60).Draw(t, "rows")
	data := &boost.Matrix{Target: rapid.SliceOfN(rapid.Bool(), rows, rows).Draw(t, "target")}
	data.Target[0], data.Target[1] = true, false
	value := rapid.OneOf(
		rapid.Float64Range(-3, 3),
		rapid.SampledFrom([]float64{0, 1, 2, math.NaN(), math.NaN(), math.MaxFloat64, -math.MaxFloat64, 5e-324, math.Copysign(0, -1)}),
	)
	for i := range rapid.IntRange(1, 4).Draw(t, "columns") {
		column := boost.Column{Name: string(rune('a' + i))}
		if rapid.IntRange(0, 2).Draw(t, "kind") == 0 {
			n := rapid.IntRange(1, 6).Draw(t, "categories")
			for j := range n {
				column.Categories = append(column.Categories, string(rune('A'+j)))
			}
			column.Codes = rapid.SliceOfN(rapid.Int32Range(-1, int32(n)-1), rows, rows).Draw(t, "codes")
		} else {
			column.Values = rapid.SliceOfN(value, rows, rows).Draw(t, "values")
		}
		data.Columns = append(data.Columns, column)
	}
	if rapid.Bool().Draw(t, "weighted") {
		data.Weights = rapid.SliceOfN(rapid.SampledFrom([]float64{0, 1e-9, 1, 1, 2.5, 1e6}), rows, rows).Draw(t, "weights")
		data.Weights[0], data.Weights[1] = 1, 1
	}
	return data
}

func anyParams(t *rapid.T, data *boost.Matrix) boost.Params {
	params := boost.Defaults()
	params.Seed = rapid.Uint64().Draw(t, "seed")
	params.Trees = rapid.IntRange(1, 12).Draw(t, "trees")
	params.EarlyStop = params.Trees
	params.LearningRate = rapid.Float64Range(0.01, 1).Draw(t, "rate")
	params.MaxLeaves = rapid.IntRange(2, 20).Draw(t, "leaves")
	params.MaxDepth = rapid.IntRange(1, 24).Draw(t, "depth")
	params.MaxBins = rapid.IntRange(2, 255).Draw(t, "bins")
	params.MinRows = rapid.IntRange(1, 5).Draw(t, "min_rows")
	params.MinHessian = rapid.SampledFrom([]float64{0, 0.01, 1}).Draw(t, "min_hessian")
	params.L2 = rapid.SampledFrom([]float64{0, 1, 10}).Draw(t, "l2")
	params.RowShare = rapid.Float64Range(0.2, 1).Draw(t, "rows_share")
	params.ColumnShare = rapid.Float64Range(0.2, 1).Draw(t, "columns_share")
	params.CategoryMinRows = rapid.IntRange(1, 10).Draw(t, "category_min_rows")
	params.CategorySmooth = rapid.SampledFrom([]float64{0, 10}).Draw(t, "smooth")
	params.Monotone = map[string]boost.Direction{}
	for _, column := range data.Columns {
		if column.Codes == nil {
			params.Monotone[column.Name] = rapid.SampledFrom([]boost.Direction{boost.Free, boost.Rising, boost.Falling}).Draw(t, "direction")
		}
	}
	return params
}

// Whatever the data and parameters: the model passes its own validation, with
// the proof of its directions; scoring by thresholds finds the leaves that
// training found by bins; attributions add up.
func TestAnyData(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		data := anyMatrix(t)
		params := anyParams(t, data)
		model, err := boost.Train(t.Context(), data, boost.Options{Params: params, Valid: data})
		require.NoError(t, err)
		scorer, err := boost.New(model)
		require.NoError(t, err)
		logits, err := scorer.Logits(data)
		require.NoError(t, err)

		lost, weight := 0.0, 0.0
		for row, logit := range logits {
			require.False(t, math.IsNaN(logit) || math.IsInf(logit, 0))
			of := 1.0
			if data.Weights != nil {
				of = data.Weights[row]
			}
			if data.Target[row] {
				logit = -logit
			}
			lost += of * (math.Log1p(math.Exp(-math.Abs(logit))) + max(logit, 0))
			weight += of
		}
		if len(model.Trees) > 0 {
			require.InDelta(t, model.Training.ValidLoss, lost/weight, 1e-9*max(1, lost/weight))
		}

		explainer := scorer.Explainer()
		binding, err := scorer.Bind(data)
		require.NoError(t, err)
		row, parts := make([]float64, len(data.Columns)), make([]float64, len(data.Columns))
		for i, logit := range logits {
			binding.Row(i, row)
			explainer.Explain(row, parts)
			total := explainer.Background()
			for _, part := range parts {
				total += part
			}
			require.InDelta(t, logit, total, 1e-9*max(1, math.Abs(logit)))
		}
	})
}
