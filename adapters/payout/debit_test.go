package payout_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/adapters/breaker"
	"loan310/adapters/httpx"
	"loan310/adapters/payout"
	"loan310/adapters/sandbox"
	"loan310/adapters/sandbox/sandboxtest"
	"loan310/app/clock"
	"loan310/app/fault"
	"loan310/app/money"
	"loan310/app/reconciliation"
	"loan310/app/servicing/collection"
)

const payer = "6123451234567893"

// collecting is a sandbox rail and the collector before it.
type collecting struct {
	sandbox *sandbox.Server
	debits  *payout.Debits
	guard   *breaker.Guard
	options payout.Options
}

func newCollecting(t *testing.T, change ...func(*payout.Options)) collecting {
	t.Helper()
	server := sandboxtest.Start(t, sandbox.Options{Book: sandboxtest.Example()})
	secrets := sandboxtest.Secrets()
	private, err := payout.ParsePrivateKey(secrets.AppPrivateKey)
	require.NoError(t, err)
	public, err := payout.ParsePublicKey(secrets.RailPublicKey)
	require.NoError(t, err)
	guard := sandboxtest.Guard(breaker.Settings{Name: "debit", Consecutive: 3, OpenFor: 200 * time.Millisecond, Budget: time.Second})
	options := payout.Options{
		GatewayURL: server.URLs()[sandbox.Payout], AppID: secrets.AppID, PrivateKey: private, PublicKey: public, Guard: guard, Clock: clock.System,
	}
	for _, c := range change {
		c(&options)
	}
	made, err := payout.NewDebits(options, "INDUSTRY|LOAN")
	require.NoError(t, err)
	t.Cleanup(made.Close)
	return collecting{server, made, guard, options}
}

func (c collecting) collectedOnce(t *testing.T, keys int) {
	t.Helper()
	sum, err := c.sandbox.TradeSummary()
	require.NoError(t, err)
	require.Equal(t, keys, sum.Collected)
	require.Zero(t, sum.Doubled)
}

func debit() collection.Instruction {
	return collection.Instruction{Key: "d1D1", Amount: 123_456, Account: payer, Holder: "陈晨", Title: "loan310 d1D1"}
}

func TestDebitsCollectAndQuery(t *testing.T) {
	t.Parallel()
	c := newCollecting(t)
	before, err := c.debits.Query(t.Context(), "d1D1")
	require.NoError(t, err)
	require.Equal(t, collection.RailNoRecord, before.State)
	receipt, err := c.debits.Collect(t.Context(), debit())
	require.NoError(t, err)
	require.Equal(t, collection.RailCollected, receipt.State)
	require.Equal(t, money.Amount(123_456), receipt.Amount)
	require.NotEmpty(t, receipt.Ref)
	require.WithinDuration(t, time.Now(), receipt.At, 5*time.Second, "dates are read in +08:00")
	again, err := c.debits.Query(t.Context(), "d1D1")
	require.NoError(t, err)
	require.Equal(t, receipt, again)
	same, err := c.debits.Collect(t.Context(), debit())
	require.NoError(t, err)
	require.Equal(t, receipt, same)
	c.collectedOnce(t, 1)

	other := debit()
	other.Amount++
	_, err = c.debits.Collect(t.Context(), other)
	require.Equal(t, fault.Unavailable, fault.KindOf(err), "the first one was collected: this must not read as failed")
	require.NotErrorIs(t, err, collection.ErrNotSent)
	c.collectedOnce(t, 1)

	rail, err := payout.New(c.options)
	require.NoError(t, err)
	t.Cleanup(rail.Close)
	var lines []reconciliation.Line
	_, err = rail.Statement(t.Context(), time.Now().In(clock.Lender()).Format(time.DateOnly), func(l reconciliation.Line) error {
		lines = append(lines, l)
		return nil
	})
	require.NoError(t, err)
	require.Len(t, lines, 1)
	require.Equal(t, "d1D1", lines[0].Key)
	require.Equal(t, reconciliation.In, lines[0].Direction)
	require.False(t, lines[0].Return)
	require.Equal(t, money.Amount(123_456), lines[0].Amount)
}

func TestManyDebitsAtOnceUnderOneKeyCollectOnce(t *testing.T) {
	t.Parallel()
	c := newCollecting(t, func(o *payout.Options) {
		o.Guard = sandboxtest.Guard(breaker.Settings{Name: "debit", MaxConcurrent: 64, Budget: 20 * time.Second, Consecutive: 1000, MinRequests: 1000})
	})
	require.NoError(t, c.sandbox.SetFaults(sandbox.Payout, sandbox.Faults{LostAnswerShare: 0.3, Seed: 7}))
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			if receipt, err := c.debits.Collect(t.Context(), debit()); err == nil && receipt.State != collection.RailCollected {
				t.Errorf("state %s", receipt.State)
			}
		})
	}
	all.Wait()
	c.collectedOnce(t, 1)
}

