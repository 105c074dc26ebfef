package dossier

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"loan310/app/money"
	"loan310/scoring/evidence"
)

// converter fills a dossier from foreign files and accounts for every row.
type converter struct {
	in     string
	book   *Dossier
	counts Counts
}

func newConverter(in string) *converter {
	return &converter{in: in, book: newDossier(), counts: Counts{Facts: map[string]int64{}}}
}

// finish writes the dossier.
func (c *converter) finish(out string) (Counts, error) {
	c.book.arrange()
	written, err := Write(out, c.book, false)
	c.counts.Files = written.Files
	return c.counts, err
}

// foreignRow is one row of a foreign file, by column name.
type foreignRow struct {
	columns map[string]int
	fields  []string
}

func (r foreignRow) text(column string) string {
	at, known := r.columns[column]
	if !known {
		return ""
	}
	return strings.TrimSpace(r.fields[at])
}

// read walks a gzip CSV file; visit gives "" for a converted row and else the
// reason it was skipped for. Columns named in need must exist.
func (c *converter) read(name string, need []string, visit func(foreignRow) (skipped string, err error)) error {
	file, err := openFile(filepath.Join(c.in, name))
	if err != nil {
		return fmt.Errorf("convert %s: %w", name, err)
	}
	defer func() { _ = file.Close() }()
	table := csv.NewReader(file)
	header, err := table.Read()
	if err != nil {
		return fmt.Errorf("convert %s: read header: %w", name, err)
	}
	row := foreignRow{columns: map[string]int{}}
	for i, column := range header {
		row.columns[strings.TrimPrefix(column, "\ufeff")] = i
	}
	for _, column := range need {
		if _, there := row.columns[column]; !there {
			return fmt.Errorf("convert %s: column %q is missing", name, column)
		}
	}
	count := SourceCount{File: name, Skipped: map[string]int64{}}
	for {
		row.fields, err = table.Read()
		if errors.Is(err, io.EOF) {
			c.counts.Sources = append(c.counts.Sources, count)
			return nil
		}
		if err != nil {
			return fmt.Errorf("convert %s: %w", name, err)
		}
		skipped, err := visit(row)
		if err != nil {
			line, _ := table.FieldPos(0)
			return fmt.Errorf("convert %s:%d: %w", name, line, err)
		}
		count.In++
		if skipped == "" {
			count.Converted++
		} else {
			count.Skipped[skipped]++
		}
	}
}

// syntheticFields are what a foreign source never has and a registration needs.
func syntheticFields() []string {
	return []string{"name", "licence_number", "legal_representative", "identity_number", "phone", "payout_account", "payout_bank", fileRegistry}
}

// disguise gives each merchant of the book made-up identifiers, marked as
// such (with the files in also, which the converter made up itself), and a
// registry record in good standing from a year before since.
func (c *converter) disguise(seed uint64, asOf time.Time, since func(merchantID string) time.Time, also ...string) {
	people := Generate(GenerateOptions{Merchants: max(1, len(c.book.merchants)), Seed: seed, AsOf: asOf})
	for i := range c.book.merchants {
		m, made := &c.book.merchants[i], people.profile(i).merchant
		m.LicenceNumber, m.LegalRep, m.IdentityNumber = made.LicenceNumber, made.LegalRep, made.IdentityNumber
		m.Phone, m.PayoutAccount, m.PayoutBank = made.Phone, made.PayoutAccount, made.PayoutBank
		m.SyntheticFields = append(syntheticFields(), also...)
		c.book.registry[m.LicenceNumber] = evidence.RegistryRecord{
			LicenceNumber: m.LicenceNumber, Name: m.Name, LegalRep: m.LegalRep, Status: evidence.RegistryActive,
			EstablishedAt: since(m.ID).Truncate(days(1)).AddDate(-1, 0, 0), Industry: m.Industry, Kind: "individual",
		}
	}
}

// minorUnits reads a decimal amount and takes its minor unit (a cent, a
// haléř) one to one as a fen.
func minorUnits(text string) (money.Amount, error) {
	amount, err := money.Parse(text)
	if err != nil {
		return 0, fmt.Errorf("amount %q: %w", text, err)
	}
	return amount, nil
}

// foreignTime reads a moment without a zone as UTC; "" is the zero time.
func foreignTime(layout, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	moment, err := time.ParseInLocation(layout, text, time.UTC)
	if err != nil {
		return time.Time{}, fmt.Errorf("time %q is not like %q", text, layout)
	}
	return moment, nil
}

// grams reads a weight that may be written as a decimal; unreadable is not said.
func grams(text string) int32 {
	weight, err := strconv.ParseFloat(text, 64)
	if err != nil || weight < 0 || weight > 1e8 {
		return 0
	}
	return int32(weight)
}
