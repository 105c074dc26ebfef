package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"loan310/app/audit"
	"loan310/app/ident"
	"loan310/app/ledger"
	"loan310/app/money"
	"loan310/app/portfolio"
)

// provisionSubject begins what provisions are booked about: the class follows.
const provisionSubject = "provision/"

// Allowances gives the allowance on the books, by class.
func (s portfolios) Allowances(ctx context.Context) (map[portfolio.Class]money.Amount, error) {
	allowances, err := allowances(ctx, s.db.engine.reader())
	return allowances, failed("reading the allowance", err)
}

// allowances gives the credit balance of each class's allowance.
func allowances(ctx context.Context, tx *gorm.DB) (map[portfolio.Class]money.Amount, error) {
	in, args := "", []any{string(ledger.ProvisionAllowance)}
	for _, class := range portfolio.Classes {
		in, args = in+", ?", append(args, provisionSubject+string(class))
	}
	type allowanceRow struct {
		Subject string
		Amount  int64
	}
	rows, err := query[allowanceRow](ctx, tx, `SELECT j.subject, CAST(SUM(p.amount_fen) AS BIGINT) AS amount FROM journals j
		JOIN postings p ON p.journal_id = j.id WHERE p.account = ? AND j.subject IN (`+in[2:]+") GROUP BY j.subject", args...)
	found := map[portfolio.Class]money.Amount{}
	for _, row := range rows {
		found[portfolio.Class(strings.TrimPrefix(row.Subject, provisionSubject))] = money.Amount(-row.Amount)
	}
	return found, err
}

// Provide books what the allowance of each class lacks or has too much of.
// Journals of a class and month are numbered, so that of two who book at once
// one finds the other's key taken, looks again and finds nothing left to book.
func (s portfolios) Provide(ctx context.Context, p portfolio.Provision, now time.Time, entry audit.Entry) (map[portfolio.Class]money.Amount, error) {
	var before map[portfolio.Class]money.Amount
	provide := func() error {
		return s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) (err error) {
			// Counted first: whoever books in between has taken the next key.
			numbers := make([]int, len(p.Lines))
			for i, line := range p.Lines {
				numbers[i], err = queryOne[int](ctx, tx, "SELECT COUNT(*) FROM journals WHERE subject = ? AND key LIKE ?",
					provisionSubject+string(line.Class), provisionKey(p.Month, line.Class)+"%")
				if err != nil {
					return err
				}
			}
			if before, err = allowances(ctx, tx); err != nil {
				return err
			}
			booked := false
			for i, line := range p.Lines {
				missing := line.Required - before[line.Class]
				if missing == 0 {
					continue
				}
				err = book(ctx, tx, ledger.Journal{
					ID: ident.NewID(), Key: fmt.Sprintf("%s%d", provisionKey(p.Month, line.Class), numbers[i]+1),
					Subject: provisionSubject + string(line.Class), Kind: "provision", BookedAt: now,
					Postings: []ledger.Posting{{Account: ledger.ProvisionExpense, Amount: missing}, {Account: ledger.ProvisionAllowance, Amount: -missing}},
				})
				if err != nil {
					return err
				}
				booked = true
			}
			if !booked {
				return nil
			}
			return record(ctx, tx, entry)
		})
	}
	err := provide()
	for range maxTries {
		if !duplicate(err, "journals_key", "journals.key") {
			break
		}
		err = provide()
	}
	return before, failed("booking provisions", err)
}

// provisionKey begins the keys of a class's journals of a month.
func provisionKey(month portfolio.Month, class portfolio.Class) string {
	return fmt.Sprintf("provision:%s:%s:", month, class)
}
