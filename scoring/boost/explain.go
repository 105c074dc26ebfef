package boost

import (
	"cmp"
	"math"
	"slices"
)

// Explainer gives the exact Shapley values of a model's logits: what each
// feature adds to the log odds of a row against the background, which is the
// training rows as the covers of the leaves tell of them (path-dependent
// TreeSHAP: Lundberg, Erion and Lee 2018; Lundberg et al. 2020). Safe for
// concurrent use.
//
// Where that algorithm walks each tree, here each leaf keeps what its path
// asks of each feature, as in GPUTreeShap (Mitchell, Frank and Holmes 2022): a
// feature met twice is one condition, whose share is the product.
type Explainer struct {
	scorer     *Scorer
	background float64
	leaves     []pathLeaf
	conditions []condition // of all leaves, one after the other
	sets       []set
	weights    [maxDepth + 1][maxDepth]float64 // Shapley weights: [features on the path][features known]
}

type pathLeaf struct {
	value       float64
	first, last int // its conditions
}

// condition is what a path asks of one feature.
type condition struct {
	low, high float64 // numeric: low < value <= high
	share     float64 // of the background that goes this way
	set       int32   // categorical: the categories that go this way; -1 = numeric
	feature   uint16
	missing   bool // missing goes this way
}

// Explainer makes the model ready to be explained. It takes about 200 bytes a
// leaf.
func (s *Scorer) Explainer() *Explainer {
	e := &Explainer{scorer: s, background: s.model.Base}
	// |S|! (n-|S|-1)! / n!
	for n := 1; n <= maxDepth; n++ {
		e.weights[n][0] = 1 / float64(n)
		for known := 1; known < n; known++ {
			e.weights[n][known] = e.weights[n][known-1] * float64(known) / float64(n-known)
		}
	}
	for i := range s.model.Trees {
		tree := &s.model.Trees[i]
		if len(tree.Splits) == 0 {
			e.background += tree.Leaves[0].Value
			continue
		}
		w := walk{explainer: e, tree: tree, covers: tree.covers()}
		e.background += w.down(0, nil) / w.covers[0]
	}
	return e
}

// covers gives the cover of each split.
func (t *Tree) covers() []float64 {
	out := make([]float64, len(t.Splits))
	of := func(at int) float64 {
		if at < 0 {
			return t.Leaves[^at].Cover
		}
		return out[at]
	}
	for i, split := range slices.Backward(t.Splits) {
		out[i] = of(split.Left) + of(split.Right)
	}
	return out
}

// step is a condition on the way down a tree.
type step struct {
	condition
	allowed set // categories, as long as the condition has no set of its own
}

// walk collects the leaves of a tree.
type walk struct {
	explainer *Explainer
	tree      *Tree
	covers    []float64
}

// down gives the sum of value times cover below a split or leaf.
func (w *walk) down(at int, path []step) float64 {
	if at < 0 {
		leaf := w.tree.Leaves[^at]
		w.explainer.addLeaf(leaf.Value, path)
		return leaf.Value * leaf.Cover
	}
	split := &w.tree.Splits[at]
	cover := func(child int) float64 {
		if child < 0 {
			return w.tree.Leaves[^child].Cover
		}
		return w.covers[child]
	}
	left := w.narrow(path, split, true, cover(split.Left)/w.covers[at])
	right := w.narrow(path, split, false, cover(split.Right)/w.covers[at])
	return w.down(split.Left, left) + w.down(split.Right, right)
}

func (e *Explainer) addLeaf(value float64, path []step) {
	first := len(e.conditions)
	for i := range path {
		c := path[i].condition
		if c.set >= 0 {
			c.set = int32(len(e.sets)) //nolint:gosec // at most leaves times depth, which New bounds
			e.sets = append(e.sets, path[i].allowed)
		}
		e.conditions = append(e.conditions, c)
	}
	e.leaves = append(e.leaves, pathLeaf{value, first, len(e.conditions)})
}

