package utility

import (
	"context"
	"time"

	"loan310/adapters/breaker"
	"loan310/app/fault"
)

// via is breaker.Call or breaker.HedgedRead.
type via[T any] func(context.Context, *breaker.Guard, string, func(context.Context) (T, error)) (T, error)

// guarded makes one call within the guard's budget and the fetch's. The guard
// gets the caller's own context, so that a fetch which runs out of its budget
// counts against the provider and one that its caller gave up does not.
func guarded[T any](ctx context.Context, r *fetch, op string, call via[T], ask func(context.Context) (T, error)) (T, error) {
	var none T
	if err := spent(ctx, r.overall); err != nil {
		return none, err
	}
	return call(ctx, r.guard, op, func(within context.Context) (T, error) {
		limited, cancel := limit(ctx, within, r.overall)
		defer cancel()
		value, err := ask(limited)
		if err != nil && limited.Err() != nil && within.Err() == nil {
			return none, tookTooLong(err)
		}
		return value, err
	})
}

// limit bounds a context by the fetch's budget, unless that ends no sooner
// than the caller's own time.
func limit(caller, within, overall context.Context) (context.Context, context.CancelFunc) {
	deadline, _ := overall.Deadline()
	if own, ok := caller.Deadline(); ok && !own.After(deadline) {
		return within, func() {}
	}
	return context.WithDeadline(within, deadline)
}

func tookTooLong(cause error) error {
	return fault.New(fault.Unavailable, breaker.CodeBudget, "provider %s took longer than the whole fetch may", provider).Wrap(cause)
}

// unavailable makes sure that a refused request, which is no answer about the
// merchant, is not taken for one.
func unavailable(err error) error {
	if fault.KindOf(err) == fault.Unavailable {
		return err
	}
	return fault.New(fault.Unavailable, fault.CodeOf(err), "%s refused the request", provider).Wrap(err)
}

// spent tells whether the fetch must end: its caller gave up, or its budget
// is used.
func spent(ctx, overall context.Context) error {
	if err := ctx.Err(); err != nil {
		return fault.New(fault.Unavailable, breaker.CodeGaveUp, "provider %s was not waited for", provider).Wrap(err)
	}
	if err := overall.Err(); err != nil {
		return tookTooLong(err)
	}
	return nil
}

// older gives the earlier of two moments; zero, "not said", yields.
func older(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}
