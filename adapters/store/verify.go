package store

import (
	"context"

	"gorm.io/gorm"

	"loan310/app/ledger"
	"loan310/app/money"
)

// LedgerReport is what Verify found: the books beside what they must equal.
// It is sound when Faults is empty.
type LedgerReport struct {
	Journals int64
	Postings int64
	Balances []ledger.Balance
	Faults   []LedgerFault
}

// Sound tells whether nothing was found.
func (r LedgerReport) Sound() bool { return len(r.Faults) == 0 }

// LedgerFault is one contradiction. Want and Have are in fen unless Rule says
// otherwise.
type LedgerFault struct {
	Rule    string // one of the Rule constants
	Subject string // journal, line or drawdown id; empty for a total
	Want    money.Amount
	Have    money.Amount
}

// The rules Verify checks.
const (
	RuleJournalBalances = "journal_sums_to_zero"           // Have: the sum
	RuleJournalLines    = "journal_has_two_postings"       // Have: number of postings
	RuleLineUsed        = "line_used_equals_drawn"         // Want: open and paid drawdowns
	RuleLineLimit       = "line_used_within_limit"         // Want: the limit
	RuleInTransit       = "in_transit_equals_open_payouts" // a credit balance
	RuleReceivable      = "receivable_equals_drawn"        // open and paid drawdowns
	RuleSettlement      = "settlement_equals_paid"         // a credit balance
	RuleSettlementBank  = "settlement_bank_equals_paid"    // a credit balance
	RulePayout          = "payout_agrees_with_drawdown"    // 1 = yes
	RuleReversed        = "failed_payout_is_reversed"      // Want and Have: reversals
	RuleBooked          = "paid_payout_is_booked_once"     // Want and Have: journals of the drawdown
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

// journalsOf is how many journals a drawdown has in a state of its payout p.
const journalsOf = "CASE p.state WHEN 'paid' THEN 2 WHEN 'failed' THEN 2 WHEN 'reversed' THEN 4 ELSE 1 END"

// ledgerRules are queries that give a row per contradiction.
func ledgerRules() []struct{ rule, sql string } {
	return []struct{ rule, sql string }{
		{RuleJournalBalances, `SELECT journal_id AS subject, 0 AS want, CAST(SUM(amount_fen) AS BIGINT) AS have
			FROM postings GROUP BY journal_id HAVING SUM(amount_fen) <> 0`},
		{RuleJournalLines, `SELECT j.id AS subject, 2 AS want, COUNT(p.n) AS have
			FROM journals j LEFT JOIN postings p ON p.journal_id = j.id GROUP BY j.id HAVING COUNT(p.n) < 2`},
		{RuleLineUsed, `SELECT l.id AS subject, CAST(COALESCE(SUM(d.amount_fen), 0) AS BIGINT) AS want, l.used_fen AS have
			FROM lines l LEFT JOIN drawdowns d ON d.line_id = l.id AND d.state IN ('paying', 'unknown', 'paid')
			GROUP BY l.id, l.used_fen HAVING COALESCE(SUM(d.amount_fen), 0) <> l.used_fen`},
		{RuleLineLimit, `SELECT id AS subject, limit_fen AS want, used_fen AS have FROM lines WHERE used_fen > limit_fen OR used_fen < 0`},
		{RulePayout, `SELECT d.id AS subject, 1 AS want, 0 AS have FROM drawdowns d LEFT JOIN ` + latest + ` p ON p.drawdown_id = d.id
			WHERE (d.state = 'requested' AND p.key IS NOT NULL)
			OR (d.state IN ('paying', 'unknown', 'paid') AND p.key IS NULL)
			OR (p.key IS NOT NULL AND (p.amount_fen <> d.amount_fen
				OR CASE p.state WHEN 'requested' THEN 'paying' WHEN 'sent' THEN 'paying' ELSE p.state END <> d.state))`},
		{RuleReversed, `SELECT p.drawdown_id AS subject, CASE WHEN p.state IN ('failed', 'reversed') THEN 1 ELSE 0 END AS want, COUNT(r.id) AS have
			FROM ` + latest + ` p LEFT JOIN journals r ON r.reverses_id = p.journal_id
			GROUP BY p.drawdown_id, p.state HAVING COUNT(r.id) <> CASE WHEN p.state IN ('failed', 'reversed') THEN 1 ELSE 0 END`},
		{RuleBooked, `SELECT p.drawdown_id AS subject, ` + journalsOf + ` AS want, COUNT(j.id) AS have
			FROM ` + latest + ` p JOIN journals r ON r.id = p.journal_id LEFT JOIN journals j ON j.subject = r.subject
			GROUP BY p.drawdown_id, p.state HAVING COUNT(j.id) <> ` + journalsOf},
		{RuleOnePaid, `SELECT drawdown_id AS subject, 1 AS want, COUNT(*) AS have FROM payouts
			WHERE state NOT IN ('failed', 'reversed') GROUP BY drawdown_id HAVING COUNT(*) > 1`},
	}
}

// Verify holds the books against drawdowns, payouts and lines, as of one
// moment. It reads every row of them. The error is about reading; what does
// not fit is in the report, at most 100 of each kind.
func (l *Ledger) Verify(ctx context.Context) (LedgerReport, error) {
	var report LedgerReport
	err := l.db.seeing(ctx, func(ctx context.Context, tx *gorm.DB) error {
		report = LedgerReport{}
		for _, check := range ledgerRules() {
			rows, err := query[faultRow](ctx, tx, check.sql+limited(maxFaults))
			if err != nil {
				return err
			}
			for _, row := range rows {
				report.Faults = append(report.Faults, LedgerFault{check.rule, row.Subject, money.Amount(row.Want), money.Amount(row.Have)})
			}
		}
		return report.totals(ctx, tx)
	})
	return report, failed("verifying the ledger", err)
}

// totals compares the accounts with what drawdowns say they must be.
func (r *LedgerReport) totals(ctx context.Context, tx *gorm.DB) error {
	type totalRow struct {
		Journals int64
		Open     int64
		Paid     int64
		Bank     int64
	}
	total, err := queryOne[totalRow](ctx, tx, `SELECT
		(SELECT COUNT(*) FROM journals) AS journals,
		(SELECT CAST(COALESCE(SUM(amount_fen), 0) AS BIGINT) FROM drawdowns WHERE state IN ('paying', 'unknown')) AS open,
		(SELECT CAST(COALESCE(SUM(amount_fen), 0) AS BIGINT) FROM drawdowns WHERE state = 'paid') AS paid,
		(SELECT CAST(COALESCE(SUM(amount_fen), 0) AS BIGINT) FROM payouts WHERE state = 'paid' AND rail = 'bank') AS bank`)
	if err != nil {
		return err
	}
	if r.Balances, err = trialBalance(ctx, tx); err != nil {
		return err
	}
	r.Journals = total.Journals
	have := map[ledger.Account]money.Amount{}
	for _, balance := range r.Balances {
		have[balance.Account] = balance.Amount
		r.Postings += balance.Count
	}
	for _, must := range []LedgerFault{
		{Rule: RuleInTransit, Want: -money.Amount(total.Open), Have: have[ledger.PayoutInTransit]},
		{Rule: RuleReceivable, Want: money.Amount(total.Open + total.Paid), Have: have[ledger.PrincipalReceivable]},
		{Rule: RuleSettlement, Want: money.Amount(total.Bank - total.Paid), Have: have[ledger.Settlement]},
		{Rule: RuleSettlementBank, Want: -money.Amount(total.Bank), Have: have[ledger.SettlementBank]},
	} {
		if must.Want != must.Have {
			r.Faults = append(r.Faults, must)
		}
	}
	return nil
}
