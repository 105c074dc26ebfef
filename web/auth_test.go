package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/app/audit"
	"loan310/app/ident"
	"loan310/app/security"
	"loan310/web"
)

func TestSignIn(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(d *web.Deps) { d.SecureCookies = true })
	nobody := s.nobody()

	t.Run("a code answers alike for phones known and unknown", func(t *testing.T) {
		t.Parallel()
		phone := s.phone()
		first := nobody.call(http.MethodPost, "/api/auth/codes", object{"phone": phone})
		made := nobody.call(http.MethodPost, "/api/auth/sessions", object{"challenge_id": first.get(t, "challenge_id"), "code": s.phones.code("+86" + phone)})
		require.Equal(t, true, made.get(t, "new"))
		require.Equal(t, "licence", made.get(t, "next_step"))
		second := nobody.call(http.MethodPost, "/api/auth/codes", object{"phone": phone})
		require.Equal(t, first.status, second.status)
		for _, sent := range []reply{first, second} {
			var fields object
			sent.into(t, &fields)
			require.Len(t, fields, 2)
			require.Contains(t, fields, "expires_at")
		}
		again := nobody.call(http.MethodPost, "/api/auth/sessions", object{"challenge_id": second.get(t, "challenge_id"), "code": s.phones.code("+86" + phone)})
		require.Equal(t, false, again.get(t, "new"))
		require.Equal(t, made.get(t, "merchant_id"), again.get(t, "merchant_id"))
	})
	t.Run("the cookie is for us alone", func(t *testing.T) {
		t.Parallel()
		phone := s.phone()
		sent := nobody.call(http.MethodPost, "/api/auth/codes", object{"phone": phone})
		made := nobody.call(http.MethodPost, "/api/auth/sessions", object{"challenge_id": sent.get(t, "challenge_id"), "code": s.phones.code("+86" + phone)})
		cookie := made.header.Get("Set-Cookie")
		for _, want := range []string{"loan310_session=", "HttpOnly", "Secure", "SameSite=Lax", "Path=/", "Max-Age="} {
			require.Contains(t, cookie, want)
		}
	})
	t.Run("a wrong code is refused", func(t *testing.T) {
		t.Parallel()
		sent := nobody.call(http.MethodPost, "/api/auth/codes", object{"phone": s.phone()})
		got := nobody.call(http.MethodPost, "/api/auth/sessions", object{"challenge_id": sent.get(t, "challenge_id"), "code": "000000x"})
		requireProblem(t, got, http.StatusUnprocessableEntity, security.CodeWrongCode)
		require.Empty(t, got.header.Get("Set-Cookie"))
		got = nobody.call(http.MethodPost, "/api/auth/sessions", object{"challenge_id": "none", "code": "000000"})
		requireProblem(t, got, http.StatusUnprocessableEntity, security.CodeWrongCode)
	})
	t.Run("no phone", func(t *testing.T) {
		t.Parallel()
		got := nobody.call(http.MethodPost, "/api/auth/codes", object{"phone": "010-0000"})
		requireProblem(t, got, http.StatusUnprocessableEntity, ident.CodePhone)
		require.Equal(t, "phone", got.get(t, "field"))
	})
	t.Run("signing out ends the session", func(t *testing.T) {
		t.Parallel()
		c := s.signUp("")
		me := c.call(http.MethodGet, "/api/auth/me", nil)
		require.Equal(t, "merchant", me.get(t, "kind"))
		require.Equal(t, c.merchantID, me.get(t, "merchant_id"))
		out := c.call(http.MethodDelete, "/api/auth/session", nil)
		require.Equal(t, http.StatusNoContent, out.status, out.text)
		require.Contains(t, out.header.Get("Set-Cookie"), "Max-Age=0")
		requireProblem(t, c.call(http.MethodGet, "/api/auth/me", nil), http.StatusUnauthorized, web.CodeSignIn)
	})
	t.Run("signing in again takes a new token and ends the old one", func(t *testing.T) {
		t.Parallel()
		c := s.signUp("")
		phone := s.phone()
		sent := c.call(http.MethodPost, "/api/auth/codes", object{"phone": phone})
		made := c.call(http.MethodPost, "/api/auth/sessions", object{"challenge_id": sent.get(t, "challenge_id"), "code": s.phones.code("+86" + phone)})
		fresh, _, _ := strings.Cut(made.header.Get("Set-Cookie"), ";")
		require.NotEqual(t, c.cookie, fresh)
		requireProblem(t, c.call(http.MethodGet, "/api/auth/me", nil), http.StatusUnauthorized, web.CodeSignIn)
		c.cookie = fresh
		require.Equal(t, made.get(t, "merchant_id"), c.call(http.MethodGet, "/api/auth/me", nil).get(t, "merchant_id"))
	})
	t.Run("a made-up cookie is nobody's", func(t *testing.T) {
		t.Parallel()
		c := client{site: s, cookie: "loan310_session=made-up"}
		requireProblem(t, c.call(http.MethodGet, "/api/auth/me", nil), http.StatusUnauthorized, web.CodeSignIn)
	})
	t.Run("staff", func(t *testing.T) {
		t.Parallel()
		c := s.staff(security.RoleAnalyst)
		me := c.call(http.MethodGet, "/api/auth/me", nil)
		require.Equal(t, "staff", me.get(t, "kind"))
		require.Equal(t, "analyst", me.get(t, "role"))
		wrong := nobody.call(http.MethodPost, "/api/auth/staff-sessions", object{"login": "nobody", "password": "x"})
		requireProblem(t, wrong, http.StatusUnauthorized, security.CodeWrongLogin)
	})
}

