package e2e_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/adapters/dossier"
	"loan310/app/apiclient"
	"loan310/app/ledger"
	"loan310/app/stack"
	"loan310/app/underwriting"
	"loan310/scoring/evidence"
)

// TestWholeLifeOfAFirstLoan is a merchant's way from a phone number to money
// on the account, through a browser, and what each book says at the end.
func TestWholeLifeOfAFirstLoan(t *testing.T) {
	t.Parallel()
	w := share(t)
	var phone *browser
	var id string
	var application apiclient.Application
	for application.State != "approved" { // who is, is the strategy's to say
		phone, id, application = w.livesToAnswer(t)
	}

	line := phone.accept(t, application)
	drawn := phone.awaitPaid(t, phone.drawOnce(t, application, line).ID)
	w.requirePaidOnce(t, drawn)
	phone.get(t, "/api/lines/"+line.ID).into(t, &line)
	require.Equal(t, drawn.AmountFen, line.UsedFen)

	w.requireOperatorSees(t, application.DecisionID, drawn.ID)
	w.requireStrangerSeesNothing(t, []string{
		"/api/merchants/" + id, "/api/merchants/" + id + "/lines", "/api/applications/" + application.ID, "/api/applications/" + application.ID + "/events",
		"/api/applications/" + application.ID + "/contract", "/api/decisions/" + application.DecisionID,
		"/api/lines/" + line.ID, "/api/lines/" + line.ID + "/drawdowns", "/api/drawdowns/" + drawn.ID,
	})
}

// livesToAnswer takes the next established merchant, at its phone, from the
// one-time code to the answer.
func (w *world) livesToAnswer(t *testing.T) (*browser, string, apiclient.Application) {
	t.Helper()
	m := w.cast.next(t, dossier.ArchetypeEstablished)
	phone := w.browser(t)
	id := phone.signIn(t, w, m.Phone)
	for _, s := range steps(m) {
		got := phone.send(t, http.MethodPut, "/api/merchants/"+id+"/"+s.path, "step-"+s.path, s.body)
		require.Equal(t, http.StatusOK, got.status, "%s: %s", s.path, got.body)
	}
	require.Equal(t, "active", phone.get(t, "/api/merchants/"+id).text(t, "state"))

	application := phone.applyOnce(t, id, int64(w.cast.wanted[m.ID].Amount))
	events, ended := phone.follow(t, "/api/applications/"+application.ID+"/events")
	requireStory(t, events)
	phone.get(t, "/api/applications/"+application.ID).into(t, &application)
	require.Equal(t, ended, application.State)
	require.LessOrEqual(t, application.DecidedAt.Sub(application.SubmittedAt), underwriting.Within)
	return phone, id, application
}

// applyOnce submits twice with one key, which is once, and refuses another
// body under the same key.
func (b *browser) applyOnce(t *testing.T, merchantID string, amount int64) apiclient.Application {
	t.Helper()
	path, wish := "/api/merchants/"+merchantID+"/applications", map[string]any{"amount_fen": amount, "purpose": "stock"}
	first := b.send(t, http.MethodPost, path, "apply", wish)
	require.Equal(t, http.StatusAccepted, first.status, "%s", first.body)
	again := b.send(t, http.MethodPost, path, "apply", wish)
	require.Equal(t, string(first.body), string(again.body))
	require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))
	other := b.send(t, http.MethodPost, path, "apply", map[string]any{"amount_fen": amount + 100, "purpose": "stock"})
	require.Equal(t, http.StatusUnprocessableEntity, other.status)
	require.Equal(t, "idempotency_key_reused", other.text(t, "code"))
	var application apiclient.Application
	first.into(t, &application)
	return application
}

// accept reads the contract and accepts what it says, not another text.
func (b *browser) accept(t *testing.T, application apiclient.Application) apiclient.Line {
	t.Helper()
	contract := b.get(t, "/api/applications/"+application.ID+"/contract?language=en")
	require.Contains(t, contract.text(t, "text"), application.DecisionID)
	hash := contract.text(t, "contract_hash")
	path := "/api/applications/" + application.ID + "/acceptance"
	wrong := b.send(t, http.MethodPost, path, "accept-wrong", map[string]string{"contract_hash": strings.Repeat("0", 64)})
	require.Equal(t, http.StatusUnprocessableEntity, wrong.status)
	var line, again apiclient.Line
	b.send(t, http.MethodPost, path, "accept", map[string]string{"contract_hash": hash}).into(t, &line)
	b.send(t, http.MethodPost, path, "accept-with-another-key", map[string]string{"contract_hash": hash}).into(t, &again)
	require.Equal(t, line.ID, again.ID)
	return line
}

