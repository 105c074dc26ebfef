package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"
	"modernc.org/sqlite"

	"loan310/app/fault"
)

// CodeUnavailable marks a database that cannot be reached or has no room.
const CodeUnavailable fault.Code = "database_unavailable"

// errAborted marks a transaction that was undone through no fault of its own:
// another of the same group broke it. It is safe to run again.
var errAborted = errors.New("transaction undone with its group")

// Result codes of SQLite (extended) and PostgreSQL that have a meaning here.
const (
	sqliteBusy       = 5 // primary code, in the low byte
	sqliteLocked     = 6
	sqliteFull       = 13
	sqliteCheck      = 275
	sqliteForeign    = 787
	sqlitePrimary    = 1555
	sqliteTrigger    = 1811
	sqliteUnique     = 2067
	postgresUnique   = "23505"
	postgresForeign  = "23503"
	postgresCheck    = "23514"
	postgresNotNull  = "23502"
	postgresSerial   = "40001"
	postgresDeadlock = "40P01"
	postgresNoTable  = "42P01"
)

// duplicate tells whether err is a unique key violated, and if names are
// given, whether it was one of them: an index name (PostgreSQL) or
// "table.column" (SQLite).
func duplicate(err error, names ...string) bool {
	var text string
	if lite, ok := errors.AsType[*sqlite.Error](err); ok && (lite.Code() == sqliteUnique || lite.Code() == sqlitePrimary) {
		text = lite.Error()
	} else if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == postgresUnique {
		text = pg.ConstraintName
	} else {
		return false
	}
	for _, name := range names {
		if strings.Contains(text, name) {
			return true
		}
	}
	return len(names) == 0
}

// orphan tells whether err is a reference to a row that is not there.
func orphan(err error) bool { return hasCode(err, sqliteForeign, postgresForeign) }

// refused tells whether err is a rule of the schema (CHECK, append-only).
func refused(err error) bool {
	return hasCode(err, sqliteCheck, postgresCheck) || hasCode(err, sqliteTrigger, postgresNotNull)
}

func hasCode(err error, lite int, pg string) bool {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() == lite
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code == pg
	}
	return false
}

// busy tells whether SQLite is held by another connection.
func busy(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && (e.Code()&0xff == sqliteBusy || e.Code()&0xff == sqliteLocked)
}

// again tells whether the same transaction may simply be run once more.
func again(err error) bool {
	if errors.Is(err, errAborted) || busy(err) {
		return true
	}
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == postgresSerial || e.Code == postgresDeadlock)
}

// maxTries bounds how often a transaction is run.
const maxTries = 8

// retrying runs do until it ends otherwise than in a serialization failure,
// at most maxTries times with growing random pauses.
func retrying(ctx context.Context, do func() error) error {
	pause := 2 * time.Millisecond
	for try := 1; ; try++ {
		err := ended(ctx, do())
		if err == nil || try == maxTries || !again(err) {
			return err
		}
		if wait(ctx, rand.N(pause)+time.Millisecond) != nil { //nolint:gosec // a pause needs no secret
			return err
		}
		pause *= 2
	}
}

// ended makes an error that came of the caller's own context say so: drivers
// report a connection they closed for it as a bad one.
func ended(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil || isFault(err) || errors.Is(err, ctx.Err()) {
		return err
	}
	return fmt.Errorf("%w: %w", ctx.Err(), err)
}

// lost tells whether the database could not be reached, went away in the
// middle, or has no room.
func lost(err error) bool {
	for _, gone := range []error{driver.ErrBadConn, sql.ErrConnDone, sql.ErrTxDone, errClosed, io.ErrUnexpectedEOF, io.EOF} {
		if errors.Is(err, gone) {
			return true
		}
	}
	if pgconn.SafeToRetry(err) { // a connection found closed before anything was sent on it
		return true
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		class := e.Code[:min(2, len(e.Code))]
		return class == "08" || class == "53" || class == "57" || class == "58" // connection, resources, operator, the system below
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code()&0xff == sqliteFull
	}
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	_, network := errors.AsType[net.Error](err)
	return connecting || network
}

// wait sleeps, or gives the context's error if that ends first.
func wait(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// failed translates an error at the border: faults pass, the caller's own
// context's end passes, the rest becomes a fault that keeps it as cause.
func failed(doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case isFault(err), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: %w", doing, err)
	case duplicate(err):
		return fmt.Errorf("%s: %w", doing, fault.New(fault.Conflict, fault.CodeDuplicate, "already stored").Wrap(err))
	case orphan(err), refused(err):
		return fmt.Errorf("%s: %w", doing, fault.New(fault.Conflict, fault.CodeConstraint, "the record breaks a rule of the store").Wrap(err))
	case again(err):
		return fmt.Errorf("%s: %w", doing, fault.New(fault.Unavailable, fault.CodeSerialization, "the database is busy; try again").Wrap(err))
	case lost(err):
		return fmt.Errorf("%s: %w", doing, fault.New(fault.Unavailable, CodeUnavailable, "the database cannot be reached; try again").Wrap(err))
	}
	return fmt.Errorf("%s: %w", doing, fault.New(fault.Internal, fault.CodeInternal, "the database did not do what was asked").Wrap(err))
}

func isFault(err error) bool {
	_, ok := errors.AsType[*fault.Error](err)
	return ok
}

// none tells whether a query found no row.
func none(err error) bool { return errors.Is(err, gorm.ErrRecordNotFound) }

// missing turns gorm's "no row" into the NotFound fault of a thing.
func missing(thing string, err error) error {
	if none(err) {
		return fault.Missing(thing)
	}
	return err
}
