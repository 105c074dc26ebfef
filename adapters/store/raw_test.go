package store_test

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"
)

// pool opens the database beside the store, as an operator's shell would.
func (s *suite) pool(tb testing.TB) *sql.DB {
	tb.Helper()
	driver, dsn := "pgx", s.config.DSN
	if s.file != "" {
		driver, dsn = "sqlite", "file:"+s.file+"?_pragma=busy_timeout(10000)"
	}
	pool, err := sql.Open(driver, dsn)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, pool.Close()) })
	return pool
}

// raw runs a statement behind the store's back.
func (s *suite) raw(tb testing.TB, statement string) {
	tb.Helper()
	_, err := s.pool(tb).ExecContext(tb.Context(), statement)
	require.NoError(tb, err)
}

// refuses requires that the database itself refuses a statement.
func (s *suite) refuses(tb testing.TB, statement, because string) {
	tb.Helper()
	_, err := s.pool(tb).ExecContext(tb.Context(), statement)
	require.Error(tb, err, statement)
	require.Contains(tb, strings.ToLower(err.Error()), because)
}
