package store

import (
	"context"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"loan310/app/ident"
	"loan310/app/ledger"
	"loan310/app/money"
	"loan310/app/reconciliation"
)

// Reconciliation gives the store of statements, runs and breaks.
func (db *DB) Reconciliation() reconciliation.Store { return reconciliations{db} }

type reconciliations struct{ db *DB }

// linesAtOnce is how many lines of a statement are stored or read at a time.
const linesAtOnce = 500

// Import stores the lines under an id of their own, in pieces, and puts the
// statement in its place at the end: nothing waits for the whole of it.
func (s reconciliations) Import(ctx context.Context, rail, day string, give func(func(reconciliation.Line) error) error) (reconciliation.Totals, error) {
	into := importing{db: s.db, id: ident.NewID()}
	err := give(func(line reconciliation.Line) error { return into.add(ctx, line) })
	if err == nil {
		err = into.flush(ctx)
	}
	if err == nil {
		err = into.install(ctx, rail, day)
	}
	if err != nil {
		kept := context.WithoutCancel(ctx)
		_ = s.db.in(kept, func(ctx context.Context, tx *gorm.DB) error { return dropLines(ctx, tx, into.id) }) // of no statement: seen by nobody
		return reconciliation.Totals{}, failed("importing a statement", err)
	}
	return into.totals, nil
}

type importing struct {
	db     *DB
	id     string
	lines  []reconciliation.Line
	n      int
	totals reconciliation.Totals
}

func (i *importing) add(ctx context.Context, line reconciliation.Line) error {
	i.totals.Count++
	if line.Direction == reconciliation.Out {
		i.totals.Out += line.Amount
	} else {
		i.totals.In += line.Amount
	}
	i.lines = append(i.lines, line)
	if len(i.lines) < linesAtOnce {
		return nil
	}
	return i.flush(ctx)
}

func (i *importing) flush(ctx context.Context) error {
	if len(i.lines) == 0 {
		return nil
	}
	err := i.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		values := make([]any, 0, 8*len(i.lines))
		for n, line := range i.lines {
			returned := 0
			if line.Return {
				returned = 1
			}
			values = append(values, i.id, i.n+n, line.Key, line.Ref, string(line.Direction), returned, int64(line.Amount), line.At.UnixMicro())
		}
		_, err := exec(ctx, tx, "INSERT INTO statement_lines (import_id, n, key, ref, direction, returned, amount_fen, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"+
			strings.Repeat(", (?, ?, ?, ?, ?, ?, ?, ?)", len(i.lines)-1), values...)
		return err
	})
	i.n += len(i.lines)
	i.lines = i.lines[:0]
	return err
}

func (i *importing) install(ctx context.Context, rail, day string) error {
	return i.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		old, err := query[string](ctx, tx, "SELECT import_id FROM statements WHERE rail = ? AND day = ?", rail, day)
		if err != nil {
			return err
		}
		if _, err := exec(ctx, tx, `INSERT INTO statements (rail, day, import_id, lines, out_fen, in_fen) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (rail, day) DO UPDATE SET import_id = excluded.import_id, lines = excluded.lines, out_fen = excluded.out_fen, in_fen = excluded.in_fen`,
			rail, day, i.id, i.totals.Count, int64(i.totals.Out), int64(i.totals.In)); err != nil {
			return err
		}
		for _, id := range old {
			if err := dropLines(ctx, tx, id); err != nil {
				return err
			}
		}
		return nil
	})
}

func dropLines(ctx context.Context, tx *gorm.DB, id string) error {
	_, err := exec(ctx, tx, "DELETE FROM statement_lines WHERE import_id = ?", id)
	return err
}

type statementRow struct {
	ImportID string
	Lines    int
	OutFen   int64
	InFen    int64
}

func (s reconciliations) statement(ctx context.Context, rail, day string) (statementRow, error) {
	row, err := queryOne[statementRow](ctx, s.db.engine.reader(), "SELECT import_id, lines, out_fen, in_fen FROM statements WHERE rail = ? AND day = ?", rail, day)
	if err != nil {
		return statementRow{}, missing("statement", err)
	}
	return row, nil
}

