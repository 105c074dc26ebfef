package model_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"loan310/scoring/model"
	"loan310/scoring/scorecard"
)

// small is a card of a number and a category. Log-odds of bad by hand:
// -2 - 0.5 * WoE(age) - 1 * WoE(job).
func small() *model.Model {
	age := model.Binning{Feature: "age", Kind: model.Number, Monotone: model.Falling, IV: 0.2, Bins: []model.Bin{
		{Max: new(30.0), Rows: 40, Bad: 10, WoE: -1},
		{Min: new(30.0), Rows: 50, Bad: 4, WoE: 0.8},
		{Special: []float64{999}, Rows: 5, Bad: 2, WoE: -0.6},
		{Missing: true, Rows: 5, Bad: 1, WoE: 0},
	}}
	job := model.Binning{Feature: "job", Kind: model.Category, IV: 0.1, Bins: []model.Bin{
		{Levels: []string{"baker", "cook"}, Rows: 60, Bad: 6, WoE: 0.4},
		{Levels: []string{"thief"}, Rows: 30, Bad: 10, WoE: -0.9},
		{Other: true, Rows: 10, Bad: 1, WoE: 0},
		{Missing: true, WoE: 0},
	}}
	return &model.Model{
		Format: model.Format, Kind: model.Scorecard, Name: "small", Author: "test", MadeAt: "2026-01-02T03:04:05Z",
		Target: model.Target{Column: "bad", Positive: []string{"1"}, Negative: []string{"0"}},
		Preparation: model.Preparation{
			Inputs:  []model.Input{{Name: "age", Kind: model.Number}, {Name: "job", Kind: model.Category}},
			Missing: []string{"NA"},
		},
		Scaling: model.Scaling{BasePoints: 600, BaseOdds: 30, PDO: 40},
		Card: &model.Card{Intercept: -2, StartPoints: 519, Attributes: []model.Attribute{
			{Binning: age, Coefficient: 0.5, Points: []int64{-29, 23, -17, 0}},
			{Binning: job, Coefficient: 1, Points: []int64{23, -52, 0, 0}},
		}},
		Calibration: model.Calibration{Method: model.Uncalibrated},
		Reference:   model.Reference{ScoreCuts: []float64{0.1}, ScoreCounts: []float64{60, 40}},
		Training:    model.Training{Rows: 100, Events: 17, FileRows: 100, BadRate: 0.17},
	}
}

func row(t *testing.T, s *model.Scorer, cells ...string) []model.Value {
	t.Helper()
	values := make([]model.Value, s.Preparer().Slots())
	for i, cell := range cells {
		value, err := s.Preparer().Read(i, cell)
		require.NoError(t, err)
		values[i] = value
	}
	s.Preparer().Derive(values)
	return values
}

func TestScoresByHand(t *testing.T) {
	t.Parallel()
	s, err := model.New(small())
	require.NoError(t, err)
	for _, test := range []struct {
		name     string
		age, job string
		logOdds  float64
		points   int64
	}{
		{"both good: -2 - 0.4 - 0.4", "30", "baker", -2.8, 519 + 23 + 23},
		{"a bound belongs to the bin above: -2 + 0.5 + 0.9", "29.99", "thief", -0.6, 519 - 29 - 52},
		{"a special value has its own bin: -2 + 0.3 - 0.4", "999", "cook", -2.1, 519 - 17 + 23},
		{"an unseen level is among the others, a token is missing: -2", "NA", "astronaut", -2, 519},
		{"an empty cell is missing: -2 - 0.4", "64", " ", -2.4, 519 + 23},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var result model.Result
			s.Score(row(t, s, test.age, test.job), &result)
			require.InDelta(t, test.logOdds, result.LogOdds, 1e-12)
			require.InDelta(t, 1/(1+math.Exp(-test.logOdds)), result.PD, 1e-12)
			require.Equal(t, test.points, result.Points)
		})
	}
}

func TestReasonsAreThePointsLost(t *testing.T) {
	t.Parallel()
	s, err := model.New(small())
	require.NoError(t, err)
	var result model.Result
	s.Explain(row(t, s, "20", "thief"), &result)
	require.Equal(t, 2, result.Count)
	// Averages: age (40*-29 + 50*23 + 5*-17)/100 = -0.95, job (60*23 - 30*52)/100 = -1.8.
	require.Equal(t, model.Reason{Feature: 1, Bin: 1, Lost: 75, LostToAverage: 50}, result.Reasons[0])
	require.Equal(t, model.Reason{Feature: 0, Bin: 0, Lost: 52, LostToAverage: 28}, result.Reasons[1])
	s.Explain(row(t, s, "64", "cook"), &result)
	require.Zero(t, result.Count, "the best bins lose nothing")
}

