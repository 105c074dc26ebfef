package e2e_test

import (
	"fmt"
	"net"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/adapters/dossier"
	"loan310/app/apiclient"
	"loan310/app/audit"
	"loan310/app/drawdown"
	"loan310/app/fault"
	"loan310/app/money"
	"loan310/app/stack"
	"loan310/scoring"
)

// TestTwoInstancesSideBySide runs two environments at once: each knows its own
// merchants only.
func TestTwoInstancesSideBySide(t *testing.T) {
	t.Parallel()
	one := begin(t)
	other, stop := start(t, t.TempDir())
	defer stop()
	require.NotEqual(t, one.Stack.URL(), other.Stack.URL())
	require.NotEqual(t, one.Temporal.Address, other.Temporal.Address)
	m := one.cast.next(t, dossier.ArchetypeEstablished)
	id := one.register(t, m)
	_, err := other.client.Merchant(t.Context(), id)
	problem := new(apiclient.Problem)
	require.ErrorAs(t, err, &problem)
	require.Equal(t, 404, problem.Status)
	require.Empty(t, other.Sandbox.Inbox(m.Phone))
	require.NotEqual(t, id, other.register(t, m))
}

// TestTakenPortSaysWhichAndWhatToDo holds one port after the other that an
// environment wants.
func TestTakenPortSaysWhichAndWhatToDo(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, listener.Close()) }()
	taken := listener.Addr().(*net.TCPAddr)
	for _, c := range []struct {
		flag  string
		ports stack.Ports
	}{
		{"--port", stack.Ports{Web: taken.Port}},
		{"--temporal-port", stack.Ports{Temporal: taken.Port}},
		{"--temporal-ui-port", stack.Ports{TemporalUI: taken.Port}},
		{"--sandbox-port", stack.Ports{Sandbox: taken.Port - 9}}, // the last of its ten
	} {
		_, err := stack.StartDev(t.Context(), stack.DevOptions{Dir: t.TempDir(), Ports: c.ports, Book: population(1)})
		require.ErrorContains(t, err, taken.String()+" is taken by another program: stop it, or choose another with "+c.flag)
		require.ErrorContains(t, err, "--free-ports")
		require.Equal(t, stack.CodePort, fault.CodeOf(err))
	}
	code, _, said := run(t, "dev", "--dir", t.TempDir(), "--port", strconv.Itoa(taken.Port), "--temporal-port=0", "--temporal-ui-port=0", "--sandbox-port=0")
	require.Equal(t, 2, code, said)
	require.Contains(t, said, taken.String()+" is taken by another program")
}

// TestRestartKeepsEverything stops an environment and starts it again on its
// folder, twice: once with a draw asked for while no worker was there.
func TestRestartKeepsEverything(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	environments <- struct{}{}
	defer func() { <-environments }()
	w, stop := start(t, dir)
	on := w.credit(t)
	first := w.end(t, w.draw(t, on, "first", on.part(30)).ID)
	w.requirePaidOnce(t, first)
	stop()

	away, stop := start(t, dir, func(s *settings) { s.options.NoWorker = true })
	away.requirePaidOnce(t, first)
	merchant, err := away.client.Merchant(t.Context(), on.application.MerchantID)
	require.NoError(t, err)
	require.Equal(t, "active", merchant.State)
	require.NotEmpty(t, away.Sandbox.Inbox(on.merchant.Phone))
	waiting := away.draw(t, on, "waiting", on.part(30))
	orphan := away.orphan(t, on, on.part(20))
	stop()

	back, stop := start(t, dir)
	defer stop()
	for _, id := range []string{waiting.ID, orphan} {
		back.requirePaidOnce(t, back.end(t, id))
	}
	back.requireUsed(t, on.ID, 2*on.part(30)+on.part(20))
	again := back.draw(t, on, "first", on.part(30))
	require.Equal(t, first.ID, again.ID)
	back.requireSound(t)
}

// orphan stores a draw as the web server does, but starts no workflow, as if
// the process had died in between.
func (w *world) orphan(t *testing.T, on credit, amount int64) string {
	t.Helper()
	opened, err := w.Stack.Drawdowns.Open(t.Context(), drawdown.Request{
		Key: fmt.Sprintf("orphan-%d", amount), LineID: on.ID, Amount: money.Amount(amount), TenorMonths: on.tenor, Repayment: scoring.RepaymentType(on.repayment),
	}, audit.System("e2e"))
	require.NoError(t, err)
	return opened.ID
}
