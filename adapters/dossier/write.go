package dossier

import (
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"loan310/scoring/evidence"
)

// Write writes a book as a dossier, each file compressed when gz is set. The
// same book gives the same bytes. A file appears only when it is complete and
// replaces its plain or compressed older self; the outcomes file is left out
// when there are none.
func Write(dir string, b Book, gz bool) (Counts, error) {
	counts := Counts{Files: map[string]int64{}}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return counts, fmt.Errorf("write dossier: %w", err)
	}
	merchants := b.Merchants()
	out := &writer{dir: dir, gz: gz, counts: counts.Files}
	steps := []func() error{
		func() error { return put(out, merchantSchema(), values(merchants)) },
		func() error { return put(out, applicationSchema(), values(b.Applications())) },
		func() error { return put(out, orderSchema(), each(merchants, b.Orders)) },
		func() error { return put(out, waybillSchema(), each(merchants, b.Waybills)) },
		func() error { return put(out, transactionSchema(), each(merchants, b.Transactions)) },
		func() error { return put(out, billSchema(), each(merchants, b.Bills)) },
		func() error { return put(out, bureauSchema(), bureauRows(merchants, b)) },
		func() error { return put(out, registrySchema(), registryRows(merchants, b)) },
		func() error { return put(out, outcomeSchema(), values(b.Outcomes())) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return counts, fmt.Errorf("write dossier: %w", err)
		}
	}
	return counts, nil
}

type writer struct {
	dir    string
	gz     bool
	counts map[string]int64
}

// put writes one file beside its final name and moves it there when complete.
func put[T any](out *writer, s schema[T], rows iter.Seq2[*T, error]) (err error) {
	plain, packed := filepath.Join(out.dir, s.file+".csv"), filepath.Join(out.dir, s.file+".csv.gz")
	final, other := plain, packed
	if out.gz {
		final, other = packed, plain
	}
	file, err := os.CreateTemp(out.dir, "."+s.file+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("%s: %w", filepath.Base(final), err), file.Close(), os.Remove(file.Name()))
		}
	}()
	count, err := putRows(file, out.gz, s, rows)
	if err != nil {
		return err
	}
	if err := file.Chmod(0o644); err != nil {
		return err
	}
	if err := removeIfThere(other); err != nil {
		return err
	}
	if count == 0 && s.optional {
		return errors.Join(file.Close(), os.Remove(file.Name()), removeIfThere(final))
	}
	if err := os.Rename(file.Name(), final); err != nil {
		return err
	}
	out.counts[s.file] = count
	return file.Close()
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func putRows[T any](to io.Writer, gz bool, s schema[T], rows iter.Seq2[*T, error]) (count int64, err error) {
	var packer *gzip.Writer
	if gz {
		// No name and no time in the header: the same rows give the same bytes.
		packer = gzip.NewWriter(to)
		to = packer
	}
	table := csv.NewWriter(to)
	fields := make([]string, len(s.columns))
	for i, c := range s.columns {
		fields[i] = c.name
	}
	if err := table.Write(fields); err != nil {
		return 0, err
	}
	for row, err := range rows {
		if err != nil {
			return count, err
		}
		for i := range s.columns {
			fields[i] = s.columns[i].write(row)
		}
		if err := table.Write(fields); err != nil {
			return count, err
		}
		count++
	}
	table.Flush()
	if packer != nil {
		return count, errors.Join(table.Error(), packer.Close())
	}
	return count, table.Error()
}

func values[T any](rows []T) iter.Seq2[*T, error] { return evidence.Slice(rows) }

// each walks the rows of all merchants in turn.
func each[R any](merchants []Merchant, of func(string) iter.Seq2[*R, error]) iter.Seq2[*owned[R], error] {
	return func(yield func(*owned[R], error) bool) {
		for i := range merchants {
			line := owned[R]{merchant: merchants[i].ID}
			for row, err := range of(line.merchant) {
				if err != nil {
					yield(nil, fmt.Errorf("merchant %s: %w", line.merchant, err))
					return
				}
				line.row = *row
				if !yield(&line, nil) {
					return
				}
			}
		}
	}
}

func bureauRows(merchants []Merchant, b Book) iter.Seq2[*owned[evidence.BureauReport], error] {
	return func(yield func(*owned[evidence.BureauReport], error) bool) {
		for i := range merchants {
			report, ok := b.Bureau(merchants[i].ID)
			if ok && !yield(&owned[evidence.BureauReport]{merchant: merchants[i].ID, row: report}, nil) {
				return
			}
		}
	}
}

// registryRows gives one record a licence, though two shops may share it.
func registryRows(merchants []Merchant, b Book) iter.Seq2[*evidence.RegistryRecord, error] {
	return func(yield func(*evidence.RegistryRecord, error) bool) {
		done := map[string]bool{}
		for i := range merchants {
			licence := merchants[i].LicenceNumber
			record, ok := b.Registry(licence)
			if !ok || done[licence] {
				continue
			}
			done[licence] = true
			if !yield(&record, nil) {
				return
			}
		}
	}
}
