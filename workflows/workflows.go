// Package workflows chains the use cases with Temporal: a workflow tells the
// story, its activities are one use case each. Workflow ids follow from
// business keys, so that a thing is never under way twice.
package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// TaskQueue is the queue all workflows run on.
const TaskQueue = "loan310"

// Names of the workflows as Temporal knows them.
const (
	RegistrationName = "Registration"
	UnderwritingName = "Underwriting"
	DrawdownName     = "Drawdown"
	DebitName        = "Debit"

	ReconciliationName = "Reconciliation"
)

// Search attributes set on workflows; the Temporal server registers them.
var (
	merchantAttribute    = temporal.NewSearchAttributeKeyKeyword("MerchantId")
	applicationAttribute = temporal.NewSearchAttributeKeyKeyword("ApplicationId")
	drawdownAttribute    = temporal.NewSearchAttributeKeyKeyword("DrawdownId")
)

// untilItWorks retries a step that stands on our own database only. Business
// refusals are not retryable (see refuse) and end it at once.
func untilItWorks(attempt time.Duration) workflow.LocalActivityOptions {
	return workflow.LocalActivityOptions{
		StartToCloseTimeout:    attempt,
		ScheduleToCloseTimeout: 24 * time.Hour,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: 100 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: 30 * time.Second,
		},
	}
}

// backoff gives growing waits: first, then doubled each time up to most.
func backoff(round int, first, most time.Duration) time.Duration {
	wait := first
	for range round {
		wait *= 2
		if wait >= most {
			return most
		}
	}
	return wait
}
