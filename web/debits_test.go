package web_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/app/clock"
	"loan310/app/fault"
	"loan310/app/security"
	"loan310/app/servicing/collection"
	"loan310/web"
)

// TestDebitsOverTheAPI repays by debit, withdraws consent, holds back, and
// lists what was collected; others see nothing of it.
func TestDebitsOverTheAPI(t *testing.T) {
	t.Parallel()
	s := newSiteAt(t, func() time.Time { return clock.System().AddDate(0, 0, 40) })
	owner, stranger, operator := s.register(""), s.signUp(""), s.staff(security.RoleOperator)
	line := owner.openLine()
	sent := owner.call(http.MethodPost, "/api/lines/"+line+"/drawdowns", object{"amount_fen": 1_000_000, "tenor_months": 6, "repayment": "equal_instalments"})
	require.Equal(t, http.StatusAccepted, sent.status, sent.text)
	path := "/api/loans/" + sent.get(t, "id").(string)
	due := owner.call(http.MethodGet, path, nil).get(t, "due.total_fen").(float64)
	require.Positive(t, due)

	requireProblem(t, stranger.call(http.MethodPost, path+"/debits", object{}), http.StatusNotFound, fault.CodeNotFound)
	requireProblem(t, owner.call(http.MethodPost, path+"/debits", object{"amount_fen": due + 1}), http.StatusUnprocessableEntity, collection.CodeAmount)
	key := set("Idempotency-Key", "pay-1")
	opened := owner.call(http.MethodPost, path+"/debits", object{}, key)
	require.Equal(t, http.StatusAccepted, opened.status, opened.text)
	require.InDelta(t, due, opened.get(t, "amount_fen"), 0)
	require.Equal(t, opened.text, owner.call(http.MethodPost, path+"/debits", object{}, key).text)
	at := opened.header.Get("Location")
	read := owner.call(http.MethodGet, at+"?wait=10s", nil)
	require.Equal(t, "collected", read.get(t, "state"), read.text)
	require.NotEmpty(t, read.get(t, "event_id"))
	requireProblem(t, stranger.call(http.MethodGet, at, nil), http.StatusNotFound, fault.CodeNotFound)
	require.InDelta(t, 0, owner.call(http.MethodGet, path, nil).get(t, "due.total_fen"), 0)
	requireProblem(t, owner.call(http.MethodPost, path+"/debits", object{}), http.StatusConflict, collection.CodeNothingDue)
	early := owner.call(http.MethodPost, path+"/debits", object{"amount_fen": 100_000, "early": true})
	require.Equal(t, http.StatusAccepted, early.status, early.text)
	require.Len(t, owner.call(http.MethodGet, path+"/debits", nil).get(t, "items"), 2)
	require.Empty(t, owner.call(http.MethodGet, path+"/reminders", nil).get(t, "items"))

	consent := "/api/merchants/" + owner.merchantID + "/debit-consent"
	require.Equal(t, true, owner.call(http.MethodGet, consent, nil).get(t, "given"))
	require.Equal(t, false, owner.call(http.MethodPut, consent, object{"given": false}).get(t, "given"))
	require.Equal(t, false, operator.call(http.MethodGet, consent, nil).get(t, "given"))
	requireProblem(t, operator.call(http.MethodPut, consent, object{"given": true}), http.StatusForbidden, web.CodeNotAllowed)
	requireProblem(t, stranger.call(http.MethodGet, consent, nil), http.StatusNotFound, fault.CodeNotFound)

	until := clock.System().AddDate(0, 0, 45).Format(time.DateOnly)
	require.Equal(t, until, operator.call(http.MethodPost, path+"/debit-holds", object{"until": until, "reason": "promised"}).get(t, "until"))
	requireProblem(t, operator.call(http.MethodPost, path+"/debit-holds", object{"until": "2001-01-01", "reason": "x"}), http.StatusUnprocessableEntity, fault.CodeInvalid)
	requireProblem(t, owner.call(http.MethodPost, path+"/debit-holds", object{"until": until, "reason": "x"}), http.StatusForbidden, web.CodeNotAllowed)
	require.Len(t, operator.call(http.MethodGet, "/api/ops/debits?state=collected", nil).get(t, "items"), 2)
	require.Empty(t, operator.call(http.MethodGet, "/api/ops/debit-cases", nil).get(t, "items"))
	requireProblem(t, operator.call(http.MethodPost, "/api/ops/debit-cases/none/approvals", nil), http.StatusNotFound, fault.CodeNotFound)
	requireProblem(t, operator.call(http.MethodPost, "/api/ops/debit-cases/none/proposals", object{"outcome": "failed", "reference": "r"}), http.StatusNotFound, fault.CodeNotFound)
	requireProblem(t, owner.call(http.MethodGet, "/api/ops/debits", nil), http.StatusForbidden, web.CodeNotAllowed)
	report, err := s.db.Ledger().Verify(t.Context())
	require.NoError(t, err)
	require.Empty(t, report.Faults)
}
