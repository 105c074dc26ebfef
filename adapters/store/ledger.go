package store

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"gorm.io/gorm"

	"loan310/app/ledger"
	"loan310/app/money"
)

// Ledger reads the books. Writing is for the methods that move money.
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
	if err := j.Check(); err != nil {
		return err
	}
	var reverses *string
	if j.ReversesID != "" {
		reverses = &j.ReversesID
	}
	_, err := exec(ctx, tx, "INSERT INTO journals (id, key, subject, kind, reverses_id, booked_at) VALUES (?, ?, ?, ?, ?, ?)",
		j.ID, j.Key, j.Subject, j.Kind, reverses, at(j.BookedAt))
	if err != nil {
		return err
	}
	values := make([]any, 0, 4*len(j.Postings))
	for n, posting := range j.Postings {
		values = append(values, j.ID, n, string(posting.Account), int64(posting.Amount))
	}
	_, err = exec(ctx, tx, "INSERT INTO postings (journal_id, n, account, amount_fen) VALUES (?, ?, ?, ?)"+
		strings.Repeat(", (?, ?, ?, ?)", len(j.Postings)-1), values...)
	return err
}

// journalByID reads one journal with its postings.
func journalByID(ctx context.Context, tx *gorm.DB, id string) (ledger.Journal, error) {
	row, err := queryOne[journalRow](ctx, tx, "SELECT * FROM journals WHERE id = ?", id)
	if err != nil {
		return ledger.Journal{}, missing("journal", err)
	}
	postings, err := query[postingRow](ctx, tx, "SELECT * FROM postings WHERE journal_id = ? ORDER BY n", id)
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

// TrialBalance gives the balance of every account of the chart, in its order,
// and of any other account that was posted to, after them.
func (l *Ledger) TrialBalance(ctx context.Context) ([]ledger.Balance, error) {
	balances, err := trialBalance(ctx, l.db.engine.reader())
	return balances, failed("reading the trial balance", err)
}

func trialBalance(ctx context.Context, tx *gorm.DB) ([]ledger.Balance, error) {
	type balanceRow struct {
		Account string
		Amount  int64
		Count   int64
	}
	rows, err := query[balanceRow](ctx, tx, `SELECT account, CAST(SUM(amount_fen) AS BIGINT) AS amount, COUNT(*) AS count
		FROM postings GROUP BY account ORDER BY account`)
	if err != nil {
		return nil, err
	}
	balances := make([]ledger.Balance, 0, len(ledger.Accounts))
	position := make(map[ledger.Account]int, len(ledger.Accounts))
	for i, account := range ledger.Accounts {
		balances = append(balances, ledger.Balance{Account: account})
		position[account] = i
	}
	for _, row := range rows {
		balance := ledger.Balance{Account: ledger.Account(row.Account), Amount: money.Amount(row.Amount), Count: row.Count}
		if i, ok := position[balance.Account]; ok {
			balances[i] = balance
		} else {
			balances = append(balances, balance)
		}
	}
	return balances, nil
}

// Journals lists what was booked about a subject, in order of booking.
func (l *Ledger) Journals(ctx context.Context, subject string) ([]ledger.Journal, error) {
	var journals []ledger.Journal
	err := l.db.seeing(ctx, func(ctx context.Context, tx *gorm.DB) error {
		rows, err := query[journalRow](ctx, tx, "SELECT * FROM journals WHERE subject = ? ORDER BY booked_at, id", subject)
		if err != nil {
			return err
		}
		journals = make([]ledger.Journal, 0, len(rows))
		for _, row := range rows {
			postings, err := query[postingRow](ctx, tx, "SELECT * FROM postings WHERE journal_id = ? ORDER BY n", row.ID)
			if err != nil {
				return err
			}
			journals = append(journals, journalOf(row, postings))
		}
		return nil
	})
	return journals, failed("listing journals", err)
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
