package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"gorm.io/gorm"

	"loan310/migrations"
)

// Migrate brings the schema up to date and marks a new database with the
// keys. Several processes may do so at once.
func (db *DB) Migrate(ctx context.Context) error {
	pool, err := db.engine.migrating()
	if err != nil {
		return failed("migrating", err)
	}
	defer func() { _ = pool.Close() }()
	if err := db.migrate(ctx, pool); err != nil {
		return failed("migrating", err)
	}
	return db.markKeys(ctx)
}

func (db *DB) migrate(ctx context.Context, pool *sql.DB) error {
	// A file that lands after one of a higher number is run all the same.
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true), goose.WithAllowOutofOrder(true)}
	dialect := goose.DialectSQLite3
	if db.dialect == migrations.Postgres {
		dialect = goose.DialectPostgres
		locker, err := schemaLock(ctx, pool)
		if err != nil {
			return err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	provider, err := goose.NewProvider(dialect, pool, migrations.For(db.dialect), options...)
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	if err == nil || db.dialect == migrations.Postgres {
		return err
	}
	// SQLite has no lock that spans files: where another process was quicker
	// with one of them, go on from there.
	for range len(provider.ListSources()) {
		_, again := provider.Up(ctx)
		if again == nil {
			return nil
		}
		err = again
	}
	return err
}

// schemaLock lets one process at a time migrate a schema; others look once a
// second, for five minutes.
func schemaLock(ctx context.Context, pool *sql.DB) (lock.SessionLocker, error) {
	var schema string
	if err := pool.QueryRowContext(ctx, "SELECT current_schema()").Scan(&schema); err != nil {
		return nil, err
	}
	id := fnv.New32a()
	_, _ = id.Write([]byte("loan310 " + schema))
	return lock.NewPostgresSessionLocker(lock.WithLockID(int64(id.Sum32())), lock.WithLockTimeout(1, 300))
}

// Version gives the schema's version and the newest this program knows.
func (db *DB) Version(ctx context.Context) (current, known int64, err error) {
	pool, err := db.engine.migrating()
	if err != nil {
		return 0, 0, failed("reading the schema version", err)
	}
	defer func() { _ = pool.Close() }()
	dialect := goose.DialectSQLite3
	if db.dialect == migrations.Postgres {
		dialect = goose.DialectPostgres
	}
	provider, err := goose.NewProvider(dialect, pool, migrations.For(db.dialect), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return 0, 0, failed("reading the schema version", err)
	}
	current, known, err = provider.GetVersions(ctx)
	return current, known, failed("reading the schema version", err)
}

// ErrWrongKeys reports a database whose personal data was encrypted with
// other keys than those given.
var ErrWrongKeys = errors.New("this key file does not belong to this database: it was written with other keys")

const (
	keyMark  = "key_mark"
	markText = "loan310 key mark"
)

// checkKeys compares the keys with the mark, if there is one yet.
func (db *DB) checkKeys(ctx context.Context) error {
	rows, err := query[settingRow](ctx, db.engine.reader(), "SELECT key, value FROM settings WHERE key = ?", keyMark)
	if err != nil {
		if noTable(err) {
			return nil
		}
		return failed("reading the key mark", err)
	}
	if len(rows) == 0 {
		return nil
	}
	return db.matchKeys(rows[0].Value)
}

// matchKeys checks that the mark was sealed with these keys: the cipher opens
// it, and the index inside is the one these keys make.
func (db *DB) matchKeys(mark []byte) error {
	plain, err := db.keys.open(mark, "settings", "value", keyMark)
	if err != nil {
		return ErrWrongKeys
	}
	index, err := db.keys.blind("key_mark", markText)
	if err != nil {
		return err
	}
	if string(plain) != index {
		return ErrWrongKeys
	}
	return nil
}

// markKeys stores the mark of the keys in a new database.
func (db *DB) markKeys(ctx context.Context) error {
	index, err := db.keys.blind("key_mark", markText)
	if err != nil {
		return err
	}
	mark, err := db.keys.seal([]byte(index), "settings", "value", keyMark)
	if err != nil {
		return err
	}
	err = db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		_, err := exec(ctx, tx, "INSERT INTO settings (key, value) VALUES (?, ?) ON CONFLICT (key) DO NOTHING", keyMark, mark)
		return err
	})
	if err != nil {
		return failed("marking the keys", err)
	}
	if err := db.checkKeys(ctx); err != nil {
		return fmt.Errorf("migrating: %w", err)
	}
	return nil
}

type settingRow struct {
	Key   string
	Value []byte
}
