// Package fault is the one error type that crosses borders: a code for
// machines, a message for people, and the field it is about.
package fault

import (
	"errors"
	"fmt"
)

// Code tells machines what went wrong; the HTTP status follows from its Kind.
type Code string

// Kind groups codes by what the caller can do about them.
type Kind string

// The kinds and what each asks of the caller.
const (
	Invalid      Kind = "invalid"      // mend the input
	Unauthorized Kind = "unauthorized" // sign in
	Forbidden    Kind = "forbidden"    // not yours to do
	NotFound     Kind = "not_found"    // no such thing, or not yours to see
	Conflict     Kind = "conflict"     // the thing is in another state, or changed meanwhile
	Mismatch     Kind = "mismatch"     // the same idempotency key with another body
	Limited      Kind = "limited"      // too often; wait
	Unavailable  Kind = "unavailable"  // an outside system is down; try again
	Internal     Kind = "internal"     // ours to mend
)

// Codes used in more than one package. A package adds its own beside its types.
const (
	CodeNotFound         Code = "not_found"
	CodeStale            Code = "stale_version"
	CodeDuplicate        Code = "duplicate"
	CodeKeyReused        Code = "idempotency_key_reused"
	CodeInternal         Code = "internal"
	CodeProviderDown     Code = "provider_unavailable"
	CodeWrongState       Code = "wrong_state"
	CodeInvalid          Code = "invalid"
	CodeConstraint       Code = "constraint"
	CodeSerialization    Code = "serialization_failure"
	CodeInsufficientLine Code = "insufficient_limit"
)

// Error is a fault with a message a person may read. Its cause, if any, is
// for logs only and never leaves the process.
type Error struct {
	Kind    Kind
	Code    Code
	Field   string // JSON pointer-ish name of the field at fault, or empty
	Message string
	cause   error
}

// New makes a fault without a field.
func New(kind Kind, code Code, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Message: fmt.Sprintf(format, args...)}
}

// Field makes an Invalid fault about one field.
func Field(field string, code Code, format string, args ...any) *Error {
	return &Error{Kind: Invalid, Code: code, Field: field, Message: fmt.Sprintf(format, args...)}
}

// Wrap gives f a cause, for logs.
func (e *Error) Wrap(cause error) *Error {
	e.cause = cause
	return e
}

// Error gives the code, the message and the cause.
func (e *Error) Error() string {
	text := string(e.Code) + ": " + e.Message
	if e.Field != "" {
		text = e.Field + ": " + text
	}
	if e.cause != nil {
		text += ": " + e.cause.Error()
	}
	return text
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.cause }

// Is matches another fault of the same code, so that errors.Is works with
// sentinel faults.
func (e *Error) Is(target error) bool {
	other, ok := target.(*Error)
	return ok && other.Code == e.Code && (other.Kind == "" || other.Kind == e.Kind)
}

// KindOf gives the kind of the first fault in err's chain, Internal when
// there is none.
func KindOf(err error) Kind {
	if fault, ok := errors.AsType[*Error](err); ok {
		return fault.Kind
	}
	return Internal
}

// CodeOf gives the code of the first fault in err's chain, CodeInternal when
// there is none.
func CodeOf(err error) Code {
	if fault, ok := errors.AsType[*Error](err); ok {
		return fault.Code
	}
	return CodeInternal
}

// Missing is the NotFound fault of a thing by its name.
func Missing(thing string) *Error {
	return New(NotFound, CodeNotFound, "no such %s", thing)
}
