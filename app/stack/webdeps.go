package stack

import (
	"context"
	"time"

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
		Merchants: s.Merchants, Underwriting: s.Underwriting, Drawdowns: s.Drawdowns, Servicing: s.Servicing, Collections: s.Collections, Reconciler: s.Reconciler, Security: s.Security,
		Chain: chain{s.Chain}, Idempotency: answers{s.DB.Idempotency()}, BodyKey: s.bodyKey, Sessions: s.DB.Sessions(),
		Providers: s.providers, EndsOfDays: s.DB.Days().Days, Ledger: s.DB.Ledger(), Costs: s.DB.Portfolio(clock.Lender()), Prices: s.prices, ReasonText: scoring.ReasonText,
		Ready:   s.checks(),
		Metrics: metrics, Registry: registry, Now: clock.System, NewID: ident.NewID, Logger: s.config.Logger, Version: s.config.Version,
		Demo: !s.config.Production, SecureCookies: s.config.Production, TrustedProxies: s.config.TrustedProxies,
	}
	if !s.config.Production {
		many := web.Rate{PerMinute: 60_000, Burst: 10_000}
		deps.Limits = web.Limits{CodesPerCaller: many, SessionsPerIP: many}
	}
	return deps
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
