package store

import (
	"context"
	"encoding/json"
	"time"

	"gorm.io/gorm"
)

// Board is what one process last said of the providers it calls.
type Board struct {
	Process  string // unique among processes
	Kind     string // what the process does, such as worker
	Host     string
	Statuses json.RawMessage // one entry per provider, in the process's own form
	SeenAt   time.Time
}

// Boards keeps one row per process that calls providers, so that each process
// can show what all of them see.
type Boards struct{ db *DB }

// Boards gives the boards of all processes.
func (db *DB) Boards() *Boards { return &Boards{db} }

type boardRow struct {
	Process  string
	Kind     string
	Host     string
	Statuses string
	SeenAt   moment
}

// Put stores a process's board in the place of its earlier one.
func (s *Boards) Put(ctx context.Context, b Board) error {
	err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		_, err := exec(ctx, tx, `INSERT INTO provider_boards (process, kind, host, statuses, seen_at) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (process) DO UPDATE SET kind = excluded.kind, host = excluded.host,
			statuses = excluded.statuses, seen_at = excluded.seen_at`,
			b.Process, b.Kind, b.Host, string(b.Statuses), at(b.SeenAt))
		return err
	})
	return failed("storing a board of providers", err)
}

// Recent lists the boards seen at or after a time, by process.
func (s *Boards) Recent(ctx context.Context, since time.Time) ([]Board, error) {
	rows, err := query[boardRow](ctx, s.db.engine.reader(),
		"SELECT * FROM provider_boards WHERE seen_at >= ? ORDER BY process", since.UnixMicro())
	if err != nil {
		return nil, failed("reading boards of providers", err)
	}
	boards := make([]Board, len(rows))
	for i, row := range rows {
		boards[i] = Board{
			Process: row.Process, Kind: row.Kind, Host: row.Host, Statuses: json.RawMessage(row.Statuses), SeenAt: row.SeenAt.Time,
		}
	}
	return boards, nil
}

// Forget removes a process's board. One that is not there is no error.
func (s *Boards) Forget(ctx context.Context, process string) error {
	err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		_, err := exec(ctx, tx, "DELETE FROM provider_boards WHERE process = ?", process)
		return err
	})
	return failed("forgetting a board of providers", err)
}
