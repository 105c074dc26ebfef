// Package scoring turns evidence into a decision: features, authenticity,
// score, policy, price. It is pure: no input or output, no clock, no
// randomness; the same input and strategy give the same verdict bit for bit.
package scoring

import (
	"loan310/scoring/evidence"
	"loan310/scoring/verdict"
)

// Outcome is the answer to an application.
type Outcome = verdict.Outcome

// Outcomes. Deferred names the sources it waits for and resumes by itself.
const (
	Approved = verdict.Approved
	Declined = verdict.Declined
	Deferred = verdict.Deferred
)

// ReasonUnjudged is the reason that callers give where Decide has failed.
const ReasonUnjudged = "internal_review"

// Applicant holds what we know of a merchant and its request without asking
// any external source.
type Applicant = verdict.Applicant

// Input is everything a decision depends on, beside the strategy.
type Input struct {
	Applicant Applicant
	Evidence  evidence.Bundle
	// Final is true when waiting is over: a cell of the degradation matrix
	// that would defer is answered by its final effect instead.
	Final bool
}

// Reason is a code with its arguments, most important first. The texts in
// both languages are looked up by code (ReasonText).
type Reason = verdict.Reason

// FeatureState keeps "missing" and "stale" apart from any value.
type FeatureState = verdict.FeatureState

// Feature states.
const (
	FeatureKnown   = verdict.FeatureKnown
	FeatureMissing = verdict.FeatureMissing
	FeatureStale   = verdict.FeatureStale
)

// FeatureValue is one feature as used. Value is in the feature's own integer
// unit and means nothing unless State is known or stale.
type FeatureValue = verdict.FeatureValue

// Deduction is one item taken from claimed revenue.
type Deduction = verdict.Deduction

// Authenticity is the result of holding orders against waybills, payments,
// buyers and utilities.
type Authenticity = verdict.Authenticity

// Degradation records a cell of the matrix that was applied.
type Degradation = verdict.Degradation

// RepaymentType is how a drawdown is repaid.
type RepaymentType = verdict.RepaymentType

// Repayment types.
const (
	EqualInstalments = verdict.EqualInstalments // 等额本息
	EqualPrincipal   = verdict.EqualPrincipal   // 等额本金
	Bullet           = verdict.Bullet           // 先息后本
	AnyTime          = verdict.AnyTime          // 随借随还
)

// Terms is the price of an approved limit.
type Terms = verdict.Terms

// Ladder is where a merchant stands on its lane's ladder of limits.
type Ladder = verdict.Ladder

// Versions names exactly what decided.
type Versions = verdict.Versions

// Relations is what a merchant's connections came to.
type Relations = verdict.Relations

// Verdict is a decision with everything that explains it.
type Verdict = verdict.Verdict
