package policy_test

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"loan310/app/money"
	"loan310/scoring/evidence"
	"loan310/scoring/features"
	"loan310/scoring/policy"
	"loan310/scoring/verdict"
)

// anyInt draws numbers around the thresholds of rules and the ends of the range.
func anyInt() *rapid.Generator[int64] {
	return rapid.OneOf(
		rapid.SampledFrom([]int64{0, 1, -1, 2, 7, math.MaxInt64, math.MinInt64, math.MaxInt64 - 1, math.MinInt64 + 1, 1 << 32}),
		rapid.Int64Range(-10, 400), rapid.Int64Range(0, 40_000), rapid.Int64(),
	)
}

func anyFacts(t *rapid.T) *policy.Facts {
	state := rapid.SampledFrom(append(policy.States(), "", "gossip"))
	value := anyInt()
	facts := &policy.Facts{
		Applicant: verdict.Applicant{
			AmountWanted: money.Amount(value.Draw(t, "wanted")), OpenExposure: money.Amount(value.Draw(t, "exposure")),
			LoansRepaid: value.Draw(t, "repaid"), WorstDPD: value.Draw(t, "worst"), CurrentDPD: value.Draw(t, "current"),
			OtherOpen: value.Draw(t, "open"), DeclinedRecents: value.Draw(t, "declined"),
			Purpose: rapid.SampledFrom([]string{"", "stock", "known"}).Draw(t, "purpose"), Region: "110000",
			Industry:       rapid.SampledFrom([]string{"", "tea"}).Draw(t, "industry"),
			MerchantActive: rapid.Bool().Draw(t, "active"), ConsentsValid: rapid.Bool().Draw(t, "consents"),
		},
		Score: value.Draw(t, "score"), PDPpm: value.Draw(t, "pd"), Final: rapid.Bool().Draw(t, "final"),
		Lane: rapid.SampledFrom([]string{policy.Standard, policy.ThinFile, ""}).Draw(t, "lane"),
	}
	if rapid.IntRange(0, 9).Draw(t, "blank") == 0 {
		return facts // before the sources are asked
	}
	for i, source := range evidence.Sources {
		facts.States[i] = state.Draw(t, string(source))
	}
	// Few values, dealt out over all features: drawing each would be slow.
	values := rapid.SliceOfN(value, 8, 16).Draw(t, "values")
	seed := rapid.Uint64().Draw(t, "seed")
	facts.Vector = make(features.Vector, features.Count)
	for id := range facts.Vector {
		seed = seed*6364136223846793005 + 1442695040888963407
		facts.Vector[id] = verdict.FeatureValue{
			Name: features.ID(id).Name(), Value: values[seed>>33%uint64(len(values))],
			State: []verdict.FeatureState{verdict.FeatureKnown, verdict.FeatureKnown, verdict.FeatureStale, verdict.FeatureMissing}[seed>>60%4],
		}
	}
	return facts
}

func TestEveryRuleOfTheStrategyAnswersAsCELDoes(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../strategies/standard-1.json")
	require.NoError(t, err)
	var strategy struct {
		Rules []policy.Rule `json:"rules"`
	}
	require.NoError(t, json.Unmarshal(raw, &strategy))
	require.NotEmpty(t, strategy.Rules)
	both := make([]func(*policy.Facts) policy.Answers, len(strategy.Rules))
	for i, rule := range strategy.Rules {
		both[i], err = policy.Both(rule.When, rule.Stage == policy.KnockOut)
		require.NoError(t, err)
		require.NotEmpty(t, both[i](&policy.Facts{}).Native, "rule %s is left to CEL, which is twenty times slower", rule.ID)
	}
	rapid.Check(t, func(t *rapid.T) {
		facts := anyFacts(t)
		for i, rule := range strategy.Rules {
			answers := both[i](facts)
			require.Equal(t, answers.CEL, answers.Native, rule.ID)
		}
	})
}

