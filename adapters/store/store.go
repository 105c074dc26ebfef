// Package store keeps everything in one database, SQLite or PostgreSQL. The
// rule: what decides or moves money is one transaction, correct by what the
// database itself checks (conditional updates, unique keys), never by a lock
// in this process, for other processes share the database.
//
// Rows are private to this package and mapped to the use cases' types; gorm
// appears nowhere else. Personal data is encrypted before it reaches a row.
// Errors are translated once, at the border of each method: faults the
// interfaces document, fault.Unavailable for a database too busy or not to be
// reached, and fault.Internal with its cause for the rest.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"gorm.io/gorm"

	"loan310/app/clock"
	"loan310/app/servicing/loan"
	"loan310/migrations"
)

// Config says which database to open and how.
type Config struct {
	// DSN is "sqlite:///absolute/path/file.db" (or "sqlite://relative.db"),
	// with "?synchronous=normal" where losing the last commits in a power
	// failure is acceptable (default full), or "postgres://…".
	DSN string
	// Keys encrypt personal data; required.
	Keys Keys
	// Clock is used where a method is not given the time; nil = clock.System.
	Clock clock.Clock
	// Logger hears of background trouble; nil = nobody does.
	Logger *slog.Logger
	// MaxOpen bounds connections (SQLite: readers beside the one writer);
	// 0 = 16 for PostgreSQL, 4 for SQLite.
	MaxOpen int
	// PollEvery is how often what is watched is looked for in the database,
	// for what other processes wrote; 0 = 300 ms.
	PollEvery time.Duration
	// Products are what loans are made of when their drawdown is paid; the
	// zero value = loan.StandardCatalogue.
	Products loan.Catalogue
}

// DB is an open database. It is safe for concurrent use.
type DB struct {
	engine   engine
	dialect  migrations.Dialect
	keys     Keys
	clock    clock.Clock
	logger   *slog.Logger
	hub      *hub // of progress events by application
	states   *hub // of applications
	draws    *hub // of drawdowns
	debits   *hub
	packer   packer
	products loan.Catalogue // what loans are made of
	closing  func() error
}

// txFunc is the body of a transaction. It may run more than once, and must
// use the context it is given.
type txFunc func(ctx context.Context, tx *gorm.DB) error

// engine is one kind of database.
type engine interface {
	// transact runs fn in one read-write transaction, once.
	transact(ctx context.Context, fn txFunc) error
	// snapshot runs fn in one read-only transaction that sees one moment.
	snapshot(ctx context.Context, fn txFunc) error
	// reader gives a handle for single reads.
	reader() *gorm.DB
	// migrating opens a plain connection pool for goose; the caller closes it.
	migrating() (*sql.DB, error)
	ping(ctx context.Context) error
	close() error
}

// ErrNoKeys reports a Config without Keys.
var ErrNoKeys = errors.New("the store needs its encryption keys")

// Open opens the database. It does not migrate. A database written with other
// keys is refused with ErrWrongKeys.
func Open(ctx context.Context, config Config) (*DB, error) {
	if config.Keys.aead == nil || config.Keys.index == nil {
		return nil, ErrNoKeys
	}
	if config.Clock == nil {
		config.Clock = clock.System
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	if config.PollEvery <= 0 {
		config.PollEvery = 300 * time.Millisecond
	}
	if len(config.Products.Products()) == 0 {
		standard, err := loan.StandardCatalogue()
		if err != nil {
			return nil, err
		}
		config.Products = standard
	}
	packer, err := newPacker()
	if err != nil {
		return nil, err
	}
	db := &DB{keys: config.Keys, clock: config.Clock, logger: config.Logger, packer: packer, products: config.Products}
	switch scheme, _, _ := strings.Cut(config.DSN, ":"); scheme {
	case "sqlite":
		db.dialect = migrations.SQLite
		db.engine, err = openSQLite(ctx, config)
	case "postgres", "postgresql":
		db.dialect = migrations.Postgres
		db.engine, err = openPostgres(ctx, config)
	default:
		return nil, errors.New("the store's DSN must start with sqlite:// or postgres://")
	}
	if err != nil {
		return nil, fmt.Errorf("opening the %s database: %w", db.dialect, err)
	}
	db.hub = newHub(db.latestProgress, config.PollEvery, config.Logger)
	db.states = newHub(db.versionsOf("applications", "id"), config.PollEvery, config.Logger)
	db.draws = newHub(db.versionsOf("drawdowns", "id"), config.PollEvery, config.Logger)
	db.debits = newHub(db.versionsOf("debits", "key"), config.PollEvery, config.Logger)
	db.closing = sync.OnceValue(func() error {
		for _, hub := range []*hub{db.hub, db.states, db.draws, db.debits} {
			hub.close()
		}
		return errors.Join(db.engine.close(), db.packer.close())
	})
	if err := db.checkKeys(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// Products are what loans are made of.
func (db *DB) Products() loan.Catalogue { return db.products }

// Close ends background work and closes the database. Closing again does
// nothing.
func (db *DB) Close() error { return db.closing() }

// Ping tells whether the database answers.
func (db *DB) Ping(ctx context.Context) error {
	return failed("reaching the database", db.engine.ping(ctx))
}

// in runs fn in one read-write transaction, again where the database asks for
// it (deadlock, serialization failure, busy).
func (db *DB) in(ctx context.Context, fn txFunc) error {
	return retrying(ctx, func() error { return db.engine.transact(ctx, fn) })
}

// seeing runs fn in one read-only transaction that sees one moment.
func (db *DB) seeing(ctx context.Context, fn txFunc) error {
	return retrying(ctx, func() error { return db.engine.snapshot(ctx, fn) })
}

// gormConfig is what both databases share: no implicit transactions, the
// injected clock, and no SQL in logs, for it carries values.
func gormConfig(config Config) *gorm.Config {
	return &gorm.Config{
		SkipDefaultTransaction: true,
		NowFunc:                config.Clock,
		Logger:                 silent{},
		DisableAutomaticPing:   true,
	}
}
