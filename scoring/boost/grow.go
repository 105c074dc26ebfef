package boost

import "math"

// node is a leaf of the tree being grown.
type node struct {
	samples []sample
	hist    []histogram // one per feature; nil when the leaf will not be split
	sums    sums
	value   float64 // before shrinkage
	bounds  bounds
	depth   int
	best    split
	parent  int // the split it hangs on; -1 = it is the root
	isRight bool
}

// grower grows one tree on samples, best leaf first.
type grower struct {
	params   *Params
	scale    scale
	features []feature
	columns  [][]uint8
	used     []int // the features drawn for this tree
	spare    []sample
	pool     [][]histogram
	leaves   []*node
	splits   []growing
}

// growing is a split made; its children are Split's.
type growing struct {
	split
	left, right int
}

// serial is how much work a leaf must be for other cores to be asked.
const serial = 1 << 14

// grow gives the tree's splits and leaves; g.leaves keep their samples.
func (g *grower) grow(samples []sample) {
	g.leaves, g.splits = g.leaves[:0], g.splits[:0]
	if cap(g.spare) < len(samples) {
		g.spare = make([]sample, len(samples))
	}
	root := &node{samples: samples, bounds: unbounded(), parent: -1}
	for i := range samples {
		g.scale.add(&root.sums, &samples[i])
	}
	gradient, hessian := g.scale.values(root.sums)
	if hessian+g.params.L2 > 0 {
		root.value = -gradient / (hessian + g.params.L2)
	}
	g.leaves = append(g.leaves, root)
	if g.splittable(root) {
		root.hist = g.borrow()
		g.look(root, nil, root.hist)
	}
	for len(g.leaves) < g.params.MaxLeaves {
		at, gain := -1, 0.0
		for i, leaf := range g.leaves {
			if leaf.best.gain > gain {
				at, gain = i, leaf.best.gain
			}
		}
		if at < 0 {
			break
		}
		g.part(at)
	}
	for _, leaf := range g.leaves {
		g.giveBack(leaf)
	}
}

func (g *grower) splittable(leaf *node) bool {
	return leaf.depth < g.params.MaxDepth && len(leaf.samples) >= 2*g.params.MinRows
}

func (g *grower) borrow() []histogram {
	if n := len(g.pool); n > 0 && len(g.pool[n-1]) == len(g.used) {
		hist := g.pool[n-1]
		g.pool = g.pool[:n-1]
		return hist
	}
	return make([]histogram, len(g.used))
}

func (g *grower) giveBack(leaf *node) {
	if leaf.hist != nil {
		g.pool = append(g.pool, leaf.hist)
		leaf.hist = nil
	}
}

// part makes a leaf's best split: the left child takes its place, the right
// one is added.
func (g *grower) part(at int) {
	parent := g.leaves[at]
	best := &parent.best
	index := len(g.splits)
	if parent.parent >= 0 {
		above := &g.splits[parent.parent]
		if parent.isRight {
			above.right = index
		} else {
			above.left = index
		}
	}
	middle := g.partition(parent.samples, g.columns[g.used[best.feature]], &best.left)
	left := &node{
		samples: parent.samples[:middle], sums: best.leftSums, value: best.leftValue,
		bounds: parent.bounds, depth: parent.depth + 1, parent: index,
	}
	right := &node{
		samples: parent.samples[middle:], sums: parent.sums.less(best.leftSums), value: best.rightValue,
		bounds: parent.bounds, depth: parent.depth + 1, parent: index, isRight: true,
	}
	// Nothing below may pass the middle, so the two sides stay in order whatever they are split by.
	half := left.value/2 + right.value/2
	switch g.features[g.used[best.feature]].direction {
	case Rising:
		left.bounds.high, right.bounds.low = half, half
	case Falling:
		left.bounds.low, right.bounds.high = half, half
	}
	g.splits = append(g.splits, growing{*best, ^at, ^len(g.leaves)})
	g.leaves[at] = left
	g.leaves = append(g.leaves, right)
	if len(g.leaves) < g.params.MaxLeaves {
		g.lookAtBoth(parent, left, right)
	}
	g.giveBack(parent)
}

