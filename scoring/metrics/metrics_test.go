package metrics_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"loan310/scoring/metrics"
)

// Six rows by hand: safest first 0.1 good, 0.2 good, 0.3 bad, 0.3 good, 0.6 bad, 0.9 bad.
var (
	score = []float64{0.3, 0.9, 0.1, 0.6, 0.2, 0.3}
	bad   = []bool{true, true, false, true, false, false}
)

func curve(t *testing.T) *metrics.Curve {
	t.Helper()
	c, err := metrics.NewCurve(score, bad, nil)
	require.NoError(t, err)
	return c
}

func TestAUCByHand(t *testing.T) {
	t.Parallel()
	// Pairs (bad, good): 0.3 beats two and ties one, the others beat all three: 2.5 + 3 + 3 of 9.
	auc, err := metrics.AUC(score, bad)
	require.NoError(t, err)
	require.InDelta(t, 8.5/9, auc, 1e-12)
	require.InDelta(t, 8.0/9, metrics.Gini(auc), 1e-12)
}

func TestKSIsTheLargestDistance(t *testing.T) {
	t.Parallel()
	// After 0.2: 2/3 of the goods, no bad. After 0.3: all goods and 1/3 of the bads, as far apart.
	distance, at := curve(t).KS()
	require.InDelta(t, 2.0/3, distance, 1e-12)
	require.InDelta(t, 0.2, at, 1e-12)
}

func TestROCFromNothingToAll(t *testing.T) {
	t.Parallel()
	points := curve(t).ROC(100)
	require.Equal(t, metrics.Point{Score: 0.9}, points[0])
	require.Equal(t, metrics.Point{Score: 0.6, Refused: 1.0 / 6, BadFound: 1.0 / 3}, points[1])
	require.Equal(t, metrics.Point{Score: 0.2, Refused: 4.0 / 6, GoodLost: 1.0 / 3, BadFound: 1}, points[3])
	require.Equal(t, metrics.Point{Score: 0.1, Refused: 1, GoodLost: 1, BadFound: 1}, points[len(points)-1])
}

func TestApprovalTakesTiesTogether(t *testing.T) {
	t.Parallel()
	// Cumulative bad rates: 0/1, 0/2, 1/4 (two rows of 0.3 together), 2/5, 3/6.
	c := curve(t)
	require.Equal(t, metrics.Approval{Share: 2.0 / 6, BadRate: 0, Cut: 0.2}, c.ApprovalAt(0.24))
	require.Equal(t, metrics.Approval{Share: 4.0 / 6, BadRate: 0.25, Cut: 0.3}, c.ApprovalAt(0.25))
	require.Equal(t, metrics.Approval{Share: 1, BadRate: 0.5, Cut: 0.9}, c.ApprovalAt(0.5))
	require.Equal(t, metrics.Approval{Share: 4.0 / 6, BadRate: 0.25, Cut: 0.5}, c.AtCut(0.5))
	worst, err := metrics.NewCurve([]float64{0.1, 0.2}, []bool{true, false}, nil)
	require.NoError(t, err)
	require.Zero(t, worst.ApprovalAt(0.1).Share)
}

func TestBrierAndLogLossByHand(t *testing.T) {
	t.Parallel()
	brier, err := metrics.Brier([]float64{0.8, 0.3}, []bool{true, false}, nil)
	require.NoError(t, err)
	require.InDelta(t, (0.04+0.09)/2, brier, 1e-12)
	brier, err = metrics.Brier([]float64{0.8, 0.3}, []bool{true, false}, []float64{3, 1})
	require.NoError(t, err)
	require.InDelta(t, (3*0.04+0.09)/4, brier, 1e-12)
	loss, err := metrics.LogLoss([]float64{0.8, 0.3}, []bool{true, false}, nil)
	require.NoError(t, err)
	require.InDelta(t, -(math.Log(0.8)+math.Log(0.7))/2, loss, 1e-12)
	loss, err = metrics.LogLoss([]float64{0}, []bool{true}, nil)
	require.NoError(t, err)
	require.InDelta(t, -math.Log(1e-15), loss, 1e-9, "certain and wrong stays finite")
}

