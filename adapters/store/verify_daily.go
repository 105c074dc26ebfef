package store

import (
	"context"
	"slices"
	"time"

	"gorm.io/gorm"

	"loan310/app/money"
	"loan310/app/servicing/loan"
)

// RuleBorrower is the rule of borrowers that Verify checks.
const RuleBorrower = "borrower_class_is_its_loans_worst" // Want, Have: the rank, 1 = normal

// verifyAtOnce is how many lines or borrowers are checked at a time.
const verifyAtOnce = 512

// VerifyLines holds some lines against their draws and loans: what Verify
// checks of all of them.
func (l *Ledger) VerifyLines(ctx context.Context, ids []string) ([]LedgerFault, error) {
	var faults []LedgerFault
	for part := range slices.Chunk(ids, verifyAtOnce) {
		in, args := among(part)
		rows, err := query[faultRow](ctx, l.db.engine.reader(), `SELECT l.id AS subject, CAST(COALESCE(SUM(d.amount_fen - COALESCE(n.released_fen, 0)), 0) AS BIGINT) AS want,
			l.used_fen AS have FROM lines l LEFT JOIN drawdowns d ON d.line_id = l.id AND d.state IN ('paying', 'unknown', 'paid') LEFT JOIN loans n ON n.id = d.id
			WHERE l.id IN `+in+` GROUP BY l.id, l.used_fen, l.limit_fen
			HAVING COALESCE(SUM(d.amount_fen - COALESCE(n.released_fen, 0)), 0) <> l.used_fen OR l.used_fen > l.limit_fen`, args...)
		if err != nil {
			return nil, failed("verifying lines", err)
		}
		for _, row := range rows {
			faults = append(faults, LedgerFault{RuleLineUsed, row.Subject, money.Amount(row.Want), money.Amount(row.Have)})
		}
	}
	return faults, nil
}

// VerifyBorrowers holds the borrowers classified since a moment against their
// loans.
func (l *Ledger) VerifyBorrowers(ctx context.Context, since time.Time) ([]LedgerFault, error) {
	var faults []LedgerFault
	err := l.db.seeing(ctx, func(ctx context.Context, tx *gorm.DB) (err error) {
		faults, err = auditBorrowers(ctx, tx, since)
		return err
	})
	return faults, failed("verifying borrowers", err)
}

// auditBorrowers classifies borrowers anew.
func auditBorrowers(ctx context.Context, tx *gorm.DB, since time.Time) ([]LedgerFault, error) {
	var faults []LedgerFault
	for after := ""; ; {
		borrowers, err := query[borrowerRow](ctx, tx, "SELECT * FROM borrowers WHERE classified_at >= ? AND merchant_id > ? ORDER BY merchant_id"+limited(verifyAtOnce),
			since.UnixMicro(), after)
		if err != nil || len(borrowers) == 0 {
			return faults, err
		}
		after = borrowers[len(borrowers)-1].MerchantID
		ids := make([]string, len(borrowers))
		for i := range borrowers {
			ids[i] = borrowers[i].MerchantID
		}
		standings, err := standingsOf(ctx, tx, ids)
		if err != nil {
			return nil, err
		}
		for i := range borrowers {
			stored, want := &borrowers[i], loan.ClassifyBorrower(standings[borrowers[i].MerchantID])
			if loan.Class(stored.Class) != want.Class || stored.DPD != want.DPD || stored.WorstDPD != want.WorstDPD {
				faults = append(faults, LedgerFault{
					RuleBorrower, stored.MerchantID, money.Amount(want.Class.Rank()), money.Amount(loan.Class(stored.Class).Rank()),
				})
			}
		}
	}
}

// standingsOf gives how the loans of merchants stand, by merchant.
func standingsOf(ctx context.Context, tx *gorm.DB, merchants []string) (map[string][]loan.Standing, error) {
	type standingRow struct {
		MerchantID string
		State      string
		DPD        int `gorm:"column:dpd"`
		WorstDPD   int `gorm:"column:worst_dpd"`
		Class      string
	}
	in, args := among(merchants)
	found, err := query[standingRow](ctx, tx, "SELECT merchant_id, state, dpd, worst_dpd, class FROM loans WHERE state <> 'cancelled' AND merchant_id IN "+in, args...)
	standings := map[string][]loan.Standing{}
	for _, row := range found {
		standings[row.MerchantID] = append(standings[row.MerchantID], loan.Standing{
			Open: row.State != string(loan.Closed), DPD: row.DPD, WorstDPD: row.WorstDPD, Class: loan.Class(row.Class),
		})
	}
	return standings, err
}
