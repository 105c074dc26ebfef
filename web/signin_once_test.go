package web_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/app/audit"
	"loan310/app/clock"
	"loan310/app/fault"
	"loan310/app/security"
	"loan310/web"
)

func once(key string) func(*http.Request) { return set("Idempotency-Key", key) }

func (r reply) cookie() string {
	cookie, _, _ := strings.Cut(r.header.Get("Set-Cookie"), ";")
	return cookie
}

func TestOneCodeForOneKey(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	nobody, phone := s.nobody(), s.phone()
	first := nobody.call(http.MethodPost, "/api/auth/codes", object{"phone": phone}, once("code-1"))
	require.Equal(t, http.StatusAccepted, first.status, first.text)
	sent := s.phones.sent("+86" + phone)
	again := nobody.call(http.MethodPost, "/api/auth/codes", object{"phone": phone}, once("code-1"))
	require.Equal(t, first.text, again.text)
	require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))
	require.Equal(t, 1, sent)
	require.Equal(t, 1, s.phones.sent("+86"+phone), "no second code")
	other := nobody.call(http.MethodPost, "/api/auth/codes", object{"phone": s.phone()}, once("code-1"))
	requireProblem(t, other, http.StatusUnprocessableEntity, fault.CodeKeyReused)
	requireProblem(t, nobody.call(http.MethodPost, "/api/auth/codes", object{"phone": phone}, once("")), http.StatusBadRequest, web.CodeKeyRequired)
	platform := client{site: s, bearer: platformKey}
	require.Equal(t, http.StatusAccepted, platform.call(http.MethodPost, "/api/auth/codes", object{"phone": s.phone()}, once("code-1")).status, "a platform's keys are its own")
}

func TestSignInAgainAfterALostAnswer(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var ahead time.Duration
	s := newSite(t, func(d *web.Deps) {
		d.Now = func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return clock.System().Add(ahead)
		}
	})
	nobody, phone := s.nobody(), s.phone()
	sent := nobody.call(http.MethodPost, "/api/auth/codes", object{"phone": phone})
	body := object{"challenge_id": sent.get(t, "challenge_id"), "code": s.phones.code("+86" + phone)}
	lost := nobody.call(http.MethodPost, "/api/auth/sessions", body, once("sign-in"))
	require.Equal(t, http.StatusCreated, lost.status, lost.text)
	for name, c := range map[string]client{"without a cookie": nobody, "with an old cookie": {site: s, cookie: "loan310_session=over"}, "with the new one": {site: s, cookie: lost.cookie()}} {
		again := c.call(http.MethodPost, "/api/auth/sessions", body, once("sign-in"))
		require.Equal(t, http.StatusCreated, again.status, name)
		require.Equal(t, lost.text, again.text, name)
		require.Equal(t, "true", again.header.Get("Idempotency-Replayed"), name)
		me := client{site: s, cookie: again.cookie()}.call(http.MethodGet, "/api/auth/me", nil)
		require.Equal(t, lost.get(t, "merchant_id"), me.get(t, "merchant_id"), name)
	}
	wrong := nobody.call(http.MethodPost, "/api/auth/sessions", object{"challenge_id": body["challenge_id"], "code": "000000"}, once("sign-in"))
	requireProblem(t, wrong, http.StatusUnprocessableEntity, fault.CodeKeyReused)
	require.Empty(t, wrong.header.Get("Set-Cookie"))

	mu.Lock()
	ahead = security.CodeLife + time.Second // the kept answer is over: the code was used
	mu.Unlock()
	late := nobody.call(http.MethodPost, "/api/auth/sessions", body, once("sign-in"))
	requireProblem(t, late, http.StatusUnprocessableEntity, security.CodeExpired)
	require.Empty(t, late.header.Get("Set-Cookie"))
}

func TestStaffSignInAgainAndOut(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	_, err := s.deps.Security.AddStaff(t.Context(), "wang", "Wang", password, security.RoleOperator, true, audit.System("test"))
	require.NoError(t, err)
	body := object{"login": "wang", "password": password}
	first := s.nobody().call(http.MethodPost, "/api/auth/staff-sessions", body, once("desk"))
	second := s.nobody().call(http.MethodPost, "/api/auth/staff-sessions", body, once("desk"))
	require.Equal(t, http.StatusCreated, first.status, first.text)
	require.Equal(t, first.cookie(), second.cookie())
	refused := s.nobody().call(http.MethodPost, "/api/auth/staff-sessions", object{"login": "wang", "password": "x"}, once("typo"))
	requireProblem(t, refused, http.StatusUnauthorized, security.CodeWrongLogin)
	mended := s.nobody().call(http.MethodPost, "/api/auth/staff-sessions", body, once("typo"))
	require.Equal(t, http.StatusCreated, mended.status, "a refused sign-in frees its key")

	desk := client{site: s, cookie: first.cookie()}
	for range 2 {
		out := desk.call(http.MethodDelete, "/api/auth/session", nil, once("out"))
		require.Equal(t, http.StatusNoContent, out.status, out.text)
		require.Contains(t, out.header.Get("Set-Cookie"), "Max-Age=0")
	}
	requireProblem(t, desk.call(http.MethodGet, "/api/auth/me", nil), http.StatusUnauthorized, web.CodeSignIn)
	bystander := client{site: s, cookie: mended.cookie()}
	require.Equal(t, http.StatusOK, bystander.call(http.MethodGet, "/api/auth/me", nil).status, "another session of the same person goes on")
	require.Equal(t, http.StatusNoContent, s.nobody().call(http.MethodDelete, "/api/auth/session", nil, once("out")).status)
}

// TestSignInLeavesNoSecret reads the database after sign-ins and their
// repeats: no token, no code's hash without a key, no password.
func TestSignInLeavesNoSecret(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	c := s.signUp("")
	desk := s.staff(security.RoleOperator)
	text := s.bytes(t)
	require.Contains(t, text, "idempotency_keys", "the search finds what there is")
	require.Contains(t, text, "/api/auth/sessions")
	for _, cookie := range []string{c.cookie, desk.cookie} {
		_, token, _ := strings.Cut(cookie, "=")
		require.NotEmpty(t, token)
		requireAbsent(t, text, token)
	}
	requireAbsent(t, text, password)
}

// requireAbsent does not print megabytes of database, as NotContains would.
func requireAbsent(t *testing.T, text, secret string) {
	t.Helper()
	require.Zero(t, strings.Count(text, secret), "a secret is readable")
}
