package web_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/adapters/store"
	"loan310/app/clock"
	"loan310/app/drawdown"
	"loan310/app/fault"
	"loan310/app/ident"
	"loan310/app/money"
	"loan310/app/underwriting"
	"loan310/scoring"
	"loan310/web"
)

// timed calls and says how long it took.
func (c client) timed(path string) (reply, time.Duration) {
	c.t.Helper()
	began := time.Now()
	got := c.call(http.MethodGet, path, nil)
	return got, time.Since(began)
}

// decided is the test engine's verdict on an amount.
func decided(t *testing.T, wanted money.Amount) scoring.Verdict {
	t.Helper()
	verdict, err := engine{}.Decide(inputWanting(wanted))
	require.NoError(t, err)
	return verdict
}

// later calls in the background, after what it was called on began to wait.
func (c client) later(path string) <-chan reply {
	out := make(chan reply, 1)
	go func() { out <- c.call(http.MethodGet, path, nil) }()
	return out
}

func requireReply(t *testing.T, answers <-chan reply) reply {
	t.Helper()
	select {
	case got := <-answers:
		return got
	case <-time.After(15 * time.Second):
		require.Fail(t, "no answer")
		return reply{}
	}
}

// requireHeld requires that there is no answer yet.
func requireHeld(t *testing.T, answers <-chan reply) {
	t.Helper()
	select {
	case got := <-answers:
		require.Fail(t, "answered at once", got.text)
	case <-time.After(200 * time.Millisecond):
	}
}

func TestWaitForADecision(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.chain.idle.Store(true)

	t.Run("answers as soon as it is decided", func(t *testing.T) {
		t.Parallel()
		c := s.register("")
		id := c.apply(wantsApproval)
		waiting := c.later("/api/applications/" + id + "?wait=30s")
		requireHeld(t, waiting)
		began := time.Now()
		require.NoError(t, s.chain.decide(t.Context(), id, 1, false))
		got := requireReply(t, waiting)
		require.Equal(t, http.StatusOK, got.status, got.text)
		require.Equal(t, "approved", got.get(t, "state"))
		require.Equal(t, "approved", got.get(t, "decision.outcome"))
		require.Less(t, time.Since(began), 3*time.Second)
	})
	t.Run("a deferral is news, waiting on goes to the decision", func(t *testing.T) {
		t.Parallel()
		c := s.register("")
		id := c.apply(wantsDeferral)
		waiting := c.later("/api/applications/" + id + "?wait=30")
		requireHeld(t, waiting)
		require.NoError(t, s.chain.decide(t.Context(), id, 1, false))
		require.Equal(t, "deferred", requireReply(t, waiting).get(t, "state"))
		waiting = c.later("/api/applications/" + id + "?wait=30s")
		requireHeld(t, waiting)
		require.NoError(t, s.chain.decide(t.Context(), id, 2, true))
		require.Equal(t, "approved", requireReply(t, waiting).get(t, "state"))
	})
	t.Run("unchanged it answers at the end of the wait", func(t *testing.T) {
		t.Parallel()
		c := s.register("")
		got, took := c.timed("/api/applications/" + c.apply(wantsApproval) + "?wait=300ms")
		require.Equal(t, "submitted", got.get(t, "state"))
		require.GreaterOrEqual(t, took, 300*time.Millisecond)
		require.Less(t, took, 5*time.Second)
	})
	t.Run("what is final, of others, or asked wrongly answers at once", func(t *testing.T) {
		t.Parallel()
		c, other := s.register(""), s.register("")
		id := c.apply(wantsDecline)
		stranger, took := other.timed("/api/applications/" + id + "?wait=30s")
		requireProblem(t, stranger, http.StatusNotFound, fault.CodeNotFound)
		require.Less(t, took, 5*time.Second)
		require.NoError(t, s.chain.decide(t.Context(), id, 1, false))
		got, took := c.timed("/api/applications/" + id + "?wait=30s")
		require.Equal(t, "declined", got.get(t, "state"))
		require.Less(t, took, 5*time.Second)
		for _, wrong := range []string{"x", "-1", "1h", "999999"} {
			require.Equal(t, http.StatusUnprocessableEntity, c.call(http.MethodGet, "/api/applications/"+id+"?wait="+wrong, nil).status, wrong)
		}
	})
	t.Run("a merchant may hold eight back", func(t *testing.T) {
		t.Parallel()
		c := s.register("")
		id := c.apply(wantsDeferral)
		path := "/api/applications/" + id
		var waiting []<-chan reply
		for range 8 {
			waiting = append(waiting, c.later(path+"?wait=30s"))
			requireHeld(t, waiting[len(waiting)-1]) // else the probe below may take its place
		}
		require.Eventually(t, func() bool {
			return c.call(http.MethodGet, path+"?wait=1ms", nil).status == http.StatusTooManyRequests
		}, 15*time.Second, 20*time.Millisecond)
		require.Equal(t, http.StatusOK, c.call(http.MethodGet, path, nil).status)
		require.NoError(t, s.chain.decide(t.Context(), id, 1, false))
		for _, one := range waiting {
			require.Equal(t, http.StatusOK, requireReply(t, one).status)
		}
		require.Equal(t, http.StatusOK, c.call(http.MethodGet, path+"?wait=1ms", nil).status)
	})
}