func TestDebitsThatAreRefused(t *testing.T) {
	t.Parallel()
	little := money.Amount(100)
	tests := map[string]struct {
		payer   sandbox.PayerAccount
		faults  sandbox.Faults
		failure collection.Failure
		code    string
		query   collection.RailState
	}{
		"too little on the account":  {sandbox.PayerAccount{Balance: &little}, sandbox.Faults{}, collection.Shortfall, "ACQ.BUYER_BALANCE_NOT_ENOUGH", collection.RailNoRecord},
		"the account is closed":      {sandbox.PayerAccount{Closed: true}, sandbox.Faults{}, collection.Blocked, "ACQ.BUYER_ENABLE_STATUS_FORBID", collection.RailNoRecord},
		"the agreement is withdrawn": {sandbox.PayerAccount{Unsigned: true}, sandbox.Faults{}, collection.Blocked, "ACQ.AGREEMENT_NOT_EXIST", collection.RailNoRecord},
		"refused by the rail":        {sandbox.PayerAccount{}, sandbox.Faults{RefuseShare: 1}, collection.Refused, "ACQ.PAYMENT_FAIL", collection.RailFailed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCollecting(t)
			c.sandbox.SetPayer(payer, test.payer)
			require.NoError(t, c.sandbox.SetFaults(sandbox.Payout, test.faults))
			receipt, err := c.debits.Collect(t.Context(), debit())
			require.NoError(t, err)
			require.Equal(t, collection.RailFailed, receipt.State)
			require.Equal(t, test.code, receipt.Code)
			require.Equal(t, test.failure, receipt.Failure)
			asked, err := c.debits.Query(t.Context(), "d1D1")
			require.NoError(t, err)
			require.Equal(t, test.query, asked.State)
			require.Zero(t, c.guard.Status().Failures, "a refusal is an answer")
			c.collectedOnce(t, 0)
		})
	}
}

func TestADebitIsPendingForAWhile(t *testing.T) {
	t.Parallel()
	c := newCollecting(t)
	require.NoError(t, c.sandbox.SetFaults(sandbox.Payout, sandbox.Faults{PendingShare: 1, PendingMS: 300}))
	receipt, err := c.debits.Collect(t.Context(), debit())
	require.NoError(t, err)
	require.Equal(t, collection.RailPending, receipt.State)
	require.Eventually(t, func() bool {
		asked, err := c.debits.Query(t.Context(), "d1D1")
		return err == nil && asked.State == collection.RailCollected
	}, 5*time.Second, 50*time.Millisecond)
	c.collectedOnce(t, 1)
}

// The agreement is asked for first: what goes wrong there leaves nothing sent.
// Two requests make the third the debit's own.
func TestFaultsOfDebits(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		faults sandbox.Faults
		sent   bool
		code   fault.Code
		moved  int
	}{
		"5xx at the agreement":       {sandbox.Faults{Error5xxShare: 1}, false, httpx.CodeDown, 0},
		"hangs at the agreement":     {sandbox.Faults{TimeoutShare: 1}, false, breaker.CodeBudget, 0},
		"the debit's answer is lost": {sandbox.Faults{LostAnswerShare: 1}, true, httpx.CodeDown, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCollecting(t)
			require.NoError(t, c.sandbox.SetFaults(sandbox.Payout, test.faults))
			_, err := c.debits.Collect(t.Context(), debit())
			require.Equal(t, fault.Unavailable, fault.KindOf(err))
			if test.sent {
				require.NotErrorIs(t, err, collection.ErrNotSent)
				require.Equal(t, test.code, fault.CodeOf(err))
			} else {
				require.ErrorIs(t, err, collection.ErrNotSent)
			}
			require.NotContains(t, err.Error(), payer)
			c.collectedOnce(t, test.moved)
			c.sandbox.ClearFaults("")
			asked, err := c.debits.Query(t.Context(), "d1D1")
			require.NoError(t, err)
			require.Equal(t, test.moved == 1, asked.State == collection.RailCollected)
		})
	}
}

func TestDebitsNeedCredentials(t *testing.T) {
	t.Parallel()
	c := newCollecting(t, func(o *payout.Options) { o.AppID = "x" })
	_, err := c.debits.Collect(t.Context(), debit())
	require.ErrorIs(t, err, collection.ErrNotSent)
	_, err = c.debits.Query(t.Context(), "d1D1")
	require.Equal(t, payout.CodeRailConfig, fault.CodeOf(err), "never no_record: the rail was not understood")
	other := newCollecting(t, func(o *payout.Options) { o.PublicKey = &o.PrivateKey.PublicKey })
	_, err = other.debits.Query(t.Context(), "d1D1")
	require.Equal(t, payout.CodeBadSignature, fault.CodeOf(err))
	_, err = payout.NewDebits(other.options, "")
	require.Error(t, err)
	_, err = payout.NewDebits(payout.Options{Transport: http.DefaultTransport}, "x")
	require.Error(t, err)
	empty := debit()
	empty.Account = ""
	_, err = other.debits.Collect(t.Context(), empty)
	require.ErrorIs(t, err, collection.ErrNotSent)
}