// Imported gives the totals of the statement kept.
func (s reconciliations) Imported(ctx context.Context, rail, day string) (reconciliation.Totals, error) {
	row, err := s.statement(ctx, rail, day)
	return reconciliation.Totals{Count: row.Lines, Out: money.Amount(row.OutFen), In: money.Amount(row.InFen)}, failed("reading a statement", err)
}

// Pairs walks by pages of keys: a merge of two lists that the database keeps
// sorted.
func (s reconciliations) Pairs(ctx context.Context, rail, day string, from, to time.Time, each func(reconciliation.Pair) error) error {
	kept, err := s.statement(ctx, rail, day)
	if err != nil {
		return failed("reading a statement", err)
	}
	for after := ""; ; {
		keys, err := query[string](ctx, s.db.engine.reader(), `SELECT key FROM (
			SELECT * FROM (SELECT DISTINCT key FROM statement_lines WHERE import_id = ? AND key > ? ORDER BY key`+limited(linesAtOnce)+`) l
			UNION SELECT * FROM (SELECT key FROM our_movements WHERE rail = ? AND settled_at >= ? AND settled_at < ? AND state = 'moved' AND key > ?
				ORDER BY key`+limited(linesAtOnce)+`) m) u ORDER BY key`+limited(linesAtOnce),
			kept.ImportID, after, rail, from.UnixMicro(), to.UnixMicro(), after)
		if err != nil {
			return failed("pairing a statement", err)
		}
		if len(keys) == 0 {
			break
		}
		if err := s.page(ctx, kept.ImportID, rail, day, keys, each); err != nil {
			return failed("pairing a statement", err)
		}
		after = keys[len(keys)-1]
	}
	return failed("pairing a statement", s.nameless(ctx, kept.ImportID, each))
}

type entryRow struct {
	N         int
	Key       string
	Ref       string
	Direction string
	Returned  int
	AmountFen int64
	At        moment
}

func (r entryRow) domain() reconciliation.Line {
	return reconciliation.Line{
		N: r.N + 1, Key: r.Key, Ref: r.Ref, Direction: reconciliation.Direction(r.Direction), Return: r.Returned == 1,
		Amount: money.Amount(r.AmountFen), At: r.At.Time,
	}
}

// page gives the pairs of some keys.
func (s reconciliations) page(ctx context.Context, importID, rail, day string, keys []string, each func(reconciliation.Pair) error) error {
	reader := s.db.engine.reader()
	first, last := keys[0], keys[len(keys)-1]
	in, named := among(keys) // from first to last lies most of what ever moved
	lines, err := query[entryRow](ctx, reader, `SELECT n, key, ref, direction, returned, amount_fen, at FROM statement_lines
		WHERE import_id = ? AND key >= ? AND key <= ? ORDER BY key, n`, importID, first, last)
	if err != nil {
		return err
	}
	type countRow struct {
		Key   string
		Count int
	}
	counts, err := query[countRow](ctx, reader, `SELECT l.key, COUNT(*) AS count FROM statement_lines l JOIN statements s ON s.import_id = l.import_id
		WHERE l.key IN `+in+` AND l.key <> '' AND s.rail = ? AND s.day <> ? AND l.returned = 0 GROUP BY l.key`, append(slices.Clone(named), rail, day)...)
	if err != nil {
		return err
	}
	type movementRow struct {
		Key       string
		Rail      string
		Direction string
		AmountFen int64
		State     string
		SettledAt moment
		Subject   string
	}
	ours, err := query[movementRow](ctx, reader, `SELECT key, rail, direction, amount_fen, state, settled_at, subject FROM our_movements
		WHERE rail = ? AND key IN `+in, append([]any{rail}, named...)...)
	if err != nil {
		return err
	}
	pairs := make(map[string]*reconciliation.Pair, len(keys))
	for _, key := range keys {
		pairs[key] = &reconciliation.Pair{Key: key}
	}
	for _, line := range lines {
		pairs[line.Key].Today = append(pairs[line.Key].Today, line.domain())
	}
	for _, count := range counts {
		if pair, ok := pairs[count.Key]; ok {
			pair.Earlier = count.Count
		}
	}
	for _, m := range ours {
		if pair, ok := pairs[m.Key]; ok {
			pair.Ours = &reconciliation.Movement{
				Key: m.Key, Rail: m.Rail, Direction: reconciliation.Direction(m.Direction), Amount: money.Amount(m.AmountFen),
				State: reconciliation.MovementState(m.State), SettledAt: m.SettledAt.Time, Subject: m.Subject,
			}
		}
	}
	for _, key := range keys {
		if err := each(*pairs[key]); err != nil {
			return err
		}
	}
	return nil
}

