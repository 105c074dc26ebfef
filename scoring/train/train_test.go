package train_test

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/scoring/metrics"
	"loan310/scoring/model"
	"loan310/scoring/train"
)

func TestLearnsTheLaw(t *testing.T) {
	t.Parallel()
	data := loans(20_000, 1)
	m, report, err := data.run(t, train.Spec{Split: &train.SplitSpec{By: "random", Share: 0.3}}, model.Scorecard)
	require.NoError(t, err)
	// The best possible score is the law itself.
	var truth []float64
	var bad []bool
	for _, row := range data.rows {
		use, known := model.ParseNumber(row[0])
		if !known {
			use = 0.5
		}
		age, _ := model.ParseNumber(row[1])
		truth, bad = append(truth, 3*use-2*age/40), append(bad, row[3] == "1")
	}
	best, err := metrics.AUC(truth, bad)
	require.NoError(t, err)
	require.InDelta(t, best, report.Metrics.HoldOut.AUC, 0.02)
	require.InDelta(t, report.Metrics.OutOfFold.AUC, report.Metrics.HoldOut.AUC, 0.02)
	require.Len(t, m.Card.Attributes, 2, "the town says nothing")
	require.Equal(t, model.Rising, m.Card.Attributes[0].Monotone)
	require.Equal(t, model.Falling, m.Card.Attributes[1].Monotone)
	require.Equal(t, 14_000, m.Training.Rows)
	require.Equal(t, 6_000, m.Training.HoldOut)
	require.Len(t, m.Preparation.Inputs, 2, "what the model does not read is not asked for")
	calibrated, err := metrics.Calibration(report.HeldPD, report.HeldBad, nil, 10)
	require.NoError(t, err)
	require.Less(t, calibrated.MeanGap, 0.02)
	body, err := model.Encode(m)
	require.NoError(t, err)
	_, err = model.Load(body)
	require.NoError(t, err)
}

func TestSameBitsOnAnyNumberOfCores(t *testing.T) { //nolint:paralleltest // sets the number of cores of the process
	data := loans(12_000, 2)
	var bodies []string
	for _, cores := range []int{1, 3} {
		before := runtime.GOMAXPROCS(cores)
		m, _, err := data.run(t, train.Spec{Calibration: model.Isotonic}, model.Scorecard)
		runtime.GOMAXPROCS(before)
		require.NoError(t, err)
		body, err := model.Encode(m)
		require.NoError(t, err)
		bodies = append(bodies, string(body))
	}
	require.Equal(t, bodies[0], bodies[1])
}

func TestOneBinaryFeatureGivesItsOwnOdds(t *testing.T) {
	t.Parallel()
	// 400 rows flagged, 100 bad; 600 not, 60 bad. Two parameters fit two groups exactly.
	data := cells{names: []string{"flag", "bad"}, kinds: []model.Kind{model.Category, model.Category}}
	for i := range 1000 {
		row := []string{"no", "0"}
		if i < 400 {
			row[0] = "yes"
		}
		if i < 100 || i >= 400 && i < 460 {
			row[1] = "1"
		}
		data.rows = append(data.rows, row)
	}
	m, _, err := data.run(t, train.Spec{Calibration: model.Uncalibrated, L2: 1e-9}, model.Scorecard)
	require.NoError(t, err)
	s, err := model.New(m)
	require.NoError(t, err)
	var result model.Result
	s.Score([]model.Value{{Text: "yes", Known: true}}, &result)
	require.InDelta(t, 0.25, result.PD, 1e-6)
	s.Score([]model.Value{{Text: "no", Known: true}}, &result)
	require.InDelta(t, 0.10, result.PD, 1e-6)
}

func TestAWeightOfThreeIsThreeRows(t *testing.T) {
	t.Parallel()
	weighted := loans(2_000, 3)
	weighted.add("w", model.Number, func([]string) string { return "3" })
	plain := loans(2_000, 3)
	a, _, err := weighted.run(t, train.Spec{Weight: "w", Exclude: []string{}, Binning: train.BinningSpec{Smoothing: 30, Merge: 3, MinEvents: 15}, L2: 3, Calibration: model.Uncalibrated}, model.Scorecard)
	require.NoError(t, err)
	b, _, err := plain.run(t, train.Spec{Binning: train.BinningSpec{Smoothing: 10, Merge: 1, MinEvents: 5}, L2: 1, Calibration: model.Uncalibrated}, model.Scorecard)
	require.NoError(t, err)
	require.Len(t, a.Card.Attributes, len(b.Card.Attributes))
	for i := range a.Card.Attributes {
		isClose(t, b.Card.Attributes[i].Coefficient, a.Card.Attributes[i].Coefficient, 1e-6)
	}
	isClose(t, b.Card.Intercept, a.Card.Intercept, 1e-6)
}

