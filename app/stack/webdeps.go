package stack

import (
	"context"
	"time"

	"loan310/adapters/breaker"
	"loan310/adapters/store"
	"loan310/app/clock"
	"loan310/app/ident"
	"loan310/scoring"
	"loan310/web"
	"loan310/workflows"
)

// webDeps joins the API to the use cases. Demo environments let many
// merchants in from one address.
func (s *Stack) webDeps() web.Deps {
	registry, metrics := s.metrics()
	deps := web.Deps{
		Merchants: s.Merchants, Underwriting: s.Underwriting, Drawdowns: s.Drawdowns, Security: s.Security,
		Chain: chain{s.Chain}, Idempotency: answers{s.DB.Idempotency()}, Sessions: s.DB.Sessions(),
		Providers: s.providers, Ledger: s.DB.Ledger(), ReasonText: scoring.ReasonText,
		Ready: []web.Check{
			{Name: "database", Check: s.DB.Ping},
			{Name: "temporal", Check: s.Chain.Ping},
		},
		Metrics: metrics, Registry: registry, Now: clock.System, NewID: ident.NewID, Logger: s.config.Logger, Version: s.config.Version,
		Demo: !s.config.Production, SecureCookies: s.config.Production, TrustedProxies: s.config.TrustedProxies,
	}
	if !s.config.Production {
		many := web.Rate{PerMinute: 60_000, Burst: 10_000}
		deps.Limits = web.Limits{CodesPerCaller: many, SessionsPerIP: many}
	}
	return deps
}

// providers shows the board to operators.
func (s *Stack) providers() []web.ProviderStatus {
	statuses := s.Board.Statuses()
	out := make([]web.ProviderStatus, len(statuses))
	for i, status := range statuses {
		out[i] = providerStatus(status)
	}
	return out
}

func providerStatus(status breaker.Status) web.ProviderStatus {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return web.ProviderStatus{
		Name: status.Name, State: string(status.State), Requests: status.Requests, Successes: status.Successes,
		Failures: status.Failures, Rejected: status.Rejected, ConsecutiveFailures: status.ConsecutiveFailures,
		P50MS: ms(status.P50), P95MS: ms(status.P95), InFlight: status.InFlight,
		LastError: string(status.LastError), LastErrorAt: status.LastErrorAt, LastChangeAt: status.LastStateChange,
	}
}

// chain fits the workflows' client to the API.
type chain struct{ *workflows.Client }

func (c chain) SubmitStep(ctx context.Context, merchantID, key string, step web.StepSubmission) error {
	return c.Client.SubmitStep(ctx, merchantID, key, workflows.Submission(step))
}

// answers fits the store's memory of answers to the API.
type answers struct{ *store.Idempotency }

func (a answers) Begin(ctx context.Context, scope, key, requestHash string, now time.Time) (*web.StoredResponse, error) {
	stored, err := a.Idempotency.Begin(ctx, scope, key, requestHash, now)
	if stored == nil || err != nil {
		return nil, err
	}
	response := web.StoredResponse(*stored)
	return &response, nil
}

func (a answers) Finish(ctx context.Context, scope, key string, r web.StoredResponse) error {
	return a.Idempotency.Finish(ctx, scope, key, store.StoredResponse(r))
}
