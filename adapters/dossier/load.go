package dossier

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"loan310/scoring/evidence"
)

// FileReport accounts for one file: Imported + Rejected = Rows.
type FileReport struct {
	File     string // name as found, such as "orders.csv.gz"; "orders.csv" when missing
	Rows     int64  // rows after the header
	Imported int64
	Rejected int64
	Faults   int64 // of the file itself: missing, unreadable, wrong header
}

// loader reads a dossier's files in turn. report gets every broken rule; an
// error it returns ends the reading.
type loader struct {
	dir      string
	register *register
	report   func(*RowError) error
	files    []FileReport
}

// sinks take the good rows, file by file; a nil one drops them. The row is the
// sink's to keep.
type sinks struct {
	merchant    func(*Merchant)
	application func(*Application)
	order       func(*owned[evidence.Order])
	waybill     func(*owned[evidence.Waybill])
	transaction func(*owned[evidence.Transaction])
	bill        func(*owned[evidence.UtilityBill])
	bureau      func(*owned[evidence.BureauReport])
	registry    func(*evidence.RegistryRecord)
	outcome     func(*Outcome)
}

// readAll reads every file in the order in which they refer to each other.
func (l *loader) readAll(ctx context.Context, to sinks) error {
	steps := []func() error{
		func() error { return load(ctx, l, merchantSchema(), to.merchant) },
		func() error { return load(ctx, l, applicationSchema(), to.application) },
		func() error { return load(ctx, l, orderSchema(), to.order) },
		func() error { return load(ctx, l, waybillSchema(), to.waybill) },
		func() error { return load(ctx, l, transactionSchema(), to.transaction) },
		func() error { return load(ctx, l, billSchema(), to.bill) },
		func() error { return load(ctx, l, bureauSchema(), to.bureau) },
		func() error { return load(ctx, l, registrySchema(), to.registry) },
		func() error { return load(ctx, l, outcomeSchema(), to.outcome) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// load reads one file and gives emit each good row.
func load[T any](ctx context.Context, l *loader, s schema[T], emit func(*T)) error {
	counts := FileReport{File: s.file + ".csv"}
	defer func() { l.files = append(l.files, counts) }()
	name, err := locate(l.dir, s.file)
	if err != nil {
		if s.optional && errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		counts.Faults++
		return l.report(&RowError{File: counts.File, Column: "file", Code: CodeFile, Reason: err.Error()})
	}
	counts.File = name
	file, err := openFile(filepath.Join(l.dir, name))
	if err != nil {
		counts.Faults++
		return l.report(&RowError{File: name, Column: "file", Code: CodeFile, Reason: err.Error()})
	}
	defer func() { _ = file.Close() }()
	clear(l.register.seen)
	return readRows(ctx, l, s, file, &counts, emit)
}

// readRows reads the header and the rows after it.
func readRows[T any](ctx context.Context, l *loader, s schema[T], in io.Reader, counts *FileReport, emit func(*T)) error {
	records := newRecordReader(in)
	var order []int // field position -> column, nil when the header is unusable
	for first := true; ; first = false {
		row, err := records.next()
		if errors.Is(err, io.EOF) && !first {
			return nil
		}
		if err != nil {
			counts.Faults++
			reason := "cannot be read: " + err.Error()
			if errors.Is(err, io.EOF) {
				reason = "is empty: the header is missing"
			}
			return l.report(&RowError{File: counts.File, Line: records.line, Column: "file", Code: CodeFile, Reason: reason})
		}
		if first {
			var found []problem
			order, found = readHeader(s, row)
			counts.Faults += int64(len(found))
			if err := l.reportAll(counts.File, row.line, found); err != nil {
				return err
			}
			continue
		}
		if counts.Rows++; counts.Rows%1024 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		value := new(T)
		found := readRow(s, order, row, value, l.register)
		if len(found) == 0 && order != nil {
			counts.Imported++
			if emit != nil {
				emit(value)
			}
			continue
		}
		counts.Rejected++
		if err := l.reportAll(counts.File, row.line, found); err != nil {
			return err
		}
	}
}

func (l *loader) reportAll(file string, line int, found []problem) error {
	for _, p := range found {
		if err := l.report(&RowError{File: file, Line: line, Column: p.column, Code: p.code, Reason: p.reason}); err != nil {
			return err
		}
	}
	return nil
}

// readHeader maps field positions to columns. Any fault leaves no order: the
// rows of such a file are all rejected, without a line each.
func readHeader[T any](s schema[T], header record) (order []int, found []problem) {
	if header.bad != nil {
		return nil, []problem{*header.bad}
	}
	fault := func(column, format string, args ...any) {
		p := badRow(column, format, args...)
		p.code = CodeFile
		found = append(found, p)
	}
	for _, name := range header.fields {
		at := slices.IndexFunc(s.columns, func(c column[T]) bool { return c.name == name })
		switch {
		case at < 0:
			fault(wholeHeader, "unknown column %q", name)
		case slices.Contains(order, at):
			fault(wholeHeader, "column %q stands twice", name)
		}
		order = append(order, at)
	}
	for i, c := range s.columns {
		if c.required && !slices.Contains(order, i) {
			fault(wholeHeader, "required column %q is missing", c.name)
		}
	}
	if len(found) > 0 {
		return nil, found
	}
	return order, nil
}

// readRow fills value from a row and gives every rule it breaks. With a nil
// order it judges nothing.
func readRow[T any](s schema[T], order []int, row record, value *T, known *register) (found []problem) {
	if order == nil {
		return nil
	}
	if row.bad != nil {
		return []problem{*row.bad}
	}
	if len(row.fields) != len(order) {
		return []problem{badRow(wholeRow, "has %d fields, the header has %d", len(row.fields), len(order))}
	}
	for _, c := range s.columns {
		if c.blank != nil {
			c.blank(value)
		}
	}
	for i, at := range order {
		c, text := &s.columns[at], row.fields[i]
		if text == "" {
			if c.required {
				found = append(found, badRow(c.name, "is required and empty"))
			}
			continue
		}
		if err := c.read(value, text); err != nil {
			found = append(found, badRow(c.name, "%s", err.Error()))
		}
	}
	if len(found) > 0 {
		return found
	}
	if found = s.check(value); len(found) > 0 {
		return found
	}
	if bad := s.link(value, known); bad != nil {
		found = append(found, *bad)
	}
	return found
}

// locate finds a dossier file, plain or compressed; both at once are refused,
// for nobody could say which one counts.
func locate(dir, file string) (string, error) {
	var present []string
	for _, name := range []string{file + ".csv", file + ".csv.gz"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			present = append(present, name)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("cannot be read: %w", err)
		}
	}
	switch len(present) {
	case 0:
		return "", fmt.Errorf("neither %s.csv nor %s.csv.gz is there: %w", file, file, fs.ErrNotExist)
	case 1:
		return present[0], nil
	}
	return "", fmt.Errorf("stands there twice, as %s", strings.Join(present, " and "))
}

// openFile opens a plain or gzip file by its ending.
func openFile(path string) (io.ReadCloser, error) {
	file, err := os.Open(path)
	if err != nil || !strings.HasSuffix(path, ".gz") {
		return file, err
	}
	plain, err := gzip.NewReader(file)
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("is not gzip: %w", err)
	}
	return &gzipFile{Reader: plain, file: file}, nil
}

type gzipFile struct {
	*gzip.Reader
	file *os.File
}

func (f *gzipFile) Close() error { return errors.Join(f.Reader.Close(), f.file.Close()) }
