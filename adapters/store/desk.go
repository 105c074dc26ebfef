package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"loan310/app/audit"
	"loan310/app/drawdown"
	"loan310/app/fault"
	"loan310/app/money"
)

// PayoutDesk gives what operators see of payouts and do with them.
func (db *DB) PayoutDesk() drawdown.Desk { return drawdowns{db} }

type caseRow struct {
	ID         string
	PayoutKey  string
	DrawdownID string
	Reason     string
	State      string
	Owner      string
	OpenedAt   moment
	Outcome    string
	Reference  string
	Note       string
	ProposedBy string
	ProposedAt moment
	ClosedBy   string
	ClosedAt   moment
}

func (r caseRow) domain() drawdown.Case {
	return drawdown.Case{
		ID: r.ID, PayoutKey: r.PayoutKey, DrawdownID: r.DrawdownID, Reason: drawdown.CaseReason(r.Reason), State: drawdown.CaseState(r.State),
		Owner: r.Owner, OpenedAt: r.OpenedAt.Time, Outcome: drawdown.Outcome(r.Outcome), Reference: r.Reference, Note: r.Note,
		ProposedBy: r.ProposedBy, ProposedAt: r.ProposedAt.Time, ClosedBy: r.ClosedBy, ClosedAt: r.ClosedAt.Time,
	}
}

// OpenCase opens a case once per payout and reason.
func (s drawdowns) OpenCase(ctx context.Context, c drawdown.Case, entry audit.Entry) error {
	known, err := query[string](ctx, s.db.engine.reader(), "SELECT id FROM payout_cases WHERE payout_key = ? AND reason = ?", c.PayoutKey, string(c.Reason))
	if err != nil || len(known) > 0 { // asked once a minute: spare the writer
		return failed("opening a case", err)
	}
	err = s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		opened, err := exec(ctx, tx, `INSERT INTO payout_cases (id, payout_key, drawdown_id, reason, state, owner, opened_at, outcome, reference, note,
			proposed_by, closed_by) VALUES (?, ?, ?, ?, 'open', ?, ?, '', '', '', '', '') ON CONFLICT DO NOTHING`,
			c.ID, c.PayoutKey, c.DrawdownID, string(c.Reason), c.Owner, at(c.OpenedAt))
		if err != nil || opened == 0 {
			return err
		}
		return record(ctx, tx, entry)
	})
	return failed("opening a case", err)
}

// CloseByRail closes the case of a payout that the rail answered for.
func (s drawdowns) CloseByRail(ctx context.Context, payoutKey string, now time.Time, entry audit.Entry) error {
	err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		closed, err := exec(ctx, tx, `UPDATE payout_cases SET state = 'closed', outcome = 'rail_answered', closed_by = 'rail', closed_at = ?
			WHERE payout_key = ? AND reason = 'unknown_too_long' AND state <> 'closed'`, at(now), payoutKey)
		if err != nil || closed == 0 {
			return err
		}
		return record(ctx, tx, entry)
	})
	return failed("closing a case", err)
}

// Case gives one case.
func (s drawdowns) Case(ctx context.Context, id string) (drawdown.Case, error) {
	row, err := queryOne[caseRow](ctx, s.db.engine.reader(), "SELECT * FROM payout_cases WHERE id = ?", id)
	if err != nil {
		return drawdown.Case{}, failed("reading a case", missing("case", err))
	}
	return row.domain(), nil
}

// Cases lists those not closed, oldest first.
func (s drawdowns) Cases(ctx context.Context, limit int) ([]drawdown.Case, error) {
	rows, err := query[caseRow](ctx, s.db.engine.reader(), "SELECT * FROM payout_cases WHERE state <> 'closed' ORDER BY opened_at, id"+limited(limit))
	if err != nil {
		return nil, failed("listing cases", err)
	}
	list := make([]drawdown.Case, len(rows))
	for i, row := range rows {
		list[i] = row.domain()
	}
	return list, nil
}

// ChangeCase stores a case where it still stands as the caller saw it.
func (s drawdowns) ChangeCase(ctx context.Context, c drawdown.Case, from drawdown.CaseState, entry audit.Entry) error {
	return s.db.changeCase(ctx, "payout_cases", c.ID, string(from), caseChange{
		State: string(c.State), Owner: c.Owner, Outcome: string(c.Outcome), Reference: c.Reference, Note: c.Note,
		ProposedBy: c.ProposedBy, ProposedAt: c.ProposedAt, ClosedBy: c.ClosedBy, ClosedAt: c.ClosedAt,
	}, entry)
}

// caseChange is what persons change of a case, of a payout or of a debit.
type caseChange struct {
	State, Owner, Outcome, Reference, Note, ProposedBy, ClosedBy string
	ProposedAt, ClosedAt                                         time.Time
}

// changeCase stores a case of a table where it is still in the state given;
// else Conflict with fault.CodeStale.
func (db *DB) changeCase(ctx context.Context, table, id, from string, c caseChange, entry audit.Entry) error {
	err := db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		changed, err := exec(ctx, tx, "UPDATE "+table+` SET state = ?, owner = ?, outcome = ?, reference = ?, note = ?, proposed_by = ?,
			proposed_at = ?, closed_by = ?, closed_at = ? WHERE id = ? AND state = ?`,
			c.State, c.Owner, c.Outcome, c.Reference, c.Note, c.ProposedBy, at(c.ProposedAt), c.ClosedBy, at(c.ClosedAt), id, from)
		if err != nil {
			return err
		}
		if changed != 1 {
			return fault.New(fault.Conflict, fault.CodeStale, "the case was changed meanwhile")
		}
		return record(ctx, tx, entry)
	})
	return failed("changing a case", err)
}