func TestCalibrations(t *testing.T) {
	t.Parallel()
	require.InDelta(t, 0.1+0.9*2, (&model.Calibration{Method: model.Platt, Shift: 0.1, Slope: 0.9}).LogOdds(2), 1e-12)
	iso := &model.Calibration{Method: model.Isotonic, Raw: []float64{-2, 0}, PD: []float64{0.1, 0.3}, Prior: 0.5}
	require.InDelta(t, model.Logit(0.2)+0.5, iso.LogOdds(-1), 1e-12, "half way, then the prior")
	require.InDelta(t, model.Logit(0.1)+0.5, iso.LogOdds(-9), 1e-12, "flat beyond")
	require.InDelta(t, 600, (&model.Scaling{BasePoints: 600, BaseOdds: 30, PDO: 40}).Exact(-math.Log(30)), 1e-9)
	require.InDelta(t, 640, (&model.Scaling{BasePoints: 600, BaseOdds: 30, PDO: 40}).Exact(-math.Log(60)), 1e-9)
}

func TestAFileIsReadBackAndNotChanged(t *testing.T) {
	t.Parallel()
	body, err := model.Encode(small())
	require.NoError(t, err)
	s, err := model.Load(body)
	require.NoError(t, err)
	again, err := model.Encode(s.Model())
	require.NoError(t, err)
	require.Equal(t, string(body), string(again))
	spoilt := []byte(string(body[:len(body)-2]) + " }")
	_, err = model.Load(spoilt)
	require.NoError(t, err, "layout is not content")
	s.Model().Card.Intercept = -1.9
	forged := *s.Model()
	_, err = model.Load(encodeKeepingHash(t, &forged))
	require.ErrorContains(t, err, "sha256: ")
	require.ErrorContains(t, err, "changed after training")
}

func TestBadModelsAreRefusedByPlaceAndReason(t *testing.T) {
	t.Parallel()
	for want, spoil := range map[string]func(*model.Model){
		"format: 9":                          func(m *model.Model) { m.Format = 9 },
		"kind: \"boosted\"":                  func(m *model.Model) { m.Kind = model.Boosted },
		"made_at":                            func(m *model.Model) { m.MadeAt = "yesterday" },
		"training: 100 rows with 100 events": func(m *model.Model) { m.Training.Events = 100 },
		"scaling.pdo":                        func(m *model.Model) { m.Scaling.PDO = 0 },
		"calibration.slope":                  func(m *model.Model) { m.Calibration = model.Calibration{Method: model.Platt, Slope: -1} },
		"calibration.method":                 func(m *model.Model) { m.Calibration.Method = "guess" },
		"reference.score_counts: 1 counts for 1 cuts":        func(m *model.Model) { m.Reference.ScoreCounts = []float64{1} },
		"preparation: inputs[0] (age): kind":                 func(m *model.Model) { m.Preparation.Inputs[0].Kind = "colour" },
		"card.attributes[0].bins[1]: leaves a gap from 20":   func(m *model.Model) { m.Card.Attributes[0].Bins[0].Max = new(20.0) },
		"card.attributes[0].bins[1]: overlaps from 30 to 40": func(m *model.Model) { m.Card.Attributes[0].Bins[0].Max = new(40.0) },
		"card.attributes[0].bins[1].woe: the risk rises": func(m *model.Model) {
			m.Card.Attributes[0].Bins[1].WoE, m.Card.Attributes[0].Points = -2, make([]int64, 4)
		},
		"card.attributes[0].bins[1].max: the last range":       func(m *model.Model) { m.Card.Attributes[0].Bins[1].Max = new(40.0) },
		"card.attributes[0].bins: none of missing":             func(m *model.Model) { m.Card.Attributes[0].Bins[3] = model.Bin{Special: []float64{5}} },
		"card.attributes[0].bins[3].special: 999 twice":        func(m *model.Model) { m.Card.Attributes[0].Bins[3] = model.Bin{Special: []float64{999}} },
		"card.attributes[0].points: 1 points for 4 bins":       func(m *model.Model) { m.Card.Attributes[0].Points = []int64{1} },
		"card.attributes[0].coefficient":                       func(m *model.Model) { m.Card.Attributes[0].Coefficient = -1 },
		"card.attributes[0].points[1]: -30 points against":     func(m *model.Model) { m.Card.Attributes[0].Points[1] = -30 },
		"card.attributes[1].feature: \"horoscope\" is no":      func(m *model.Model) { m.Card.Attributes[1].Feature = "horoscope" },
		"card.attributes[1].feature: \"age\" is used twice":    func(m *model.Model) { m.Card.Attributes[1].Feature = "age" },
		"card.attributes[1].bins[1].levels: \"cook\" is in":    func(m *model.Model) { m.Card.Attributes[1].Bins[1].Levels = []string{"cook"} },
		"card.attributes[1].bins: none of other":               func(m *model.Model) { m.Card.Attributes[1].Bins[2] = model.Bin{Levels: []string{"smith"}} },
		"card.attributes[1].bins[0]: 70 bad of 60 rows":        func(m *model.Model) { m.Card.Attributes[1].Bins[0].Bad = 70 },
		"card.attributes[1].bins[0]: more than one of":         func(m *model.Model) { m.Card.Attributes[1].Bins[0].Other = true },
		"card.attributes[1].kind: \"number\", but the column":  func(m *model.Model) { m.Card.Attributes[1].Kind = model.Number },
		"preparation: derived[0] (x): \"ratio(age)\"":          func(m *model.Model) { m.Preparation.Derived = []model.Derived{{Name: "x", Expr: "ratio(age)"}} },
		"preparation: derived[0] (age): a second column":       func(m *model.Model) { m.Preparation.Derived = []model.Derived{{Name: "age", Expr: "log(age)"}} },
		"card.attributes[1].bins[1]: a range, but the feature": func(m *model.Model) { m.Card.Attributes[1].Bins[1].Levels = nil },
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			bad := small()
			spoil(bad)
			_, err := model.New(bad)
			require.ErrorContains(t, err, want)
		})
	}
}

