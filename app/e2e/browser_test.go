package e2e_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/app/clock"
	"loan310/app/ident"
	"loan310/app/underwriting"
)

// browser is a person at a phone or a desk: a cookie jar and nothing else.
type browser struct {
	base string
	http *http.Client
}

func (w *world) browser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(transport.CloseIdleConnections)
	return &browser{base: w.Stack.URL(), http: &http.Client{Jar: jar, Transport: transport}}
}

// reply is an answer as the browser got it.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// text gives a string of the answer's object.
func (r reply) text(t *testing.T, name string) string {
	t.Helper()
	var object map[string]any
	require.NoError(t, json.Unmarshal(r.body, &object), "%s", r.body)
	value, _ := object[name].(string)
	return value
}

// into reads the answer, which must be a success.
func (r reply) into(t *testing.T, out any) {
	t.Helper()
	require.Less(t, r.status, 300, "%s", r.body)
	require.NoError(t, json.Unmarshal(r.body, out), "%s", r.body)
}

// send makes a request as our own pages do; a write without a key is given one.
func (b *browser) send(t *testing.T, method, path, key string, in any) reply {
	t.Helper()
	response := b.open(t, method, path, key, in)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return reply{response.StatusCode, response.Header, text}
}

func (b *browser) get(t *testing.T, path string) reply {
	t.Helper()
	return b.send(t, http.MethodGet, path, "", nil)
}

func (b *browser) open(t *testing.T, method, path, key string, in any) *http.Response {
	t.Helper()
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		require.NoError(t, err)
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(within(t, patience), method, b.base+path, body)
	require.NoError(t, err)
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	request.Header.Set("Accept-Language", "en")
	if in != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if key == "" && method != http.MethodGet {
		key = ident.NewID()
	}
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	response, err := b.http.Do(request)
	require.NoError(t, err)
	return response
}

// signIn proves a phone by one-time code and gives the merchant's id; the jar
// keeps the session.
func (b *browser) signIn(t *testing.T, w *world, phone string) string {
	t.Helper()
	asked := b.send(t, http.MethodPost, "/api/auth/codes", "", map[string]string{"phone": phone})
	require.Equal(t, http.StatusAccepted, asked.status, "%s", asked.body)
	challenge := asked.text(t, "challenge_id")
	proven := b.send(t, http.MethodPost, "/api/auth/sessions", "", map[string]string{"challenge_id": challenge, "code": w.code(t, phone, challenge)})
	require.Equal(t, http.StatusCreated, proven.status, "%s", proven.body)
	return proven.text(t, "merchant_id")
}

// told is a server-sent event and when it came.
type told struct {
	underwriting.Event
	lag time.Duration // from the event to its arrival here
}

// follow reads an application's stream to its end.
func (b *browser) follow(t *testing.T, path string) (events []told, ended string) {
	t.Helper()
	response := b.open(t, http.MethodGet, path, "", nil)
	defer func() { _ = response.Body.Close() }()
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, "text/event-stream", strings.SplitN(response.Header.Get("Content-Type"), ";", 2)[0])
	lines := bufio.NewScanner(response.Body)
	kind := ""
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch {
		case name == "event":
			kind = value
		case name == "data" && kind == "progress":
			var event told
			require.NoError(t, json.Unmarshal([]byte(value), &event.Event))
			event.lag = clock.System().Sub(event.At)
			events = append(events, event)
		case name == "data" && kind == "end":
			var end struct{ State string }
			require.NoError(t, json.Unmarshal([]byte(value), &end))
			ended = end.State
		}
	}
	require.NoError(t, lines.Err())
	return events, ended
}
