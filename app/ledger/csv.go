package ledger

import (
	"encoding/csv"
	"fmt"
	"io"
	"iter"
	"strconv"
	"time"
)

// csvHeader names the columns of WriteCSV. Amounts are fen, debit positive;
// moments are UTC.
func csvHeader() []string {
	return []string{"journal_id", "key", "subject", "kind", "reverses_id", "booked_at", "posting", "account", "amount_fen"}
}

// WriteCSV writes a row per posting, in the order the journals come in, and
// gives how many journals it wrote. told, if not nil, hears that number every
// thousand journals.
func WriteCSV(w io.Writer, journals iter.Seq2[Journal, error], told func(journals int)) (int, error) {
	table := csv.NewWriter(w)
	if err := table.Write(csvHeader()); err != nil {
		return 0, fmt.Errorf("write journals: %w", err)
	}
	written := 0
	for j, err := range journals {
		if err != nil {
			return written, err
		}
		booked := j.BookedAt.UTC().Format(time.RFC3339Nano)
		for n, posting := range j.Postings {
			err := table.Write([]string{
				j.ID, j.Key, j.Subject, j.Kind, j.ReversesID, booked, strconv.Itoa(n), string(posting.Account),
				strconv.FormatInt(int64(posting.Amount), 10),
			})
			if err != nil {
				return written, fmt.Errorf("write journals: %w", err)
			}
		}
		if written++; told != nil && written%1000 == 0 {
			told(written)
		}
	}
	table.Flush()
	if err := table.Error(); err != nil {
		return written, fmt.Errorf("write journals: %w", err)
	}
	return written, nil
}
