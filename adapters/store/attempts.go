package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"loan310/app/audit"
	"loan310/app/drawdown"
	"loan310/app/fault"
	"loan310/app/ident"
)

// BeginCall counts a pay call before it is made. The version decides which of
// two callers goes on; the day's row, by one conditional update, which of two
// payouts has the last of a limit. What is held back counts nothing.
func (s drawdowns) BeginCall(ctx context.Context, p drawdown.Payout, now time.Time, day string, limit drawdown.Limit) (drawdown.Payout, error) {
	var begun drawdown.Payout
	err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		held, err := s.heldBack(ctx, tx, p, day, limit)
		if err != nil {
			return err
		}
		if held != drawdown.WaitsForNothing {
			begun, err = s.waits(ctx, tx, p, held, now)
			return err
		}
		row, err := queryOne[payoutRow](ctx, tx, `UPDATE payouts SET calls = calls + 1, last_call_at = ?,
			first_call_at = CASE WHEN calls = unsent THEN CAST(? AS BIGINT) ELSE first_call_at END,
			state = CASE state WHEN 'requested' THEN 'sent' ELSE state END,
			admitted_day = CASE admitted_day WHEN '' THEN CAST(? AS TEXT) ELSE admitted_day END, version = version + 1
			WHERE key = ? AND version = ? AND state IN ('requested', 'sent', 'unknown')
			AND NOT EXISTS (SELECT 1 FROM payout_stops s WHERE s.rail IN (payouts.rail, '*')) RETURNING *`,
			now.UnixMicro(), now.UnixMicro(), day, p.Key, p.Version)
		if err == nil {
			begun, err = s.payout(row)
			return err
		}
		if !none(err) {
			return err
		}
		return s.stale(ctx, tx, p.Key)
	})
	if err != nil {
		return drawdown.Payout{}, failed("counting a pay call", err)
	}
	return begun, nil
}

// heldBack tells what keeps a payout from being sent, after counting one that
// was not admitted yet against its day.
func (s drawdowns) heldBack(ctx context.Context, tx *gorm.DB, p drawdown.Payout, day string, limit drawdown.Limit) (drawdown.Wait, error) {
	stops, err := query[string](ctx, tx, "SELECT rail FROM payout_stops WHERE rail IN (?, '*')", p.Rail)
	if err != nil {
		return "", err
	}
	if len(stops) > 0 {
		return drawdown.WaitsForResume, nil
	}
	if p.AdmittedDay != "" {
		return drawdown.WaitsForNothing, nil
	}
	const unbounded = int64(1) << 62
	amount, count := unbounded, unbounded
	if limit.Amount > 0 {
		amount = int64(limit.Amount)
	}
	if limit.Count > 0 {
		count = int64(limit.Count)
	}
	if int64(p.Amount) > amount {
		return drawdown.WaitsForLimit, nil
	}
	admitted, err := exec(ctx, tx, `INSERT INTO payout_days (rail, day, amount_fen, payouts) VALUES (?, ?, ?, 1)
		ON CONFLICT (rail, day) DO UPDATE SET amount_fen = payout_days.amount_fen + excluded.amount_fen, payouts = payout_days.payouts + 1
		WHERE payout_days.amount_fen + excluded.amount_fen <= ? AND payout_days.payouts < ?`, p.Rail, day, int64(p.Amount), amount, count)
	if err != nil {
		return "", err
	}
	if admitted == 0 {
		return drawdown.WaitsForLimit, nil
	}
	return drawdown.WaitsForNothing, nil
}

// waits records what a payout waits for and since when; the version stays.
func (s drawdowns) waits(ctx context.Context, tx *gorm.DB, p drawdown.Payout, held drawdown.Wait, now time.Time) (drawdown.Payout, error) {
	row, err := queryOne[payoutRow](ctx, tx, `UPDATE payouts SET waits_since = CASE WHEN waits_for = CAST(? AS TEXT) THEN waits_since ELSE CAST(? AS BIGINT) END,
		waits_for = ? WHERE key = ? AND version = ? AND state IN ('requested', 'sent', 'unknown') RETURNING *`,
		string(held), now.UnixMicro(), string(held), p.Key, p.Version)
	if none(err) {
		return drawdown.Payout{}, s.stale(ctx, tx, p.Key)
	}
	if err != nil {
		return drawdown.Payout{}, err
	}
	return s.payout(row)
}

// stale explains an update that found no row of the version given.
func (s drawdowns) stale(ctx context.Context, tx *gorm.DB, key string) error {
	if _, err := queryOne[payoutRow](ctx, tx, "SELECT * FROM payouts WHERE key = ?", key); err != nil {
		return missing("payout", err)
	}
	return fault.New(fault.Conflict, fault.CodeStale, "the payout was changed meanwhile")
}

