package breaker_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"loan310/adapters/breaker"
	"loan310/adapters/httpx"
	"loan310/app/clock"
	"loan310/app/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func board() *breaker.Board { return breaker.NewBoard(clock.System, slog.New(slog.DiscardHandler)) }

// answering serves one status after another, the last one for ever; 0 hangs.
func answering(t *testing.T, statuses ...int) (*httpx.Client, *atomic.Int64) {
	t.Helper()
	var calls atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := int(calls.Add(1))
		status := statuses[min(n, len(statuses))-1]
		if status == 0 {
			<-r.Context().Done()
			return
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{}`))
	}))
	transport := httpx.Transport()
	client, err := httpx.New(httpx.Options{Provider: "test", BaseURL: server.URL, Transport: transport})
	require.NoError(t, err)
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		server.Close()
	})
	return client, &calls
}

func get(client *httpx.Client) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		var out map[string]any
		return "answer", client.JSON(ctx, httpx.Request{Op: "get", Path: "x"}, &out)
	}
}

func TestWhatCountsAsFailure(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		status    int
		kind      fault.Kind
		code      fault.Code
		successes int64
		failures  int64
	}{
		"200 is a success":                          {200, "", "", 1, 0},
		"404 is an answer":                          {404, fault.NotFound, fault.CodeNotFound, 1, 0},
		"409 is an answer":                          {409, fault.Conflict, httpx.CodeRefused, 1, 0},
		"422 is an answer":                          {422, fault.Invalid, httpx.CodeRefused, 1, 0},
		"500 is a failure":                          {500, fault.Unavailable, httpx.CodeDown, 0, 1},
		"503 is a failure":                          {503, fault.Unavailable, httpx.CodeDown, 0, 1},
		"429 is a failure":                          {429, fault.Unavailable, httpx.CodeLimited, 0, 1},
		"401 is a failure: our credentials are bad": {401, fault.Unavailable, httpx.CodeCredentials, 0, 1},
		"no answer in the budget is a failure":      {0, fault.Unavailable, breaker.CodeBudget, 0, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, _ := answering(t, test.status)
			guard := breaker.New(breaker.Settings{Name: "p", Budget: 300 * time.Millisecond}, board())
			value, err := breaker.Call(t.Context(), guard, "get", get(client))
			if test.kind == "" {
				require.NoError(t, err)
				require.Equal(t, "answer", value)
			} else {
				require.Equal(t, test.kind, fault.KindOf(err))
				require.Equal(t, test.code, fault.CodeOf(err))
				require.False(t, breaker.NotSent(err))
				require.Empty(t, value)
			}
			status := guard.Status()
			require.Equal(t, test.successes, status.Successes)
			require.Equal(t, test.failures, status.Failures)
			require.Equal(t, test.failures, status.ConsecutiveFailures)
			require.Zero(t, status.InFlight)
		})
	}
}

func TestOpensHalfOpensRecovers(t *testing.T) {
	t.Parallel()
	client, calls := answering(t, 500, 500, 500, 500, 200)
	b := board()
	guard := breaker.New(breaker.Settings{Name: "p", Consecutive: 3, OpenFor: 150 * time.Millisecond, MaxRequests: 2}, b)
	call := func() error {
		_, err := breaker.Call(t.Context(), guard, "get", get(client))
		return err
	}
	for range 3 {
		require.Equal(t, httpx.CodeDown, fault.CodeOf(call()))
	}
	require.Equal(t, breaker.Open, guard.Status().State)
	err := call()
	require.Equal(t, breaker.CodeOpen, fault.CodeOf(err))
	require.True(t, breaker.NotSent(err))
	require.EqualValues(t, 3, calls.Load(), "an open breaker asks nothing")

	time.Sleep(200 * time.Millisecond)
	require.Equal(t, breaker.HalfOpen, guard.Status().State)
	require.Equal(t, httpx.CodeDown, fault.CodeOf(call()), "the fourth 500 is the probe")
	require.Equal(t, breaker.Open, guard.Status().State)

	time.Sleep(200 * time.Millisecond)
	require.NoError(t, call())
	require.Equal(t, breaker.HalfOpen, guard.Status().State, "two probes must succeed")
	require.NoError(t, call())
	status := b.Statuses()[0]
	require.Equal(t, breaker.Closed, status.State)
	require.EqualValues(t, 7, status.Requests)
	require.EqualValues(t, 2, status.Successes)
	require.EqualValues(t, 4, status.Failures)
	require.EqualValues(t, 1, status.Rejected)
	require.Equal(t, breaker.CodeOpen, fault.CodeOf(err))
	require.False(t, status.LastStateChange.IsZero())
	require.Positive(t, status.P95)
}

func TestRatioOpensOnlyAfterEnoughRequests(t *testing.T) {
	t.Parallel()
	guard := breaker.New(breaker.Settings{Name: "p", MinRequests: 10, FailureRatio: 0.5, Consecutive: 100}, board())
	fail := func(context.Context) (int, error) { return 0, errors.New("broken") }
	succeed := func(context.Context) (int, error) { return 1, nil }
	for range 4 { // 4 failures, 5 successes: 9 requests
		_, _ = breaker.Call(t.Context(), guard, "x", fail)
		_, _ = breaker.Call(t.Context(), guard, "x", succeed)
	}
	_, _ = breaker.Call(t.Context(), guard, "x", succeed)
	require.Equal(t, breaker.Closed, guard.Status().State)
	_, err := breaker.Call(t.Context(), guard, "x", fail) // 5 of 10
	require.Equal(t, breaker.CodeDown, fault.CodeOf(err))
	require.Equal(t, breaker.Open, guard.Status().State)
}

func TestCallerCancelIsExcluded(t *testing.T) {
	t.Parallel()
	client, _ := answering(t, 0)
	guard := breaker.New(breaker.Settings{Name: "p", Consecutive: 1}, board())
	for range 5 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		_, err := breaker.Call(ctx, guard, "get", get(client))
		cancel()
		require.Equal(t, breaker.CodeGaveUp, fault.CodeOf(err))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.False(t, breaker.NotSent(err), "the call had begun")
	}
	status := guard.Status()
	require.Equal(t, breaker.Closed, status.State)
	require.EqualValues(t, 5, status.Cancelled)
	require.Zero(t, status.Failures)
	require.Empty(t, status.LastError)
}

func TestProviderDeadlineInsideALivingCallerCounts(t *testing.T) {
	t.Parallel()
	guard := breaker.New(breaker.Settings{Name: "p", Consecutive: 1}, board())
	_, err := breaker.Call(t.Context(), guard, "x", func(context.Context) (int, error) {
		return 0, context.DeadlineExceeded // the provider's, not ours
	})
	require.Equal(t, breaker.CodeDown, fault.CodeOf(err))
	require.Equal(t, breaker.Open, guard.Status().State)
}

func TestEndedCallerIsNotAsked(t *testing.T) {
	t.Parallel()
	guard := breaker.New(breaker.Settings{Name: "p"}, board())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := breaker.Call(ctx, guard, "x", func(context.Context) (int, error) {
		t.Error("called")
		return 0, nil
	})
	require.Equal(t, breaker.CodeNotAsked, fault.CodeOf(err))
	require.True(t, breaker.NotSent(err))
	require.ErrorIs(t, err, context.Canceled)
}

func TestCallersOwnErrorIsExcludedAndComesBack(t *testing.T) {
	t.Parallel()
	guard := breaker.New(breaker.Settings{Name: "p", Consecutive: 1}, board())
	own := errors.New("disk full")
	_, err := breaker.Call(t.Context(), guard, "x", func(context.Context) (int, error) {
		return 0, breaker.CallerError(own)
	})
	require.Equal(t, own, err)
	require.Equal(t, breaker.Closed, guard.Status().State)
	require.NoError(t, breaker.CallerError(nil))
}

func TestFullBulkheadIsNoFailure(t *testing.T) {
	t.Parallel()
	for name, wait := range map[string]time.Duration{"without waiting": 0, "after waiting": 20 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			guard := breaker.New(breaker.Settings{Name: "p", MaxConcurrent: 1, MaxWait: wait, Consecutive: 1}, board())
			inside, release, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
			go func() {
				defer close(done)
				_, _ = breaker.Call(t.Context(), guard, "x", func(context.Context) (int, error) {
					close(inside)
					<-release
					return 0, nil
				})
			}()
			<-inside
			_, err := breaker.Call(t.Context(), guard, "x", func(context.Context) (int, error) { return 0, nil })
			require.Equal(t, breaker.CodeFull, fault.CodeOf(err))
			require.True(t, breaker.NotSent(err))
			require.EqualValues(t, 1, guard.Status().InFlight)
			close(release)
			<-done
			require.Equal(t, breaker.Closed, guard.Status().State)
			require.EqualValues(t, 1, guard.Status().Rejected)
			_, err = breaker.Call(t.Context(), guard, "x", func(context.Context) (int, error) { return 0, nil })
			require.NoError(t, err)
		})
	}
}

func TestHedgeWinsAndItsLoserTripsNothing(t *testing.T) {
	t.Parallel()
	client, calls := answering(t, 0, 200)
	guard := breaker.New(breaker.Settings{Name: "p", HedgeAfter: 30 * time.Millisecond, Consecutive: 1}, board())
	value, err := breaker.HedgedRead(t.Context(), guard, "get", get(client))
	require.NoError(t, err)
	require.Equal(t, "answer", value)
	require.EqualValues(t, 2, calls.Load())
	status := guard.Status()
	require.EqualValues(t, 1, status.Requests, "one call, however many attempts")
	require.EqualValues(t, 1, status.Successes)
	require.Equal(t, breaker.Closed, status.State)
}

func TestHedgeIsNoRetry(t *testing.T) {
	t.Parallel()
	client, calls := answering(t, 500, 200)
	guard := breaker.New(breaker.Settings{Name: "p", HedgeAfter: 100 * time.Millisecond}, board())
	_, err := breaker.HedgedRead(t.Context(), guard, "get", get(client))
	require.Equal(t, httpx.CodeDown, fault.CodeOf(err))
	require.EqualValues(t, 1, calls.Load())
}

func TestHedgeWaitsForTheOtherWhenOneFails(t *testing.T) {
	t.Parallel()
	var begun atomic.Int32
	guard := breaker.New(breaker.Settings{Name: "p", HedgeAfter: 20 * time.Millisecond}, board())
	value, err := breaker.HedgedRead(t.Context(), guard, "x", func(context.Context) (string, error) {
		if begun.Add(1) == 1 {
			time.Sleep(120 * time.Millisecond)
			return "slow but whole", nil
		}
		return "", errors.New("the second fails at once")
	})
	require.NoError(t, err)
	require.Equal(t, "slow but whole", value)
}

func TestCallNeverHedges(t *testing.T) {
	t.Parallel()
	client, calls := answering(t, 0, 200)
	guard := breaker.New(breaker.Settings{Name: "p", HedgeAfter: 10 * time.Millisecond, Budget: 100 * time.Millisecond}, board())
	_, err := breaker.Call(t.Context(), guard, "get", get(client))
	require.Equal(t, breaker.CodeBudget, fault.CodeOf(err))
	require.EqualValues(t, 1, calls.Load())
}

func TestBoardListsAndCollects(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	b := breaker.NewBoard(clock.System, slog.New(slog.NewTextHandler(&log, nil)))
	breaker.New(breaker.Settings{Name: "zeta"}, b)
	alpha := breaker.New(breaker.Settings{Name: "alpha", Consecutive: 1}, b)
	breaker.New(breaker.Settings{Name: "zeta"}, b) // takes the place of the first
	_, _ = breaker.Call(t.Context(), alpha, "x", func(context.Context) (int, error) { return 0, errors.New("broken") })
	statuses := b.Statuses()
	require.Len(t, statuses, 2)
	require.Equal(t, "alpha", statuses[0].Name)
	require.Equal(t, breaker.CodeDown, statuses[0].LastError)
	require.Contains(t, log.String(), "to_state=open")

	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, registry.Register(b))
	families, err := registry.Gather()
	require.NoError(t, err)
	names := map[string]int{}
	for _, family := range families {
		names[family.GetName()] = len(family.GetMetric())
	}
	require.Equal(t, map[string]int{
		"loan310_provider_requests_total": 1, "loan310_provider_latency_seconds": 1,
		"loan310_provider_breaker_state": 2, "loan310_provider_in_flight": 2,
	}, names)
}
