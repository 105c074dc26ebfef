package store

import (
	"context"
	"slices"
	"time"

	"gorm.io/gorm"

	"loan310/app/clock"
	"loan310/app/servicing"
	"loan310/app/servicing/loan"
)

// plainlyClosed are loans that need no replay to be known as of a moment:
// closed by its day, nothing recorded or dated after it, never restructured or
// charged off. Its parameters are the moment, the day, the moment and the day.
const plainlyClosed = `l.state = 'closed' AND l.opened_at <= ? AND l.through_on <= ? AND NOT EXISTS (SELECT 1 FROM loan_events e
	WHERE e.loan_id = l.id AND (e.recorded_at > ? OR e.on_day > ? OR e.kind IN ('restructure', 'charge_off')))`

// replayedAtOnce bounds the loans whose events are held in memory.
const replayedAtOnce = 256

// behaviours gives what merchants did with their loans as was known at a
// moment, by merchant; there is no entry for who had none. Loans closed for
// good are counted where they lie, the others are replayed.
func behaviours(ctx context.Context, tx *gorm.DB, merchants []string, moment time.Time) (map[string]servicing.Behaviour, error) {
	found := map[string]servicing.Behaviour{}
	if len(merchants) == 0 {
		return found, nil
	}
	in, args := among(merchants)
	micros, day := moment.UnixMicro(), int32(loan.DateOf(moment, clock.Lender()))
	plain := []any{micros, day, micros, day}
	type closedRow struct {
		MerchantID string
		Repaid     int
		Worst      int
		Bad        int
	}
	closed, err := query[closedRow](ctx, tx, `SELECT l.merchant_id, COUNT(*) AS repaid, MAX(l.worst_dpd) AS worst,
		SUM(CASE WHEN l.worst_dpd > 90 THEN 1 ELSE 0 END) AS bad FROM loans l
		WHERE l.merchant_id IN `+in+" AND "+plainlyClosed+" GROUP BY l.merchant_id", append(slices.Clip(args), plain...)...)
	if err != nil {
		return nil, err
	}
	for _, row := range closed {
		found[row.MerchantID] = servicing.Behaviour{Loans: row.Repaid, Repaid: row.Repaid, WorstDPD: row.Worst, Bad: row.Bad}
	}
	// The rest are few: what is owed now, and what did not go as agreed.
	for after := ""; ; {
		rest, err := query[loanRow](ctx, tx, "SELECT l.* FROM loans l WHERE l.merchant_id IN "+in+
			" AND l.state <> 'cancelled' AND l.opened_at <= ? AND l.id > ? AND NOT ("+plainlyClosed+") ORDER BY l.id"+limited(replayedAtOnce),
			append(append(slices.Clip(args), micros, after), plain...)...)
		if err != nil {
			return nil, err
		}
		if len(rest) == 0 {
			return found, nil
		}
		if err := replayed(ctx, tx, rest, moment, found); err != nil {
			return nil, err
		}
		if after = rest[len(rest)-1].ID; len(rest) < replayedAtOnce {
			return found, nil
		}
	}
}

// replayed adds loans to what their merchants did.
func replayed(ctx context.Context, tx *gorm.DB, rows []loanRow, moment time.Time, found map[string]servicing.Behaviour) error {
	records, _, err := eventsOf(ctx, tx, rows)
	if err != nil {
		return err
	}
	for i := range records {
		behaviour := found[records[i].Loan.MerchantID]
		if err := behaviour.Add(&records[i], moment); err != nil {
			return err
		}
		found[records[i].Loan.MerchantID] = behaviour
	}
	return nil
}
