package validate

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"loan310/adapters/tabular"
	"loan310/app/fault"
	"loan310/app/scorecards"
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

// joined writes a set's file with the columns that its join spec adds from
// other files of its folder; the function removes it and what lies beside it.
func (r *runner) joined(set *Set, name string, base string, others ...string) (file string, done func(), err error) {
	for _, used := range append([]string{base}, others...) {
		if _, err := r.use(set, used); err != nil {
			return "", nil, err
		}
	}
	body, err := specs.ReadFile("specs/" + name + "-join.json")
	if err != nil {
		return "", nil, err
	}
	dir, done, err := r.scratch()
	if err != nil {
		return "", nil, err
	}
	spec := filepath.Join(dir, "join.json")
	if err = os.WriteFile(spec, body, 0o600); err == nil {
		file = filepath.Join(dir, name+".csv")
		_, err = scorecards.Join(r.ctx, r.path(base), spec, file)
	}
	if err != nil {
		done()
		return "", nil, err
	}
	return file, done, nil
}

// scratch makes a folder for derived files; the function removes it.
func (r *runner) scratch() (dir string, done func(), err error) {
	dir, err = os.MkdirTemp(r.options.TempDir, "loan310-validate-")
	if err != nil {
		return "", nil, fmt.Errorf("make a temporary folder: %w", err)
	}
	return dir, func() { _ = os.RemoveAll(dir) }, nil
}
