// Package verdict is the vocabulary of a decision: what is asked (Applicant)
// and what is answered (Verdict and its parts). It is a leaf so that every
// package of scoring may speak it; package scoring re-exports each name, and
// the rest of the product uses those.
package verdict

import (
	"time"

	"loan310/app/money"
	"loan310/scoring/evidence"
)

// Outcome is the answer to an application.
type Outcome string

// Outcomes. Deferred names the sources it waits for and resumes by itself.
const (
	Approved Outcome = "approved"
	Declined Outcome = "declined"
	Deferred Outcome = "deferred"
)

// Applicant holds what we know of a merchant and its request without asking
// any external source.
type Applicant struct {
	AppliedAt       time.Time    `json:"applied_at"`
	AmountWanted    money.Amount `json:"amount_wanted_fen"`
	Purpose         string       `json:"purpose"`
	Region          string       `json:"region"`   // six-digit division code
	Industry        string       `json:"industry"` //
	MerchantActive  bool         `json:"merchant_active"`
	ConsentsValid   bool         `json:"consents_valid"`
	RegisteredAt    time.Time    `json:"registered_at"`
	OpenExposure    money.Amount `json:"open_exposure_fen"`      // principal owed to us now
	LoansRepaid     int64        `json:"loans_repaid"`           // drawdowns repaid in full as agreed: not restructured, not charged off
	FirstLoanAt     time.Time    `json:"first_loan_at,omitzero"` // first drawdown paid out; zero = none
	WorstDPD        int64        `json:"worst_dpd"`              // worst days past due with us, ever
	CurrentDPD      int64        `json:"current_dpd"`            // days past due with us now
	OtherOpen       int64        `json:"other_open"`             // other applications of this merchant still open
	DeclinedRecents int64        `json:"declined_recents"`       // declines in the last 30 days
	// What did not go as agreed; left out of the JSON when zero, so that
	// decisions stored before these were read keep their hash.
	LoansRestructured int64 `json:"loans_restructured,omitempty"` // of our loans, ever
	LoansChargedOff   int64 `json:"loans_charged_off,omitempty"`  // ever, recovered since or not
}

// Reason is a code with its arguments, most important first. The texts in
// both languages are looked up by code.
type Reason struct {
	Code   string           `json:"code"`
	Points int64            `json:"points,omitempty"` // scorecard points lost
	Args   map[string]int64 `json:"args,omitempty"`   // numbers the text needs, units by name (…_fen, …_bps, …_days)
}

// FeatureState keeps "missing" and "stale" apart from any value.
type FeatureState string

// Feature states.
const (
	FeatureKnown   FeatureState = "known"
	FeatureMissing FeatureState = "missing"
	FeatureStale   FeatureState = "stale"
)

// FeatureValue is one feature as used. Value is in the feature's own integer
// unit and means nothing unless State is known or stale.
type FeatureValue struct {
	Name  string       `json:"name"`
	Value int64        `json:"value"`
	State FeatureState `json:"state"`
}

// Deduction is one item taken from claimed revenue.
type Deduction struct {
	Code   string       `json:"code"`
	Orders int64        `json:"orders"`
	Amount money.Amount `json:"amount_fen"`
}

// Authenticity is the result of holding orders against waybills, payments,
// buyers and utilities.
type Authenticity struct {
	ScoreBps        money.BasisPoints `json:"score_bps"` // 10,000 = nothing found
	ClaimedRevenue  money.Amount      `json:"claimed_revenue_fen"`
	VerifiedRevenue money.Amount      `json:"verified_revenue_fen"`
	Deductions      []Deduction       `json:"deductions,omitempty"`
	FlaggedOrders   int64             `json:"flagged_orders"`
	FlaggedSample   []string          `json:"flagged_sample,omitempty"` // at most 50 order ids
	SuspectWaybills []string          `json:"suspect_waybills,omitempty"`
	Signals         []Reason          `json:"signals,omitempty"`
	Evidence        []Evidence        `json:"evidence,omitempty"` // behind signals and deductions, gravest first
}

