package sandbox_test

import (
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/adapters/breaker"
	"loan310/adapters/payout"
	"loan310/adapters/sandbox"
	"loan310/adapters/sandbox/sandboxtest"
	"loan310/app/clock"
	"loan310/app/drawdown"
)

// payer is the adapter in front of a sandbox's rail.
func payer(t *testing.T, server *sandbox.Server, now clock.Clock) *payout.Rail {
	t.Helper()
	secrets := sandboxtest.Secrets()
	private, err := payout.ParsePrivateKey(secrets.AppPrivateKey)
	require.NoError(t, err)
	public, err := payout.ParsePublicKey(secrets.RailPublicKey)
	require.NoError(t, err)
	rail, err := payout.New(payout.Options{
		GatewayURL: server.URLs()[sandbox.Payout], AppID: secrets.AppID, PrivateKey: private, PublicKey: public, Clock: now,
		Guard: sandboxtest.Guard(breaker.Settings{
			Name: "payout", Budget: 5 * time.Second, Consecutive: 1_000_000, MinRequests: 1_000_000, MaxConcurrent: 64,
		}),
	})
	require.NoError(t, err)
	t.Cleanup(rail.Close)
	return rail
}

func told(key string) drawdown.Instruction {
	return drawdown.Instruction{Key: key, Amount: 1_000_00, Account: "6123451234567893", Holder: "陈晨", Title: "Loan"}
}

func TestRailBookSurvivesARestart(t *testing.T) {
	t.Parallel()
	options := sandbox.Options{Book: sandboxtest.Example(), Dir: t.TempDir(), Secrets: sandboxtest.Secrets()}
	first, err := sandbox.Start(t.Context(), options)
	require.NoError(t, err)
	rail := payer(t, first, clock.System)
	_, err = rail.Pay(t.Context(), told("paid"))
	require.NoError(t, err)
	require.NoError(t, first.SetFaults(sandbox.Payout, sandbox.Faults{PendingShare: 1, PendingMS: 1}))
	_, err = rail.Pay(t.Context(), told("pending"))
	require.NoError(t, err)
	require.NoError(t, first.Close())
	// A crash in the middle of a line loses that line only.
	journal, err := os.OpenFile(filepath.Join(options.Dir, "rail.jsonl"), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = journal.WriteString(`{"event":"acc`)
	require.NoError(t, err)
	require.NoError(t, journal.Close())

	for range 2 { // the second start reads what the first one mended
		second, err := sandbox.Start(t.Context(), options)
		require.NoError(t, err)
		again := payer(t, second, clock.System)
		for _, key := range []string{"paid", "pending"} {
			receipt, err := again.Pay(t.Context(), told(key))
			require.NoError(t, err)
			require.Equal(t, drawdown.RailPaid, receipt.State)
		}
		sum, err := second.RailSummary()
		require.NoError(t, err)
		require.Equal(t, 2, sum.Paid)
		require.Zero(t, sum.DuplicatesPaid)
		require.EqualValues(t, 2_000_00, sum.PaidAmount)
		require.NoError(t, second.Close())
	}
}

func TestPendingThatFailsInTheEnd(t *testing.T) {
	t.Parallel()
	server := sandboxtest.Start(t, sandbox.Options{Book: sandboxtest.Example()})
	rail := payer(t, server, clock.System)
	require.NoError(t, server.SetFaults(sandbox.Payout, sandbox.Faults{PendingShare: 1, PendingMS: 200, RefuseShare: 1}))
	receipt, err := rail.Pay(t.Context(), told("k"))
	require.NoError(t, err)
	require.Equal(t, drawdown.RailPending, receipt.State)
	require.Eventually(t, func() bool {
		receipt, err := rail.Query(t.Context(), "k")
		return err == nil && receipt.State == drawdown.RailFailed && receipt.Code == "PAYEE_CARD_INFO_ERROR"
	}, 3*time.Second, 20*time.Millisecond)
	sum, err := server.RailSummary()
	require.NoError(t, err)
	require.Zero(t, sum.Paid)
}

// TestHostileRailNeverPaysTwice sends fifty instructions four times each, and
// all at once, through a rail that loses, delays, refuses and garbles.
func TestHostileRailNeverPaysTwice(t *testing.T) {
	t.Parallel()
	server := sandboxtest.Start(t, sandbox.Options{Book: sandboxtest.Example()})
	rail := payer(t, server, clock.System)
	require.NoError(t, server.SetFaults(sandbox.Payout, sandbox.Faults{
		LostAnswerShare: 0.3, PendingShare: 0.3, PendingMS: 20, RefuseShare: 0.1,
		Error5xxShare: 0.1, Error429Share: 0.1, MalformedShare: 0.1, JitterMS: 5, Seed: 310,
	}))
	var all sync.WaitGroup
	for i := range 200 {
		key := "k" + strconv.Itoa(i%50)
		all.Go(func() { _, _ = rail.Pay(t.Context(), told(key)) }) // most of these end unknown
	}
	all.Wait()
	server.ClearFaults("")
	time.Sleep(50 * time.Millisecond)
	paid := 0
	for i := range 50 {
		receipt, err := rail.Query(t.Context(), "k"+strconv.Itoa(i))
		require.NoError(t, err)
		require.NotEqual(t, drawdown.RailPending, receipt.State)
		if receipt.State == drawdown.RailPaid {
			paid++
		}
	}
	w := newWire(t, server)
	var sum sandbox.RailSummary
	w.control("GET", "/control/rail/summary", "", 200, &sum)
	require.Equal(t, paid, sum.Paid, "what we believe is what the rail did")
	require.Zero(t, sum.DuplicatesPaid)
	require.Zero(t, sum.Conflicts)
	var book []sandbox.RailEntry
	w.control("GET", "/control/rail/book", "", 200, &book)
	require.Len(t, book, sum.DistinctKeys)
}
