package scorecards

import (
	"context"
	"errors"
	"io"

	"loan310/adapters/tabular"
	"loan310/app/fault"
	"loan310/scoring/model"
	"loan310/scoring/train"
)

// TrainJob is a training from a file.
type TrainJob struct {
	Data     string // CSV file; not standard input, since it is read twice
	Target   string // column; overrides the spec
	Spec     train.Spec
	Kind     string
	Seed     uint64
	Author   string
	MadeAt   string // RFC 3339
	Progress io.Writer
}

// Train reads the file twice, once to find what its columns hold and once for
// the rows, and trains. The report is there also with an error of training.
// Errors are faults of kind Invalid where the input is to blame; among them is
// a *train.LeakError.
func Train(ctx context.Context, job TrainJob) (*model.Model, *train.Report, error) {
	print := printer{job.Progress}
	if job.Target != "" {
		job.Spec.Target.Column = job.Target
	}
	if job.Spec.Target.Column == "" {
		return nil, nil, fault.New(fault.Invalid, CodeRefused, "no target: give --target or target.column in the spec")
	}
	table, err := load(ctx, &job, print)
	if err != nil {
		return nil, nil, blame(ctx, job.Data, err)
	}
	m, report, err := train.Run(ctx, table, train.Options{
		Kind: job.Kind, Author: job.Author, MadeAt: job.MadeAt,
		Progress: func(step string, done, of int) { print.say("%s: %d of %d", step, done, of) },
	})
	if err != nil {
		return nil, report, blame(ctx, job.Data, err)
	}
	return m, report, nil
}

// blame calls what went wrong the input's fault, unless it was stopped.
func blame(ctx context.Context, file string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if cell, ok := errors.AsType[*tabular.CellError](err); ok {
		return fault.New(fault.Invalid, CodeRefused, "%s", cell).Wrap(err)
	}
	return refused(file, err)
}

func load(ctx context.Context, job *TrainJob, print printer) (*train.Table, error) {
	first, err := tabular.Open(job.Data)
	if err != nil {
		return nil, err
	}
	defer func() { _ = first.Close() }()
	missing := job.Spec.Missing
	if missing == nil {
		missing = model.DefaultMissing()
	}
	columns, err := tabular.Scan(ctx, first, missing, print.rows("looking at columns"))
	if err != nil {
		return nil, err
	}
	plan, err := train.NewPlan(job.Spec, columns, job.Seed)
	if err != nil {
		return nil, err
	}
	for _, note := range plan.Notes {
		print.say("note: %s", note)
	}
	second, err := tabular.Open(job.Data)
	if err != nil {
		return nil, err
	}
	defer func() { _ = second.Close() }()
	return tabular.Load(ctx, second, plan, print.rows("reading rows"))
}