// Evidence is what stands behind one signal or deduction: how many orders, and
// some of them, the first in the order of the rows. At most ten ids each.
type Evidence struct {
	Code         string   `json:"code"`
	Rows         int64    `json:"rows"`
	Orders       []string `json:"orders,omitempty"`
	Waybills     []string `json:"waybills,omitempty"`
	Transactions []string `json:"transactions,omitempty"`
}

// Degradation records a cell of the matrix that was applied.
type Degradation struct {
	Source evidence.Source `json:"source"`
	State  evidence.State  `json:"state"`
	Effect string          `json:"effect"` // proceed, cap, thin, defer, decline
	Cap    money.Amount    `json:"cap_fen,omitempty"`
}

// RepaymentType is how a drawdown is repaid.
type RepaymentType string

// Repayment types.
const (
	EqualInstalments RepaymentType = "equal_instalments" // 等额本息
	EqualPrincipal   RepaymentType = "equal_principal"   // 等额本金
	Bullet           RepaymentType = "bullet"            // 先息后本
	AnyTime          RepaymentType = "any_time"          // 随借随还
)

// Terms is the price of an approved limit.
type Terms struct {
	Limit         money.Amount      `json:"limit_fen"`
	AnnualRateBps money.BasisPoints `json:"annual_rate_bps"` // nominal, what the contract states
	IRRBps        money.BasisPoints `json:"irr_bps"`         // all-in, fees included, annualised
	DayCountBase  int               `json:"day_count_base"`  // 360 or 365
	TenorMonths   []int             `json:"tenor_months"`
	Repayment     []RepaymentType   `json:"repayment"`
	ValidDays     int               `json:"valid_days"` // days the offer may be accepted
}

// Ladder is where a merchant stands on its lane's ladder of limits.
type Ladder struct {
	Rung     int64        `json:"rung"` // 1 = the first
	Rungs    int64        `json:"rungs"`
	MaxLimit money.Amount `json:"max_limit_fen"`
	// Next is what the rung above needs; nil at the top, while something is
	// overdue, and where arrears of old bar it.
	Next *NextRung `json:"next,omitempty"`
}

// NextRung is what is missing for a rung.
type NextRung struct {
	MaxLimit  money.Amount `json:"max_limit_fen"`
	LoansToGo int64        `json:"loans_to_go"`    // still to be repaid in full
	DaysToGo  int64        `json:"days_to_go"`     // until the first loan is old enough; without one, counted from it
	WorstDPD  int64        `json:"worst_dpd_days"` // never more days past due than this
}

// Versions names exactly what decided. Hashes are SHA-256 (hex) of the
// canonical JSON or source text.
type Versions struct {
	Strategy     string `json:"strategy"`      // name@version
	StrategyHash string `json:"strategy_hash"` //
	Lane         string `json:"lane"`          // standard or thin_file
	Scorecard    string `json:"scorecard"`     // name@version of the card used
	Code         string `json:"code"`          // version of this package's rules
}

// Verdict is a decision with everything that explains it.
type Verdict struct {
	Outcome      Outcome           `json:"outcome"`
	Terms        *Terms            `json:"terms,omitempty"`  // approved only
	Ladder       *Ladder           `json:"ladder,omitempty"` // approved in a lane that has one
	Score        int64             `json:"score"`            // points
	PDPpm        int64             `json:"pd_ppm"`           // probability of default within 12 months, per million
	Reasons      []Reason          `json:"reasons"`          // main reasons, at most five
	WaitFor      []evidence.Source `json:"wait_for,omitempty"`
	RetryAfter   int64             `json:"retry_after_days,omitempty"` // declined: when applying again makes sense
	Authenticity Authenticity      `json:"authenticity"`
	Features     []FeatureValue    `json:"features"`
	Degradations []Degradation     `json:"degradations,omitempty"`
	Relations    *Relations        `json:"relations,omitempty"` // nil = not read
	Rules        []string          `json:"rules,omitempty"`     // policy rules that fired, in order
	Versions     Versions          `json:"versions"`
}
