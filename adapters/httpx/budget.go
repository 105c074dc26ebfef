package httpx

import (
	"context"
	"errors"
	"time"

	"loan310/adapters/breaker"
	"loan310/app/fault"
	"loan310/app/underwriting"
)

// Budget bounds one fetch with all its calls to a provider.
type Budget struct {
	client  *Client
	guard   *breaker.Guard
	overall context.Context
}

// NewBudget starts a fetch that may take the given time; its caller cancels it
// when the fetch is over.
func NewBudget(ctx context.Context, client *Client, guard *breaker.Guard, limit time.Duration) (*Budget, context.CancelFunc) {
	overall, cancel := context.WithTimeout(ctx, limit)
	return &Budget{client: client, guard: guard, overall: overall}, cancel
}

// Via is breaker.Call or breaker.HedgedRead.
type Via[T any] func(context.Context, *breaker.Guard, string, func(context.Context) (T, error)) (T, error)

// Within makes one call within the guard's budget and the fetch's. ctx is the
// one the fetch was begun with, and the guard gets it as it is, so that a fetch
// which runs out of its budget counts against the provider and one that its
// caller gave up does not.
func Within[T any](ctx context.Context, b *Budget, op string, call Via[T], ask func(context.Context) (T, error)) (T, error) {
	var none T
	if err := b.Spent(ctx); err != nil {
		return none, err
	}
	return call(ctx, b.guard, op, func(within context.Context) (T, error) {
		limited, cancel := b.limit(ctx, within)
		defer cancel()
		value, err := ask(limited)
		if err != nil && limited.Err() != nil && within.Err() == nil {
			return none, b.tookTooLong(err)
		}
		return value, err
	})
}

// HandOn gives emit the rows to keep. It stops when the fetch must end, for
// emit may be slow, and at an error of emit, which comes back as it is.
func HandOn[Row any](ctx context.Context, b *Budget, rows []Row, keep func(*Row) bool, emit func(*Row) error) error {
	for i := range rows {
		if err := b.Spent(ctx); err != nil {
			return err
		}
		if !keep(&rows[i]) {
			continue
		}
		if err := emit(&rows[i]); err != nil {
			return err
		}
	}
	return nil
}

// Spent tells whether the fetch must end: its caller gave up, or its budget
// is used.
func (b *Budget) Spent(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fault.New(fault.Unavailable, breaker.CodeGaveUp, "provider %s was not waited for", b.client.provider).Wrap(err)
	}
	if err := b.overall.Err(); err != nil {
		return b.tookTooLong(err)
	}
	return nil
}

// limit bounds a context by the fetch's budget, unless that ends no sooner
// than the caller's own time.
func (b *Budget) limit(caller, within context.Context) (context.Context, context.CancelFunc) {
	deadline, _ := b.overall.Deadline()
	if own, ok := caller.Deadline(); ok && !own.After(deadline) {
		return within, func() {}
	}
	return context.WithDeadline(within, deadline)
}

func (b *Budget) tookTooLong(cause error) error {
	return fault.New(fault.Unavailable, breaker.CodeBudget, "provider %s took longer than the whole fetch may", b.client.provider).Wrap(cause)
}

// Unavailable makes sure that a refused request, which is no answer about the
// merchant, is not taken for one.
func (c *Client) Unavailable(err error) error {
	if fault.KindOf(err) == fault.Unavailable {
		return err
	}
	return fault.New(fault.Unavailable, fault.CodeOf(err), "%s refused the request", c.provider).Wrap(err)
}

// Unreadable is the fault of an answer that could not be read to its end: it
// breaks the contract when err is malformed, whose text must not quote the
// answer, and otherwise the connection broke.
func (c *Client) Unreadable(op string, err, malformed error) *fault.Error {
	if errors.Is(err, malformed) {
		return c.Malformed(op, err.Error())
	}
	return fault.New(fault.Unavailable, CodeDown, "%s: %s: the answer broke off", c.provider, op).Wrap(err)
}

// InWindow tells whether a moment lies in the query's window, whose end is not
// part of it.
func InWindow(query underwriting.Query, at time.Time) bool {
	return !at.Before(query.Since) && at.Before(query.Until)
}

// Earlier gives the earlier of two moments; zero, "not said", yields.
func Earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}
