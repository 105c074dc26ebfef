package store

import (
	"context"

	"gorm.io/gorm"

	"loan310/app/audit"
	"loan310/app/fault"
	"loan310/app/money"
	"loan310/app/reconciliation"
)

type breakRow struct {
	ID       string
	Rail     string
	Day      string
	Key      string
	Reason   string
	RailsFen int64
	OursFen  int64
	Subject  string
	State    string
	Owner    string
	ByHand   int
	OpenedAt moment
	ClosedAt moment
}

func (r breakRow) domain() reconciliation.Break {
	return reconciliation.Break{
		ID: r.ID, Rail: r.Rail, Day: r.Day, Key: r.Key, Reason: reconciliation.Reason(r.Reason), Rails: money.Amount(r.RailsFen), Ours: money.Amount(r.OursFen),
		Subject: r.Subject, State: reconciliation.BreakState(r.State), Owner: r.Owner, OpenedAt: r.OpenedAt.Time, ClosedAt: r.ClosedAt.Time,
	}
}

type runRow struct {
	Rail       string
	Day        string
	Hash       string
	RanAt      moment
	Statement  document[reconciliation.Totals]
	Ours       document[reconciliation.Totals]
	LedgerFen  int64
	Matched    int
	Breaks     int
	Lost       int
	DoublePaid int
}

// Record stores a run with what it found.
func (s reconciliations) Record(ctx context.Context, run reconciliation.Run, found []reconciliation.Break, entry audit.Entry) (reconciliation.Run, error) {
	stored := run
	err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		stored = run
		known, err := query[breakRow](ctx, tx, "SELECT * FROM breaks WHERE rail = ? AND day = ?", run.Rail, run.Day)
		if err != nil {
			return err
		}
		before := make(map[string]breakRow, len(known))
		for _, b := range known {
			before[b.ID] = b
		}
		for _, b := range found {
			old, had := before[b.ID]
			delete(before, b.ID)
			open, err := keepBreak(ctx, tx, b, old, had)
			if err != nil {
				return err
			}
			if open {
				count(&stored, b.Reason)
			}
		}
		for _, gone := range before {
			if gone.State != string(reconciliation.BreakOpen) {
				continue
			}
			if err := moveBreak(ctx, tx, gone.ID, reconciliation.BreakClosed, reconciliation.Event{At: run.RanAt, By: "reconciliation", What: "gone"}); err != nil {
				return err
			}
		}
		if _, err := exec(ctx, tx, `INSERT INTO reconciliations (rail, day, hash, ran_at, statement, ours, ledger_fen, matched, breaks, lost, double_paid)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (rail, day) DO UPDATE SET
			hash = CASE excluded.hash WHEN '' THEN reconciliations.hash ELSE excluded.hash END, ran_at = excluded.ran_at, statement = excluded.statement,
			ours = excluded.ours, ledger_fen = excluded.ledger_fen, matched = excluded.matched, breaks = excluded.breaks, lost = excluded.lost,
			double_paid = excluded.double_paid`,
			run.Rail, run.Day, run.Hash, at(run.RanAt), document[reconciliation.Totals]{run.Statement}, document[reconciliation.Totals]{run.Ours},
			int64(run.Ledger), run.Matched, stored.Breaks, stored.Lost, stored.DoublePaid); err != nil {
			return err
		}
		return record(ctx, tx, entry)
	})
	return stored, failed("recording a reconciliation", err)
}

func count(run *reconciliation.Run, reason reconciliation.Reason) {
	run.Breaks++
	if reason.Lost() {
		run.Lost++
	}
	if reason == reconciliation.TwiceAtRail {
		run.DoublePaid++
	}
}

// keepBreak stores what was found and tells whether it is open: one a person
// closed stays closed, one that had gone is opened again.
func keepBreak(ctx context.Context, tx *gorm.DB, b reconciliation.Break, old breakRow, had bool) (bool, error) {
	if !had {
		if _, err := exec(ctx, tx, `INSERT INTO breaks (id, rail, day, key, reason, rails_fen, ours_fen, subject, state, owner, by_hand, opened_at, closed_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, '', 0, ?, ?)`, b.ID, b.Rail, b.Day, b.Key, string(b.Reason), int64(b.Rails), int64(b.Ours), b.Subject,
			string(b.State), at(b.OpenedAt), at(b.ClosedAt)); err != nil {
			return false, err
		}
		return b.State == reconciliation.BreakOpen, addEvent(ctx, tx, b.ID, reconciliation.Event{At: b.OpenedAt, By: "reconciliation", What: "opened"})
	}
	if old.State == string(reconciliation.BreakOpen) {
		return true, nil
	}
	if old.ByHand == 1 || b.State == reconciliation.BreakClosed {
		return false, nil
	}
	return true, moveBreak(ctx, tx, b.ID, reconciliation.BreakOpen, reconciliation.Event{At: b.OpenedAt, By: "reconciliation", What: "found_again"})
}

