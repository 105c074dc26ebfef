package bankrail

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"loan310/app/fault"
	"loan310/app/reconciliation"
)

var _ reconciliation.Source = (*Rail)(nil)

// Statement gives the lines of the bank's latest camt.053 of a day.
func (r *Rail) Statement(ctx context.Context, day string, each func(reconciliation.Line) error) (string, error) {
	if !regexp.MustCompile(`^\d{4}-\d\d-\d\d$`).MatchString(day) {
		return "", fault.New(fault.Invalid, reconciliation.CodeDay, "bankrail: write the day as 2026-11-11")
	}
	if err := r.read(ctx); err != nil {
		return "", err
	}
	names, err := filepath.Glob(filepath.Join(r.statements(), day+"-*.xml"))
	if err != nil {
		return "", folderFault(err)
	}
	if len(names) == 0 {
		return "", fault.New(fault.NotFound, reconciliation.CodeNoStatement, "The bank has sent no statement (camt.053) of %s.", day)
	}
	slices.Sort(names)
	file, err := os.Open(names[len(names)-1])
	if err != nil {
		return "", folderFault(err)
	}
	defer func() { _ = file.Close() }() // read only
	hash := sha256.New()
	if _, err := scan(io.TeeReader(file, hash), func(report) error { return nil }, each); err != nil {
		return "", fault.New(fault.Invalid, reconciliation.CodePartial, "The bank's statement %s is not whole: %s.", filepath.Base(file.Name()), err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
