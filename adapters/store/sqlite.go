package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"gorm.io/gorm"
	"modernc.org/sqlite"
)

// sqliteEngine is a SQLite file in WAL mode: one writer that commits in
// groups, and readers that never wait for it.
type sqliteEngine struct {
	target  sqliteTarget
	config  Config
	writers *sql.DB // holds the writer's connection
	writer  *writer
	readers *sql.DB
	read    *gorm.DB
	still   *snapshots
}

// sqliteTarget is a parsed DSN.
type sqliteTarget struct {
	path        string
	synchronous string
}

// parseSQLite reads "sqlite://path?synchronous=full|normal".
func parseSQLite(dsn string) (sqliteTarget, error) {
	rest, ok := strings.CutPrefix(dsn, "sqlite://")
	if !ok {
		return sqliteTarget{}, errors.New("want sqlite:///path/file.db")
	}
	path, query, _ := strings.Cut(rest, "?")
	path, err := url.PathUnescape(path)
	if err != nil || path == "" || strings.HasPrefix(path, ":") {
		return sqliteTarget{}, errors.New("want sqlite:///path/file.db, a file on disk")
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return sqliteTarget{}, errors.New("the options after ? cannot be read")
	}
	target := sqliteTarget{path: path, synchronous: "full"}
	for name, value := range values {
		if name != "synchronous" || (value[0] != "full" && value[0] != "normal") {
			return sqliteTarget{}, errors.New("the only option is synchronous=full or synchronous=normal")
		}
		target.synchronous = value[0]
	}
	return target, nil
}

// open gives a pool over the file. Readers cannot write.
func (t sqliteTarget) open(readOnly bool) (*sql.DB, error) {
	options := url.Values{"_pragma": {
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(" + t.synchronous + ")",
		"foreign_keys(1)", "cache_size(-32768)", "temp_store(MEMORY)", "journal_size_limit(67108864)",
	}}
	if readOnly {
		options.Set("_query_only", "1")
	} else {
		options.Set("_txlock", "immediate")
	}
	connector, err := sqlite.NewConnector("file:" + (&url.URL{Path: t.path}).EscapedPath() + "?" + options.Encode())
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// openSQLite opens the file, made readable by its owner only when it is new.
func openSQLite(ctx context.Context, config Config) (engine, error) {
	target, err := parseSQLite(config.DSN)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(target.path), 0o700); err != nil {
		return nil, fmt.Errorf("making its folder: %w", err)
	}
	file, err := os.OpenFile(target.path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := file.Close(); err != nil {
		return nil, err
	}
	e := &sqliteEngine{target: target, config: config}
	if err := e.connect(ctx); err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

func (e *sqliteEngine) connect(ctx context.Context) (err error) {
	if e.writers, err = e.target.open(false); err != nil {
		return err
	}
	conn, err := e.writers.Conn(ctx)
	if err != nil {
		return err
	}
	// The writer waits in Go, where a caller can give up.
	if _, err = conn.ExecContext(ctx, "PRAGMA busy_timeout = 50"); err != nil {
		return errors.Join(err, conn.Close())
	}
	if e.writer, err = newWriter(conn, gormConfig(e.config)); err != nil {
		return errors.Join(err, conn.Close())
	}
	if e.readers, err = e.target.open(true); err != nil {
		return err
	}
	open := e.config.MaxOpen
	if open <= 0 {
		open = 4
	}
	e.readers.SetMaxOpenConns(open + keptSnapshots)
	e.readers.SetMaxIdleConns(open)
	reading := gormConfig(e.config)
	reading.PrepareStmt = true
	reading.PrepareStmtMaxSize = maxCached
	if e.read, err = gorm.Open(sqliteDialect{e.readers}, reading); err != nil {
		return err
	}
	e.still, err = newSnapshots(ctx, e.readers, gormConfig(e.config))
	return err
}

func (e *sqliteEngine) transact(ctx context.Context, fn txFunc) error { return e.writer.do(ctx, fn) }

func (e *sqliteEngine) snapshot(ctx context.Context, fn txFunc) error {
	if ran, err := e.still.try(ctx, fn); ran {
		return err
	}
	return e.read.WithContext(ctx).Transaction(func(tx *gorm.DB) error { return fn(ctx, tx) }, &sql.TxOptions{ReadOnly: true})
}

func (e *sqliteEngine) reader() *gorm.DB { return e.read }

func (e *sqliteEngine) migrating() (*sql.DB, error) {
	pool, err := e.target.open(false)
	if err == nil {
		pool.SetMaxOpenConns(1)
	}
	return pool, err
}

func (e *sqliteEngine) ping(ctx context.Context) error { return e.readers.PingContext(ctx) }

func (e *sqliteEngine) close() error {
	var all error
	if e.still != nil {
		all = errors.Join(all, e.still.close())
	}
	if e.readers != nil {
		all = errors.Join(all, e.readers.Close())
	}
	if e.writer != nil {
		all = errors.Join(all, e.writer.close())
	}
	if e.writers != nil {
		all = errors.Join(all, e.writers.Close())
	}
	return all
}
