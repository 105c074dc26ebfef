package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"loan310/app/fault"
	"loan310/app/merchant"
	"loan310/scoring/evidence"
)

// SubmitStepUpdate is the update that hands in one registration step.
const SubmitStepUpdate = "submitStep"

// abandonedAfter ends the workflow of a registration nobody touches; the next
// step handed in starts it again where it stood.
const abandonedAfter = 30 * 24 * time.Hour

// Submission is one registration step; the fields of its Step are set.
type Submission struct {
	Step           merchant.Step
	LicenceNumber  string
	Name           string
	IdentityNumber string
	Rail           string
	AccountNumber  string
	ConsentVersion string
	Language       string
	Sources        []evidence.Source
}

// RegistrationInput starts a Registration workflow.
type RegistrationInput struct {
	MerchantID string
}

// Registration collects a merchant's steps until every one is verified. When
// a source does not answer, it asks again by itself while the merchant goes
// on with the next step.
func Registration(ctx workflow.Context, in RegistrationInput) error {
	run := registrationRun{merchantID: in.MerchantID}
	if err := workflow.SetUpdateHandler(ctx, SubmitStepUpdate, run.submit); err != nil {
		return err
	}
	return run.run(ctx)
}

type registrationRun struct {
	merchantID string
	standing   registrationStanding
	touched    int // steps handed in
}

func (r *registrationRun) run(ctx workflow.Context) error {
	for round := 0; !r.finished(); {
		seen, wait := r.touched, abandonedAfter
		if r.standing.Checking {
			wait = backoff(round, 2*time.Second, time.Minute)
		}
		moved, err := workflow.AwaitWithTimeout(ctx, wait, func() bool { return r.touched > seen || r.finished() })
		if err != nil {
			return err
		}
		switch {
		case moved:
			round = 0
		case r.standing.Checking:
			round++
			r.recheck(ctx)
		default:
			return nil // abandoned
		}
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
				return err
			}
			return workflow.NewContinueAsNewError(ctx, RegistrationName, RegistrationInput{MerchantID: r.merchantID})
		}
	}
	return workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
}

func (r *registrationRun) finished() bool {
	return r.standing.State != "" && r.standing.State != merchant.Registering
}

func (r *registrationRun) submit(ctx workflow.Context, step Submission) error {
	var activities *Activities
	var standing registrationStanding
	options := untilItWorks(15 * time.Second)
	options.ScheduleToCloseTimeout = 30 * time.Second
	ctx = workflow.WithLocalActivityOptions(ctx, options)
	err := workflow.ExecuteLocalActivity(ctx, activities.SubmitStep, r.merchantID, step).Get(ctx, &standing)
	r.touched++
	if err != nil {
		if fault.KindOf(faultOf(err)) != fault.Invalid {
			r.standing.Checking = true // what was stored before it failed is not known: look
		}
		return err
	}
	r.learn(standing)
	return nil
}

// recheck asks again. An error that is not tried again (the merchant is held
// by another thing) must not end the registration: the next round looks again.
func (r *registrationRun) recheck(ctx workflow.Context) {
	var activities *Activities
	var standing registrationStanding
	ctx = workflow.WithLocalActivityOptions(ctx, untilItWorks(30*time.Second))
	if err := workflow.ExecuteLocalActivity(ctx, activities.RecheckRegistration, r.merchantID).Get(ctx, &standing); err != nil {
		workflow.GetLogger(ctx).Warn("registration not rechecked", "error", err)
		return
	}
	r.learn(standing)
}

// learn takes what an activity read, unless a later state is known: a recheck
// and a step handed in go on side by side, and end in any order.
func (r *registrationRun) learn(standing registrationStanding) {
	if standing.Version >= r.standing.Version {
		r.standing = standing
	}
}
