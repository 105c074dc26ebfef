package scorecards

import (
	"context"
	"errors"
	"fmt"
	"io"

	"loan310/adapters/tabular"
	"loan310/scoring/metrics"
	"loan310/scoring/model"
	"loan310/scoring/train"
)

// ValidateJob measures a model on a file of any size.
type ValidateJob struct {
	Scorer   *model.Scorer
	Data     string
	Target   string    // column; "" = the model's
	BadRates []float64 // at which approval is measured
	Progress io.Writer
}

// Validation is what a model does on a file. Figures come from a grid of
// metrics.GridBins score bins.
type Validation struct {
	Model          string             `json:"model"`
	Data           string             `json:"data"`
	Rows           int                `json:"rows"`
	Unlabelled     int                `json:"unlabelled"` // of these, without an outcome: not measured
	Events         int                `json:"events"`
	BadRate        float64            `json:"bad_rate"`
	AUC            metrics.Interval   `json:"auc"`
	Gini           float64            `json:"gini"`
	KS             float64            `json:"ks"`
	KSAt           float64            `json:"ks_at"` // probability of default
	Brier          float64            `json:"brier"`
	LogLoss        float64            `json:"log_loss"`
	Calibration    metrics.Calibrated `json:"calibration"`
	Approval       []ApprovalAt       `json:"approval"`
	ScoreStability metrics.Stability  `json:"score_stability"` // against the scores of the training rows
	Features       []FeatureStability `json:"features"`
	ROC            []metrics.Point    `json:"roc"`
}

// ApprovalAt is the approval possible at a bad rate.
type ApprovalAt struct {
	At float64 `json:"at_bad_rate"`
	metrics.Approval
}

// FeatureStability is how a feature's bins are filled against training.
type FeatureStability struct {
	Feature string `json:"feature"`
	metrics.Stability
}

// counts gathers what stability needs.
type counts struct {
	scores   []float64
	features [][]float64
}

// Validate reads the file once. Errors are faults of kind Invalid where the
// data are to blame.
func Validate(ctx context.Context, job ValidateJob) (*Validation, error) {
	reader, err := tabular.Open(job.Data)
	if err != nil {
		return nil, blame(ctx, job.Data, err)
	}
	defer func() { _ = reader.Close() }()
	m := job.Scorer.Model()
	v := &Validation{Model: m.Name + " " + m.Hash, Data: reader.Name()}
	grid := metrics.NewGrid()
	filled := counts{scores: make([]float64, len(m.Reference.ScoreCounts))}
	for i := range job.Scorer.Features() {
		filled.features = append(filled.features, make([]float64, len(job.Scorer.Feature(i).Bins)))
	}
	if err := v.read(ctx, &job, reader, grid, &filled); err != nil {
		return nil, blame(ctx, job.Data, err)
	}
	if err := v.conclude(&job, grid, &filled); err != nil {
		return nil, blame(ctx, job.Data, err)
	}
	return v, nil
}

func (v *Validation) read(ctx context.Context, job *ValidateJob, reader *tabular.Reader, grid *metrics.Grid, filled *counts) error {
	m := job.Scorer.Model()
	target := m.Target
	if job.Target != "" {
		target.Column = job.Target
	}
	at, err := reader.Column(target.Column)
	if err != nil {
		return err
	}
	missing, err := model.NewReader(model.Input{Name: target.Column, Kind: model.Category}, m.Preparation.Missing)
	if err != nil {
		return err
	}
	rows, err := tabular.NewRows(reader, job.Scorer.Preparer())
	if err != nil {
		return err
	}
	var result model.Result
	progress := printer{job.Progress}.rows("validating")
	for {
		row, cells, err := rows.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if reader.Rows()%100_000 == 0 {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			progress(reader.Rows())
		}
		bad, known, err := train.Outcome(&target, missing, cells[at])
		if err != nil {
			return reader.Fault(at, err)
		}
		v.Rows++
		job.Scorer.Score(row, &result)
		filled.scores[metrics.BinOf(result.PD, m.Reference.ScoreCuts)]++
		for i := range filled.features {
			filled.features[i][job.Scorer.Bin(i, row)]++
		}
		if !known {
			v.Unlabelled++
			continue
		}
		if bad {
			v.Events++
		}
		if err := grid.Add(result.PD, bad, 1); err != nil {
			return fmt.Errorf("row %d: %w", reader.Rows(), err)
		}
	}
}

func (v *Validation) conclude(job *ValidateJob, grid *metrics.Grid, filled *counts) error {
	curve, err := grid.Curve()
	if err != nil {
		return err
	}
	v.BadRate = curve.BadRate()
	v.AUC = curve.Interval()
	v.Gini = metrics.Gini(v.AUC.AUC)
	v.KS, v.KSAt = curve.KS()
	v.Brier, v.LogLoss = grid.Brier(), grid.LogLoss()
	if v.Calibration, err = grid.Calibration(10); err != nil {
		return err
	}
	for _, rate := range job.BadRates {
		v.Approval = append(v.Approval, ApprovalAt{rate, curve.ApprovalAt(rate)})
	}
	v.ROC = curve.ROC(100)
	if v.ScoreStability, err = metrics.PSI(job.Scorer.Model().Reference.ScoreCounts, filled.scores); err != nil {
		return fmt.Errorf("stability of the score: %w", err)
	}
	for i, actual := range filled.features {
		binning := job.Scorer.Feature(i)
		expected := make([]float64, len(binning.Bins))
		for j := range binning.Bins {
			expected[j] = binning.Bins[j].Rows
		}
		stability, err := metrics.PSI(expected, actual)
		if err != nil {
			return fmt.Errorf("stability of %s: %w", binning.Feature, err)
		}
		v.Features = append(v.Features, FeatureStability{binning.Feature, stability})
	}
	return nil
}
