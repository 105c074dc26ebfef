package boost

import (
	"context"
	"errors"
	"fmt"
)

// CrossValidated is what rows say that a model did not learn from.
type CrossValidated struct {
	Trees  int       // with the smallest loss; all that were grown when EarlyStop is 0
	Loss   float64   // mean log loss in nats with that many trees
	Logits []float64 // of each row, by the model that did not learn from its fold
}

// CrossValidate grows one model per fold on the rows of the others, all by one
// tree at a time, and stops when their common loss has not fallen for
// Params.EarlyStop trees. Folds names each row's fold, from 0 without gaps
// (see Folds). A model of all rows is then made by Train with that many Trees
// and EarlyStop 0. Options.Valid must be nil.
func CrossValidate(ctx context.Context, data *Matrix, folds []int, options Options) (*CrossValidated, error) {
	if options.Valid != nil {
		return nil, errors.New("cross-validation has validation rows of its own: want none")
	}
	if err := data.validate(); err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	held, err := members(folds, data.Rows())
	if err != nil {
		return nil, err
	}
	trainers := make([]*trainer, len(held))
	for fold := range held {
		var rows []int
		for row, of := range folds {
			if of != fold {
				rows = append(rows, row)
			}
		}
		own := options
		own.Valid = data.Take(held[fold])
		if trainers[fold], err = newTrainer(data.Take(rows), &own); err != nil {
			return nil, fmt.Errorf("fold %d: %w", fold, err)
		}
	}
	return inStep(ctx, trainers, held, &options, len(folds))
}

// members lists the rows of each fold.
func members(folds []int, rows int) ([][]int, error) {
	if len(folds) != rows {
		return nil, fmt.Errorf("folds have %d rows, the data have %d", len(folds), rows)
	}
	var held [][]int
	for row, fold := range folds {
		if fold < 0 || fold >= rows {
			return nil, fmt.Errorf("folds, row %d: %d: want numbers from 0 without gaps", row, fold)
		}
		for len(held) <= fold {
			held = append(held, nil)
		}
		held[fold] = append(held[fold], row)
	}
	for fold := range held {
		if len(held[fold]) == 0 {
			return nil, fmt.Errorf("folds: %d has no rows: want numbers from 0 without gaps", fold)
		}
	}
	if len(held) < 2 {
		return nil, errors.New("folds: want at least 2")
	}
	return held, nil
}

func inStep(ctx context.Context, trainers []*trainer, held [][]int, options *Options, rows int) (*CrossValidated, error) {
	params := &options.Params
	out := &CrossValidated{Logits: make([]float64, rows)}
	for round := 1; round <= params.Trees; round++ {
		lost, weight, trainLoss := 0.0, 0.0, 0.0
		for _, t := range trainers {
			if err := ctx.Err(); err != nil {
				return nil, fmt.Errorf("cross-validation, after %d trees: %w", round-1, err)
			}
			t.step()
			lost += sum(t.valid.losses)
			weight += t.valid.weight
			trainLoss += t.trainLoss / float64(len(trainers))
		}
		if mean := lost / weight; round == 1 || params.EarlyStop == 0 || mean < out.Loss {
			out.Trees, out.Loss = round, mean
			for fold, t := range trainers {
				for i, row := range held[fold] {
					out.Logits[row] = t.valid.logits[i]
				}
			}
		}
		if options.Progress != nil {
			options.Progress(Progress{PhaseFolds, round, params.Trees, trainLoss, lost / weight, out.Trees})
		}
		if params.EarlyStop > 0 && round-out.Trees >= params.EarlyStop {
			break
		}
	}
	return out, nil
}
