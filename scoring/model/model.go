package model

import "loan310/scoring/boost"

// Format is the version of the file's format. A file of another one is
// refused.
const Format = 1

// Kinds of models.
const (
	Scorecard = "scorecard"
	Boosted   = "boosted"
)

// Model is a trained model: all that is needed to score a row, and where it
// came from.
type Model struct {
	Format      int         `json:"format"`
	Kind        string      `json:"kind"` // "scorecard" or "boosted"
	Name        string      `json:"name"`
	Target      Target      `json:"target"`
	ID          string      `json:"id,omitempty"` // column that names a row in the scores
	Preparation Preparation `json:"preparation"`
	Scaling     Scaling     `json:"scaling"`
	Card        *Card       `json:"card,omitempty"`
	Trees       *Trees      `json:"trees,omitempty"`
	Calibration Calibration `json:"calibration"`
	Reference   Reference   `json:"reference"`
	Training    Training    `json:"training"`
	Metrics     Metrics     `json:"metrics"`
	Leaks       []Leak      `json:"leaks_allowed,omitempty"`
	Author      string      `json:"author"`
	MadeAt      string      `json:"made_at"` // RFC 3339
	// Hash is the SHA-256 of the document without it, in Go's compact JSON.
	Hash string `json:"sha256"`
}

// Target is the column with the outcome, and what stands for default.
type Target struct {
	Column   string   `json:"column"`
	Positive []string `json:"positive"` // texts that mean bad
	Negative []string `json:"negative"` // texts that mean good
}

// Scaling ties points to odds: BasePoints stand for BaseOdds (good : 1 bad) and
// PDO more points double them.
type Scaling struct {
	BasePoints float64 `json:"base_points"`
	BaseOdds   float64 `json:"base_odds"`
	PDO        float64 `json:"pdo"`
}

// Card is a scorecard: the log-odds of bad are Intercept less the sum of each
// attribute's Coefficient times the weight of evidence of the bin met. Points
// are StartPoints plus those of the bins met, rounded one by one.
type Card struct {
	Intercept   float64     `json:"intercept"`
	StartPoints int64       `json:"start_points"`
	Attributes  []Attribute `json:"attributes"`
}

// Attribute is one feature of a card.
type Attribute struct {
	Binning
	Coefficient float64 `json:"coefficient"`
	Points      []int64 `json:"points"` // one a bin
}

// Trees is a boosted model and the features it reads. The bins are for the
// stability of features alone: the trees read the values.
type Trees struct {
	Features []Binning    `json:"features"` // in the ensemble's order
	Ensemble *boost.Model `json:"ensemble"`
}

// Monotone declarations of a feature: what the risk does as it grows.
const (
	Rising  = "rising"
	Falling = "falling"
)

// Binning parts a feature's values.
type Binning struct {
	Feature  string  `json:"feature"` // an input or a derived column
	Kind     Kind    `json:"kind"`
	Monotone string  `json:"monotone,omitempty"` // of the risk over the ranges
	IV       float64 `json:"iv"`
	// Bins: ranges ascending from open to open, or sets of levels and then the
	// other levels; then special values; the missing ones last.
	Bins []Bin `json:"bins"`
}

// Bin is a part of a feature's values: exactly one of a range (no other field
// of the first five set, or bounds), Special, Levels, Other, Missing.
type Bin struct {
	Min     *float64  `json:"min,omitempty"` // belongs to the bin; nil = open
	Max     *float64  `json:"max,omitempty"` // belongs to the next one; nil = open
	Special []float64 `json:"special,omitempty"`
	Levels  []string  `json:"levels,omitempty"`
	Other   bool      `json:"other,omitempty"` // any level not listed
	Missing bool      `json:"missing,omitempty"`
	Rows    float64   `json:"rows"` // weight in the training rows
	Bad     float64   `json:"bad"`  // of these, bad
	WoE     float64   `json:"woe"`  // ln(share of goods / share of bads), smoothed
}

// Calibration turns raw log-odds of bad into the probability of default.
type Calibration struct {
	Method string    `json:"method"`          // "none", "platt" or "isotonic"
	Shift  float64   `json:"shift,omitempty"` // platt: log-odds = shift + slope * raw
	Slope  float64   `json:"slope,omitempty"`
	Raw    []float64 `json:"raw,omitempty"` // isotonic: rising raw log-odds and their probabilities,
	PD     []float64 `json:"pd,omitempty"`  // straight lines between, flat beyond
	// Prior is added to the log-odds at last: it corrects a sample in which bad
	// rows are more or less frequent than in the population.
	Prior float64 `json:"prior,omitempty"`
}

// Reference is what the training rows looked like, for stability.
type Reference struct {
	ScoreCuts   []float64 `json:"score_cuts"`   // rising probabilities of default
	ScoreCounts []float64 `json:"score_counts"` // training rows below each cut, then above the last
}

// Training says what the model learned from.
type Training struct {
	Rows       int     `json:"rows"`
	Events     int     `json:"events"`
	FileRows   int     `json:"file_rows"` // rows of the data; more than Rows when sampled, held out or filtered
	Sampled    bool    `json:"sampled"`
	HoldOut    int     `json:"hold_out_rows"`
	DateColumn string  `json:"date_column,omitempty"`
	From       string  `json:"from,omitempty"` // least and greatest date of the training rows
	To         string  `json:"to,omitempty"`
	DataHash   string  `json:"data_sha256"` // of the file as it lay there
	SpecHash   string  `json:"spec_sha256"`
	Seed       uint64  `json:"seed"`
	Folds      int     `json:"folds"`
	BadRate    float64 `json:"bad_rate"`
}

// Figures are how well a model did on a sample.
type Figures struct {
	Rows     int     `json:"rows"`
	Events   int     `json:"events"`
	AUC      float64 `json:"auc"`
	AUCLow   float64 `json:"auc_low"` // 95 % by DeLong
	AUCHigh  float64 `json:"auc_high"`
	Gini     float64 `json:"gini"`
	KS       float64 `json:"ks"`
	Brier    float64 `json:"brier"`
	LogLoss  float64 `json:"log_loss"`
	Approve2 float64 `json:"approved_at_2_percent_bad"`
}

// Metrics are the figures of a model; nil = not measured.
type Metrics struct {
	InSample  *Figures  `json:"in_sample,omitempty"`
	OutOfFold *Figures  `json:"out_of_fold,omitempty"` // pooled over folds
	FoldAUCs  []float64 `json:"fold_aucs,omitempty"`
	HoldOut   *Figures  `json:"hold_out,omitempty"`
}

// Leak is a suspected leak that somebody allowed.
type Leak struct {
	Column   string `json:"column"`
	Evidence string `json:"evidence"`
	Reason   string `json:"reason"` // why it was allowed
}
