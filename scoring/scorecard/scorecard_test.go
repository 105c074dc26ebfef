package scorecard_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"loan310/scoring/features"
	"loan310/scoring/scorecard"
	"loan310/scoring/verdict"
)

func bin(low, high *int64, points int64) scorecard.Bin {
	return scorecard.Bin{Min: low, Max: high, Points: points}
}

func card() scorecard.Card {
	return scorecard.Card{
		Name: "test", Version: "3", Start: 600, Scaling: scorecard.Scaling{BasePoints: 600, BaseOdds: 30, PDO: 40},
		Attributes: []scorecard.Attribute{
			{
				Feature: "shop_age_days", Reason: "sc_shop_age", Monotone: scorecard.Rising, Missing: -7, Stale: -3,
				Bins: []scorecard.Bin{bin(nil, new(int64(100)), -20), bin(new(int64(100)), new(int64(400)), 0), bin(new(int64(400)), nil, 15)},
			},
			{
				Feature: "negative_days_180d", Reason: "sc_negative_days", Monotone: scorecard.Falling, Missing: 0, Stale: 0,
				Bins: []scorecard.Bin{bin(nil, new(int64(1)), 10), bin(new(int64(1)), nil, -30)},
			},
		},
	}
}

func vector(values map[string]verdict.FeatureValue) features.Vector {
	vector := make(features.Vector, features.Count)
	for id, def := range features.All() {
		vector[id] = verdict.FeatureValue{Name: def.Name, State: verdict.FeatureMissing}
		if value, given := values[def.Name]; given {
			value.Name = def.Name
			vector[id] = value
		}
	}
	return vector
}

func known(value int64) verdict.FeatureValue {
	return verdict.FeatureValue{Value: value, State: verdict.FeatureKnown}
}

func TestPointsAddUpAndReasonsAreThePointsLost(t *testing.T) {
	t.Parallel()
	scorer, err := scorecard.New(card())
	require.NoError(t, err)
	for name, test := range map[string]struct {
		values  map[string]verdict.FeatureValue
		score   int64
		reasons []verdict.Reason
	}{
		"the best bins lose nothing: 600+15+10": {map[string]verdict.FeatureValue{"shop_age_days": known(400), "negative_days_180d": known(0)}, 625, nil},
		"a bound belongs to the bin above: 600+0-30": {
			map[string]verdict.FeatureValue{"shop_age_days": known(100), "negative_days_180d": known(1)},
			570,
			[]verdict.Reason{
				{Code: "sc_negative_days", Points: 40, Args: map[string]int64{"negative_days_180d": 1}},
				{Code: "sc_shop_age", Points: 15, Args: map[string]int64{"shop_age_days": 100}},
			},
		},
		"missing is not zero: 600-7+0": {nil, 593, []verdict.Reason{{Code: "sc_shop_age_missing", Points: 22}, {Code: "sc_negative_days_missing", Points: 10}}},
		"stale is not known: 600-3+0": {
			map[string]verdict.FeatureValue{"shop_age_days": {Value: 900, State: verdict.FeatureStale}},
			597,
			[]verdict.Reason{{Code: "sc_shop_age_stale", Points: 18, Args: map[string]int64{"shop_age_days": 900}}, {Code: "sc_negative_days_missing", Points: 10}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, test.score, scorer.Score(vector(test.values)))
			require.Equal(t, test.reasons, scorer.Reasons(nil, vector(test.values), 99))
		})
	}
	require.Equal(t, "test@3", scorer.Version())
}

