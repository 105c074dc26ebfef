package ledger_test

import (
	"bytes"
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"loan310/app/fault"
	"loan310/app/ledger"
	"loan310/app/money"
)

func moment() time.Time { return time.Date(2026, 11, 11, 8, 0, 0, 250000000, time.UTC) }

// balanced draws a journal that balances: the last posting takes what is left.
func balanced(r *rapid.T) ledger.Journal {
	j := ledger.Journal{ID: "j", Key: "k", Subject: "loan/1", Kind: "test", BookedAt: moment()}
	var sum money.Amount
	for range rapid.IntRange(1, 6).Draw(r, "postings") {
		amount := money.Amount(rapid.Int64Range(-1_000_000_00, 1_000_000_00).Filter(func(v int64) bool { return v != 0 }).Draw(r, "amount"))
		j.Postings = append(j.Postings, ledger.Posting{Account: rapid.SampledFrom(ledger.Accounts[:]).Draw(r, "account"), Amount: amount})
		sum += amount
	}
	if sum == 0 {
		sum = 1
		j.Postings[0].Amount++
		if j.Postings[0].Amount == 0 {
			r.Skip("no posting is zero")
		}
	}
	j.Postings = append(j.Postings, ledger.Posting{Account: ledger.Suspense, Amount: -sum})
	return j
}

func TestAJournalBalancesOrIsRefused(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		j := balanced(r)
		require.NoError(r, j.Check())
		at := rapid.IntRange(0, len(j.Postings)-1).Draw(r, "posting")
		off := money.Amount(rapid.Int64Range(1, 1000).Draw(r, "off"))
		kept := j.Postings[at]
		j.Postings[at].Amount += off
		require.Equal(r, ledger.CodeUnbalanced, fault.CodeOf(j.Check()), "one posting off by %d", off)
		j.Postings[at] = kept
		j.Postings[at].Account = "petty_cash"
		require.Equal(r, ledger.CodeUnknownAccount, fault.CodeOf(j.Check()))
		j.Postings[at] = kept
		j.Postings = j.Postings[:1]
		require.Equal(r, ledger.CodeUnbalanced, fault.CodeOf(j.Check()), "one posting is no journal")
	})
}

func TestAReversalLeavesNothingOnAnyAccount(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		j := balanced(r)
		undone := j.Reverse("r", moment())
		require.NoError(r, undone.Check())
		require.True(r, undone.Undoes(j))
		require.Equal(r, ledger.KindReversal, undone.Kind)
		left := map[ledger.Account]money.Amount{}
		for _, side := range []ledger.Journal{j, undone} {
			for _, posting := range side.Postings {
				left[posting.Account] += posting.Amount
			}
		}
		for account, amount := range left {
			require.Zero(r, amount, account)
		}
		require.Equal(r, undone.Key, j.Reverse("another id", moment().Add(time.Hour)).Key, "one key for all reversals of a journal")

		tampered := undone
		tampered.Postings = append([]ledger.Posting(nil), undone.Postings...)
		tampered.Postings[0].Amount++
		require.False(r, tampered.Undoes(j))
		require.False(r, undone.Reverse("rr", moment()).Undoes(undone), "a reversal is not reversed")
	})
}

func TestSameIsAboutContent(t *testing.T) {
	t.Parallel()
	j := ledger.Journal{ID: "1", Key: "k", Subject: "s", Kind: "x", BookedAt: moment(), Postings: []ledger.Posting{{ledger.Settlement, 5}, {ledger.Recovery, -5}}}
	later := j
	later.ID, later.BookedAt = "2", moment().Add(time.Hour)
	require.True(t, j.Same(later))
	later.Postings = []ledger.Posting{{ledger.Settlement, 6}, {ledger.Recovery, -6}}
	require.False(t, j.Same(later))
}

func seq(failing error, journals ...ledger.Journal) iter.Seq2[ledger.Journal, error] {
	return func(yield func(ledger.Journal, error) bool) {
		for _, j := range journals {
			if !yield(j, nil) {
				return
			}
		}
		if failing != nil {
			yield(ledger.Journal{}, failing)
		}
	}
}

func TestJournalsAsCSV(t *testing.T) {
	t.Parallel()
	j := ledger.Journal{ID: "1", Key: "d:paid", Subject: "drawdown/d", Kind: "disbursement_paid", BookedAt: moment(), Postings: []ledger.Posting{{ledger.PayoutInTransit, 500}, {ledger.Settlement, -500}}}
	var out bytes.Buffer
	n, err := ledger.WriteCSV(&out, seq(nil, j, j.Reverse("2", moment().Add(time.Second))), nil)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.Equal(t, `journal_id,key,subject,kind,reverses_id,booked_at,posting,account,amount_fen
1,d:paid,drawdown/d,disbursement_paid,,2026-11-11T08:00:00.25Z,0,payout_in_transit,500
1,d:paid,drawdown/d,disbursement_paid,,2026-11-11T08:00:00.25Z,1,settlement,-500
2,d:paid:reversed,drawdown/d,reversal,1,2026-11-11T08:00:01.25Z,0,payout_in_transit,-500
2,d:paid:reversed,drawdown/d,reversal,1,2026-11-11T08:00:01.25Z,1,settlement,500
`, out.String())

	broken := errors.New("the database went away")
	_, err = ledger.WriteCSV(&out, seq(broken, j), nil)
	require.ErrorIs(t, err, broken)
}
