package boost_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/scoring/boost"
	"loan310/scoring/metrics"
)

const (
	gmscFile   = "gmsc/train_105000.csv.gz"
	gmscTarget = "SeriousDlqin2yrs"
)

func TestTaiwan(t *testing.T) {
	t.Parallel()
	curve := heldOut(t, realData(t, "taiwan/taiwan.csv.gz", "has_default", "1"))
	require.GreaterOrEqual(t, curve.AUC(), 0.775)
}

// All rows out of sample, each scored by a model of the other three quarters.
func TestGiveMeSomeCredit(t *testing.T) {
	t.Parallel()
	curve := crossValidated(t, realData(t, gmscFile, gmscTarget, "1", "id"), 4)
	require.GreaterOrEqual(t, curve.AUC(), 0.862)
	ks, _ := curve.KS()
	require.GreaterOrEqual(t, ks, 0.56)
}

// Thirteen of twenty features are categories; a scorecard reaches 0.79.
func TestGermanCredit(t *testing.T) {
	t.Parallel()
	curve := crossValidated(t, realData(t, "german/german.csv.gz", "class", "2"), 10)
	require.GreaterOrEqual(t, curve.AUC(), 0.775)
}

func crossValidated(t *testing.T, data *boost.Matrix, folds int) *metrics.Curve {
	t.Helper()
	start := time.Now()
	found, err := boost.CrossValidate(t.Context(), data, boost.Folds(data.Target, folds, 310), boost.Options{Params: boost.Defaults()})
	require.NoError(t, err)
	curve, err := metrics.NewCurve(found.Logits, data.Target, nil)
	require.NoError(t, err)
	ks, _ := curve.KS()
	t.Logf("%d rows, %d folds, %d trees in %.1f s: AUC %.4f, KS %.4f out of sample", data.Rows(), folds, found.Trees, time.Since(start).Seconds(), curve.AUC(), ks)
	return curve
}

// heldOut trains on 70 % of the rows, a fifth of them to stop by, and measures on the others.
func heldOut(t *testing.T, data *boost.Matrix) *metrics.Curve {
	t.Helper()
	rows, held := boost.HoldOut(data.Target, 0.3, 310)
	train, test := data.Take(rows), data.Take(held)
	start := time.Now()
	model, err := boost.Fit(t.Context(), train, boost.Options{Params: boost.Defaults()})
	require.NoError(t, err)
	elapsed := time.Since(start)
	scorer, err := boost.New(model)
	require.NoError(t, err)
	logits, err := scorer.Logits(test)
	require.NoError(t, err)
	curve, err := metrics.NewCurve(logits, test.Target, nil)
	require.NoError(t, err)
	ks, _ := curve.KS()
	t.Logf("%d rows, %d trees in %.1f s: AUC %.4f, KS %.4f held out", train.Rows(), len(model.Trees), elapsed.Seconds(), curve.AUC(), ks)
	return curve
}