// drawOnce asks twice with one key for three fifths of the line.
func (b *browser) drawOnce(t *testing.T, application apiclient.Application, line apiclient.Line) apiclient.Drawdown {
	t.Helper()
	terms := application.Decision.Terms
	wish := map[string]any{"amount_fen": credit{Line: line}.part(60), "tenor_months": terms.TenorMonths[0], "repayment": terms.Repayment[0]}
	path := "/api/lines/" + line.ID + "/drawdowns"
	var drawn, again apiclient.Drawdown
	b.send(t, http.MethodPost, path, "draw", wish).into(t, &drawn)
	b.send(t, http.MethodPost, path, "draw", wish).into(t, &again)
	require.Equal(t, drawn, again)
	wish["amount_fen"] = credit{Line: line}.part(30)
	require.Equal(t, http.StatusUnprocessableEntity, b.send(t, http.MethodPost, path, "draw", wish).status)
	return drawn
}

// awaitPaid reads a draw until it has ended.
func (b *browser) awaitPaid(t *testing.T, id string) apiclient.Drawdown {
	t.Helper()
	drawn, err := apiclient.Await(within(t, patience), func(context.Context) (apiclient.Drawdown, error) {
		var drawn apiclient.Drawdown
		b.get(t, "/api/drawdowns/"+id+"?wait=10s").into(t, &drawn)
		return drawn, nil
	}, apiclient.Drawdown.Final, 100*time.Millisecond)
	require.NoError(t, err, "the draw is %s", drawn.State)
	return drawn
}

// requireStory checks the order of what the merchant was shown, each source by
// its name, and that it was shown as it happened.
func requireStory(t *testing.T, events []told) {
	t.Helper()
	var kinds []string
	arrived := map[evidence.Source]bool{}
	for i, event := range events {
		require.Equal(t, int64(i+1), event.Seq)
		require.Less(t, event.lag, 5*time.Second, event.Kind)
		switch event.Kind {
		case "source_started":
		case "source_arrived":
			arrived[event.Source] = true
			require.Equal(t, evidence.Known, event.State, string(event.Source))
		default:
			kinds = append(kinds, event.Kind)
		}
	}
	require.Equal(t, []string{"submitted", "checked", "decided"}, kinds)
	require.Len(t, arrived, len(evidence.Sources))
}

// requireOperatorSees checks what staff check: the decision replays, the
// books sum to zero, and the draw is booked twice: promised and paid.
func (w *world) requireOperatorSees(t *testing.T, decisionID, drawdownID string) {
	t.Helper()
	desk := w.browser(t)
	signed := desk.send(t, http.MethodPost, "/api/auth/staff-sessions", "", map[string]string{"login": stack.DemoOperator, "password": stack.DemoPassword})
	require.Equal(t, http.StatusCreated, signed.status, "%s", signed.body)
	var replay underwriting.Replay
	desk.get(t, "/api/decisions/"+decisionID+"/replay").into(t, &replay)
	require.True(t, replay.Same)
	var balance struct {
		Balanced bool
		Items    []struct{ Account string }
	}
	desk.get(t, "/api/ops/ledger/trial-balance").into(t, &balance)
	require.True(t, balance.Balanced)
	require.Len(t, balance.Items, len(ledger.Accounts))
	var journals struct{ Items []struct{ Kind string } }
	desk.get(t, "/api/ops/ledger/journals?subject=drawdown/"+drawdownID).into(t, &journals)
	require.Len(t, journals.Items, 2)
}

// requireStrangerSeesNothing asks for a merchant's records as another one.
func (w *world) requireStrangerSeesNothing(t *testing.T, paths []string) {
	t.Helper()
	stranger := w.browser(t)
	stranger.signIn(t, w, w.cast.next(t, dossier.ArchetypeThinFile).Phone)
	for _, path := range paths {
		require.Equal(t, http.StatusNotFound, stranger.get(t, path).status, path)
	}
}
