package store_test

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/app/drawdown"
	"loan310/app/ident"
	"loan310/app/money"
	"loan310/app/underwriting"
)

// The databases benchmarks run on. Beside each is a floor: one row inserted
// per transaction.
func databases(b *testing.B, bench func(s *suite)) {
	b.Helper()
	for name, options := range map[string]string{"sqlite_full": "?synchronous=full", "sqlite_normal": "?synchronous=normal"} {
		b.Run(name, func(b *testing.B) {
			s := onSQLite(b, options)
			require.NoError(b, s.Migrate(b.Context()))
			s.b = b
			bench(s)
		})
	}
	b.Run("postgres", func(b *testing.B) {
		s := onPostgres(b)
		require.NoError(b, s.Migrate(b.Context()))
		s.b = b
		bench(s)
	})
}

// callers is how many ask at once, as many as a busy worker has activities.
const callers = 32

// BenchmarkFloor inserts one row per transaction: what the database and its
// sync cost without any work of ours.
func BenchmarkFloor(b *testing.B) {
	for name, at := range map[string]int{"one": 1, "many": callers} {
		b.Run(name, func(b *testing.B) {
			databases(b, func(s *suite) {
				b := s.b
				many(b, at, func() error {
					return s.Underwriting().SaveStrategy(b.Context(), ident.NewID(), []byte("body"), now())
				})
			})
		})
	}
}

// BenchmarkDrawdown is the whole of a drawdown: Create, Reserve, BeginCall
// and SettlePaid, four transactions.
func BenchmarkDrawdown(b *testing.B) {
	for name, at := range map[string]int{"one": 1, "many": callers} {
		b.Run(name, func(b *testing.B) {
			databases(b, func(s *suite) {
				b := s.b
				lines := make([]underwriting.Line, 16)
				for i := range lines {
					lines[i] = s.line(b, 1_000_000_000*money.Yuan)
				}
				var next atomic.Int64
				many(b, at, func() error { return s.draw(b, lines[int(next.Add(1))%len(lines)]) })
				b.ReportMetric(4*float64(b.N)/b.Elapsed().Seconds(), "tx/s")
			})
		})
	}
}

// draw does everything a drawdown asks of the store.
func (s *suite) draw(b *testing.B, line underwriting.Line) error {
	b.Helper()
	d := newDrawdown(line, 100)
	about := entry("drawdown.test", "drawdown/"+d.ID)
	_, errCreate := s.Drawdowns().Create(b.Context(), d, about)
	_, payout, errReserve := s.Drawdowns().Reserve(b.Context(), d.ID, newPayout(d), promised(d), about)
	_, errBegin := s.Drawdowns().BeginCall(b.Context(), payout, now(), "2026-11-11", drawdown.Limit{})
	final, errSettle := s.Drawdowns().SettlePaid(b.Context(), d.ID, d.ID+":payout", "ref", paid(d), about)
	if final.State != drawdown.Paid {
		return errors.Join(errors.New("not paid"), errCreate, errReserve, errBegin, errSettle)
	}
	return nil
}

// BenchmarkReads are the reads a page or a decision makes.
func BenchmarkReads(b *testing.B) {
	databases(b, func(s *suite) {
		b := s.b
		line := s.line(b, 1_000_00)
		b.Run("merchant", func(b *testing.B) {
			many(b, 1, func() error { _, err := s.Merchants().Merchant(b.Context(), line.MerchantID); return err })
		})
		b.Run("line", func(b *testing.B) {
			many(b, 1, func() error { _, err := s.Drawdowns().Line(b.Context(), line.ID); return err })
		})
		b.Run("standing", func(b *testing.B) {
			many(b, 1, func() error { _, err := s.Underwriting().Standing(b.Context(), line.MerchantID, "", now()); return err })
		})
	})
}

// many does b.N times what do does, by so many callers at once.
func many(b *testing.B, at int, do func() error) {
	b.Helper()
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ResetTimer()
	for _, answer := range inParallel(at, func(int) (bool, error) {
		for left.Add(-1) >= 0 {
			if err := do(); err != nil {
				return false, err
			}
		}
		return true, nil
	}) {
		require.NoError(b, answer.err)
	}
	b.StopTimer()
}
