package store

import (
	"context"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/callbacks"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/schema"
)

// sqliteDialect speaks to SQLite through a pool made elsewhere. It stands in
// for gorm.io/driver/sqlite, which links a second SQLite through cgo.
type sqliteDialect struct{ pool gorm.ConnPool }

func (sqliteDialect) Name() string { return "sqlite" }

// Initialize sets the pool and gorm's standard callbacks.
func (d sqliteDialect) Initialize(db *gorm.DB) error {
	db.ConnPool = d.pool
	callbacks.RegisterDefaultCallbacks(db, &callbacks.Config{
		CreateClauses: []string{"INSERT", "VALUES", "ON CONFLICT", "RETURNING"},
		UpdateClauses: []string{"UPDATE", "SET", "FROM", "WHERE", "RETURNING"},
		DeleteClauses: []string{"DELETE", "FROM", "WHERE", "RETURNING"},
	})
	return nil
}

// Migrator is nil: goose migrates.
func (sqliteDialect) Migrator(*gorm.DB) gorm.Migrator { return nil }

func (sqliteDialect) DataTypeOf(*schema.Field) string { return "" }

func (sqliteDialect) DefaultValueOf(*schema.Field) clause.Expression {
	return clause.Expr{SQL: "NULL"}
}

func (sqliteDialect) BindVarTo(writer clause.Writer, _ *gorm.Statement, _ any) {
	_ = writer.WriteByte('?')
}

// QuoteTo quotes a possibly dotted name of this package's own tables.
func (sqliteDialect) QuoteTo(writer clause.Writer, name string) {
	_ = writer.WriteByte('"')
	for i := range len(name) {
		if name[i] == '.' {
			_, _ = writer.WriteString(`"."`)
			continue
		}
		_ = writer.WriteByte(name[i])
	}
	_ = writer.WriteByte('"')
}

// Explain gives the statement without its values, which may be personal.
func (sqliteDialect) Explain(sql string, _ ...any) string { return sql }

// silent is a logger that says nothing: errors are returned, and statements
// carry values that do not belong in a log.
type silent struct{}

func (s silent) LogMode(logger.LogLevel) logger.Interface                           { return s }
func (silent) Info(context.Context, string, ...any)                                 {}
func (silent) Warn(context.Context, string, ...any)                                 {}
func (silent) Error(context.Context, string, ...any)                                {}
func (silent) Trace(context.Context, time.Time, func() (string, int64), error)      {}
func (silent) ParamsFilter(_ context.Context, sql string, _ ...any) (string, []any) { return sql, nil }
