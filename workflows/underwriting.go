package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"loan310/scoring"
	"loan310/scoring/evidence"
)

// Waiting of a deferred application: how soon sources are asked again, and
// after how long the decision is made without them.
const (
	firstAsk     = 5 * time.Second
	longestAsk   = 5 * time.Minute
	deferredFor  = 24 * time.Hour
	roundsPerRun = 50
)

// UnderwritingInput starts or continues an Underwriting workflow. A new one
// names the application only.
type UnderwritingInput struct {
	ApplicationID string
	Seq           int       // decisions made so far
	WaitingSince  time.Time // zero = not deferred yet
	WaitFor       []evidence.Source
	Seen          []evidence.Meta // what was known of the sources when it was deferred
	Round         int
}

type decideInput struct {
	ApplicationID string
	Seq           int
	Evidence      []evidence.Meta
	Final         bool
}

// Underwriting takes an application to its verdict. A deferred one asks the
// missing sources again with growing patience and goes on by itself.
func Underwriting(ctx workflow.Context, in UnderwritingInput) error {
	run := underwritingRun{in: in}
	return run.run(ctx)
}

type underwritingRun struct {
	in UnderwritingInput
}

func (u *underwritingRun) run(ctx workflow.Context) error {
	if u.in.Seq == 0 {
		declined, err := u.knockOut(ctx)
		if err != nil || declined {
			return err
		}
	}
	for range roundsPerRun {
		done, err := u.round(ctx)
		if err != nil || done {
			return err
		}
		if err := workflow.Sleep(ctx, backoff(u.in.Round, firstAsk, longestAsk)); err != nil {
			return err
		}
		u.in.Round++
	}
	return workflow.NewContinueAsNewError(ctx, UnderwritingName, u.in)
}

func (u *underwritingRun) knockOut(ctx workflow.Context) (bool, error) {
	var activities *Activities
	ctx = workflow.WithLocalActivityOptions(ctx, untilItWorks(5*time.Second))
	var declined bool
	err := workflow.ExecuteLocalActivity(ctx, activities.KnockOut, u.in.ApplicationID).Get(ctx, &declined)
	return declined, err
}

// round gathers and, when there is something new to decide on, decides.
func (u *underwritingRun) round(ctx workflow.Context) (bool, error) {
	var activities *Activities
	gatherCtx := workflow.WithLocalActivityOptions(ctx, untilItWorks(time.Minute))
	var metas []evidence.Meta
	if err := workflow.ExecuteLocalActivity(gatherCtx, activities.GatherEvidence, u.in.ApplicationID, u.in.WaitFor).Get(ctx, &metas); err != nil {
		return false, err
	}
	final := !u.in.WaitingSince.IsZero() && workflow.Now(ctx).Sub(u.in.WaitingSince) >= deferredFor
	if u.in.Seq > 0 && !final && !arrived(metas, u.in.Seen, u.in.WaitFor) {
		return false, nil
	}
	return u.decide(ctx, decideInput{ApplicationID: u.in.ApplicationID, Seq: u.in.Seq + 1, Evidence: metas, Final: final})
}

// decide makes the next decision. What it may take lies within what gathering
// leaves of the minute, its retries included.
func (u *underwritingRun) decide(ctx workflow.Context, in decideInput) (bool, error) {
	var activities *Activities
	options := untilItWorks(10 * time.Second)
	options.ScheduleToCloseTimeout = 12 * time.Second
	options.RetryPolicy = &temporal.RetryPolicy{InitialInterval: 200 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: time.Second, MaximumAttempts: 4}
	decideCtx := workflow.WithLocalActivityOptions(ctx, options)
	var made answer
	err := workflow.ExecuteLocalActivity(decideCtx, activities.Decide, in).Get(ctx, &made)
	if err != nil {
		return u.unjudged(ctx, in, err)
	}
	if made.Outcome != scoring.Deferred {
		return true, nil
	}
	u.deferred(ctx, in, made.WaitFor)
	return false, nil
}

// unjudged answers in Decide's place. Its deferral waits for no source: the
// next round tries again.
func (u *underwritingRun) unjudged(ctx workflow.Context, in decideInput, cause error) (bool, error) {
	if temporal.IsCanceledError(cause) {
		return false, cause
	}
	workflow.GetLogger(ctx).Error("decision not possible", "application_id", in.ApplicationID, "error", cause)
	var activities *Activities
	ctx = workflow.WithLocalActivityOptions(ctx, untilItWorks(5*time.Second))
	var made bool
	if err := workflow.ExecuteLocalActivity(ctx, activities.AnswerUnjudged, in).Get(ctx, &made); err != nil {
		return false, err
	}
	if in.Final {
		return true, nil
	}
	if made {
		u.deferred(ctx, in, nil)
	}
	return false, nil
}

// deferred remembers what the application now waits for.
func (u *underwritingRun) deferred(ctx workflow.Context, in decideInput, waitFor []evidence.Source) {
	u.in.Seq, u.in.WaitFor, u.in.Seen = in.Seq, waitFor, in.Evidence
	if u.in.WaitingSince.IsZero() {
		u.in.WaitingSince = workflow.Now(ctx)
	}
}

// arrived tells whether any awaited source says more than when the application
// was deferred. Waiting for none in particular, it is worth another try.
func arrived(metas, seen []evidence.Meta, waitFor []evidence.Source) bool {
	if len(waitFor) == 0 {
		return true
	}
	return slices.ContainsFunc(metas, func(meta evidence.Meta) bool {
		if meta.State == evidence.Down || !slices.Contains(waitFor, meta.Source) {
			return false
		}
		before := slices.IndexFunc(seen, func(m evidence.Meta) bool { return m.Source == meta.Source })
		return before < 0 || seen[before].State != meta.State || meta.DataAsOf.Sub(seen[before].DataAsOf) >= newer
	})
}

// newer is how much fresher a source's data must be to be worth deciding on
// again.
const newer = 6 * time.Hour