// PayoutList lists payouts, newest first, accounts left out.
func (s drawdowns) PayoutList(ctx context.Context, filter drawdown.PayoutFilter, p drawdown.Page) ([]drawdown.Payout, string, error) {
	page, err := newPage(p.Cursor, p.Limit)
	if err != nil {
		return nil, "", failed("listing payouts", err)
	}
	var conditions []string
	var args []any
	if filter.State != "" {
		conditions, args = append(conditions, "state = ?"), append(args, string(filter.State))
	}
	if filter.Rail != "" {
		conditions, args = append(conditions, "rail = ?"), append(args, filter.Rail)
	}
	if page.id != "" {
		conditions, args = append(conditions, "(created_at, key) < (?, ?)"), append(args, page.after.UnixMicro(), page.id)
	}
	rows, err := query[payoutRow](ctx, s.db.engine.reader(),
		"SELECT * FROM payouts"+and(conditions)+" ORDER BY created_at DESC, key DESC"+limited(page.limit+1), args...)
	if err != nil {
		return nil, "", failed("listing payouts", err)
	}
	next := ""
	if len(rows) > page.limit {
		rows = rows[:page.limit]
		next = cursor(rows[len(rows)-1].Created.Time, rows[len(rows)-1].Key)
	}
	list := make([]drawdown.Payout, len(rows))
	for i, row := range rows {
		list[i] = row.domain()
	}
	return list, next, nil
}

// PayoutByKey gives one payout, its account left out.
func (s drawdowns) PayoutByKey(ctx context.Context, key string) (drawdown.Payout, error) {
	row, err := queryOne[payoutRow](ctx, s.db.engine.reader(), "SELECT * FROM payouts WHERE key = ?", key)
	if err != nil {
		return drawdown.Payout{}, failed("reading a payout", missing("payout", err))
	}
	return row.domain(), nil
}

// SetStop stops a rail; one stopped already stays stopped as it was.
func (s drawdowns) SetStop(ctx context.Context, stop drawdown.Stop, entry audit.Entry) error {
	err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		if _, err := exec(ctx, tx, "INSERT INTO payout_stops (rail, reason, stopped_by, stopped_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
			stop.Rail, stop.Reason, stop.By, at(stop.At)); err != nil {
			return err
		}
		return record(ctx, tx, entry)
	})
	return failed("stopping a rail", err)
}

// ClearStop lets a rail send again.
func (s drawdowns) ClearStop(ctx context.Context, rail string, entry audit.Entry) error {
	err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		if _, err := exec(ctx, tx, "DELETE FROM payout_stops WHERE rail = ?", rail); err != nil {
			return err
		}
		return record(ctx, tx, entry)
	})
	return failed("resuming a rail", err)
}

// Stops lists what is stopped.
func (s drawdowns) Stops(ctx context.Context) ([]drawdown.Stop, error) {
	type stopRow struct {
		Rail      string
		Reason    string
		StoppedBy string
		StoppedAt moment
	}
	rows, err := query[stopRow](ctx, s.db.engine.reader(), "SELECT * FROM payout_stops ORDER BY rail")
	list := make([]drawdown.Stop, len(rows))
	for i, row := range rows {
		list[i] = drawdown.Stop{Rail: row.Rail, Reason: row.Reason, By: row.StoppedBy, At: row.StoppedAt.Time}
	}
	return list, failed("listing stopped rails", err)
}

// Usage gives what was admitted on a day.
func (s drawdowns) Usage(ctx context.Context, day string) ([]drawdown.Usage, error) {
	type dayRow struct {
		Rail      string
		AmountFen int64
		Payouts   int
	}
	rows, err := query[dayRow](ctx, s.db.engine.reader(), "SELECT rail, amount_fen, payouts FROM payout_days WHERE day = ? ORDER BY rail", day)
	list := make([]drawdown.Usage, len(rows))
	for i, row := range rows {
		list[i] = drawdown.Usage{Rail: row.Rail, Day: day, Amount: money.Amount(row.AmountFen), Count: row.Payouts}
	}
	return list, failed("reading a day's payouts", err)
}

// Untold lists reversed drawdowns whose merchant was not told.
func (s drawdowns) Untold(ctx context.Context, limit int) ([]string, error) {
	ids, err := query[string](ctx, s.db.engine.reader(),
		"SELECT drawdown_id FROM payouts WHERE state = 'reversed' AND told_at IS NULL ORDER BY key"+limited(limit))
	return ids, failed("listing reversals not told of", err)
}

// Told records that a merchant was told of a reversal.
func (s drawdowns) Told(ctx context.Context, drawdownID string, now time.Time) error {
	err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		_, err := exec(ctx, tx, "UPDATE payouts SET told_at = ? WHERE drawdown_id = ? AND state = 'reversed' AND told_at IS NULL", at(now), drawdownID)
		return err
	})
	return failed("recording that a merchant was told", err)
}
