package store

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"gorm.io/gorm"

	"loan310/app/audit"
	"loan310/app/fault"
	"loan310/app/ident"
	"loan310/app/ledger"
	"loan310/app/money"
)

// Ledger keeps the books.
type Ledger struct{ db *DB }

// Ledger gives the books.
func (db *DB) Ledger() *Ledger { return &Ledger{db} }

type journalRow struct {
	ID         string
	Key        string
	Subject    string
	Kind       string
	ReversesID *string
	BookedAt   moment
}

type postingRow struct {
	JournalID string
	N         int
	Account   string
	AmountFen int64
}

// book writes a balanced journal. Its key may be booked once only: a second
// booking is a unique key violated, which undoes the caller's transaction.
func book(ctx context.Context, tx *gorm.DB, j ledger.Journal) error {
	_, err := insertJournal(ctx, tx, j, "")
	return err
}

// bookOnce writes a balanced journal unless its key is booked already, and
// tells whether it did. The journal booked under the key is given; one with
// other content is a Mismatch of ledger.CodeOtherJournal.
func bookOnce(ctx context.Context, tx *gorm.DB, j ledger.Journal) (ledger.Journal, bool, error) {
	booked, err := insertJournal(ctx, tx, j, " ON CONFLICT DO NOTHING")
	if booked || err != nil {
		return j, booked, err
	}
	stored, err := journalWhere(ctx, tx, "key = ?", j.Key)
	if err != nil {
		return ledger.Journal{}, false, duplicateMissing(err)
	}
	if !stored.Same(j) {
		return ledger.Journal{}, false, fault.New(fault.Mismatch, ledger.CodeOtherJournal, "journal %s is booked with other content", j.Key)
	}
	return stored, false, nil
}

// insertJournal writes a balanced journal; onConflict may let it be left out,
// which it tells.
func insertJournal(ctx context.Context, tx *gorm.DB, j ledger.Journal, onConflict string) (bool, error) {
	if err := j.Check(); err != nil {
		return false, err
	}
	var reverses *string
	if j.ReversesID != "" {
		reverses = &j.ReversesID
	}
	inserted, err := exec(ctx, tx, "INSERT INTO journals (id, key, subject, kind, reverses_id, booked_at) VALUES (?, ?, ?, ?, ?, ?)"+onConflict,
		j.ID, j.Key, j.Subject, j.Kind, reverses, at(j.BookedAt))
	if err != nil || inserted == 0 {
		return false, err
	}
	values := make([]any, 0, 4*len(j.Postings))
	for n, posting := range j.Postings {
		values = append(values, j.ID, n, string(posting.Account), int64(posting.Amount))
	}
	_, err = exec(ctx, tx, "INSERT INTO postings (journal_id, n, account, amount_fen) VALUES (?, ?, ?, ?)"+
		strings.Repeat(", (?, ?, ?, ?)", len(j.Postings)-1), values...)
	return err == nil, err
}

// Book writes a balanced journal and gives it as it is booked: booking the
// same again books nothing. Errors: fault.Internal of ledger's codes for a
// journal that breaks their rules, a Mismatch of ledger.CodeOtherJournal for
// a key booked with other content.
func (l *Ledger) Book(ctx context.Context, j ledger.Journal, entry audit.Entry) (ledger.Journal, error) {
	var stored ledger.Journal
	err := l.db.in(ctx, func(ctx context.Context, tx *gorm.DB) (err error) {
		var booked bool
		if stored, booked, err = bookOnce(ctx, tx, j); err != nil || !booked {
			return err
		}
		return record(ctx, tx, entry)
	})
	return stored, failed("booking a journal", err)
}

// Reverse books the journal that undoes another, once: reversing again gives
// the reversal there is. The caller keeps in step what the journal is about.
// Errors: NotFound, and a Conflict of ledger.CodeReversal for a journal that
// is a reversal itself.
func (l *Ledger) Reverse(ctx context.Context, id string, now time.Time, entry audit.Entry) (ledger.Journal, error) {
	var stored ledger.Journal
	err := l.db.in(ctx, func(ctx context.Context, tx *gorm.DB) (err error) {
		var booked bool
		if stored, booked, err = reverse(ctx, tx, id, now); err != nil || !booked {
			return err
		}
		return record(ctx, tx, entry)
	})
	return stored, failed("reversing a journal", err)
}

// reverse is Reverse inside a transaction; it tells whether it booked.
func reverse(ctx context.Context, tx *gorm.DB, id string, now time.Time) (ledger.Journal, bool, error) {
	original, err := journalByID(ctx, tx, id)
	if err != nil {
		return ledger.Journal{}, false, err
	}
	if original.ReversesID != "" {
		return ledger.Journal{}, false, fault.New(fault.Conflict, ledger.CodeReversal, "journal %s is a reversal; book what is right anew", original.Key)
	}
	return bookOnce(ctx, tx, original.Reverse(ident.DerivedID(original.ID, "reversed"), now))
}

// journalByID reads one journal with its postings.
func journalByID(ctx context.Context, tx *gorm.DB, id string) (ledger.Journal, error) {
	j, err := journalWhere(ctx, tx, "id = ?", id)
	return j, missing("journal", err)
}

// journalWhere reads the first journal of a condition, with its postings.
func journalWhere(ctx context.Context, tx *gorm.DB, condition string, args ...any) (ledger.Journal, error) {
	row, err := queryOne[journalRow](ctx, tx, "SELECT * FROM journals WHERE "+condition, args...)
	if err != nil {
		return ledger.Journal{}, err
	}
	postings, err := query[postingRow](ctx, tx, "SELECT * FROM postings WHERE journal_id = ? ORDER BY n", row.ID)
	if err != nil {
		return ledger.Journal{}, err
	}
	return journalOf(row, postings), nil
}

func journalOf(row journalRow, postings []postingRow) ledger.Journal {
	j := ledger.Journal{ID: row.ID, Key: row.Key, Subject: row.Subject, Kind: row.Kind, BookedAt: row.BookedAt.Time}
	if row.ReversesID != nil {
		j.ReversesID = *row.ReversesID
	}
	for _, p := range postings {
		j.Postings = append(j.Postings, ledger.Posting{Account: ledger.Account(p.Account), Amount: money.Amount(p.AmountFen)})
	}
	return j
}

// PaidKey is a payout our books hold as paid, to compare with a rail's book.
type PaidKey struct {
	Key     string // our reference at the rail
	Rail    string
	RailRef string // the rail's own reference
	Amount  money.Amount
}

// paidPage is how many paid keys are read at a time.
const paidPage = 1000

// PaidKeys walks every paid payout in order of key, in bounded memory. An
// error ends the walk.
func (l *Ledger) PaidKeys(ctx context.Context) iter.Seq2[PaidKey, error] {
	return func(yield func(PaidKey, error) bool) {
		for after := ""; ; {
			rows, err := query[payoutRow](ctx, l.db.engine.reader(), `SELECT key, rail, rail_ref, amount_fen FROM payouts
				WHERE key > ? AND state = 'paid' ORDER BY key`+limited(paidPage), after)
			if err != nil {
				yield(PaidKey{}, failed(fmt.Sprintf("listing paid payouts after %q", after), err))
				return
			}
			for _, row := range rows {
				if !yield(PaidKey{row.Key, row.Rail, row.RailRef, money.Amount(row.AmountFen)}, nil) {
					return
				}
				after = row.Key
			}
			if len(rows) < paidPage {
				return
			}
		}
	}
}
