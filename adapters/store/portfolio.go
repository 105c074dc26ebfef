package store

import (
	"context"
	"errors"
	"iter"
	"strings"
	"time"

	"gorm.io/gorm"

	"loan310/app/cost"
	"loan310/app/fault"
	"loan310/app/money"
	"loan310/app/portfolio"
)

// Portfolio gives the store of month-end snapshots, provisions and costs.
// Days and months are those of the zone.
func (db *DB) Portfolio(zone *time.Location) portfolio.Store { return portfolios{db, zone} }

type portfolios struct {
	db   *DB
	zone *time.Location
}

type snapshotRow struct {
	Month          int
	LoanID         string
	OnDay          int
	Cohort         int
	DisbursedFen   int64
	OutstandingFen int64
	DPD            int `gorm:"column:dpd"`
	Class          string
	State          string
	ChargedOffFen  int64
	RecoveredFen   int64
}

// snapshotRows is how many snapshots one statement inserts.
const snapshotRows = 200

// SaveSnapshots stores rows in one transaction.
func (s portfolios) SaveSnapshots(ctx context.Context, rows []portfolio.Snapshot) error {
	err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error { return putSnapshots(ctx, tx, rows) })
	return failed("storing snapshots", err)
}

// putSnapshots stores rows inside a transaction, for an end of day that
// stores more than them. A row of the same loan and month is replaced.
func putSnapshots(ctx context.Context, tx *gorm.DB, rows []portfolio.Snapshot) error {
	for start := 0; start < len(rows); start += snapshotRows {
		part := rows[start:min(start+snapshotRows, len(rows))]
		values := make([]any, 0, 11*len(part))
		for _, r := range part {
			values = append(values, int(r.Month), r.LoanID, r.OnDay, int(r.Cohort), int64(r.Disbursed), int64(r.Outstanding),
				r.DPD, string(r.Class), string(r.State), int64(r.ChargedOff), int64(r.Recovered))
		}
		_, err := exec(ctx, tx, `INSERT INTO loan_snapshots (month, loan_id, on_day, cohort, disbursed_fen, outstanding_fen, dpd, class, state,
			charged_off_fen, recovered_fen) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`+strings.Repeat(", (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", len(part)-1)+`
			ON CONFLICT (month, loan_id) DO UPDATE SET on_day = excluded.on_day, cohort = excluded.cohort, disbursed_fen = excluded.disbursed_fen,
			outstanding_fen = excluded.outstanding_fen, dpd = excluded.dpd, class = excluded.class, state = excluded.state,
			charged_off_fen = excluded.charged_off_fen, recovered_fen = excluded.recovered_fen`, values...)
		if err != nil {
			return err
		}
	}
	return nil
}

