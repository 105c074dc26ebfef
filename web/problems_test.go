package web_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/app/fault"
	"loan310/app/merchant"
	"loan310/web"
)

// TestNothingIsEchoed sends what cannot be read; the answer says where, and
// never what was sent.
func TestNothingIsEchoed(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	c := s.signUp("")
	base := "/api/merchants/" + c.merchantID
	secret := s.secret("13912345678")
	tests := []struct {
		name, method, path, body string
		status                   int
		code                     fault.Code
		field                    string
	}{
		{"no JSON", http.MethodPut, base + "/licence", `{"licence_number": ` + secret, 400, web.CodeMalformed, ""},
		{"JSON of another kind", http.MethodPut, base + "/licence", `"` + secret + `"`, 422, web.CodeUnreadable, "body"},
		{"two JSON values", http.MethodPut, base + "/licence", `{"licence_number": "x"} "` + secret + `"`, 400, web.CodeMalformed, ""},
		{"no body", http.MethodPut, base + "/licence", "", 400, web.CodeMalformed, ""},
		{"a field missing", http.MethodPut, base + "/licence", `{}`, 422, web.CodeUnreadable, "body"},
		{"a wrong type", http.MethodPut, base + "/licence", `{"licence_number": ` + secret + `}`, 422, web.CodeUnreadable, "body.licence_number"},
		{"too long", http.MethodPut, base + "/licence", `{"licence_number": "` + strings.Repeat(secret, 9) + `"}`, 422, web.CodeUnreadable, "body.licence_number"},
		{"a field in another case", http.MethodPut, base + "/licence", `{"licence_number": "x", "Licence_Number": "y"}`, 422, web.CodeUnreadable, "body"},
		{"an unknown field", http.MethodPut, base + "/licence", `{"licence_number": "x", "nick_name": "` + secret + `"}`, 422, web.CodeUnreadable, "body.nick_name"},
		{"an unknown field with a telling name", http.MethodPut, base + "/licence", `{"licence_number": "x", "` + secret + `": 1}`, 422, web.CodeUnreadable, "body"},
		{"an amount with a fraction", http.MethodPost, base + "/applications", `{"amount_fen": 139123.45678, "purpose": "x"}`, 422, web.CodeUnreadable, "body.amount_fen"},
		{"an amount as text", http.MethodPost, base + "/applications", `{"amount_fen": "` + secret + `", "purpose": "x"}`, 422, web.CodeUnreadable, "body.amount_fen"},
		{"an amount beyond all numbers", http.MethodPost, base + "/applications", `{"amount_fen": 1e400, "purpose": "x"}`, 400, web.CodeMalformed, ""},
		{"an amount beyond integers", http.MethodPost, base + "/applications", `{"amount_fen": 1e30, "purpose": "x"}`, 422, web.CodeUnreadable, "body.amount_fen"},
		{"an amount in exponents", http.MethodPost, base + "/applications", `{"amount_fen": 2e7, "purpose": "x"}`, 422, web.CodeUnreadable, "body"},
		{"a value of no list", http.MethodPut, base + "/payout-account", `{"rail": "` + secret + `", "account_number": "1"}`, 422, web.CodeUnreadable, "body.rail"},
		{"a query of no list", http.MethodGet, "/api/consent-texts?language=" + secret, "", 422, web.CodeUnreadable, "query.language"},
		{"a query of no number", http.MethodGet, "/api/applications?limit=" + secret + "x", "", 422, web.CodeUnreadable, "query.limit"},
		{"a path of no list", http.MethodDelete, base + "/consents/" + secret, "", 422, web.CodeUnreadable, "path.source"},
		{"a path of no record", http.MethodGet, "/api/lines/" + secret, "", 404, fault.CodeNotFound, ""},
		{"a path of nothing", http.MethodGet, "/api/" + secret, "", 404, web.CodeNoRoute, ""},
		{"a method of none", http.MethodPatch, base, "", 405, web.CodeMethod, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var body any
			if test.body != "" {
				body = test.body
			}
			got := c.call(test.method, test.path, body)
			requireProblem(t, got, test.status, test.code)
			require.NotContains(t, got.text, "139123")
			require.NotContains(t, got.text, "Go value")
			if test.field != "" {
				require.Equal(t, test.field, got.get(t, "errors.0.field"), got.text)
			}
		})
	}
	t.Run("another media type", func(t *testing.T) {
		t.Parallel()
		got := c.call(http.MethodPut, base+"/licence", "licence_number="+secret, set("Content-Type", "application/x-www-form-urlencoded"))
		requireProblem(t, got, http.StatusUnsupportedMediaType, web.CodeMediaType)
	})
	t.Run("too large a body", func(t *testing.T) {
		t.Parallel()
		got := c.call(http.MethodPut, base+"/licence", `{"licence_number": "`+strings.Repeat("x", 1<<20)+`"}`)
		requireProblem(t, got, http.StatusRequestEntityTooLarge, web.CodeTooLarge)
	})
}

