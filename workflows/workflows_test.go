package workflows_test

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"loan310/app/drawdown"
	"loan310/app/fault"
	"loan310/app/merchant"
	"loan310/app/servicing/collection"
	"loan310/scoring"
	"loan310/scoring/evidence"
	"loan310/workflows"
)

// environment is a Temporal test environment at virtual time; activities are
// mocked per test.
func environment(t *testing.T) *testsuite.TestWorkflowEnvironment {
	t.Helper()
	suite := testsuite.WorkflowTestSuite{}
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(20 * time.Second)
	env.SetWorkerOptions(workerOptions())
	workflows.Register(env, &workflows.Activities{})
	t.Cleanup(func() { env.AssertExpectations(t) })
	return env
}

var activities *workflows.Activities

func metas(state evidence.State) []evidence.Meta {
	out := make([]evidence.Meta, 0, len(evidence.Sources))
	for _, source := range evidence.Sources {
		out = append(out, evidence.Meta{Source: source, State: state})
	}
	return out
}

func TestKnockedOutApplicationAsksNoSource(t *testing.T) {
	t.Parallel()
	env := environment(t)
	env.OnActivity(activities.KnockOut, mock.Anything, "a1").Return(true, nil).Once()
	env.ExecuteWorkflow(workflows.UnderwritingName, workflows.UnderwritingInput{ApplicationID: "a1"})
	require.NoError(t, env.GetWorkflowError())
}

func TestDeferredApplicationResumesWhenItsSourceIsBack(t *testing.T) {
	t.Parallel()
	env := environment(t)
	start := env.Now()
	env.OnActivity(activities.KnockOut, mock.Anything, "a1").Return(false, nil).Once()
	env.OnActivity(activities.GatherEvidence, mock.Anything, "a1", mock.Anything).Return(metas(evidence.Down), nil).Times(4)
	env.OnActivity(activities.GatherEvidence, mock.Anything, "a1", mock.Anything).Return(metas(evidence.Known), nil).Once()
	env.OnActivity(activities.Decide, mock.Anything, mock.MatchedBy(func(in any) bool { return seqOf(in) == 1 })).
		Return(decided(scoring.Deferred, evidence.Registry), nil).Once()
	env.OnActivity(activities.Decide, mock.Anything, mock.MatchedBy(func(in any) bool { return seqOf(in) == 2 })).
		Return(decided(scoring.Approved), nil).Once()
	env.ExecuteWorkflow(workflows.UnderwritingName, workflows.UnderwritingInput{ApplicationID: "a1"})
	require.NoError(t, env.GetWorkflowError())
	require.Equal(t, 75*time.Second, env.Now().Sub(start).Round(time.Second)) // waits of 5 + 10 + 20 + 40 s
}

func TestDeferralEndsAfterADayWithTheFinalEffect(t *testing.T) {
	t.Parallel()
	env := environment(t)
	env.OnActivity(activities.GatherEvidence, mock.Anything, "a1", mock.Anything).Return(metas(evidence.Down), nil).Once()
	env.OnActivity(activities.Decide, mock.Anything, mock.MatchedBy(func(in any) bool { return finalOf(in) && seqOf(in) == 2 })).
		Return(decided(scoring.Declined), nil).Once()
	env.ExecuteWorkflow(workflows.UnderwritingName, workflows.UnderwritingInput{
		ApplicationID: "a1", Seq: 1, WaitingSince: env.Now().Add(-24 * time.Hour), WaitFor: []evidence.Source{evidence.Registry}, Round: 300,
	})
	require.NoError(t, env.GetWorkflowError())
}

func TestStateSurvivesContinueAsNew(t *testing.T) {
	t.Parallel()
	env := environment(t)
	env.OnActivity(activities.KnockOut, mock.Anything, "a1").Return(false, nil).Once()
	env.OnActivity(activities.GatherEvidence, mock.Anything, "a1", mock.Anything).Return(metas(evidence.Down), nil)
	env.OnActivity(activities.Decide, mock.Anything, mock.Anything).Return(decided(scoring.Deferred, evidence.Bureau), nil).Once()
	env.ExecuteWorkflow(workflows.UnderwritingName, workflows.UnderwritingInput{ApplicationID: "a1"})
	again, ok := errors.AsType[*workflow.ContinueAsNewError](env.GetWorkflowError())
	require.True(t, ok, "want continue-as-new, got %v", env.GetWorkflowError())
	var next workflows.UnderwritingInput
	require.NoError(t, workflows.DecodeInput(again.Input, &next))
	require.Equal(t, 1, next.Seq)
	require.Equal(t, 50, next.Round)
	require.Equal(t, []evidence.Source{evidence.Bureau}, next.WaitFor)
	require.False(t, next.WaitingSince.IsZero())
}

