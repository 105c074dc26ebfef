package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"

	"loan310/adapters/store"
	"loan310/app/audit"
	"loan310/app/clock"
	"loan310/app/drawdown"
	"loan310/app/fault"
	"loan310/app/ident"
	"loan310/app/merchant"
	"loan310/app/money"
	"loan310/app/security"
	"loan310/app/servicing"
	"loan310/app/servicing/collection"
	"loan310/app/underwriting"
	"loan310/scoring"
	"loan310/scoring/evidence"
	"loan310/web"
)

// What test merchants hand in. None of it may ever be seen in an answer or a
// log line.
const (
	plainName     = "王小明"
	plainIdentity = "11010519491231002X"
	plainAccount  = "6123451234567893"
	plainLicence  = "91350100M000100Y43"
	password      = "correct horse battery"
	platformKey   = "l310_platform_taobao"
	otherKey      = "l310_platform_other"
)

// Amounts that the test engine answers in its own way.
const (
	wantsApproval = 200_000 * money.Yuan
	wantsDecline  = 1_000_000 * money.Yuan
	wantsDeferral = 500_000 * money.Yuan
)

// site is the API over a real SQLite store, with outside systems simulated.
type site struct {
	t        testing.TB
	server   *httptest.Server
	db       *store.DB
	deps     web.Deps
	document *openapi3.T
	chain    *directChain
	phones   *phones
	logs     *locked
	seen     *locked // all bodies answered
	secrets  *locked // all personal data handed in, one a line
	number   atomic.Int64
	dsn      string // of the database, for another process
	keys     store.Keys
}

