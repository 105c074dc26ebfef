package scoring

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the default strategy
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"loan310/app/money"
	"loan310/scoring/crosscheck"
	"loan310/scoring/evidence"
	"loan310/scoring/policy"
	"loan310/scoring/pricing"
	"loan310/scoring/reasons"
	"loan310/scoring/relations"
	"loan310/scoring/scorecard"
)

// Strategy is everything that decides beside the input: versioned data, owned
// by the risk analysts. docs/scoring.md says how to change it.
type Strategy struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Author  string `json:"author"`
	About   string `json:"about"`
	// FreshnessDays is how old a source's data may be before it is stale.
	FreshnessDays map[evidence.Source]int64 `json:"freshness_days"`
	Lanes         LaneChoice                `json:"lanes"`
	Standard      Lane                      `json:"standard"`
	ThinFile      Lane                      `json:"thin_file"`
	Product       pricing.Product           `json:"product"`
	Matrix        policy.Matrix             `json:"matrix"`
	Rules         []policy.Rule             `json:"rules"`
	Crosscheck    crosscheck.Rules          `json:"crosscheck"`
	// Relations judges who a merchant is connected with; nil = nobody asks.
	Relations *relations.Rules `json:"relations,omitempty"`
	// RetryDays is when applying again makes sense, by the first reason of a
	// decline; DefaultRetryDays for the others.
	RetryDays        map[string]int64 `json:"retry_days"`
	DefaultRetryDays int64            `json:"default_retry_days"`
}

// LaneChoice is the order history the standard lane asks for, beside a file
// at the credit reference centre. Below it a merchant is a thin file.
type LaneChoice struct {
	MinOrders365   int64 `json:"min_orders_365d"`
	MinShopAgeDays int64 `json:"min_shop_age_days"`
}

// Lane is one way of judging: a scorecard and its limits.
type Lane struct {
	Card     scorecard.Card `json:"card"`
	Plan     pricing.Plan   `json:"plan"`
	MaxPDPpm int64          `json:"max_pd_ppm"` // declined above this probability of default
	// Ladder lets the limit grow on behaviour; empty = none.
	Ladder pricing.Ladder `json:"ladder,omitempty"`
}

//go:embed strategies/standard-2.json
var standard2 string

// Default gives the strategy the product ships with.
func Default() []byte { return []byte(standard2) }

// StrategyError reports a strategy that cannot be used: where and why.
type StrategyError struct {
	Place string // path in the JSON; empty = the document
	Cause error
}

// Error gives the place and the cause.
func (e *StrategyError) Error() string {
	if e.Place == "" {
		return "strategy: " + e.Cause.Error()
	}
	return "strategy." + e.Place + ": " + e.Cause.Error()
}

// Unwrap gives the cause.
func (e *StrategyError) Unwrap() error { return e.Cause }

// Load reads, validates and compiles a strategy. Unknown fields, missing
// matrix cells, overlapping bins, rules that use floating point or read a
// feature unguarded, and reasons without a text in both languages are refused
// with a *StrategyError.
func Load(strategyJSON []byte) (*Engine, error) {
	var strategy Strategy
	decoder := json.NewDecoder(bytes.NewReader(strategyJSON))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&strategy); err != nil {
		return nil, &StrategyError{Cause: err}
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, &StrategyError{Cause: errors.New("text after the document")}
	}
	engine := &Engine{strategy: strategy}
	if err := engine.compile(); err != nil {
		return nil, err
	}
	// Canonical: fields in the order of the type, map keys sorted, no spaces,
	// so that layout does not change the hash and content always does.
	canonical, err := json.Marshal(strategy)
	if err != nil {
		return nil, &StrategyError{Cause: err}
	}
	sum := sha256.Sum256(canonical)
	engine.canonical = canonical
	engine.versions = Versions{Strategy: strategy.Name + "@" + strategy.Version, StrategyHash: hex.EncodeToString(sum[:]), Code: CodeVersion}
	return engine, nil
}

