package e2e_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/adapters/sandbox"
	"loan310/app/apiclient"
	"loan310/app/audit"
	"loan310/app/servicing/collection"
)

// TestWorkerKilledAtEveryStepOfADebit kills the worker by SIGKILL at each
// durable step of a debit, on a rail that loses answers, and lets another one
// go on: the rail must have collected once, and our books say what its book
// says.
func TestWorkerKilledAtEveryStepOfADebit(t *testing.T) {
	t.Parallel()
	w := begin(t, func(s *settings) { s.options.NoWorker = true })
	healthy := w.worker(t)
	on := w.credit(t)
	cases := []struct {
		name, crashAt string
		lose          bool
		collected     int // in the rail's book when the worker died
	}{
		{"call counted, the rail not called", collection.ReachedCalling, false, 0},
		{"the rail has collected, nothing stored of it", collection.ReachedAnswered, false, 1},
		{"the rail has collected, its answer is lost", collection.ReachedAnswered, true, 1},
		{"all settled, Temporal not told", collection.ReachedSettled, false, 1},
	}
	loans := make([]string, len(cases)+1)
	for i := range loans {
		loans[i] = w.end(t, w.draw(t, on, fmt.Sprint("loan-", i), on.part(10)).ID).ID
	}
	healthy.stop(t)
	keys := make([]string, len(loans))
	for i, c := range cases { //nolint:paralleltest // a worker that crashes takes the first debit that comes
		t.Run(c.name, func(t *testing.T) {
			if c.lose {
				require.NoError(t, w.Sandbox.SetFaults(sandbox.Payout, sandbox.Faults{LostAnswerShare: 1, ForRequests: 2}))
				defer w.Sandbox.ClearFaults(sandbox.Payout)
			}
			doomed := w.worker(t, "--crash-at", c.crashAt)
			keys[i] = w.repayNow(t, loans[i])
			doomed.requireKilled(t)
			require.Equal(t, c.collected, w.trade(t, keys[i]).Collected)
			w.requireSound(t)
			w.collectedOnce(t, keys[i])
		})
	}
	t.Run("stored, its workflow never started", func(t *testing.T) {
		d, err := w.Stack.Collections.Open(t.Context(), collection.Request{LoanID: loans[len(cases)], Key: "orphan", Amount: 10_00, Early: true}, audit.System("e2e"))
		require.NoError(t, err)
		keys[len(cases)] = d.Key
		w.collectedOnce(t, d.Key)
	})
	summary, err := w.Sandbox.TradeSummary()
	require.NoError(t, err)
	require.Equal(t, len(keys), summary.Collected)
	require.Zero(t, summary.Doubled)
	require.Zero(t, summary.Conflicts)
	w.requireSound(t)
	w.reconciled(t)

	// On demand, at a command line: nothing is due for weeks.
	code, said, problems := run(t, "servicing", "debit", "--join", w.join(t))
	require.Zero(t, code, problems)
	require.Equal(t, "loans=0 debits=0 collected=0 failed=0 open=0\n", said)
	code, said, problems = run(t, "reconcile", "--join", w.join(t), "--date", w.Stack.Reconciler.Today())
	require.Zero(t, code, problems)
	require.Contains(t, said, "lost=0 double_paid=0")
	code, said, problems = run(t, "servicing", "remind", "--join", w.join(t))
	require.Zero(t, code, problems)
	require.Equal(t, "planned=0 sent=0 dropped=0\n", said)
}

// repayNow asks for a debit over the use case the API calls, and starts its
// workflow.
func (w *world) repayNow(t *testing.T, loanID string) string {
	t.Helper()
	d, err := w.Stack.Collections.Open(t.Context(), collection.Request{LoanID: loanID, Key: "now", Amount: 10_00, Early: true}, audit.System("e2e"))
	require.NoError(t, err)
	require.NoError(t, w.Stack.Chain.StartDebit(t.Context(), d.Key, d.MerchantID))
	return d.Key
}

// trade gives the rail's own entry of a debit; none is the zero one.
func (w *world) trade(t *testing.T, key string) sandbox.TradeEntry {
	t.Helper()
	entries, err := w.Sandbox.TradeBook()
	require.NoError(t, err)
	for _, entry := range entries {
		if entry.OutTradeNo == key {
			return entry
		}
	}
	return sandbox.TradeEntry{}
}

// collectedOnce lets a healthy worker end a debit and holds it against the
// rail's book.
func (w *world) collectedOnce(t *testing.T, key string) {
	t.Helper()
	healthy := w.worker(t)
	d, err := apiclient.Await(within(t, patience), func(ctx context.Context) (collection.Debit, error) {
		return w.Stack.Collections.Debit(ctx, key)
	}, func(d collection.Debit) bool { return d.State.Final() }, 250*time.Millisecond)
	require.NoError(t, err, "the debit is %s", d.State)
	require.Equal(t, collection.Collected, d.State, d.FailureCode)
	entry := w.trade(t, key)
	require.Equal(t, 1, entry.Collected)
	require.Equal(t, d.Amount, entry.Amount)
	w.requireWorkflowEnded(t, "debit/"+key)
	w.requireSound(t)
	healthy.stop(t)
}
