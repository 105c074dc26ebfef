package store

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"loan310/app/audit"
	"loan310/app/drawdown"
	"loan310/app/fault"
	"loan310/app/ident"
	"loan310/app/ledger"
	"loan310/app/money"
)

// Reserve takes the amount from the line and stores the payout. Headroom is
// taken by one conditional update, so that two draws cannot both have the
// last of it. A refusal is recorded as drawdown.refused with its code.
func (s drawdowns) Reserve(ctx context.Context, id string, payout drawdown.Payout, journal ledger.Journal, entry audit.Entry) (drawdown.Drawdown, drawdown.Payout, error) {
	sealed, err := s.db.keys.sealJSON(account{payout.Account, payout.Holder}, "payouts", "account", payout.Key)
	if err != nil {
		return drawdown.Drawdown{}, drawdown.Payout{}, failed("reserving a drawdown", err)
	}
	r := reservation{payout: payout, sealed: sealed, journal: journal, entry: entry}
	// The line is what many draws want at once: its row is taken last, and so
	// held for no longer than it takes to commit. Where it has no room, all is
	// undone, and done again with the row held from the start.
	err = s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error { return s.reserve(ctx, tx, id, &r, false) })
	if errors.Is(err, errNoRoom) {
		err = s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error { return s.reserve(ctx, tx, id, &r, true) })
	}
	if err != nil {
		return drawdown.Drawdown{}, drawdown.Payout{}, failed("reserving a drawdown", err)
	}
	s.db.draws.touch(id)
	return r.draw, r.stored, nil
}

// errNoRoom undoes a reservation for which its line has no room.
var errNoRoom = errors.New("the line has no room")

// reservation is what Reserve was given, and what it stored.
type reservation struct {
	payout  drawdown.Payout
	sealed  []byte
	journal ledger.Journal
	entry   audit.Entry
	draw    drawdown.Drawdown
	stored  drawdown.Payout
}

// reserve is Reserve's transaction. With lineFirst the line's row is held
// before anything is written, so that a refusal is final.
func (s drawdowns) reserve(ctx context.Context, tx *gorm.DB, id string, r *reservation, lineFirst bool) error {
	r.stored = drawdown.Payout{}
	row, err := queryOne[drawdownRow](ctx, tx, `UPDATE drawdowns SET state = 'paying', version = version + 1
		WHERE id = ? AND state = 'requested' RETURNING *`, id)
	if err != nil {
		r.draw, r.stored, err = s.asStored(ctx, tx, id, err)
		return err
	}
	if err := reserving(row, r.payout, r.journal); err != nil {
		return err
	}
	if lineFirst {
		if room, err := takeRoom(ctx, tx, row); err != nil || !room {
			if err == nil {
				r.draw, err = s.refuse(ctx, tx, row, r.entry)
			}
			return err
		}
	}
	if err := book(ctx, tx, r.journal); err != nil {
		return err
	}
	if err := insertPayout(ctx, tx, r.payout, r.sealed, r.journal.ID); err != nil {
		return err
	}
	if err := record(ctx, tx, r.entry); err != nil {
		return err
	}
	if !lineFirst {
		if room, err := takeRoom(ctx, tx, row); err != nil || !room {
			if err == nil {
				err = errNoRoom
			}
			return err
		}
	}
	r.draw, r.stored = row.domain(), r.payout
	r.stored.State, r.stored.Calls, r.stored.Asks = drawdown.PayoutRequested, 0, 0
	r.stored.Attempt = max(r.payout.Attempt, 1)
	r.stored.LastCallAt, r.stored.SettledAt = time.Time{}, time.Time{}
	r.stored.RailRef, r.stored.FailureCode = "", ""
	return nil
}

// takeRoom takes a drawdown's amount from its line by one conditional update.
func takeRoom(ctx context.Context, tx *gorm.DB, row drawdownRow) (bool, error) {
	taken, err := exec(ctx, tx, `UPDATE lines SET used_fen = used_fen + ?, version = version + 1
		WHERE id = ? AND merchant_id = ? AND state = 'active' AND limit_fen - used_fen >= ?`,
		row.AmountFen, row.LineID, row.MerchantID, row.AmountFen)
	return taken == 1, err
}

