package boost

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// Options are what a training may be given beside its data.
type Options struct {
	Params Params
	// Valid are rows to stop early by, with columns of the same names; needed when Params.EarlyStop is not 0.
	Valid *Matrix
	// Progress, when not nil, is called after each tree, on the caller's goroutine.
	Progress func(Progress)
}

// Progress is where a training stands. Losses are mean log losses in nats.
type Progress struct {
	Phase     string // PhaseTrees, PhaseFolds or PhaseRefit
	Trees     int    // grown
	Of        int    // at most
	TrainLoss float64
	ValidLoss float64 // 0 when there are no validation rows
	BestTrees int     // with the smallest ValidLoss so far
}

// The phases of Progress.
const (
	PhaseTrees = "trees" // Train, and Fit while it looks for the number of trees
	PhaseFolds = "folds" // CrossValidate
	PhaseRefit = "refit" // Fit, on all rows
)

// idle is after how many trees in a row without any split training ends.
const idle = 10

// Train grows a model. Errors name the column and row, or the parameter, that
// cannot be used; ctx ends the training between two trees with its error.
func Train(ctx context.Context, data *Matrix, options Options) (*Model, error) {
	return train(ctx, data, &options, PhaseTrees)
}

// Fit holds out a fifth of the rows, by seed and class, to find the number of
// trees, then grows that many on all rows. Options.Valid must be nil.
func Fit(ctx context.Context, data *Matrix, options Options) (*Model, error) {
	if options.Valid != nil {
		return nil, errors.New("fit holds out rows of its own: call Train with validation rows")
	}
	if options.Params.EarlyStop == 0 {
		return train(ctx, data, &options, PhaseTrees)
	}
	if err := data.validate(); err != nil {
		return nil, err
	}
	rows, held := HoldOut(data.Target, 0.2, options.Params.Seed)
	search := options
	search.Valid = data.Take(held)
	found, err := train(ctx, data.Take(rows), &search, PhaseTrees)
	if err != nil {
		return nil, err
	}
	options.Params.Trees, options.Params.EarlyStop = max(len(found.Trees), 1), 0
	model, err := train(ctx, data, &options, PhaseRefit)
	if err != nil {
		return nil, err
	}
	model.Training.ValidLoss, model.Training.ValidRows = found.Training.ValidLoss, found.Training.ValidRows
	return model, nil
}

func train(ctx context.Context, data *Matrix, options *Options, phase string) (*Model, error) {
	t, err := newTrainer(data, options)
	if err != nil {
		return nil, err
	}
	params := &options.Params
	for unsplit := 0; len(t.trees) < params.Trees && unsplit < idle; {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("training, after %d trees: %w", len(t.trees), err)
		}
		if !t.step() {
			unsplit++
			continue
		}
		unsplit = 0
		t.note()
		if options.Progress != nil {
			options.Progress(Progress{phase, len(t.trees), params.Trees, t.trainLoss, t.validLoss(), t.bestTrees})
		}
		if t.valid != nil && params.EarlyStop > 0 && len(t.trees)-t.bestTrees >= params.EarlyStop {
			break
		}
	}
	return t.model(), nil
}

// trainer is a training under way.
type trainer struct {
	grower
	logistic  *logistic
	data      Matrix  // target and weights alone: once binned, the columns are not needed
	weight    float64 // of all rows
	base      float64
	logits    []float64
	samples   []sample
	found     []int // samples per block
	losses    []float64
	generator random
	key       uint64 // of the rows drawn for the tree
	rounds    uint64
	trees     []Tree
	trainLoss float64 // before the last tree
	valid     *validation
	bestLoss  float64
	bestTrees int
}

// validation rows, binned like the training rows.
type validation struct {
	data    Matrix // target and weights alone
	columns [][]uint8
	logits  []float64
	losses  []float64
	weight  float64
	loss    float64
}

