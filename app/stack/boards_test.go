package stack_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/adapters/breaker"
	"loan310/app/stack"
	"loan310/web"
)

func TestMergedBoards(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 11, 11, 12, 0, 0, 0, time.UTC)
	worker := stack.Board{Process: "w1", Kind: "worker", Host: "h1", SeenAt: noon, Statuses: []breaker.Status{
		{
			Name: "bank", State: breaker.HalfOpen, Requests: 10, Successes: 6, Failures: 3, Rejected: 1, ConsecutiveFailures: 2, InFlight: 1,
			P50: 40 * time.Millisecond, P95: 90 * time.Millisecond, LastError: "budget_exceeded", LastErrorAt: noon.Add(-time.Minute), LastStateChange: noon,
		},
		{Name: "bureau", State: breaker.Closed, Requests: 1, Successes: 1},
	}}
	other := stack.Board{Process: "w0", Kind: "worker", Host: "h2", SeenAt: noon, Statuses: []breaker.Status{{
		Name: "bank", State: breaker.Open, Requests: 5, Failures: 5, ConsecutiveFailures: 5, InFlight: 2,
		P50: 50 * time.Millisecond, P95: 60 * time.Millisecond, LastError: "provider_unavailable", LastErrorAt: noon, LastStateChange: noon.Add(-time.Second),
	}}}
	serve := stack.Board{Process: "z", Kind: "web", SeenAt: noon, Statuses: []breaker.Status{{Name: "bank", State: breaker.Closed}}}

	merged := stack.MergeBoards([]stack.Board{serve, worker, other})
	require.Len(t, merged, 2)
	bank := merged[0]
	processes := bank.Processes
	bank.Processes = nil
	require.Equal(t, web.ProviderStatus{
		Name: "bank", State: "open", Requests: 10 + 5, Successes: 6, Failures: 3 + 5, Rejected: 1, InFlight: 1 + 2,
		ConsecutiveFailures: 5, P50MS: 50, P95MS: 90, LastError: "provider_unavailable", LastErrorAt: noon, LastChangeAt: noon,
	}, bank, "the worst state, sums, maxima, the latest error")
	require.Equal(t, "bureau", merged[1].Name)
	require.Equal(t, "closed", merged[1].State)
	require.Len(t, merged[1].Processes, 1)

	names := make([]string, len(processes))
	for i, p := range processes {
		names[i] = p.Kind + "/" + p.Process + "/" + p.State
	}
	require.Equal(t, []string{"web/z/closed", "worker/w0/open", "worker/w1/half_open"}, names)
	require.Equal(t, "h1", processes[2].Host)
	require.InDelta(t, 40, processes[2].P50MS, 0)

	require.Empty(t, stack.MergeBoards(nil))
	worker.Statuses = worker.Statuses[:1]
	require.Equal(t, "half_open", stack.MergeBoards([]stack.Board{worker, serve})[0].State, "half open is worse than closed")
}
