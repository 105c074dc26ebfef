package store

import (
	"context"
	"slices"
	"time"

	"gorm.io/gorm"

	"loan310/app/fault"
	"loan310/app/servicing"
	"loan310/app/servicing/loan"
)

// Days gives the store of the ends of days.
func (db *DB) Days() servicing.Days { return days{db} }

type days struct{ db *DB }

type eodRow struct {
	Day      int32
	Part     int
	Loans    int64
	Journals int64
}

// BeginDay makes the parts of a day that are not there. A part without a loan
// that wakes is done, but on the last day of a month, when all are kept: what
// turns up in it later wakes on the next day.
func (s days) BeginDay(ctx context.Context, day loan.Date, now time.Time) error {
	return failed("beginning the end of a day", s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		awake, err := query[int](ctx, tx, `WITH RECURSIVE p (part) AS (SELECT 0 UNION ALL SELECT part + 1 FROM p WHERE part < ?)
			SELECT part FROM p WHERE EXISTS (SELECT 1 FROM loans l WHERE l.part = p.part AND l.wake_on <= ? AND l.through_on < ?)`,
			servicing.Parts-1, int32(day), int32(day))
		if err != nil {
			return err
		}
		rows := make([][]any, servicing.Parts)
		for part := range rows {
			state, finished := "done", at(now)
			if day == day.MonthEnd() || slices.Contains(awake, part) {
				state, finished = "open", moment{}
			}
			rows[part] = []any{int32(day), part, state, "", 0, 0, 0, "", at(now), finished}
		}
		return insertMany(ctx, tx, "eod_runs (day, part, state, owner, loans, journals, failed, error, started_at, finished_at)", rows, " ON CONFLICT DO NOTHING")
	}))
}

// Lease takes an open part that nobody holds.
func (s days) Lease(ctx context.Context, day loan.Date, owner string, now, until time.Time) (part servicing.DayPart, leased, done bool, err error) {
	err = s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		leased, done = false, false
		row, err := queryOne[eodRow](ctx, tx, `UPDATE eod_runs SET owner = ?, lease_until = ? WHERE day = ? AND part = (SELECT part FROM eod_runs
			WHERE day = ? AND state = 'open' AND (lease_until IS NULL OR lease_until < ?) ORDER BY part LIMIT 1`+s.db.forUpdate(" SKIP LOCKED")+") RETURNING *",
			owner, until.UnixMicro(), int32(day), int32(day), now.UnixMicro())
		if err == nil {
			part, leased = servicing.DayPart{Day: day, Part: row.Part, Owner: owner}, true
			return nil
		}
		if !none(err) {
			return err
		}
		open, err := queryOne[int64](ctx, tx, "SELECT COUNT(*) FROM eod_runs WHERE day = ? AND state = 'open'", int32(day))
		done = err == nil && open == 0
		return err
	})
	return part, leased, done, failed("leasing a part of a day", err)
}

// Age brings loans of a part through its day.
func (s days) Age(ctx context.Context, part servicing.DayPart, after string, limit int, now, until time.Time, plan func(servicing.Record) (servicing.Update, error)) (servicing.Aged, error) {
	var aged servicing.Aged
	err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		aged = servicing.Aged{Last: after}
		rows, err := query[loanRow](ctx, tx, "SELECT * FROM loans WHERE part = ? AND wake_on <= ? AND through_on < ? AND id > ? ORDER BY id"+
			limited(limit)+s.db.forUpdate(" SKIP LOCKED"), part.Part, int32(part.Day), int32(part.Day), after)
		if err != nil {
			return err
		}
		problem := ""
		if len(rows) > 0 {
			aged.Last, aged.More = rows[len(rows)-1].ID, len(rows) == limit
			if problem, err = s.age(ctx, tx, rows, now, plan, &aged); err != nil {
				return err
			}
		}
		if !aged.More && aged.Last != "" { // there were some
			if aged.Left, err = queryOne[int](ctx, tx, "SELECT COUNT(*) FROM loans WHERE part = ? AND wake_on <= ? AND through_on < ?",
				part.Part, int32(part.Day), int32(part.Day)); err != nil {
				return err
			}
		}
		kept, err := exec(ctx, tx, `UPDATE eod_runs SET lease_until = ?, loans = loans + ?, journals = journals + ?, failed = failed + ?,
			error = CASE WHEN CAST(? AS TEXT) = '' THEN error ELSE CAST(? AS TEXT) END WHERE day = ? AND part = ? AND owner = ? AND state = 'open'`,
			until.UnixMicro(), aged.Loans, aged.Journals, aged.Failed, problem, problem, int32(part.Day), part.Part, part.Owner)
		if err == nil && kept == 0 {
			err = fault.New(fault.Conflict, servicing.CodeLeaseLost, "another process closes this part of the day")
		}
		return err
	})
	return aged, failed("closing a day", err)
}