func newTrainer(data *Matrix, options *Options) (*trainer, error) {
	params := &options.Params
	if err := params.Validate(); err != nil {
		return nil, fmt.Errorf("parameters: %w", err)
	}
	if err := data.validate(); err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	if err := params.against(data); err != nil {
		return nil, fmt.Errorf("parameters: %w", err)
	}
	if params.EarlyStop > 0 && options.Valid == nil {
		return nil, errors.New("parameters: early_stop: there are no validation rows to stop by: give them, call Fit, or set 0")
	}
	bad, all, largest := data.totals()
	if bad == 0 || bad >= all {
		return nil, errors.New("data: target: want rows of weight above 0 of both kinds, defaults and others")
	}
	if largest < 1e-100 || largest > 1e100 {
		return nil, fmt.Errorf("data: weights: the largest is %g: want 1e-100 to 1e100; divide all by their mean", largest)
	}
	rows := data.Rows()
	t := &trainer{
		logistic: newLogistic(), data: Matrix{Target: data.Target, Weights: data.Weights}, weight: all, base: math.Log(bad / (all - bad)), generator: random{mix(params.Seed)},
		logits: make([]float64, rows), samples: make([]sample, rows), found: make([]int, pieces(rows)), losses: make([]float64, pieces(rows)),
	}
	t.params, t.scale = params, newScale(rows, largest)
	t.features, t.columns = make([]feature, len(data.Columns)), make([][]uint8, len(data.Columns))
	parallel(len(data.Columns), func(i int) {
		t.features[i] = newFeature(&data.Columns[i], params)
		t.columns[i] = t.features[i].fill(&data.Columns[i])
	})
	for i := range t.logits {
		t.logits[i] = t.base
	}
	if options.Valid == nil {
		return t, nil
	}
	var err error
	t.valid, err = t.newValidation(options.Valid)
	if err != nil {
		return nil, fmt.Errorf("validation data: %w", err)
	}
	return t, nil
}

func (t *trainer) newValidation(data *Matrix) (*validation, error) {
	if err := data.validate(); err != nil {
		return nil, err
	}
	rows := data.Rows()
	v := &validation{data: Matrix{Target: data.Target, Weights: data.Weights}, logits: make([]float64, rows), losses: make([]float64, pieces(rows))}
	if _, v.weight, _ = data.totals(); v.weight == 0 {
		return nil, errors.New("weights: all are 0")
	}
	for i := range t.features {
		column, err := data.column(t.features[i].name, t.features[i].categorical)
		if err != nil {
			return nil, err
		}
		v.columns = append(v.columns, t.features[i].fill(column))
	}
	for i := range v.logits {
		v.logits[i] = t.base
	}
	return v, nil
}

// step grows a tree and reports whether it had a split and was kept.
func (t *trainer) step() bool {
	t.rounds++
	t.key = mix(t.params.Seed ^ t.rounds*golden)
	t.drawColumns()
	drawn := t.gradients()
	t.grow(drawn)
	if len(t.splits) == 0 {
		return false
	}
	t.trees = append(t.trees, t.tree(t.update()))
	if t.valid != nil {
		t.validate()
	}
	return true
}

// drawColumns chooses the features of the next tree.
func (t *trainer) drawColumns() {
	all := len(t.features)
	share := max(1, int(math.Round(t.params.ColumnShare*float64(all))))
	t.used = t.generator.choose(all, share)
}

// gradients draws the rows of the next tree and gives their samples.
func (t *trainer) gradients() []sample {
	rows, share := len(t.logits), t.params.RowShare
	blocks(rows, func(piece, first, last int) {
		var lost meter
		found := first
		for row := first; row < last; row++ {
			weight, bad := t.data.weight(row), t.data.Target[row]
			p, linear, factor := t.logistic.at(t.logits[row], bad)
			lost.add(linear, factor, weight)
			if !t.drawn(row, share) {
				continue
			}
			gradient := p
			if bad {
				gradient = p - 1
			}
			t.samples[found] = sample{
				uint32(row), //nolint:gosec // below maxRows
				int32(math.RoundToEven(weight * gradient * t.scale.gradient)),
				uint32(math.RoundToEven(weight * p * (1 - p) * t.scale.hessian)),
			}
			found++
		}
		t.losses[piece], t.found[piece] = lost.sum(), found-first
	})
	t.trainLoss = sum(t.losses) / t.weight
	total := 0
	for piece, found := range t.found {
		copy(t.samples[total:], t.samples[piece*block:piece*block+found])
		total += found
	}
	return t.samples[:total]
}

