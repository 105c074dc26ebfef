package train

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"loan310/scoring/boost"
	"loan310/scoring/model"
)

// fitTrees makes an uncalibrated boosted model of the rows given. The number of
// trees is found on a fifth of them, then grown on all.
func (t *trained) fitTrees(ctx context.Context, rows []int32, fold int) (*model.Model, []FeatureReport, error) {
	ensemble, err := boost.Fit(ctx, matrix(t.table, rows), boost.Options{Params: t.params()})
	if err != nil {
		return nil, nil, fmt.Errorf("boosted model: %w", err)
	}
	m := t.blank(rows)
	m.Trees = &model.Trees{Ensemble: ensemble}
	features := t.table.Plan.Features
	m.Trees.Features = make([]model.Binning, len(features))
	parallel(len(features), func(i int) { m.Trees.Features[i] = bin(t.table, features[i], rows) })
	if fold >= 0 {
		return m, nil, nil
	}
	scorer, err := boost.New(ensemble)
	if err != nil {
		return nil, nil, fmt.Errorf("boosted model: %w", err)
	}
	gains, total := scorer.Gains(), 0.0
	for _, gain := range gains {
		total += gain
	}
	var report []FeatureReport
	for i, feature := range features {
		binning := &m.Trees.Features[i]
		r := FeatureReport{
			Name: feature.Name, Kind: string(feature.Kind), IV: binning.IV, Bins: len(binning.Bins),
			Monotone: string(ensemble.Features[i].Monotone), Importance: gains[i] / max(total, 1e-300),
		}
		if feature.Kind == model.Category {
			r.LevelIV = levelIV(t.table, feature, rows)
		}
		report = append(report, r)
	}
	slices.SortStableFunc(report, func(a, b FeatureReport) int { return cmp.Compare(b.Importance, a.Importance) })
	return m, report, nil
}

// params are boost's defaults with what the spec says.
func (t *trained) params() boost.Params {
	p := boost.Defaults()
	p.Seed = t.table.Plan.Seed
	if s := t.table.Plan.Spec.Boost; s != nil {
		override(&p.Trees, s.Trees)
		override(&p.LearningRate, s.LearningRate)
		override(&p.MaxLeaves, s.MaxLeaves)
		override(&p.MaxDepth, s.MaxDepth)
		override(&p.MinRows, s.MinRows)
		override(&p.L2, s.L2)
		override(&p.RowShare, s.RowShare)
		override(&p.ColumnShare, s.ColumnShare)
	}
	p.Monotone = map[string]boost.Direction{}
	for _, feature := range t.table.Plan.Features {
		if feature.Monotone == model.Rising || feature.Monotone == model.Falling {
			p.Monotone[feature.Name] = boost.Direction(feature.Monotone)
		}
	}
	return p
}

func override[T int | float64](field *T, value T) {
	if value != 0 {
		*field = value
	}
}

// matrix gives the features of rows as boost reads them.
func matrix(table *Table, rows []int32) *boost.Matrix {
	out := &boost.Matrix{Target: outcomes(table, rows), Weights: weights(table, rows)}
	for _, feature := range table.Plan.Features {
		from := &table.Columns[feature.Slot]
		column := boost.Column{Name: feature.Name}
		if feature.Kind == model.Category {
			column.Categories, column.Codes = from.Levels, make([]int32, len(rows))
			for i, row := range rows {
				column.Codes[i] = from.Codes[row]
			}
		} else {
			column.Values = make([]float64, len(rows))
			for i, row := range rows {
				column.Values[i] = from.Num[row]
			}
		}
		out.Columns = append(out.Columns, column)
	}
	return out
}
