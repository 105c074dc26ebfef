package store

import (
	"context"
	"database/sql/driver"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"
	"modernc.org/sqlite"

	"loan310/app/fault"
)

// exec runs a statement and gives the number of rows it changed.
func exec(ctx context.Context, tx *gorm.DB, sql string, args ...any) (int64, error) {
	done := tx.WithContext(ctx).Exec(sql, args...)
	return done.RowsAffected, ended(ctx, done.Error)
}

// query runs a query and gives its rows.
func query[T any](ctx context.Context, tx *gorm.DB, sql string, args ...any) ([]T, error) {
	var rows []T
	err := tx.WithContext(ctx).Raw(sql, args...).Scan(&rows).Error
	return rows, ended(ctx, err)
}

// queryOne runs a query and gives its first row, gorm.ErrRecordNotFound when
// there is none.
func queryOne[T any](ctx context.Context, tx *gorm.DB, sql string, args ...any) (T, error) {
	var row T
	found := tx.WithContext(ctx).Raw(sql, args...).Scan(&row)
	if found.Error == nil && found.RowsAffected == 0 {
		return row, gorm.ErrRecordNotFound
	}
	return row, ended(ctx, found.Error)
}

// noTable tells whether err is a table that is not there yet.
func noTable(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code == postgresNoTable
	}
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && strings.Contains(e.Error(), "no such table")
}

// moment is a time as stored: microseconds since 1970, NULL when not set.
type moment struct{ time.Time }

// at makes a moment of a time.
func at(t time.Time) moment { return moment{t} }

// micros cuts a time inside a document to what a moment keeps.
func micros(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// Value gives microseconds, or nil for the zero time.
func (m moment) Value() (driver.Value, error) {
	if m.IsZero() {
		return nil, nil
	}
	return m.UnixMicro(), nil
}

// Scan reads microseconds or NULL.
func (m *moment) Scan(value any) error {
	switch v := value.(type) {
	case nil:
		m.Time = time.Time{}
	case int64:
		m.Time = time.UnixMicro(v).UTC()
	default:
		return fmt.Errorf("a moment is stored as %T", value)
	}
	return nil
}

// document is a JSON column.
type document[T any] struct{ of T }

// Value gives the JSON text.
func (d document[T]) Value() (driver.Value, error) {
	text, err := json.Marshal(d.of)
	return string(text), err
}

// Scan reads the JSON text.
func (d *document[T]) Scan(value any) error {
	switch v := value.(type) {
	case string:
		return json.Unmarshal([]byte(v), &d.of)
	case []byte:
		return json.Unmarshal(v, &d.of)
	}
	return fmt.Errorf("JSON is stored as %T", value)
}

// page bounds a list.
type page struct {
	after time.Time // position of the last row seen; zero = from the start
	id    string
	limit int
}

const (
	defaultPage = 50
	maxPage     = 200
)

// newPage reads a cursor and a limit; a limit outside 1..200 is brought
// inside. A cursor that is none of ours is an Invalid fault.
func newPage(cursor string, limit int) (page, error) {
	switch {
	case limit <= 0:
		limit = defaultPage
	case limit > maxPage:
		limit = maxPage
	}
	if cursor == "" {
		return page{limit: limit}, nil
	}
	refused := fault.Field("cursor", fault.CodeInvalid, "This cursor was not given by this list.")
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return page{}, refused
	}
	micros, id, ok := strings.Cut(string(text), "|")
	value, err := strconv.ParseInt(micros, 10, 64)
	if !ok || err != nil || id == "" {
		return page{}, refused
	}
	return page{after: time.UnixMicro(value).UTC(), id: id, limit: limit}, nil
}

// where adds the page to a query that is newest first by the given column.
func (p page) where(conditions []string, args []any, column string) ([]string, []any) {
	if p.id == "" {
		return conditions, args
	}
	return append(conditions, "("+column+", id) < (?, ?)"), append(args, p.after.UnixMicro(), p.id)
}

// cursor names the position after a row.
func cursor(at time.Time, id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(at.UnixMicro(), 10) + "|" + id))
}

// limited bounds a query. The number stands in the text, for SQLite prepares
// a statement anew whenever a bound limit is bound again.
func limited(limit int) string { return " LIMIT " + strconv.Itoa(limit) }

// and joins conditions to a WHERE clause, or to nothing.
func and(conditions []string) string {
	if len(conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(conditions, " AND ")
}
