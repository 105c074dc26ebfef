package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/app/drawdown"
	"loan310/app/fault"
	"loan310/app/security"
	"loan310/app/underwriting"
	"loan310/web"
)

func TestApplicationApproved(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	c := s.register("")
	path := "/api/applications/" + c.apply(wantsApproval)
	got := c.call(http.MethodGet, path, nil, set("Accept-Language", "en-GB,en;q=0.9"))
	require.Equal(t, "approved", got.get(t, "state"))
	require.InDelta(t, 15_000_000, got.get(t, "decision.terms.limit_fen"), 0)
	require.InDelta(t, 1200, got.get(t, "decision.terms.irr_bps"), 0)
	require.Equal(t, path+"/contract", got.get(t, "contract_path"))
	require.NotContains(t, got.text, "verified_revenue", "features are for staff")

	t.Run("reasons speak the language asked for", func(t *testing.T) { //nolint:paralleltest // a step of the story
		english := got.get(t, "decision.reasons.0.text")
		chinese := c.call(http.MethodGet, path, nil).get(t, "decision.reasons.0.text")
		require.NotEmpty(t, english)
		require.NotEqual(t, english, chinese)
	})
	t.Run("the contract in both languages has one hash", func(t *testing.T) { //nolint:paralleltest // a step of the story
		english, chinese := c.call(http.MethodGet, path+"/contract?language=en", nil), c.call(http.MethodGet, path+"/contract", nil)
		require.Equal(t, english.get(t, "contract_hash"), chinese.get(t, "contract_hash"))
		require.Contains(t, chinese.get(t, "text"), "循环授信合同")
		require.Contains(t, english.get(t, "text"), "Revolving credit agreement")
	})
	t.Run("another contract's hash is refused", func(t *testing.T) { //nolint:paralleltest // a step of the story
		refused := c.call(http.MethodPost, path+"/acceptance", object{"contract_hash": strings.Repeat("a", 64)})
		requireProblem(t, refused, 422, underwriting.CodeContract)
		require.Equal(t, "contract_hash", refused.get(t, "field"))
	})
	t.Run("accepting twice gives one line", func(t *testing.T) { //nolint:paralleltest // a step of the story
		body := object{"contract_hash": got.get(t, "decision.contract_hash")}
		first, second := c.call(http.MethodPost, path+"/acceptance", body), c.call(http.MethodPost, path+"/acceptance", body)
		require.Equal(t, http.StatusCreated, first.status, first.text)
		require.Equal(t, http.StatusCreated, second.status, second.text)
		require.Equal(t, first.get(t, "id"), second.get(t, "id"))
		require.Equal(t, "/api/lines/"+first.get(t, "id").(string), first.header.Get("Location"))
		require.InDelta(t, 15_000_000, first.get(t, "available_fen"), 0)
		require.Equal(t, "accepted", c.call(http.MethodGet, path, nil).get(t, "state"))
	})
	t.Run("staff see all that decided", func(t *testing.T) { //nolint:paralleltest // a step of the story
		decision := "/api/decisions/" + got.get(t, "decision_id").(string)
		analyst := s.staff(security.RoleAnalyst)
		inside := analyst.call(http.MethodGet, decision, nil)
		require.InDelta(t, 640, inside.get(t, "inside.verdict.score"), 0)
		require.Equal(t, "verified_revenue", inside.get(t, "inside.verdict.features.0.name"))
		require.Len(t, inside.get(t, "inside.snapshot.evidence"), 6)
		require.NotContains(t, c.call(http.MethodGet, decision, nil).text, "inside")
		replay := analyst.call(http.MethodGet, decision+"/replay", nil)
		require.Equal(t, http.StatusOK, replay.status, replay.text)
		require.Equal(t, true, replay.get(t, "same"))
		requireProblem(t, c.call(http.MethodGet, decision+"/replay", nil), http.StatusForbidden, web.CodeNotAllowed)
	})
}

