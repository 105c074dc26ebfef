package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"loan310/app/fault"
	"loan310/app/ledger"
	"loan310/app/money"
)

// closingLag is how old a closing's moment must be: whoever booked before it
// has committed by then, for no transaction lasts that long.
const closingLag = time.Hour

type balanceRow struct {
	Account string
	Amount  int64
	Count   int64
}

// TrialBalance gives the balance of every account of the chart, in its order,
// and of any other account that was posted to, after them: of the journals
// booked before a moment, or of all when it is zero. It starts at the last
// closing before the moment, if there is one, and adds what was booked since.
func (l *Ledger) TrialBalance(ctx context.Context, before time.Time) ([]ledger.Balance, error) {
	var balances []ledger.Balance
	err := l.db.seeing(ctx, func(ctx context.Context, tx *gorm.DB) (err error) {
		balances, err = trialBalance(ctx, tx, before)
		return err
	})
	return balances, failed("reading the trial balance", err)
}

func trialBalance(ctx context.Context, tx *gorm.DB, before time.Time) ([]ledger.Balance, error) {
	until, bound := int64(0), ""
	if !before.IsZero() {
		until, bound = before.UnixMicro(), " WHERE before <= ?"
	}
	closed, err := queryOne[struct{ Last *int64 }](ctx, tx, "SELECT MAX(before) AS last FROM ledger_closings"+bound, arguments(bound, until)...)
	if err != nil {
		return nil, err
	}
	var where []string
	var args []any
	var rows []balanceRow
	if closed.Last != nil {
		rows, err = query[balanceRow](ctx, tx, "SELECT account, amount_fen AS amount, postings AS count FROM ledger_closings WHERE before = ? ORDER BY account", *closed.Last)
		if err != nil {
			return nil, err
		}
		where, args = append(where, "j.booked_at >= ?"), append(args, *closed.Last)
	}
	if bound != "" {
		where, args = append(where, "j.booked_at < ?"), append(args, until)
	}
	from := "postings p"
	if len(where) > 0 {
		from += " JOIN journals j ON j.id = p.journal_id"
	}
	since, err := query[balanceRow](ctx, tx, "SELECT p.account, CAST(SUM(p.amount_fen) AS BIGINT) AS amount, COUNT(*) AS count FROM "+
		from+and(where)+" GROUP BY p.account ORDER BY p.account", args...)
	if err != nil {
		return nil, err
	}
	return inOrder(append(rows, since...)), nil
}

// arguments gives the argument of a bound, if there is one.
func arguments(bound string, value int64) []any {
	if bound == "" {
		return nil
	}
	return []any{value}
}

// inOrder sums rows by account: the chart first, in its order, then others.
func inOrder(rows []balanceRow) []ledger.Balance {
	balances := make([]ledger.Balance, 0, len(ledger.Accounts))
	position := make(map[ledger.Account]int, len(ledger.Accounts))
	for i, account := range ledger.Accounts {
		balances = append(balances, ledger.Balance{Account: account})
		position[account] = i
	}
	for _, row := range rows {
		i, ok := position[ledger.Account(row.Account)]
		if !ok {
			i = len(balances)
			position[ledger.Account(row.Account)] = i
			balances = append(balances, ledger.Balance{Account: ledger.Account(row.Account)})
		}
		balances[i].Amount += money.Amount(row.Amount)
		balances[i].Count += row.Count
	}
	return balances
}

// Close stores the balances of the journals booked before a moment, so that
// later trial balances need not sum them again. Closing a moment again makes
// its balances anew. The moment must be an hour ago or more.
func (l *Ledger) Close(ctx context.Context, before time.Time) error {
	if l.db.clock().Sub(before) < closingLag {
		return fault.Field("before", fault.CodeInvalid, "Books are closed an hour after the moment at the earliest.")
	}
	err := l.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		if _, err := exec(ctx, tx, "DELETE FROM ledger_closings WHERE before = ?", before.UnixMicro()); err != nil {
			return err
		}
		balances, err := trialBalance(ctx, tx, before)
		if err != nil {
			return err
		}
		for _, b := range balances {
			if b.Count == 0 {
				continue
			}
			_, err := exec(ctx, tx, "INSERT INTO ledger_closings (before, account, amount_fen, postings) VALUES (?, ?, ?, ?)",
				before.UnixMicro(), string(b.Account), int64(b.Amount), b.Count)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return failed("closing the books", err)
}

// Reopen forgets every closing; the journals stay as they are.
func (l *Ledger) Reopen(ctx context.Context) error {
	err := l.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		_, err := exec(ctx, tx, "DELETE FROM ledger_closings")
		return err
	})
	return failed("forgetting closings", err)
}
