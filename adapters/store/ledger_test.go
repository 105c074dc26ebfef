package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"loan310/adapters/store"
	"loan310/app/fault"
	"loan310/app/ident"
	"loan310/app/ledger"
	"loan310/app/money"
)

// newJournal books an amount of interest as earned.
func newJournal(key, subject string, amount money.Amount, at time.Time) ledger.Journal {
	return ledger.Journal{
		ID: ident.NewID(), Key: key, Subject: subject, Kind: "test", BookedAt: at,
		Postings: []ledger.Posting{{Account: ledger.InterestReceivable, Amount: amount}, {Account: ledger.InterestIncome, Amount: -amount}},
	}
}

func TestAJournalIsBookedOnce(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		answers := inParallel(64, func(int) (ledger.Journal, error) {
			return s.Ledger().Book(t.Context(), newJournal("loan:1:demand:1", "loan/1", 500, now()), entry("journal.booked", "loan/1"))
		})
		for _, answer := range answers {
			require.NoError(t, answer.err)
			require.Equal(t, answers[0].value, answer.value)
		}
		trail, err := s.Audit(t.Context(), "loan/1")
		require.NoError(t, err)
		require.Len(t, trail, 1)
		_, err = s.Ledger().Book(t.Context(), newJournal("loan:1:demand:1", "loan/1", 501, now()), entry("journal.booked", "loan/1"))
		requireFault(t, err, fault.Mismatch, ledger.CodeOtherJournal)
		tilted := newJournal("tilted", "loan/1", 1, now())
		tilted.Postings[0].Amount++
		_, err = s.Ledger().Book(t.Context(), tilted, entry("journal.booked", "loan/1"))
		requireFault(t, err, fault.Internal, ledger.CodeUnbalanced)
		require.Equal(t, int64(1), s.sound(t).Journals)
	})
}

func TestAJournalIsReversedOnce(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		second := s.open(t) // as another process would
		booked, err := s.Ledger().Book(t.Context(), newJournal("k", "loan/1", 500, now()), entry("journal.booked", "loan/1"))
		require.NoError(t, err)
		answers := inParallel(64, func(i int) (ledger.Journal, error) {
			books := s.Ledger()
			if i%2 == 1 {
				books = second.Ledger()
			}
			return books.Reverse(t.Context(), booked.ID, now().Add(time.Duration(i)*time.Second), entry("journal.reversed", "loan/1"))
		})
		for _, answer := range answers {
			require.NoError(t, answer.err)
			require.Equal(t, answers[0].value, answer.value, "everybody is given the one reversal")
		}
		require.True(t, answers[0].value.Undoes(booked))
		all, err := s.Ledger().Journals(t.Context(), "loan/1")
		require.NoError(t, err)
		require.Len(t, all, 2)
		trail, err := s.Audit(t.Context(), "loan/1")
		require.NoError(t, err)
		require.Len(t, trail, 2, "repeats are not acts")

		_, err = s.Ledger().Reverse(t.Context(), answers[0].value.ID, now(), entry("journal.reversed", "loan/1"))
		requireFault(t, err, fault.Conflict, ledger.CodeReversal)
		_, err = s.Ledger().Reverse(t.Context(), "none", now(), entry("journal.reversed", "loan/1"))
		requireFault(t, err, fault.NotFound, fault.CodeNotFound)
		s.sound(t)
	})
}

func TestTheDatabaseRefusesWhatDoesNotBalance(t *testing.T) {
	t.Parallel()
	s := onPostgres(t)
	require.NoError(t, s.Migrate(t.Context()))
	_, err := s.Ledger().Book(t.Context(), newJournal("k", "loan/1", 500, now()), entry("journal.booked", "loan/1"))
	require.NoError(t, err)
	s.refuses(t, "INSERT INTO postings SELECT id, 9, 'settlement', 5 FROM journals", "does not balance")
	s.refuses(t, "INSERT INTO journals VALUES ('j', 'key', 's', 'x', NULL, 1)", "fewer than two postings")
	s.refuses(t, `WITH j AS (INSERT INTO journals VALUES ('j', 'key', 's', 'x', NULL, 1) RETURNING id)
		INSERT INTO postings SELECT 'j', n, 'settlement', n FROM generate_series(1, 2) n`, "does not balance")
	s.raw(t, `BEGIN; INSERT INTO journals VALUES ('j', 'key', 'loan/2', 'x', NULL, 1);
		INSERT INTO postings VALUES ('j', 0, 'settlement', 1), ('j', 1, 'recovery', -1); COMMIT`)
	s.sound(t)
}

func TestVerifyFindsWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	const posted = "; INSERT INTO postings VALUES ('j', 0, 'settlement', 5), ('j', 1, 'recovery', -5)"
	for damage, rules := range map[string][]string{
		"UPDATE lines SET used_fen = used_fen + 1":                                                                      {store.RuleLineUsed},
		"UPDATE payouts SET state = 'paid'":                                                                             {store.RulePayout},
		"UPDATE drawdowns SET amount_fen = amount_fen + 1":                                                              {store.RuleLineUsed, store.RulePayout, store.RuleInTransit, store.RuleReceivable},
		"UPDATE drawdowns SET state = 'paid'":                                                                           {store.RulePayout, store.RuleInTransit, store.RuleSettlement},
		"INSERT INTO journals VALUES ('j', 'k', 's', 'x', NULL, 1)":                                                     {store.RuleJournalLines},
		"INSERT INTO journals VALUES ('j', 'k', 'drawdown/none', 'x', NULL, 1)" + posted:                                {store.RuleSubject},
		"INSERT INTO journals SELECT 'j', 'k', subject, 'x', NULL, 1 FROM journals" + posted:                            {store.RuleSettlement, store.RuleElsewhere},
		"INSERT INTO journals SELECT 'j', 'k', 'loan/1', 'reversal', id, 1 FROM journals" + posted:                      {store.RuleReversal},
		"INSERT INTO journals SELECT 'j', 'k', subject, 'reversal', id, 1 FROM journals" + posted:                       {store.RuleReversal, store.RuleSettlement, store.RuleElsewhere},
		"INSERT INTO journals VALUES ('j', 'k', 's', 'x', NULL, 1)" + strings.ReplaceAll(posted, "recovery", "my_cash"): {store.RuleAccount},
		"INSERT INTO postings SELECT id, 9, 'settlement', 5 FROM journals":                                              {store.RuleJournalBalances, store.RuleSettlement},
		"INSERT INTO ledger_closings VALUES (1, 'settlement', 5, 1)":                                                    {store.RuleClosing},
		"UPDATE drawdowns SET state = 'failed'; UPDATE payouts SET state = 'failed'; UPDATE lines SET used_fen = 0":     {store.RuleInTransit, store.RuleReceivable},
	} {
		t.Run(damage, func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(s *suite) {
				t := s.t
				line := s.line(t, 1_000_00)
				s.reserve(t, s.drawdown(t, line, 100_00))
				s.sound(t)
				if s.file == "" { // what PostgreSQL would refuse by itself
					s.raw(t, "ALTER TABLE journals DISABLE TRIGGER USER; ALTER TABLE postings DISABLE TRIGGER USER")
				}
				s.raw(t, damage)
				report, err := s.Ledger().Verify(t.Context())
				require.NoError(t, err)
				require.False(t, report.Sound())
				var found []string
				for _, fault := range report.Faults {
					found = append(found, fault.Rule)
				}
				require.ElementsMatch(t, rules, found)
			})
		})
	}
}

func TestAPaidDrawWithoutJournalsIsFound(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		s.drawdown(t, s.line(t, 1_000_00), 100_00)
		s.raw(t, "UPDATE drawdowns SET state = 'paid'")
		report, err := s.Ledger().Verify(t.Context())
		require.NoError(t, err)
		var found []string
		for _, fault := range report.Faults {
			found = append(found, fault.Rule)
		}
		require.ElementsMatch(t, []string{store.RuleLineUsed, store.RulePayout, store.RuleBooked}, found)
	})
}