func TestCalibrationTableByHand(t *testing.T) {
	t.Parallel()
	var pd []float64
	var outcome []bool
	for i := range 100 { // 100 rows at 0.1 of which 20 bad, 100 at 0.5 of which 50 bad
		pd, outcome = append(pd, 0.1, 0.5), append(outcome, i < 20, i < 50)
	}
	table, err := metrics.Calibration(pd, outcome, nil, 2)
	require.NoError(t, err)
	require.Len(t, table.Bins, 2)
	require.InDelta(t, 0.1, table.Bins[0].Expected, 1e-12)
	require.InDelta(t, 0.2, table.Bins[0].Observed, 1e-12)
	require.InDelta(t, (20.0-10)*(20-10)/(100*0.1*0.9), table.HosmerLemeshow, 1e-9)
	require.InDelta(t, 0.05, table.MeanGap, 1e-12)
	require.InDelta(t, 0.3, table.Expected, 1e-12)
	require.InDelta(t, 0.35, table.Observed, 1e-12)
	require.Less(t, table.PValue, 0.001)
}

func TestChiSquareAgainstTables(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		x       float64
		freedom int
		above   float64
	}{{3.841458820694124, 1, 0.05}, {18.307038053275146, 10, 0.05}, {2.705543454095404, 1, 0.10}, {135.80672317102676, 100, 0.01}, {0, 3, 1}} {
		require.InDelta(t, test.above, metrics.ChiSquareSurvival(test.x, test.freedom), 1e-10)
	}
	require.InDelta(t, 16.918977604620448, metrics.ChiSquareQuantile(0.95, 9), 1e-9)
}

func TestWeightOfEvidenceByHand(t *testing.T) {
	t.Parallel()
	bins := []metrics.BinCount{{Good: 60, Bad: 10}, {Good: 40, Bad: 40}}
	woe, iv := metrics.WeightOfEvidence(bins, 0)
	require.InDelta(t, math.Log(0.6/0.2), woe[0], 1e-12)
	require.InDelta(t, math.Log(0.4/0.8), woe[1], 1e-12)
	require.InDelta(t, 0.4*math.Log(3)-0.4*math.Log(0.5), iv, 1e-12)
	woe, iv = metrics.WeightOfEvidence([]metrics.BinCount{{Good: 10}, {Good: 10, Bad: 5}}, 0)
	require.Zero(t, woe[0], "no finite evidence")
	require.InDelta(t, (0.5-1)*math.Log(0.5), iv, 1e-12)
}

func TestPSIByHandAndWhatChanceAllows(t *testing.T) {
	t.Parallel()
	got, err := metrics.PSI([]float64{500, 500}, []float64{60, 40})
	require.NoError(t, err)
	require.InDelta(t, 0.1*math.Log(1.2)-0.1*math.Log(0.8), got.PSI, 1e-12)
	require.InDelta(t, (1.0/1000+1.0/100)*3.841458820694124, got.Critical, 1e-9)
	same, err := metrics.PSI([]float64{5, 5, 0}, []float64{10, 10, 0})
	require.NoError(t, err)
	require.Zero(t, same.PSI)
	require.Equal(t, 2, same.Bins, "a bin empty on both sides says nothing")
	_, err = metrics.PSI([]float64{1}, []float64{1, 2})
	require.ErrorContains(t, err, "1 expected bins and 2 actual")
	_, err = metrics.PSI([]float64{1, 1}, []float64{0, 0})
	require.ErrorContains(t, err, "no rows")
}

func TestDeLongByHand(t *testing.T) {
	t.Parallel()
	// Bad rows catch (2.5, 3, 3)/3 of the goods; goods 0.1, 0.2 are passed by 3/3 of the bads, 0.3 by 2.5/3.
	got, err := metrics.DeLong(score, bad)
	require.NoError(t, err)
	auc := 8.5 / 9
	spread := ((2.5/3-auc)*(2.5/3-auc) + 2*(1-auc)*(1-auc)) / 2 / 3
	require.InDelta(t, auc, got.AUC, 1e-12)
	require.InDelta(t, math.Sqrt(2*spread), got.Error, 1e-12)
	require.InDelta(t, auc-1.959963984540054*got.Error, got.Low, 1e-12)
	require.InDelta(t, 1, got.High, 1e-12)
}

