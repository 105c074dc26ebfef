package boost

import (
	"math"
)

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

// Scorer is a validated model. Safe for concurrent use.
//
// A row has one number per feature of the model, in its order: the value, or
// the number of the category (Code gives it), or NaN for missing.
type Scorer struct {
	model Model
	roots []int32
	nodes []flat
	sets  []set
	leafs []float64
}

// flat is a split in the row of all trees' splits.
type flat struct {
	threshold   float64
	kids        [2]int32 // left, right: a node, or -1 less a leaf
	feature     uint16
	missingLeft bool
	set         int32 // -1 = numeric
}

// New validates a model and makes it ready. Errors are *ModelError.
func New(model *Model) (*Scorer, error) {
	if err := model.validate(); err != nil {
		return nil, err
	}
	s := &Scorer{model: *model}
	for i := range model.Trees {
		s.add(&model.Trees[i])
	}
	return s, nil
}

func (s *Scorer) add(tree *Tree) {
	nodes, leaves := int32(len(s.nodes)), int32(len(s.leafs)) //nolint:gosec // validate bounds both
	child := func(at int) int32 {
		if at >= 0 {
			return nodes + int32(at) //nolint:gosec // as above
		}
		return int32(at) - leaves //nolint:gosec // as above
	}
	if len(tree.Splits) == 0 {
		s.roots = append(s.roots, child(-1))
	} else {
		s.roots = append(s.roots, child(0))
	}
	for i := range tree.Splits {
		split := &tree.Splits[i]
		node := flat{
			threshold: split.Threshold, kids: [2]int32{child(split.Left), child(split.Right)},
			feature: uint16(split.Feature), missingLeft: split.Missing == SideLeft, set: -1, //nolint:gosec // as above
		}
		if s.model.Features[split.Feature].Kind == KindCategorical {
			var left set
			for _, category := range split.Categories {
				left.put(uint8(category)) //nolint:gosec // as above
			}
			node.set = int32(len(s.sets)) //nolint:gosec // as above
			s.sets = append(s.sets, left)
		}
		s.nodes = append(s.nodes, node)
	}
	for i := range tree.Leaves {
		s.leafs = append(s.leafs, tree.Leaves[i].Value)
	}
}

// category is the number of a category in a row; what is none is another
// category than those known, whose number no set names beyond the model's own.
func category(value float64) uint8 {
	if value >= 0 && value < missing {
		return uint8(value)
	}
	return missing
}

// Logit gives the log odds of default of a row: Base plus one leaf per tree,
// added up in order. It is NaN for a row of another length than the features.
// It allocates nothing and is the same to the bit on every platform.
func (s *Scorer) Logit(row []float64) float64 {
	if len(row) != len(s.model.Features) {
		return math.NaN()
	}
	total := s.model.Base
	for _, at := range s.roots {
		for at >= 0 {
			node := &s.nodes[at]
			value, side := row[node.feature], 1
			if value <= node.threshold && node.set < 0 || node.missingLeft && value != value {
				side = 0
			} else if node.set >= 0 && value == value && s.sets[node.set].has(category(value)) {
				side = 0
			}
			at = node.kids[side]
		}
		total += s.leafs[^at]
	}
	return total
}

// PD gives the probability of default of a row, or NaN as Logit does.
func (s *Scorer) PD(row []float64) float64 { return Probability(s.Logit(row)) }

// Probability of default for log odds.
func Probability(logit float64) float64 {
	if logit < 0 {
		small := math.Exp(logit)
		return small / (1 + small)
	}
	return 1 / (1 + math.Exp(-logit))
}

// Model gives the model; it must not be changed.
func (s *Scorer) Model() *Model { return &s.model }

// Gains gives each feature's share of the gain of all splits, in the order of
// the features: how much the model leans on it. All are 0 without splits.
func (s *Scorer) Gains() []float64 {
	out := make([]float64, len(s.model.Features))
	total := 0.0
	for i := range s.model.Trees {
		for j := range s.model.Trees[i].Splits {
			split := &s.model.Trees[i].Splits[j]
			out[split.Feature] += split.Gain
			total += split.Gain
		}
	}
	if total > 0 {
		for i := range out {
			out[i] /= total
		}
	}
	return out
}
