package boost_test

import (
	"math"
	"math/bits"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"loan310/scoring/boost"
)

// expectation of a tree when only the features of known are known: at other
// splits both ways count by cover (Lundberg et al. 2018, algorithm 1).
func expectation(model *boost.Model, tree *boost.Tree, at int, row []float64, known uint) (value, cover float64) {
	if at < 0 {
		leaf := tree.Leaves[^at]
		return leaf.Value, leaf.Cover
	}
	split := &tree.Splits[at]
	left, leftCover := expectation(model, tree, split.Left, row, known)
	right, rightCover := expectation(model, tree, split.Right, row, known)
	cover = leftCover + rightCover
	if known>>split.Feature&1 == 0 {
		return (left*leftCover + right*rightCover) / cover, cover
	}
	if goesLeft(model, split, row[split.Feature]) {
		return left, cover
	}
	return right, cover
}

func goesLeft(model *boost.Model, split *boost.Split, value float64) bool {
	if math.IsNaN(value) {
		return split.Missing == boost.SideLeft
	}
	if model.Features[split.Feature].Kind == boost.KindNumeric {
		return value <= split.Threshold
	}
	for _, category := range split.Categories {
		if value == float64(category) {
			return true
		}
	}
	return false
}

func root(tree *boost.Tree) int {
	if len(tree.Splits) == 0 {
		return -1
	}
	return 0
}

// shapley enumerates all sets of known features.
func shapley(model *boost.Model, row []float64) []float64 {
	n := len(model.Features)
	worth := make([]float64, 1<<n)
	for known := range worth {
		for i := range model.Trees {
			value, _ := expectation(model, &model.Trees[i], root(&model.Trees[i]), row, uint(known))
			worth[known] += value
		}
	}
	out := make([]float64, n)
	for known := range worth {
		size := bits.OnesCount(uint(known))
		for i := range out {
			if known>>i&1 == 0 {
				weight := math.Gamma(float64(size+1)) * math.Gamma(float64(n-size)) / math.Gamma(float64(n+1))
				out[i] += weight * (worth[known|1<<i] - worth[known])
			}
		}
	}
	return out
}

func anyRow(t *rapid.T, d *dice) []float64 {
	row := []float64{5*d.float() - 0.5, 15 + 60*d.float(), d.float(), d.float(), math.Floor(40 * d.float())}
	for i := range row {
		if rapid.Float64Range(0, 1).Draw(t, "lost") < 0.2 {
			row[i] = math.NaN()
		}
	}
	return row
}

func TestPartsAreShapleyValues(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		params := small(rapid.IntRange(1, 6).Draw(t, "trees"))
		params.Seed = rapid.Uint64().Draw(t, "seed")
		params.MaxLeaves = rapid.IntRange(2, 30).Draw(t, "leaves")
		params.MaxDepth = rapid.IntRange(1, 12).Draw(t, "depth")
		scorer := trained(t, madeUp(400, params.Seed), params)
		explainer := scorer.Explainer()
		d := dice(params.Seed)
		for range 5 {
			row := anyRow(t, &d)
			parts := make([]float64, len(row))
			explainer.Explain(row, parts)
			require.InDeltaSlice(t, shapley(scorer.Model(), row), parts, 1e-10)
		}
	})
}

func TestPartsAddUp(t *testing.T) {
	t.Parallel()
	data := madeUp(5_000, 11)
	params := small(60)
	params.MaxLeaves, params.MaxDepth, params.MinRows = 64, 24, 2
	scorer := trained(t, data, params)
	explainer := scorer.Explainer()
	binding, err := scorer.Bind(data)
	require.NoError(t, err)
	row, parts := make([]float64, 5), make([]float64, 5)
	mean := 0.0
	for i := range binding.Rows() {
		binding.Row(i, row)
		mean += scorer.Logit(row) / float64(binding.Rows())
		if i%5 != 0 {
			continue
		}
		explainer.Explain(row, parts)
		total := explainer.Background()
		for _, part := range parts {
			total += part
		}
		require.InDelta(t, scorer.Logit(row), total, 1e-9)
	}
	// Each tree's covers tell of the very rows it was trained on.
	require.InDelta(t, mean, explainer.Background(), 1e-9)
}

func TestExplainByHand(t *testing.T) {
	t.Parallel()
	scorer, err := boost.New(hand())
	require.NoError(t, err)
	explainer := scorer.Explainer()
	// Half of the background is at -0.5, 0.3 at 0.25, 0.2 at 1; the other tree is 0.125 for all.
	require.InDelta(t, -2-0.25+0.075+0.2+0.125, explainer.Background(), 1e-12)
	parts := make([]float64, 2)
	explainer.Explain([]float64{2, 0}, parts)
	// Nothing known: 0.025. Debt known: 0.6*0.25+0.4*1 = 0.55. Town known: (-0.5+1)/2 = 0.25. Both: 1.
	require.InDelta(t, ((0.55-0.025)+(1-0.25))/2, parts[0], 1e-12)
	require.InDelta(t, ((0.25-0.025)+(1-0.55))/2, parts[1], 1e-12)
	require.Equal(t, []boost.Reason{{Feature: 0, Name: "debt", Raised: parts[0]}, {Feature: 1, Name: "town", Raised: parts[1]}}, explainer.Reasons(parts, 4))
	require.Len(t, explainer.Reasons(parts, 1), 1)
	require.Empty(t, explainer.Reasons([]float64{-1, 0}, 4))
	explainer.Explain([]float64{2}, parts)
	require.True(t, math.IsNaN(parts[0]))
}

func TestExplainingAllocatesNothing(t *testing.T) { //nolint:paralleltest // AllocsPerRun cannot run beside others
	explainer := trained(t, madeUp(3_000, 6), small(20)).Explainer()
	row, parts := []float64{1, 30, math.NaN(), 0.5, 7}, make([]float64, 5)
	require.Zero(t, testing.AllocsPerRun(100, func() { explainer.Explain(row, parts) }))
}
