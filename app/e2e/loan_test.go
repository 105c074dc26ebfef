package e2e_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/adapters/dossier"
	"loan310/adapters/sandbox"
	"loan310/app/apiclient"
	"loan310/app/drawdown"
	"loan310/app/ledger"
	"loan310/app/money"
)

// within gives a context for a wait, and so a message when it is too long.
func within(t *testing.T, most time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), most)
	t.Cleanup(cancel)
	return ctx
}

// prove signs a phone in through the platform and gives the merchant's id.
func (w *world) prove(t *testing.T, m dossier.Merchant) string {
	t.Helper()
	ctx := within(t, patience)
	challenge, err := w.client.RequestCode(ctx, m.Phone)
	require.NoError(t, err)
	id, err := w.client.ProveCode(ctx, challenge, w.code(t, m.Phone, challenge))
	require.NoError(t, err)
	return id
}

// code reads a one-time code from the phone it was sent to.
func (w *world) code(t *testing.T, phone, challenge string) string {
	t.Helper()
	for _, message := range w.Sandbox.Inbox(phone) {
		if message.Key == challenge {
			return message.Args["code"]
		}
	}
	require.FailNow(t, "no one-time code arrived")
	return ""
}

// step is one registration step as the API takes it.
type step struct {
	path string
	body map[string]any
}

func steps(m dossier.Merchant) []step { return stepsOver(m, drawdown.RailWallet) }

// stepsOver is steps for a merchant who is paid over a rail.
func stepsOver(m dossier.Merchant, rail string) []step {
	return []step{
		{"licence", map[string]any{"licence_number": m.LicenceNumber}},
		{"legal-representative", map[string]any{"name": m.LegalRep, "identity_number": m.IdentityNumber}},
		{"payout-account", map[string]any{"rail": rail, "account_number": m.PayoutAccount}},
		{"consents", map[string]any{
			"version": "2026-12", "language": "zh-CN", "sources": []string{"marketplace", "logistics", "bank", "utility", "bureau", "registry"},
		}},
	}
}

// register takes a merchant to active and gives its id.
func (w *world) register(t *testing.T, m dossier.Merchant) string {
	t.Helper()
	return w.registerOver(t, m, drawdown.RailWallet)
}

// registerOver is register for a merchant who is paid over a rail.
func (w *world) registerOver(t *testing.T, m dossier.Merchant, rail string) string {
	t.Helper()
	id := w.prove(t, m)
	ctx := within(t, patience)
	for _, s := range stepsOver(m, rail) {
		_, err := w.client.PutStep(ctx, id, s.path, s.path+"-"+id, s.body)
		require.NoError(t, err, s.path)
	}
	registered, err := apiclient.Await(ctx, func(ctx context.Context) (apiclient.Merchant, error) {
		return w.client.Merchant(ctx, id)
	}, func(m apiclient.Merchant) bool { return m.State == "active" }, 250*time.Millisecond)
	require.NoError(t, err, "registration stopped at %q", registered.NextStep)
	return id
}

// apply submits what the merchant wants.
func (w *world) apply(t *testing.T, merchantID string, m dossier.Merchant) apiclient.Application {
	t.Helper()
	application, err := w.client.Apply(within(t, patience), merchantID, "apply-"+merchantID, apiclient.Wish{AmountFen: int64(w.cast.wanted[m.ID].Amount), Purpose: "stock"})
	require.NoError(t, err)
	return application
}

// answer waits for the answer to an application; done says which will do.
func (w *world) answer(t *testing.T, id string, done func(apiclient.Application) bool) apiclient.Application {
	t.Helper()
	application, err := apiclient.Await(within(t, patience), func(ctx context.Context) (apiclient.Application, error) {
		return w.client.FollowApplication(ctx, id)
	}, done, 100*time.Millisecond)
	require.NoError(t, err, "the application is %s and waits for %v", application.State, application.WaitFor)
	return application
}

// settled tells whether an application has an answer that is no deferral.
func settled(a apiclient.Application) bool { return a.Decided() && a.State != "deferred" }

// credit is an accepted line with what may be drawn on it.
type credit struct {
	apiclient.Line
	merchant    dossier.Merchant
	application apiclient.Application
	tenor       int
	repayment   string
}

// credit takes the next merchant that is approved to an accepted line.
func (w *world) credit(t *testing.T) credit {
	t.Helper()
	return w.creditOver(t, drawdown.RailWallet)
}

