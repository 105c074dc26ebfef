package store

import (
	"context"
	"database/sql"
	"errors"

	"gorm.io/gorm"
)

// keptSnapshots is how many reading connections of a SQLite file are kept for
// snapshots, statements prepared. database/sql prepares a statement anew for
// nearly every transaction, which cost decisions more than running it.
const keptSnapshots = 3

// snapshots runs reads that must all see the same state.
type snapshots struct {
	free chan *snapshot
	all  []*snapshot
}

// snapshot is one connection, used by one reader at a time.
type snapshot struct {
	conn   *sql.Conn
	stmts  *statements
	handle *gorm.DB
}

// newSnapshots takes its connections out of the pool.
func newSnapshots(ctx context.Context, pool *sql.DB, config *gorm.Config) (*snapshots, error) {
	s := &snapshots{free: make(chan *snapshot, keptSnapshots)}
	for range keptSnapshots {
		conn, err := pool.Conn(ctx)
		if err != nil {
			return s, err
		}
		one := &snapshot{conn: conn, stmts: &statements{conn: conn, kept: map[string]*sql.Stmt{}}}
		s.all = append(s.all, one)
		if one.handle, err = gorm.Open(sqliteDialect{one.stmts}, config); err != nil {
			return s, err
		}
		s.free <- one
	}
	return s, nil
}

// try runs fn on a free connection; false where there is none.
func (s *snapshots) try(ctx context.Context, fn txFunc) (bool, error) {
	select {
	case one := <-s.free:
		return true, s.run(ctx, one, fn)
	default:
		return false, nil
	}
}

// run gives the connection back unless its transaction cannot be ended.
func (s *snapshots) run(ctx context.Context, one *snapshot, fn txFunc) error {
	if _, err := one.stmts.ExecContext(ctx, "BEGIN"); err != nil {
		s.free <- one
		return err
	}
	defer func() {
		if _, err := one.stmts.ExecContext(context.WithoutCancel(ctx), "ROLLBACK"); err == nil {
			s.free <- one
		}
	}()
	return fn(ctx, one.handle.WithContext(ctx))
}

func (s *snapshots) close() error {
	var all error
	for _, one := range s.all {
		all = errors.Join(all, one.stmts.close(), one.conn.Close())
	}
	return all
}
