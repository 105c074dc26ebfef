package e2e_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/adapters/breaker"
	"loan310/adapters/sandbox"
	"loan310/app/clock"
	"loan310/app/demo"
	"loan310/app/underwriting"
)

// play takes a whole population through its first loans.
func (w *world) play(t *testing.T, merchants int, hostile bool) demo.Result {
	t.Helper()
	result, err := demo.Run(within(t, 6*time.Minute), w.Dev, demo.Options{
		Book: population(merchants), Concurrency: 4, Hostile: hostile, Patience: 3 * time.Minute, Now: clock.System,
	})
	require.NoError(t, err)
	t.Log(result.Line())
	require.Empty(t, result.Broken)
	require.Equal(t, merchants, result.Registered)
	require.Equal(t, merchants, result.Decided)
	require.Zero(t, result.Waiting)
	require.Zero(t, result.Lost)
	require.Zero(t, result.DoublePaid)
	require.LessOrEqual(t, result.Slowest, underwriting.Within)
	require.GreaterOrEqual(t, result.Replayed, result.Decided)
	return result
}

func TestDemoPopulationKeepsEveryPromise(t *testing.T) {
	t.Parallel()
	w := begin(t, func(s *settings) { s.options.Book = population(12) })
	result := w.play(t, 12, false)
	require.Zero(t, result.Deferred)
	require.Positive(t, result.Approved)
	require.Positive(t, result.Declined)
	require.Equal(t, result.Approved, result.Paid)
}

// TestDemoPopulationKeepsEveryPromiseUnderHostileProviders plays while every
// provider fails or is slow in turn and the rail loses answers.
func TestDemoPopulationKeepsEveryPromiseUnderHostileProviders(t *testing.T) {
	t.Parallel()
	w := begin(t, func(s *settings) { s.options.Book = population(10) })
	result := w.play(t, 10, true)
	require.Equal(t, result.Approved, result.Paid+result.Failed)
	var failures int64
	for _, status := range result.Breakers {
		failures += status.Failures
	}
	require.Positive(t, failures, "no provider failed: the faults were not on")
}

// TestBreakerOpensAndClosesAgain takes one provider away until its breaker
// turns callers away unasked, and gives it back.
func TestBreakerOpensAndClosesAgain(t *testing.T) {
	t.Parallel()
	w := begin(t)
	require.NoError(t, w.Sandbox.SetFaults(sandbox.Notify, sandbox.Faults{Down: true}))
	phones, client := 0, w.client.Once()
	ask := func() error {
		phones++ // each of its own, since a phone is sent few codes a minute
		_, err := client.RequestCode(within(t, patience), fmt.Sprintf("+8613800138%03d", phones))
		return err
	}
	for range 5 { // as many failures in a row open it
		require.Error(t, ask())
	}
	require.Equal(t, breaker.Open, w.guard(t, sandbox.Notify).State)
	asked := w.Sandbox.Requests(sandbox.Notify)
	require.Error(t, ask())
	require.Equal(t, asked, w.Sandbox.Requests(sandbox.Notify), "an open breaker let a call through")
	require.Positive(t, w.guard(t, sandbox.Notify).Rejected)

	w.Sandbox.ClearFaults(sandbox.Notify)
	require.Eventually(t, func() bool { return w.guard(t, sandbox.Notify).State == breaker.HalfOpen }, patience, 100*time.Millisecond)
	require.NoError(t, ask())
	require.Equal(t, breaker.Closed, w.guard(t, sandbox.Notify).State)
}

// guard gives the state of one provider's guard.
func (w *world) guard(t *testing.T, name string) breaker.Status {
	t.Helper()
	for _, status := range w.Stack.Board.Statuses() {
		if status.Name == name {
			return status
		}
	}
	t.Errorf("no guard %s", name)
	return breaker.Status{}
}
