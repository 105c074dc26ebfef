package scorecards

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"loan310/adapters/tabular"
	"loan310/scoring/features"
	"loan310/scoring/model"
	"loan310/scoring/scorecard"
	"loan310/scoring/verdict"
)

// CalibrateJob fits a card's probabilities to the outcomes in a file of
// features, as `dossier features` writes it.
type CalibrateJob struct {
	Card       scorecard.Card
	Data       string  // CSV
	Target     string  // column with 0 or 1; rows without either are left out
	Confidence float64 // one-sided, 0.5 to below 1
	Progress   io.Writer
}

// Calibrate gives the card with its probabilities of default, and the bands
// they come from. Errors are faults of kind Invalid where the data are to
// blame.
func Calibrate(ctx context.Context, job CalibrateJob) (scorecard.Card, []scorecard.Band, error) {
	scorer, err := scorecard.New(job.Card)
	if err != nil {
		return job.Card, nil, refused("the card", err)
	}
	reader, err := tabular.Open(job.Data)
	if err != nil {
		return job.Card, nil, blame(ctx, job.Data, err)
	}
	defer func() { _ = reader.Close() }()
	seen, err := outcomes(ctx, &job, scorer, reader)
	if err != nil {
		return job.Card, nil, blame(ctx, job.Data, err)
	}
	table, bands, err := scorecard.Calibrate(seen, job.Card.Scaling.PDO, job.Confidence)
	if err != nil {
		return job.Card, nil, refused(job.Data, err)
	}
	job.Card.PDTable = table
	if _, err := scorecard.New(job.Card); err != nil {
		return job.Card, nil, refused("the card", err)
	}
	return job.Card, bands, nil
}

// outcomes scores the rows whose outcome is known.
func outcomes(ctx context.Context, job *CalibrateJob, scorer *scorecard.Scorer, reader *tabular.Reader) ([]scorecard.Seen, error) {
	at := make([]int, len(job.Card.Attributes))
	ids := make([]features.ID, len(at))
	for i := range job.Card.Attributes {
		name := job.Card.Attributes[i].Feature
		ids[i], _ = features.Index(name) // a scorer has validated them
		var err error
		if at[i], err = reader.Column(name); err != nil {
			return nil, err
		}
	}
	target, err := reader.Column(job.Target)
	if err != nil {
		return nil, err
	}
	stale, err := reader.Column("stale")
	if err != nil {
		stale = -1 // nothing is
	}
	progress := printer{job.Progress}.rows("scoring")
	var seen []scorecard.Seen
	for {
		cells, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return seen, nil
		}
		if err != nil {
			return nil, err
		}
		if reader.Rows()%100_000 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		progress(reader.Rows())
		bad := strings.TrimSpace(cells[target])
		if bad == "" {
			continue
		}
		if bad != "0" && bad != "1" {
			return nil, reader.Fault(target, fmt.Errorf("outcome %q: want 0, 1 or nothing", bad))
		}
		vector, err := vectorOf(reader, cells, at, ids, stale)
		if err != nil {
			return nil, err
		}
		seen = append(seen, scorecard.Seen{Points: scorer.Score(vector), Bad: bad == "1"})
	}
}

// vectorOf reads the features of a row that the card looks at.
func vectorOf(reader *tabular.Reader, cells []string, at []int, ids []features.ID, stale int) (features.Vector, error) {
	vector := make(features.Vector, features.Count)
	var old []string
	if stale >= 0 {
		old = strings.Fields(cells[stale])
	}
	for i, column := range at {
		value := &vector[ids[i]]
		value.Name, value.State = ids[i].Name(), verdict.FeatureMissing
		if cells[column] == "" {
			continue
		}
		number, ok := model.ParseNumber(cells[column])
		if !ok || number != float64(int64(number)) {
			return nil, reader.Fault(column, fmt.Errorf("%q is no whole number", cells[column]))
		}
		value.Value, value.State = int64(number), verdict.FeatureKnown
		if slices.Contains(old, value.Name) {
			value.State = verdict.FeatureStale
		}
	}
	return vector, nil
}
