package store

import (
	"context"

	"gorm.io/gorm"

	"loan310/app/money"
	"loan310/app/servicing"
)

// The rules of loans that Verify checks.
const (
	RuleLoanBooks    = "loan_books_equal_its_events"   // Want: entries to book, Have: journals to reverse
	RuleLoanPosition = "loan_position_equals_replay"   // Want: principal outstanding by the events
	RuleLoanHeadroom = "headroom_returned_is_repaid"   // Want: principal no longer owed; Have: less than that was given back to the line
	RuleLoanNotes    = "loan_journal_is_noted_rightly" // Have: 1 = its note is missing or tells otherwise of its reversal
)

// loansAtOnce is how many loans are recomputed at a time.
const loansAtOnce = 256

// auditLoans recomputes every loan from its contract and events and holds the
// entries that follow against the journals that stand, in bounded memory.
func auditLoans(ctx context.Context, tx *gorm.DB) ([]LedgerFault, error) {
	var faults []LedgerFault
	for after := ""; ; {
		rows, err := query[loanRow](ctx, tx, "SELECT * FROM loans WHERE id > ? ORDER BY id"+limited(loansAtOnce), after)
		if err != nil || len(rows) == 0 {
			return faults, err
		}
		after = rows[len(rows)-1].ID
		records, err := recordsOf(ctx, tx, rows)
		if err != nil {
			return nil, err
		}
		for i := range records {
			faults = append(faults, auditLoan(&records[i])...)
			if len(faults) >= 2*maxFaults {
				return faults, nil
			}
		}
	}
}

func auditLoan(record *servicing.Record) []LedgerFault {
	changes, outstanding, err := servicing.Recompute(record)
	if err != nil {
		return []LedgerFault{{RuleLoanBooks, record.Loan.ID + ": " + err.Error(), 1, 0}}
	}
	var faults []LedgerFault
	if !changes.Empty() {
		faults = append(faults, LedgerFault{RuleLoanBooks, record.Loan.ID, money.Amount(len(changes.Book)), money.Amount(len(changes.Reverse))})
	}
	if outstanding != record.Loan.Outstanding {
		faults = append(faults, LedgerFault{RuleLoanPosition, record.Loan.ID, outstanding, record.Loan.Outstanding})
	}
	// More may have been given back: a repayment was reversed, and the line
	// had no room to take it again.
	if repaid := servicing.Headroom(&record.Loan); record.Loan.Released < repaid {
		faults = append(faults, LedgerFault{RuleLoanHeadroom, record.Loan.ID, repaid, record.Loan.Released})
	}
	return faults
}

// loanNotes finds journals of loans whose note is missing, or says otherwise
// than the journals whether they are reversed.
const loanNotes = `SELECT j.id AS subject, 0 AS want, 1 AS have FROM loans n JOIN journals j ON j.subject = 'loan/' || n.id
	LEFT JOIN loan_journals b ON b.journal_id = j.id LEFT JOIN journals r ON r.reverses_id = j.id
	WHERE j.reverses_id IS NULL AND (b.journal_id IS NULL OR (b.reversed_cause IS NULL) <> (r.id IS NULL))`
