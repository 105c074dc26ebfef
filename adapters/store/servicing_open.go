package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"loan310/app/fault"
	"loan310/app/money"
	"loan310/app/servicing"
	"loan310/app/servicing/loan"
	"loan310/scoring"
)

// openLoan makes the loan of a drawdown that was just paid, in the same
// transaction. It gives whether there is one now: a contract that cannot be
// made never undoes a payment that happened, and OpenMissing comes back to it.
func (db *DB) openLoan(ctx context.Context, tx *gorm.DB, d drawdownRow) (bool, error) {
	terms, err := queryOne[document[scoring.Terms]](ctx, tx, "SELECT terms FROM lines WHERE id = ?", d.LineID)
	if err != nil {
		return false, missing("line", err)
	}
	contract, err := servicing.NewContract(db.products, servicing.Terms{
		DrawdownID: d.ID, MerchantID: d.MerchantID, Amount: money.Amount(d.AmountFen), RateBps: money.BasisPoints(d.RateBps),
		TenorMonths: d.TenorMonths, Repayment: scoring.RepaymentType(d.Repayment), DayCountBase: terms.of.DayCountBase, PaidAt: d.SettledAt.Time,
		ProductID: d.ProductID, ProductVersion: d.ProductVersion, Fee: money.Amount(d.FeeFen),
	})
	var opened servicing.Update
	if err == nil {
		opened, err = servicing.Open(contract, d.LineID, d.SettledAt.Time)
	}
	if err != nil {
		db.logger.ErrorContext(ctx, "no loan could be made of a paid drawdown", "drawdown_id", d.ID, "error", err)
		return false, nil
	}
	l := &opened.Loan
	inserted, err := exec(ctx, tx, `INSERT INTO loans (id, version, line_id, merchant_id, part, contract, principal_fen, released_fen, disbursed_on, opened_at,
		through_on, wake_on, state, outstanding_fen, due_fen, overdue_fen, credit_fen, written_off_fen, recovered_fen, dpd, worst_dpd, class, next_due, next_due_fen)
		VALUES (?, 0, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0, 0, 0, 0, ?, ?, ?) ON CONFLICT DO NOTHING`,
		l.ID, l.LineID, l.MerchantID, servicing.Part(l.ID), document[loan.Contract]{contract}, int64(contract.Principal), int32(contract.DisbursedOn), at(l.OpenedAt),
		int32(l.Through), dayOrNull(l.Wake), string(l.State), int64(l.Outstanding), string(l.Class), dayOrNull(l.NextDue), int64(l.NextAmount))
	if err != nil || inserted == 0 {
		return err == nil, err
	}
	changes := []loanChange{{before: servicing.Record{Loan: servicing.Loan{ID: l.ID}}, update: opened}}
	if err := storeJournals(ctx, tx, changes); err != nil {
		return false, err
	}
	if err := storeInstalments(ctx, tx, changes); err != nil {
		return false, err
	}
	return true, classify(ctx, tx, changes, d.SettledAt.Time)
}

// OpenMissing makes the loans of paid drawdowns that have none.
func (s loans) OpenMissing(ctx context.Context, limit int) (made, unmade int, err error) {
	ids, err := query[string](ctx, s.db.engine.reader(), `SELECT d.id FROM drawdowns d LEFT JOIN loans l ON l.id = d.id
		WHERE d.state = 'paid' AND l.id IS NULL ORDER BY d.settled_at, d.id`+limited(limit))
	if err != nil {
		return 0, 0, failed("looking for drawdowns without a loan", err)
	}
	for _, id := range ids {
		ok := false
		err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
			row, err := queryOne[drawdownRow](ctx, tx, "SELECT * FROM drawdowns WHERE id = ? AND state = 'paid'"+s.db.forUpdate(""), id)
			if err != nil {
				return missing("drawdown", err)
			}
			ok, err = s.db.openLoan(ctx, tx, row)
			return err
		})
		switch {
		case fault.KindOf(err) == fault.NotFound: // its payout came back meanwhile
		case err != nil:
			return made, unmade, failed("making a loan", err)
		case ok:
			made++
		default:
			unmade++
		}
	}
	return made, unmade, nil
}

// cancelLoan gives the line of a payout that came back its headroom and ends
// the loan, if there is one.
func (s drawdowns) cancelLoan(ctx context.Context, tx *gorm.DB, d drawdownRow, now time.Time) error {
	row, err := queryOne[loanRow](ctx, tx, "SELECT * FROM loans WHERE id = ?"+s.db.forUpdate(""), d.ID)
	if none(err) {
		return release(ctx, tx, d, 0)
	}
	if err != nil {
		return err
	}
	records, err := recordsOf(ctx, tx, []loanRow{row})
	if err != nil {
		return err
	}
	if err := release(ctx, tx, d, money.Amount(row.ReleasedFen)); err != nil {
		return err
	}
	return storeLoans(ctx, tx, []loanChange{{records[0], servicing.Cancel(&records[0], now)}}, now)
}