// TestKinds holds every kind of fault against the status it becomes.
func TestKinds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		err    error
		status int
		code   fault.Code
		wait   bool
	}{
		{fault.New(fault.Invalid, "a", "text"), 422, "a", false},
		{fault.New(fault.Unauthorized, "b", "text"), 401, "b", false},
		{fault.New(fault.Forbidden, "c", "text"), 403, "c", false},
		{fault.New(fault.NotFound, "d", "text"), 404, "d", false},
		{fault.New(fault.Conflict, "e", "text"), 409, "e", false},
		{fault.New(fault.Mismatch, "f", "text"), 422, "f", false},
		{fault.New(fault.Unavailable, "h", "text"), 503, "h", true},
		{fault.New(fault.Internal, "i", "hidden words"), 500, fault.CodeInternal, false},
		{errors.New("hidden words"), 500, fault.CodeInternal, false},
	}
	for _, test := range tests {
		t.Run(test.err.Error(), func(t *testing.T) {
			t.Parallel()
			s := newSite(t, func(d *web.Deps) { d.Chain = failing{d.Chain, test.err} })
			c := s.signUp("")
			got := c.call(http.MethodPut, "/api/merchants/"+c.merchantID+"/licence", object{"licence_number": "x"})
			requireProblem(t, got, test.status, test.code)
			require.Equal(t, test.wait, got.header.Get("Retry-After") != "")
			require.NotContains(t, got.text, "hidden words")
			wantLogged := 0
			if test.status >= 500 {
				wantLogged = 1
			}
			require.Equal(t, wantLogged, strings.Count(s.logs.String(), "request failed"))
		})
	}
}

// TestLogs reads the access log: templates, never paths, and one line each.
func TestLogs(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	c := s.register("")
	got := c.call(http.MethodGet, "/api/merchants/"+c.merchantID, nil)
	found := 0
	for line := range strings.Lines(s.logs.String()) {
		var entry object
		require.NoError(t, json.Unmarshal([]byte(line), &entry))
		if entry["request_id"] == got.header.Get("X-Request-Id") {
			found++
			require.Equal(t, "/api/merchants/:id", entry["route"])
			require.Equal(t, "merchant", entry["caller"])
			require.InDelta(t, 200, entry["status"], 0)
		}
		require.NotContains(t, line, "127.0.0.1")
	}
	require.Equal(t, 1, found)
	require.NotContains(t, s.logs.String(), string(merchant.StepLegalRep)+"/")
	metrics := s.nobody().call(http.MethodGet, "/metrics", nil)
	require.Contains(t, metrics.text, `loan310_http_requests_total{method="GET",route="/api/merchants/:id",status="200"} 1`)
	require.NotContains(t, metrics.text, c.merchantID)
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(d *web.Deps) { d.SecureCookies = true })
	for _, path := range []string{"/", "/docs", "/api/auth/me", "/nothing", "/livez"} {
		header := s.nobody().call(http.MethodGet, path, nil).header
		require.Equal(t, "nosniff", header.Get("X-Content-Type-Options"), path)
		require.Equal(t, "DENY", header.Get("X-Frame-Options"), path)
		require.Equal(t, "no-referrer", header.Get("Referrer-Policy"), path)
		require.Contains(t, header.Get("Content-Security-Policy"), "frame-ancestors 'none'", path)
		require.NotEmpty(t, header.Get("Strict-Transport-Security"), path)
		require.NotEmpty(t, header.Get("X-Request-Id"), path)
		require.Equal(t, "true", header.Get("X-Loan310-Demo"), path)
	}
	require.Equal(t, "no-store", s.nobody().call(http.MethodGet, "/api/auth/me", nil).header.Get("Cache-Control"))
}
