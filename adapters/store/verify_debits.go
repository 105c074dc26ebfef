package store

import (
	"context"
	"strings"

	"gorm.io/gorm"

	"loan310/app/ledger"
	"loan310/app/money"
)

// The rules of debits that Verify checks.
const (
	RuleDebitSettled = "debit_settlement_equals_collected" // of a debit: in settlement, and taken from collection_in_transit
	RuleDebitPlaces  = "debit_books_nothing_else"          // of a debit: the sum of other accounts' amounts without sign
	RuleDebitBooked  = "collected_debit_is_booked"         // 1 = by a journal of its own and a repayment of its loan, of its amount
	RuleDebitOne     = "one_debit_under_way"               // Have: open debits of the loan
)

// auditDebits holds what is booked about debits against their states.
func auditDebits(ctx context.Context, tx *gorm.DB, batch []subjectBooks) ([]LedgerFault, error) {
	type rowOf struct {
		Key       string
		AmountFen int64
		State     string
	}
	keys := make([]any, auditBatch) // one statement for any number: the last key fills up
	for i := range keys {
		keys[i] = batch[min(i, len(batch)-1)].id
	}
	rows, err := query[rowOf](ctx, tx, "SELECT key, amount_fen, state FROM debits WHERE key IN (?"+strings.Repeat(", ?", auditBatch-1)+")", keys...)
	if err != nil {
		return nil, err
	}
	known := make(map[string]rowOf, len(rows))
	for _, row := range rows {
		known[row.Key] = row
	}
	var faults []LedgerFault
	for _, books := range batch {
		row, ok := known[books.id]
		if !ok {
			faults = append(faults, LedgerFault{RuleSubject, books.subject, 1, money.Amount(len(books.journals))})
			continue
		}
		want := money.Amount(0)
		if row.State == "collected" {
			want = money.Amount(row.AmountFen)
		}
		var elsewhere money.Amount
		for account, sum := range books.sums {
			if account != ledger.Settlement && account != ledger.CollectionInTransit {
				elsewhere += max(sum, -sum)
			}
		}
		for _, f := range []LedgerFault{
			{RuleDebitSettled, books.id, want, books.sums[ledger.Settlement]},
			{RuleDebitSettled, books.id, want, -books.sums[ledger.CollectionInTransit]},
			{RuleDebitPlaces, books.id, 0, elsewhere},
		} {
			if f.Want != f.Have {
				faults = append(faults, f)
			}
		}
	}
	return faults, nil
}

// Queries that give a row per debit that contradicts other records.
const (
	debitBooked = `SELECT d.key AS subject, 1 AS want, 0 AS have FROM debits d LEFT JOIN journals j ON j.key = d.key || ':collected'
		LEFT JOIN loan_events e ON e.id = d.event_id AND e.loan_id = d.loan_id AND e.amount_fen = d.amount_fen AND e.kind IN ('repayment', 'recovery')
		WHERE d.state = 'collected' AND (j.id IS NULL OR e.id IS NULL)`
	debitOne = `SELECT loan_id AS subject, 1 AS want, COUNT(*) AS have FROM debits WHERE state IN ('requested', 'sent', 'unknown')
		GROUP BY loan_id HAVING COUNT(*) > 1`
)
