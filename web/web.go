// Package web is the HTTP API: gin carries it, huma describes it. The rule:
// a handler decides nothing. It reads the request, asks one use case, and
// shows the answer without personal data; who may call what stands in one
// table (permissions), what an error becomes in another (kindAnswers).
package web

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"loan310/app/clock"
	"loan310/app/drawdown"
	"loan310/app/ledger"
	"loan310/app/merchant"
	"loan310/app/portfolio"
	"loan310/app/reconciliation"
	"loan310/app/security"
	"loan310/app/servicing"
	"loan310/app/servicing/collection"
	"loan310/app/underwriting"
	"loan310/scoring/evidence"
)

// StepSubmission is one registration step; the fields of its Step are set.
// Its fields are those of workflows.Submission, in the same order, so that
// one converts to the other.
type StepSubmission struct {
	Step           merchant.Step
	LicenceNumber  string
	Name           string
	IdentityNumber string
	Rail           string
	AccountNumber  string
	ConsentVersion string
	Language       string
	Sources        []evidence.Source
}

// Chain starts what goes on without the caller. Starting a thing twice does
// nothing. A chain that cannot be reached is fault.Unavailable.
type Chain interface {
	// SubmitStep hands in one registration step and waits for its answer; the
	// same key hands it in once.
	SubmitStep(ctx context.Context, merchantID, key string, step StepSubmission) error
	StartUnderwriting(ctx context.Context, applicationID, merchantID string) error
	StartDrawdown(ctx context.Context, drawdownID, merchantID string) error
	StartDebit(ctx context.Context, key, merchantID string) error
	Ping(ctx context.Context) error
}

// StoredResponse is an answer kept under an idempotency key.
type StoredResponse struct {
	Status      int
	ContentType string
	Body        []byte
	Location    string // header; empty = none
	SetCookie   string // header; empty = none
	// KeepUntil is when the answer is forgotten; zero = like all others.
	KeepUntil time.Time
}

// IdempotencyStore keeps answers by scope and key.
type IdempotencyStore interface {
	// Begin takes the key for a request. Nil and no error: go on, and end
	// with Finish or Abandon. A response: answer with it. The key with
	// another requestHash is fault.Mismatch, the key of a request still
	// being answered fault.Conflict.
	Begin(ctx context.Context, scope, key, requestHash string, now time.Time) (*StoredResponse, error)
	// Renew tells that a request that takes long is still being answered.
	Renew(ctx context.Context, scope, key string, now time.Time) error
	// Finish keeps the answer.
	Finish(ctx context.Context, scope, key string, r StoredResponse) error
	// Abandon frees the key, as if it had never been used.
	Abandon(ctx context.Context, scope, key string) error
}

// LedgerReader reads the books.
type LedgerReader interface {
	// TrialBalance gives every account's balance of the journals booked before
	// a moment; zero = of all.
	TrialBalance(ctx context.Context, before time.Time) ([]ledger.Balance, error)
	// JournalPage lists journals, newest first, and gives the next page's
	// cursor, empty at the end.
	JournalPage(ctx context.Context, f ledger.Filter, cursor string, limit int) ([]ledger.Journal, string, error)
}

// CostReader tells what was used.
type CostReader interface {
	// Usage sums what was used from a moment to another, both a day's start in
	// the lender's zone.
	Usage(ctx context.Context, from, before time.Time) (portfolio.Usage, error)
}

// Check is one thing the service needs to be ready.
type Check struct {
	Name  string
	Check func(ctx context.Context) error
}

// ProviderStatus is one outside system as an operator sees it, over all
// processes seen lately. Counts are sums since each process started.
type ProviderStatus struct {
	Name                string          `json:"name" example:"bureau"`
	State               string          `json:"state" enum:"closed,half_open,open" doc:"The circuit breaker, the worst of all processes; closed is healthy."`
	Requests            int64           `json:"requests"`
	Successes           int64           `json:"successes"`
	Failures            int64           `json:"failures"`
	Rejected            int64           `json:"rejected" doc:"Never sent: breaker open or bulkhead full."`
	ConsecutiveFailures int64           `json:"consecutive_failures" doc:"The most of any process."`
	P50MS               float64         `json:"p50_ms" doc:"The slowest process's."`
	P95MS               float64         `json:"p95_ms" doc:"The slowest process's."`
	InFlight            int64           `json:"in_flight"`
	LastError           string          `json:"last_error,omitempty" doc:"Code of the last error."`
	LastErrorAt         time.Time       `json:"last_error_at,omitzero"`
	LastChangeAt        time.Time       `json:"last_change_at,omitzero" doc:"When a breaker last changed its state."`
	Processes           []ProcessStatus `json:"processes" nullable:"false" doc:"What each process sees; each has a breaker of its own."`
}