func TestOddsDoubleEveryPDO(t *testing.T) {
	t.Parallel()
	scorer, err := scorecard.New(card())
	require.NoError(t, err)
	require.Equal(t, int64(32_258), scorer.PDPpm(600), "1/31")
	require.Equal(t, int64(16_393), scorer.PDPpm(640), "1/61")
	require.Equal(t, int64(62_500), scorer.PDPpm(560), "1/16")
	require.Equal(t, int64(24_326), scorer.PDPpm(620), "half way: (32,258+16,393)/2 = 24,325.5")
	rapid.Check(t, func(t *rapid.T) {
		score := rapid.Int64Range(-2_000, 3_000).Draw(t, "score")
		pd := scorer.PDPpm(score)
		require.LessOrEqual(t, scorer.PDPpm(score+1), pd)
		require.Positive(t, pd)
		require.Less(t, pd, int64(1_000_000))
	})
}

func TestACalibratedTableStandsInForTheScaling(t *testing.T) {
	t.Parallel()
	calibrated := card()
	calibrated.PDTable = []scorecard.Anchor{{Points: 500, PDPpm: 200_000}, {Points: 600, PDPpm: 20_000}}
	scorer, err := scorecard.New(calibrated)
	require.NoError(t, err)
	require.Equal(t, int64(200_000), scorer.PDPpm(10))
	require.Equal(t, int64(110_000), scorer.PDPpm(550))
	require.Equal(t, int64(20_000), scorer.PDPpm(900))
}

func TestBadCardsAreRefusedByPlaceAndReason(t *testing.T) {
	t.Parallel()
	for want, spoil := range map[string]func(*scorecard.Card){
		"attributes[0] (shop_age_days): bins[1]: overlaps":                       func(c *scorecard.Card) { c.Attributes[0].Bins[1].Min = new(int64(99)) },
		"attributes[0] (shop_age_days): bins[1]: leaves a gap":                   func(c *scorecard.Card) { c.Attributes[0].Bins[1].Min = new(int64(101)) },
		"attributes[0] (shop_age_days): bins[2]: points are not rising":          func(c *scorecard.Card) { c.Attributes[0].Bins[2].Points = -1 },
		"attributes[0] (shop_age_days): bins[1]: open inside":                    func(c *scorecard.Card) { c.Attributes[0].Bins[0].Max = nil },
		"attributes[1] (negative_days_180d): bins: the first must be open below": func(c *scorecard.Card) { c.Attributes[1].Bins[1].Max = new(int64(9)) },
		"attributes[0] (horoscope): no such feature":                             func(c *scorecard.Card) { c.Attributes[0].Feature = "horoscope" },
		"attributes[1] (shop_age_days): used twice":                              func(c *scorecard.Card) { c.Attributes[1].Feature = "shop_age_days" },
		"scaling.pdo":                   func(c *scorecard.Card) { c.Scaling.PDO = 0 },
		"pd_table[1]: points must rise": func(c *scorecard.Card) { c.PDTable = []scorecard.Anchor{{1, 10}, {2, 11}} },
		"attributes[0] (shop_age_days): 100001 points: want at most 100000":        func(c *scorecard.Card) { c.Attributes[0].Missing = 100_001 },
		"attributes[0] (shop_age_days): monotone: want \"rising\", \"falling\" or": func(c *scorecard.Card) { c.Attributes[0].Monotone = "up" },
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			bad := card()
			spoil(&bad)
			_, err := scorecard.New(bad)
			require.ErrorContains(t, err, want)
		})
	}
}

func TestScoringAllocatesNothing(t *testing.T) { //nolint:paralleltest // AllocsPerRun must not run beside others
	scorer, err := scorecard.New(card())
	require.NoError(t, err)
	values := vector(map[string]verdict.FeatureValue{"shop_age_days": known(250)})
	require.Zero(t, testing.AllocsPerRun(100, func() { scorer.PDPpm(scorer.Score(values)) }))
}

func BenchmarkScore(b *testing.B) {
	scorer, err := scorecard.New(card())
	require.NoError(b, err)
	values := vector(map[string]verdict.FeatureValue{"shop_age_days": known(250), "negative_days_180d": known(3)})
	b.ReportAllocs()
	for b.Loop() {
		scorer.PDPpm(scorer.Score(values))
	}
}
