package workflows

import (
	"context"
	"log/slog"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"loan310/app/clock"
	"loan310/app/reconciliation"
)

// ReconciliationInput names a rail and a civil day.
type ReconciliationInput struct {
	Rail string
	Day  string // 2026-11-11
}

// ReconciliationResult is what a run came to.
type ReconciliationResult struct {
	Lost       int
	DoublePaid int
	Breaks     int
}

// Reconciliation holds one rail's statement of one day against our books. A
// statement that is not there yet, or not whole, is asked for again for three
// days; the breaks it finds are kept in the database.
func Reconciliation(ctx workflow.Context, in ReconciliationInput) (ReconciliationResult, error) {
	var activities *Activities
	var result ReconciliationResult
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 30 * time.Minute, ScheduleToCloseTimeout: 72 * time.Hour,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Minute, BackoffCoefficient: 2, MaximumInterval: 30 * time.Minute},
	})
	for range 72 * 2 {
		err := workflow.ExecuteActivity(ctx, activities.Reconcile, in).Get(ctx, &result)
		if err == nil || workflow.Now(ctx).Sub(workflow.GetInfo(ctx).WorkflowStartTime) >= 72*time.Hour {
			return result, err
		}
		if err := workflow.Sleep(ctx, 30*time.Minute); err != nil {
			return result, err
		}
	}
	return result, nil
}

// Daily starts the reconciliation of days that are over. A workflow's id names
// rail and day, so that each is started once, whoever starts it, and days
// missed are caught up with.
type Daily struct {
	Client     *Client
	Reconciler *reconciliation.Service
	Now        clock.Clock
	Logger     *slog.Logger
	Every      time.Duration // default 10 min
}

// daysBack is how many days are caught up with; statementsBy is how long after
// midnight rails may take to write a day's statement.
const (
	daysBack     = 7
	statementsBy = 2 * time.Hour
)

// Run starts what is due until ctx ends.
func (d *Daily) Run(ctx context.Context) {
	every := d.Every
	if every <= 0 {
		every = 10 * time.Minute
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		if err := d.Start(ctx); err != nil && ctx.Err() == nil {
			d.Logger.WarnContext(ctx, "reconciliations not started", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Start starts the reconciliations of the last days that have not run.
func (d *Daily) Start(ctx context.Context) error {
	since, err := d.Reconciler.Since(ctx)
	if err != nil || since.IsZero() {
		return err
	}
	runs, err := d.Reconciler.Runs(ctx, 4*daysBack)
	if err != nil {
		return err
	}
	over := map[string]bool{} // run after the day was over
	for _, run := range runs {
		over[run.Rail+run.Day] = run.RanAt.In(clock.Lender()).Format(time.DateOnly) > run.Day
	}
	last := d.Now().Add(-statementsBy).In(clock.Lender())
	for back := range daysBack {
		day := last.AddDate(0, 0, -1-back).Format(time.DateOnly)
		for _, rail := range d.Reconciler.Rails() {
			if over[rail+day] || day < since.In(clock.Lender()).Format(time.DateOnly) {
				continue
			}
			if err := d.Client.StartReconciliation(ctx, rail, day); err != nil {
				return err
			}
		}
	}
	return nil
}
