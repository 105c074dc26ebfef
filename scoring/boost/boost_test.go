package boost_test

import (
	"context"
	"encoding/json"
	"math"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"loan310/scoring/boost"
	"loan310/scoring/metrics"
)

// dice is a small generator for made-up data.
type dice uint64

func (d *dice) float() float64 {
	*d += 0x9e3779b97f4a7c15
	z := uint64(*d)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return float64((z^z>>31)>>11) * 0x1p-53
}

// madeUp is data with a known law: risk rises with "debt", falls with "age",
// jumps where "gap" is missing, differs by "town" (300 of them, the risk known
// by its number), and "noise" tells nothing.
func madeUp(rows int, seed uint64) *boost.Matrix {
	d := dice(seed)
	data := &boost.Matrix{Target: make([]bool, rows)}
	values := make([][]float64, 4)
	for i := range values {
		values[i] = make([]float64, rows)
	}
	towns := boost.Column{Name: "town", Codes: make([]int32, rows)}
	for i := range 300 {
		towns.Categories = append(towns.Categories, "town "+string(rune('A'+i%26))+string(rune('a'+i/26)))
	}
	for row := range rows {
		debt, age, gap, noise, town := 4*d.float(), 20+50*d.float(), d.float(), d.float(), int32(300*d.float()*d.float())
		logit := -3 + debt + math.Sin(3*debt)/2 - 0.04*(age-20) + 2*math.Mod(float64(town), 5)/5
		if d.float() < 0.2 {
			gap = math.NaN()
			logit++
		}
		towns.Codes[row] = town
		if d.float() < 0.1 {
			towns.Codes[row] = -1
		}
		values[0][row], values[1][row], values[2][row], values[3][row] = debt, age, gap, noise
		data.Target[row] = d.float() < boost.Probability(logit)
	}
	for i, name := range []string{"debt", "age", "gap", "noise"} {
		data.Columns = append(data.Columns, boost.Column{Name: name, Values: values[i]})
	}
	data.Columns = append(data.Columns, towns)
	return data
}

// small are parameters for tests that need no good model.
func small(trees int) boost.Params {
	params := boost.Defaults()
	params.Trees, params.EarlyStop, params.MinRows, params.LearningRate = trees, 0, 10, 0.2
	return params
}

func trained(tb require.TestingT, data *boost.Matrix, params boost.Params) *boost.Scorer {
	model, err := boost.Train(context.Background(), data, boost.Options{Params: params})
	require.NoError(tb, err)
	scorer, err := boost.New(model)
	require.NoError(tb, err)
	return scorer
}

func TestLearnsTheLaw(t *testing.T) {
	t.Parallel()
	params := boost.Defaults()
	params.Monotone = map[string]boost.Direction{"age": boost.Falling}
	model, err := boost.Fit(t.Context(), madeUp(20_000, 1), boost.Options{Params: params})
	require.NoError(t, err)
	scorer, err := boost.New(model)
	require.NoError(t, err)
	test := madeUp(10_000, 2)
	logits, err := scorer.Logits(test)
	require.NoError(t, err)
	auc, err := metrics.AUC(logits, test.Target)
	require.NoError(t, err)
	require.Greater(t, auc, 0.79) // the law itself reaches 0.80
	gains := scorer.Gains()
	for i := range gains {
		require.GreaterOrEqual(t, gains[i], gains[3], "noise must matter least")
	}
	require.InDelta(t, 1, gains[0]+gains[1]+gains[2]+gains[3]+gains[4], 1e-9)
}

func TestSameModelOnAnyNumberOfCores(t *testing.T) { //nolint:paralleltest // sets the number of cores of the process
	data := madeUp(30_000, 3)
	data.Weights = make([]float64, 30_000)
	d := dice(4)
	for row := range data.Weights {
		data.Weights[row] = 3 * d.float()
	}
	train := func(cores int) string {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
		model, err := boost.Fit(t.Context(), data, boost.Options{Params: small(15)})
		require.NoError(t, err)
		out, err := json.Marshal(model)
		require.NoError(t, err)
		return string(out)
	}
	one := train(1)
	require.Equal(t, one, train(2))
	require.Equal(t, one, train(7))
}

func TestSavedAndLoadedScoresTheSameBits(t *testing.T) {
	t.Parallel()
	data := madeUp(5_000, 5)
	scorer := trained(t, data, small(30))
	saved, err := json.Marshal(scorer.Model())
	require.NoError(t, err)
	loaded, err := boost.Load(saved)
	require.NoError(t, err)
	require.Equal(t, scorer.Model(), loaded.Model())
	before, err := scorer.Logits(data)
	require.NoError(t, err)
	after, err := loaded.Logits(data)
	require.NoError(t, err)
	for row := range before {
		require.Equal(t, math.Float64bits(before[row]), math.Float64bits(after[row]))
	}
	again, err := json.Marshal(loaded.Model())
	require.NoError(t, err)
	require.Equal(t, string(saved), string(again))
}