// creditOver is credit for a merchant who is paid over a rail.
func (w *world) creditOver(t *testing.T, rail string) credit {
	t.Helper()
	m, application := w.approvedOver(t, rail)
	line, err := w.client.Accept(within(t, patience), application.ID, "accept-"+application.ID, application.Decision.ContractHash)
	require.NoError(t, err)
	terms := application.Decision.Terms
	return credit{Line: line, merchant: m, application: application, tenor: terms.TenorMonths[0], repayment: terms.Repayment[0]}
}

// approvedOver takes established merchants, paid over a rail, to their answers
// until one is approved: who is, is the strategy's to say, and it changes.
func (w *world) approvedOver(t *testing.T, rail string) (dossier.Merchant, apiclient.Application) {
	t.Helper()
	for {
		m := w.cast.next(t, dossier.ArchetypeEstablished)
		if application := w.answer(t, w.apply(t, w.registerOver(t, m, rail), m).ID, settled); application.State == "approved" {
			return m, application
		}
	}
}

// requireJudged holds that an application has its verdict, whichever it is.
func requireJudged(t *testing.T, a apiclient.Application) {
	t.Helper()
	require.Contains(t, []string{"approved", "declined"}, a.State)
}

// part gives so many percent of the limit in whole yuan.
func (c credit) part(percent int64) int64 { return c.LimitFen * percent / 100 / 100 * 100 }

// draw asks for a draw.
func (w *world) draw(t *testing.T, on credit, key string, amount int64) apiclient.Drawdown {
	t.Helper()
	drawn, err := w.client.Draw(within(t, patience), on.ID, key, amount, on.tenor, on.repayment)
	require.NoError(t, err)
	return drawn
}

// end waits until a draw is paid or failed.
func (w *world) end(t *testing.T, id string) apiclient.Drawdown {
	t.Helper()
	drawn, err := apiclient.Await(within(t, patience), func(ctx context.Context) (apiclient.Drawdown, error) {
		return w.client.FollowDrawdown(ctx, id)
	}, apiclient.Drawdown.Final, 250*time.Millisecond)
	require.NoError(t, err, "the draw is %s", drawn.State)
	return drawn
}

// rail gives the rail's own entry of a draw.
func (w *world) rail(t *testing.T, drawdownID string) (sandbox.RailEntry, bool) {
	t.Helper()
	entries, err := w.Sandbox.RailBook()
	require.NoError(t, err)
	for _, entry := range entries {
		if entry.OutBizNo == drawdown.PayoutKey(drawdownID) {
			return entry, true
		}
	}
	return sandbox.RailEntry{}, false
}

// requirePaidOnce holds a draw against the rail's book and our journals: one
// payment of the amount, promised and paid once each.
func (w *world) requirePaidOnce(t *testing.T, d apiclient.Drawdown) {
	t.Helper()
	require.Equal(t, "paid", d.State, d.FailureCode)
	entry, known := w.rail(t, d.ID)
	require.True(t, known, "the rail knows nothing of the draw")
	require.Equal(t, 1, entry.Paid)
	require.Zero(t, entry.Conflicts)
	require.Equal(t, d.AmountFen, int64(entry.Amount))
	journals, err := w.Stack.DB.Ledger().Journals(t.Context(), "drawdown/"+d.ID)
	require.NoError(t, err)
	amount := money.Amount(d.AmountFen)
	booked := map[string][]ledger.Posting{}
	for _, journal := range journals {
		booked[journal.Kind] = journal.Postings
	}
	require.Len(t, journals, 2)
	require.Equal(t, map[string][]ledger.Posting{
		"disbursement_promised": {{Account: ledger.PrincipalReceivable, Amount: amount}, {Account: ledger.PayoutInTransit, Amount: -amount}},
		"disbursement_paid":     {{Account: ledger.PayoutInTransit, Amount: amount}, {Account: ledger.Settlement, Amount: -amount}},
	}, booked)
}

// requireUsed holds what a line says is used against what it must be.
func (w *world) requireUsed(t *testing.T, lineID string, want int64) {
	t.Helper()
	line, err := w.client.Line(within(t, patience), lineID)
	require.NoError(t, err)
	require.Equal(t, want, line.UsedFen)
}

// requireSound verifies the whole ledger.
func (w *world) requireSound(t *testing.T) {
	t.Helper()
	report, err := w.Stack.DB.Ledger().Verify(t.Context())
	require.NoError(t, err)
	require.Empty(t, report.Faults)
}
