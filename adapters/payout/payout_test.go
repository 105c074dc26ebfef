package payout_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"loan310/adapters/breaker"
	"loan310/adapters/httpx"
	"loan310/adapters/payout"
	"loan310/adapters/sandbox"
	"loan310/adapters/sandbox/sandboxtest"
	"loan310/app/clock"
	"loan310/app/drawdown"
	"loan310/app/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is a sandbox rail and the adapter before it.
type fixture struct {
	sandbox *sandbox.Server
	rail    *payout.Rail
	guard   *breaker.Guard
}

func newFixture(t *testing.T, change ...func(*payout.Options)) fixture {
	t.Helper()
	return newFixtureIn(t, sandbox.Options{Book: sandboxtest.Example()}, breaker.Settings{
		Name: "payout", Consecutive: 3, OpenFor: 200 * time.Millisecond, Budget: 2 * time.Second,
	}, change...)
}

func newFixtureIn(t *testing.T, options sandbox.Options, settings breaker.Settings, change ...func(*payout.Options)) fixture {
	t.Helper()
	server := sandboxtest.Start(t, options)
	guard := sandboxtest.Guard(settings)
	return fixture{sandbox: server, guard: guard, rail: newRail(t, server.URLs()[sandbox.Payout], guard, change...)}
}

func newRail(t *testing.T, url string, guard *breaker.Guard, change ...func(*payout.Options)) *payout.Rail {
	t.Helper()
	secrets := sandboxtest.Secrets()
	private, err := payout.ParsePrivateKey(secrets.AppPrivateKey)
	require.NoError(t, err)
	public, err := payout.ParsePublicKey(secrets.RailPublicKey)
	require.NoError(t, err)
	options := payout.Options{
		GatewayURL: url, AppID: secrets.AppID, PrivateKey: private, PublicKey: public, Guard: guard, Clock: clock.System,
	}
	for _, c := range change {
		c(&options)
	}
	rail, err := payout.New(options)
	require.NoError(t, err)
	t.Cleanup(rail.Close)
	return rail
}

func (f fixture) fault(t *testing.T, faults sandbox.Faults) {
	t.Helper()
	require.NoError(t, f.sandbox.SetFaults(sandbox.Payout, faults))
}

func (f fixture) paidOnce(t *testing.T, keys int) {
	t.Helper()
	sum, err := f.sandbox.RailSummary()
	require.NoError(t, err)
	require.Equal(t, keys, sum.Paid)
	require.Zero(t, sum.DuplicatesPaid)
}

func instruction() drawdown.Instruction {
	return drawdown.Instruction{
		Key: "d1:payout", Amount: 123_456, Account: "6123451234567893", Holder: "陈晨", Title: "Loan d1 & <co>",
	}
}

func TestPaysAndQueries(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(o *payout.Options) {
		o.SceneName = "业务结算"
		o.SceneReports = []payout.SceneReport{{Type: "结算款项名称", Content: "贷款"}}
		o.AppCertSN, o.RootCertSN = "a1", "r1"
	})
	before, err := f.rail.Query(t.Context(), "d1:payout")
	require.NoError(t, err)
	require.Equal(t, drawdown.RailNoRecord, before.State)

	receipt, err := f.rail.Pay(t.Context(), instruction())
	require.NoError(t, err)
	require.Equal(t, drawdown.RailPaid, receipt.State)
	require.NotEmpty(t, receipt.Ref)
	require.WithinDuration(t, time.Now(), receipt.At, 5*time.Second, "dates are read in +08:00")

	again, err := f.rail.Query(t.Context(), "d1:payout")
	require.NoError(t, err)
	require.Equal(t, receipt, again)
	entries, err := f.sandbox.RailBook()
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.EqualValues(t, 123_456, entries[0].Amount)
	f.paidOnce(t, 1)
}

func TestTheSameKeyPaysOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	first, err := f.rail.Pay(t.Context(), instruction())
	require.NoError(t, err)
	second, err := f.rail.Pay(t.Context(), instruction())
	require.NoError(t, err)
	require.Equal(t, first, second)
	f.paidOnce(t, 1)

	other := instruction()
	other.Amount++
	_, err = f.rail.Pay(t.Context(), other)
	require.Equal(t, payout.CodeInconsistent, fault.CodeOf(err), "the first one was paid: this must not read as failed")
	require.NotErrorIs(t, err, drawdown.ErrNotSent)
	f.paidOnce(t, 1)
}

