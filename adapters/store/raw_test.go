package store_test

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"
)

// pool opens the database beside the store, as an operator's shell would.
func (s *suite) pool(t testing.TB) *sql.DB {
	t.Helper()
	driver, dsn := "pgx", s.config.DSN
	if s.file != "" {
		driver, dsn = "sqlite", "file:"+s.file+"?_pragma=busy_timeout(10000)"
	}
	pool, err := sql.Open(driver, dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, pool.Close()) })
	return pool
}

// raw runs a statement behind the store's back.
func (s *suite) raw(t testing.TB, statement string) {
	t.Helper()
	_, err := s.pool(t).ExecContext(t.Context(), statement)
	require.NoError(t, err)
}

// refuses requires that the database itself refuses a statement.
func (s *suite) refuses(t testing.TB, statement, because string) {
	t.Helper()
	_, err := s.pool(t).ExecContext(t.Context(), statement)
	require.Error(t, err, statement)
	require.Contains(t, strings.ToLower(err.Error()), because)
}
