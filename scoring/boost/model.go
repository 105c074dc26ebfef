package boost

// Format is what a model's JSON says it is.
const Format = "loan310-boosted-trees/1"

// Kinds of features.
const (
	KindNumeric     = "numeric"
	KindCategorical = "categorical"
)

// Side is where missing values go at a split.
type Side string

// The sides.
const (
	SideLeft  Side = "left"
	SideRight Side = "right"
)

// Model is a trained model: plain data that goes to JSON and back unchanged.
// New makes it ready to score.
type Model struct {
	Format   string    `json:"format"`
	Features []Feature `json:"features"`
	// Base is the log odds of default before any tree.
	Base     float64  `json:"base_logit"`
	Trees    []Tree   `json:"trees"`
	Training Training `json:"training"`
}

// Feature is one number of the rows a model scores, in the order of
// Model.Features.
type Feature struct {
	Name     string    `json:"name"`
	Kind     string    `json:"kind"`
	Monotone Direction `json:"monotone,omitempty"`
	// Categories of their own, by their number in a row; any other category
	// is number len(Categories).
	Categories []string `json:"categories,omitempty"`
}

// Tree is a binary tree. Splits[0] is the root; a tree without splits is one leaf.
type Tree struct {
	Splits []Split `json:"splits"`
	Leaves []Leaf  `json:"leaves"`
}

// Split sends a numeric value of at most Threshold, or a category named,
// left. Left and Right are the number of a later split, or -1 less the number
// of a leaf.
type Split struct {
	Feature    int     `json:"feature"`
	Threshold  float64 `json:"threshold,omitempty"`
	Categories []int   `json:"categories,omitempty"` // ascending
	Missing    Side    `json:"missing"`
	Left       int     `json:"left"`
	Right      int     `json:"right"`
	Gain       float64 `json:"gain"` // of twice the training loss, over the rows drawn
}

// Leaf adds Value to the log odds of default.
type Leaf struct {
	Value float64 `json:"value"`
	Cover float64 `json:"cover"` // weight of the training rows here
}

// Training says how a model came about.
type Training struct {
	Rows      int     `json:"rows"`
	Defaults  int     `json:"defaults"`
	Weight    float64 `json:"weight"`
	ValidRows int     `json:"valid_rows"`
	ValidLoss float64 `json:"valid_loss"` // mean log loss in nats; 0 without validation rows
	Params    Params  `json:"params"`
}
