package e2e_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"loan310/adapters/sandbox"
	"loan310/app/apiclient"
	"loan310/app/fault"
	"loan310/app/stack"
)

// TestOpenAPIDocumentLoads reads the document the command prints and the one
// the server serves.
func TestOpenAPIDocumentLoads(t *testing.T) {
	t.Parallel()
	w := share(t)
	code, printed, said := run(t, "openapi")
	require.Zero(t, code, said)
	served := w.browser(t).get(t, "/api/openapi.json")
	require.Equal(t, http.StatusOK, served.status)
	for _, text := range [][]byte{[]byte(printed), served.body} {
		document, err := openapi3.NewLoader().LoadFromData(text)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(document.OpenAPI, "3.1"), document.OpenAPI)
		require.NotNil(t, document.Paths.Find("/api/lines/{id}/drawdowns"))
		require.GreaterOrEqual(t, document.Paths.Len(), 20)
	}
}

// TestOperatorSeesEveryProvider asks for the providers' state as staff, and in
// vain as anybody else.
func TestOperatorSeesEveryProvider(t *testing.T) {
	t.Parallel()
	w := share(t)
	desk := w.browser(t)
	require.Equal(t, http.StatusUnauthorized, desk.get(t, "/api/ops/providers").status)
	signed := desk.send(t, http.MethodPost, "/api/auth/staff-sessions", "", map[string]string{"login": stack.DemoOperator, "password": stack.DemoPassword})
	require.Equal(t, http.StatusCreated, signed.status, "%s", signed.body)
	var providers struct {
		Items []struct{ Name, State string }
	}
	desk.get(t, "/api/ops/providers").into(t, &providers)
	states := map[string]string{}
	for _, item := range providers.Items {
		states[item.Name] = item.State
	}
	metrics := string(desk.get(t, "/metrics").body)
	for _, kind := range append(sandbox.Kinds(), "kuaidi100") {
		require.Equal(t, "closed", states[kind], kind)
		require.Contains(t, metrics, `loan310_provider_breaker_state{provider="`+kind+`"} 0`)
	}
}

// TestTemporalKilled kills the Temporal server in the middle of a draw: the
// process lives on and says what it lacks, what is asked of it is kept, and
// the next start goes on with both.
func TestTemporalKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	environments <- struct{}{}
	defer func() { <-environments }()
	w, stop := start(t, dir)
	defer stop()
	on := w.credit(t)
	require.NoError(t, w.Sandbox.SetFaults(sandbox.Payout, sandbox.Faults{PendingShare: 1, PendingMS: 5_000, ForRequests: 1}))
	under := w.draw(t, on, "under-way", on.part(30))
	w.awaitState(t, under.ID, "unknown")

	desk := w.browser(t)
	require.Equal(t, http.StatusOK, desk.get(t, "/readyz").status)
	ended, wait := make(chan error, 1), within(t, patience)
	go func() { ended <- w.Wait(wait) }()
	require.NoError(t, syscall.Kill(w.Temporal.PID(), syscall.SIGKILL))
	require.Equal(t, stack.CodeTemporal, fault.CodeOf(<-ended))
	got := desk.get(t, "/readyz")
	require.Equal(t, http.StatusServiceUnavailable, got.status)
	var ready struct{ Checks map[string]string }
	require.NoError(t, json.Unmarshal(got.body, &ready))
	require.Equal(t, "ok", ready.Checks["database"])
	require.NotContains(t, []string{"ok", ""}, ready.Checks["temporal"])
	require.Equal(t, http.StatusOK, desk.get(t, "/livez").status)
	asked := w.draw(t, on, "asked", on.part(20))
	require.Equal(t, "requested", asked.State)
	stop()

	again, stop := start(t, dir)
	defer stop()
	for _, id := range []string{under.ID, asked.ID} {
		again.requirePaidOnce(t, again.end(t, id))
	}
	again.requireUsed(t, on.ID, under.AmountFen+asked.AmountFen)
	again.requireSound(t)
}

// awaitState waits until a draw has a state.
func (w *world) awaitState(t *testing.T, id, state string) {
	t.Helper()
	drawn, err := apiclient.Await(within(t, patience), func(ctx context.Context) (apiclient.Drawdown, error) {
		return w.client.FollowDrawdown(ctx, id)
	}, func(d apiclient.Drawdown) bool { return d.State == state }, 100*time.Millisecond)
	require.NoError(t, err, "the draw is %s", drawn.State)
}
