package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"loan310/app/drawdown"
)

// DrawdownInput starts or continues a Drawdown workflow.
type DrawdownInput struct {
	DrawdownID string
	Round      int // asks made so far
}

// patience is the longest wait between two asks: it grows once the first half
// hour has not settled a payout.
func patience(round int) time.Duration {
	if round < 36 { // 1 s doubled to 1 min, then 30 times 1 min
		return time.Minute
	}
	return 5 * time.Minute
}

// Drawdown takes a requested draw to paid or failed. Its steps are local
// activities: what makes a payout happen once is the stored payout with its
// key, not Temporal's record of the step.
func Drawdown(ctx workflow.Context, in DrawdownInput) (drawdown.State, error) {
	var activities *Activities
	var state drawdown.State
	reserveCtx := workflow.WithLocalActivityOptions(ctx, untilItWorks(10*time.Second))
	if err := workflow.ExecuteLocalActivity(reserveCtx, activities.ReserveDrawdown, in.DrawdownID).Get(ctx, &state); err != nil {
		return "", err
	}
	payCtx := workflow.WithLocalActivityOptions(ctx, untilItWorks(20*time.Second))
	for range roundsPerRun {
		if state.Final() {
			return state, nil
		}
		if err := workflow.ExecuteLocalActivity(payCtx, activities.PayDrawdown, in.DrawdownID).Get(ctx, &state); err != nil {
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
	return "", workflow.NewContinueAsNewError(ctx, DrawdownName, in)
}
