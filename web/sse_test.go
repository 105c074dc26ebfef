package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/app/underwriting"
	"loan310/web"
)

// happening is one thing a stream said.
type happening struct {
	id, event, data, comment string
}

// follow opens a stream; the channel closes when it ends.
func (c client) follow(ctx context.Context, applicationID string, options ...func(*http.Request)) (http.Header, <-chan happening) {
	c.t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.server.URL+"/api/applications/"+applicationID+"/events", nil)
	require.NoError(c.t, err)
	request.Header.Set("Cookie", c.cookie)
	for _, option := range options {
		option(request)
	}
	response, err := c.server.Client().Do(request) //nolint:bodyclose // closed where it is read to its end, below
	require.NoError(c.t, err)
	out := make(chan happening, 1000)
	go func() {
		defer close(out)
		defer func() { _ = response.Body.Close() }()
		lines := bufio.NewScanner(response.Body)
		var now happening
		for lines.Scan() {
			name, value, _ := strings.Cut(lines.Text(), ":")
			value = strings.TrimPrefix(value, " ")
			switch {
			case lines.Text() == "":
				if now != (happening{}) {
					out <- now
				}
				now = happening{}
			case name == "":
				now.comment = value
			case name == "id":
				now.id = value
			case name == "event":
				now.event = value
			case name == "data":
				now.data = value
			}
		}
	}()
	return response.Header, out
}

// all waits for the stream to end.
func all(t *testing.T, stream <-chan happening) []happening {
	t.Helper()
	var out []happening
	late := time.After(30 * time.Second)
	for {
		select {
		case one, more := <-stream:
			if !more {
				return out
			}
			out = append(out, one)
		case <-late:
			require.Fail(t, "the stream does not end", "%v", out)
		}
	}
}

func next(t *testing.T, stream <-chan happening) happening {
	t.Helper()
	select {
	case one := <-stream:
		return one
	case <-time.After(30 * time.Second):
		require.Fail(t, "nothing comes")
		return happening{}
	}
}

func kindOf(t *testing.T, one happening) string {
	t.Helper()
	require.Equal(t, "progress", one.event)
	var event underwriting.Event
	require.NoError(t, json.Unmarshal([]byte(one.data), &event))
	return event.Kind
}