// The promise is exact: whatever else a row holds, a held feature alone never
// moves the logit against its direction, not by the last bit.
func TestMonotone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		params := small(rapid.IntRange(1, 6).Draw(t, "trees"))
		params.Seed = rapid.Uint64().Draw(t, "seed")
		params.MaxLeaves = rapid.IntRange(2, 40).Draw(t, "leaves")
		params.L2 = rapid.Float64Range(0, 5).Draw(t, "l2")
		// Against the law of the data as well as with it.
		direction := rapid.SampledFrom([]boost.Direction{boost.Rising, boost.Falling})
		params.Monotone = map[string]boost.Direction{"debt": direction.Draw(t, "debt"), "age": direction.Draw(t, "age"), "noise": direction.Draw(t, "noise")}
		scorer := trained(t, madeUp(400, params.Seed), params)
		d := dice(params.Seed + 1)
		for range 200 {
			row := []float64{4 * d.float(), 20 + 50*d.float(), d.float(), d.float(), math.Floor(20 * d.float())}
			if d.float() < 0.2 {
				row[2] = math.NaN()
			}
			at := []int{0, 1, 3}[int(3*d.float())]
			low := scorer.Logit(row)
			row[at] += []float64{2, 20, 0.5}[at*2/3] * d.float()
			high := scorer.Logit(row)
			if params.Monotone[scorer.Model().Features[at].Name] == boost.Rising {
				require.GreaterOrEqual(t, high, low)
			} else {
				require.LessOrEqual(t, high, low)
			}
		}
	})
}

func TestScoringAllocatesNothing(t *testing.T) { //nolint:paralleltest // AllocsPerRun cannot run beside others
	scorer := trained(t, madeUp(3_000, 6), small(20))
	row := []float64{1, 30, math.NaN(), 0.5, 7}
	require.Zero(t, testing.AllocsPerRun(100, func() { scorer.PD(row) }))
	require.True(t, math.IsNaN(scorer.PD(row[:4])), "a row too short has no PD")
}

// A weight of two is the same as standing twice, as far as sums of floats can be.
func TestWeightsCountRows(t *testing.T) {
	t.Parallel()
	data := madeUp(4_000, 7)
	rows := make([]int, 0, 6_000)
	weights := make([]float64, 4_000)
	for row := range weights {
		weights[row] = 1 + float64(row%2)
		for range 1 + row%2 {
			rows = append(rows, row)
		}
	}
	params := small(5)
	params.RowShare, params.ColumnShare, params.MinRows, params.CategoryMinRows = 1, 1, 1, 1
	params.MinHessian = 5
	data.Columns = data.Columns[:4]
	for i := range data.Columns { // few distinct values, so that quantiles of rows do not matter
		for row, value := range data.Columns[i].Values {
			data.Columns[i].Values[row] = math.Round(value * []float64{20, 2, 50, 50}[i])
		}
	}
	twice := data.Take(rows)
	data.Weights = weights
	weighted, err := trained(t, data, params).Logits(data)
	require.NoError(t, err)
	doubled, err := trained(t, twice, params).Logits(data)
	require.NoError(t, err)
	require.InDeltaSlice(t, doubled, weighted, 1e-5)
}

func TestOneLeafIsTheBaseRate(t *testing.T) {
	t.Parallel()
	data := madeUp(1_000, 8)
	data.Columns = data.Columns[3:4]
	params := small(1)
	params.MinRows = 501 // nothing can be split
	scorer := trained(t, data, params)
	require.Empty(t, scorer.Model().Trees)
	bad := 0.0
	for _, isBad := range data.Target {
		if isBad {
			bad++
		}
	}
	require.InDelta(t, bad/1_000, scorer.PD([]float64{0.5}), 1e-12)
}

// The first tree of one split by hand: the leaves are -G/(H+l2).
func TestNewtonLeavesByHand(t *testing.T) {
	t.Parallel()
	data := &boost.Matrix{
		Columns: []boost.Column{{Name: "x", Values: []float64{1, 1, 1, 1, 2, 2, 2, 2}}},
		Target:  []bool{false, false, false, true, true, true, true, false},
	}
	params := small(1)
	params.MinRows, params.MinHessian, params.RowShare, params.L2, params.LearningRate = 1, 0, 1, 1, 1
	scorer := trained(t, data, params)
	// p = 1/2: left G = 4/2 - 1 = 1, H = 4/4 = 1, so -1/2; right the opposite.
	require.InDelta(t, -0.5, scorer.Logit([]float64{1}), 1e-12)
	require.InDelta(t, 0.5, scorer.Logit([]float64{2}), 1e-12)
	require.InDelta(t, 1.5, scorer.Model().Trees[0].Splits[0].Threshold, 0)
	require.InDelta(t, 1, scorer.Model().Trees[0].Splits[0].Gain, 1e-12)
}