// compile validates every part and makes the engine's own.
func (e *Engine) compile() error {
	strategy := &e.strategy
	if strategy.Name == "" || strategy.Version == "" || strategy.Author == "" {
		return &StrategyError{"name, version, author", errors.New("each must be given")}
	}
	for _, source := range evidence.Sources {
		if days := strategy.FreshnessDays[source]; days <= 0 {
			return &StrategyError{"freshness_days." + string(source), errors.New("want 1 or more")}
		}
	}
	if len(strategy.FreshnessDays) != len(evidence.Sources) {
		return &StrategyError{"freshness_days", errors.New("a source that does not exist")}
	}
	if strategy.DefaultRetryDays <= 0 || strategy.Lanes.MinOrders365 <= 0 || strategy.Lanes.MinShopAgeDays < 0 {
		return &StrategyError{"default_retry_days, lanes", errors.New("want days and orders above 0")}
	}
	for code, days := range strategy.RetryDays {
		if days <= 0 || !reasons.Known(code) {
			return &StrategyError{"retry_days." + code, errors.New("want a known reason and 1 day or more")}
		}
	}
	if strategy.Relations != nil {
		if err := strategy.Relations.Validate(); err != nil {
			return &StrategyError{"relations", err}
		}
	}
	var err error
	if e.standard, err = compileLane("standard", &strategy.Standard); err != nil {
		return err
	}
	if e.thinFile, err = compileLane("thin_file", &strategy.ThinFile); err != nil {
		return err
	}
	for _, part := range []struct {
		place string
		check func() error
	}{
		{"product", strategy.Product.Validate},
		{"matrix", strategy.Matrix.Validate},
		{"crosscheck", strategy.Crosscheck.Validate},
	} {
		if err := part.check(); err != nil {
			return &StrategyError{part.place, err}
		}
	}
	if e.policy, err = policy.New(strategy.Rules); err != nil {
		return &StrategyError{"rules", err}
	}
	e.cells = strategy.Matrix.Cells()
	return e.checkReasons()
}

func compileLane(place string, lane *Lane) (*scorecard.Scorer, error) {
	scorer, err := scorecard.New(lane.Card)
	if err != nil {
		return nil, &StrategyError{place + ".card", err}
	}
	if err := lane.Plan.Validate(); err != nil {
		return nil, &StrategyError{place + ".plan", err}
	}
	if err := lane.Ladder.Validate(lane.Plan.MaxLimit); err != nil {
		return nil, &StrategyError{place + ".ladder", err}
	}
	if lane.MaxPDPpm <= 0 || lane.MaxPDPpm > 1_000_000 {
		return nil, &StrategyError{place + ".max_pd_ppm", errors.New("want 1 to 1000000")}
	}
	return scorer, nil
}

// checkReasons refuses a code nobody could read.
func (e *Engine) checkReasons() error {
	codes := e.strategy.reasonCodes()
	for _, place := range slices.Sorted(maps.Keys(codes)) {
		for _, code := range codes[place] {
			if !reasons.Known(code) {
				return &StrategyError{place, fmt.Errorf("reason %q has no text in both languages", code)}
			}
		}
	}
	return nil
}

// ReasonOf gives for each feature that a card of the strategy looks at the
// reason code it loses points by.
func (s *Strategy) ReasonOf() map[string]string {
	codes := map[string]string{}
	for _, card := range []*scorecard.Card{&s.ThinFile.Card, &s.Standard.Card} {
		for i := range card.Attributes {
			codes[card.Attributes[i].Feature] = card.Attributes[i].Reason
		}
	}
	return codes
}

// reasonCodes lists every code the strategy can give, by place.
func (s *Strategy) reasonCodes() map[string][]string {
	codes := map[string][]string{}
	for place, lane := range map[string]*Lane{"standard.card": &s.Standard, "thin_file.card": &s.ThinFile} {
		for _, attribute := range lane.Card.Attributes {
			codes[place] = append(codes[place], attribute.Reason, attribute.Reason+scorecard.MissingSuffix, attribute.Reason+scorecard.StaleSuffix)
		}
	}
	add := func(place string, effect *policy.Effect) {
		for ; effect != nil; effect = effect.Final {
			if effect.Reason != "" {
				codes[place] = append(codes[place], effect.Reason)
			}
		}
	}
	for i := range s.Rules {
		add("rules."+s.Rules[i].ID, &s.Rules[i].Effect)
	}
	for source, cells := range s.Matrix {
		for state, cell := range cells {
			add("matrix."+string(source)+"."+string(state), &cell)
		}
	}
	return codes
}

// maxRow bounds one row's amount (10,000,000,000.00 yuan) so that sums over
// millions of rows stay exact.
const maxRow money.Amount = 1_000_000_000_000