func TestFaultsAreCappedPerRule(t *testing.T) {
	t.Parallel()
	s := onSQLite(t, "?synchronous=normal")
	require.NoError(t, s.Migrate(t.Context()))
	s.raw(t, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
		INSERT INTO journals SELECT 'j' || i, 'k' || i, 'loan/' || (i / 3), 'x', NULL, i FROM n`)
	report, err := s.Ledger().Verify(t.Context())
	require.NoError(t, err)
	require.Len(t, report.Faults, 100, "5,000 journals without postings")
	require.Equal(t, int64(5000), report.Journals, "three pages")
	require.Equal(t, int64(1667), report.Subjects, "subjects go on over pages: 0 to 1,666")
}

func TestJournalsArePagedAndFiltered(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		var keys []string
		for i := range 7 {
			j := newJournal(fmt.Sprintf("k%d", i), fmt.Sprintf("loan/%d", i%2), money.Amount(i+1), now().Add(time.Duration(i/2)*time.Second))
			booked, err := s.Ledger().Book(t.Context(), j, entry("journal.booked", j.Subject))
			require.NoError(t, err)
			keys = append(keys, booked.Key)
		}
		_, err := s.Ledger().Reverse(t.Context(), first(s.Ledger().Journals(t.Context(), "loan/0"))[0].ID, now().Add(time.Minute), entry("journal.reversed", "loan/0"))
		require.NoError(t, err)

		var seen []string
		for cursor := ""; ; {
			page, next, err := s.Ledger().JournalPage(t.Context(), ledger.Filter{}, cursor, 3)
			require.NoError(t, err)
			for _, j := range page {
				require.Len(t, j.Postings, 2)
				seen = append(seen, j.Key)
			}
			if cursor = next; next == "" {
				break
			}
		}
		require.Len(t, seen, 8, "every journal once")
		require.Equal(t, "k0:reversed", seen[0], "newest first")
		require.Equal(t, "k6", seen[1])
		require.ElementsMatch(t, append(keys, "k0:reversed"), seen)

		count := func(f ledger.Filter) int {
			page, _, err := s.Ledger().JournalPage(t.Context(), f, "", 0)
			require.NoError(t, err)
			return len(page)
		}
		require.Equal(t, 3, count(ledger.Filter{Subject: "loan/1"}))
		require.Equal(t, 1, count(ledger.Filter{Kind: ledger.KindReversal}))
		require.Equal(t, 8, count(ledger.Filter{Account: ledger.InterestIncome}))
		require.Zero(t, count(ledger.Filter{Account: ledger.Settlement}))
		require.Equal(t, 2, count(ledger.Filter{From: now().Add(time.Second), Before: now().Add(2 * time.Second)}))
		_, _, err = s.Ledger().JournalPage(t.Context(), ledger.Filter{}, "nonsense", 0)
		requireFault(t, err, fault.Invalid, fault.CodeInvalid)

		var out bytes.Buffer
		n, err := ledger.WriteCSV(&out, s.Ledger().Walk(t.Context(), ledger.Filter{Before: now().Add(time.Minute)}), nil)
		require.NoError(t, err)
		require.Equal(t, 7, n)
		require.Equal(t, 1+14, strings.Count(out.String(), "\n"))
		walked := 0
		for j, err := range s.Ledger().Walk(t.Context(), ledger.Filter{}) {
			require.NoError(t, err)
			require.NotEmpty(t, j.Postings)
			if walked++; walked == 2 {
				break // a walk may be left early
			}
		}
	})
}

func first[T any](value T, _ error) T { return value }

func TestBalancesAsOfAMomentWithAndWithoutClosings(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		start := now().AddDate(0, 0, -10)
		for i := range 5 { // 100 a day: 100, 200, 300, 400, 500 after each
			_, err := s.Ledger().Book(t.Context(), newJournal(fmt.Sprint(i), "loan/1", 100, start.AddDate(0, 0, i)), entry("journal.booked", "loan/1"))
			require.NoError(t, err)
		}
		earned := func(before time.Time) money.Amount {
			balances, err := s.Ledger().TrialBalance(t.Context(), before)
			require.NoError(t, err)
			at := slices.IndexFunc(balances, func(b ledger.Balance) bool { return b.Account == ledger.InterestIncome })
			return -balances[at].Amount
		}
		check := func() {
			require.Equal(t, money.Amount(500), earned(time.Time{}))
			require.Zero(t, earned(start), "booked at the moment is not booked before it")
			require.Equal(t, money.Amount(100), earned(start.Add(time.Microsecond)))
			require.Equal(t, money.Amount(300), earned(start.AddDate(0, 0, 3)))
			s.sound(t)
		}
		check()
		require.NoError(t, s.Ledger().Close(t.Context(), start.AddDate(0, 0, 2)))
		check()
		require.NoError(t, s.Ledger().Close(t.Context(), start.AddDate(0, 0, 4)))
		require.NoError(t, s.Ledger().Close(t.Context(), start.AddDate(0, 0, 4)), "closing again")
		check()
		err := s.Ledger().Close(t.Context(), now().Add(-time.Minute))
		requireFault(t, err, fault.Invalid, fault.CodeInvalid)

		// A journal booked into a closed time shows, and is mended by closing anew.
		_, err = s.Ledger().Book(t.Context(), newJournal("late", "loan/1", 1, start), entry("journal.booked", "loan/1"))
		require.NoError(t, err)
		report, err := s.Ledger().Verify(t.Context())
		require.NoError(t, err)
		require.Len(t, report.Faults, 4, "two accounts at two closings")
		require.Equal(t, store.LedgerFault{
			Rule: store.RuleClosing, Subject: "interest_income before " + start.AddDate(0, 0, 2).Format(time.RFC3339), Want: -201, Have: -200,
		}, report.Faults[0])
		require.NoError(t, s.Ledger().Reopen(t.Context()))
		require.NoError(t, s.Ledger().Close(t.Context(), start.AddDate(0, 0, 4)))
		s.sound(t)
		require.Equal(t, money.Amount(501), earned(time.Time{}))
	})
}

// books is the ledger as the simplest program would keep it.
type books struct {
	s        *suite
	journals map[string]ledger.Journal // by key
	order    []string                  // keys in order of booking
	clock    time.Time
}

// Any order of commands leaves what a map of journals says.
func TestTheLedgerAgainstAModel(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		pool := s.pool(s.t)
		rapid.Check(s.t, func(r *rapid.T) {
			s.fresh(s.t, pool)
			b := &books{s: s, journals: map[string]ledger.Journal{}, clock: now().AddDate(0, 0, -100)}
			r.Repeat(map[string]func(*rapid.T){
				"book":     b.book,
				"again":    b.again,
				"reverse":  b.reverse,
				"close":    b.close,
				"balances": b.balances,
				"page":     b.page,
			})
			b.balances(r)
			report := s.sound(s.t)
			require.Equal(r, int64(len(b.journals)), report.Journals)
		})
	})
}

// fresh empties the books, which only a test may.
func (s *suite) fresh(tb testing.TB, pool *sql.DB) {
	tb.Helper()
	statement := "TRUNCATE postings, payouts, payout_cases, loan_journals, journals, ledger_closings"
	if s.file != "" {
		statement = `DROP TRIGGER postings_no_delete; DROP TRIGGER journals_no_delete; DELETE FROM postings; DELETE FROM journals; DELETE FROM ledger_closings;
		CREATE TRIGGER postings_no_delete BEFORE DELETE ON postings BEGIN SELECT RAISE(ABORT, 'x'); END;
		CREATE TRIGGER journals_no_delete BEFORE DELETE ON journals BEGIN SELECT RAISE(ABORT, 'x'); END`
	}
	_, err := pool.ExecContext(tb.Context(), statement)
	require.NoError(tb, err)
}

func (b *books) ctx() context.Context { return b.s.t.Context() }

func (b *books) book(r *rapid.T) {
	b.clock = b.clock.Add(time.Duration(rapid.IntRange(1, 48).Draw(r, "hours")) * time.Hour)
	j := newJournal(ident.NewID(), fmt.Sprintf("loan/%d", rapid.IntRange(1, 3).Draw(r, "loan")), money.Amount(rapid.Int64Range(1, 1000).Draw(r, "amount")), b.clock)
	if rapid.Bool().Draw(r, "a third posting") {
		j.Postings = append(j.Postings, ledger.Posting{Account: ledger.FeeIncome, Amount: -1})
		j.Postings[0].Amount++
	}
	stored, err := b.s.Ledger().Book(b.ctx(), j, entry("journal.booked", j.Subject))
	require.NoError(r, err)
	require.Equal(r, j, stored)
	b.journals[j.Key], b.order = j, append(b.order, j.Key)
}

func (b *books) pick(r *rapid.T) ledger.Journal {
	if len(b.order) == 0 {
		r.Skip("nothing booked yet")
	}
	return b.journals[rapid.SampledFrom(b.order).Draw(r, "journal")]
}

// again books a key again, with the same or another content.
func (b *books) again(r *rapid.T) {
	j := b.pick(r)
	twin := j
	twin.ID, twin.Postings = ident.NewID(), slices.Clone(j.Postings)
	if rapid.Bool().Draw(r, "other content") {
		twin.Subject = "loan/other"
		_, err := b.s.Ledger().Book(b.ctx(), twin, entry("journal.booked", j.Subject))
		requireFault(r, err, fault.Mismatch, ledger.CodeOtherJournal)
		return
	}
	stored, err := b.s.Ledger().Book(b.ctx(), twin, entry("journal.booked", j.Subject))
	require.NoError(r, err)
	require.Equal(r, j, stored)
}

func (b *books) reverse(r *rapid.T) {
	j := b.pick(r)
	b.clock = b.clock.Add(time.Hour)
	stored, err := b.s.Ledger().Reverse(b.ctx(), j.ID, b.clock, entry("journal.reversed", j.Subject))
	if j.ReversesID != "" {
		requireFault(r, err, fault.Conflict, ledger.CodeReversal)
		return
	}
	require.NoError(r, err)
	if had, ok := b.journals[stored.Key]; ok {
		require.Equal(r, had, stored)
		return
	}
	require.True(r, stored.Undoes(j))
	b.journals[stored.Key], b.order = stored, append(b.order, stored.Key)
}

func (b *books) close(r *rapid.T) {
	if b.clock.After(now().Add(-2 * time.Hour)) {
		r.Skip("too late")
	}
	require.NoError(r, b.s.Ledger().Close(b.ctx(), b.clock))
}

// balances compares every account as of a drawn moment.
func (b *books) balances(r *rapid.T) {
	before := b.clock.Add(-time.Duration(rapid.IntRange(-1, 200).Draw(r, "hours ago")) * time.Hour)
	want := map[ledger.Account]ledger.Balance{}
	for _, j := range b.journals {
		for _, p := range j.Postings {
			if j.BookedAt.Before(before) {
				want[p.Account] = ledger.Balance{Account: p.Account, Amount: want[p.Account].Amount + p.Amount, Count: want[p.Account].Count + 1}
			}
		}
	}
	have, err := b.s.Ledger().TrialBalance(b.ctx(), before)
	require.NoError(r, err)
	got := map[ledger.Account]ledger.Balance{}
	for _, balance := range have {
		if balance.Count > 0 {
			got[balance.Account] = balance
		}
	}
	require.True(r, maps.Equal(want, got), "want %v have %v", want, got)
}

// page walks all journals in pages.
func (b *books) page(r *rapid.T) {
	seen := map[string]ledger.Journal{}
	limit := rapid.IntRange(1, 4).Draw(r, "limit")
	for cursor := ""; ; {
		page, next, err := b.s.Ledger().JournalPage(b.ctx(), ledger.Filter{}, cursor, limit)
		require.NoError(r, err)
		for _, j := range page {
			seen[j.Key] = j
		}
		if cursor = next; next == "" {
			break
		}
	}
	require.Equal(r, b.journals, seen)
}