// narrow gives the path with one more split on it.
func (w *walk) narrow(path []step, split *Split, left bool, share float64) []step {
	path = slices.Clone(path)
	at := slices.IndexFunc(path, func(s step) bool { return int(s.feature) == split.Feature })
	if at < 0 {
		at = len(path)
		all := set{math.MaxUint64, math.MaxUint64, math.MaxUint64, math.MaxUint64}
		path = append(path, step{condition{math.NaN(), math.Inf(1), 1, -1, uint16(split.Feature), true}, all}) //nolint:gosec // New bounds it
	}
	to := &path[at]
	to.share *= share
	to.missing = to.missing && (split.Missing == SideLeft) == left
	switch {
	case w.explainer.scorer.model.Features[split.Feature].Kind == KindCategorical:
		to.set = 0
		for i, named := range split.named() {
			if left {
				to.allowed[i] &= named
			} else {
				to.allowed[i] &^= named
			}
		}
	case left:
		to.high = min(to.high, split.Threshold)
	case !(split.Threshold <= to.low): // low is NaN at first
		to.low = split.Threshold
	}
	return path
}

// meets says whether a value goes the way of the condition.
func (e *Explainer) meets(c *condition, value float64) bool {
	switch {
	case value != value:
		return c.missing
	case c.set < 0:
		return value <= c.high && !(value <= c.low)
	default:
		return e.sets[c.set].has(category(value))
	}
}

// Background is the mean log odds of the background.
func (e *Explainer) Background() float64 { return e.background }

// Explain fills into with each feature's part of a row's log odds, so that
// Background and the parts add up to Logit but for rounding (1e-9). Row and
// into have a number per feature of the model; otherwise all parts are NaN.
// It allocates nothing.
func (e *Explainer) Explain(row, into []float64) {
	if n := len(e.scorer.model.Features); len(row) != n || len(into) != n {
		for i := range into {
			into[i] = math.NaN()
		}
		return
	}
	clear(into)
	var met [maxDepth]bool
	// The sum over what may be known of the product of shares not known is a
	// polynomial in the number known: (share + y) for a condition met.
	var product [maxDepth + 1]float64
	for i := range e.leaves {
		leaf := &e.leaves[i]
		conditions := e.conditions[leaf.first:leaf.last]
		degree, unmet := 0, leaf.value
		product[0] = 1
		for j := range conditions {
			c := &conditions[j]
			met[j] = e.meets(c, row[c.feature])
			if !met[j] {
				unmet *= c.share
				continue
			}
			degree++
			product[degree] = 1
			for k := degree - 1; k > 0; k-- {
				product[k] = product[k-1] + c.share*product[k]
			}
			product[0] *= c.share
		}
		e.part(conditions, met[:len(conditions)], product[:degree+1], unmet, into)
	}
}

// part adds what one leaf gives to the features on its path.
func (e *Explainer) part(conditions []condition, met []bool, product []float64, unmet float64, into []float64) {
	weights := e.weights[len(conditions)][:]
	against := 0.0
	degree := len(product) - 1
	if degree < len(conditions) {
		for k, value := range product {
			against -= value * weights[k]
		}
		against *= unmet
	}
	for j := range conditions {
		c := &conditions[j]
		if !met[j] {
			into[c.feature] += against
			continue
		}
		// The product without this condition, by division from the top.
		without, total := 0.0, 0.0
		for k := degree; k > 0; k-- {
			without = product[k] - c.share*without
			total += without * weights[k-1]
		}
		into[c.feature] += unmet * (1 - c.share) * total
	}
}

// Reason is a feature that raised the log odds of default against the background.
type Reason struct {
	Feature int    // place in Model.Features
	Name    string // its name
	Raised  float64
}

// Reasons lists the features that raised the log odds most, at most most of
// them, from parts that Explain filled; those that lowered them are left out.
func (e *Explainer) Reasons(parts []float64, most int) []Reason {
	var list []Reason
	for i, part := range parts {
		if part > 0 {
			list = append(list, Reason{i, e.scorer.model.Features[i].Name, part})
		}
	}
	slices.SortStableFunc(list, func(a, b Reason) int { return cmp.Compare(b.Raised, a.Raised) })
	return list[:min(len(list), max(most, 0))]
}
