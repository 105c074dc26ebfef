package e2e_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/adapters/sandbox"
	"loan310/app/apiclient"
)

// TestRailThatLosesAnswers draws thirty times at once on three lines while the
// rail pays and does not say so, lets transfers wait, and refuses some.
func TestRailThatLosesAnswers(t *testing.T) {
	t.Parallel()
	w := begin(t)
	lines := []credit{w.credit(t), w.credit(t), w.credit(t)}
	require.NoError(t, w.Sandbox.SetFaults(sandbox.Payout, sandbox.Faults{
		LostAnswerShare: 0.5, PendingShare: 0.2, PendingMS: 1_500, RefuseShare: 0.25, Seed: 310,
	}))
	drawn := make([]apiclient.Drawdown, 30)
	var group sync.WaitGroup
	for i := range drawn {
		group.Go(func() {
			on := lines[i%len(lines)]
			var err error
			drawn[i], err = w.client.Draw(t.Context(), on.ID, fmt.Sprintf("draw-%d", i), on.part(8), on.tenor, on.repayment)
			if err != nil {
				t.Errorf("draw %d: %v", i, err)
			}
		})
	}
	group.Wait()
	require.False(t, t.Failed())

	used, ends := map[string]int64{}, map[string]int{}
	for _, d := range drawn {
		d = w.end(t, d.ID)
		ends[d.State]++
		if d.State == "paid" {
			used[d.LineID] += d.AmountFen
			w.requirePaidOnce(t, d)
			continue
		}
		require.Equal(t, "payout_refused", d.FailureCode)
		entry, known := w.rail(t, d.ID)
		require.True(t, known)
		require.Zero(t, entry.Paid)
	}
	t.Logf("ends: %v", ends)
	require.Positive(t, ends["paid"])
	require.Positive(t, ends["failed"], "no transfer was refused")
	for _, line := range lines {
		w.requireUsed(t, line.ID, used[line.ID])
	}
	summary, err := w.Sandbox.RailSummary()
	require.NoError(t, err)
	require.Equal(t, ends["paid"], summary.Paid)
	require.Zero(t, summary.DuplicatesPaid)
	require.Zero(t, summary.Conflicts)
	w.requireSound(t)
}

// TestConcurrentDrawsNeverExceedTheLine: 32 draws of 40 % at once, 2 x 40 fit
// into 100 and 3 x 40 do not.
func TestConcurrentDrawsNeverExceedTheLine(t *testing.T) {
	t.Parallel()
	w := share(t)
	on := w.credit(t)
	drawn := make([]apiclient.Drawdown, 32)
	var group sync.WaitGroup
	for i := range drawn {
		group.Go(func() {
			var err error
			drawn[i], err = w.client.Draw(t.Context(), on.ID, fmt.Sprintf("draw-%d", i), on.part(40), on.tenor, on.repayment)
			if err != nil {
				t.Errorf("draw %d: %v", i, err)
			}
		})
	}
	group.Wait()
	require.False(t, t.Failed())
	ends := map[string]int{}
	for _, d := range drawn {
		d = w.end(t, d.ID)
		ends[d.State+d.FailureCode]++
		if d.State == "paid" {
			w.requirePaidOnce(t, d)
			continue
		}
		_, known := w.rail(t, d.ID)
		require.False(t, known, "the rail was told of a draw without headroom")
	}
	require.Equal(t, map[string]int{"paid": 2, "failedinsufficient_limit": 30}, ends)
	w.requireUsed(t, on.ID, 2*on.part(40))
}