func TestPlatformSignIn(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	c := s.signUp(platformKey)
	require.Empty(t, c.cookie, "a platform gets no cookie")
	got := c.call(http.MethodGet, "/api/merchants/"+c.merchantID, nil)
	require.Equal(t, "taobao", got.get(t, "platform_id"))
	me := c.call(http.MethodGet, "/api/auth/me", nil)
	require.Equal(t, "platform", me.get(t, "kind"))

	t.Run("a phone registered elsewhere stays there", func(t *testing.T) {
		t.Parallel()
		phone := s.phone()
		for _, key := range []string{otherKey, platformKey} {
			c := client{site: s, bearer: key}
			sent := c.call(http.MethodPost, "/api/auth/codes", object{"phone": phone})
			got := c.call(http.MethodPost, "/api/auth/sessions", object{"challenge_id": sent.get(t, "challenge_id"), "code": s.phones.code("+86" + phone)})
			if key == otherKey {
				require.Equal(t, http.StatusCreated, got.status, got.text)
				continue
			}
			requireProblem(t, got, http.StatusConflict, web.CodeElsewhere)
		}
	})
	t.Run("a wrong key", func(t *testing.T) {
		t.Parallel()
		for _, header := range []string{"Bearer wrong", "Basic bDpw", "Bearer "} {
			got := s.nobody().call(http.MethodGet, "/api/auth/me", nil, set("Authorization", header))
			requireProblem(t, got, http.StatusUnauthorized, security.CodeBadKey)
		}
	})
}

func TestDemoCredentialsInProduction(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(d *web.Deps) { d.Demo = false })
	got := client{site: s, bearer: platformKey}.call(http.MethodGet, "/api/auth/me", nil)
	requireProblem(t, got, http.StatusUnauthorized, security.CodeBadKey)
	require.Empty(t, got.header.Get("X-Loan310-Demo"))
	_, err := s.deps.Security.AddStaff(t.Context(), "demo", "Demo", password, security.RoleAdmin, true, audit.System("test"))
	require.NoError(t, err)
	got = s.nobody().call(http.MethodPost, "/api/auth/staff-sessions", object{"login": "demo", "password": password})
	requireProblem(t, got, http.StatusUnauthorized, security.CodeWrongLogin)
}

