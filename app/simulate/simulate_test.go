package simulate_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"loan310/app/fault"
	"loan310/app/simulate"
)

// file gives a SQLite file of a test's own, and its DSN.
func file(t *testing.T) (path, dsn string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "simulation.db")
	return path, "sqlite://" + path + "?synchronous=normal"
}

func run(t *testing.T, o simulate.Options) simulate.Result {
	t.Helper()
	result, err := simulate.Run(t.Context(), o)
	require.NoError(t, err)
	return result
}

// Everything happens, and every invariant holds.
func TestALifeIsSound(t *testing.T) {
	t.Parallel()
	_, dsn := file(t)
	options := simulate.Options{Loans: 300, Months: 9, Seed: 5, Bad: 300, DSN: dsn}
	days := 0
	options.Told = func(p simulate.Progress) { days = p.Done }
	first := run(t, options)
	require.Empty(t, first.Breaches)
	require.True(t, first.Sound())
	require.Equal(t, 273, days, "January to September 2025")
	require.Equal(t, 10, first.Verified, "each month's end, and the end")
	require.Greater(t, first.LoanMonths, 200.0)
	happened := map[string]int{}
	for _, c := range first.Counts {
		happened[c.What] = c.N
	}
	for _, what := range []string{
		"repayment on time", "repayment late", "repayment in part", "repayment of more", "repayment before its day", "repayment backdated",
		"repayment reversed", "repaid early", "refunded", "restructured", "charged off", "repaid in full", "late interest waived",
		"rail wallet: answer lost", "rail wallet: refused",
	} {
		require.Positive(t, happened[what], "%s of %v", what, happened)
	}
	require.Len(t, first.Vintages, 9)
	require.Len(t, first.Rolls, 8)
	require.Positive(t, first.Quality.All.NPL())
	require.Positive(t, first.Quality.All.ChargedOff)
	require.Positive(t, first.Provision.Required)
	require.Positive(t, first.Cost.PerLoan)
	require.Equal(t, fmt.Sprintf("loans=%d months=9 lost=0 double_paid=0 unbalanced=0", first.Loans), first.String())
}

// The same seed gives the same life whoever acts first, another seed another.
func TestALifeFollowsFromItsSeed(t *testing.T) {
	t.Parallel()
	live := func(seed uint64, callers int) simulate.Result {
		_, dsn := file(t)
		result := run(t, simulate.Options{Loans: 80, Months: 3, Seed: seed, Bad: 300, DSN: dsn, Callers: callers})
		result.Took, result.Prepared = 0, 0
		return result
	}
	first := live(5, 1)
	require.True(t, first.Sound())
	require.Equal(t, first, live(5, 7))
	require.NotEqual(t, first.Counts, live(6, 7).Counts)
}

// What is broken in the books is noticed the same day.
func TestBrokenBooksAreNoticed(t *testing.T) {
	t.Parallel()
	for rule, statement := range map[string]string{
		"ledger_balances": `INSERT INTO journals SELECT 'broken', 'broken', 'test', 'test', NULL, MAX(booked_at) FROM journals;
			INSERT INTO postings VALUES ('broken', 0, 'settlement', 5), ('broken', 1, 'suspense', -4)`,
		"ledger_equals_the_rails_books": `INSERT INTO journals SELECT 'broken', 'broken', 'test', 'test', NULL, MAX(booked_at) FROM journals;
			INSERT INTO postings VALUES ('broken', 0, 'settlement', 5), ('broken', 1, 'suspense', -5)`,
		"line_used_equals_drawn":            "UPDATE lines SET used_fen = used_fen + 1 WHERE used_fen > 0",
		"borrower_class_is_its_loans_worst": "UPDATE borrowers SET class = 'loss'",
		"loan_position_equals_replay":       "UPDATE loans SET outstanding_fen = outstanding_fen + 1 WHERE state = 'active'",
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			path, dsn := file(t)
			broken := false
			result := run(t, simulate.Options{Loans: 40, Months: 2, Seed: 1, DSN: dsn, AfterDay: func(day string) {
				if day != "2025-01-20" {
					return
				}
				pool, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)")
				if err == nil {
					_, err = pool.ExecContext(context.Background(), statement)
				}
				broken = err == nil && pool.Close() == nil
			}})
			require.True(t, broken)
			require.False(t, result.Sound())
			rules := map[string]string{}
			for _, b := range result.Breaches {
				if rules[b.Rule] == "" {
					rules[b.Rule] = b.Day
				}
			}
			require.Contains(t, rules, rule)
		})
	}
}

func TestUnusableOptionsAreRefused(t *testing.T) {
	t.Parallel()
	for _, o := range []simulate.Options{{Loans: 0, Months: 1}, {Loans: 1, Months: 1, Bad: 1001}, {Loans: 1, Months: 0}, {Loans: simulate.MaxLoans + 1, Months: 1}, {Loans: 1, Months: simulate.MaxMonths + 1}} {
		_, err := simulate.Run(t.Context(), o)
		require.Equal(t, fault.Invalid, fault.KindOf(err))
	}
}

// Stopped, it gives what there is.
func TestItCanBeStopped(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	_, dsn := file(t)
	result, err := simulate.Run(ctx, simulate.Options{Loans: 50, Months: 3, Seed: 1, DSN: dsn, Told: func(p simulate.Progress) {
		if p.Done == 40 {
			stop()
		}
	}})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, result.Months)
	require.True(t, result.Sound())
	require.Positive(t, result.Loans)
}