// locked is a buffer several may write to.
type locked struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// newSite starts a site; change may be nil.
func newSite(tb testing.TB, change func(*web.Deps)) *site {
	tb.Helper()
	s := &site{t: tb, logs: &locked{}, seen: &locked{}, secrets: &locked{}, phones: &phones{codes: map[string]string{}, count: map[string]int{}}}
	s.openStore()
	logger := slog.New(slog.NewJSONHandler(s.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s.services(logger)
	if change != nil {
		change(&s.deps)
	}
	handler, api := web.New(s.deps)
	s.server = httptest.NewServer(handler)
	tb.Cleanup(s.server.Close)
	text, err := json.Marshal(api.OpenAPI())
	require.NoError(tb, err)
	s.document, err = openapi3.NewLoader().LoadFromData(text)
	require.NoError(tb, err)
	tb.Cleanup(s.requireNoSecrets)
	return s
}

// newSiteAt is newSite with a servicing that runs by another clock.
func newSiteAt(tb testing.TB, now clock.Clock) *site {
	tb.Helper()
	return newSite(tb, func(deps *web.Deps) {
		deps.Servicing = deps.Servicing.At(now)
		deps.Collections = deps.Collections.At(deps.Servicing, now)
		if direct, ok := deps.Chain.(*directChain); ok {
			direct.collections = deps.Collections
		}
	})
}

func (s *site) openStore() {
	text, err := store.GenerateKeys()
	require.NoError(s.t, err)
	keys, err := store.ParseKeys(text)
	require.NoError(s.t, err)
	s.keys, s.dsn = keys, "sqlite://"+filepath.Join(s.t.TempDir(), "web.db")+"?synchronous=normal"
	s.db, err = store.Open(s.t.Context(), store.Config{DSN: s.dsn, Keys: keys, PollEvery: 20 * time.Millisecond})
	require.NoError(s.t, err)
	s.t.Cleanup(func() { require.NoError(s.t, s.db.Close()) })
	require.NoError(s.t, s.db.Migrate(s.t.Context()))
}

// bytes gives everything the database's files hold.
func (s *site) bytes(t *testing.T) string {
	t.Helper()
	path, _, _ := strings.Cut(strings.TrimPrefix(s.dsn, "sqlite://"), "?")
	var all []byte
	for _, suffix := range []string{"", "-wal"} {
		text, err := os.ReadFile(path + suffix)
		require.NoError(t, err)
		all = append(all, text...)
	}
	return string(all)
}

// services wires the use cases as the composition root does.
func (s *site) services(logger *slog.Logger) {
	merchants := merchant.NewService(merchant.Deps{Store: s.db.Merchants(), Registry: registry{}, Identity: identity{}, Notifier: silent{}, Now: clock.System, NewID: ident.NewID})
	decides := underwriting.NewService(underwriting.Deps{
		Store: s.db.Underwriting(), Evidence: s.db.Evidence(), Progress: s.db.Progress(), Feeds: feeds(), Spots: silent{}, Engine: engine{},
		LoadEngine: func([]byte) (underwriting.Engine, error) { return engine{}, nil }, Strategy: []byte("strategy"),
		Now: clock.System, NewID: ident.NewID, Logger: logger,
	})
	require.NoError(s.t, decides.Start(s.t.Context()))
	draws := drawdown.NewService(drawdown.Deps{Store: s.db.Drawdowns(), Desk: s.db.PayoutDesk(), Rails: map[string]drawdown.Rail{"bank": paying{}, "wallet": paying{}}, Now: clock.System, NewID: ident.NewID, Logger: logger})
	signs := security.NewService(security.Deps{Store: s.db.Security(), Sender: s.phones, Now: clock.System, NewID: ident.NewID, Pepper: bytes.Repeat([]byte{7}, 32)})
	s.chain = &directChain{merchants: merchants, underwriting: decides, drawdowns: draws}
	serviced := servicing.NewService(servicing.Deps{Store: s.db.Servicing(), Now: clock.System, Logger: logger})
	s.chain.collections = s.collections(serviced, clock.System, logger)
	registry := prometheus.NewRegistry()
	many := web.Rate{PerMinute: 60_000, Burst: 10_000}
	s.deps = web.Deps{
		Merchants: merchants, Underwriting: decides, Drawdowns: draws, Security: signs, Chain: s.chain,
		Idempotency: kept{s.db.Idempotency()}, BodyKey: bytes.Repeat([]byte{9}, 32), Sessions: s.db.Sessions(), Ledger: s.db.Ledger(), Costs: s.db.Portfolio(time.FixedZone("CST", 8*60*60)), ReasonText: scoring.ReasonText,
		Servicing: serviced, Collections: s.chain.collections, EndsOfDays: s.db.Days().Days,
		Providers: func(context.Context) ([]web.ProviderStatus, error) {
			return []web.ProviderStatus{{Name: "bureau", State: "closed", Requests: 3}}, nil
		},
		Ready:   []web.Check{{Name: "database", Check: s.db.Ping}, {Name: "temporal", Check: s.chain.Ping}},
		Metrics: promhttp.HandlerFor(registry, promhttp.HandlerOpts{}), Registry: registry,
		Now: clock.System, NewID: ident.NewID, Logger: logger, Version: "test", Demo: true,
		Limits: web.Limits{CodesPerCaller: many, CodesPerPhone: many, SessionsPerIP: many, LoginsPerIP: many, LoginsPerPerson: many},
	}
	system := audit.System("test")
	for platform, key := range map[string]string{"taobao": platformKey, "other": otherKey} {
		_, err := signs.AddAPIKey(s.t.Context(), platform, key, system)
		require.NoError(s.t, err)
	}
}

// collections wires what collects, by a clock.
func (s *site) collections(serviced *servicing.Service, now clock.Clock, logger *slog.Logger) *collection.Service {
	plans, err := collection.StandardPlans()
	require.NoError(s.t, err)
	return collection.NewService(collection.Deps{
		Store: s.db.Collection(), Servicing: serviced, Plans: plans, Collector: collecting{}, Now: now, Logger: logger,
	})
}

// requireNoSecrets looks for personal data in everything answered and logged.
func (s *site) requireNoSecrets() {
	for secret := range strings.Lines(s.secrets.String()) {
		secret = strings.TrimSpace(secret)
		require.NotContains(s.t, s.seen.String(), secret, "in an answer")
		require.NotContains(s.t, s.logs.String(), secret, "in a log line")
	}
}

// secret notes personal data that was handed in.
func (s *site) secret(text string) string {
	_, _ = fmt.Fprintln(s.secrets, text)
	return text
}

// phone gives a phone nobody has, without the country code.
func (s *site) phone() string {
	return s.secret(fmt.Sprintf("138%08d", s.number.Add(1)))
}

// reply is an answer as it came.
type reply struct {
	status int
	header http.Header
	text   string
}

// into reads the body.
func (r reply) into(tb testing.TB, value any) {
	tb.Helper()
	require.NoError(tb, json.Unmarshal([]byte(r.text), value), r.text)
}

// get gives one field of the body, by its dotted path.
func (r reply) get(tb testing.TB, path string) any {
	tb.Helper()
	var value any
	r.into(tb, &value)
	for part := range strings.SplitSeq(path, ".") {
		switch at := value.(type) {
		case map[string]any:
			value = at[part]
		case []any:
			var index int
			_, err := fmt.Sscan(part, &index)
			require.NoError(tb, err)
			require.Less(tb, index, len(at))
			value = at[index]
		default:
			require.Fail(tb, "no "+path, r.text)
		}
	}
	return value
}

// client calls a site as one caller.
type client struct {
	*site
	cookie     string
	bearer     string
	merchantID string
}

// call sends a request; options change it. Writes get a fresh idempotency
// key and come from our own pages. The answer is held against the document.
func (c client) call(method, path string, body any, options ...func(*http.Request)) reply {
	c.t.Helper()
	request, err := http.NewRequestWithContext(c.t.Context(), method, c.server.URL+path, reader(c.t, body))
	require.NoError(c.t, err)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if method != http.MethodGet {
		request.Header.Set("Idempotency-Key", ident.NewID())
		request.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if c.cookie != "" {
		request.Header.Set("Cookie", c.cookie)
	}
	if c.bearer != "" {
		request.Header.Set("Authorization", "Bearer "+c.bearer)
	}
	for _, option := range options {
		option(request)
	}
	response, err := c.server.Client().Do(request)
	require.NoError(c.t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(c.t, err)
	_, _ = c.seen.Write(append(text, '\n'))
	got := reply{status: response.StatusCode, header: response.Header, text: string(text)}
	c.requireDocumented(method, path, got)
	return got
}

func reader(tb testing.TB, body any) io.Reader {
	tb.Helper()
	switch b := body.(type) {
	case nil:
		return nil
	case string:
		return strings.NewReader(b)
	default:
		text, err := json.Marshal(b)
		require.NoError(tb, err)
		return bytes.NewReader(text)
	}
}

// set sets a header of a request.
func set(name, value string) func(*http.Request) {
	return func(r *http.Request) {
		if value == "" {
			r.Header.Del(name)
			return
		}
		r.Header.Set(name, value)
	}
}

// object is a JSON object.
type object = map[string]any

// nobody is a caller who is not signed in.
func (s *site) nobody() client { return client{site: s} }

// signUp signs a new merchant in, by cookie or through a platform.
func (s *site) signUp(bearer string) client {
	s.t.Helper()
	c := client{site: s, bearer: bearer}
	phone := s.phone()
	sent := c.call(http.MethodPost, "/api/auth/codes", object{"phone": phone, "language": "en"})
	require.Equal(s.t, http.StatusAccepted, sent.status, sent.text)
	made := c.call(http.MethodPost, "/api/auth/sessions", object{"challenge_id": sent.get(s.t, "challenge_id"), "code": s.phones.code("+86" + phone)})
	require.Equal(s.t, http.StatusCreated, made.status, made.text)
	c.merchantID, _ = made.get(s.t, "merchant_id").(string)
	c.cookie, _, _ = strings.Cut(made.header.Get("Set-Cookie"), ";")
	return c
}

// register takes a new merchant through every step.
func (s *site) register(bearer string) client {
	s.t.Helper()
	c := s.signUp(bearer)
	base := "/api/merchants/" + c.merchantID
	for _, step := range []struct {
		path string
		body object
	}{
		{"/licence", object{"licence_number": s.licence()}},
		{"/legal-representative", object{"name": s.secret(plainName), "identity_number": s.secret(plainIdentity)}},
		{"/payout-account", object{"rail": "bank", "account_number": s.secret(plainAccount)}},
		{"/consents", object{"version": merchant.ConsentVersion, "language": "en", "sources": evidence.Sources}},
	} {
		done := c.call(http.MethodPut, base+step.path, step.body)
		require.Equal(s.t, http.StatusOK, done.status, done.text)
	}
	return c
}

// licence gives a valid licence number nobody has.
func (s *site) licence() string {
	first := fmt.Sprintf("92330100M%08d", s.number.Add(1))
	return first + string(ident.LicenceCheck(first))
}

// apply submits an application and gives its id.
func (c client) apply(wanted money.Amount) string {
	c.t.Helper()
	sent := c.call(http.MethodPost, "/api/merchants/"+c.merchantID+"/applications", object{"amount_fen": wanted, "purpose": "stock"})
	require.Equal(c.t, http.StatusAccepted, sent.status, sent.text)
	id, _ := sent.get(c.t, "id").(string)
	require.Equal(c.t, "/api/applications/"+id, sent.header.Get("Location"))
	return id
}

// openLine applies, accepts, and gives the line's id.
func (c client) openLine() string {
	c.t.Helper()
	path := "/api/applications/" + c.apply(wantsApproval)
	contract := c.call(http.MethodGet, path+"/contract", nil)
	require.Equal(c.t, http.StatusOK, contract.status, contract.text)
	accepted := c.call(http.MethodPost, path+"/acceptance", object{"contract_hash": contract.get(c.t, "contract_hash")})
	require.Equal(c.t, http.StatusCreated, accepted.status, accepted.text)
	id, _ := accepted.get(c.t, "id").(string)
	return id
}

// staff signs a new staff member in.
func (s *site) staff(role security.Role) client {
	s.t.Helper()
	login := fmt.Sprintf("%s%d", role, s.number.Add(1))
	_, err := s.deps.Security.AddStaff(s.t.Context(), login, "Li", password, role, true, audit.System("test"))
	require.NoError(s.t, err)
	c := s.nobody()
	made := c.call(http.MethodPost, "/api/auth/staff-sessions", object{"login": login, "password": password})
	require.Equal(s.t, http.StatusCreated, made.status, made.text)
	c.cookie, _, _ = strings.Cut(made.header.Get("Set-Cookie"), ";")
	return c
}

// requireProblem requires a refusal of the documented form.
func requireProblem(tb testing.TB, got reply, status int, code fault.Code) {
	tb.Helper()
	require.Equal(tb, status, got.status, got.text)
	require.Equal(tb, "application/problem+json", got.header.Get("Content-Type"))
	require.Equal(tb, string(code), got.get(tb, "code"), got.text)
	require.Equal(tb, "urn:loan310:problem:"+string(code), got.get(tb, "type"))
	require.InDelta(tb, status, got.get(tb, "status"), 0)
	require.NotEmpty(tb, got.get(tb, "detail"))
	require.Equal(tb, got.header.Get("X-Request-Id"), got.get(tb, "request_id"))
}

// kept fits the store's memory of answers, as the composition root does.
type kept struct{ *store.Idempotency }

func (k kept) Begin(ctx context.Context, scope, key, requestHash string, now time.Time) (*web.StoredResponse, error) {
	stored, err := k.Idempotency.Begin(ctx, scope, key, requestHash, now)
	if stored == nil || err != nil {
		return nil, err
	}
	response := web.StoredResponse(*stored)
	return &response, nil
}

func (k kept) Finish(ctx context.Context, scope, key string, r web.StoredResponse) error {
	return k.Idempotency.Finish(ctx, scope, key, store.StoredResponse(r))
}
