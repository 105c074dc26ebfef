package scorecards

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"loan310/adapters/tabular"
	"loan310/scoring/model"
)

// ScoreJob applies a model to a file of any size.
type ScoreJob struct {
	Scorer   *model.Scorer
	Data     string // CSV, "-" for standard input
	Out      string // CSV; gzip when the name ends in .gz
	ID       string // column that names a row; "" = the model's, else the row's number
	Reasons  int    // most reasons given
	Progress io.Writer
}

// Score writes a row for each row of the data: its id, the probability of
// default, the points, and the features that cost most points, as
// feature=points;feature=points. It gives the number of rows. Errors are faults
// of kind Invalid where the data are to blame; then there is no output file.
func Score(ctx context.Context, job ScoreJob) (rows int, err error) {
	reader, err := tabular.Open(job.Data)
	if err != nil {
		return 0, blame(ctx, job.Data, err)
	}
	defer func() { _ = reader.Close() }()
	out, err := create(job.Out)
	if err != nil {
		return 0, err
	}
	defer out.drop()
	if err := scoreRows(ctx, &job, reader, csv.NewWriter(out)); err != nil {
		return reader.Rows(), blame(ctx, job.Data, err)
	}
	return reader.Rows(), out.commit()
}

func scoreRows(ctx context.Context, job *ScoreJob, reader *tabular.Reader, out *csv.Writer) error {
	id, name, err := idColumn(job, reader)
	if err != nil {
		return err
	}
	rows, err := tabular.NewRows(reader, job.Scorer.Preparer())
	if err != nil {
		return err
	}
	if err := out.Write([]string{name, "probability_of_default", "points", "reasons"}); err != nil {
		return err
	}
	var result model.Result
	progress := printer{job.Progress}.rows("scoring")
	line := make([]string, 4)
	for {
		row, cells, err := rows.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		job.Scorer.Explain(row, &result)
		line[0] = strconv.Itoa(reader.Rows())
		if id >= 0 {
			line[0] = cells[id]
		}
		line[1] = strconv.FormatFloat(math.Round(result.PD*1e8)/1e8, 'f', -1, 64)
		line[2] = strconv.FormatInt(result.Points, 10)
		line[3] = reasons(job, &result)
		if err := out.Write(line); err != nil {
			return err
		}
		if reader.Rows()%100_000 == 0 {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			progress(reader.Rows())
		}
	}
	if reader.Rows() == 0 {
		return fmt.Errorf("no row after the header")
	}
	out.Flush()
	return out.Error()
}

func idColumn(job *ScoreJob, reader *tabular.Reader) (at int, name string, err error) {
	if job.ID != "" {
		at, err = reader.Column(job.ID)
		return at, job.ID, err
	}
	if name = job.Scorer.Model().ID; name != "" {
		if at, err = reader.Column(name); err == nil {
			return at, name, nil
		}
	}
	return -1, "row", nil
}

func reasons(job *ScoreJob, result *model.Result) string {
	var b strings.Builder
	for i := range min(result.Count, job.Reasons) {
		if i > 0 {
			b.WriteByte(';')
		}
		b.WriteString(job.Scorer.Feature(result.Reasons[i].Feature).Feature)
		b.WriteByte('=')
		b.WriteString(strconv.FormatInt(-result.Reasons[i].Lost, 10))
	}
	return b.String()
}
