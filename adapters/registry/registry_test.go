package registry_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"loan310/adapters/breaker"
	"loan310/adapters/httpx"
	"loan310/adapters/registry"
	"loan310/adapters/sandbox"
	"loan310/adapters/sandbox/sandboxtest"
	"loan310/app/fault"
	"loan310/app/underwriting"
	"loan310/scoring/evidence"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const licence = "91330100799655058B"

func newRegistry(t *testing.T, settings breaker.Settings, change ...func(*registry.Options)) (*registry.Registry, *sandbox.Server, *breaker.Guard) {
	t.Helper()
	server := sandboxtest.Start(t, sandbox.Options{Book: sandboxtest.Example()})
	settings.Name = "registry"
	guard := sandboxtest.Guard(settings)
	options := registry.Options{
		BaseURL: server.URLs()[sandbox.Registry], Token: sandboxtest.Secrets().Tokens[sandbox.Registry], Guard: guard,
		Transport: sandboxtest.Contract(t, "registry"),
	}
	for _, c := range change {
		c(&options)
	}
	made, err := registry.New(options)
	require.NoError(t, err)
	t.Cleanup(made.Close)
	return made, server, guard
}

func fetch(t *testing.T, r *registry.Registry, number string) ([]evidence.RegistryRecord, underwriting.Fetched, error) {
	t.Helper()
	var rows []evidence.RegistryRecord
	fetched, err := r.Fetch(t.Context(), underwriting.Query{LicenceNumber: number}, func(row *evidence.RegistryRecord) error {
		rows = append(rows, *row)
		return nil
	})
	return rows, fetched, err
}

func TestRecordArrivesWhole(t *testing.T) {
	t.Parallel()
	r, _, _ := newRegistry(t, breaker.Settings{})
	want := sandboxtest.Example().Records[licence]
	got, err := r.Lookup(t.Context(), licence)
	require.NoError(t, err)
	require.Equal(t, want, got)

	rows, fetched, err := fetch(t, r, licence)
	require.NoError(t, err)
	require.Equal(t, []evidence.RegistryRecord{want}, rows)
	require.Equal(t, underwriting.Fetched{Found: true, DataAsOf: sandboxtest.Example().NewestMoment}, fetched)
}

func TestUnknownLicence(t *testing.T) {
	t.Parallel()
	r, _, guard := newRegistry(t, breaker.Settings{Consecutive: 1})
	_, err := r.Lookup(t.Context(), "9144030071526726XG")
	require.Equal(t, fault.NotFound, fault.KindOf(err))
	rows, fetched, err := fetch(t, r, "9144030071526726XG")
	require.NoError(t, err)
	require.Empty(t, rows)
	require.False(t, fetched.Found)
	require.Equal(t, breaker.Closed, guard.Status().State)
}

func TestStaleDataSaysSo(t *testing.T) {
	t.Parallel()
	r, server, _ := newRegistry(t, breaker.Settings{})
	require.NoError(t, server.SetFaults(sandbox.Registry, sandbox.Faults{StaleDays: 40}))
	_, fetched, err := fetch(t, r, licence)
	require.NoError(t, err)
	require.Equal(t, sandboxtest.Example().NewestMoment.AddDate(0, 0, -40), fetched.DataAsOf)
}

func TestFaultsAreUnavailable(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		faults sandbox.Faults
		code   fault.Code
	}{
		"hangs":    {sandbox.Faults{TimeoutShare: 1}, breaker.CodeBudget},
		"slow":     {sandbox.Faults{LatencyMS: 2000}, breaker.CodeBudget},
		"trickles": {sandbox.Faults{SlowStreamBytesPerS: 30}, breaker.CodeBudget},
		"5xx":      {sandbox.Faults{Error5xxShare: 1}, httpx.CodeDown},
		"429":      {sandbox.Faults{Error429Share: 1}, httpx.CodeLimited},
		"garbled":  {sandbox.Faults{MalformedShare: 1}, httpx.CodeMalformed},
		"down":     {sandbox.Faults{Down: true}, httpx.CodeDown},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, server, guard := newRegistry(t, breaker.Settings{Budget: 300 * time.Millisecond}, func(o *registry.Options) {
				o.Transport = nil // garbled answers are not to be checked
			})
			require.NoError(t, server.SetFaults(sandbox.Registry, test.faults))
			_, _, err := fetch(t, r, licence)
			require.Equal(t, fault.Unavailable, fault.KindOf(err))
			require.Equal(t, test.code, fault.CodeOf(err))
			require.NotContains(t, err.Error(), licence)
			require.EqualValues(t, 1, guard.Status().Failures)
		})
	}
}

func TestBreakerOpensAndRecovers(t *testing.T) {
	t.Parallel()
	r, server, guard := newRegistry(t, breaker.Settings{Consecutive: 2, OpenFor: 100 * time.Millisecond})
	require.NoError(t, server.SetFaults(sandbox.Registry, sandbox.Faults{Error5xxShare: 1, ForRequests: 2}))
	for range 2 {
		_, err := r.Lookup(t.Context(), licence)
		require.Equal(t, httpx.CodeDown, fault.CodeOf(err))
	}
	_, err := r.Lookup(t.Context(), licence)
	require.Equal(t, breaker.CodeOpen, fault.CodeOf(err))
	time.Sleep(150 * time.Millisecond)
	_, err = r.Lookup(t.Context(), licence) // the faults expired with the second request
	require.NoError(t, err)
	require.Equal(t, breaker.Closed, guard.Status().State)
}

func TestWrongTokenIsUnavailable(t *testing.T) {
	t.Parallel()
	r, _, _ := newRegistry(t, breaker.Settings{}, func(o *registry.Options) { o.Token = "wrong" })
	_, err := r.Lookup(t.Context(), licence)
	require.Equal(t, httpx.CodeCredentials, fault.CodeOf(err))
	require.Equal(t, fault.Unavailable, fault.KindOf(err), "the merchant cannot mend our credentials")
}

func TestSinkErrorComesBack(t *testing.T) {
	t.Parallel()
	r, _, _ := newRegistry(t, breaker.Settings{})
	own := errors.New("disk full")
	_, err := r.Fetch(t.Context(), underwriting.Query{LicenceNumber: licence}, func(*evidence.RegistryRecord) error { return own })
	require.ErrorIs(t, err, own)
}

func TestHedgedLookup(t *testing.T) {
	t.Parallel()
	r, server, _ := newRegistry(t, breaker.Settings{HedgeAfter: 50 * time.Millisecond})
	require.NoError(t, server.SetFaults(sandbox.Registry, sandbox.Faults{TimeoutShare: 1, ForRequests: 1}))
	_, err := r.Lookup(t.Context(), licence)
	require.NoError(t, err, "the first attempt hangs, the second answers")
}