// ProcessStatus is a provider as one process sees it. Counts run since the
// start of the process.
type ProcessStatus struct {
	Process             string    `json:"process" doc:"Names the process as long as it runs." example:"0192f0c4-7a10-7c3e-9d2b-5f6a7b8c9d0e"`
	Kind                string    `json:"kind" enum:"web,worker,all" doc:"What the process does; all is both in one."`
	Host                string    `json:"host"`
	SeenAt              time.Time `json:"seen_at" doc:"When the process last said so."`
	State               string    `json:"state" enum:"closed,half_open,open"`
	Requests            int64     `json:"requests"`
	Successes           int64     `json:"successes"`
	Failures            int64     `json:"failures"`
	Rejected            int64     `json:"rejected"`
	ConsecutiveFailures int64     `json:"consecutive_failures"`
	P50MS               float64   `json:"p50_ms"`
	P95MS               float64   `json:"p95_ms"`
	InFlight            int64     `json:"in_flight"`
	LastError           string    `json:"last_error,omitempty"`
	LastErrorAt         time.Time `json:"last_error_at,omitzero"`
	LastChangeAt        time.Time `json:"last_change_at,omitzero"`
}

// Rate is how often something may be done: PerMinute in the long run, Burst
// at once. Zero fields take the default.
type Rate struct {
	PerMinute float64
	Burst     int
}

// Limits bound the sign-in endpoints. Zero rates take the default.
type Limits struct {
	CodesPerCaller  Rate // codes asked for by one address or platform; default 60, burst 30
	CodesPerPhone   Rate // codes sent to one phone; default 2, burst 3
	SessionsPerIP   Rate // codes tried by one address or platform; default 120, burst 60
	LoginsPerIP     Rate // staff passwords tried by one address; default 20, burst 10
	LoginsPerPerson Rate // staff passwords tried for one login; default 6, burst 5
}

// Deps are what the API stands on. Registry, Limits and TrustedProxies may be
// zero; the rest is required.
type Deps struct {
	Merchants    *merchant.Service
	Underwriting *underwriting.Service
	Drawdowns    *drawdown.Service
	Reconciler   *reconciliation.Service
	Security     *security.Service
	Servicing    *servicing.Service
	Collections  *collection.Service
	Chain        Chain
	Idempotency  IdempotencyStore
	// BodyKey keys the hashes that bind idempotency keys to bodies, for
	// bodies hold codes, passwords and personal data; at least 32 bytes.
	BodyKey  []byte
	Sessions scs.CtxStore
	// Providers gives the boards of all processes, merged by provider.
	Providers func(ctx context.Context) ([]ProviderStatus, error)
	Ledger    LedgerReader
	Costs     CostReader
	Prices    portfolio.Prices
	// EndsOfDays gives how far the latest ends of days have come, newest first.
	EndsOfDays func(ctx context.Context, limit int) ([]servicing.DayStatus, error)
	// ReasonText gives the text of a reason's code in zh-CN or en.
	ReasonText func(code, lang string, args map[string]int64) string
	Ready      []Check
	Metrics    http.Handler // answers /metrics
	// Registry takes the HTTP metrics; nil = they are not exported.
	Registry prometheus.Registerer
	// Now must run with the wall clock, since it sets write deadlines.
	Now     clock.Clock
	NewID   func() string
	Logger  *slog.Logger
	Version string
	// Demo says so in a header and lets demo credentials in.
	Demo bool
	// SecureCookies restricts cookies to HTTPS.
	SecureCookies bool
	Limits        Limits
	// TrustedProxies are the addresses (CIDR) whose X-Forwarded-For names
	// the caller; nil = nobody's.
	TrustedProxies []string
}

// server holds what handlers share.
type server struct {
	Deps
	api      huma.API
	sessions *scs.SessionManager
	rules    map[string][]caller // by method and gin path
	table    map[string][]caller // by operation id
	limits   limits
	owners   owners
	streams  *streams
	argon    chan struct{} // bounds password checks under way: each takes 64 MiB
}

// New makes the handler and the API that describes itself (for exporting the
// OpenAPI document). Deps.TrustedProxies that cannot be read count as none.
func New(deps Deps) (http.Handler, huma.API) {
	installErrors()
	s := &server{
		Deps: deps, sessions: newSessions(deps), rules: map[string][]caller{}, table: permissions(),
		limits: newLimits(deps.Limits), streams: &streams{open: map[string]int{}}, argon: make(chan struct{}, 2),
	}
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New(func(e *gin.Engine) {
		e.HandleMethodNotAllowed = true
		e.RedirectTrailingSlash = false
		e.ContextWithFallback = true
	})
	if engine.SetTrustedProxies(deps.TrustedProxies) != nil {
		_ = engine.SetTrustedProxies(nil)
	}
	engine.Use(s.observe(newMetrics(deps.Registry)), s.recovered, s.headers)
	engine.NoRoute(func(c *gin.Context) { s.refuse(c, notFoundRoute()) })
	engine.NoMethod(func(c *gin.Context) { s.refuse(c, methodNotAllowed()) })
	guarded := engine.Group("", s.bounded, s.authenticated, s.sameOrigin, s.authorized, s.idempotent)
	s.api = newAPI(engine, guarded, deps.Version)
	s.authEndpoints()
	s.merchantEndpoints()
	s.applicationEndpoints()
	s.lineEndpoints()
	s.drawdownEndpoints()
	s.loanEndpoints()
	s.debitEndpoints()
	s.opsEndpoints()
	s.payoutEndpoints()
	s.reconciliationEndpoints()
	documentKeys(s.api.OpenAPI())
	s.plain(engine)
	return engine, s.api
}