// NotSent takes a call back that surely did not leave.
func (s drawdowns) NotSent(ctx context.Context, p, before drawdown.Payout, now time.Time) error {
	err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		_, err := queryOne[payoutRow](ctx, tx, `UPDATE payouts SET unsent = unsent + 1, last_call_at = ?, first_call_at = ?,
			state = CASE WHEN calls = unsent + 1 AND state = 'sent' THEN 'requested' ELSE state END,
			waits_since = CASE WHEN waits_for = 'rail_unreachable' THEN waits_since ELSE CAST(? AS BIGINT) END, waits_for = 'rail_unreachable',
			version = version + 1 WHERE key = ? AND version = ? AND state IN ('sent', 'unknown') RETURNING *`,
			at(before.LastCallAt), at(before.FirstCallAt), now.UnixMicro(), p.Key, p.Version)
		if none(err) {
			return s.stale(ctx, tx, p.Key)
		}
		return err
	})
	return failed("recording that a pay call did not leave", err)
}

// FailOver ends an attempt and stores the next one. The version it was judged
// by decides; one open attempt is what the index payouts_open allows.
func (s drawdowns) FailOver(ctx context.Context, p drawdown.Payout, railCode string, next drawdown.Payout, entry audit.Entry) (drawdown.Drawdown, error) {
	sealed, err := s.db.keys.sealJSON(account{next.Account, next.Holder}, "payouts", "account", next.Key)
	if err != nil {
		return drawdown.Drawdown{}, failed("failing over", err)
	}
	var stored drawdown.Drawdown
	err = s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		draw, err := queryOne[drawdownRow](ctx, tx, `UPDATE drawdowns SET state = 'paying', version = version + 1
			WHERE id = ? AND state IN ('paying', 'unknown') RETURNING *`, p.DrawdownID)
		if none(err) {
			return s.stale(ctx, tx, p.Key)
		}
		if err != nil {
			return err
		}
		stored = draw.domain()
		ended, err := queryOne[payoutRow](ctx, tx, `UPDATE payouts SET state = 'failed', failure_code = ?, settled_at = ?, waits_for = '',
			version = version + 1 WHERE key = ? AND version = ? AND state IN ('requested', 'sent', 'unknown') RETURNING *`,
			railCode, at(next.CreatedAt), p.Key, p.Version)
		if none(err) {
			return s.stale(ctx, tx, p.Key)
		}
		if err != nil {
			return err
		}
		if next.DrawdownID != ended.DrawdownID || int64(next.Amount) != ended.AmountFen || next.Attempt != ended.Attempt+1 {
			return fault.New(fault.Internal, fault.CodeConstraint, "the next attempt is not this drawdown's")
		}
		if err := insertPayout(ctx, tx, next, sealed, ended.JournalID); err != nil {
			return err
		}
		return record(ctx, tx, entry)
	})
	if err != nil {
		return drawdown.Drawdown{}, failed("failing over", err)
	}
	s.db.draws.touch(p.DrawdownID)
	return stored, nil
}

// SettleReversed records that the rail sent the money of a paid payout back:
// what was booked is reversed and the line has its headroom again.
func (s drawdowns) SettleReversed(ctx context.Context, drawdownID, key, railCode string, now time.Time, entry audit.Entry) (drawdown.Drawdown, error) {
	var stored drawdown.Drawdown
	err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		row, err := queryOne[drawdownRow](ctx, tx, `UPDATE drawdowns SET state = 'reversed', failure_code = ?, version = version + 1
			WHERE id = ? AND state = 'paid' RETURNING *`, string(drawdown.CodeReturned), drawdownID)
		if err != nil {
			stored, err = s.already(ctx, tx, drawdownID, key, drawdown.PayoutReversed, err)
			return err
		}
		stored = row.domain()
		if err := s.cancelLoan(ctx, tx, row, now); err != nil {
			return err
		}
		settled, err := queryOne[payoutRow](ctx, tx, `UPDATE payouts SET state = 'reversed', failure_code = ?, reversed_at = ?,
			version = version + 1 WHERE key = ? AND drawdown_id = ? AND state = 'paid' RETURNING *`, railCode, at(now), key, drawdownID)
		if none(err) {
			return s.superseded(ctx, tx, drawdownID, key)
		}
		if err != nil {
			return err
		}
		if err := reverseBoth(ctx, tx, settled, now); err != nil {
			return err
		}
		return record(ctx, tx, entry)
	})
	if err != nil {
		return drawdown.Drawdown{}, failed("settling a payout as reversed", err)
	}
	s.db.draws.touch(drawdownID)
	return stored, nil
}

// reverseBoth reverses what was booked when the amount was promised and when
// it was paid.
func reverseBoth(ctx context.Context, tx *gorm.DB, p payoutRow, now time.Time) error {
	promised, err := journalByID(ctx, tx, p.JournalID)
	if err != nil {
		return err
	}
	paid, err := queryOne[journalRow](ctx, tx, "SELECT * FROM journals WHERE subject = ? AND kind = 'disbursement_paid'", promised.Subject)
	if err != nil {
		return missing("journal", err)
	}
	booked, err := journalByID(ctx, tx, paid.ID)
	if err != nil {
		return err
	}
	if err := book(ctx, tx, booked.Reverse(ident.DerivedID(booked.ID, "reversed"), now)); err != nil {
		return err
	}
	return book(ctx, tx, promised.Reverse(ident.DerivedID(promised.ID, "reversed"), now))
}
