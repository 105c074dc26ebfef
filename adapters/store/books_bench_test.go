package store_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/app/ident"
	"loan310/app/money"
)

// BenchmarkJournals books journals of two postings, one per transaction,
// with their audit entries. The floor inserts the same rows by bare
// statements in one transaction each, without checks or entries.
func BenchmarkJournals(b *testing.B) {
	for name, at := range map[string]int{"one": 1, "many": callers} {
		b.Run("floor/"+name, func(b *testing.B) {
			databases(b, func(s *suite) {
				b := s.b
				pool := s.pool(b)
				if s.file != "" {
					pool.SetMaxOpenConns(1) // one writer
					if strings.Contains(s.config.DSN, "synchronous=normal") {
						_, err := pool.ExecContext(b.Context(), "PRAGMA synchronous = NORMAL")
						require.NoError(b, err)
					}
				}
				marks := "(?, ?, ?, ?, NULL, ?)|(?, 0, ?, ?), (?, 1, ?, ?)"
				if s.file == "" {
					pool.SetMaxOpenConns(callers)
					pool.SetMaxIdleConns(callers)
					marks = "($1, $2, $3, $4, NULL, $5)|($1, 0, $2, $3), ($4, 1, $5, $6)"
				}
				journal, postings, _ := strings.Cut(marks, "|")
				many(b, at, func() error {
					id := ident.NewID()
					tx, err := pool.BeginTx(b.Context(), nil)
					if err != nil {
						return err
					}
					defer func() { _ = tx.Rollback() }()
					if _, err := tx.ExecContext(b.Context(), "INSERT INTO journals (id, key, subject, kind, reverses_id, booked_at) VALUES "+journal, id, id, "loan/"+id, "test", now().UnixMicro()); err != nil {
						return err
					}
					if _, err := tx.ExecContext(b.Context(), "INSERT INTO postings (journal_id, n, account, amount_fen) VALUES "+postings, id, "interest_receivable", 500, id, "interest_income", -500); err != nil {
						return err
					}
					return tx.Commit()
				})
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "journals/s")
			})
		})
		b.Run("book/"+name, func(b *testing.B) {
			databases(b, func(s *suite) {
				b := s.b
				many(b, at, func() error {
					id := ident.NewID()
					_, err := s.Ledger().Book(b.Context(), newJournal(id, "loan/"+id, 500, now()), entry("journal.booked", "loan/"+id))
					return err
				})
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "journals/s")
			})
		})
	}
}

// BenchmarkOneLine reserves draws on one line by many callers; the floor
// updates one row of the same table, alone in a transaction.
func BenchmarkOneLine(b *testing.B) {
	b.Run("floor", func(b *testing.B) {
		databases(b, func(s *suite) {
			b := s.b
			line := s.line(b, 1_000_000_000*money.Yuan)
			pool := s.pool(b)
			statement := "UPDATE lines SET used_fen = used_fen + 1 WHERE id = ? AND limit_fen - used_fen >= 1"
			if s.file != "" {
				pool.SetMaxOpenConns(1)
			} else {
				pool.SetMaxOpenConns(callers)
				pool.SetMaxIdleConns(callers)
				statement = "UPDATE lines SET used_fen = used_fen + 1 WHERE id = $1 AND limit_fen - used_fen >= 1"
			}
			many(b, callers, func() error { _, err := pool.ExecContext(b.Context(), statement, line.ID); return err })
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "updates/s")
		})
	})
	b.Run("reserve", func(b *testing.B) {
		databases(b, func(s *suite) {
			b := s.b
			line := s.line(b, 1_000_000_000*money.Yuan)
			ids := make([]func() error, b.N)
			for i := range ids {
				d := s.drawdown(b, line, 100)
				ids[i] = func() error {
					_, _, err := s.Drawdowns().Reserve(b.Context(), d.ID, newPayout(d), promised(d), entry("drawdown.reserved", "drawdown/"+d.ID))
					return err
				}
			}
			var next atomic.Int64
			many(b, callers, func() error { return ids[next.Add(1)-1]() })
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "draws/s")
			view, err := s.Drawdowns().Line(b.Context(), line.ID)
			require.NoError(b, err)
			require.Equal(b, money.Amount(100*b.N), view.Used)
		})
	})
}

// BenchmarkVerify walks many journals; the time is of the whole walk.
func BenchmarkVerify(b *testing.B) {
	const journals = 200_000
	databases(b, func(s *suite) {
		b := s.b
		series := "generate_series(1, 200000) i"
		if s.file != "" {
			series = "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) SELECT i FROM n)"
		}
		s.raw(b, `BEGIN; INSERT INTO journals SELECT 'j' || i, 'k' || i, 'loan/' || (i / 10), 'x', NULL, i FROM `+series+`;
			INSERT INTO postings SELECT 'j' || i, p.n, CASE p.n WHEN 0 THEN 'interest_receivable' ELSE 'interest_income' END, CASE p.n WHEN 0 THEN i ELSE -i END
			FROM `+series+`, (SELECT 0 AS n UNION ALL SELECT 1) AS p; COMMIT`)
		b.ResetTimer()
		for b.Loop() {
			report, err := s.Ledger().Verify(b.Context())
			require.NoError(b, err)
			require.Equal(b, int64(journals), report.Journals)
			require.Empty(b, report.Faults)
		}
		b.ReportMetric(journals*float64(b.N)/b.Elapsed().Seconds(), "journals/s")
		begun := time.Now()
		_, err := s.Ledger().TrialBalance(b.Context(), time.Time{})
		require.NoError(b, err)
		b.ReportMetric(float64(time.Since(begun).Milliseconds()), "trial-ms")
	})
}
