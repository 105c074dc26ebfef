package sandbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"loan310/adapters/sandbox"
	"loan310/adapters/sandbox/sandboxtest"
	"loan310/app/clock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wire is a client without any of the adapters' care.
type wire struct {
	t      *testing.T
	client *http.Client
	urls   map[string]string
}

func newWire(t *testing.T, server *sandbox.Server) wire {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return wire{t: t, client: &http.Client{Transport: transport, Timeout: 5 * time.Second}, urls: server.URLs()}
}

// do sends a request; status 0 means there was no answer.
func (w wire) do(kind, method, path, body string) (status int, text string) {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), method, w.urls[kind]+path, strings.NewReader(body))
	require.NoError(w.t, err)
	request.Header.Set("Authorization", "Bearer token-of-"+kind)
	response, err := w.client.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { require.NoError(w.t, response.Body.Close()) }()
	read, err := io.ReadAll(response.Body)
	if err != nil {
		return response.StatusCode, err.Error()
	}
	return response.StatusCode, string(read)
}

func (w wire) control(method, path, body string, want int, out any) {
	w.t.Helper()
	status, text := w.do(sandbox.Control, method, path, body)
	require.Equal(w.t, want, status, text)
	if out != nil {
		require.NoError(w.t, json.Unmarshal([]byte(text), out))
	}
}

// lookup asks the registry for the licence of the example.
func (w wire) lookup() int {
	w.t.Helper()
	status, _ := w.do(sandbox.Registry, http.MethodPost, "/v1/licences/lookup", `{"licence_number":"91330100799655058B"}`)
	return status
}

func TestControlSetsListsAndClearsFaults(t *testing.T) {
	t.Parallel()
	w := newWire(t, sandboxtest.Start(t, sandbox.Options{Book: sandboxtest.Example()}))
	require.Equal(t, 200, w.lookup())
	w.control("PUT", "/control/faults/registry", `{"error_429_share":1,"seed":3}`, 200, nil)
	require.Equal(t, 429, w.lookup())
	var faults map[string]sandbox.Faults
	w.control("GET", "/control/faults", "", 200, &faults)
	require.Equal(t, map[string]sandbox.Faults{"registry": {Error429Share: 1, Seed: 3}}, faults)
	w.control("DELETE", "/control/faults/registry", "", 204, nil)
	require.Equal(t, 200, w.lookup())
	w.control("PUT", "/control/faults/registry", `{"down":true}`, 200, nil)
	require.Equal(t, 0, w.lookup())
	w.control("DELETE", "/control/faults", "", 204, nil)
	require.Equal(t, 200, w.lookup())

	var providers []sandbox.ProviderInfo
	w.control("GET", "/control/providers", "", 200, &providers)
	require.Len(t, providers, len(sandbox.Kinds()))
	for _, provider := range providers {
		require.Equal(t, w.urls[provider.Kind], provider.URL)
		if provider.Kind == sandbox.Registry {
			require.EqualValues(t, 5, provider.Requests)
		}
	}
}

func TestControlRefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	w := newWire(t, sandboxtest.Start(t, sandbox.Options{Book: sandboxtest.Example()}))
	for path, body := range map[string]string{
		"/control/faults/nobody":   `{}`,
		"/control/faults/registry": `{"latency":5}`,
		"/control/faults/bank":     `{"error_5xx_share":1.5}`,
		"/control/faults/notify":   `{"lost_answer_share":0.5}`,
		"/control/faults/identity": `{"latency_ms":-1}`,
		"/control/faults/bureau":   `{`,
	} {
		w.control("PUT", path, body, 422, nil)
	}
	w.control("POST", "/control/profiles/sunny", "", 422, nil)
}

func TestFaultsExpireByThemselves(t *testing.T) {
	t.Parallel()
	server := sandboxtest.Start(t, sandbox.Options{Book: sandboxtest.Example()})
	w := newWire(t, server)
	require.NoError(t, server.SetFaults(sandbox.Registry, sandbox.Faults{Error5xxShare: 1, ForRequests: 2}))
	for _, wantFailure := range []bool{true, true, false, false} {
		require.Equal(t, wantFailure, w.lookup() >= 500)
	}
	require.Empty(t, server.Faults())
}