// Snapshots walks rows in order of loan and month, as of one moment.
func (s portfolios) Snapshots(ctx context.Context, through portfolio.Month) iter.Seq2[portfolio.Snapshot, error] {
	return func(yield func(portfolio.Snapshot, error) bool) {
		err := s.db.engine.snapshot(ctx, func(ctx context.Context, tx *gorm.DB) error {
			rows, err := tx.WithContext(ctx).Raw(`SELECT month, loan_id, on_day, cohort, disbursed_fen, outstanding_fen, dpd, class, state,
				charged_off_fen, recovered_fen FROM loan_snapshots WHERE month <= ? AND `+kept+` ORDER BY loan_id, month`, int(through)).Rows()
			if err != nil {
				return ended(ctx, err)
			}
			defer func() { _ = rows.Close() }()
			for rows.Next() {
				var r snapshotRow
				err := rows.Scan(&r.Month, &r.LoanID, &r.OnDay, &r.Cohort, &r.DisbursedFen, &r.OutstandingFen, &r.DPD, &r.Class, &r.State,
					&r.ChargedOffFen, &r.RecoveredFen)
				if err != nil {
					return ended(ctx, err)
				}
				if !yield(r.domain(), nil) {
					return errEnough
				}
			}
			return ended(ctx, rows.Err())
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(portfolio.Snapshot{}, failed("walking snapshots", err))
		}
	}
}

func (r snapshotRow) domain() portfolio.Snapshot {
	return portfolio.Snapshot{
		LoanID: r.LoanID, Month: portfolio.Month(r.Month), Cohort: portfolio.Month(r.Cohort), OnDay: r.OnDay,
		Disbursed: money.Amount(r.DisbursedFen), Outstanding: money.Amount(r.OutstandingFen), DPD: r.DPD,
		Class: portfolio.Class(r.Class), State: portfolio.State(r.State),
		ChargedOff: money.Amount(r.ChargedOffFen), Recovered: money.Amount(r.RecoveredFen),
	}
}

// kept leaves out loans that never were: those whose payout came back.
const kept = "loan_id NOT IN (SELECT id FROM loans WHERE state = 'cancelled')"

// LastMonth gives the newest month with rows whose end is not being kept now.
func (s portfolios) LastMonth(ctx context.Context) (portfolio.Month, error) {
	type monthRow struct {
		Month *int
		Open  bool
	}
	for before := 1 << 30; ; {
		newest, err := queryOne[monthRow](ctx, s.db.engine.reader(), `SELECT m.month, EXISTS (SELECT 1 FROM eod_runs WHERE state = 'open'
			AND day = (SELECT on_day FROM loan_snapshots WHERE month = m.month LIMIT 1)) AS open
			FROM (SELECT MAX(month) AS month FROM loan_snapshots WHERE month < ?) AS m`, before)
		switch {
		case err != nil:
			return 0, failed("reading the newest snapshot", err)
		case newest.Month == nil:
			return 0, failed("reading the newest snapshot", fault.New(fault.NotFound, fault.CodeNotFound,
				"there are no month-end snapshots yet: `loan310 servicing eod` and workers write them with the last day of a month"))
		case !newest.Open:
			return portfolio.Month(*newest.Month), nil
		}
		before = *newest.Month
	}
}

type usageRow struct {
	Item     string
	Purpose  string
	OnDay    int
	Quantity int64
}

// purposeOf is the purpose of a cost entry c whose application, if it has
// one, is a.
const purposeOf = `CASE WHEN a.state IN ('approved', 'accepted', 'expired') THEN 'approved' WHEN a.state = 'declined' THEN 'declined'
	WHEN a.state IS NOT NULL THEN 'open' WHEN c.subject LIKE 'merchant/%' THEN 'registration'
	WHEN c.subject LIKE 'drawdown/%' THEN 'payout' ELSE 'nobody' END`

// Usage sums what was used from a moment to another, both a day's start.
func (s portfolios) Usage(ctx context.Context, from, before time.Time) (portfolio.Usage, error) {
	var usage portfolio.Usage
	first, last := cost.Day(from, s.zone), cost.Day(before.Add(-time.Microsecond), s.zone)
	start, end := from.UnixMicro(), before.UnixMicro()
	err := s.db.seeing(ctx, func(ctx context.Context, tx *gorm.DB) error {
		usage = portfolio.Usage{}
		counts, err := queryOne[struct{ Loans, Approved, Declined int64 }](ctx, tx, `SELECT
			(SELECT COUNT(*) FROM payouts WHERE state = 'paid' AND settled_at >= ? AND settled_at < ?) AS loans,
			(SELECT COUNT(*) FROM applications WHERE state IN ('approved', 'accepted', 'expired') AND decided_at >= ? AND decided_at < ?) AS approved,
			(SELECT COUNT(*) FROM applications WHERE state = 'declined' AND decided_at >= ? AND decided_at < ?) AS declined`,
			start, end, start, end, start, end)
		if err != nil {
			return err
		}
		usage.Loans, usage.Approved, usage.Declined = counts.Loans, counts.Approved, counts.Declined
		counted, err := query[usageRow](ctx, tx, `SELECT c.item, `+purposeOf+` AS purpose, c.on_day, CAST(SUM(c.quantity) AS BIGINT) AS quantity
			FROM cost_entries c LEFT JOIN applications a ON c.subject = 'application/' || a.id
			WHERE c.on_day BETWEEN ? AND ? GROUP BY c.item, c.on_day, 2 ORDER BY c.item, c.on_day, 2`, first, last)
		if err != nil {
			return err
		}
		derived, err := query[usageRow](ctx, tx, `
			SELECT 'payout.paid' AS item, 'payout' AS purpose, COUNT(*) AS quantity FROM payouts WHERE state = 'paid' AND settled_at >= ? AND settled_at < ?
			UNION ALL SELECT 'compute.drawdown', 'payout', COUNT(*) FROM drawdowns WHERE requested_at >= ? AND requested_at < ?
			UNION ALL SELECT 'compute.decision', `+statePurpose+`, COUNT(*) FROM decisions d JOIN applications a ON a.id = d.application_id
				WHERE d.decided_at >= ? AND d.decided_at < ? GROUP BY 2
			UNION ALL SELECT 'storage.evidence_kib', `+statePurpose+`, CAST(SUM((e.plain_bytes + 1023) / 1024) AS BIGINT) FROM evidence e
				JOIN applications a ON a.id = e.application_id WHERE e.committed_at >= ? AND e.committed_at < ? GROUP BY 2`,
			start, end, start, end, start, end, start, end)
		if err != nil {
			return err
		}
		for _, row := range derived {
			row.OnDay = last // priced as of the last day
			counted = append(counted, row)
		}
		usage.Lines = usageLines(counted)
		return nil
	})
	return usage, failed("summing costs", err)
}

// statePurpose is the purpose of what was used for application a.
const statePurpose = `CASE WHEN a.state IN ('approved', 'accepted', 'expired') THEN 'approved' WHEN a.state = 'declined' THEN 'declined' ELSE 'open' END`

func usageLines(rows []usageRow) []portfolio.UsageLine {
	lines := make([]portfolio.UsageLine, 0, len(rows))
	for _, r := range rows {
		if r.Quantity > 0 {
			lines = append(lines, portfolio.UsageLine{Item: r.Item, Purpose: portfolio.Purpose(r.Purpose), Day: r.OnDay, Quantity: r.Quantity})
		}
	}
	return lines
}

// UsageOf sums what was used for one loan so far.
func (s portfolios) UsageOf(ctx context.Context, loanID string) (portfolio.LoanUsage, error) {
	type loanRow struct {
		ApplicationID string
		MerchantID    string
		SubmittedAt   moment
		RequestedAt   moment
		Draws         int64
		MerchantDraws int64
		Paid          int64
	}
	var usage portfolio.LoanUsage
	err := s.db.seeing(ctx, func(ctx context.Context, tx *gorm.DB) error {
		loan, err := queryOne[loanRow](ctx, tx, `SELECT l.application_id, d.merchant_id, a.submitted_at, d.requested_at,
			(SELECT COUNT(*) FROM drawdowns o WHERE o.line_id = d.line_id AND o.state = 'paid') AS draws,
			(SELECT COUNT(*) FROM drawdowns o WHERE o.merchant_id = d.merchant_id AND o.state = 'paid') AS merchant_draws,
			CASE d.state WHEN 'paid' THEN 1 ELSE 0 END AS paid
			FROM drawdowns d JOIN lines l ON l.id = d.line_id JOIN applications a ON a.id = l.application_id WHERE d.id = ?`, loanID)
		if err != nil {
			return missing("loan", err)
		}
		usage = portfolio.LoanUsage{
			LoanID: loanID, ApplicationID: loan.ApplicationID, MerchantID: loan.MerchantID, Draws: loan.Draws, MerchantDraws: loan.MerchantDraws,
			Month: portfolio.MonthOf(loan.SubmittedAt.In(s.zone)),
		}
		applied, drawn := cost.Day(loan.SubmittedAt.Time, s.zone), cost.Day(loan.RequestedAt.Time, s.zone)
		rows, err := query[usageRow](ctx, tx, `SELECT item, CASE subject WHEN ? THEN 'approved' WHEN ? THEN 'registration' ELSE 'payout' END AS purpose,
			on_day, CAST(SUM(quantity) AS BIGINT) AS quantity FROM cost_entries WHERE subject IN (?, ?, ?) GROUP BY item, 2, on_day ORDER BY item, 2, on_day`,
			"application/"+loan.ApplicationID, "merchant/"+loan.MerchantID, "application/"+loan.ApplicationID, "merchant/"+loan.MerchantID, "drawdown/"+loanID)
		if err != nil {
			return err
		}
		own, err := queryOne[struct{ Decisions, Kib int64 }](ctx, tx, `SELECT (SELECT COUNT(*) FROM decisions WHERE application_id = ?) AS decisions,
			(SELECT CAST(COALESCE(SUM((plain_bytes + 1023) / 1024), 0) AS BIGINT) FROM evidence WHERE application_id = ? AND committed_at IS NOT NULL) AS kib`,
			loan.ApplicationID, loan.ApplicationID)
		if err != nil {
			return err
		}
		usage.Lines = usageLines(append(rows,
			usageRow{"compute.decision", "approved", applied, own.Decisions}, usageRow{"storage.evidence_kib", "approved", applied, own.Kib},
			usageRow{"compute.drawdown", "payout", drawn, 1}, usageRow{"payout.paid", "payout", drawn, loan.Paid}))
		return nil
	})
	return usage, failed("summing a loan's costs", err)
}
