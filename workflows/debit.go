package workflows

import (
	"context"
	"log/slog"
	"time"

	"go.temporal.io/sdk/workflow"

	"loan310/app/servicing/collection"
)

// DebitInput starts or continues a Debit workflow.
type DebitInput struct {
	DebitID string
	Round   int // asks made so far
}

// Debit takes a stored debit to collected or failed. As with Drawdown, what
// makes it happen once is the stored debit with its key.
func Debit(ctx workflow.Context, in DebitInput) (collection.State, error) {
	var activities *Activities
	var state collection.State
	ctx = workflow.WithLocalActivityOptions(ctx, untilItWorks(20*time.Second))
	for range roundsPerRun {
		if err := workflow.ExecuteLocalActivity(ctx, activities.AdvanceDebit, in.DebitID).Get(ctx, &state); err != nil {
			return "", err
		}
		if state.Final() {
			return state, nil
		}
		if err := workflow.Sleep(ctx, backoff(in.Round, time.Second, patience(in.Round))); err != nil {
			return "", err
		}
		in.Round++
	}
	return "", workflow.NewContinueAsNewError(ctx, DebitName, in)
}

// AdvanceDebit moves a debit as far as the rail's word goes now.
func (a *Activities) AdvanceDebit(ctx context.Context, key string) (collection.State, error) {
	d, err := a.Collections.Advance(ctx, key)
	return d.State, refuse(err)
}

// Collecting opens the debits that plans want, starts their workflows, and
// sends reminders. Every worker has one; what it does is decided while the
// loan is locked, so any number share the work.
type Collecting struct {
	Client      *Client
	Collections *collection.Service
	Logger      *slog.Logger
	Every       time.Duration // default 1 min
}

// loansAtOnce is how many loans are looked at between two starts.
const loansAtOnce = 200

// Run works until ctx ends. What fails is logged and made up for by the next
// time.
func (c *Collecting) Run(ctx context.Context) {
	every := c.Every
	if every <= 0 {
		every = time.Minute
	}
	timer := time.NewTimer(min(every, 5*time.Second))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if opened, err := c.Collect(ctx); err != nil && ctx.Err() == nil {
			c.Logger.WarnContext(ctx, "not all that is due is being collected", "error", err, "opened", opened)
		}
		if done, err := c.Collections.Remind(ctx); err != nil && ctx.Err() == nil {
			c.Logger.WarnContext(ctx, "reminders not all sent", "error", err, "sent", done.Sent)
		}
		timer.Reset(every)
	}
}

// Collect opens debits until nothing is left to look at, and starts their
// workflows. One that cannot be started is found by the sweeper.
func (c *Collecting) Collect(ctx context.Context) (opened int, err error) {
	for {
		debits, looked, err := c.Collections.Collect(ctx, loansAtOnce)
		for _, d := range debits {
			if started := c.Client.StartDebit(ctx, d.Key, d.MerchantID); started != nil {
				return opened, started
			}
			opened++
		}
		if err != nil || looked == 0 {
			return opened, err
		}
	}
}