func TestManyAtOnceUnderOneKeyPayOnce(t *testing.T) {
	t.Parallel()
	f := newFixtureIn(t, sandbox.Options{Book: sandboxtest.Example()}, breaker.Settings{
		Name: "payout", MaxConcurrent: 64, Budget: 20 * time.Second, Consecutive: 1000, MinRequests: 1000,
	})
	f.fault(t, sandbox.Faults{LostAnswerShare: 0.3, JitterMS: 10, Seed: 7})
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			receipt, err := f.rail.Pay(t.Context(), instruction())
			if err == nil && receipt.State != drawdown.RailPaid {
				t.Errorf("state %s", receipt.State)
			}
			if errors.Is(err, drawdown.ErrNotSent) {
				t.Errorf("sent, but said not: %v", err)
			}
		})
	}
	all.Wait()
	entries, err := f.sandbox.RailBook()
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.Equal(t, 64, entries[0].Received)
	f.paidOnce(t, 1)
}

func TestALostAnswerIsSettledByAsking(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.fault(t, sandbox.Faults{LostAnswerShare: 1})
	_, err := f.rail.Pay(t.Context(), instruction())
	require.Equal(t, fault.Unavailable, fault.KindOf(err))
	require.NotErrorIs(t, err, drawdown.ErrNotSent)
	receipt, err := f.rail.Query(t.Context(), "d1:payout")
	require.NoError(t, err)
	require.Equal(t, drawdown.RailPaid, receipt.State)
	require.EqualValues(t, 2, f.sandbox.Requests(sandbox.Payout), "one transfer, one query: nothing repeats by itself")
	f.paidOnce(t, 1)
}

func TestPendingThenPaid(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.fault(t, sandbox.Faults{PendingShare: 1, PendingMS: 300})
	receipt, err := f.rail.Pay(t.Context(), instruction())
	require.NoError(t, err)
	require.Equal(t, drawdown.RailPending, receipt.State)
	f.paidOnce(t, 0)
	require.Eventually(t, func() bool {
		asked, err := f.rail.Query(t.Context(), "d1:payout")
		return err == nil && asked.State == drawdown.RailPaid
	}, 3*time.Second, 50*time.Millisecond)
	f.paidOnce(t, 1)
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		faults sandbox.Faults
		change func(*drawdown.Instruction)
		code   string
		query  drawdown.RailState
	}{
		"fails at the bank": {
			sandbox.Faults{RefuseShare: 1}, func(*drawdown.Instruction) {}, "PAYEE_CARD_INFO_ERROR", drawdown.RailFailed,
		},
		"account of another holder": {
			sandbox.Faults{}, func(i *drawdown.Instruction) { i.Holder = "李雷" }, "PAYEE_USER_INFO_ERROR", drawdown.RailFailed,
		},
		"account with a wrong check digit": {
			sandbox.Faults{}, func(i *drawdown.Instruction) { i.Account = "6123451234567894" }, "PAYEE_NOT_EXIST", drawdown.RailFailed,
		},
		"reference too long for the rail": {
			sandbox.Faults{},
			func(i *drawdown.Instruction) {
				i.Key = "0123456789012345678901234567890123456789012345678901234567890123456789"
			},
			"INVALID_PARAMETER", drawdown.RailNoRecord,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.fault(t, test.faults)
			told := instruction()
			test.change(&told)
			receipt, err := f.rail.Pay(t.Context(), told)
			require.NoError(t, err)
			require.Equal(t, drawdown.RailFailed, receipt.State)
			require.Equal(t, test.code, receipt.Code)
			asked, err := f.rail.Query(t.Context(), told.Key)
			require.NoError(t, err)
			require.Equal(t, test.query, asked.State)
			require.Equal(t, breaker.Closed, f.guard.Status().State)
			require.Zero(t, f.guard.Status().Failures, "a refusal is an answer")
			f.paidOnce(t, 0)
		})
	}
}

func TestPayeesOfTheBookOnly(t *testing.T) {
	t.Parallel()
	stranger := instruction()
	stranger.Account = "4111111111111111" // a valid check digit, but nobody's in the book
	for payees, want := range map[sandbox.Payees]drawdown.RailState{
		sandbox.PayeesLuhn: drawdown.RailPaid, sandbox.PayeesBook: drawdown.RailFailed,
	} {
		f := newFixtureIn(t, sandbox.Options{Book: sandboxtest.Example(), Payees: payees}, breaker.Settings{Name: "payout"})
		receipt, err := f.rail.Pay(t.Context(), stranger)
		require.NoError(t, err)
		require.Equal(t, want, receipt.State)
	}
}