func TestWaitForMoney(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	c := s.register("")
	line := c.openLine()
	s.chain.idle.Store(true)
	draw := func() string {
		opened := c.call(http.MethodPost, "/api/lines/"+line+"/drawdowns", object{"amount_fen": 1_000_000, "tenor_months": 3, "repayment": "any_time"})
		require.Equal(t, http.StatusAccepted, opened.status, opened.text)
		id, _ := opened.get(t, "id").(string)
		return id
	}
	id := draw()
	waiting := c.later("/api/drawdowns/" + id + "?wait=30s")
	requireHeld(t, waiting)
	_, err := s.chain.drawdowns.Reserve(t.Context(), id)
	require.NoError(t, err)
	requireHeld(t, waiting) // reserved is no news
	_, err = s.chain.drawdowns.Pay(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, "paid", requireReply(t, waiting).get(t, "state"))

	id = draw()
	_, err = s.chain.drawdowns.Reserve(t.Context(), id)
	require.NoError(t, err)
	waiting = c.later("/api/drawdowns/" + id + "?wait=30s")
	requireHeld(t, waiting)
	_, err = s.db.Drawdowns().MarkUnknown(t.Context(), id, time.Now())
	require.NoError(t, err)
	require.Equal(t, "unknown", requireReply(t, waiting).get(t, "state"))

	other, took := s.register("").timed("/api/drawdowns/" + id + "?wait=30s")
	requireProblem(t, other, http.StatusNotFound, fault.CodeNotFound)
	require.Less(t, took, 5*time.Second)
}

// TestWaitAcrossProcesses lets another process, with a store of its own on
// the same file, decide and pay.
func TestWaitAcrossProcesses(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.chain.idle.Store(true)
	elsewhere, err := store.Open(t.Context(), store.Config{DSN: s.dsn, Keys: s.keys})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, elsewhere.Close()) })
	c := s.register("")
	id := c.apply(wantsApproval)
	waiting := c.later("/api/applications/" + id + "?wait=30s")
	requireHeld(t, waiting)
	_, err = elsewhere.Underwriting().Decide(t.Context(), underwriting.Decision{
		ID: "d1", ApplicationID: id, MerchantID: c.merchantID, Seq: 1, Verdict: decided(t, wantsDecline), DecidedAt: time.Now(),
		Snapshot: underwriting.Snapshot{Strategy: "ab"}, InputHash: "i", VerdictHash: "v",
	}, entry("decision.made", "application/"+id))
	require.NoError(t, err)
	require.Equal(t, "declined", requireReply(t, waiting).get(t, "state"))

	rich := s.register("")
	s.chain.idle.Store(false)
	line := rich.openLine()
	s.chain.idle.Store(true)
	opened := rich.call(http.MethodPost, "/api/lines/"+line+"/drawdowns", object{"amount_fen": 1_000_000, "tenor_months": 3, "repayment": "any_time"})
	draw, _ := opened.get(t, "id").(string)
	waiting = rich.later("/api/drawdowns/" + draw + "?wait=30s")
	requireHeld(t, waiting)
	draws := drawdown.NewService(drawdown.Deps{
		Store: elsewhere.Drawdowns(), Rails: map[string]drawdown.Rail{"bank": paying{}}, Now: clock.System, NewID: ident.NewID, Logger: s.deps.Logger,
	})
	_, err = draws.Reserve(t.Context(), draw)
	require.NoError(t, err)
	_, err = draws.Pay(t.Context(), draw)
	require.NoError(t, err)
	require.Equal(t, "paid", requireReply(t, waiting).get(t, "state"))
}

// TestWaitEndsWithTheServer shuts a server down as the stack does: it ends
// the base context, then waits for what is being answered.
func TestWaitEndsWithTheServer(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.chain.idle.Store(true)
	c := s.register("")
	id := c.apply(wantsApproval)
	base, end := context.WithCancel(t.Context())
	ending := httptest.NewUnstartedServer(s.server.Config.Handler)
	ending.Config.BaseContext = func(net.Listener) context.Context { return base }
	ending.Start()
	t.Cleanup(ending.Close)
	s.server = ending
	waiting := c.later("/api/applications/" + id + "?wait=30s")
	requireHeld(t, waiting)
	began := time.Now()
	end()
	require.NoError(t, ending.Config.Shutdown(t.Context()))
	got := requireReply(t, waiting)
	require.Equal(t, http.StatusOK, got.status, got.text)
	require.Equal(t, "submitted", got.get(t, "state"))
	require.Less(t, time.Since(began), 5*time.Second)
}

func TestWaitIsCapped(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "10": 10 * time.Second, "10s": 10 * time.Second, "1500ms": 1500 * time.Millisecond,
		"30s": web.LongestWait, "31": web.LongestWait, "99999s": web.LongestWait,
	} {
		got, err := web.Patience(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
}
