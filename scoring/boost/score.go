package boost

import "math"

// Scorer is a validated model. Safe for concurrent use.
//
// A row has one number per feature of the model, in its order: the value, or
// the number of the category (Feature.Code gives it), or NaN for missing.
type Scorer struct {
	model  Model
	trees  []scored
	nodes  []flat
	values []float64 // of the nodes that are leaves
	sets   []set     // the first is empty
}

// scored is where a tree begins and how far its furthest leaf is.
type scored struct{ root, depth int32 }

// flat is a split or leaf. The left child is at kid, the right one next to it.
// A leaf sends everything to itself, so that no one need ask whether it is one.
type flat struct {
	threshold    float64 // categories have NaN, with their set's place in its low bits
	kid          int32
	feature      uint16
	missingRight uint8 // 1 = missing goes right
}

// set is the place of the categories on the left.
func (n *flat) set() uint32 {
	return uint32(math.Float64bits(n.threshold)) //nolint:gosec // the low bits
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

// add lays a tree out level by level, siblings side by side.
func (s *Scorer) add(tree *Tree) {
	type place struct{ at, depth int } // of the model's split (or -1 less a leaf), by place in s.nodes
	root := len(s.nodes)
	queue := []place{{-1, 0}}
	if len(tree.Splits) > 0 {
		queue[0].at = 0
	}
	depth := 0
	for i := 0; i < len(queue); i++ {
		at := queue[i].at
		depth = max(depth, queue[i].depth)
		if at < 0 {
			self := int32(root + i) //nolint:gosec // validate bounds the nodes to 41 million
			s.nodes = append(s.nodes, flat{threshold: math.Inf(1), kid: self})
			s.values = append(s.values, tree.Leaves[^at].Value)
			continue
		}
		split := &tree.Splits[at]
		node := flat{
			threshold: split.Threshold, kid: int32(root + len(queue)), //nolint:gosec // as above
			feature: uint16(split.Feature), //nolint:gosec // below maxFeatures
		}
		if split.Missing == SideRight {
			node.missingRight = 1
		}
		if s.model.Features[split.Feature].Kind == KindCategorical {
			node.threshold = math.Float64frombits(math.Float64bits(math.NaN())&^math.MaxUint32 | uint64(len(s.sets)))
			s.sets = append(s.sets, split.named())
		}
		s.nodes = append(s.nodes, node)
		s.values = append(s.values, 0)
		queue = append(queue, place{split.Left, queue[i].depth + 1}, place{split.Right, queue[i].depth + 1})
	}
	s.trees = append(s.trees, scored{int32(root), int32(depth)}) //nolint:gosec // as above
}

// named is the set of the categories that go left.
func (s *Split) named() set {
	var left set
	for _, category := range s.Categories {
		left.put(uint8(category)) //nolint:gosec // validate bounds it
	}
	return left
}

// category is the number of a category in a row. What cannot be one is a
// number that no set of a model names; so may be NaN, which is asked for apart.
func category(value float64) uint8 {
	return uint8(min(uint32(int32(value)), missing)) //nolint:gosec // a negative one becomes a large one, on purpose
}

// one is 1 for true, without a branch.
func one(condition bool) uint8 {
	if condition {
		return 1
	}
	return 0
}

// together is how many trees are walked side by side: each waits for its own
// loads from memory, so eight take little longer than one.
const together = 8

// Logit gives the log odds of default of a row: Base plus one leaf per tree,
// added up in order. It is NaN for a row of another length than the features.
// It allocates nothing and is the same to the bit on every platform.
func (s *Scorer) Logit(row []float64) float64 {
	if len(row) != len(s.model.Features) {
		return math.NaN()
	}
	total := s.model.Base
	var at [together]int32
	for trees := s.trees; len(trees) > 0; {
		group := trees[:min(together, len(trees))]
		trees = trees[len(group):]
		depth := int32(0)
		for i := range group {
			at[i] = group[i].root
			depth = max(depth, group[i].depth)
		}
		s.walk(&at, depth, row)
		for i := range group {
			total += s.values[at[i]]
		}
	}
	return total
}

// walk goes depth steps down, eight trees abreast. At a numeric split nothing
// branches on the data: a wrong guess of the processor would cost more than
// the step.
func (s *Scorer) walk(at *[together]int32, depth int32, row []float64) {
	for range depth {
		for i := range at {
			node := &s.nodes[at[i]]
			value := row[node.feature]
			right := one(!(value <= node.threshold)) & (one(value == value) | node.missingRight)
			if node.threshold != node.threshold && value == value {
				right = one(!s.sets[node.set()].has(category(value)))
			}
			at[i] = node.kid + int32(right)
		}
	}
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