// age plans and stores the changes of locked loans; a plan that fails leaves
// its loan out, and is given as text.
func (s days) age(ctx context.Context, tx *gorm.DB, rows []loanRow, now time.Time, plan func(servicing.Record) (servicing.Update, error), aged *servicing.Aged) (string, error) {
	records, err := recordsOf(ctx, tx, rows)
	if err != nil {
		return "", err
	}
	problem := ""
	changes := make([]loanChange, 0, len(records))
	for i := range records {
		update, err := plan(records[i])
		if err != nil {
			aged.Failed++
			problem = "loan " + records[i].Loan.ID + ": " + string(fault.CodeOf(err))
			s.db.logger.ErrorContext(ctx, "a loan was not brought through the day", "loan_id", records[i].Loan.ID, "error", err)
			continue
		}
		aged.Loans++
		aged.Journals += len(update.Journals)
		changes = append(changes, loanChange{records[i], update})
	}
	if len(changes) == 0 {
		return problem, nil
	}
	return problem, storeLoans(ctx, tx, changes, now)
}

// FinishPart closes a part.
func (s days) FinishPart(ctx context.Context, part servicing.DayPart, now time.Time) error {
	return failed("closing a part of a day", s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		_, err := exec(ctx, tx, `UPDATE eod_runs SET state = 'done', lease_until = NULL, finished_at = ? WHERE day = ? AND part = ? AND owner = ? AND state = 'open'`,
			at(now), int32(part.Day), part.Part, part.Owner)
		return err
	}))
}

// Days lists the latest days.
func (s days) Days(ctx context.Context, limit int) ([]servicing.DayStatus, error) {
	type statusRow struct {
		Day        int32
		Parts      int
		Done       int
		Leased     int
		Loans      int64
		Journals   int64
		Snapshots  int64
		Failed     int64
		Error      string
		StartedAt  moment
		FinishedAt moment
	}
	rows, err := query[statusRow](ctx, s.db.engine.reader(), `SELECT day, COUNT(*) AS parts, COUNT(CASE WHEN state = 'done' THEN 1 END) AS done,
		COUNT(CASE WHEN state = 'open' AND lease_until >= ? THEN 1 END) AS leased, CAST(SUM(loans) AS BIGINT) AS loans, CAST(SUM(journals) AS BIGINT) AS journals,
		CAST(SUM(snapshots) AS BIGINT) AS snapshots, CAST(SUM(failed) AS BIGINT) AS failed, MAX(error) AS error, MIN(started_at) AS started_at, MAX(finished_at) AS finished_at
		FROM eod_runs GROUP BY day ORDER BY day DESC`+limited(limit), s.db.clock().UnixMicro())
	if err != nil {
		return nil, failed("listing ends of days", err)
	}
	list := make([]servicing.DayStatus, len(rows))
	for i, row := range rows {
		list[i] = servicing.DayStatus{
			Day: loan.Date(row.Day), Parts: row.Parts, Done: row.Done, Leased: row.Leased, Loans: row.Loans, Journals: row.Journals,
			Kept: row.Snapshots, Failed: row.Failed, Error: row.Error, Started: row.StartedAt.Time,
		}
		if row.Done == row.Parts {
			list[i].Finished = row.FinishedAt.Time
		}
	}
	return list, nil
}

// LastDay is the latest day that is closed whole.
func (s days) LastDay(ctx context.Context) (loan.Date, error) {
	day, err := queryOne[int32](ctx, s.db.engine.reader(), `SELECT CAST(COALESCE(MAX(day), 0) AS BIGINT) FROM eod_runs
		WHERE day NOT IN (SELECT day FROM eod_runs WHERE state = 'open')`)
	return loan.Date(day), failed("reading the last closed day", err)
}
