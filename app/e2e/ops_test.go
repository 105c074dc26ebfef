package e2e_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"loan310/adapters/sandbox"
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

// TestNotReadyWithoutTemporal kills the Temporal server: the process lives on
// and says what it lacks.
func TestNotReadyWithoutTemporal(t *testing.T) {
	t.Parallel()
	w := begin(t)
	desk := w.browser(t)
	require.Equal(t, http.StatusOK, desk.get(t, "/readyz").status)
	ended := make(chan error, 1)
	wait := within(t, patience)
	go func() { ended <- w.Wait(wait) }()
	require.NoError(t, syscall.Kill(w.Temporal.PID(), syscall.SIGKILL))
	select {
	case err := <-ended:
		require.Equal(t, stack.CodeTemporal, fault.CodeOf(err))
	case <-time.After(patience):
		require.FailNow(t, "nobody noticed")
	}
	got := desk.get(t, "/readyz")
	require.Equal(t, http.StatusServiceUnavailable, got.status)
	var ready struct {
		Status string
		Checks map[string]string
	}
	require.NoError(t, json.Unmarshal(got.body, &ready))
	require.Equal(t, "ok", ready.Checks["database"])
	require.NotEqual(t, "ok", ready.Checks["temporal"])
	require.NotEmpty(t, ready.Checks["temporal"])
	require.Equal(t, http.StatusOK, desk.get(t, "/livez").status)
}
