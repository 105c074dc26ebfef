package scoring_test

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/scoring"
	"loan310/scoring/crosscheck"
	"loan310/scoring/evidence"
	"loan310/scoring/policy"
	"loan310/scoring/pricing"
	"loan310/scoring/reasons"
	"loan310/scoring/scorecard"
)

func TestBadStrategiesAreRefusedWithPlaceAndReason(t *testing.T) {
	t.Parallel()
	for want, spoil := range map[string]func(*scoring.Strategy){
		"strategy.name, version, author":                     func(s *scoring.Strategy) { s.Author = "" },
		"strategy.freshness_days.bank: want 1 or more":       func(s *scoring.Strategy) { delete(s.FreshnessDays, evidence.Bank) },
		"strategy.freshness_days: a source":                  func(s *scoring.Strategy) { s.FreshnessDays["gossip"] = 1 },
		"strategy.matrix: bank.down: no such cell":           func(s *scoring.Strategy) { delete(s.Matrix[evidence.Bank], evidence.Down) },
		"strategy.standard.card: attributes[0]":              func(s *scoring.Strategy) { s.Standard.Card.Attributes[0].Feature = "horoscope" },
		"strategy.thin_file.card: scaling.pdo":               func(s *scoring.Strategy) { s.ThinFile.Card.Scaling.PDO = 0 },
		"strategy.standard.plan: bands[1].min_score":         func(s *scoring.Strategy) { s.Standard.Plan.Bands[1].MinScore = 9_999 },
		"strategy.standard.plan: bands[1].annual_rate_bps":   func(s *scoring.Strategy) { s.Standard.Plan.Bands[1].AnnualRate = 1 },
		"strategy.thin_file.max_pd_ppm":                      func(s *scoring.Strategy) { s.ThinFile.MaxPDPpm = 0 },
		"strategy.product: irr_cap_bps":                      func(s *scoring.Strategy) { s.Product.IRRCap = 0 },
		"strategy.product: tenor_months and repayment: impo": func(s *scoring.Strategy) { s.Product.TenorMonths = []int{0} },
		"strategy.rules: rules[0] (ko_inactive): when":       func(s *scoring.Strategy) { s.Rules[0].When = "1.5 > 1.0" },
		"strategy.rules.ko_inactive: reason \"hm\" has no":   func(s *scoring.Strategy) { s.Rules[0].Effect.Reason = "hm" },
		"strategy.standard.card: reason \"hm\" has no":       func(s *scoring.Strategy) { s.Standard.Card.Attributes[0].Reason = "hm" },
		"strategy.crosscheck: grace_days":                    func(s *scoring.Strategy) { s.Crosscheck.GraceDays = -1 },
		"strategy.retry_days.hm":                             func(s *scoring.Strategy) { s.RetryDays["hm"] = 3 },
		"strategy.default_retry_days, lanes":                 func(s *scoring.Strategy) { s.DefaultRetryDays = 0 },
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			strategy := engine(t).Strategy()
			spoil(&strategy)
			bad, err := json.Marshal(strategy)
			require.NoError(t, err)
			_, err = scoring.Load(bad)
			require.ErrorContains(t, err, want)
			refused := &scoring.StrategyError{}
			require.ErrorAs(t, err, &refused)
		})
	}
	for _, text := range []string{"", "{", "[]", `{"nam": 1}`, string(scoring.Default()) + "{}"} {
		_, err := scoring.Load([]byte(text))
		require.Error(t, err)
	}
}

func TestTheHashFollowsContentNotLayout(t *testing.T) {
	t.Parallel()
	plain := engine(t)
	var dense bytes.Buffer
	require.NoError(t, json.Compact(&dense, scoring.Default()))
	same, err := scoring.Load(dense.Bytes())
	require.NoError(t, err)
	require.Equal(t, plain.Versions(), same.Versions())
	require.Len(t, plain.Versions().StrategyHash, 64)
	other, err := scoring.Load(bytes.Replace(scoring.Default(), []byte(`"min_scans": 3`), []byte(`"min_scans": 4`), 1))
	require.NoError(t, err)
	require.NotEqual(t, plain.Versions().StrategyHash, other.Versions().StrategyHash)
}

func TestStrategyGivesACopy(t *testing.T) {
	t.Parallel()
	loaded := engine(t)
	loaded.Strategy().Matrix[evidence.Bank][evidence.Down] = policy.Effect{}
	*loaded.Strategy().Standard.Card.Attributes[0].Bins[0].Max = 0
	require.Equal(t, engine(t).Strategy(), loaded.Strategy())
}