// written are conditions with every operator, some of them failing. The last
// ones are left to CEL.
func written() (translated, left []string) {
	translated = []string{
		"true", "false", "!final", "final == merchant_active", "has_orders_90d != final", "(score / pd_ppm > 1) == (score % pd_ppm > 1)",
		"orders_90d > 3", "orders_90d > 3 && final", "final && orders_90d > 3", "orders_90d > 3 || final", "final || orders_90d > 3",
		"!(orders_90d > 3)", "orders_90d > 3 && orders_365d > 3 || final", "orders_90d == orders_365d", "orders_90d != orders_365d",
		"score + pd_ppm > loans_repaid", "score - pd_ppm <= loans_repaid", "score * pd_ppm < loans_repaid", "score / pd_ppm >= loans_repaid",
		"score % pd_ppm == 1", "-score > pd_ppm", "-(score - 1) != pd_ppm", "score / 0 > 1", "score % 0 > 1 && final", "score / -1 > 0", "score % -1 == 0",
		"score + 1 > score", "score - 1 < score", "score * -1 < 0", "-1 * score < 0", "9223372036854775807 + other_open > 0", "-9223372036854775808 - other_open < 0",
		"score * 0 == 0", "score * score >= 0", "amount_wanted_fen + open_exposure_fen > 30000000",
		"final ? score > 1 : pd_ppm > 1", "orders_90d > 1 ? true : false", "final ? orders_90d > 1 : true", "(final ? score : orders_90d) > 5",
		"(has_orders_90d ? orders_90d : 0) < 10", "(final ? lane : purpose) == 'standard'", "(orders_90d > 1 ? lane : purpose) == 'stock'",
		"score > 1 && score / pd_ppm > 1 && final", "score / pd_ppm > 1 || score % pd_ppm > 1 || final || orders_90d > 2",
		"lane == 'standard'", "lane != purpose", "state_bank == state_bureau", "region == '110000' && industry != 'tea'",
		"lane in ['standard', purpose]", "'down' in [state_bank, state_bureau]", "!(state_bank in ['known', 'stale'])", "score in [1, 2, 7]",
		"score in [orders_90d, 7]", "orders_90d in [1, 2]", "7 in [score / pd_ppm, 7]", "(score / pd_ppm > 1) == final", "false && score / 0 > 1", "score / 0 > 1 || true",
		"current_dpd_days + worst_dpd_days * 2 - declined_recents / 3 > 0",
	}
	left = []string{
		"lane < 'standard'", "lane.startsWith('s')", "size(lane) > 3", "[1, 2].exists(x, x == score)", "lane + 'x' == 'standardx'",
		"score in {1: true}", "uint(3) == 3u", "dyn(score) == dyn(lane)", "final in [true]", "int(lane) > 3", "dyn(score) in [1, 'x']",
	}
	return translated, left
}

func TestTranslatedConditionsAnswerAsCELDoes(t *testing.T) {
	t.Parallel()
	translated, left := written()
	evaluators := map[string]func(*policy.Facts) policy.Answers{}
	for _, when := range translated {
		both, err := policy.Both(when, false)
		if err != nil { // CEL sees what always fails when it is compiled
			require.ErrorContains(t, err, "by zero", when)
			continue
		}
		require.NotEmpty(t, both(&policy.Facts{}).Native, when)
		evaluators[when] = both
	}
	for _, when := range left {
		both, err := policy.Both(when, false)
		require.NoError(t, err, when)
		require.Empty(t, both(&policy.Facts{}).Native, when)
	}
	seen := map[string]map[string]bool{}
	rapid.Check(t, func(t *rapid.T) {
		facts := anyFacts(t)
		for when, both := range evaluators {
			answers := both(facts)
			require.Equal(t, answers.CEL, answers.Native, when)
			if seen[when] == nil {
				seen[when] = map[string]bool{}
			}
			seen[when][answers.CEL] = true
		}
	})
	answers := map[string]int{}
	for _, each := range seen {
		for answer := range each {
			answers[answer]++
		}
	}
	require.Greater(t, answers["error"], 20, "errors were tried: %v", answers)
	require.Greater(t, answers["true"], 40)
	require.Greater(t, answers["false"], 40)
}

func TestARuleAllocatesNothing(t *testing.T) { //nolint:paralleltest // counts allocations
	set, err := policy.New([]policy.Rule{decline("few", "lane == 'standard' && has_orders_90d && orders_90d * 2 < 10 && state_bank in ['known', 'stale']")})
	require.NoError(t, err)
	merchant := facts("orders_90d", 5)
	require.Zero(t, testing.AllocsPerRun(100, func() { set.Run(policy.Hard, merchant) }))
}