// asStored gives a drawdown that no longer waits to be reserved, with its
// payout if it has one.
func (s drawdowns) asStored(ctx context.Context, tx *gorm.DB, id string, cause error) (drawdown.Drawdown, drawdown.Payout, error) {
	if !none(cause) {
		return drawdown.Drawdown{}, drawdown.Payout{}, cause
	}
	row, err := queryOne[drawdownRow](ctx, tx, "SELECT * FROM drawdowns WHERE id = ?", id)
	if err != nil {
		return drawdown.Drawdown{}, drawdown.Payout{}, missing("drawdown", err)
	}
	payout, err := s.payoutOf(ctx, tx, id)
	if fault.KindOf(err) == fault.NotFound {
		err = nil // refused before there was one
	}
	return row.domain(), payout, err
}

// refuse moves a drawdown the line has no room for to Failed.
func (s drawdowns) refuse(ctx context.Context, tx *gorm.DB, row drawdownRow, entry audit.Entry) (drawdown.Drawdown, error) {
	line, err := queryOne[lineRow](ctx, tx, "SELECT * FROM lines WHERE id = ?", row.LineID)
	if err != nil {
		return drawdown.Drawdown{}, missing("line", err)
	}
	code := fault.CodeInsufficientLine
	if line.State != lineActive || line.MerchantID != row.MerchantID {
		code = drawdown.CodeLineClosed
	}
	refused, err := queryOne[drawdownRow](ctx, tx, `UPDATE drawdowns SET state = 'failed', failure_code = ?, settled_at = ?
		WHERE id = ? RETURNING *`, string(code), at(entry.At), row.ID)
	if err != nil {
		return drawdown.Drawdown{}, err
	}
	entry.Action, entry.Detail = "drawdown.refused", string(code)
	return refused.domain(), record(ctx, tx, entry)
}

// SettlePaid records that the rail confirmed the attempt.
func (s drawdowns) SettlePaid(ctx context.Context, drawdownID, key, railRef string, journal ledger.Journal, entry audit.Entry) (drawdown.Drawdown, error) {
	var stored drawdown.Drawdown
	err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		row, err := queryOne[drawdownRow](ctx, tx, `UPDATE drawdowns SET state = 'paid', settled_at = ?, version = version + 1
			WHERE id = ? AND state IN ('paying', 'unknown') RETURNING *`, at(journal.BookedAt), drawdownID)
		if err != nil {
			stored, err = s.already(ctx, tx, drawdownID, key, drawdown.PayoutPaid, err)
			return err
		}
		stored = row.domain()
		settled, err := exec(ctx, tx, `UPDATE payouts SET state = 'paid', rail_ref = ?, settled_at = ?, waits_for = '', version = version + 1
			WHERE key = ? AND drawdown_id = ? AND state IN ('requested', 'sent', 'unknown')`, railRef, at(journal.BookedAt), key, drawdownID)
		if err != nil {
			return err
		}
		if settled != 1 {
			return s.superseded(ctx, tx, drawdownID, key)
		}
		if err := book(ctx, tx, journal); err != nil {
			return err
		}
		if _, err := s.db.openLoan(ctx, tx, row); err != nil {
			return err
		}
		return record(ctx, tx, entry)
	})
	if err != nil {
		return drawdown.Drawdown{}, failed("settling a payout as paid", err)
	}
	s.db.draws.touch(drawdownID)
	return stored, nil
}

