package notify_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"loan310/adapters/breaker"
	"loan310/adapters/httpx"
	"loan310/adapters/notify"
	"loan310/adapters/sandbox"
	"loan310/adapters/sandbox/sandboxtest"
	"loan310/app/fault"
	"loan310/app/merchant"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newNotifier(t *testing.T, settings breaker.Settings, change ...func(*notify.Options)) (*notify.Notifier, *sandbox.Server, *breaker.Guard) {
	t.Helper()
	server := sandboxtest.Start(t, sandbox.Options{Book: sandboxtest.Example()})
	settings.Name = "notify"
	guard := sandboxtest.Guard(settings)
	options := notify.Options{
		BaseURL: server.URLs()[sandbox.Notify], Token: sandboxtest.Secrets().Tokens[sandbox.Notify], Guard: guard,
		Transport: sandboxtest.Contract(t, "notify"),
	}
	for _, c := range change {
		c(&options)
	}
	made, err := notify.New(options)
	require.NoError(t, err)
	t.Cleanup(made.Close)
	return made, server, guard
}

func code() merchant.Message {
	return merchant.Message{
		Phone: "+8613800138000", Template: "login_code", Language: "zh-CN", Args: map[string]string{"code": "310310"}, Key: "k1",
	}
}

func TestAMessageArrivesOncePerKey(t *testing.T) {
	t.Parallel()
	n, server, _ := newNotifier(t, breaker.Settings{})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := n.Send(t.Context(), code()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	inbox := server.Inbox("+8613800138000")
	require.Len(t, inbox, 1)
	require.Equal(t, "310310", inbox[0].Args["code"])
	require.Empty(t, server.Inbox("+8613900000000"))

	other := code()
	other.Args = map[string]string{"code": "111111"}
	err := n.Send(t.Context(), other)
	require.Equal(t, fault.Mismatch, fault.KindOf(err))
	require.Equal(t, fault.CodeKeyReused, fault.CodeOf(err))
	require.Len(t, server.Inbox(""), 1)
}

func TestAnIncompleteMessageIsNotSent(t *testing.T) {
	t.Parallel()
	n, server, _ := newNotifier(t, breaker.Settings{})
	for _, drop := range []func(*merchant.Message){
		func(m *merchant.Message) { m.Key = "" },
		func(m *merchant.Message) { m.Phone = "" },
		func(m *merchant.Message) { m.Template = "" },
	} {
		message := code()
		drop(&message)
		require.Equal(t, fault.Invalid, fault.KindOf(n.Send(t.Context(), message)))
	}
	require.Zero(t, server.Requests(sandbox.Notify))
}

func TestFaultsAreUnavailable(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		faults    sandbox.Faults
		code      fault.Code
		delivered int
	}{
		"hangs":    {sandbox.Faults{TimeoutShare: 1}, breaker.CodeBudget, 0},
		"slow":     {sandbox.Faults{LatencyMS: 2000}, breaker.CodeBudget, 0},
		"trickles": {sandbox.Faults{SlowStreamBytesPerS: 10}, breaker.CodeBudget, 1},
		"5xx":      {sandbox.Faults{Error5xxShare: 1}, httpx.CodeDown, 0},
		"429":      {sandbox.Faults{Error429Share: 1}, httpx.CodeLimited, 0},
		"garbled":  {sandbox.Faults{MalformedShare: 1}, httpx.CodeMalformed, 1},
		"down":     {sandbox.Faults{Down: true}, httpx.CodeDown, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, server, guard := newNotifier(t, breaker.Settings{Budget: 300 * time.Millisecond}, func(o *notify.Options) { o.Transport = nil })
			require.NoError(t, server.SetFaults(sandbox.Notify, test.faults))
			err := n.Send(t.Context(), code())
			require.Equal(t, fault.Unavailable, fault.KindOf(err))
			require.Equal(t, test.code, fault.CodeOf(err))
			require.NotContains(t, err.Error(), "13800138000")
			require.EqualValues(t, 1, guard.Status().Failures)
			require.Len(t, server.Inbox(""), test.delivered)
			server.ClearFaults("")
			require.NoError(t, n.Send(t.Context(), code()))
			require.Len(t, server.Inbox(""), 1, "sending again under the key is safe")
		})
	}
}

func TestBreakerOpensAndRecovers(t *testing.T) {
	t.Parallel()
	n, server, guard := newNotifier(t, breaker.Settings{Consecutive: 2, OpenFor: 100 * time.Millisecond})
	require.NoError(t, server.SetFaults(sandbox.Notify, sandbox.Faults{Error5xxShare: 1, ForRequests: 2}))
	for range 2 {
		require.Equal(t, httpx.CodeDown, fault.CodeOf(n.Send(t.Context(), code())))
	}
	require.Equal(t, breaker.CodeOpen, fault.CodeOf(n.Send(t.Context(), code())))
	time.Sleep(150 * time.Millisecond)
	require.NoError(t, n.Send(t.Context(), code()))
	require.Equal(t, breaker.Closed, guard.Status().State)
}

func TestWrongTokenIsUnavailable(t *testing.T) {
	t.Parallel()
	n, _, _ := newNotifier(t, breaker.Settings{}, func(o *notify.Options) { o.Token = "wrong" })
	require.Equal(t, httpx.CodeCredentials, fault.CodeOf(n.Send(t.Context(), code())))
	_, err := notify.New(notify.Options{BaseURL: "http://x"})
	require.Error(t, err)
}