// nameless gives the lines that name no reference of ours, each by itself.
func (s reconciliations) nameless(ctx context.Context, importID string, each func(reconciliation.Pair) error) error {
	for after := -1; ; {
		lines, err := query[entryRow](ctx, s.db.engine.reader(), `SELECT n, key, ref, direction, returned, amount_fen, at FROM statement_lines
			WHERE import_id = ? AND key = '' AND n > ? ORDER BY n`+limited(linesAtOnce), importID, after)
		if err != nil {
			return err
		}
		for _, line := range lines {
			if err := each(reconciliation.Pair{Today: []reconciliation.Line{line.domain()}}); err != nil {
				return err
			}
			after = line.N
		}
		if len(lines) < linesAtOnce {
			return nil
		}
	}
}

// Moved adds up what we hold as moved and as come back.
func (s reconciliations) Moved(ctx context.Context, rail string, from, to time.Time) (reconciliation.Totals, error) {
	type totalRow struct {
		Count  int
		OutFen int64
		InFen  int64
	}
	row, err := queryOne[totalRow](ctx, s.db.engine.reader(), `SELECT
		(SELECT COUNT(*) FROM our_movements WHERE rail = ? AND settled_at >= ? AND settled_at < ? AND state IN ('moved', 'undone')) AS count,
		(SELECT CAST(COALESCE(SUM(amount_fen), 0) AS BIGINT) FROM our_movements WHERE rail = ? AND settled_at >= ? AND settled_at < ?
			AND state IN ('moved', 'undone') AND direction = 'out') AS out_fen,
		(SELECT CAST(COALESCE(SUM(amount_fen), 0) AS BIGINT) FROM our_movements WHERE rail = ? AND (
			(direction = 'in' AND state = 'moved' AND settled_at >= ? AND settled_at < ?)
			OR (direction = 'out' AND state = 'undone' AND reversed_at >= ? AND reversed_at < ?))) AS in_fen`,
		rail, from.UnixMicro(), to.UnixMicro(), rail, from.UnixMicro(), to.UnixMicro(), rail, from.UnixMicro(), to.UnixMicro(), from.UnixMicro(), to.UnixMicro())
	return reconciliation.Totals{Count: row.Count, Out: money.Amount(row.OutFen), In: money.Amount(row.InFen)}, failed("adding up movements", err)
}

// Since gives when our first movement was made.
func (s reconciliations) Since(ctx context.Context) (time.Time, error) {
	first, err := query[int64](ctx, s.db.engine.reader(), "SELECT created_at FROM payouts ORDER BY created_at, key LIMIT 1")
	if err != nil || len(first) == 0 {
		return time.Time{}, failed("reading the first movement", err)
	}
	return time.UnixMicro(first[0]).UTC(), nil
}

// Booked gives the change of an account by what was booked about drawdowns
// and debits.
func (s reconciliations) Booked(ctx context.Context, account ledger.Account, from, to time.Time) (money.Amount, error) {
	sum, err := queryOne[int64](ctx, s.db.engine.reader(), `SELECT CAST(COALESCE(SUM(p.amount_fen), 0) AS BIGINT) FROM journals j
		JOIN postings p ON p.journal_id = j.id WHERE j.booked_at >= ? AND j.booked_at < ? AND p.account = ?
		AND (j.subject LIKE 'drawdown/%' OR j.subject LIKE 'debit/%')`,
		from.UnixMicro(), to.UnixMicro(), string(account))
	return money.Amount(sum), failed("adding up the ledger", err)
}