// lookAtBoth sums up the smaller child; the larger is what is left of the parent.
func (g *grower) lookAtBoth(parent, left, right *node) {
	small, large := left, right
	if len(small.samples) > len(large.samples) {
		small, large = large, small
	}
	if !g.splittable(large) {
		return
	}
	own := g.borrow()
	large.hist, parent.hist = parent.hist, nil
	if g.splittable(small) {
		small.hist = own
	}
	g.look(small, large, own)
	if small.hist == nil {
		g.pool = append(g.pool, own)
	}
}

// look fills own with the histograms of small, takes them off those of large
// (when there is a large) and finds the best splits of either.
func (g *grower) look(small, large *node, own []histogram) {
	splits := make([][2]split, len(g.used))
	one := func(i int) {
		at := g.used[i]
		own[i].fill(small.samples, g.columns[at], g.scale.shift)
		if small.hist != nil {
			splits[i][0] = g.find(small, &own[i], i)
		}
		if large != nil {
			large.hist[i].subtract(&own[i])
			splits[i][1] = g.find(large, &large.hist[i], i)
		}
	}
	if len(small.samples)*len(g.used) < serial {
		for i := range g.used {
			one(i)
		}
	} else {
		parallel(len(g.used), one)
	}
	for i := range splits {
		if splits[i][0].gain > small.best.gain {
			small.best = splits[i][0]
		}
		if large != nil && splits[i][1].gain > large.best.gain {
			large.best = splits[i][1]
		}
	}
}

func (g *grower) find(leaf *node, hist *histogram, i int) split {
	of := &g.features[g.used[i]]
	l2 := g.params.L2
	if of.categorical {
		l2 += g.params.CategoryL2
	}
	finder := newFinder(g.params, &g.scale, leaf, l2)
	if of.categorical {
		finder.categorical(hist, of)
	} else {
		finder.numeric(hist, of)
	}
	finder.best.feature = i
	return finder.best
}

// partition moves the samples of the left bins to the front, keeping the
// order on both sides, and gives their number.
func (g *grower) partition(samples []sample, column []uint8, left *set) int {
	var goes [256]int
	for bin := range goes {
		if left.has(uint8(bin)) {
			goes[bin] = 1
		}
	}
	lefts, rights := 0, 0
	spare := g.spare[:len(samples)]
	for i := range samples {
		one := samples[i]
		isLeft := goes[column[one.row]]
		samples[lefts] = one // overwritten by the next one when it was not for the left
		spare[rights] = one
		lefts += isLeft
		rights += 1 - isLeft
	}
	copy(samples[lefts:], spare[:rights])
	return lefts
}

// tree gives what was grown as part of a model. Leaf values are shrunken.
func (g *grower) tree(cover []float64) Tree {
	tree := Tree{Splits: make([]Split, len(g.splits)), Leaves: make([]Leaf, len(g.leaves))}
	for i := range g.splits {
		made := &g.splits[i]
		at := g.used[made.feature]
		of := &g.features[at]
		out := Split{Feature: at, Left: made.left, Right: made.right, Missing: SideRight, Gain: made.gain}
		if made.missingLeft {
			out.Missing = SideLeft
		}
		switch {
		case of.categorical:
			for bin := range of.bins {
				if made.split.left.has(uint8(bin)) {
					out.Categories = append(out.Categories, bin)
				}
			}
		case made.cut < len(of.cuts):
			out.Threshold = of.cuts[made.cut]
		default:
			out.Threshold = math.MaxFloat64
		}
		tree.Splits[i] = out
	}
	for i, leaf := range g.leaves {
		tree.Leaves[i] = Leaf{Value: leaf.value * g.params.LearningRate, Cover: cover[i]}
	}
	return tree
}