func TestThePopulationsBadRateMovesTheOdds(t *testing.T) {
	t.Parallel()
	data := loans(4_000, 4)
	m, report, err := data.run(t, train.Spec{PopulationBadRate: 0.02}, model.Scorecard)
	require.NoError(t, err)
	isClose(t, model.Logit(0.02)-model.Logit(m.Training.BadRate), m.Calibration.Prior, 1e-9)
	mean := 0.0
	for _, pd := range report.FoldPD {
		mean += pd / float64(len(report.FoldPD))
	}
	require.InDelta(t, 0.02, mean, 0.01)
}

func TestDirectionsAskedForAreKept(t *testing.T) {
	t.Parallel()
	data := loans(5_000, 5)
	m, _, err := data.run(t, train.Spec{
		Columns: map[string]train.ColumnSpec{"use": {Monotone: model.Falling}, "age": {Monotone: train.Free, Special: []float64{20}}},
	}, model.Scorecard)
	require.NoError(t, err)
	for i := range m.Card.Attributes {
		require.NotEqual(t, "use", m.Card.Attributes[i].Feature, "risk rises with use: nothing falling is left of it")
	}
	require.Empty(t, m.Card.Attributes[0].Monotone)
}

func TestHoldOutByTimeIsTheLatest(t *testing.T) {
	t.Parallel()
	data := loans(1_000, 6)
	at := 0
	data.add("applied", model.Date, func([]string) string {
		at++
		return model.DayText(float64(20_000 + at/10))
	})
	m, report, err := data.run(t, train.Spec{AsOf: "applied", Split: &train.SplitSpec{By: "time", From: model.DayText(20_070)}}, model.Scorecard)
	require.NoError(t, err)
	require.Equal(t, 301, report.Metrics.HoldOut.Rows)
	require.Equal(t, model.DayText(20_000), m.Training.From)
	require.Equal(t, model.DayText(20_069), m.Training.To)
}

func TestLeaksAreRefusedWithEvidence(t *testing.T) {
	t.Parallel()
	data := loans(3_000, 7)
	random := numbers(9)
	bad := func(row []string) bool { return row[len(row)-1] == "1" }
	data.add("balance_lost", model.Number, func(row []string) string {
		if bad(row) && random.float() < 0.95 {
			return "500"
		}
		return "0"
	})
	data.add("called_by_collections", model.Category, func(row []string) string {
		if bad(row) && random.float() < 0.97 {
			return "yes"
		}
		return ""
	})
	// Erratic: bad rows end at any month, good ones at whole years.
	data.add("months", model.Number, func(row []string) string {
		if bad(row) {
			return []string{"7", "13", "25", "31", "43"}[int(5*random.float())]
		}
		return []string{"12", "24", "36", "48"}[int(4*random.float())]
	})
	data.add("applied", model.Date, func([]string) string { return "2026-01-10" })
	data.add("closed", model.Date, func([]string) string { return []string{"2026-01-09", "2026-03-01"}[int(2*random.float())] })
	_, report, err := data.run(t, train.Spec{AsOf: "applied"}, model.Scorecard)
	leak, ok := errors.AsType[*train.LeakError](err)
	require.True(t, ok, "%v", err)
	found := map[string]string{}
	for _, l := range leak.Leaks {
		found[l.Column] += l.Rule + " "
	}
	require.Contains(t, found["balance_lost"], train.LeakTooGood)
	require.Contains(t, found["called_by_collections"], train.LeakPresence)
	require.Contains(t, found["months"], train.LeakTooGood)
	require.Contains(t, found["closed"], train.LeakAfter)
	require.NotContains(t, found, "use")
	require.NotContains(t, found, "age")
	require.ErrorContains(t, err, "it jumps")
	require.ErrorContains(t, err, "--allow-leak")
	require.Len(t, report.Leaks, len(leak.Leaks))

	m, _, err := data.run(t, train.Spec{AsOf: "applied", AllowLeak: map[string]string{
		"balance_lost": "test", "called_by_collections": "test", "months": "test", "closed": "test",
	}}, model.Scorecard)
	require.NoError(t, err)
	require.NotEmpty(t, m.Leaks, "the model says what was allowed")
	require.Equal(t, "test", m.Leaks[0].Reason)
}

