package web_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/app/fault"
	"loan310/app/ident"
	"loan310/app/security"
	"loan310/web"
)

func TestIdempotency(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)

	t.Run("every write needs a key", func(t *testing.T) {
		t.Parallel()
		merchant, staff := s.signUp(""), s.staff(security.RoleAdmin)
		for path, item := range s.document.Paths.Map() {
			c := merchant
			if strings.HasPrefix(path, "/api/ops/") || strings.HasPrefix(path, "/api/loans/") || strings.HasPrefix(path, "/api/charge-offs/") || strings.HasPrefix(path, "/api/write-backs/") {
				c = staff
			}
			for method := range item.Operations() {
				if method == http.MethodGet {
					continue
				}
				path := strings.NewReplacer("{id}", merchant.merchantID, "{source}", "bank").Replace(path)
				for _, key := range []string{"", strings.Repeat("k", 129), "with space", "键", "tab\tbed"} {
					got := c.call(method, path, object{}, set("Idempotency-Key", key))
					requireProblem(t, got, http.StatusBadRequest, web.CodeKeyRequired)
				}
			}
		}
	})
	t.Run("the same again gives the first answer", func(t *testing.T) {
		t.Parallel()
		c := s.register("")
		path, key := "/api/merchants/"+c.merchantID+"/applications", set("Idempotency-Key", "once")
		body := object{"amount_fen": wantsApproval, "purpose": "stock"}
		first, second := c.call(http.MethodPost, path, body, key), c.call(http.MethodPost, path, body, key)
		require.Equal(t, http.StatusAccepted, first.status, first.text)
		require.Equal(t, first.status, second.status)
		require.Equal(t, first.text, second.text)
		require.Equal(t, first.header.Get("Location"), second.header.Get("Location"))
		require.Equal(t, first.header.Get("Content-Type"), second.header.Get("Content-Type"))
		require.Empty(t, first.header.Get("Idempotency-Replayed"))
		require.Equal(t, "true", second.header.Get("Idempotency-Replayed"))
		other := c.call(http.MethodPost, path, object{"amount_fen": wantsDecline, "purpose": "stock"}, key)
		requireProblem(t, other, 422, fault.CodeKeyReused)
	})
	t.Run("a refusal is an answer too", func(t *testing.T) {
		t.Parallel()
		c := s.signUp("")
		path, key := "/api/merchants/"+c.merchantID+"/licence", set("Idempotency-Key", "refused")
		first, second := c.call(http.MethodPut, path, object{"licence_number": "x"}, key), c.call(http.MethodPut, path, object{"licence_number": "x"}, key)
		requireProblem(t, first, 422, ident.CodeLicence)
		require.Equal(t, first.text, second.text)
		require.Equal(t, "application/problem+json", second.header.Get("Content-Type"))
		require.Equal(t, "true", second.header.Get("Idempotency-Replayed"))
	})
	t.Run("keys of two merchants, or of two paths, are two keys", func(t *testing.T) {
		t.Parallel()
		key := set("Idempotency-Key", "shared")
		ids := map[any]bool{}
		for range 2 {
			c := s.register("")
			got := c.call(http.MethodPost, "/api/merchants/"+c.merchantID+"/applications", object{"amount_fen": wantsDecline, "purpose": "stock"}, key)
			require.Equal(t, http.StatusAccepted, got.status, got.text)
			ids[got.get(t, "id")] = true
			require.Equal(t, http.StatusOK, c.call(http.MethodDelete, "/api/merchants/"+c.merchantID+"/consents/bank", nil, key).status)
		}
		require.Len(t, ids, 2)
	})
	t.Run("32 at once make one application", func(t *testing.T) {
		t.Parallel()
		c := s.register("")
		path := "/api/merchants/" + c.merchantID + "/applications"
		key := set("Idempotency-Key", "all-at-once")
		answers := make([]reply, 32)
		var group sync.WaitGroup
		for i := range answers {
			group.Go(func() {
				for {
					answers[i] = c.call(http.MethodPost, path, object{"amount_fen": wantsApproval, "purpose": "stock"}, key)
					if answers[i].status != http.StatusConflict {
						return
					}
					if answers[i].header.Get("Retry-After") != "1" {
						return
					}
					time.Sleep(10 * time.Millisecond)
				}
			})
		}
		group.Wait()
		for _, got := range answers {
			require.Equal(t, http.StatusAccepted, got.status, got.text)
			require.Equal(t, answers[0].text, got.text)
		}
		require.Len(t, c.call(http.MethodGet, "/api/applications", nil).get(t, "items"), 1)
	})
}