func TestUnmeasurableSamplesAreRefused(t *testing.T) {
	t.Parallel()
	_, err := metrics.AUC([]float64{1, 2}, []bool{true, true})
	require.ErrorIs(t, err, metrics.ErrNoGood)
	_, err = metrics.AUC([]float64{1, 2}, []bool{false, false})
	require.ErrorIs(t, err, metrics.ErrNoBad)
	_, err = metrics.AUC([]float64{1}, []bool{false, false})
	require.ErrorContains(t, err, "1 scores for 2 outcomes")
	_, err = metrics.AUC([]float64{1, math.NaN()}, []bool{false, true})
	require.ErrorContains(t, err, "row 1")
	_, err = metrics.NewCurve([]float64{1, 2}, []bool{false, true}, []float64{1, 0})
	require.ErrorContains(t, err, "row 1: the weight")
	require.Error(t, metrics.NewGrid().Add(1.1, true, 1))
}

func TestQuantilesPartEvenly(t *testing.T) {
	t.Parallel()
	require.Equal(t, []float64{3, 5}, metrics.Quantiles([]float64{6, 1, 5, 2, 4, 3}, 3))
	require.Equal(t, []float64{2, 2, 2}, metrics.Histogram([]float64{1, 2, 3, 4, 5, 6}, []float64{3, 5}))
	require.Empty(t, metrics.Quantiles([]float64{7, 7, 7}, 10))
	require.Empty(t, metrics.Quantiles(nil, 10))
}

func TestTheGridAgreesWithTheExactCurve(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		// Multiples of the grid's width lose nothing.
		n := rapid.IntRange(2, 60).Draw(t, "rows")
		pd, outcome := make([]float64, n), make([]bool, n)
		grid := metrics.NewGrid()
		for i := range n {
			pd[i] = float64(rapid.IntRange(0, metrics.GridBins-1).Draw(t, "bin")) / metrics.GridBins
			outcome[i] = i == 0 || i > 1 && rapid.Bool().Draw(t, "bad")
			require.NoError(t, grid.Add(pd[i], outcome[i], 1))
		}
		exact, err := metrics.NewCurve(pd, outcome, nil)
		require.NoError(t, err)
		coarse, err := grid.Curve()
		require.NoError(t, err)
		require.InDelta(t, exact.AUC(), coarse.AUC(), 1e-12)
		a, _ := exact.KS()
		b, _ := coarse.KS()
		require.InDelta(t, a, b, 1e-12)
		require.InDelta(t, exact.ApprovalAt(0.1).Share, coarse.ApprovalAt(0.1).Share, 1e-12)
		brier, err := metrics.Brier(pd, outcome, nil)
		require.NoError(t, err)
		require.InDelta(t, brier, grid.Brier(), 1e-12)
		loss, err := metrics.LogLoss(pd, outcome, nil)
		require.NoError(t, err)
		require.InDelta(t, loss, grid.LogLoss(), 1e-9)
		require.Equal(t, n, grid.Rows())
	})
}

func TestAUCIsTheChanceOfARightPair(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		scores := rapid.SliceOfN(rapid.Float64Range(0, 1), 2, 40).Draw(t, "scores")
		outcome := make([]bool, len(scores))
		for i := range outcome {
			outcome[i] = i == 0 || i > 1 && rapid.Bool().Draw(t, "bad")
		}
		var right, pairs float64
		for i := range scores {
			for j := range scores {
				if outcome[i] && !outcome[j] {
					pairs++
					switch {
					case scores[i] > scores[j]:
						right++
					case scores[i] == scores[j]:
						right += 0.5
					}
				}
			}
		}
		auc, err := metrics.AUC(scores, outcome)
		require.NoError(t, err)
		require.InDelta(t, right/pairs, auc, 1e-12)
	})
}
