package e2e_test

import (
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/adapters/dossier"
	"loan310/app/stack"
)

// watched is a provider on /api/ops/providers as far as these tests read it.
type watched struct {
	Name, State string
	Requests    int64
	Processes   []struct {
		Kind     string
		Requests int64
	}
}

// board reads what all processes see of the providers.
func (b *browser) board(t *testing.T) map[string]watched {
	t.Helper()
	var providers struct{ Items []watched }
	b.get(t, "/api/ops/providers").into(t, &providers)
	read := map[string]watched{}
	for _, item := range providers.Items {
		read[item.Name] = item
	}
	return read
}

// TestWorkerApartIsSeen runs the worker as a process of its own: the web
// server's board shows what it sees, and it answers for its own health.
func TestWorkerApartIsSeen(t *testing.T) {
	t.Parallel()
	w := begin(t, func(s *settings) { s.options.NoWorker = true })
	address := freeAddress(t)
	worker := w.worker(t, "--listen", address)
	desk := w.browser(t)
	signed := desk.send(t, http.MethodPost, "/api/auth/staff-sessions", "", map[string]string{"login": stack.DemoOperator, "password": stack.DemoPassword})
	require.Equal(t, http.StatusCreated, signed.status, "%s", signed.body)

	w.register(t, w.cast.next(t, dossier.ArchetypeEstablished))
	require.Eventually(t, func() bool {
		identity := desk.board(t)["identity"]
		return len(identity.Processes) == 2 && identity.Processes[1].Requests > 0
	}, patience, 200*time.Millisecond, "what the worker sees is not on the board")
	identity := desk.board(t)["identity"]
	require.Equal(t, "closed", identity.State)
	require.Equal(t, "web", identity.Processes[0].Kind)
	require.Zero(t, identity.Processes[0].Requests)
	require.Equal(t, "worker", identity.Processes[1].Kind)
	require.Equal(t, identity.Requests, identity.Processes[1].Requests)

	health := w.browser(t)
	health.base = "http://" + address
	require.Equal(t, http.StatusOK, health.get(t, "/livez").status)
	ready := health.get(t, "/readyz")
	require.Equal(t, http.StatusOK, ready.status)
	require.Contains(t, string(ready.body), `"checks":{"database":"ok","temporal":"ok"}`)
	require.Contains(t, string(health.get(t, "/metrics").body), `loan310_provider_breaker_state{provider="registry"}`)

	code, _, said := run(t, "worker", "--join", w.join(t), "--listen", address)
	require.Equal(t, 2, code, said)
	require.Contains(t, said, address+" is taken by another program: stop it, or choose another with --listen or LOAN310_WORKER_LISTEN")

	worker.stop(t)
	require.Len(t, desk.board(t)["identity"].Processes, 1, "who stops takes its board away")
}

// freeAddress gives an address nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}
