package bureau_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"loan310/adapters/breaker"
	"loan310/adapters/bureau"
	"loan310/adapters/httpx"
	"loan310/adapters/sandbox"
	"loan310/adapters/sandbox/sandboxtest"
	"loan310/app/clock"
	"loan310/app/fault"
	"loan310/app/underwriting"
	"loan310/scoring/evidence"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const licence = "91330100799655058B"

func newBureau(t *testing.T, settings breaker.Settings, change ...func(*bureau.Options)) (*bureau.Bureau, *sandbox.Server, *breaker.Guard) {
	t.Helper()
	server := sandboxtest.Start(t, sandbox.Options{Book: sandboxtest.Example()})
	settings.Name = "bureau"
	guard := sandboxtest.Guard(settings)
	secrets := sandboxtest.Secrets()
	options := bureau.Options{
		BaseURL: server.URLs()[sandbox.Bureau], KeyID: secrets.KeyIDs[sandbox.Bureau], Key: secrets.Keys[sandbox.Bureau],
		Guard: guard, Clock: clock.System, Transport: sandboxtest.Contract(t, "bureau"),
	}
	for _, c := range change {
		c(&options)
	}
	made, err := bureau.New(options)
	require.NoError(t, err)
	t.Cleanup(made.Close)
	return made, server, guard
}

func fetch(t *testing.T, b *bureau.Bureau, number string) ([]evidence.BureauReport, underwriting.Fetched, error) {
	t.Helper()
	var rows []evidence.BureauReport
	fetched, err := b.Fetch(t.Context(), underwriting.Query{
		ApplicationID: "a1", LicenceNumber: number, LegalRep: "陈晨", Identity: "11010519491231002X",
	}, func(row *evidence.BureauReport) error {
		rows = append(rows, *row)
		return nil
	})
	return rows, fetched, err
}

func TestReportArrivesWhole(t *testing.T) {
	t.Parallel()
	b, _, _ := newBureau(t, breaker.Settings{})
	want := sandboxtest.Example().Reports["m1"]
	rows, fetched, err := fetch(t, b, licence)
	require.NoError(t, err)
	require.Equal(t, []evidence.BureauReport{want}, rows)
	require.Equal(t, underwriting.Fetched{Found: true, DataAsOf: want.PulledAt}, fetched)
}

func TestUnknownMerchantIsAThinFile(t *testing.T) {
	t.Parallel()
	b, _, _ := newBureau(t, breaker.Settings{})
	rows, fetched, err := fetch(t, b, "9144030071526726XG")
	require.NoError(t, err)
	require.Len(t, rows, 1)
	require.False(t, rows[0].Found)
	require.False(t, fetched.Found)
	require.NotEmpty(t, rows[0].ReportID)
}

func TestStaleReportSaysSo(t *testing.T) {
	t.Parallel()
	b, server, _ := newBureau(t, breaker.Settings{})
	require.NoError(t, server.SetFaults(sandbox.Bureau, sandbox.Faults{StaleDays: 10}))
	_, fetched, err := fetch(t, b, licence)
	require.NoError(t, err)
	require.Equal(t, sandboxtest.Example().Reports["m1"].PulledAt.AddDate(0, 0, -10), fetched.DataAsOf)
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
			b, server, guard := newBureau(t, breaker.Settings{Budget: 300 * time.Millisecond, HedgeAfter: 10 * time.Millisecond},
				func(o *bureau.Options) { o.Transport = nil })
			require.NoError(t, server.SetFaults(sandbox.Bureau, test.faults))
			_, _, err := fetch(t, b, licence)
			require.Equal(t, fault.Unavailable, fault.KindOf(err))
			require.Equal(t, test.code, fault.CodeOf(err))
			require.NotContains(t, err.Error(), licence)
			require.EqualValues(t, 1, guard.Status().Failures)
			require.EqualValues(t, 1, server.Requests(sandbox.Bureau), "a paid pull is never hedged")
		})
	}
}

func TestBreakerOpensAndRecovers(t *testing.T) {
	t.Parallel()
	b, server, guard := newBureau(t, breaker.Settings{Consecutive: 2, OpenFor: 100 * time.Millisecond})
	require.NoError(t, server.SetFaults(sandbox.Bureau, sandbox.Faults{Error5xxShare: 1}))
	for range 2 {
		_, _, err := fetch(t, b, licence)
		require.Equal(t, httpx.CodeDown, fault.CodeOf(err))
	}
	_, _, err := fetch(t, b, licence)
	require.Equal(t, breaker.CodeOpen, fault.CodeOf(err))
	server.ClearFaults("")
	time.Sleep(150 * time.Millisecond)
	_, _, err = fetch(t, b, licence)
	require.NoError(t, err)
	require.Equal(t, breaker.Closed, guard.Status().State)
}

func TestCredentialsRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*bureau.Options){
		"wrong key":           func(o *bureau.Options) { o.Key = "wrong" },
		"a clock an hour off": func(o *bureau.Options) { o.Clock = clock.Fixed(time.Now().Add(time.Hour)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, _, _ := newBureau(t, breaker.Settings{}, change)
			_, _, err := fetch(t, b, licence)
			require.Equal(t, httpx.CodeCredentials, fault.CodeOf(err))
		})
	}
}

func TestSinkErrorComesBack(t *testing.T) {
	t.Parallel()
	b, _, _ := newBureau(t, breaker.Settings{})
	own := errors.New("disk full")
	_, err := b.Fetch(t.Context(), underwriting.Query{ApplicationID: "a1", LicenceNumber: licence}, func(*evidence.BureauReport) error { return own })
	require.ErrorIs(t, err, own)
}

func TestAMissingPartIsNotZero(t *testing.T) {
	t.Parallel()
	const whole = `{"report_id":"r","pulled_at":"2026-01-01T00:00:00Z","found":true,` +
		`"credit":{"open_accounts":1,"balance_fen":2,"monthly_due_fen":3,"worst_dpd_24m":4,"current_dpd":5,"written_off":6},` +
		`"public_records":{"enforcements":7},"queries":{"last_90d":8}}`
	tests := map[string]struct{ body, says string }{
		"no id":              {`{"pulled_at":"2026-01-01T00:00:00Z","found":false}`, "no id or date"},
		"no date":            {`{"report_id":"r","found":false}`, "no id or date"},
		"no parts":           {`{"report_id":"r","pulled_at":"2026-01-01T00:00:00Z","found":true}`, "lacks a part"},
		"a count is missing": {`{"report_id":"r","pulled_at":"2026-01-01T00:00:00Z","found":true,"credit":{},"public_records":{},"queries":{}}`, "current_dpd is missing"},
		"a count below zero": {whole[:len(whole)-3] + `-8}}`, "last_90d is missing or negative"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write([]byte(test.body))
			}))
			t.Cleanup(server.Close)
			b, err := bureau.New(bureau.Options{
				BaseURL: server.URL, Guard: sandboxtest.Guard(breaker.Settings{Name: "bureau"}), Clock: clock.System,
			})
			require.NoError(t, err)
			t.Cleanup(b.Close)
			_, _, err = fetch(t, b, licence)
			require.Equal(t, httpx.CodeMalformed, fault.CodeOf(err))
			require.ErrorContains(t, err, test.says)
		})
	}
	_, err := bureau.New(bureau.Options{BaseURL: "http://x"})
	require.Error(t, err)
}
