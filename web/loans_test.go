package web_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/app/clock"
	"loan310/app/fault"
	"loan310/app/security"
	"loan310/app/servicing"
	"loan310/app/servicing/loan"
	"loan310/web"
)

// TestALoanOverTheAPI repays a loan in part, early, backdated, reverses, and
// charges another off; each answer has the schedule and what was booked.
func TestALoanOverTheAPI(t *testing.T) {
	t.Parallel()
	later := func() time.Time { return clock.System().AddDate(0, 0, 40) }
	s := newSiteAt(t, later)
	owner, stranger := s.register(""), s.signUp("")
	operator, second, analyst := s.staff(security.RoleOperator), s.staff(security.RoleAdmin), s.staff(security.RoleAnalyst)
	line := owner.openLine()
	sent := owner.call(http.MethodPost, "/api/lines/"+line+"/drawdowns", object{"amount_fen": 1_000_000, "tenor_months": 6, "repayment": "any_time"})
	require.Equal(t, http.StatusAccepted, sent.status, sent.text)
	id := sent.get(t, "id").(string)
	path := "/api/loans/" + id

	read := owner.call(http.MethodGet, path, nil)
	require.Equal(t, http.StatusOK, read.status, read.text)
	require.Equal(t, "active", read.get(t, "state"))
	require.Equal(t, "special_mention", read.get(t, "class"), "the first month's interest is late")
	require.Len(t, read.get(t, "schedule"), 6)
	require.NotZero(t, read.get(t, "irr_bps"))
	for _, at := range []string{"", "/events", "/payoff"} {
		require.Equal(t, http.StatusOK, owner.call(http.MethodGet, path+at, nil).status, at)
		require.Equal(t, http.StatusOK, analyst.call(http.MethodGet, path+at, nil).status, at)
		requireProblem(t, stranger.call(http.MethodGet, path+at, nil), http.StatusNotFound, fault.CodeNotFound)
	}
	requireProblem(t, owner.call(http.MethodGet, path+"/journals", nil), http.StatusForbidden, web.CodeNotAllowed)
	requireProblem(t, owner.call(http.MethodPost, path+"/repayments", object{"amount_fen": 1}), http.StatusForbidden, web.CodeNotAllowed)
	requireProblem(t, analyst.call(http.MethodPost, path+"/repayments", object{"amount_fen": 1}), http.StatusForbidden, web.CodeNotAllowed)
	requireProblem(t, operator.call(http.MethodGet, path+"/payoff?on=2001-01-01", nil), http.StatusUnprocessableEntity, fault.CodeInvalid)

	key := set("Idempotency-Key", "part-1")
	part := operator.call(http.MethodPost, path+"/repayments", object{"amount_fen": 300_000, "reason": "transfer"}, key)
	require.Equal(t, http.StatusOK, part.status, part.text)
	require.Equal(t, "normal", part.get(t, "loan.class"))
	require.NotEmpty(t, part.get(t, "journals"))
	outstanding := part.get(t, "loan.outstanding.principal_fen").(float64)
	require.Less(t, outstanding, 1_000_000.0)
	same := operator.call(http.MethodPost, path+"/repayments", object{"amount_fen": 300_000, "reason": "transfer"}, key)
	require.Equal(t, part.text, same.text)
	requireProblem(t, operator.call(http.MethodPost, path+"/repayments", object{"amount_fen": 300_001}, key), http.StatusUnprocessableEntity, fault.CodeKeyReused)
	require.InDelta(t, outstanding, owner.call(http.MethodGet, "/api/lines/"+line, nil).get(t, "used_fen"), 0, "headroom comes back")

	early := loan.DateOf(later(), clock.Lender()) - 30
	backdated := operator.call(http.MethodPost, path+"/repayments", object{"amount_fen": 100_000, "on": early.String(), "reference": "R-1"})
	require.Equal(t, http.StatusOK, backdated.status, backdated.text)
	require.Equal(t, early.String(), backdated.get(t, "event.on"))
	require.Less(t, backdated.get(t, "loan.outstanding.principal_fen").(float64), outstanding)
	requireProblem(t, operator.call(http.MethodPost, path+"/repayments", object{"amount_fen": 1, "on": "2001-01-01"}), http.StatusUnprocessableEntity, loan.CodeBeforeStart)
	undo := operator.call(http.MethodPost, path+"/reversals", object{"event_id": backdated.get(t, "event.id"), "reason": "bounced"})
	require.Equal(t, http.StatusOK, undo.status, undo.text)
	require.InDelta(t, outstanding, undo.get(t, "loan.outstanding.principal_fen"), 0)
	requireProblem(t, operator.call(http.MethodPost, path+"/reversals", object{"event_id": backdated.get(t, "event.id")}), http.StatusConflict, loan.CodeAlreadyReversed)
	requireProblem(t, operator.call(http.MethodPost, path+"/waivers", object{"component": "interest", "amount_fen": 900_000}), http.StatusUnprocessableEntity, loan.CodeWaiverExceeds)

	require.Equal(t, true, owner.call(http.MethodGet, path+"/events", nil).get(t, "items.1.reversed"))
	require.NotEmpty(t, operator.call(http.MethodGet, path+"/journals", nil).get(t, "items"))
	books := operator.call(http.MethodGet, "/api/ops/ledger/trial-balance", nil)
	require.Equal(t, true, books.get(t, "balanced"), books.text)

	proposed := operator.call(http.MethodPost, path+"/charge-offs", object{"reason": "closed for good"})
	require.Equal(t, http.StatusOK, proposed.status, proposed.text)
	decision := "/api/charge-offs/" + proposed.get(t, "id").(string) + "/decision"
	requireProblem(t, operator.call(http.MethodPost, decision, object{"approve": true}), http.StatusConflict, servicing.CodeSamePerson)
	refused := second.call(http.MethodPost, decision, object{"approve": false})
	require.Equal(t, "refused", refused.get(t, "state"), refused.text)

	fee := operator.call(http.MethodPost, path+"/fees", object{"amount_fen": 5_000, "reason": "copy of the contract"})
	require.Equal(t, http.StatusOK, fee.status, fee.text)
	require.Equal(t, "fee", fee.get(t, "event.kind"))
	require.NotEmpty(t, fee.get(t, "journals"))
	require.InDelta(t, outstanding+5_000, fee.get(t, "loan.outstanding.principal_fen"), 0, "within a day fees come before repayments, so today's paid it")
	requireProblem(t, owner.call(http.MethodPost, path+"/fees", object{"amount_fen": 1}), http.StatusForbidden, web.CodeNotAllowed)

	requireProblem(t, operator.call(http.MethodPost, path+"/write-backs", object{"reason": "paid again"}), http.StatusConflict, loan.CodeNotChargedOff)
	proposed = operator.call(http.MethodPost, path+"/charge-offs", object{"reason": "gone"})
	off := second.call(http.MethodPost, "/api/charge-offs/"+proposed.get(t, "id").(string)+"/decision", object{"approve": true})
	require.Equal(t, "charged_off", off.get(t, "change.loan.state"), off.text)
	proposed = second.call(http.MethodPost, path+"/write-backs", object{"reason": "back again"})
	require.Equal(t, http.StatusOK, proposed.status, proposed.text)
	requireProblem(t, operator.call(http.MethodPost, "/api/charge-offs/"+proposed.get(t, "id").(string)+"/decision", object{"approve": true}), http.StatusNotFound, fault.CodeNotFound)
	decision = "/api/write-backs/" + proposed.get(t, "id").(string) + "/decision"
	requireProblem(t, second.call(http.MethodPost, decision, object{"approve": true}), http.StatusConflict, servicing.CodeSamePerson)
	back := operator.call(http.MethodPost, decision, object{"approve": true})
	require.Equal(t, "active", back.get(t, "change.loan.state"), back.text)
	require.Equal(t, "write_back", back.get(t, "change.journals.0.kind"))

	payoff := owner.call(http.MethodGet, path+"/payoff", nil)
	all := operator.call(http.MethodPost, path+"/repayments", object{"amount_fen": payoff.get(t, "amount_fen")})
	require.Equal(t, "closed", all.get(t, "loan.state"), all.text)
	list := owner.call(http.MethodGet, "/api/merchants/"+owner.merchantID+"/loans", nil)
	require.Equal(t, "closed", list.get(t, "items.0.state"), list.text)
	require.Equal(t, "normal", list.get(t, "class"))
	status := operator.call(http.MethodGet, "/api/ops/servicing", nil)
	require.Empty(t, status.get(t, "days"), status.text)
	report, err := s.db.Ledger().Verify(t.Context())
	require.NoError(t, err)
	require.Empty(t, report.Faults)
}