func TestApplicationAnswers(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)

	t.Run("declined", func(t *testing.T) {
		t.Parallel()
		c := s.register("")
		path := "/api/applications/" + c.apply(wantsDecline)
		got := c.call(http.MethodGet, path, nil)
		require.Equal(t, "declined", got.get(t, "state"))
		require.InDelta(t, 30, got.get(t, "decision.retry_after_days"), 0)
		requireProblem(t, c.call(http.MethodGet, path+"/contract", nil), http.StatusConflict, underwriting.CodeNotApproved)
		requireProblem(t, c.call(http.MethodPost, path+"/acceptance", object{"contract_hash": strings.Repeat("a", 64)}), http.StatusConflict, underwriting.CodeNotApproved)
	})
	t.Run("deferred", func(t *testing.T) {
		t.Parallel()
		c := s.register("")
		got := c.call(http.MethodGet, "/api/applications/"+c.apply(wantsDeferral), nil)
		require.Equal(t, "deferred", got.get(t, "state"))
		require.Equal(t, []any{"utility"}, got.get(t, "wait_for"))
	})
	t.Run("the chain is down: the application is on record all the same", func(t *testing.T) {
		t.Parallel()
		down := newSite(t, nil)
		c := down.register("")
		down.chain.down.Store(true)
		got := c.call(http.MethodGet, "/api/applications/"+c.apply(wantsApproval), nil)
		require.Equal(t, "submitted", got.get(t, "state"))
		require.NotEmpty(t, got.get(t, "decide_by"))
		require.Contains(t, down.logs.String(), "workflow left to the sweeper")
	})
	t.Run("refusals", func(t *testing.T) {
		t.Parallel()
		c := s.register("")
		path := "/api/merchants/" + c.merchantID + "/applications"
		requireProblem(t, c.call(http.MethodPost, path, object{"amount_fen": 99_999, "purpose": "x"}), 422, underwriting.CodeAmount)
		require.Equal(t, "deferred", c.call(http.MethodGet, "/api/applications/"+c.apply(wantsDeferral), nil).get(t, "state"))
		requireProblem(t, c.call(http.MethodPost, path, object{"amount_fen": wantsApproval, "purpose": "x"}), http.StatusConflict, underwriting.CodeOpenExists)
		fresh := s.signUp("")
		requireProblem(t, fresh.call(http.MethodPost, "/api/merchants/"+fresh.merchantID+"/applications", object{"amount_fen": wantsApproval, "purpose": "x"}), http.StatusConflict, underwriting.CodeNotActive)
	})
	t.Run("lists go on by cursor", func(t *testing.T) {
		t.Parallel()
		c := s.register("")
		for range 3 {
			c.apply(wantsDecline)
		}
		var ids []any
		for cursor := ""; ; {
			page := c.call(http.MethodGet, "/api/applications?limit=1&cursor="+cursor, nil)
			require.Len(t, page.get(t, "items"), 1, page.text)
			ids = append(ids, page.get(t, "items.0.id"))
			next, more := page.get(t, "next_cursor").(string)
			if !more {
				break
			}
			cursor = next
		}
		require.Len(t, ids, 3)
		got := c.call(http.MethodGet, "/api/applications?cursor=made-up", nil)
		require.Equal(t, http.StatusUnprocessableEntity, got.status, got.text)
		requireProblem(t, c.call(http.MethodGet, "/api/applications?limit=201", nil), 422, web.CodeUnreadable)
		requireProblem(t, c.call(http.MethodGet, "/api/applications?limit=ten", nil), 422, web.CodeUnreadable)
	})
}