// drawn says whether a row is in the tree's sample; one that weighs nothing never is.
func (t *trainer) drawn(row int, share float64) bool {
	return (share == 1 || drawn(t.key, row, share)) && t.data.weight(row) > 0
}

func sum(values []float64) float64 {
	total := 0.0
	for _, value := range values {
		total += value
	}
	return total
}

// leafOf finds the leaf of a row in the tree just grown.
func (g *grower) leafOf(columns [][]uint8, row int) int {
	at := 0
	for at >= 0 {
		s := &g.splits[at]
		if s.split.left.has(columns[g.used[s.feature]][row]) {
			at = s.left
		} else {
			at = s.right
		}
	}
	return ^at
}

// update adds the tree just grown to the logits of all rows and gives the
// weight of the rows in each leaf.
func (t *trainer) update() []float64 {
	cover := make([]float64, len(t.leaves))
	parallel(len(t.leaves), func(i int) {
		add := t.leaves[i].value * t.params.LearningRate
		for _, one := range t.leaves[i].samples {
			t.logits[one.row] += add
			cover[i] += t.data.weight(int(one.row))
		}
	})
	if t.params.RowShare == 1 && t.data.Weights == nil {
		return cover
	}
	others := make([][]float64, pieces(len(t.logits)))
	blocks(len(t.logits), func(piece, first, last int) {
		own := make([]float64, len(t.leaves))
		for row := first; row < last; row++ {
			if !t.drawn(row, t.params.RowShare) {
				leaf := t.leafOf(t.columns, row)
				t.logits[row] += t.leaves[leaf].value * t.params.LearningRate
				own[leaf] += t.data.weight(row)
			}
		}
		others[piece] = own
	})
	for _, own := range others {
		for leaf := range own {
			cover[leaf] += own[leaf]
		}
	}
	return cover
}

// validate adds the tree just grown to the validation rows.
func (t *trainer) validate() {
	v := t.valid
	blocks(len(v.logits), func(piece, first, last int) {
		var lost meter
		for row := first; row < last; row++ {
			v.logits[row] += t.leaves[t.leafOf(v.columns, row)].value * t.params.LearningRate
			_, linear, factor := t.logistic.at(v.logits[row], v.data.Target[row])
			lost.add(linear, factor, v.data.weight(row))
		}
		v.losses[piece] = lost.sum()
	})
	v.loss = sum(v.losses) / v.weight
}

func (t *trainer) validLoss() float64 {
	if t.valid == nil {
		return 0
	}
	return t.valid.loss
}

// note keeps the best number of trees so far.
func (t *trainer) note() {
	if t.valid == nil || t.bestTrees == 0 || t.valid.loss < t.bestLoss {
		t.bestTrees, t.bestLoss = len(t.trees), t.validLoss()
	}
}

// model gives what was learned, up to the best tree when stopping early.
func (t *trainer) model() *Model {
	trees := t.trees
	if t.params.EarlyStop > 0 {
		trees = trees[:t.bestTrees]
	}
	m := &Model{
		Format: Format, Base: t.base, Trees: trees,
		Training: Training{Rows: len(t.logits), Weight: t.weight, Params: *t.params, ValidLoss: t.bestLoss},
	}
	for _, bad := range t.data.Target {
		m.Training.Defaults += class(bad)
	}
	if t.valid != nil {
		m.Training.ValidRows = len(t.valid.logits)
	}
	for i := range t.features {
		of := &t.features[i]
		out := Feature{Name: of.name, Kind: KindNumeric, Monotone: of.direction}
		if of.categorical {
			out.Kind, out.Categories = KindCategorical, of.categories
		}
		m.Features = append(m.Features, out)
	}
	return m
}
