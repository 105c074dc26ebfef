package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"loan310/app/ledger"
	"loan310/app/money"
)

// LedgerReport is what Verify found: the books beside what they must equal.
// It is sound when Faults is empty.
type LedgerReport struct {
	Journals int64
	Postings int64
	Subjects int64
	Balances []ledger.Balance
	Faults   []LedgerFault
	found    map[string]int // faults by rule
}

// Sound tells whether nothing was found.
func (r *LedgerReport) Sound() bool { return len(r.Faults) == 0 }

// add keeps faults, at most maxFaults of each rule.
func (r *LedgerReport) add(faults ...LedgerFault) {
	for _, f := range faults {
		if r.found[f.Rule]++; r.found[f.Rule] <= maxFaults {
			r.Faults = append(r.Faults, f)
		}
	}
}

// LedgerFault is one contradiction. Want and Have are in fen unless Rule says
// otherwise.
type LedgerFault struct {
	Rule    string // one of the Rule constants
	Subject string // journal, line, drawdown or account, or what journals are about
	Want    money.Amount
	Have    money.Amount
}

// The rules Verify checks.
const (
	RuleJournalBalances = "journal_sums_to_zero"           // Have: the sum
	RuleJournalLines    = "journal_has_two_postings"       // Have: number of postings
	RuleAccount         = "account_is_in_the_chart"        // a journal; Have: number of postings to other accounts
	RuleReversal        = "reversal_undoes_its_original"   // a journal; 1 = yes
	RuleSubject         = "subject_is_on_record"           // Want: 1; Have: journals about what does not exist
	RuleBooked          = "paid_is_booked"                 // a drawdown; Have: its journals
	RuleInTransit       = "in_transit_equals_open_payouts" // of a drawdown: a credit while its payout is open
	RuleReceivable      = "receivable_equals_drawn"        // of a drawdown, open or paid: what is paid out
	RuleSettlement      = "settlement_equals_paid"         // of a drawdown: a credit once paid over another rail than the bank
	RuleSettlementBank  = "settlement_bank_equals_paid"    // of a drawdown: a credit once paid over the bank rail
	RuleElsewhere       = "drawdown_books_nothing_else"    // of a drawdown: the sum of other accounts' amounts without sign
	RuleClosing         = "closing_equals_journals"        // an account at a closing; derived balances
	RuleLineUsed        = "line_used_equals_drawn"         // Want: open and paid drawdowns, less principal repaid
	RuleLineLimit       = "line_used_within_limit"         // Want: the limit
	RulePayout          = "payout_agrees_with_drawdown"    // 1 = yes
	RuleOnePaid         = "one_attempt_open_or_paid"       // Have: attempts of the drawdown
	maxFaults           = 100                              // per rule
)

type faultRow struct {
	Subject string
	Want    int64
	Have    int64
}

// latest are the payouts that count: of each drawdown the last attempt.
const latest = "(SELECT * FROM payouts a WHERE NOT EXISTS (SELECT 1 FROM payouts b WHERE b.drawdown_id = a.drawdown_id AND b.attempt > a.attempt))"

// recordRules are queries that give a row per contradiction among records;
// journals are walked.
func recordRules() []struct{ rule, sql string } {
	return []struct{ rule, sql string }{
		{RuleLineUsed, `SELECT l.id AS subject, CAST(COALESCE(SUM(d.amount_fen - COALESCE(n.released_fen, 0)), 0) AS BIGINT) AS want, l.used_fen AS have
			FROM lines l LEFT JOIN drawdowns d ON d.line_id = l.id AND d.state IN ('paying', 'unknown', 'paid') LEFT JOIN loans n ON n.id = d.id
			GROUP BY l.id, l.used_fen HAVING COALESCE(SUM(d.amount_fen - COALESCE(n.released_fen, 0)), 0) <> l.used_fen`},
		{RuleLoanNotes, loanNotes},
		{RuleDebitBooked, debitBooked},
		{RuleDebitOne, debitOne},
		{RuleLineLimit, `SELECT id AS subject, limit_fen AS want, used_fen AS have FROM lines WHERE used_fen > limit_fen OR used_fen < 0`},
		{RulePayout, `SELECT d.id AS subject, 1 AS want, 0 AS have FROM drawdowns d LEFT JOIN ` + latest + ` p ON p.drawdown_id = d.id
			WHERE (d.state = 'requested' AND p.key IS NOT NULL)
			OR (d.state IN ('paying', 'unknown', 'paid') AND p.key IS NULL)
			OR (p.key IS NOT NULL AND (p.amount_fen <> d.amount_fen - d.fee_fen
				OR CASE p.state WHEN 'requested' THEN 'paying' WHEN 'sent' THEN 'paying' ELSE p.state END <> d.state))`},
		{RuleOnePaid, `SELECT drawdown_id AS subject, 1 AS want, COUNT(*) AS have FROM payouts
			WHERE state NOT IN ('failed', 'reversed') GROUP BY drawdown_id HAVING COUNT(*) > 1`},
		{RuleBooked, `SELECT d.id AS subject, 1 AS want, 0 AS have FROM drawdowns d LEFT JOIN journals j ON j.subject = 'drawdown/' || d.id
			WHERE d.state IN ('paying', 'unknown', 'paid') AND j.id IS NULL`},
	}
}

// Verify holds the books against what they are about, as of one moment: every
// journal by itself, every subject's sums against its record, derived balances
// against the journals, and records against each other. It walks all journals
// in bounded memory. The error is about reading; what does not fit is in the
// report, at most 100 of each rule.
func (l *Ledger) Verify(ctx context.Context) (LedgerReport, error) { return l.VerifyTelling(ctx, nil) }

// VerifyTelling is Verify that tells now and then how many journals of how
// many it has walked.
func (l *Ledger) VerifyTelling(ctx context.Context, told func(done, of int)) (LedgerReport, error) {
	var report LedgerReport
	err := l.db.seeing(ctx, func(ctx context.Context, tx *gorm.DB) error {
		report = LedgerReport{found: map[string]int{}}
		if err := walkBooks(ctx, tx, &report, told); err != nil {
			return err
		}
		loans, err := auditLoans(ctx, tx)
		if err != nil {
			return err
		}
		report.add(loans...)
		borrowers, err := auditBorrowers(ctx, tx, time.UnixMicro(0))
		if err != nil {
			return err
		}
		report.add(borrowers...)
		for _, check := range recordRules() {
			rows, err := query[faultRow](ctx, tx, check.sql+limited(maxFaults))
			if err != nil {
				return err
			}
			for _, row := range rows {
				report.add(LedgerFault{check.rule, row.Subject, money.Amount(row.Want), money.Amount(row.Have)})
			}
		}
		return nil
	})
	return report, failed("verifying the ledger", err)
}