func TestUnusableDataAreRefusedInWords(t *testing.T) {
	t.Parallel()
	for want, spoil := range map[string]func(*cells){
		"two outcomes are needed": func(c *cells) { c.each(func(row []string) { row[3] = "0" }) },
		"too few rows in the training data": func(c *cells) {
			c.rows = c.rows[:40]
		},
		"say which mean bad": func(c *cells) { c.each(func(row []string) { row[3] = "x" + row[3] }) },
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			data := loans(500, 8)
			spoil(&data)
			_, _, err := data.run(t, train.Spec{}, model.Scorecard)
			require.ErrorContains(t, err, want)
		})
	}
}

func (c *cells) each(do func(row []string)) {
	for _, row := range c.rows {
		do(row)
	}
}

func TestBadSpecsAreRefusedByPath(t *testing.T) {
	t.Parallel()
	data := loans(200, 9)
	for want, spec := range map[string]train.Spec{
		"folds: 1: want 2 to 50":                   {Folds: 1},
		"binning.min_share: 0.7":                   {Binning: train.BinningSpec{MinShare: 0.7}},
		"exclude[0]: the data has no column \"x\"": {Exclude: []string{"x"}},
		"columns.use.monotone: \"up\"":             {Columns: map[string]train.ColumnSpec{"use": {Monotone: "up"}}},
		"split.by: \"luck\"":                       {Split: &train.SplitSpec{By: "luck"}},
		"as_of: none, but the split is by time":    {Split: &train.SplitSpec{By: "time", Share: 0.2}},
		"split.share: 1":                           {Split: &train.SplitSpec{By: "random", Share: 1}},
		"allow_leak.use: say why":                  {AllowLeak: map[string]string{"use": ""}},
		"calibration: \"magic\"":                   {Calibration: "magic"},
		"as_of: column \"town\" is a category":     {AsOf: "town"},
		"derived[0] (r): \"ratio(use, nope)\"":     {Derived: []train.DerivedSpec{{Name: "r", Expr: "ratio(use, nope)"}}},
		"no column is left as a feature":           {Only: []string{"bad"}},
	} {
		_, err := data.table(t, spec)
		require.ErrorContains(t, err, want)
	}
}

func TestSamplingIsEvenAndRepeats(t *testing.T) {
	t.Parallel()
	data := loans(20_000, 10)
	at := 0
	data.add("at", model.Number, func([]string) string { at++; return strings.Repeat("1", 1+at*4/20_001) }) // 1, 11, 111, 1111 by quarter
	var first []float64
	for range 2 {
		table, err := data.table(t, train.Spec{MaxRows: 2_000})
		require.NoError(t, err)
		require.Equal(t, 2_000, table.Rows())
		require.Equal(t, 20_000, table.FileRows)
		require.True(t, table.Sampled)
		var column []float64
		for i := range table.Columns {
			if table.Columns[i].Name == "at" {
				column = table.Columns[i].Num
			}
		}
		counts := map[float64]int{}
		for _, v := range column {
			counts[v]++
		}
		for _, quarter := range []float64{1, 11, 111, 1111} {
			require.InDelta(t, 500, counts[quarter], 5*math.Sqrt(500*0.75))
		}
		if first != nil {
			require.Equal(t, first, column)
		}
		first = column
	}
}

func TestBestTakesTheBetterKind(t *testing.T) {
	t.Parallel()
	// What b means depends on a, which no sum over features can say.
	random := numbers(11)
	data := cells{names: []string{"a", "b", "bad"}, kinds: []model.Kind{model.Number, model.Number, model.Category}}
	for range 6_000 {
		a, b, bad, chance := random.float(), random.float(), "0", 0.5
		switch {
		case a > 0.6 && b > 0.5:
			chance = 0.9
		case a > 0.6:
			chance = 0.1
		case b > 0.5:
			chance = 0.2
		}
		if random.float() < chance {
			bad = "1"
		}
		data.rows = append(data.rows, []string{fmt.Sprintf("%.3f", a), fmt.Sprintf("%.3f", b), bad})
	}
	m, report, err := data.run(t, train.Spec{Boost: &train.BoostSpec{Trees: 100, LearningRate: 0.2, ColumnShare: 1}, Folds: 3}, train.Best)
	require.NoError(t, err)
	require.Equal(t, model.Boosted, report.Kind)
	require.Greater(t, report.Metrics.OutOfFold.AUC, report.Challenger.OutOfFold.AUC+0.02)
	body, err := model.Encode(m)
	require.NoError(t, err)
	_, err = model.Load(body)
	require.NoError(t, err)
}
