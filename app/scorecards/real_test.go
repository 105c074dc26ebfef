package scorecards_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/app/scorecards"
	"loan310/scoring/model"
	"loan310/scoring/train"
)

func TestGermanCredit(t *testing.T) {
	t.Parallel()
	_, report, err := fit(t, realData(t, "german/german.csv.gz"), specOf(t, "german"), model.Scorecard)
	require.NoError(t, err)
	want := map[string]float64{"checking": 0.6660, "history": 0.2932, "savings": 0.1960, "purpose": 0.1692, "property": 0.1126}
	for _, feature := range report.Features {
		if iv, ok := want[feature.Name]; ok {
			require.InDelta(t, iv, feature.LevelIV, 0.0005, feature.Name)
			delete(want, feature.Name)
		}
	}
	require.Empty(t, want)
	require.Empty(t, report.Leaks)
	t.Logf("10-fold AUC: pooled %.4f, mean of folds %.4f", report.Metrics.OutOfFold.AUC, meanAUC(&report.Metrics))
	require.GreaterOrEqual(t, report.Metrics.OutOfFold.AUC, 0.79, "pooled, the stricter of the two")
	require.GreaterOrEqual(t, meanAUC(&report.Metrics), 0.79)
}

func TestTaiwan(t *testing.T) {
	t.Parallel()
	spec := specOf(t, "taiwan")
	spec.Folds = 2
	_, report, err := fit(t, realData(t, "taiwan/taiwan.csv.gz"), spec, train.Best)
	require.NoError(t, err)
	require.Empty(t, report.Leaks, "pay_0 is honest")
	t.Logf("70/30: %s %.4f, the other %.4f", report.Kind, report.Metrics.HoldOut.AUC, report.Challenger.HoldOut.AUC)
	require.GreaterOrEqual(t, report.Metrics.HoldOut.AUC, 0.775)
	require.GreaterOrEqual(t, report.Challenger.HoldOut.AUC, 0.76)
}

func TestGiveMeSomeCredit(t *testing.T) {
	t.Parallel()
	spec := specOf(t, "gmsc")
	spec.Folds = 2
	spec.Split = &train.SplitSpec{By: "random", Share: 0.3}
	m, report, err := fit(t, realData(t, "gmsc/train_105000.csv.gz"), spec, model.Boosted)
	require.NoError(t, err)
	require.Empty(t, report.Leaks)
	t.Logf("held out: AUC %.4f, KS %.4f; out of fold %.4f", report.Metrics.HoldOut.AUC, report.Metrics.HoldOut.KS, report.Metrics.OutOfFold.AUC)
	require.GreaterOrEqual(t, report.Metrics.HoldOut.AUC, 0.862)
	require.GreaterOrEqual(t, report.Metrics.HoldOut.KS, 0.56)
	body, err := model.Encode(m)
	require.NoError(t, err)
	_, err = model.Load(body)
	require.NoError(t, err)
}

func TestSmallBusinessLoans(t *testing.T) {
	t.Parallel()
	data := realData(t, "sba/case_train_selected1.csv.gz")
	_, report, err := fit(t, data, specOf(t, "sba"), model.Scorecard)
	require.NoError(t, err)
	t.Logf("10-fold AUC without Term: %.4f", report.Metrics.OutOfFold.AUC)
	require.GreaterOrEqual(t, report.Metrics.OutOfFold.AUC, 0.82)
}

func TestSmallBusinessLoansLeaksAreRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		file string
		spec train.Spec
		want []string
	}{
		{
			"sba/national_fy1996_2004.csv.gz",
			train.Spec{Target: train.TargetSpec{Column: "MIS_Status", Positive: []string{"CHGOFF"}}, AsOf: "ApprovalDate"},
			[]string{"Term", "ChgOffDate", "ChgOffPrinGr", "DisbursementDate"},
		},
		{
			"sba/case_train_selected1.csv.gz",
			train.Spec{Target: train.TargetSpec{Column: "Default"}},
			[]string{"Term", "daysterm", "ChgOffDate", "ChgOffPrinGr", "MIS_Status"},
		},
	} {
		_, report, err := fit(t, realData(t, test.file), test.spec, model.Scorecard)
		leak, ok := errors.AsType[*train.LeakError](err)
		require.True(t, ok, "%v", err)
		found := map[string]bool{}
		for _, l := range leak.Leaks {
			found[l.Column] = true
			require.NotEmpty(t, l.Evidence)
		}
		for _, column := range test.want {
			require.True(t, found[column], column)
			delete(found, column)
		}
		require.Empty(t, found, "no honest column is refused")
		require.NotEmpty(t, report.Leaks)
	}
}

func TestSuperLenderByTime(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "loans.csv.gz")
	rows, err := scorecards.Join(t.Context(), realData(t, "superlender/loans.csv.gz"), filepath.Join("..", "validate", "specs", "superlender-join.json"), out)
	require.NoError(t, err)
	require.Equal(t, 3030, rows)
	_, report, err := fit(t, out, specOf(t, "superlender"), model.Boosted)
	require.NoError(t, err)
	require.Empty(t, report.Leaks)
	t.Logf("latest 30 %%: AUC %.4f (%.4f to %.4f), KS %.4f", report.Metrics.HoldOut.AUC, report.Metrics.HoldOut.AUCLow, report.Metrics.HoldOut.AUCHigh, report.Metrics.HoldOut.KS)
	require.GreaterOrEqual(t, report.Metrics.HoldOut.AUC, 0.70)
}

func TestBerkaHasNoLeaks(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "loans.csv.gz")
	_, err := scorecards.Join(t.Context(), realData(t, "berka/loan_1993_1996_labelled.csv.gz"), filepath.Join("..", "validate", "specs", "berka-join.json"), out)
	require.NoError(t, err)
	_, report, err := fit(t, out, specOf(t, "berka"), model.Scorecard)
	require.NoError(t, err)
	require.Empty(t, report.Leaks)
	require.GreaterOrEqual(t, report.Metrics.OutOfFold.AUC, 0.80)
}