func TestApplicationThatCannotBeJudgedIsDeferredAndTriedAgain(t *testing.T) {
	t.Parallel()
	env := environment(t)
	env.OnActivity(activities.KnockOut, mock.Anything, "a1").Return(false, nil).Once()
	env.OnActivity(activities.GatherEvidence, mock.Anything, "a1", mock.Anything).Return(metas(evidence.Known), nil).Twice()
	env.OnActivity(activities.Decide, mock.Anything, mock.MatchedBy(func(in any) bool { return seqOf(in) == 1 })).
		Return(decided(""), fault.New(fault.Internal, fault.CodeInternal, "evidence unreadable")).Times(4)
	env.OnActivity(activities.AnswerUnjudged, mock.Anything, mock.Anything).Return(true, nil).Once()
	env.OnActivity(activities.Decide, mock.Anything, mock.MatchedBy(func(in any) bool { return seqOf(in) == 2 })).
		Return(decided(scoring.Approved), nil).Once()
	env.ExecuteWorkflow(workflows.UnderwritingName, workflows.UnderwritingInput{ApplicationID: "a1"})
	require.NoError(t, env.GetWorkflowError())
}

func TestUnknownPayoutIsAskedWithGrowingPatienceUntilSettled(t *testing.T) {
	t.Parallel()
	env := environment(t)
	start := env.Now()
	env.OnActivity(activities.ReserveDrawdown, mock.Anything, "d1").Return(drawdown.Paying, nil).Once()
	env.OnActivity(activities.PayDrawdown, mock.Anything, "d1").Return(drawdown.Unknown, nil).Times(5)
	env.OnActivity(activities.PayDrawdown, mock.Anything, "d1").Return(drawdown.Paid, nil).Once()
	env.ExecuteWorkflow(workflows.DrawdownName, workflows.DrawdownInput{DrawdownID: "d1"})
	require.NoError(t, env.GetWorkflowError())
	var state drawdown.State
	require.NoError(t, env.GetWorkflowResult(&state))
	require.Equal(t, drawdown.Paid, state)
	require.Equal(t, 31*time.Second, env.Now().Sub(start).Round(time.Second)) // 1 + 2 + 4 + 8 + 16 s
}

func TestDrawdownWithoutHeadroomNeverPays(t *testing.T) {
	t.Parallel()
	env := environment(t)
	env.OnActivity(activities.ReserveDrawdown, mock.Anything, "d1").Return(drawdown.Failed, nil).Once()
	env.ExecuteWorkflow(workflows.DrawdownName, workflows.DrawdownInput{DrawdownID: "d1"})
	require.NoError(t, env.GetWorkflowError())
}

func TestUnknownDebitIsAskedWithGrowingPatienceUntilSettled(t *testing.T) {
	t.Parallel()
	env := environment(t)
	start := env.Now()
	env.OnActivity(activities.AdvanceDebit, mock.Anything, "k1").Return(collection.Unknown, nil).Times(6)
	env.OnActivity(activities.AdvanceDebit, mock.Anything, "k1").Return(collection.Collected, nil).Once()
	env.ExecuteWorkflow(workflows.DebitName, workflows.DebitInput{DebitID: "k1"})
	require.NoError(t, env.GetWorkflowError())
	var state collection.State
	require.NoError(t, env.GetWorkflowResult(&state))
	require.Equal(t, collection.Collected, state)
	require.Equal(t, 63*time.Second, env.Now().Sub(start).Round(time.Second)) // 1 + 2 + 4 + 8 + 16 + 32 s
}

func TestRefusedDebitEndsAtOnce(t *testing.T) {
	t.Parallel()
	env := environment(t)
	env.OnActivity(activities.AdvanceDebit, mock.Anything, "k1").Return(collection.Failed, nil).Once()
	env.ExecuteWorkflow(workflows.DebitName, workflows.DebitInput{DebitID: "k1"})
	require.NoError(t, env.GetWorkflowError())
}

func TestDebitOfManyRoundsContinuesAsNewWithItsPatience(t *testing.T) {
	t.Parallel()
	env := environment(t)
	env.OnActivity(activities.AdvanceDebit, mock.Anything, "k1").Return(collection.Unknown, nil)
	env.ExecuteWorkflow(workflows.DebitName, workflows.DebitInput{DebitID: "k1", Round: 40})
	again, ok := errors.AsType[*workflow.ContinueAsNewError](env.GetWorkflowError())
	require.True(t, ok, "want continue-as-new, got %v", env.GetWorkflowError())
	var next workflows.DebitInput
	require.NoError(t, workflows.DecodeInput(again.Input, &next))
	require.Equal(t, "k1", next.DebitID)
	require.Greater(t, next.Round, 40)
}

