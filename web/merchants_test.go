package web_test

import (
	"context"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/app/fault"
	"loan310/app/ident"
	"loan310/app/merchant"
	"loan310/app/security"
	"loan310/scoring/evidence"
	"loan310/web"
)

func TestRegistration(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]string{"by the merchant": "", "by its platform": platformKey} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, nil)
			c := s.register(key)
			got := c.call(http.MethodGet, "/api/merchants/"+c.merchantID, nil)
			require.Equal(t, "active", got.get(t, "state"))
			require.Empty(t, got.get(t, "next_step"))
			for i, step := range merchant.Steps {
				at := got.get(t, "steps").([]any)[i].(object)
				require.Equal(t, string(step), at["step"])
				require.Equal(t, "verified", at["state"])
			}
			require.Regexp(t, `^\+86138\*\*\*\*\d{4}$`, got.get(t, "phone"))
			require.Equal(t, "1***************2X", got.get(t, "legal_representative.identity_number"))
			require.Equal(t, "王**", got.get(t, "legal_representative.name"))
			require.Equal(t, "************7893", got.get(t, "payout_account.account_number"))
			require.Equal(t, "bank", got.get(t, "payout_account.rail"))
			require.Len(t, got.get(t, "consents"), len(evidence.Sources))
		})
	}
}

func TestRegistrationRefusals(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	c := s.signUp("")
	base := "/api/merchants/" + c.merchantID
	tests := []struct {
		name, path string
		body       object
		status     int
		code       fault.Code
		field      string
	}{
		{"a licence that was mistyped", "/licence", object{"licence_number": "91350100M000100Y4Z"}, 422, ident.CodeLicence, "licence_number"},
		{"a licence the registry does not know", "/licence", object{"licence_number": plainLicence}, 422, merchant.CodeLicenceUnknown, "licence_number"},
		{"a person before the licence", "/legal-representative", object{"name": s.secret(plainName), "identity_number": s.secret(plainIdentity)}, 409, merchant.CodeStepOrder, ""},
		{"an identity number that was mistyped", "/legal-representative", object{"name": "李", "identity_number": s.secret("110105194912310021")}, 422, ident.CodeIdentity, "identity_number"},
		{"a card that was mistyped", "/payout-account", object{"rail": "bank", "account_number": s.secret("6123451234567894")}, 422, ident.CodeCard, "account_number"},
		{"a rail there is none of", "/payout-account", object{"rail": "cash", "account_number": s.secret(plainAccount)}, 422, web.CodeUnreadable, "rail"},
		{"an old wording", "/consents", object{"version": "2025-01", "language": "en", "sources": []string{"bank"}}, 422, merchant.CodeConsentVersion, "version"},
		{"a source there is none of", "/consents", object{"version": merchant.ConsentVersion, "language": "en", "sources": []string{"diary"}}, 422, web.CodeUnreadable, ""},
		{"consents without the bureau", "/consents", object{"version": merchant.ConsentVersion, "language": "en", "sources": []string{"registry"}}, 422, fault.CodeInvalid, "sources"},
	}
	for _, test := range tests { //nolint:paralleltest // steps of the story
		t.Run(test.name, func(t *testing.T) {
			got := c.call(http.MethodPut, base+test.path, test.body)
			requireProblem(t, got, test.status, test.code)
			if test.field != "" {
				require.Equal(t, test.field, got.get(t, "field"))
			}
		})
	}
	t.Run("a rejected step shows", func(t *testing.T) { //nolint:paralleltest // a step of the story
		got := c.call(http.MethodGet, base, nil)
		require.Equal(t, "rejected", got.get(t, "steps.1.state"))
		require.Equal(t, "licence", got.get(t, "next_step"))
	})
	t.Run("the chain is down: 503 and the key is free again", func(t *testing.T) { //nolint:paralleltest // a step of the story
		s.chain.down.Store(true)
		key := set("Idempotency-Key", "retried")
		body := object{"licence_number": s.licence()}
		got := c.call(http.MethodPut, base+"/licence", body, key)
		requireProblem(t, got, http.StatusServiceUnavailable, "workflows_unavailable")
		require.NotEmpty(t, got.header.Get("Retry-After"))
		s.chain.down.Store(false)
		got = c.call(http.MethodPut, base+"/licence", body, key)
		require.Equal(t, http.StatusOK, got.status, got.text)
		require.Empty(t, got.header.Get("Idempotency-Replayed"))
	})
}