func TestStream(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)

	t.Run("an answered application tells all and ends", func(t *testing.T) {
		t.Parallel()
		c := s.register("")
		header, stream := c.follow(t.Context(), c.apply(wantsApproval))
		require.Equal(t, "text/event-stream; charset=utf-8", header.Get("Content-Type"))
		require.Equal(t, "no", header.Get("X-Accel-Buffering"))
		got := all(t, stream)
		require.Equal(t, "submitted", kindOf(t, got[0]))
		require.Equal(t, "1", got[0].id)
		require.Equal(t, "decided", kindOf(t, got[len(got)-2]))
		require.Equal(t, happening{event: "end", data: `{"state":"approved"}`}, got[len(got)-1])
		require.Len(t, got, 1+2*6+1+1+1) // submitted, six sources started and arrived, checked, decided, end
	})
	t.Run("resuming goes on after the last one seen", func(t *testing.T) {
		t.Parallel()
		c := s.register("")
		id := c.apply(wantsDecline)
		_, first := c.follow(t.Context(), id)
		seen := all(t, first)
		_, second := c.follow(t.Context(), id, set("Last-Event-ID", seen[4].id))
		require.Equal(t, seen[5:], all(t, second))
	})
	t.Run("resuming after the end is told to stop", func(t *testing.T) {
		t.Parallel()
		c := s.register("")
		id := c.apply(wantsDecline)
		_, stream := c.follow(t.Context(), id)
		seen := all(t, stream)
		got := c.call(http.MethodGet, "/api/applications/"+id+"/events", nil, set("Last-Event-ID", seen[len(seen)-2].id))
		require.Equal(t, http.StatusNoContent, got.status)
		require.Empty(t, got.text)
		require.Equal(t, http.StatusUnprocessableEntity, c.call(http.MethodGet, "/api/applications/"+id+"/events", nil, set("Last-Event-ID", "x")).status)
	})
	t.Run("a merchant may hold eight open, and close one for another", func(t *testing.T) {
		t.Parallel()
		idle := newSite(t, nil)
		idle.chain.idle.Store(true)
		c := idle.register("")
		id := c.apply(wantsApproval)
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		for range 8 {
			_, stream := c.follow(ctx, id)
			require.Equal(t, "submitted", kindOf(t, next(t, stream)))
		}
		requireProblem(t, c.call(http.MethodGet, "/api/applications/"+id+"/events", nil), http.StatusTooManyRequests, web.CodeTooOften)
		leave()
		require.NoError(t, idle.chain.decide(t.Context(), id, 1, false))
		require.Eventually(t, func() bool {
			return c.call(http.MethodGet, "/api/applications/"+id+"/events", nil).status == http.StatusOK
		}, 10*time.Second, 20*time.Millisecond)
	})
	t.Run("a deferral does not end it, the decision after does", func(t *testing.T) {
		t.Parallel()
		c := s.register("")
		id := c.apply(wantsDeferral)
		_, stream := c.follow(t.Context(), id)
		for one := next(t, stream); kindOf(t, one) != "decided"; one = next(t, stream) {
			require.NotEqual(t, "end", one.event)
		}
		require.NoError(t, s.chain.decide(t.Context(), id, 2, true))
		got := all(t, stream)
		require.Equal(t, "decided", kindOf(t, got[len(got)-2]))
		require.JSONEq(t, `{"state":"approved"}`, got[len(got)-1].data)
	})
	t.Run("events come as they happen", func(t *testing.T) {
		t.Parallel()
		idle := newSite(t, nil)
		idle.chain.idle.Store(true)
		c := idle.register("")
		id := c.apply(wantsApproval)
		_, stream := c.follow(t.Context(), id)
		require.Equal(t, "submitted", kindOf(t, next(t, stream)))
		began := time.Now()
		_, err := idle.db.Progress().Append(t.Context(), underwriting.Event{ApplicationID: id, Kind: "source_started", Source: "bank", At: time.Now()})
		require.NoError(t, err)
		require.Equal(t, "source_started", kindOf(t, next(t, stream)))
		require.Less(t, time.Since(began), 2*time.Second)
	})
	t.Run("a lost last event does not leave it open", func(t *testing.T) {
		t.Parallel()
		idle := newSite(t, nil)
		idle.chain.idle.Store(true)
		c := idle.register("")
		id := c.apply(wantsApproval)
		_, stream := c.follow(t.Context(), id)
		require.Equal(t, "submitted", kindOf(t, next(t, stream)))
		application, err := idle.db.Underwriting().Application(t.Context(), id)
		require.NoError(t, err)
		verdict, err := engine{}.Decide(inputWanting(wantsDecline))
		require.NoError(t, err)
		_, err = idle.db.Underwriting().Decide(t.Context(), underwriting.Decision{
			ID: "d", ApplicationID: id, MerchantID: application.MerchantID, Seq: 1, Verdict: verdict, DecidedAt: time.Now(),
			Snapshot: underwriting.Snapshot{Strategy: "ab"}, InputHash: "i", VerdictHash: "v",
		}, entry("decision.made", "application/"+id))
		require.NoError(t, err)
		require.Equal(t, []happening{{event: "end", data: `{"state":"declined"}`}}, all(t, stream))
	})
	t.Run("a client that leaves is let go, one that stays hears us", func(t *testing.T) {
		t.Parallel()
		idle := newSite(t, nil)
		idle.chain.idle.Store(true)
		c := idle.register("")
		ctx, leave := context.WithCancel(t.Context())
		_, stream := c.follow(ctx, c.apply(wantsApproval))
		require.Equal(t, "submitted", kindOf(t, next(t, stream)))
		require.Equal(t, "still here", next(t, stream).comment)
		leave()
		require.Eventually(t, func() bool { return strings.Contains(idle.logs.String(), `"route":"/api/applications/:id/events"`) }, 10*time.Second, 20*time.Millisecond)
		require.NotContains(t, idle.logs.String(), "stream broke off")
	})
}

func TestStreamWithinServerTimeouts(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.chain.idle.Store(true)
	c := s.register("")
	id := c.apply(wantsApproval)
	hasty := httptest.NewUnstartedServer(s.server.Config.Handler)
	hasty.Config.WriteTimeout = 300 * time.Millisecond
	hasty.Start()
	t.Cleanup(hasty.Close)
	s.server = hasty
	_, stream := c.follow(t.Context(), id)
	require.Equal(t, "submitted", kindOf(t, next(t, stream)))
	time.Sleep(time.Second)
	require.NoError(t, s.chain.decide(t.Context(), id, 1, false))
	got := all(t, stream)
	require.Equal(t, "end", got[len(got)-1].event)
}
