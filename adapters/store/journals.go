package store

import (
	"context"
	"errors"
	"iter"
	"time"

	"gorm.io/gorm"

	"loan310/app/ledger"
	"loan310/app/money"
)

// conditions gives a filter as conditions on journals j.
func conditions(f ledger.Filter) ([]string, []any) {
	var where []string
	var args []any
	add := func(condition string, arg any) { where, args = append(where, condition), append(args, arg) }
	if f.Subject != "" {
		add("subject = ?", f.Subject)
	}
	if f.Kind != "" {
		add("kind = ?", f.Kind)
	}
	if f.Account != "" {
		add("EXISTS (SELECT 1 FROM postings q WHERE q.journal_id = j.id AND q.account = ?)", string(f.Account))
	}
	if !f.From.IsZero() {
		add("booked_at >= ?", f.From.UnixMicro())
	}
	if !f.Before.IsZero() {
		add("booked_at < ?", f.Before.UnixMicro())
	}
	return where, args
}

// linesOf is what each reads, a row per posting; journals without any come
// with a NULL.
const linesOf = "SELECT j.id, j.key, j.subject, j.kind, j.reverses_id, j.booked_at, p.account, p.amount_fen FROM "

// JournalPage lists journals, newest first, and gives the next page's cursor,
// empty at the end. At most 200 at a time.
func (l *Ledger) JournalPage(ctx context.Context, f ledger.Filter, cursorText string, limit int) ([]ledger.Journal, string, error) {
	page, err := newPage(cursorText, limit)
	if err != nil {
		return nil, "", failed("listing journals", err)
	}
	where, args := conditions(f)
	where, args = page.where(where, args, "booked_at")
	found := make([]ledger.Journal, 0, page.limit)
	err = each(ctx, l.db.engine.reader(), func(j ledger.Journal) error { found = append(found, j); return nil },
		linesOf+"(SELECT * FROM journals j"+and(where)+" ORDER BY booked_at DESC, id DESC"+limited(page.limit+1)+
			") AS j LEFT JOIN postings p ON p.journal_id = j.id ORDER BY j.booked_at DESC, j.id DESC, p.n", args...)
	if err != nil {
		return nil, "", failed("listing journals", err)
	}
	next := ""
	if len(found) > page.limit {
		found = found[:page.limit]
		last := found[len(found)-1]
		next = cursor(last.BookedAt, last.ID)
	}
	return found, next, nil
}

// Journals lists what was booked about a subject, in order of booking.
func (l *Ledger) Journals(ctx context.Context, subject string) ([]ledger.Journal, error) {
	found := []ledger.Journal{}
	err := each(ctx, l.db.engine.reader(), func(j ledger.Journal) error { found = append(found, j); return nil },
		linesOf+"journals j LEFT JOIN postings p ON p.journal_id = j.id WHERE j.subject = ? ORDER BY j.booked_at, j.id, p.n", subject)
	return found, failed("listing journals", err)
}

// Walk gives the journals of a filter in order of booking, as of one moment
// and one at a time. An error ends the walk.
func (l *Ledger) Walk(ctx context.Context, f ledger.Filter) iter.Seq2[ledger.Journal, error] {
	return func(yield func(ledger.Journal, error) bool) {
		where, args := conditions(f)
		err := l.db.engine.snapshot(ctx, func(ctx context.Context, tx *gorm.DB) error {
			return each(ctx, tx, func(j ledger.Journal) error {
				if !yield(j, nil) {
					return errEnough
				}
				return nil
			}, linesOf+"journals j LEFT JOIN postings p ON p.journal_id = j.id"+and(where)+" ORDER BY j.booked_at, j.id, p.n", args...)
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(ledger.Journal{}, failed("walking the journals", err))
		}
	}
}

// errEnough ends a walk whose caller wants no more.
var errEnough = errors.New("enough")

// each runs a query of linesOf whose rows of one journal stand together, and
// hands on journal by journal.
func each(ctx context.Context, tx *gorm.DB, hand func(ledger.Journal) error, sql string, args ...any) error {
	rows, err := tx.WithContext(ctx).Raw(sql, args...).Rows()
	if err != nil {
		return ended(ctx, err)
	}
	defer func() { _ = rows.Close() }()
	var current ledger.Journal
	for rows.Next() {
		var id, key, subject, kind string
		var reverses, account *string
		var booked int64
		var amount *int64
		if err := rows.Scan(&id, &key, &subject, &kind, &reverses, &booked, &account, &amount); err != nil {
			return ended(ctx, err)
		}
		if id != current.ID {
			if current.ID != "" {
				if err := hand(current); err != nil {
					return err
				}
			}
			current = ledger.Journal{ID: id, Key: key, Subject: subject, Kind: kind, BookedAt: time.UnixMicro(booked).UTC()}
			if reverses != nil {
				current.ReversesID = *reverses
			}
		}
		if account != nil && amount != nil {
			current.Postings = append(current.Postings, ledger.Posting{Account: ledger.Account(*account), Amount: money.Amount(*amount)})
		}
	}
	if err := rows.Err(); err != nil {
		return ended(ctx, err)
	}
	if current.ID == "" {
		return nil
	}
	return hand(current)
}
