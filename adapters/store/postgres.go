package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
)

// postgresEngine is a PostgreSQL database behind one pool. Transactions run
// at READ COMMITTED: what must not race is a conditional update or a unique
// key, which hold there too.
type postgresEngine struct {
	config *pgx.ConnConfig
	pool   *sql.DB
	handle *gorm.DB
}

func openPostgres(ctx context.Context, config Config) (engine, error) {
	parsed, err := pgx.ParseConfig(config.DSN)
	if err != nil {
		return nil, errors.New("the DSN cannot be read") // pgx's own message may show the password
	}
	open := config.MaxOpen
	if open <= 0 {
		open = 16
	}
	e := &postgresEngine{config: parsed, pool: stdlib.OpenDB(*parsed)}
	e.pool.SetMaxOpenConns(open)
	e.pool.SetMaxIdleConns(open)
	e.pool.SetConnMaxIdleTime(5 * time.Minute)
	if err := e.pool.PingContext(ctx); err != nil {
		return nil, errors.Join(err, e.pool.Close())
	}
	e.handle, err = gorm.Open(postgres.New(postgres.Config{Conn: e.pool}), gormConfig(config))
	if err != nil {
		return nil, errors.Join(err, e.pool.Close())
	}
	return e, nil
}

func (e *postgresEngine) transact(ctx context.Context, fn txFunc) error {
	return e.handle.WithContext(ctx).Transaction(func(tx *gorm.DB) error { return fn(ctx, tx) })
}

func (e *postgresEngine) snapshot(ctx context.Context, fn txFunc) error {
	return e.handle.WithContext(ctx).Transaction(
		func(tx *gorm.DB) error { return fn(ctx, tx) },
		&sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead})
}

func (e *postgresEngine) reader() *gorm.DB { return e.handle }

func (e *postgresEngine) migrating() (*sql.DB, error) { return stdlib.OpenDB(*e.config), nil }

func (e *postgresEngine) ping(ctx context.Context) error { return e.pool.PingContext(ctx) }

func (e *postgresEngine) close() error { return e.pool.Close() }
