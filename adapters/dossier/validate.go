package dossier

import (
	"context"
	"fmt"
	"io"

	"loan310/scoring/evidence"
)

// Report is the outcome of a validation.
type Report struct {
	Files []FileReport // in reading order; an absent optional file has no rows
}

// Bad gives the number of rejected rows and file faults: 0 = a good dossier.
func (r Report) Bad() int64 {
	var sum int64
	for _, file := range r.Files {
		sum += file.Rejected + file.Faults
	}
	return sum
}

// Rows gives the number of rows in all files.
func (r Report) Rows() int64 {
	var sum int64
	for _, file := range r.Files {
		sum += file.Rows
	}
	return sum
}

// Validate checks a dossier row by row and writes every broken rule to w as
// "file:line: column: reason". The rows of a file whose header is faulty are
// all rejected. Rows are streamed; what grows is about 40 bytes of id a row of
// the largest file. The error is for writing to w and for ctx only: a bad
// dossier is a result.
func Validate(ctx context.Context, dir string, w io.Writer) (Report, error) {
	l := &loader{dir: dir, register: newRegister(), report: func(bad *RowError) error {
		_, err := fmt.Fprintln(w, bad.Error())
		return err
	}}
	steps := []func() error{
		func() error { return load(ctx, l, merchantSchema(), drop[Merchant]) },
		func() error { return load(ctx, l, applicationSchema(), drop[Application]) },
		func() error { return load(ctx, l, orderSchema(), drop[owned[evidence.Order]]) },
		func() error { return load(ctx, l, waybillSchema(), drop[owned[evidence.Waybill]]) },
		func() error { return load(ctx, l, transactionSchema(), drop[owned[evidence.Transaction]]) },
		func() error { return load(ctx, l, billSchema(), drop[owned[evidence.UtilityBill]]) },
		func() error { return load(ctx, l, bureauSchema(), drop[owned[evidence.BureauReport]]) },
		func() error { return load(ctx, l, registrySchema(), drop[evidence.RegistryRecord]) },
		func() error { return load(ctx, l, outcomeSchema(), drop[Outcome]) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return Report{Files: l.files}, fmt.Errorf("validate dossier %s: %w", dir, err)
		}
		if ctx.Err() != nil {
			return Report{Files: l.files}, fmt.Errorf("validate dossier %s: %w", dir, context.Cause(ctx))
		}
	}
	return Report{Files: l.files}, nil
}

func drop[T any](*T) {}