func TestDrawsRepeatWithTheSeed(t *testing.T) {
	t.Parallel()
	server := sandboxtest.Start(t, sandbox.Options{Book: sandboxtest.Example()})
	w := newWire(t, server)
	run := func(seed uint64) []int {
		require.NoError(t, server.SetFaults(sandbox.Registry, sandbox.Faults{Error5xxShare: 0.3, Error429Share: 0.3, Seed: seed}))
		var statuses []int
		for range 24 {
			statuses = append(statuses, w.lookup())
		}
		return statuses
	}
	first := run(1)
	require.Equal(t, first, run(1))
	require.NotEqual(t, first, run(2))
	require.Contains(t, first, 200)
	require.Contains(t, first, 429)
}

func TestHostileProfileTakesTurns(t *testing.T) {
	t.Parallel()
	var now time.Time
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	now = start
	server := sandboxtest.Start(t, sandbox.Options{Book: sandboxtest.Example(), Clock: func() time.Time { return now }})
	require.NoError(t, server.UseProfile(sandbox.ProfileHostile, time.Second))
	touched, healthy := map[string]bool{}, map[string]bool{}
	for phase := range 9 {
		now = start.Add(time.Duration(phase) * time.Second)
		for kind, faults := range server.Faults() {
			if kind == sandbox.Payout {
				require.Positive(t, faults.LostAnswerShare, "the rail loses answers all the time")
				faults.LostAnswerShare, faults.PendingShare, faults.PendingMS, faults.RefuseShare = 0, 0, 0, 0
			}
			touched[kind] = touched[kind] || faults != sandbox.Faults{}
			healthy[kind] = healthy[kind] || faults == sandbox.Faults{}
		}
	}
	for _, kind := range sandbox.Kinds() {
		require.True(t, touched[kind], kind)
		require.True(t, healthy[kind], kind)
	}
	require.NoError(t, server.SetFaults(sandbox.Bank, sandbox.Faults{StaleDays: 3}))
	require.Equal(t, sandbox.Faults{StaleDays: 3}, server.Faults()[sandbox.Bank], "a kind's own faults come first")
	require.NoError(t, server.UseProfile(sandbox.ProfileNone, 0))
	require.Len(t, server.Faults(), 1)
}

func TestProfileOverControl(t *testing.T) {
	t.Parallel()
	server := sandboxtest.Start(t, sandbox.Options{Book: sandboxtest.Example()})
	w := newWire(t, server)
	w.control("POST", "/control/profiles/hostile", `{"step_ms":60000}`, 204, nil)
	require.Len(t, server.Faults(), len(sandbox.Kinds()))
	w.control("POST", "/control/profiles/none", "", 204, nil)
	require.Empty(t, server.Faults())
}

func TestHungRequestsEndWithTheClientOrTheSandbox(t *testing.T) {
	t.Parallel()
	server, err := sandbox.Start(t.Context(), sandbox.Options{Book: sandboxtest.Example(), Secrets: sandboxtest.Secrets()})
	require.NoError(t, err)
	w := newWire(t, server)
	require.NoError(t, server.SetFaults(sandbox.Registry, sandbox.Faults{TimeoutShare: 1}))

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.urls[sandbox.Registry]+"/v1/licences/lookup", strings.NewReader("{}"))
	require.NoError(t, err)
	_, err = w.client.Do(request) //nolint:bodyclose // there is no answer
	require.ErrorIs(t, err, context.DeadlineExceeded)

	ended := make(chan error)
	go func() {
		hung, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.urls[sandbox.Registry]+"/v1/licences/lookup", strings.NewReader("{}"))
		if err == nil {
			_, err = w.client.Do(hung) //nolint:bodyclose // there is no answer
		}
		ended <- err
	}()
	require.Eventually(t, func() bool { return server.Requests(sandbox.Registry) == 2 }, time.Second, time.Millisecond)
	require.NoError(t, server.Close())
	require.ErrorIs(t, <-ended, io.EOF)
	require.NoError(t, server.Close(), "closing twice is fine")
}

func TestTheContextEndsTheSandbox(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	server, err := sandbox.Start(ctx, sandbox.Options{Book: sandboxtest.Example(), Secrets: sandboxtest.Secrets()})
	require.NoError(t, err)
	w := newWire(t, server)
	require.Equal(t, 200, w.lookup())
	cancel()
	require.Eventually(t, func() bool { return w.lookup() == 0 }, time.Second, 5*time.Millisecond)
	require.NoError(t, server.Close())
}

func TestStartRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	server := sandboxtest.Start(t, sandbox.Options{Book: sandboxtest.Example()})
	taken := server.URLs()[sandbox.Bank]
	port := 0
	for _, digit := range taken[strings.LastIndex(taken, ":")+1:] {
		port = port*10 + int(digit-'0')
	}
	for name, options := range map[string]sandbox.Options{
		"no book":     {},
		"payee rule":  {Book: sandboxtest.Example(), Payees: "anyone"},
		"port in use": {Book: sandboxtest.Example(), Ports: map[string]int{sandbox.Bank: port}},
	} {
		_, err := sandbox.Start(t.Context(), options)
		require.Error(t, err, name)
	}
	broken := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(broken, "rail.jsonl"), []byte("{}\nnot json\n"), 0o600))
	_, err := sandbox.Start(t.Context(), sandbox.Options{Book: sandboxtest.Example(), Dir: broken})
	require.ErrorContains(t, err, "rail.jsonl")
}

func TestCredentialsAreChecked(t *testing.T) {
	t.Parallel()
	server := sandboxtest.Start(t, sandbox.Options{Book: sandboxtest.Example()})
	w := newWire(t, server)
	for kind, path := range map[string]string{
		sandbox.Bureau: "/v1/reports", sandbox.Identity: "/v1/person-checks", // bearer tokens do not open signed kinds
	} {
		status, text := w.do(kind, http.MethodPost, path, `{}`)
		require.Equal(t, 401, status)
		require.JSONEq(t, `{"code":"signature_refused"}`, text)
	}
	status, _ := w.do(sandbox.Payout, http.MethodPost, "/gateway.do", "app_id=x")
	require.Equal(t, 200, status, "the gateway answers errors with 200")
	status, _ = w.do(sandbox.Notify, http.MethodPost, "/v1/messages", strings.Repeat("x", 2<<20))
	require.Equal(t, 413, status)
	status, _ = w.do(sandbox.Notify, http.MethodPost, "/v1/messages", `{"key":"k"}`)
	require.Equal(t, 422, status)
}

func TestSecretsAreKeptAndPrintRedacted(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "sandbox")
	first, err := sandbox.LoadSecrets(dir)
	require.NoError(t, err)
	second, err := sandbox.LoadSecrets(dir)
	require.NoError(t, err)
	require.Equal(t, first, second)
	info, err := os.Stat(filepath.Join(dir, "secrets.json"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("start", slog.Any("secrets", first))
	require.NotContains(t, log.String(), first.Tokens[sandbox.Bank])
	require.Equal(t, "[redacted]", first.String())
	require.Len(t, first.Tokens, len(sandbox.Kinds()))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "secrets.json"), []byte("{"), 0o600))
	_, err = sandbox.LoadSecrets(dir)
	require.Error(t, err)
}

func TestInboxSurvivesARestart(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	options := sandbox.Options{Book: sandboxtest.Example(), Dir: t.TempDir(), Clock: clock.Fixed(at), Secrets: sandboxtest.Secrets()}
	const message = `{"key":"k1","phone":"+8613800138000","template":"code","language":"en","args":{"code":"310310"}}`
	first, err := sandbox.Start(t.Context(), options)
	require.NoError(t, err)
	status, _ := newWire(t, first).do(sandbox.Notify, http.MethodPost, "/v1/messages", message)
	require.Equal(t, 202, status)
	require.NoError(t, first.Close())

	second := sandboxtest.Start(t, options)
	w := newWire(t, second)
	status, _ = w.do(sandbox.Notify, http.MethodPost, "/v1/messages", message)
	require.Equal(t, 202, status)
	var inbox []sandbox.InboxMessage
	w.control("GET", "/control/inbox?phone=%2B8613800138000", "", 200, &inbox)
	require.Equal(t, []sandbox.InboxMessage{{
		Key: "k1", Phone: "+8613800138000", Template: "code", Language: "en", Args: map[string]string{"code": "310310"}, At: at,
	}}, inbox)
	w.control("GET", "/control/inbox?phone=%2B8613900000000", "", 200, &inbox)
	require.Empty(t, inbox)
}