func moveBreak(ctx context.Context, tx *gorm.DB, id string, to reconciliation.BreakState, event reconciliation.Event) error {
	var closed moment
	if to == reconciliation.BreakClosed {
		closed = at(event.At)
	}
	if _, err := exec(ctx, tx, "UPDATE breaks SET state = ?, closed_at = ? WHERE id = ?", string(to), closed, id); err != nil {
		return err
	}
	return addEvent(ctx, tx, id, event)
}

func addEvent(ctx context.Context, tx *gorm.DB, id string, event reconciliation.Event) error {
	_, err := exec(ctx, tx, `INSERT INTO break_events (break_id, n, at, by_whom, what, note)
		SELECT ?, COALESCE(MAX(n), 0) + 1, ?, ?, ?, ? FROM break_events WHERE break_id = ?`, id, event.At.UnixMicro(), event.By, event.What, event.Note, id)
	return err
}

// Runs lists the latest, newest day first.
func (s reconciliations) Runs(ctx context.Context, limit int) ([]reconciliation.Run, error) {
	rows, err := query[runRow](ctx, s.db.engine.reader(), "SELECT * FROM reconciliations ORDER BY day DESC, rail"+limited(limit))
	list := make([]reconciliation.Run, len(rows))
	for i, r := range rows {
		list[i] = reconciliation.Run{
			Rail: r.Rail, Day: r.Day, Hash: r.Hash, RanAt: r.RanAt.Time, Statement: r.Statement.of, Ours: r.Ours.of, Ledger: money.Amount(r.LedgerFen),
			Matched: r.Matched, Breaks: r.Breaks, Lost: r.Lost, DoublePaid: r.DoublePaid,
		}
	}
	return list, failed("listing reconciliations", err)
}

// Breaks lists open ones, oldest first; with closed also those.
func (s reconciliations) Breaks(ctx context.Context, closed bool, limit int) ([]reconciliation.Break, error) {
	where := " WHERE state = 'open'"
	if closed {
		where = ""
	}
	rows, err := query[breakRow](ctx, s.db.engine.reader(), "SELECT * FROM breaks"+where+" ORDER BY opened_at, id"+limited(limit))
	list := make([]reconciliation.Break, len(rows))
	for i, row := range rows {
		list[i] = row.domain()
	}
	return list, failed("listing breaks", err)
}

// Break gives one with its history.
func (s reconciliations) Break(ctx context.Context, id string) (reconciliation.Break, []reconciliation.Event, error) {
	row, err := queryOne[breakRow](ctx, s.db.engine.reader(), "SELECT * FROM breaks WHERE id = ?", id)
	if err != nil {
		return reconciliation.Break{}, nil, failed("reading a break", missing("break", err))
	}
	type eventRow struct {
		At     moment
		ByWhom string
		What   string
		Note   string
	}
	rows, err := query[eventRow](ctx, s.db.engine.reader(), "SELECT at, by_whom, what, note FROM break_events WHERE break_id = ? ORDER BY n", id)
	events := make([]reconciliation.Event, len(rows))
	for i, e := range rows {
		events[i] = reconciliation.Event{At: e.At.Time, By: e.ByWhom, What: e.What, Note: e.Note}
	}
	return row.domain(), events, failed("reading a break", err)
}

// ChangeBreak stores what a person did with a break that is open.
func (s reconciliations) ChangeBreak(ctx context.Context, b reconciliation.Break, event reconciliation.Event, entry audit.Entry) error {
	err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		byHand := 0
		if b.State == reconciliation.BreakClosed {
			byHand = 1
		}
		changed, err := exec(ctx, tx, "UPDATE breaks SET state = ?, owner = ?, by_hand = ?, closed_at = ? WHERE id = ? AND state = 'open'",
			string(b.State), b.Owner, byHand, at(b.ClosedAt), b.ID)
		if err != nil {
			return err
		}
		if changed != 1 {
			return fault.New(fault.Conflict, fault.CodeStale, "the break was closed meanwhile")
		}
		if err := addEvent(ctx, tx, b.ID, event); err != nil {
			return err
		}
		return record(ctx, tx, entry)
	})
	return failed("changing a break", err)
}
