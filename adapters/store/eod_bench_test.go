package store_test

import (
	"database/sql"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/app/clock"
	"loan310/app/money"
	"loan310/app/servicing"
	"loan310/app/servicing/loan"
)

// perLoan is how many instalments the loans of these benchmarks have.
const perLoan = 6

// BenchmarkEndOfDay closes a day over a million instalments (or
// LOAN310_BENCH_INSTALMENTS): loans paid out over a month, of which a
// thirtieth falls due on the day, and loans that all fall due on it. Each
// merchant has two. The floor reads every instalment once, in order.
func BenchmarkEndOfDay(b *testing.B) {
	instalments := 1_000_000
	if text := os.Getenv("LOAN310_BENCH_INSTALMENTS"); text != "" {
		n, err := strconv.Atoi(text)
		require.NoError(b, err)
		instalments = n
	}
	for name, spread := range map[string]int{"a_thirtieth_due": 30, "all_due": 1} {
		b.Run(name, func(b *testing.B) {
			s := onPostgres(b)
			require.NoError(b, s.Migrate(b.Context()))
			template := s.loan(b, s.line(b, 1_000_000_000*money.Yuan), 600_00)
			s.raw(b, cloneLoans(template, instalments/perLoan, spread))
			floor := scan(b, s.pool(b), instalments)
			day := template.NextDue
			at := clock.Fixed(now().AddDate(0, 2, 0))
			service := servicing.NewService(servicing.Deps{Store: s.Servicing(), Now: at})
			closing := &servicing.EndOfDay{Days: s.Days(), Service: service, Owner: "bench", Workers: 2}
			b.ResetTimer()
			closed, err := closing.Run(b.Context(), day) // once: a day is closed once
			b.StopTimer()
			require.NoError(b, err)
			require.True(b, closed)
			status, err := s.Days().Days(b.Context(), 1)
			require.NoError(b, err)
			require.Zero(b, status[0].Failed)
			require.InDelta(b, instalments/perLoan/spread, status[0].Loans, float64(instalments/perLoan/spread)/5+2)
			took := b.Elapsed()
			b.ReportMetric(took.Seconds(), "s/day")
			b.ReportMetric(float64(status[0].Loans)/took.Seconds(), "loans/s")
			b.ReportMetric(float64(floor.Milliseconds()), "scan-ms")
			b.ReportMetric(took.Seconds()/floor.Seconds(), "x-scan")
		})
	}
}

// scan reads all instalments by one plain pass, three times, and gives the
// shortest.
func scan(b *testing.B, pool *sql.DB, want int) time.Duration {
	b.Helper()
	best := time.Hour
	for range 3 {
		var rows int
		var sum int64
		began := time.Now()
		require.NoError(b, pool.QueryRowContext(b.Context(), "SELECT COUNT(*), SUM(unpaid_fen) FROM loan_instalments").Scan(&rows, &sum))
		best = min(best, time.Since(began))
		require.InDelta(b, want, rows, 2*perLoan)
	}
	return best
}

// cloneLoans makes so many loans like a template, with what a replay of them
// needs, two for each merchant: they were paid out on the template's day and
// on the days before it, spread evenly. In PostgreSQL's words.
func cloneLoans(template servicing.Loan, loans, spread int) string {
	date := template.Contract.DisbursedOn
	day := func(text string) string { return "((" + text + ")::date - DATE '1970-01-01')" }
	paid := fmt.Sprintf("(DATE '%s' - i %% %d)", date, spread)
	due := func(n string) string { return day(paid + " + " + n + " * INTERVAL '1 month'") }
	populate := func(table, columns, where string) string {
		return fmt.Sprintf("INSERT INTO %s SELECT (jsonb_populate_record(t, jsonb_build_object(%s))).* FROM %s t, generate_series(1, %d) i WHERE %s;\n",
			table, columns, table, loans, where)
	}
	id := fmt.Sprintf("id = '%s'", template.ID)
	contract := fmt.Sprintf("replace(replace(replace(contract, '%s', 'l' || i), '%s', 'm' || (i / 2)), '\"disbursed_on\":\"%s\"', '\"disbursed_on\":\"' || %s || '\"')",
		template.ID, template.MerchantID, date, paid)
	return populate("merchants", "'id', 'm' || (i / 2), 'phone_index', NULL, 'licence_index', NULL", fmt.Sprintf("id = '%s' AND (i = 1 OR i %% 2 = 0)", template.MerchantID)) +
		populate("drawdowns", "'id', 'l' || i, 'key', 'k' || i, 'merchant_id', 'm' || (i / 2)", id) +
		populate("loans", "'id', 'l' || i, 'merchant_id', 'm' || (i / 2), 'part', i % "+strconv.Itoa(servicing.Parts)+", 'contract', "+contract+
			", 'disbursed_on', "+day(paid)+", 'through_on', "+day(paid)+", 'wake_on', "+due("1")+", 'next_due', "+due("1"), id) +
		fmt.Sprintf("INSERT INTO loan_instalments SELECT 'l' || i, t.number, %s, t.state, t.owed_fen, t.unpaid_fen, t.paid_on FROM loan_instalments t, generate_series(1, %d) i WHERE t.loan_id = '%s';\n",
			due("t.number"), loans, template.ID) +
		fmt.Sprintf("DELETE FROM loan_instalments WHERE loan_id = '%s'; DELETE FROM loan_journals WHERE loan_id = '%s'; DELETE FROM loans WHERE id = '%s';\nANALYZE;", template.ID, template.ID, template.ID)
}

// TestClonedLoansAreReal closes a day over a few of them.
func TestClonedLoansAreReal(t *testing.T) {
	t.Parallel()
	s := onPostgres(t)
	require.NoError(t, s.Migrate(t.Context()))
	template := s.loan(t, s.line(t, 10_000_00), 600_00)
	s.raw(t, cloneLoans(template, 60, 30))
	at := clock.Fixed(now().AddDate(0, 2, 0))
	service := servicing.NewService(servicing.Deps{Store: s.Servicing(), Now: at})
	closing := &servicing.EndOfDay{Days: s.Days(), Service: service, Owner: "test", Workers: 2}
	closed, err := closing.Run(t.Context(), template.NextDue)
	require.NoError(t, err)
	require.True(t, closed)
	view, err := service.At(clock.Fixed(now())).View(t.Context(), "l30")
	require.NoError(t, err)
	require.Equal(t, template.NextDue.AddMonths(1), view.Loan.NextDue)
	require.Equal(t, loan.Normal, view.Loan.Class)
}
