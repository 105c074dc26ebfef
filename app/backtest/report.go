package backtest

import (
	"math"
	"time"

	"loan310/app/money"
	"loan310/scoring"
	"loan310/scoring/metrics"
)

// Report is what a run comes to. Rates are 0 to 1, money is fen; what cannot be
// computed is nil or absent, never zero.
type Report struct {
	About    About  `json:"dossier"`
	Program  string `json:"program"` // version of the binary
	Code     string `json:"code"`    // version of the scoring rules
	Compared bool   `json:"compared"`
	Setting  Setting
	Counts   Counts      `json:"counts"`
	Main     Side        `json:"strategy"` // the challenger, or the champion when it is alone
	Base     Side        `json:"champion"`
	Swap     [4]SwapCell `json:"swap"` // in/in, in/out, out/in, out/out: champion first
	Lanes    []Slice     `json:"lanes"`
	Months   []Slice     `json:"months"`
	Features []FeatureStates
	Declines []ReasonCount `json:"decline_reasons"`
	Offers   []ReasonCount `json:"offer_reasons"`
	Scores   []ScoreBin    `json:"scores"`
	Later    Later         `json:"later"`
}

// Setting repeats what was asked.
type Setting struct {
	Until      time.Time         `json:"until"`
	WindowDays int               `json:"window_days"`
	Assumed    map[string]string `json:"assumed,omitempty"` // source -> state
	Relations  bool              `json:"relations"`         // connected merchants were looked for
	Economics  Economics         `json:"economics"`
}

// Counts say on how many applications each figure stands.
type Counts struct {
	Applications int `json:"applications"`
	NoOutcome    int `json:"no_outcome"` // unknown, or observed after Until
	Immature     int `json:"immature"`   // outcome known, but the window has not passed: left out
	Mature       int `json:"mature"`     // every bad rate below stands on these
	Bad          int `json:"bad"`        // of the mature ones
}

// Side is one strategy's result.
type Side struct {
	Versions scoring.Versions `json:"versions"`
	Tally
	Discrimination *Discrimination     `json:"discrimination,omitempty"` // over all mature applications, declined ones too
	Calibration    *metrics.Calibrated `json:"calibration,omitempty"`
}

// Tally counts answers and what became of them.
type Tally struct {
	Applications int          `json:"applications"`
	Approved     int          `json:"approved"`
	Declined     int          `json:"declined"`
	Waited       int          `json:"waited"` // deferred first, then answered finally; part of the two above
	Deferred     int          `json:"deferred"`
	Limits       money.Amount `json:"limits_fen"`
	Mature       int          `json:"mature"`          // approved and mature
	Bad          int          `json:"bad"`             // of those
	AllMature    int          `json:"all_mature"`      // mature, whatever the answer
	AllBad       int          `json:"all_bad"`         //
	LimitMature  money.Amount `json:"mature_fen"`      // limits of the approved and mature
	LimitBad     money.Amount `json:"bad_balance_fen"` // and of those that turned bad
	Money        Money        `json:"money"`
}

// Discrimination is how well the probability of default sorts.
type Discrimination struct {
	AUC        metrics.Interval `json:"auc"`
	Gini       float64          `json:"gini"`
	KS         float64          `json:"ks"`
	KSAtPD     float64          `json:"ks_at_pd"`
	At2Percent metrics.Approval `json:"approval_at_2_percent"`
	ROC        []metrics.Point  `json:"roc"`
	Rows       int              `json:"rows"`
	Bad        int              `json:"bad"`
}

// SwapCell is one quarter of the swap set.
type SwapCell struct {
	Champion   bool         `json:"champion_approves"`
	Challenger bool         `json:"challenger_approves"`
	Count      int          `json:"count"`
	Mature     int          `json:"mature"`
	Bad        int          `json:"bad"`
	Profit     money.Amount `json:"profit_fen"` // of the strategy that approves; of the challenger where both do
}

// Slice is the result of one lane or one month of application.
type Slice struct {
	Name string `json:"name"` // lane, or 2006-01
	Tally
	Immature       int             `json:"immature"` // approved, without a mature outcome
	Discrimination *Discrimination `json:"discrimination,omitempty"`
}

// ReasonCount is how often a reason was given.
type ReasonCount struct {
	Code  string `json:"code"`
	First int    `json:"first"` // as the first reason
	Any   int    `json:"any"`
}

// ScoreBin is the applications of a range of scores.
type ScoreBin struct {
	From    int64 `json:"from"`
	To      int64 `json:"to"` // below
	Good    int   `json:"good"`
	Bad     int   `json:"bad"`
	Unknown int   `json:"unknown"` // no mature outcome
}

const (
	deciles   = 10
	rocPoints = 200
	scoreStep = 20
)

// BadRate is the share of approved, mature applications that turned bad; false
// when there is none.
func (t *Tally) BadRate() (float64, bool) { return share(int64(t.Bad), int64(t.Mature)) }

// BadBalance is BadRate by limit.
func (t *Tally) BadBalance() (float64, bool) { return share(int64(t.LimitBad), int64(t.LimitMature)) }

// ApprovalRate is the share of applications that got an offer.
func (t *Tally) ApprovalRate() (float64, bool) {
	return share(int64(t.Approved), int64(t.Applications))
}

func share(part, whole int64) (float64, bool) {
	if whole == 0 {
		return 0, false
	}
	return float64(part) / float64(whole), true
}

// Wilson is the 95 % confidence interval of a share of n by Wilson's score
// method, which holds for few and for rare cases.
func Wilson(part, n int) (low, high float64) {
	if n == 0 {
		return 0, 1
	}
	const z = 1.959963984540054
	p, count := float64(part)/float64(n), float64(n)
	middle := (p + z*z/(2*count)) / (1 + z*z/count)
	half := z / (1 + z*z/count) * math.Sqrt(p*(1-p)/count+z*z/(4*count*count))
	return max(middle-half, 0), min(middle+half, 1)
}
