package breaker

import (
	"context"
	"errors"
	"fmt"

	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/sony/gobreaker/v2"

	"loan310/app/fault"
)

// class is what an outcome means to the breaker.
type class int

const (
	classAnswered class = iota // the provider did its work, be the answer yes or no
	classFailed                // the provider failed
	classExcluded              // the provider had no part in it
	classRejected              // turned away by the open breaker
)

// verdict is an outcome that is not plain success. It travels through
// gobreaker as an error, so that the class is decided in one place, where the
// contexts are known.
type verdict struct {
	class  class
	result string // metric label
	err    error  // what the caller gets
}

// Results of calls as metrics name them.
const (
	resultOK        = "ok"
	resultAnswer    = "answer"
	resultFailed    = "failed"
	resultBudget    = "budget"
	resultCancelled = "cancelled"
	resultOpen      = "open"
	resultFull      = "full"
)

// Error gives the caller's error text.
func (v *verdict) Error() string { return v.err.Error() }

// Unwrap gives the caller's error.
func (v *verdict) Unwrap() error { return v.err }

func classOf(err error) class {
	if v, ok := errors.AsType[*verdict](err); ok {
		return v.class
	}
	return classFailed // a panic on its way out
}

// callerError marks an error that arose on our side of the call.
type callerError struct{ err error }

func (e *callerError) Error() string { return e.err.Error() }
func (e *callerError) Unwrap() error { return e.err }

// CallerError marks err, returned from inside a guarded function, as the
// caller's own (the sink of a stream failed, say): the breaker does not count
// it, and Call returns err itself. Nil stays nil.
func CallerError(err error) error {
	if err == nil {
		return nil
	}
	return &callerError{err: err}
}

// NotSent tells whether an error of Call means that the provider was
// certainly not asked.
func NotSent(err error) bool {
	for _, code := range [...]fault.Code{CodeOpen, CodeFull, CodeNotAsked} {
		if errors.Is(err, &fault.Error{Kind: fault.Unavailable, Code: code}) {
			return true
		}
	}
	return false
}

// isAnswer tells whether an error is a provider's business answer.
func isAnswer(err error) bool {
	known, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return false
	}
	switch known.Kind {
	case fault.NotFound, fault.Invalid, fault.Conflict, fault.Mismatch, fault.Forbidden, fault.Unauthorized:
		return true
	default:
		return false
	}
}

// judge decides what the outcome of a call that was made means; nil is plain
// success. ctx is the one fn got: its cause tells whose clock ran out.
func (g *Guard) judge(ctx context.Context, err error) *verdict {
	if err == nil {
		return nil
	}
	if own, ok := errors.AsType[*callerError](err); ok {
		return &verdict{class: classExcluded, result: resultCancelled, err: own.err}
	}
	if isAnswer(err) {
		return &verdict{class: classAnswered, result: resultAnswer, err: err}
	}
	switch cause := context.Cause(ctx); {
	case cause == nil:
	case errors.Is(cause, errBudget):
		return &verdict{
			class: classFailed, result: resultBudget,
			err: g.unavailable(CodeBudget, "gave no answer in time", err),
		}
	default:
		return &verdict{
			class: classExcluded, result: resultCancelled,
			err: g.unavailable(CodeGaveUp, "was not waited for", withCause(err, ctx.Err())),
		}
	}
	if known, ok := errors.AsType[*fault.Error](err); ok && known.Kind == fault.Unavailable {
		return &verdict{class: classFailed, result: resultFailed, err: err}
	}
	return &verdict{class: classFailed, result: resultFailed, err: g.unavailable(CodeDown, "failed", err)}
}

// notAsked is the verdict on a call that ended before fn began.
func (g *Guard) notAsked(ctx context.Context, err error) *verdict {
	if errors.Is(err, bulkhead.ErrFull) || errors.Is(context.Cause(ctx), errBudget) {
		return &verdict{
			class: classExcluded, result: resultFull,
			err: g.unavailable(CodeFull, "has too many calls in flight", nil),
		}
	}
	return &verdict{
		class: classExcluded, result: resultCancelled,
		err: g.unavailable(CodeNotAsked, "was not asked", err),
	}
}

// verdictOf reads what came back through gobreaker.
func (g *Guard) verdictOf(err error) *verdict {
	if err == nil {
		return nil
	}
	if v, ok := errors.AsType[*verdict](err); ok {
		return v
	}
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return &verdict{
			class: classRejected, result: resultOpen,
			err: g.unavailable(CodeOpen, "is failing and was not asked", nil),
		}
	}
	return &verdict{class: classFailed, result: resultFailed, err: g.unavailable(CodeDown, "failed", err)}
}

func (g *Guard) unavailable(code fault.Code, what string, cause error) *fault.Error {
	made := fault.New(fault.Unavailable, code, "provider %s %s", g.settings.Name, what)
	if cause == nil {
		return made
	}
	return made.Wrap(cause)
}

// withCause makes sure that errors.Is finds the context's error.
func withCause(err, ended error) error {
	if ended == nil || errors.Is(err, ended) {
		return err
	}
	return fmt.Errorf("%w: %w", ended, err)
}
