package dossier

import (
	"context"
	"fmt"
	"io"
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
	if err := l.readAll(ctx, sinks{}); err != nil {
		return Report{Files: l.files}, fmt.Errorf("validate dossier %s: %w", dir, err)
	}
	return Report{Files: l.files}, nil
}
