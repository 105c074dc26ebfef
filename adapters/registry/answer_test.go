package registry_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/adapters/breaker"
	"loan310/adapters/httpx"
	"loan310/adapters/registry"
	"loan310/adapters/sandbox/sandboxtest"
	"loan310/app/fault"
)

func TestAnswersThatBreakTheContract(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"another licence":  `{"licence_number":"9144030071526726XG","name":"x","status":"active"}`,
		"unknown status":   `{"licence_number":"91330100799655058B","name":"x","status":"fine"}`,
		"no name":          `{"licence_number":"91330100799655058B","status":"active"}`,
		"negative capital": `{"licence_number":"91330100799655058B","name":"x","status":"active","registered_capital_fen":-1}`,
		"no such day":      `{"licence_number":"91330100799655058B","name":"x","status":"active","established_on":"2020-02-30"}`,
	}
	for name, body := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write([]byte(body))
			}))
			t.Cleanup(server.Close)
			r, err := registry.New(registry.Options{BaseURL: server.URL, Guard: sandboxtest.Guard(breaker.Settings{Name: "registry"})})
			require.NoError(t, err)
			t.Cleanup(r.Close)
			_, err = r.Lookup(t.Context(), licence)
			require.Equal(t, httpx.CodeMalformed, fault.CodeOf(err))
		})
	}
	_, err := registry.New(registry.Options{BaseURL: "http://x"})
	require.Error(t, err)
}
