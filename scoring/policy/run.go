package policy

import (
	"strings"

	"cel.dev/cel-go/cel"

	"loan310/scoring/evidence"
	"loan310/scoring/features"
	"loan310/scoring/verdict"
)

// hasPrefix makes the name of a feature's companion: true when the feature is
// known or stale.
const hasPrefix = "has_"

// statePrefix makes the name of a source's state, a text such as "known".
const statePrefix = "state_"

// CodeRuleFailed is the reason given for a rule that could not be evaluated.
const CodeRuleFailed = "internal_rule_failed"

// FailedSuffix marks, in the list of rules that fired, one that failed.
const FailedSuffix = ":failed"

// Facts are what rules read. The zero value is a merchant of whom nothing is
// known.
type Facts struct {
	Applicant verdict.Applicant
	Vector    features.Vector // nil before the sources are asked
	Score     int64
	PDPpm     int64
	Lane      string
	Final     bool
	States    map[evidence.Source]evidence.State
}

func applicantInts() []string {
	return []string{"amount_wanted_fen", "open_exposure_fen", "loans_repaid", "worst_dpd_days", "current_dpd_days", "other_open", "declined_recents"}
}

func applicantTexts() []string { return []string{"purpose", "region", "industry"} }

func applicantFlags() []string { return []string{"merchant_active", "consents_valid"} }

// ResolveName gives a variable's value to CEL; a feature that is missing has
// none, so that reading it unguarded is an error, never a zero.
func (f *Facts) ResolveName(name string) (any, bool) {
	applicant := &f.Applicant
	switch name {
	case "amount_wanted_fen":
		return int64(applicant.AmountWanted), true
	case "open_exposure_fen":
		return int64(applicant.OpenExposure), true
	case "loans_repaid":
		return applicant.LoansRepaid, true
	case "worst_dpd_days":
		return applicant.WorstDPD, true
	case "current_dpd_days":
		return applicant.CurrentDPD, true
	case "other_open":
		return applicant.OtherOpen, true
	case "declined_recents":
		return applicant.DeclinedRecents, true
	case "purpose":
		return applicant.Purpose, true
	case "region":
		return applicant.Region, true
	case "industry":
		return applicant.Industry, true
	case "merchant_active":
		return applicant.MerchantActive, true
	case "consents_valid":
		return applicant.ConsentsValid, true
	case "score":
		return f.Score, true
	case "pd_ppm":
		return f.PDPpm, true
	case "lane":
		return f.Lane, true
	case "final":
		return f.Final, true
	}
	if source, isState := strings.CutPrefix(name, statePrefix); isState {
		return string(f.States[evidence.Source(source)]), true
	}
	if feature, guard := strings.CutPrefix(name, hasPrefix); guard {
		_, known := f.feature(feature)
		return known, true
	}
	return f.feature(name)
}

// Parent gives nil: there is no outer scope.
func (f *Facts) Parent() cel.Activation { return nil }

func (f *Facts) feature(name string) (any, bool) {
	id, exists := features.Index(name)
	if !exists || len(f.Vector) == 0 {
		return nil, false
	}
	value, known := f.Vector.Get(id)
	if !known {
		return nil, false
	}
	return value, true
}

// Fired is a rule that fired, or failed and counts as fired.
type Fired struct {
	ID     string // with FailedSuffix when the rule could not be evaluated
	Effect Effect
	Reason verdict.Reason
}

// Run evaluates every rule of a stage, by priority. A rule that cannot be
// evaluated (a feature read unguarded, the cost limit, an overflow) fires as a
// decline with CodeRuleFailed, whatever its stage: a broken rule must not
// lend. Waiting would not mend it, so it does not defer.
func (p *Policy) Run(stage string, facts *Facts) []Fired {
	var list []Fired
	for i := range p.byStage[stage] {
		ready := &p.byStage[stage][i]
		fired, err := ready.fires(facts)
		switch {
		case err != nil:
			list = append(list, Fired{
				ID: ready.rule.ID + FailedSuffix, Effect: Effect{Do: Decline, Reason: CodeRuleFailed},
				Reason: verdict.Reason{Code: CodeRuleFailed},
			})
		case fired:
			list = append(list, Fired{ID: ready.rule.ID, Effect: ready.rule.Effect, Reason: ready.reason(facts)})
		}
	}
	return list
}

func (c *compiled) reason(facts *Facts) verdict.Reason {
	reason := verdict.Reason{Code: c.rule.Effect.Reason}
	for _, name := range c.rule.Args {
		if value, known := facts.ResolveName(name); known {
			if number, isInt := value.(int64); isInt {
				if reason.Args == nil {
					reason.Args = map[string]int64{}
				}
				reason.Args[name] = number
			}
		}
	}
	return reason
}