func TestLinesAndDraws(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	c := s.register("")
	line := "/api/lines/" + c.openLine()

	t.Run("a quote shows the annualised rate and a schedule that sums up", func(t *testing.T) { //nolint:paralleltest // a step of the story
		got := c.call(http.MethodGet, line+"/quote?amount_fen=10000000&tenor_months=12&repayment=equal_instalments", nil)
		require.Equal(t, http.StatusOK, got.status, got.text)
		// docs: 100,000.00 at 12 % in 12 equal instalments: 8,884.88 a month, 6,618.53 of interest.
		require.InDelta(t, 661_853, got.get(t, "interest_fen"), 0)
		require.InDelta(t, 1200, got.get(t, "irr_bps"), 1)
		require.Len(t, got.get(t, "schedule"), 12)
		require.InDelta(t, 888_488, got.get(t, "schedule.0.total_fen"), 0)
		require.InDelta(t, 0, got.get(t, "schedule.11.remaining_fen"), 0)
	})
	t.Run("a quote the line does not offer", func(t *testing.T) { //nolint:paralleltest // a step of the story
		for query, code := range map[string]fault.Code{
			"amount_fen=100&tenor_months=12&repayment=any_time":       drawdown.CodeAmount,
			"amount_fen=900000000&tenor_months=12&repayment=any_time": drawdown.CodeAmount,
			"amount_fen=1000000&tenor_months=7&repayment=any_time":    drawdown.CodeTenor,
			"amount_fen=1000000&tenor_months=12&repayment=bullet":     drawdown.CodeRepayment,
			"amount_fen=1000000&tenor_months=12":                      web.CodeUnreadable,
			"amount_fen=lots&tenor_months=12&repayment=any_time":      web.CodeUnreadable,
		} {
			requireProblem(t, c.call(http.MethodGet, line+"/quote?"+query, nil), 422, code)
		}
	})
	t.Run("a draw is paid and uses the line", func(t *testing.T) { //nolint:paralleltest // a step of the story
		sent := c.call(http.MethodPost, line+"/drawdowns", object{"amount_fen": 1_000_000, "tenor_months": 6, "repayment": "any_time"})
		require.Equal(t, http.StatusAccepted, sent.status, sent.text)
		got := c.call(http.MethodGet, sent.header.Get("Location"), nil)
		require.Equal(t, "paid", got.get(t, "state"))
		require.InDelta(t, 1_000_000, c.call(http.MethodGet, line, nil).get(t, "used_fen"), 0)
		require.Len(t, c.call(http.MethodGet, line+"/drawdowns", nil).get(t, "items"), 1)
		operator := s.staff(security.RoleOperator)
		books := operator.call(http.MethodGet, "/api/ops/ledger/trial-balance", nil)
		require.Equal(t, true, books.get(t, "balanced"))
		journals := operator.call(http.MethodGet, "/api/ops/ledger/journals?subject=drawdown/"+got.get(t, "id").(string), nil)
		require.Len(t, journals.get(t, "items"), 2, journals.text)
		newest := operator.call(http.MethodGet, "/api/ops/ledger/journals?limit=1&account=payout_in_transit", nil)
		require.Len(t, newest.get(t, "items"), 1, newest.text)
		older := operator.call(http.MethodGet, "/api/ops/ledger/journals?limit=1&account=payout_in_transit&cursor="+newest.get(t, "next_cursor").(string), nil)
		require.Len(t, older.get(t, "items"), 1, older.text)
		require.NotEqual(t, newest.get(t, "items"), older.get(t, "items"))
		requireProblem(t, operator.call(http.MethodGet, "/api/ops/ledger/journals?cursor=x", nil), 422, fault.CodeInvalid)
		cost := operator.call(http.MethodGet, "/api/ops/portfolio/cost", nil)
		require.Equal(t, 200, cost.status, cost.text)
		require.InDelta(t, 1, cost.get(t, "loans"), 0)
		require.Contains(t, cost.get(t, "unpriced"), "payout.paid", "the test has no price list")
		require.Equal(t, false, cost.get(t, "within"), "what has no price is never within the target")
		requireProblem(t, operator.call(http.MethodGet, "/api/ops/portfolio/cost?month=Nov", nil), 422, fault.CodeInvalid)
		past := operator.call(http.MethodGet, "/api/ops/ledger/trial-balance?at=2000-01-01T00:00:00Z", nil)
		require.NotContains(t, past.text, "1000000", past.text)
		requireProblem(t, c.call(http.MethodGet, "/api/ops/ledger/trial-balance", nil), http.StatusForbidden, web.CodeNotAllowed)
		requireProblem(t, s.staff(security.RoleAnalyst).call(http.MethodGet, "/api/ops/providers", nil), http.StatusForbidden, web.CodeNotAllowed)
	})
	t.Run("the chain is down: the draw is on record all the same", func(t *testing.T) { //nolint:paralleltest // a step of the story
		s.chain.down.Store(true)
		defer s.chain.down.Store(false)
		sent := c.call(http.MethodPost, line+"/drawdowns", object{"amount_fen": 1_000_000, "tenor_months": 6, "repayment": "any_time"})
		require.Equal(t, http.StatusAccepted, sent.status, sent.text)
		require.Equal(t, "requested", c.call(http.MethodGet, sent.header.Get("Location"), nil).get(t, "state"))
	})
	t.Run("a draw the line does not offer", func(t *testing.T) { //nolint:paralleltest // a step of the story
		requireProblem(t, c.call(http.MethodPost, line+"/drawdowns", object{"amount_fen": 1_000_000, "tenor_months": 7, "repayment": "any_time"}), 422, drawdown.CodeTenor)
		requireProblem(t, c.call(http.MethodPost, line+"/drawdowns", object{"amount_fen": 900_000_000, "tenor_months": 6, "repayment": "any_time"}), 422, drawdown.CodeAmount)
	})
	t.Run("more than is left fails, which is an answer", func(t *testing.T) { //nolint:paralleltest // a step of the story
		sent := c.call(http.MethodPost, line+"/drawdowns", object{"amount_fen": 15_000_000, "tenor_months": 6, "repayment": "any_time"})
		require.Equal(t, http.StatusAccepted, sent.status, sent.text)
		got := c.call(http.MethodGet, sent.header.Get("Location"), nil)
		require.Equal(t, "failed", got.get(t, "state"))
		require.Equal(t, string(fault.CodeInsufficientLine), got.get(t, "failure_code"))
	})
}
