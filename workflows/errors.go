package workflows

import (
	"errors"

	"go.temporal.io/sdk/temporal"

	"loan310/app/fault"
)

// refusal is a fault as it crosses Temporal.
type refusal struct {
	Kind    fault.Kind
	Code    fault.Code
	Field   string
	Message string
}

// refuse translates a use case's error once, at Temporal's border: what the
// caller must mend is not retried; what may pass by itself is.
func refuse(err error) error {
	if err == nil {
		return nil
	}
	known, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return err
	}
	detail := refusal{Kind: known.Kind, Code: known.Code, Field: known.Field, Message: known.Message}
	retry := known.Kind == fault.Unavailable || known.Kind == fault.Internal || known.Code == fault.CodeStale
	if retry {
		return temporal.NewApplicationErrorWithOptions(known.Message, string(known.Code), temporal.ApplicationErrorOptions{Cause: err, Details: []any{detail}})
	}
	return temporal.NewNonRetryableApplicationError(known.Message, string(known.Code), nil, detail)
}

// faultOf translates back what refuse made; other errors are given as they are.
func faultOf(err error) error {
	application, ok := errors.AsType[*temporal.ApplicationError](err)
	if !ok || !application.HasDetails() {
		return err
	}
	var detail refusal
	if application.Details(&detail) != nil || detail.Code == "" {
		return err
	}
	return &fault.Error{Kind: detail.Kind, Code: detail.Code, Field: detail.Field, Message: detail.Message}
}