func TestEveryFaultLeavesThePayoutUnknown(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		faults sandbox.Faults
		code   fault.Code
		moved  int
	}{
		"hangs":               {sandbox.Faults{TimeoutShare: 1}, breaker.CodeBudget, 0},
		"slower than we wait": {sandbox.Faults{LatencyMS: 5000}, breaker.CodeBudget, 0},
		"5xx":                 {sandbox.Faults{Error5xxShare: 1}, httpx.CodeDown, 0},
		"429":                 {sandbox.Faults{Error429Share: 1}, httpx.CodeLimited, 0},
		"down":                {sandbox.Faults{Down: true}, httpx.CodeDown, 0},
		"garbled":             {sandbox.Faults{MalformedShare: 1}, httpx.CodeMalformed, 1},
		"trickles too slowly": {sandbox.Faults{SlowStreamBytesPerS: 20}, breaker.CodeBudget, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixtureIn(t, sandbox.Options{Book: sandboxtest.Example()}, breaker.Settings{Name: "payout", Budget: 500 * time.Millisecond})
			f.fault(t, test.faults)
			_, err := f.rail.Pay(t.Context(), instruction())
			require.Equal(t, test.code, fault.CodeOf(err))
			require.Equal(t, fault.Unavailable, fault.KindOf(err))
			require.NotErrorIs(t, err, drawdown.ErrNotSent)
			require.NotContains(t, err.Error(), "6123451234567893")
			require.EqualValues(t, 1, f.guard.Status().Failures)
			f.paidOnce(t, test.moved)
		})
	}
}

func TestBreakerOpensRecoversAndSaysNotSent(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.fault(t, sandbox.Faults{Error5xxShare: 1})
	for range 3 {
		_, err := f.rail.Pay(t.Context(), instruction())
		require.NotErrorIs(t, err, drawdown.ErrNotSent)
	}
	_, err := f.rail.Pay(t.Context(), instruction())
	require.ErrorIs(t, err, drawdown.ErrNotSent)
	require.True(t, breaker.NotSent(err))
	require.Equal(t, fault.Unavailable, fault.KindOf(err))
	require.EqualValues(t, 3, f.sandbox.Requests(sandbox.Payout))

	f.sandbox.ClearFaults(sandbox.Payout)
	time.Sleep(250 * time.Millisecond)
	receipt, err := f.rail.Pay(t.Context(), instruction())
	require.NoError(t, err)
	require.Equal(t, drawdown.RailPaid, receipt.State)
	require.Equal(t, breaker.Closed, f.guard.Status().State)
	f.paidOnce(t, 1)
}

func TestNotSentWithoutAPlaceOrACaller(t *testing.T) {
	t.Parallel()
	f := newFixtureIn(t, sandbox.Options{Book: sandboxtest.Example()}, breaker.Settings{Name: "payout", MaxConcurrent: 1})
	f.fault(t, sandbox.Faults{LatencyMS: 400})
	var first sync.WaitGroup
	first.Go(func() {
		if _, err := f.rail.Pay(t.Context(), instruction()); err != nil {
			t.Error(err)
		}
	})
	require.Eventually(t, func() bool { return f.guard.Status().InFlight == 1 }, time.Second, time.Millisecond)
	other := instruction()
	other.Key = "d2:payout"
	_, err := f.rail.Pay(t.Context(), other)
	require.ErrorIs(t, err, drawdown.ErrNotSent)
	first.Wait()

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = f.rail.Pay(ended, other)
	require.ErrorIs(t, err, drawdown.ErrNotSent)
	other.Holder = ""
	_, err = f.rail.Pay(t.Context(), other)
	require.ErrorIs(t, err, drawdown.ErrNotSent)
	f.paidOnce(t, 1)
}

func TestCredentialsRefused(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*payout.Options)
		code   fault.Code
	}{
		"unknown app":          {func(o *payout.Options) { o.AppID = "x" }, payout.CodeRailConfig},
		"a clock an hour off":  {func(o *payout.Options) { o.Clock = clock.Fixed(time.Now().Add(-time.Hour)) }, payout.CodeRailConfig},
		"another private key":  {func(o *payout.Options) { o.PrivateKey = railPrivate(t) }, payout.CodeRailConfig},
		"another rail's words": {func(o *payout.Options) { o.PublicKey = &o.PrivateKey.PublicKey }, payout.CodeBadSignature},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, test.change)
			_, err := f.rail.Pay(t.Context(), instruction())
			require.Equal(t, test.code, fault.CodeOf(err))
			require.NotErrorIs(t, err, drawdown.ErrNotSent)
			_, err = f.rail.Query(t.Context(), "d1:payout")
			require.Equal(t, test.code, fault.CodeOf(err), "never no_record: the rail was not understood")
		})
	}
}

func TestNewRefusesWhatIsMissing(t *testing.T) {
	t.Parallel()
	_, err := payout.New(payout.Options{})
	require.Error(t, err)
	_, err = payout.New(payout.Options{AppID: "x"})
	require.Error(t, err)
	_, err = payout.New(payout.Options{AppID: "x", PrivateKey: railPrivate(t), PublicKey: &railPrivate(t).PublicKey})
	require.Error(t, err)
	_, err = payout.New(payout.Options{
		AppID: "x", PrivateKey: railPrivate(t), PublicKey: &railPrivate(t).PublicKey, Clock: clock.System,
		Guard: sandboxtest.Guard(breaker.Settings{Name: "payout"}), GatewayURL: "nowhere", Transport: http.DefaultTransport,
	})
	require.Error(t, err)
}