func TestConsents(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)

	t.Run("the wording names every source in both languages", func(t *testing.T) {
		t.Parallel()
		for _, language := range []string{"zh-CN", "en"} {
			got := s.nobody().call(http.MethodGet, "/api/consent-texts?language="+language, nil)
			require.Equal(t, http.StatusOK, got.status)
			require.Equal(t, merchant.ConsentVersion, got.get(t, "version"))
			require.Equal(t, language, got.get(t, "language"))
			require.Len(t, got.get(t, "sources"), len(evidence.Sources))
			for _, one := range got.get(t, "sources").([]any) {
				for _, field := range []string{"title", "from", "what", "why"} {
					require.NotEmpty(t, one.(object)[field])
				}
			}
		}
		requireProblem(t, s.nobody().call(http.MethodGet, "/api/consent-texts?language=fr", nil), 422, web.CodeUnreadable)
	})
	t.Run("withdrawing", func(t *testing.T) {
		t.Parallel()
		c := s.register("")
		got := c.call(http.MethodDelete, "/api/merchants/"+c.merchantID+"/consents/bank", nil)
		require.Equal(t, http.StatusOK, got.status, got.text)
		require.Contains(t, got.text, `"withdrawn_at"`)
		got = c.call(http.MethodDelete, "/api/merchants/"+c.merchantID+"/consents/diary", nil)
		requireProblem(t, got, 422, web.CodeUnreadable)
	})
}

