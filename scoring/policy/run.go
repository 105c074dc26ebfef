package policy

import (
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
	States    SourceStates
}

// SourceStates holds the state of each source, in the order of evidence.Sources.
type SourceStates [len(evidence.Sources)]evidence.State

// StatesOf lists the states of a map.
func StatesOf(states map[evidence.Source]evidence.State) (list SourceStates) {
	for i, source := range evidence.Sources {
		list[i] = states[source]
	}
	return list
}

func applicantInts() []string {
	return []string{"amount_wanted_fen", "open_exposure_fen", "loans_repaid", "worst_dpd_days", "current_dpd_days", "loans_restructured", "loans_charged_off", "other_open", "declined_recents"}
}

func applicantTexts() []string { return []string{"purpose", "region", "industry"} }

func applicantFlags() []string { return []string{"merchant_active", "consents_valid"} }

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
	rules := p.byStage[stage]
	for i := range rules {
		ready := &rules[i]
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
	for i, name := range c.rule.Args {
		if c.args[i] == nil { // a constant: nothing to tell
			continue
		}
		if value, known := c.args[i](facts); known {
			if reason.Args == nil {
				reason.Args = map[string]int64{}
			}
			reason.Args[name] = value
		}
	}
	return reason
}