// held is a store in which the twin of every request but sign-ins is being
// answered.
type held struct{ web.IdempotencyStore }

func (h held) Begin(ctx context.Context, scope, key, hash string, now time.Time) (*web.StoredResponse, error) {
	if strings.Contains(scope, "/api/auth/") {
		return h.IdempotencyStore.Begin(ctx, scope, key, hash, now)
	}
	return nil, fault.New(fault.Conflict, "request_in_progress", "the same request is being answered")
}

func TestIdempotencyInProgress(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(d *web.Deps) { d.Idempotency = held{d.Idempotency} })
	c := s.signUp("")
	got := c.call(http.MethodPut, "/api/merchants/"+c.merchantID+"/licence", object{"licence_number": "x"})
	requireProblem(t, got, http.StatusConflict, web.CodeKeyInUse)
	require.Equal(t, "1", got.header.Get("Retry-After"))
}

// forgetful never keeps an answer.
type forgetful struct{ web.IdempotencyStore }

func (forgetful) Begin(context.Context, string, string, string, time.Time) (*web.StoredResponse, error) {
	return nil, nil //nolint:nilnil // the key is free
}

func (forgetful) Finish(context.Context, string, string, web.StoredResponse) error {
	return fault.New(fault.Unavailable, fault.CodeSerialization, "busy")
}

func TestLostAnswers(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(d *web.Deps) { d.Idempotency = forgetful{d.Idempotency} })
	c := s.register("")
	path, key := "/api/merchants/"+c.merchantID+"/applications", set("Idempotency-Key", "lost")
	body := object{"amount_fen": wantsApproval, "purpose": "stock"}
	first, second := c.call(http.MethodPost, path, body, key), c.call(http.MethodPost, path, body, key)
	require.Equal(t, http.StatusAccepted, first.status, first.text)
	require.Equal(t, http.StatusAccepted, second.status, second.text)
	require.Equal(t, first.get(t, "id"), second.get(t, "id"))
	requireProblem(t, c.call(http.MethodPost, path, object{"amount_fen": wantsDecline, "purpose": "stock"}, key), 422, fault.CodeKeyReused)
	require.Len(t, c.call(http.MethodGet, "/api/applications", nil).get(t, "items"), 1)

	line := "/api/lines/" + c.lineOf(first)
	draw := object{"amount_fen": 1_000_000, "tenor_months": 6, "repayment": "any_time"}
	one, two := c.call(http.MethodPost, line+"/drawdowns", draw, key), c.call(http.MethodPost, line+"/drawdowns", draw, key)
	require.Equal(t, one.get(t, "id"), two.get(t, "id"))
	draw["amount_fen"] = 2_000_000
	requireProblem(t, c.call(http.MethodPost, line+"/drawdowns", draw, key), 422, fault.CodeKeyReused)
	require.Contains(t, s.logs.String(), "answer not kept")
}

// lineOf accepts the offer of an application.
func (c client) lineOf(application reply) string {
	path := application.header.Get("Location")
	hash := c.call(http.MethodGet, path, nil).get(c.t, "decision.contract_hash")
	id, _ := c.call(http.MethodPost, path+"/acceptance", object{"contract_hash": hash}).get(c.t, "id").(string)
	return id
}

// broken panics where a write begins.
type broken struct{ web.Chain }

func (broken) SubmitStep(context.Context, string, string, web.StepSubmission) error {
	panic("a bug of ours with " + plainIdentity[:6])
}

func TestPanic(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(d *web.Deps) { d.Chain = broken{d.Chain} })
	c := s.signUp("")
	key := set("Idempotency-Key", "panics")
	for range 2 { // the key was freed
		got := c.call(http.MethodPut, "/api/merchants/"+c.merchantID+"/licence", object{"licence_number": s.licence()}, key)
		if got.status == 422 {
			requireProblem(t, got, 422, fault.CodeKeyReused)
		}
		requireProblem(t, got, http.StatusInternalServerError, fault.CodeInternal)
		require.NotContains(t, got.text, "a bug of ours")
		require.Contains(t, s.logs.String(), got.header.Get("X-Request-Id"))
	}
	require.Equal(t, 2, strings.Count(s.logs.String(), "request panicked"))
}
