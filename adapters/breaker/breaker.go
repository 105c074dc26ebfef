// Package breaker guards calls to outside systems: a circuit breaker around a
// time budget around a bulkhead around an optional hedge. The one rule: only a
// provider's own failures (5xx, 429, time-outs, malformed answers) trip it; a
// business answer such as "no such licence" is a success, and a call that its
// caller gave up counts for nothing.
package breaker

import (
	"context"
	"errors"

	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/sony/gobreaker/v2"

	"loan310/app/fault"
)

// Codes of the faults that Call returns, all of kind fault.Unavailable. After
// CodeOpen, CodeFull and CodeNotAsked the provider was certainly not asked
// (see NotSent); after the others nothing is known of what it did.
const (
	CodeOpen     fault.Code = "breaker_open"         // the breaker is open
	CodeFull     fault.Code = "bulkhead_full"        // too many calls in flight
	CodeNotAsked fault.Code = "provider_not_asked"   // the caller gave up before the call began
	CodeBudget   fault.Code = "budget_exceeded"      // no answer within the time budget
	CodeGaveUp   fault.Code = "caller_gave_up"       // the caller's context ended during the call
	CodeDown     fault.Code = fault.CodeProviderDown // the provider failed
)

// errBudget is the cause of a context that ran out of its time budget.
var errBudget = errors.New("time budget spent")

// Guard stands before one provider. It is safe for concurrent use.
type Guard struct {
	settings Settings
	circuit  *gobreaker.CircuitBreaker[struct{}]
	places   bulkhead.Bulkhead[struct{}]
	board    *Board
	stats    stats
}

// New makes a guard and puts it on the board, in the place of an earlier
// guard of the same name.
func New(settings Settings, board *Board) *Guard {
	settings = settings.withDefaults()
	guard := &Guard{
		settings: settings,
		places:   bulkhead.NewBuilder[struct{}](settings.MaxConcurrent).Build(),
		board:    board,
	}
	guard.circuit = gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Name:         settings.Name,
		MaxRequests:  settings.MaxRequests,
		Interval:     settings.Window,
		BucketPeriod: settings.Bucket,
		Timeout:      settings.OpenFor,
		ReadyToTrip:  settings.trips,
		OnStateChange: func(_ string, from, to gobreaker.State) {
			guard.stats.changed(board.clock())
			board.changed(settings.Name, from, to)
		},
		IsSuccessful: func(err error) bool { return err == nil || classOf(err) == classAnswered },
		IsExcluded:   func(err error) bool { return err != nil && classOf(err) == classExcluded },
	})
	board.add(guard)
	return guard
}

// Call runs fn behind the guard. fn must end when its context does. op names
// the kind of call in metrics and must come from a small fixed set.
//
// Errors are faults: the business faults of fn as they are (NotFound,
// Invalid, Conflict, ...); everything else as fault.Unavailable with one of
// the codes above, or the code fn chose.
func Call[T any](ctx context.Context, g *Guard, op string, fn func(context.Context) (T, error)) (T, error) {
	return call(ctx, g, op, metered(g, op, fn))
}

// metered counts every time the provider is asked.
func metered[T any](g *Guard, op string, fn func(context.Context) (T, error)) func(context.Context) (T, error) {
	if g.board.meter == nil {
		return fn
	}
	return func(ctx context.Context) (T, error) {
		g.board.meter.Count(ctx, g.Name()+"."+op)
		return fn(ctx)
	}
}

// call is Call of what counts by itself.
func call[T any](ctx context.Context, g *Guard, op string, fn func(context.Context) (T, error)) (T, error) {
	var value T
	begun := g.board.clock()
	g.stats.begin()
	_, err := g.circuit.Execute(func() (struct{}, error) {
		answer, verdict := attempt(ctx, g, fn)
		value = answer
		if verdict == nil {
			return struct{}{}, nil // not a typed nil
		}
		return struct{}{}, verdict
	})
	verdict := g.verdictOf(err)
	g.board.record(g, op, verdict, begun)
	if verdict == nil {
		return value, nil
	}
	var none T
	return none, verdict.err
}

// HedgedRead is Call for reads that may be asked twice: when the first
// attempt is not answered after Settings.HedgeAfter a second one starts, and
// the first success wins. A failure before that ends the call; this is no
// retry. Never use it for anything that moves money or costs a fee.
func HedgedRead[T any](ctx context.Context, g *Guard, op string, fn func(context.Context) (T, error)) (T, error) {
	if g.settings.HedgeAfter <= 0 {
		return Call(ctx, g, op, fn)
	}
	fn = metered(g, op, fn)
	return call(ctx, g, op, func(ctx context.Context) (T, error) {
		return hedge(ctx, g.settings.HedgeAfter, fn)
	})
}

// Name is the provider's name.
func (g *Guard) Name() string { return g.settings.Name }

// attempt is what runs behind the closed breaker: budget, bulkhead, fn.
func attempt[T any](ctx context.Context, g *Guard, fn func(context.Context) (T, error)) (T, *verdict) {
	var none T
	ctx, cancel := context.WithTimeoutCause(ctx, g.settings.Budget, errBudget)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return none, g.notAsked(ctx, err)
	}
	if err := g.takePlace(ctx); err != nil {
		return none, g.notAsked(ctx, err)
	}
	defer g.places.ReleasePermit()
	value, err := fn(ctx)
	return value, g.judge(ctx, err)
}

func (g *Guard) takePlace(ctx context.Context) error {
	if g.places.TryAcquirePermit() {
		return nil
	}
	if g.settings.MaxWait <= 0 {
		return bulkhead.ErrFull
	}
	return g.places.AcquirePermitWithMaxWait(ctx, g.settings.MaxWait)
}