// SettleFailed records that the rail refused the attempt for good: the
// reserving journal is reversed and the line has its headroom back.
func (s drawdowns) SettleFailed(ctx context.Context, drawdownID, key string, code fault.Code, railCode string, now time.Time, entry audit.Entry) (drawdown.Drawdown, error) {
	var stored drawdown.Drawdown
	err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		row, err := queryOne[drawdownRow](ctx, tx, `UPDATE drawdowns SET state = 'failed', failure_code = ?, settled_at = ?,
			version = version + 1 WHERE id = ? AND state IN ('paying', 'unknown') RETURNING *`, string(code), at(now), drawdownID)
		if err != nil {
			stored, err = s.already(ctx, tx, drawdownID, key, drawdown.PayoutFailed, err)
			return err
		}
		stored = row.domain()
		if err := release(ctx, tx, row, 0); err != nil {
			return err
		}
		settled, err := queryOne[payoutRow](ctx, tx, `UPDATE payouts SET state = 'failed', failure_code = ?, settled_at = ?, waits_for = '',
			version = version + 1 WHERE key = ? AND drawdown_id = ? AND state IN ('requested', 'sent', 'unknown') RETURNING *`,
			railCode, at(now), key, drawdownID)
		if none(err) {
			return s.superseded(ctx, tx, drawdownID, key)
		}
		if err != nil {
			return err
		}
		reserved, err := journalByID(ctx, tx, settled.JournalID)
		if err != nil {
			return err
		}
		if err := book(ctx, tx, reserved.Reverse(ident.DerivedID(reserved.ID, "reversed"), now)); err != nil {
			return err
		}
		return record(ctx, tx, entry)
	})
	if err != nil {
		return drawdown.Drawdown{}, failed("settling a payout as failed", err)
	}
	s.db.draws.touch(drawdownID)
	return stored, nil
}

// errTorn reports a drawdown, payout and line that contradict each other;
// nothing is written then.
var errTorn = fault.New(fault.Internal, fault.CodeConstraint, "the drawdown, its payout and its line contradict each other")

// release gives a line back what a drawdown took from it, but for what its
// loan gave back already.
func release(ctx context.Context, tx *gorm.DB, d drawdownRow, already money.Amount) error {
	d.AmountFen -= int64(already)
	released, err := exec(ctx, tx, `UPDATE lines SET used_fen = used_fen - ?, version = version + 1
		WHERE id = ? AND used_fen >= ?`, d.AmountFen, d.LineID, d.AmountFen)
	if err == nil && released != 1 {
		err = errTorn
	}
	return err
}

// already gives a drawdown that was not open to be settled: as stored where
// the attempt is settled so already, a Conflict where it stands otherwise.
func (s drawdowns) already(ctx context.Context, tx *gorm.DB, id, key string, want drawdown.PayoutState, cause error) (drawdown.Drawdown, error) {
	if !none(cause) {
		return drawdown.Drawdown{}, cause
	}
	row, err := queryOne[drawdownRow](ctx, tx, "SELECT * FROM drawdowns WHERE id = ?", id)
	if err != nil {
		return drawdown.Drawdown{}, missing("drawdown", err)
	}
	attempt, err := queryOne[payoutRow](ctx, tx, "SELECT * FROM payouts WHERE key = ? AND drawdown_id = ?", key, id)
	if err != nil && !none(err) {
		return drawdown.Drawdown{}, err
	}
	stands := drawdown.PayoutState(attempt.State)
	if none(err) { // refused before there was an attempt
		stands = drawdown.PayoutState(row.State)
	}
	if stands != want {
		return drawdown.Drawdown{}, fault.New(fault.Conflict, fault.CodeWrongState, "the drawdown is %s", row.State)
	}
	return row.domain(), nil
}

// superseded is why an attempt could not be settled though its drawdown is
// open: another attempt has taken its place.
func (s drawdowns) superseded(ctx context.Context, tx *gorm.DB, drawdownID, key string) error {
	_, err := queryOne[payoutRow](ctx, tx, "SELECT * FROM payouts WHERE key = ? AND drawdown_id = ? AND state = 'failed'", key, drawdownID)
	if none(err) {
		return errTorn
	}
	if err != nil {
		return err
	}
	return fault.New(fault.Conflict, fault.CodeWrongState, "this attempt failed and another one was made")
}