func TestLimits(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		limits web.Limits
		path   string
		body   func(s *site) object
	}{
		{"codes asked for by one address", web.Limits{CodesPerCaller: web.Rate{PerMinute: 1, Burst: 2}}, "/api/auth/codes", func(s *site) object { return object{"phone": s.phone()} }},
		{"codes sent to one phone", web.Limits{CodesPerPhone: web.Rate{PerMinute: 1, Burst: 2}}, "/api/auth/codes", func(*site) object { return object{"phone": "13800000000"} }},
		{"codes tried by one address", web.Limits{SessionsPerIP: web.Rate{PerMinute: 1, Burst: 2}}, "/api/auth/sessions", func(*site) object { return object{"challenge_id": "x", "code": "123456"} }},
		{"passwords tried by one address", web.Limits{LoginsPerIP: web.Rate{PerMinute: 1, Burst: 2}}, "/api/auth/staff-sessions", func(s *site) object { return object{"login": s.phone(), "password": "x"} }},
		{"passwords tried for one login", web.Limits{LoginsPerPerson: web.Rate{PerMinute: 1, Burst: 2}}, "/api/auth/staff-sessions", func(*site) object { return object{"login": "li", "password": "x"} }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, func(d *web.Deps) { d.Limits = test.limits })
			for range 2 {
				require.NotEqual(t, http.StatusTooManyRequests, s.nobody().call(http.MethodPost, test.path, test.body(s)).status)
			}
			got := s.nobody().call(http.MethodPost, test.path, test.body(s))
			requireProblem(t, got, http.StatusTooManyRequests, web.CodeTooOften)
			require.Regexp(t, `^([1-9]|[1-5]\d|60)$`, got.header.Get("Retry-After"))
		})
	}
	t.Run("codes sent to one phone within an hour", func(t *testing.T) {
		t.Parallel()
		s := newSite(t, nil)
		phone := s.phone()
		for range security.MaxCodesPerHour {
			require.Equal(t, http.StatusAccepted, s.nobody().call(http.MethodPost, "/api/auth/codes", object{"phone": phone}).status)
		}
		requireProblem(t, s.nobody().call(http.MethodPost, "/api/auth/codes", object{"phone": phone}), http.StatusTooManyRequests, security.CodeTooMany)
	})
}

func TestCrossSite(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	c := s.signUp("")
	host := strings.TrimPrefix(s.server.URL, "http:/"+"/")
	tests := []struct {
		name         string
		site, origin string
		allowed      bool
	}{
		{"our page", "same-origin", "", true},
		{"typed by the person", "none", "", true},
		{"our page in an older browser", "", "http:/" + "/" + host, true},
		{"another site", "cross-site", "", false},
		{"another host of the same site", "same-site", "", false},
		{"another origin in an older browser", "", "https:/" + "/evil.example", false},
		{"an opaque origin", "", "null", false},
		{"nothing said", "", "", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := c.call(http.MethodPut, "/api/merchants/"+c.merchantID+"/licence", object{"licence_number": "x"}, set("Sec-Fetch-Site", test.site), set("Origin", test.origin))
			if test.allowed {
				requireProblem(t, got, http.StatusUnprocessableEntity, ident.CodeLicence)
				return
			}
			requireProblem(t, got, http.StatusForbidden, web.CodeCrossSite)
		})
	}
	t.Run("a platform's server says nothing and is let in", func(t *testing.T) {
		t.Parallel()
		p := s.signUp(platformKey)
		got := p.call(http.MethodPut, "/api/merchants/"+p.merchantID+"/licence", object{"licence_number": "x"}, set("Sec-Fetch-Site", ""))
		requireProblem(t, got, http.StatusUnprocessableEntity, ident.CodeLicence)
	})
}
