package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"gorm.io/gorm"
)

const (
	maxGroup   = 64               // transactions per commit
	maxQueue   = 4096             // transactions waiting before callers block
	maxCached  = 512              // prepared statements kept
	busyFor    = 10 * time.Second // patience with another process's transaction
	busyPause  = time.Millisecond
	maxPause   = 20 * time.Millisecond
	notStarted = int32(0)
	running    = int32(1)
	given      = int32(2) // the caller went away before it started
)

var errClosed = errors.New("the database is closed")

// writer is the one writing connection of this process to a SQLite file.
// Transactions that wait for it are committed in groups, so that one sync of
// the disk serves many; each is a savepoint of its own, undone alone when it
// fails, and nobody is answered before the commit. BEGIN IMMEDIATE keeps
// other processes out meanwhile.
type writer struct {
	conn   *sql.Conn
	handle *gorm.DB
	queue  chan *job
	turn   chan struct{} // held by the caller that runs a group
	closed chan struct{}
	shut   atomic.Bool
	stmts  *statements
}

// job is one transaction waiting for its group.
type job struct {
	ctx   context.Context
	fn    txFunc
	state atomic.Int32
	done  chan error
}

func newWriter(conn *sql.Conn, config *gorm.Config) (*writer, error) {
	w := &writer{
		conn: conn, queue: make(chan *job, maxQueue), turn: make(chan struct{}, 1),
		closed: make(chan struct{}), stmts: &statements{conn: conn, kept: map[string]*sql.Stmt{}},
	}
	var err error
	w.handle, err = gorm.Open(sqliteDialect{w.stmts}, config)
	return w, err
}

// do runs fn in a transaction and gives its error, or the commit's.
func (w *writer) do(ctx context.Context, fn txFunc) error {
	j := &job{ctx: ctx, fn: fn, done: make(chan error, 1)}
	select {
	case w.queue <- j:
	case <-ctx.Done():
		return ctx.Err()
	case <-w.closed:
		return errClosed
	}
	for {
		select {
		case err := <-j.done:
			return err
		case w.turn <- struct{}{}:
			if len(j.done) == 0 {
				w.runGroup()
			}
			<-w.turn
		case <-ctx.Done():
			if j.state.CompareAndSwap(notStarted, given) {
				return ctx.Err()
			}
			return <-j.done
		case <-w.closed:
			if j.state.CompareAndSwap(notStarted, given) {
				return errClosed
			}
			return <-j.done
		}
	}
}

// runGroup takes what waits, runs it in one transaction and answers.
func (w *writer) runGroup() {
	var group []*job
	for len(group) < maxGroup {
		select {
		case j := <-w.queue:
			if j.state.CompareAndSwap(notStarted, running) {
				group = append(group, j)
			}
			continue
		default:
		}
		break
	}
	group, err := w.begin(group)
	if len(group) == 0 {
		return
	}
	if err != nil {
		for _, j := range group {
			j.done <- err
		}
		return
	}
	results, intact := w.runAll(group)
	if intact {
		err = w.exec("COMMIT")
	} else {
		err = errAborted
	}
	if err != nil {
		_ = w.exec("ROLLBACK") // fails where SQLite has rolled back by itself
	}
	for i, j := range group {
		if results[i] == nil {
			results[i] = err
		}
		j.done <- results[i]
	}
}

// begin starts the transaction, waiting for other processes. Jobs whose
// callers give up meanwhile are answered and left out.
func (w *writer) begin(group []*job) ([]*job, error) {
	deadline := time.NewTimer(busyFor)
	defer deadline.Stop()
	for pause := busyPause; ; pause = min(2*pause, maxPause) {
		waiting := group[:0]
		for _, j := range group {
			if err := j.ctx.Err(); err != nil {
				j.done <- err
				continue
			}
			waiting = append(waiting, j)
		}
		group = waiting
		if len(group) == 0 {
			return nil, nil
		}
		err := w.exec("BEGIN IMMEDIATE")
		if err == nil || !busy(err) {
			return group, err
		}
		select {
		case <-deadline.C:
			return group, err
		case <-time.After(pause):
		}
	}
}

// runAll runs each job, the failed ones undone. It reports false when the
// transaction as a whole is lost.
func (w *writer) runAll(group []*job) (results []error, intact bool) {
	results = make([]error, len(group))
	if len(group) == 1 {
		results[0] = w.run(group[0])
		return results, results[0] == nil
	}
	for i, j := range group {
		if err := w.exec("SAVEPOINT job"); err != nil {
			return results, false
		}
		results[i] = w.run(j)
		if results[i] != nil {
			if err := w.exec("ROLLBACK TO job"); err != nil {
				return results, false
			}
		}
		if err := w.exec("RELEASE job"); err != nil {
			return results, false
		}
	}
	return results, true
}

// run runs one job. Its statements are not interrupted, for that would undo
// the whole group; its context is looked at before and after.
func (w *writer) run(j *job) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic in a transaction: %v\n%s", cause, debug.Stack())
		}
	}()
	if err := j.ctx.Err(); err != nil {
		return err
	}
	ctx := context.WithoutCancel(j.ctx)
	if err := j.fn(ctx, w.handle); err != nil {
		return err
	}
	return j.ctx.Err()
}

func (w *writer) exec(query string) error {
	_, err := w.stmts.ExecContext(context.Background(), query)
	return err
}

// close waits for the running group and closes the connection.
func (w *writer) close() error {
	if !w.shut.CompareAndSwap(false, true) {
		return nil
	}
	close(w.closed)
	w.turn <- struct{}{}
	return errors.Join(w.stmts.close(), w.conn.Close())
}

// statements is a gorm.ConnPool over one connection that keeps statements
// prepared. Only the holder of the writer's turn uses it.
type statements struct {
	conn *sql.Conn
	kept map[string]*sql.Stmt
}

// PrepareContext gives the kept statement; it stays open.
func (s *statements) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	if stmt, ok := s.kept[query]; ok {
		return stmt, nil
	}
	if len(s.kept) >= maxCached {
		if err := s.close(); err != nil {
			return nil, err
		}
	}
	stmt, err := s.conn.PrepareContext(ctx, query)
	if err == nil {
		s.kept[query] = stmt
	}
	return stmt, err
}

// ExecContext runs a statement.
func (s *statements) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	stmt, err := s.PrepareContext(ctx, query) //nolint:sqlclosecheck // kept for the next time, closed by close
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(ctx, args...)
}

// QueryContext runs a query.
func (s *statements) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	stmt, err := s.PrepareContext(ctx, query) //nolint:sqlclosecheck // kept for the next time, closed by close
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
}

// QueryRowContext runs a query for one row.
func (s *statements) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if stmt, err := s.PrepareContext(ctx, query); err == nil { //nolint:sqlclosecheck // kept for the next time, closed by close
		return stmt.QueryRowContext(ctx, args...)
	}
	return s.conn.QueryRowContext(ctx, query, args...)
}

func (s *statements) close() error {
	var all error
	for query, stmt := range s.kept {
		all = errors.Join(all, stmt.Close())
		delete(s.kept, query)
	}
	return all
}
