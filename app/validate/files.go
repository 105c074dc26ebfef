package validate

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"loan310/adapters/tabular"
	"loan310/app/fault"
)

// use notes a file of the data folder in the set and gives its path.
func (r *runner) use(set *Set, name string) (string, error) {
	path := r.path(name)
	reader, err := tabular.Open(path)
	if err != nil {
		return "", fault.New(fault.Invalid, fault.CodeInvalid, "%s: %s; --data must name the folder of the public data", path, err).Wrap(err)
	}
	defer func() { _ = reader.Close() }()
	rows := 0
	for {
		if _, err = reader.Next(); err != nil {
			break
		}
		rows++
	}
	if !errors.Is(err, io.EOF) {
		return "", fault.New(fault.Invalid, fault.CodeInvalid, "%s: %s", path, err).Wrap(err)
	}
	hash, err := hashOf(path)
	if err != nil {
		return "", err
	}
	set.Data = append(set.Data, File{Name: name, Rows: rows, Hash: hash})
	return path, nil
}

func hashOf(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", fmt.Errorf("hash %s: %w", path, err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// row is one row of a file by column name.
type row map[string]string

// each reads a file row by row.
func (r *runner) each(set *Set, name string, take func(row) error) error {
	path, err := r.use(set, name)
	if err != nil {
		return err
	}
	reader, err := tabular.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = reader.Close() }()
	header := append([]string(nil), reader.Header()...)
	for {
		fields, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		values := make(row, len(header))
		for i, column := range header {
			values[column] = fields[i]
		}
		if err := take(values); err != nil {
			return fmt.Errorf("%s, row %d: %w", name, reader.Rows(), err)
		}
	}
}

// scratch makes a folder for derived files; the function removes it.
func (r *runner) scratch() (dir string, done func(), err error) {
	dir, err = os.MkdirTemp(r.options.TempDir, "loan310-validate-")
	if err != nil {
		return "", nil, fmt.Errorf("make a temporary folder: %w", err)
	}
	return dir, func() { _ = os.RemoveAll(dir) }, nil
}

// writeTable writes a derived file.
func writeTable(dir, name string, head []string, rows [][]string) (string, error) {
	path := filepath.Join(dir, name)
	file, err := os.Create(path)
	if err != nil {
		return "", fmt.Errorf("write %s: %w", name, err)
	}
	out := csv.NewWriter(file)
	if err := errors.Join(out.Write(head), out.WriteAll(rows), file.Close()); err != nil {
		return "", fmt.Errorf("write %s: %w", name, err)
	}
	return path, nil
}