func TestBadJSONIsRefusedByPath(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"format": 1, "card": {"attributes": [{"bins": [{"mim": 3}]}]}}`: "card.attributes[0].bins[0].mim: no such field",
		`{"format": "one"}`:                         "format: a string, want a int",
		`{"format": 1} {}`:                          "text after the document",
		"{\n\"format\": 1,,}":                       "line 2",
		`{"format": 1, "card": {"intercept": NaN}}`: "no JSON",
		`{"Format": 1}`:                             "Format: no such field",
	} {
		_, err := model.Load([]byte(text))
		require.ErrorContains(t, err, want, text)
	}
}

func FuzzLoad(f *testing.F) {
	body, err := model.Encode(small())
	require.NoError(f, err)
	f.Add(body)
	f.Add([]byte(`{"format":1}`))
	f.Fuzz(func(_ *testing.T, body []byte) {
		if s, err := model.Load(body); err == nil {
			var result model.Result
			s.Explain(make([]model.Value, s.Preparer().Slots()), &result)
		}
	})
}

func TestScoringAllocatesNothing(t *testing.T) { //nolint:paralleltest // AllocsPerRun must not run beside others
	m := small()
	m.Preparation.Derived = []model.Derived{{Name: "x", Expr: "ratio(age, cap(age, 50))"}, {Name: "start", Expr: "prefix(job, 2)"}}
	s, err := model.New(m)
	require.NoError(t, err)
	values := row(t, s, "20", "thief")
	var result model.Result
	require.Zero(t, testing.AllocsPerRun(100, func() {
		values[0], _ = s.Preparer().Read(0, "41.5")
		s.Preparer().Derive(values)
		s.Explain(values, &result)
	}))
}

func TestTheEnginesCardGivesTheSamePoints(t *testing.T) {
	t.Parallel()
	m := small()
	m.Preparation.Inputs = []model.Input{{Name: "shop_age_days", Kind: model.Number}}
	m.Card.Attributes = m.Card.Attributes[:1]
	m.Card.Attributes[0].Feature = "shop_age_days"
	m.Card.Attributes[0].Bins[0].Max, m.Card.Attributes[0].Bins[1].Min = new(30.5), new(30.5)
	card, err := model.ToEngine(m, "7", nil)
	require.NoError(t, err)
	bounds := func(bin scorecard.Bin) [3]int64 {
		b := [3]int64{math.MinInt64, math.MaxInt64, bin.Points}
		if bin.Min != nil {
			b[0] = *bin.Min
		}
		if bin.Max != nil {
			b[1] = *bin.Max
		}
		return b
	}
	var bins [][3]int64
	for _, bin := range card.Attributes[0].Bins {
		bins = append(bins, bounds(bin))
	}
	require.Equal(t, [][3]int64{{math.MinInt64, 31, -29}, {31, 999, 23}, {999, 1000, -17}, {1000, math.MaxInt64, 23}}, bins,
		"whole days: 30 is below 30.5, 31 is not; the special value is a range of its own")
	require.Zero(t, card.Attributes[0].Missing)
	require.Equal(t, int64(519), card.Start)
	require.Equal(t, "sc_shop_age_days", card.Attributes[0].Reason)
	_, err = model.ToEngine(small(), "7", nil)
	require.ErrorContains(t, err, "card.attributes[0].feature: \"age\" is no feature of the engine")
}

func TestBinningFindsExactlyOneBin(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cuts := rapid.SliceOfNDistinct(rapid.Float64Range(-100, 100), 1, 8, rapid.ID).Draw(t, "cuts")
		binning := model.Binning{Feature: "x", Kind: model.Number}
		sorted := sortedCopy(cuts)
		for i := range len(sorted) + 1 {
			var bin model.Bin
			if i > 0 {
				bin.Min = new(sorted[i-1])
			}
			if i < len(sorted) {
				bin.Max = new(sorted[i])
			}
			binning.Bins = append(binning.Bins, bin)
		}
		binning.Bins = append(binning.Bins, model.Bin{Missing: true})
		binner, err := model.NewBinner(&binning)
		require.NoError(t, err)
		x := rapid.OneOf(rapid.Float64Range(-120, 120), rapid.SampledFrom(cuts)).Draw(t, "x")
		found := &binning.Bins[binner.Find(model.Value{Num: x, Known: true})]
		require.True(t, (found.Min == nil || *found.Min <= x) && (found.Max == nil || x < *found.Max) && !found.Missing)
		require.True(t, binning.Bins[binner.Find(model.Value{})].Missing)
	})
}
