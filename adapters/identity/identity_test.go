package identity_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"loan310/adapters/breaker"
	"loan310/adapters/httpx"
	"loan310/adapters/identity"
	"loan310/adapters/sandbox"
	"loan310/adapters/sandbox/sandboxtest"
	"loan310/app/clock"
	"loan310/app/fault"
	"loan310/app/merchant"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	name    = "陈晨"
	number  = "11010519491231002X"
	account = "6123451234567893"
)

func newIdentity(t *testing.T, settings breaker.Settings, change ...func(*identity.Options)) (*identity.Identity, *sandbox.Server, *breaker.Guard) {
	t.Helper()
	server := sandboxtest.Start(t, sandbox.Options{Book: sandboxtest.Example()})
	settings.Name = "identity"
	guard := sandboxtest.Guard(settings)
	secrets := sandboxtest.Secrets()
	options := identity.Options{
		BaseURL: server.URLs()[sandbox.Identity], KeyID: secrets.KeyIDs[sandbox.Identity], Key: secrets.Keys[sandbox.Identity],
		Guard: guard, Clock: clock.System, Transport: sandboxtest.Contract(t, "identity"),
	}
	for _, c := range change {
		c(&options)
	}
	made, err := identity.New(options)
	require.NoError(t, err)
	t.Cleanup(made.Close)
	return made, server, guard
}

func TestMatches(t *testing.T) {
	t.Parallel()
	i, _, _ := newIdentity(t, breaker.Settings{})
	people := map[string]struct {
		name, number string
		want         merchant.Match
	}{
		"in the book":           {name, number, merchant.Matched},
		"lower-case check mark": {name, "11010519491231002x", merchant.Matched},
		"another name":          {"李雷", number, merchant.Mismatched},
		"an unknown number":     {name, "440524188001010014", merchant.NoRecord},
	}
	for title, test := range people {
		got, err := i.Person(t.Context(), test.name, test.number)
		require.NoError(t, err, title)
		require.Equal(t, test.want, got, title)
	}
	accounts := map[string]struct {
		account, holder, number string
		want                    merchant.Match
	}{
		"the legal representative's": {account, name, number, merchant.Matched},
		"the business's":             {account, "杭州晨光百货店", "", merchant.Matched},
		"another holder":             {account, "李雷", number, merchant.Mismatched},
		"another person's number":    {account, name, "440524188001010014", merchant.Mismatched},
		"an unknown account":         {"4111111111111111", name, number, merchant.NoRecord},
	}
	for title, test := range accounts {
		got, err := i.Account(t.Context(), test.account, test.holder, test.number)
		require.NoError(t, err, title)
		require.Equal(t, test.want, got, title)
	}
}

func TestFaultsAreNeverAMismatch(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		faults sandbox.Faults
		code   fault.Code
	}{
		"hangs":    {sandbox.Faults{TimeoutShare: 1}, breaker.CodeBudget},
		"slow":     {sandbox.Faults{LatencyMS: 2000}, breaker.CodeBudget},
		"trickles": {sandbox.Faults{SlowStreamBytesPerS: 10}, breaker.CodeBudget},
		"5xx":      {sandbox.Faults{Error5xxShare: 1}, httpx.CodeDown},
		"429":      {sandbox.Faults{Error429Share: 1}, httpx.CodeLimited},
		"garbled":  {sandbox.Faults{MalformedShare: 1}, httpx.CodeMalformed},
		"down":     {sandbox.Faults{Down: true}, httpx.CodeDown},
	}
	for title, test := range tests {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			i, server, guard := newIdentity(t, breaker.Settings{Budget: 300 * time.Millisecond}, func(o *identity.Options) { o.Transport = nil })
			require.NoError(t, server.SetFaults(sandbox.Identity, test.faults))
			got, err := i.Person(t.Context(), name, number)
			require.Empty(t, got)
			require.Equal(t, fault.Unavailable, fault.KindOf(err))
			require.Equal(t, test.code, fault.CodeOf(err))
			require.NotContains(t, err.Error(), number)
			require.EqualValues(t, 1, guard.Status().Failures)
		})
	}
}

func TestBreakerOpensAndRecovers(t *testing.T) {
	t.Parallel()
	i, server, guard := newIdentity(t, breaker.Settings{Consecutive: 2, OpenFor: 100 * time.Millisecond})
	require.NoError(t, server.SetFaults(sandbox.Identity, sandbox.Faults{Down: true, ForRequests: 2}))
	for range 2 {
		_, err := i.Person(t.Context(), name, number)
		require.Equal(t, httpx.CodeDown, fault.CodeOf(err))
	}
	_, err := i.Person(t.Context(), name, number)
	require.Equal(t, breaker.CodeOpen, fault.CodeOf(err))
	time.Sleep(150 * time.Millisecond)
	_, err = i.Person(t.Context(), name, number)
	require.NoError(t, err)
	require.Equal(t, breaker.Closed, guard.Status().State)
}

func TestWrongKeyIsUnavailable(t *testing.T) {
	t.Parallel()
	i, _, _ := newIdentity(t, breaker.Settings{}, func(o *identity.Options) { o.Key = "wrong" })
	_, err := i.Account(t.Context(), account, name, number)
	require.Equal(t, httpx.CodeCredentials, fault.CodeOf(err))
}

func TestUnknownMatchIsMalformed(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"match":"probably"}`))
	}))
	t.Cleanup(server.Close)
	i, err := identity.New(identity.Options{
		BaseURL: server.URL, Guard: sandboxtest.Guard(breaker.Settings{Name: "identity"}), Clock: clock.System,
	})
	require.NoError(t, err)
	t.Cleanup(i.Close)
	_, err = i.Person(t.Context(), name, number)
	require.Equal(t, httpx.CodeMalformed, fault.CodeOf(err))
	_, err = identity.New(identity.Options{BaseURL: "http://x"})
	require.Error(t, err)
}
