package e2e_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/adapters/sandbox"
	"loan310/app/audit"
	"loan310/app/drawdown"
	"loan310/app/stack"
)

// reconciled reads both rails' statements of today and requires that nothing
// is lost and nothing paid twice.
func (w *world) reconciled(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool { // the bank writes its statement after it booked
		lost, double := 0, 0
		for _, rail := range w.Stack.Reconciler.Rails() {
			run, err := w.Stack.Reconciler.Run(t.Context(), rail, w.Stack.Reconciler.Today())
			if err != nil {
				t.Logf("%s: %v", rail, err)
				return false
			}
			lost, double = lost+run.Lost, double+run.DoublePaid
		}
		return lost == 0 && double == 0
	}, patience, 500*time.Millisecond)
}

// TestWalletFailsOverToTheBankAndPaysOnce gives the payer at the wallet no
// balance: the rail's own reason.
func TestWalletFailsOverToTheBankAndPaysOnce(t *testing.T) {
	t.Parallel()
	w := begin(t)
	on := w.credit(t)
	require.NoError(t, w.Sandbox.SetFaults(sandbox.Payout, sandbox.Faults{RefuseShare: 1, RefuseCode: "PAYER_BALANCE_NOT_ENOUGH"}))
	d := w.end(t, w.draw(t, on, "over", on.part(30)).ID)
	require.Equal(t, "paid", d.State)
	payout, err := w.Stack.DB.Drawdowns().Payout(t.Context(), d.ID)
	require.NoError(t, err)
	require.Equal(t, drawdown.RailBank, payout.Rail)
	require.Equal(t, 2, payout.Attempt)
	book := w.Sandbox.BankBook()
	require.Len(t, book, 1)
	require.Equal(t, 1, book[0].Paid)
	require.Equal(t, payout.Key, book[0].EndToEndID)
	w.requireSound(t)
	w.reconciled(t)

	// Rejected by the bank as well: then nothing.
	require.NoError(t, w.Sandbox.SetBankFaults(sandbox.BankFaults{RejectShare: 1}))
	d = w.end(t, w.draw(t, on, "rejected", on.part(20)).ID)
	require.Equal(t, "failed", d.State)
	w.requireSound(t)

	// Paid, and returned because the account is closed.
	require.NoError(t, w.Sandbox.SetBankFaults(sandbox.BankFaults{ReturnShare: 1, ReturnAfterMS: 20_000}))
	d = w.end(t, w.draw(t, on, "returned", on.part(20)).ID)
	w.awaitState(t, d.ID, "reversed")
	w.requireUsed(t, on.ID, on.part(30))
	w.requireSound(t)
	w.reconciled(t)
}

// TestKillSwitchLetsDrawsWait stops all rails over the API, and settles an
// unknown payout by two persons.
func TestKillSwitchLetsDrawsWait(t *testing.T) {
	t.Parallel()
	w := begin(t)
	on := w.credit(t)
	desk := w.browser(t)
	signed := desk.send(t, http.MethodPost, "/api/auth/staff-sessions", "", map[string]string{"login": stack.DemoOperator, "password": stack.DemoPassword})
	require.Equal(t, http.StatusCreated, signed.status, "%s", signed.body)
	stopped := desk.send(t, http.MethodPost, "/api/ops/rails/stops", "stop", map[string]string{"rail": "*", "reason": "rehearsal"})
	require.Equal(t, http.StatusOK, stopped.status, "%s", stopped.body)
	d := w.draw(t, on, "waits", on.part(30))
	var payout drawdown.Payout
	require.Eventually(t, func() bool {
		var err error
		payout, err = w.Stack.DB.Drawdowns().Payout(t.Context(), d.ID)
		return err == nil && payout.WaitsFor == drawdown.WaitsForResume
	}, patience, 100*time.Millisecond)
	var providers struct {
		Rails []struct {
			Rail    string
			Stopped bool
		}
	}
	desk.get(t, "/api/ops/providers").into(t, &providers)
	require.Len(t, providers.Rails, 3)
	require.True(t, providers.Rails[2].Stopped)
	resumed := desk.send(t, http.MethodPost, "/api/ops/rails/resumptions", "resume", map[string]string{"rail": "*"})
	require.Equal(t, http.StatusOK, resumed.status, "%s", resumed.body)
	require.Equal(t, "paid", w.end(t, d.ID).State)
	w.reconciled(t)

	// An unknown payout whose hand-over is brought forward.
	require.NoError(t, w.Sandbox.SetFaults(sandbox.Payout, sandbox.Faults{PendingShare: 1, PendingMS: 3_600_000}))
	d = w.draw(t, on, "unknown", on.part(20))
	w.awaitState(t, d.ID, "unknown")
	payout, err := w.Stack.DB.Drawdowns().Payout(t.Context(), d.ID)
	require.NoError(t, err)
	require.NoError(t, w.Stack.DB.PayoutDesk().OpenCase(t.Context(), drawdown.Case{
		ID: "case", PayoutKey: payout.Key, DrawdownID: d.ID, Reason: drawdown.CaseUnknown, State: drawdown.CaseOpen, OpenedAt: time.Now(),
	}, audit.Entry{At: time.Now(), Actor: audit.System("test"), Action: "test", Subject: "test"}))
	proposed := desk.send(t, http.MethodPost, "/api/ops/payout-cases/case/proposals", "propose", map[string]string{"outcome": "failed", "reference": "statement 1, line 7"})
	require.Equal(t, http.StatusOK, proposed.status, "%s", proposed.body)
	alone := desk.send(t, http.MethodPost, "/api/ops/payout-cases/case/approvals", "approve", nil)
	require.Equal(t, http.StatusConflict, alone.status, "%s", alone.body)
	_, err = w.Stack.Drawdowns.Approve(t.Context(), "case", audit.Actor{Kind: "person", ID: "staff/another"})
	require.NoError(t, err)
	w.awaitState(t, d.ID, "failed")
	w.requireUsed(t, on.ID, on.part(30))
	w.requireSound(t)
}