// every lists all codes the product can give: rules, attributes, cells,
// knock-outs, signals, deductions, limits and the engine's own.
func every(t *testing.T) []string {
	t.Helper()
	strategy := engine(t).Strategy()
	list := append(crosscheck.Codes(), pricing.Codes()...)
	list = append(list, policy.CodeRuleFailed, "risk_too_high", "offer_unpriced", "group_limit", "group_full", "thin_wait", "thin_old")
	for _, lane := range []scoring.Lane{strategy.Standard, strategy.ThinFile} {
		for _, attribute := range lane.Card.Attributes {
			list = append(list, attribute.Reason, attribute.Reason+scorecard.MissingSuffix, attribute.Reason+scorecard.StaleSuffix)
		}
	}
	effect := func(effect *policy.Effect) {
		for ; effect != nil; effect = effect.Final {
			if effect.Do != policy.Proceed {
				list = append(list, effect.Reason)
			}
		}
	}
	for i := range strategy.Rules {
		effect(&strategy.Rules[i].Effect)
	}
	for _, source := range evidence.Sources {
		for _, state := range policy.States() {
			cell := strategy.Matrix[source][state]
			effect(&cell)
		}
	}
	return list
}

func TestEveryReasonHasATextInBothLanguages(t *testing.T) {
	t.Parallel()
	han := regexp.MustCompile(`\p{Han}`)
	used := map[string]bool{}
	for _, code := range append(every(t), scoring.ReasonUnjudged) {
		used[code] = true
		require.True(t, reasons.Known(code), code)
		chinese, english := scoring.ReasonText(code, "zh-CN", nil), scoring.ReasonText(code, "en", nil)
		require.Regexp(t, han, chinese, code)
		require.NotRegexp(t, han, english, code)
		require.NotContains(t, chinese+english, "{", code)
		require.NotEqual(t, code, english)
	}
	for _, code := range reasons.Codes() {
		helper := strings.HasPrefix(code, "topic.") || strings.HasPrefix(code, "frame_")
		require.True(t, helper || used[code], "nothing gives %s", code)
	}
	require.Equal(t, "no_such_code", scoring.ReasonText("no_such_code", "en", nil))
}

func TestArgumentsAreWrittenInTheirUnits(t *testing.T) {
	t.Parallel()
	require.Equal(t, "The limit is the highest of this product: ¥1,234,567.80", scoring.ReasonText("limit_absolute", "en", map[string]int64{"limit_fen": 123_456_780}))
	require.Equal(t, "综合风险 5.12 % 高于可接受水平 5 %", scoring.ReasonText("risk_too_high", "zh-CN", map[string]int64{"pd_ppm": 51_234, "limit_pd_ppm": 50_000}))
	require.Equal(t, "Ten buyers make 87.5 % of the sales", scoring.ReasonText("buyers_concentrated", "en", map[string]int64{"share_bps": 8_750}))
	require.Equal(t, "The net inflow is ¥-1,000.05 a month", scoring.ReasonText("sc_net_flow", "en", map[string]int64{"net_flow_monthly_fen": -100_005}))
	require.Equal(t, "Buyers give 4.05 stars", scoring.ReasonText("sc_reviews", "en", map[string]int64{"review_score_centi": 405}))
	require.Equal(t, "最低余额：没有数据", scoring.ReasonText("sc_balance_min_missing", "zh-CN", nil))
}

// A reason's placeholders must be arguments it is given.
func TestRuleTextsAskOnlyForWhatTheRuleGives(t *testing.T) {
	t.Parallel()
	placeholder := regexp.MustCompile(`\{([a-z0-9_]+)\}`)
	texts := map[string]map[string]string{}
	require.NoError(t, json.Unmarshal(reasons.Texts(), &texts))
	for _, rule := range engine(t).Strategy().Rules {
		for _, words := range texts[rule.Effect.Reason] {
			for _, match := range placeholder.FindAllStringSubmatch(words, -1) {
				require.Contains(t, append(rule.Args, "cap_fen"), match[1], rule.ID)
			}
		}
	}
}

// The version before stays a file, to be held against the one built in.
func TestTheVersionBeforeStillLoads(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("strategies/standard-1.json")
	require.NoError(t, err)
	before, err := scoring.Load(text)
	require.NoError(t, err)
	require.Equal(t, "standard@1", before.Versions().Strategy)
	require.Equal(t, "standard@2", engine(t).Versions().Strategy)
	old, now := before.Strategy(), engine(t).Strategy()
	require.Equal(t, old.Standard.Card.Attributes, now.Standard.Card.Attributes, "the expert's points")
	require.Equal(t, old.ThinFile.Card.Attributes, now.ThinFile.Card.Attributes)
	require.Equal(t, old.Matrix, now.Matrix)
}