func TestRegistrationAsksAgainWhileTheMerchantGoesOn(t *testing.T) {
	t.Parallel()
	env := environment(t)
	step := workflows.Submission{Step: merchant.StepLicence, LicenceNumber: "91350100M000100Y43"}
	env.OnActivity(activities.SubmitStep, mock.Anything, "m1", step).Return(standing(merchant.Registering, true), nil).Once()
	env.OnActivity(activities.RecheckRegistration, mock.Anything, "m1").Return(standing(merchant.Registering, true), nil).Times(2)
	env.OnActivity(activities.RecheckRegistration, mock.Anything, "m1").Return(standing(merchant.Active, false), nil).Once()
	env.RegisterDelayedCallback(func() {
		env.UpdateWorkflow(workflows.SubmitStepUpdate, "k1", accepted(t), step)
	}, time.Millisecond)
	env.ExecuteWorkflow(workflows.RegistrationName, workflows.RegistrationInput{MerchantID: "m1"})
	require.NoError(t, env.GetWorkflowError())
}

func TestRecheckThatCannotBeDoneDoesNotEndTheRegistration(t *testing.T) {
	t.Parallel()
	env := environment(t)
	step := workflows.Submission{Step: merchant.StepLicence, LicenceNumber: "91350100M000100Y43"}
	env.OnActivity(activities.SubmitStep, mock.Anything, "m1", step).Return(standing(merchant.Registering, true), nil).Once()
	env.OnActivity(activities.RecheckRegistration, mock.Anything, "m1").
		Return(standing("", false), workflows.Refuse(fault.New(fault.Conflict, fault.CodeWrongState, "meanwhile"))).Once()
	env.OnActivity(activities.RecheckRegistration, mock.Anything, "m1").Return(standing(merchant.Active, false), nil).Once()
	env.RegisterDelayedCallback(func() {
		env.UpdateWorkflow(workflows.SubmitStepUpdate, "k1", accepted(t), step)
	}, time.Millisecond)
	env.ExecuteWorkflow(workflows.RegistrationName, workflows.RegistrationInput{MerchantID: "m1"})
	require.NoError(t, env.GetWorkflowError())
}

func TestStepHandedInDuringARecheckIsNotForgotten(t *testing.T) {
	t.Parallel()
	env := environment(t)
	licence := workflows.Submission{Step: merchant.StepLicence, LicenceNumber: "91350100M000100Y43"}
	payout := workflows.Submission{Step: merchant.StepPayout, Rail: "wallet", AccountNumber: "6123451234567893"}
	env.OnActivity(activities.SubmitStep, mock.Anything, "m1", licence).
		Return(workflows.AtVersion(standing(merchant.Registering, true), 1), nil).Once()
	// The recheck read version 2, before the payout account was left to be
	// checked as version 3, and its answer comes after that one's.
	env.OnActivity(activities.RecheckRegistration, mock.Anything, "m1").
		Return(workflows.AtVersion(standing(merchant.Registering, false), 2), nil).Once()
	env.OnActivity(activities.SubmitStep, mock.Anything, "m1", payout).
		Return(workflows.AtVersion(standing(merchant.Registering, true), 3), nil).Once()
	env.OnActivity(activities.RecheckRegistration, mock.Anything, "m1").
		Return(workflows.AtVersion(standing(merchant.Active, false), 4), nil).Once()
	env.RegisterDelayedCallback(func() { env.UpdateWorkflow(workflows.SubmitStepUpdate, "k1", accepted(t), licence) }, time.Millisecond)
	env.RegisterDelayedCallback(func() { env.UpdateWorkflow(workflows.SubmitStepUpdate, "k2", accepted(t), payout) }, time.Second)
	env.ExecuteWorkflow(workflows.RegistrationName, workflows.RegistrationInput{MerchantID: "m1"})
	require.NoError(t, env.GetWorkflowError())
}

func TestRefusedStepTellsTheCallerAndLeavesTheRegistrationOpen(t *testing.T) {
	t.Parallel()
	env := environment(t)
	step := workflows.Submission{Step: merchant.StepLicence, LicenceNumber: "x"}
	env.OnActivity(activities.SubmitStep, mock.Anything, "m1", step).
		Return(standing("", false), workflows.Refuse(fault.Field("licence_number", "licence_number_invalid", "wrong"))).Once()
	var refused error
	env.RegisterDelayedCallback(func() {
		env.UpdateWorkflow(workflows.SubmitStepUpdate, "k1", &testsuite.TestUpdateCallback{
			OnAccept: func() {}, OnReject: func(err error) { t.Error(err) }, OnComplete: func(_ any, err error) { refused = err },
		}, step)
	}, time.Millisecond)
	env.ExecuteWorkflow(workflows.RegistrationName, workflows.RegistrationInput{MerchantID: "m1"})
	require.NoError(t, env.GetWorkflowError()) // ends as abandoned after 30 days of virtual time
	require.Equal(t, fault.Code("licence_number_invalid"), fault.CodeOf(workflows.FaultOf(refused)))
	require.Equal(t, fault.Invalid, fault.KindOf(workflows.FaultOf(refused)))
}

func accepted(t *testing.T) *testsuite.TestUpdateCallback {
	t.Helper()
	return &testsuite.TestUpdateCallback{
		OnAccept: func() {}, OnReject: func(err error) { t.Error(err) },
		OnComplete: func(_ any, err error) {
			if err != nil {
				t.Error(err)
			}
		},
	}
}