// TestWhoMaySee goes through every path that names a record: others' answer
// 404, nobody 401, and staff as the table of permissions says.
func TestWhoMaySee(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	owner, stranger, platform, other := s.register(""), s.signUp(""), s.register(platformKey), client{site: s, bearer: otherKey}
	staff := map[security.Role]client{}
	for _, role := range []security.Role{security.RoleOperator, security.RoleAnalyst, security.RoleAdmin, security.RoleCollections} {
		staff[role] = s.staff(role)
	}
	deciders := []security.Role{security.RoleOperator, security.RoleAnalyst, security.RoleAdmin}
	operators := []security.Role{security.RoleOperator, security.RoleAdmin}
	for _, c := range []client{owner, platform} {
		line := c.openLine()
		draw := c.call(http.MethodPost, "/api/lines/"+line+"/drawdowns", object{"amount_fen": 1_000_000, "tenor_months": 6, "repayment": "any_time"})
		list := c.call(http.MethodGet, "/api/applications?merchant_id="+c.merchantID, nil)
		application, decision := list.get(t, "items.0.id").(string), list.get(t, "items.0.decision_id").(string)
		tests := []struct {
			path  string
			roles []security.Role
		}{
			{"/api/merchants/" + c.merchantID, operators},
			{"/api/merchants/" + c.merchantID + "/lines", deciders},
			{"/api/applications/" + application, deciders},
			{"/api/applications/" + application + "/contract", deciders},
			{"/api/applications/" + application + "/events", deciders},
			{"/api/decisions/" + decision, deciders},
			{"/api/lines/" + line, deciders},
			{"/api/lines/" + line + "/quote?amount_fen=1000000&tenor_months=6&repayment=any_time", deciders},
			{"/api/lines/" + line + "/drawdowns", deciders},
			{"/api/drawdowns/" + draw.get(t, "id").(string), deciders},
		}
		for _, test := range tests {
			require.Equal(t, http.StatusOK, c.call(http.MethodGet, test.path, nil).status, test.path)
			requireProblem(t, stranger.call(http.MethodGet, test.path, nil), http.StatusNotFound, fault.CodeNotFound)
			requireProblem(t, other.call(http.MethodGet, test.path, nil), http.StatusNotFound, fault.CodeNotFound)
			requireProblem(t, s.nobody().call(http.MethodGet, test.path, nil), http.StatusUnauthorized, web.CodeSignIn)
			for role, member := range staff {
				want := http.StatusForbidden
				if slices.Contains(test.roles, role) {
					want = http.StatusOK
				}
				require.Equal(t, want, member.call(http.MethodGet, test.path, nil).status, "%s %s", role, test.path)
			}
		}
	}
	t.Run("writes on others' records", func(t *testing.T) { //nolint:paralleltest // a step of the story
		for _, path := range []string{"/licence", "/legal-representative", "/payout-account"} {
			body := map[string]object{
				"/licence": {"licence_number": s.licence()}, "/legal-representative": {"name": s.secret(plainName), "identity_number": s.secret(plainIdentity)},
				"/payout-account": {"rail": "bank", "account_number": s.secret(plainAccount)},
			}[path]
			requireProblem(t, stranger.call(http.MethodPut, "/api/merchants/"+owner.merchantID+path, body), http.StatusNotFound, fault.CodeNotFound)
			requireProblem(t, other.call(http.MethodPut, "/api/merchants/"+platform.merchantID+path, body), http.StatusNotFound, fault.CodeNotFound)
			requireProblem(t, staff[security.RoleOperator].call(http.MethodPut, "/api/merchants/"+owner.merchantID+path, body), http.StatusForbidden, web.CodeNotAllowed)
		}
		requireProblem(t, stranger.call(http.MethodDelete, "/api/merchants/"+owner.merchantID+"/consents/bank", nil), http.StatusNotFound, fault.CodeNotFound)
		requireProblem(t, stranger.call(http.MethodPost, "/api/merchants/"+owner.merchantID+"/applications", object{"amount_fen": wantsApproval, "purpose": "x"}), http.StatusNotFound, fault.CodeNotFound)
		requireProblem(t, s.nobody().call(http.MethodPost, "/api/merchants/"+owner.merchantID+"/applications", object{}), http.StatusUnauthorized, web.CodeSignIn)
		line := owner.call(http.MethodGet, "/api/merchants/"+owner.merchantID+"/lines", nil).get(t, "items.0.id").(string)
		requireProblem(t, stranger.call(http.MethodPost, "/api/lines/"+line+"/drawdowns", object{"amount_fen": 1_000_000, "tenor_months": 6, "repayment": "any_time"}), http.StatusNotFound, fault.CodeNotFound)
	})
	t.Run("what is nobody's", func(t *testing.T) { //nolint:paralleltest // a step of the story
		for _, path := range []string{"/api/merchants/x", "/api/applications/x", "/api/decisions/x", "/api/lines/x", "/api/drawdowns/x", "/api/applications/x/events"} {
			requireProblem(t, staff[security.RoleAdmin].call(http.MethodGet, path, nil), http.StatusNotFound, fault.CodeNotFound)
		}
	})
	t.Run("lists", func(t *testing.T) { //nolint:paralleltest // a step of the story
		require.Len(t, owner.call(http.MethodGet, "/api/applications", nil).get(t, "items"), 1)
		require.Empty(t, stranger.call(http.MethodGet, "/api/applications?merchant_id="+owner.merchantID, nil).get(t, "items"))
		require.Len(t, staff[security.RoleAnalyst].call(http.MethodGet, "/api/applications", nil).get(t, "items"), 2)
		requireProblem(t, platform.call(http.MethodGet, "/api/applications", nil), 422, web.CodeFilterNeeded)
		requireProblem(t, platform.call(http.MethodGet, "/api/applications?merchant_id="+owner.merchantID, nil), http.StatusNotFound, fault.CodeNotFound)
	})
}

func TestEveryOperationIsInTheTable(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	admin := s.staff(security.RoleAdmin)
	for path, item := range s.document.Paths.Map() {
		for method, op := range item.Operations() {
			if op.Security == nil || len(*op.Security) == 0 {
				require.Contains(t, []string{"request-code", "create-session", "create-staff-session", "delete-session", "list-consent-texts"}, op.OperationID, "%s %s is open to all", method, path)
			}
		}
	}
	got := admin.call(http.MethodGet, "/api/ops/providers", nil)
	require.Equal(t, http.StatusOK, got.status)
	require.Equal(t, "bureau", got.get(t, "items.0.name"))
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(d *web.Deps) {
		d.Ready = append(d.Ready, web.Check{Name: "third", Check: func(context.Context) error { return nil }})
	})
	got := s.nobody().call(http.MethodGet, "/readyz", nil)
	require.Equal(t, http.StatusOK, got.status)
	require.Equal(t, "ok", got.get(t, "checks.database"))
	s.chain.down.Store(true)
	got = s.nobody().call(http.MethodGet, "/readyz", nil)
	require.Equal(t, http.StatusServiceUnavailable, got.status)
	require.Equal(t, "workflows_unavailable", got.get(t, "checks.temporal"))
	require.Equal(t, "ok", got.get(t, "checks.third"))
	require.Equal(t, http.StatusOK, s.nobody().call(http.MethodGet, "/livez", nil).status)
}
