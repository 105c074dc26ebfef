package logistics

import (
	"context"
	"time"

	"loan310/adapters/breaker"
	"loan310/app/fault"
)

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
