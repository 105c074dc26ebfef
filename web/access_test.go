package web_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/app/audit"
	"loan310/app/security"
	"loan310/web"
)

// TestAccessEndsAtOnce takes access away while its owner is signed in.
func TestAccessEndsAtOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	system := audit.System("test")
	staffed := func(login string, role security.Role, secret string) client {
		_, err := s.deps.Security.AddStaff(t.Context(), login, "Li", secret, role, true, system)
		require.NoError(t, err)
		made := s.nobody().call(http.MethodPost, "/api/auth/staff-sessions", object{"login": login, "password": secret})
		require.Equal(t, http.StatusCreated, made.status, made.text)
		return client{site: s, cookie: made.header.Get("Set-Cookie")}
	}
	me := func(c client) reply { return c.call(http.MethodGet, "/api/auth/me", nil) }

	t.Run("a disabled person", func(t *testing.T) {
		t.Parallel()
		c := staffed("leaver", security.RoleAdmin, password)
		require.Equal(t, "admin", me(c).get(t, "role"))
		require.NoError(t, s.deps.Security.DisableStaff(t.Context(), " Leaver", system))
		requireProblem(t, me(c), http.StatusUnauthorized, web.CodeSignIn)
		requireProblem(t, c.call(http.MethodGet, "/api/ops/providers", nil), http.StatusUnauthorized, web.CodeSignIn)
		again := s.nobody().call(http.MethodPost, "/api/auth/staff-sessions", object{"login": "leaver", "password": password})
		requireProblem(t, again, http.StatusUnauthorized, security.CodeWrongLogin)
		back := staffed("leaver", security.RoleAnalyst, "another "+password)
		require.Equal(t, "analyst", me(back).get(t, "role"))
		requireProblem(t, me(c), http.StatusUnauthorized, web.CodeSignIn)
	})
	t.Run("a person whose password was replaced", func(t *testing.T) {
		t.Parallel()
		c := staffed("careless", security.RoleOperator, password)
		now := staffed("careless", security.RoleOperator, password)
		requireProblem(t, me(c), http.StatusUnauthorized, web.CodeSignIn)
		require.Equal(t, http.StatusOK, me(now).status)
	})
	t.Run("a platform's revoked key", func(t *testing.T) {
		t.Parallel()
		plain, err := s.deps.Security.AddAPIKey(t.Context(), "leaving", "", system)
		require.NoError(t, err)
		kept, err := s.deps.Security.AddAPIKey(t.Context(), "leaving", "", system)
		require.NoError(t, err)
		require.NotEqual(t, plain, kept)
		c := client{site: s, bearer: plain}
		require.Equal(t, "leaving", me(c).get(t, "platform_id"))
		key, err := s.deps.Security.Platform(t.Context(), plain)
		require.NoError(t, err)
		require.NoError(t, s.deps.Security.RevokeAPIKey(t.Context(), key.ID, system))
		requireProblem(t, me(c), http.StatusUnauthorized, security.CodeBadKey)
		require.Equal(t, http.StatusOK, me(client{site: s, bearer: kept}).status, "the platform's other key")
	})
}
