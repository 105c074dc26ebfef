package workflows

import (
	"context"

	"loan310/app/drawdown"
	"loan310/app/merchant"
	"loan310/app/reconciliation"
	"loan310/app/servicing/collection"
	"loan310/app/underwriting"
	"loan310/scoring"
	"loan310/scoring/evidence"
)

// Activities call one use case each and translate its error. All of them may
// run more than once.
type Activities struct {
	Merchants    *merchant.Service
	Underwriting *underwriting.Service
	Drawdowns    *drawdown.Service
	Reconciler   *reconciliation.Service
	Collections  *collection.Service
}

// registrationStanding is what the Registration workflow steers by.
type registrationStanding struct {
	State    merchant.State
	Checking bool  // a source has not answered about some step
	Version  int64 // of the merchant this was read from; a later one counts
}

func standingOf(m merchant.Merchant) registrationStanding {
	return registrationStanding{State: m.State, Checking: m.Checking(), Version: m.Version}
}

// SubmitStep applies one registration step.
func (a *Activities) SubmitStep(ctx context.Context, merchantID string, step Submission) (registrationStanding, error) {
	var m merchant.Merchant
	var err error
	switch step.Step {
	case merchant.StepLicence:
		m, err = a.Merchants.SubmitLicence(ctx, merchantID, step.LicenceNumber)
	case merchant.StepLegalRep:
		m, err = a.Merchants.SubmitLegalRep(ctx, merchantID, step.Name, step.IdentityNumber)
	case merchant.StepPayout:
		m, err = a.Merchants.SubmitPayout(ctx, merchantID, step.Rail, step.AccountNumber)
	case merchant.StepConsents:
		m, err = a.Merchants.GiveConsents(ctx, merchantID, step.ConsentVersion, step.Language, step.Sources)
	default:
		m, err = a.Merchants.Merchant(ctx, merchantID)
	}
	return standingOf(m), refuse(err)
}

// RecheckRegistration asks again about steps whose source had not answered.
func (a *Activities) RecheckRegistration(ctx context.Context, merchantID string) (registrationStanding, error) {
	m, err := a.Merchants.Recheck(ctx, merchantID)
	return standingOf(m), refuse(err)
}

// KnockOut declines on what we know ourselves; it tells whether it did.
func (a *Activities) KnockOut(ctx context.Context, applicationID string) (bool, error) {
	_, declined, err := a.Underwriting.KnockOut(ctx, applicationID)
	return declined, refuse(err)
}

// GatherEvidence reads all sources, those in again anew; only references
// travel on.
func (a *Activities) GatherEvidence(ctx context.Context, applicationID string, again []evidence.Source) ([]evidence.Meta, error) {
	metas, err := a.Underwriting.Gather(ctx, applicationID, again)
	return metas, refuse(err)
}

// answer is what the Underwriting workflow steers by.
type answer struct {
	Outcome scoring.Outcome
	WaitFor []evidence.Source
}

// Decide makes the decision of a sequence number.
func (a *Activities) Decide(ctx context.Context, in decideInput) (answer, error) {
	decision, err := a.Underwriting.Decide(ctx, in.ApplicationID, in.Seq, in.Evidence, in.Final)
	return answer{Outcome: decision.Verdict.Outcome, WaitFor: decision.Verdict.WaitFor}, refuse(err)
}

// AnswerUnjudged answers when Decide cannot; it tells whether that made a
// decision.
func (a *Activities) AnswerUnjudged(ctx context.Context, in decideInput) (bool, error) {
	made, err := a.Underwriting.AnswerUnjudged(ctx, in.ApplicationID, in.Seq, in.Evidence, in.Final)
	return made, refuse(err)
}

// ReserveDrawdown takes the amount from the line and books the promise.
func (a *Activities) ReserveDrawdown(ctx context.Context, drawdownID string) (drawdown.State, error) {
	d, err := a.Drawdowns.Reserve(ctx, drawdownID)
	return d.State, refuse(err)
}

// PayDrawdown moves the payout as far as the rail's word goes now.
func (a *Activities) PayDrawdown(ctx context.Context, drawdownID string) (drawdown.State, error) {
	d, err := a.Drawdowns.Pay(ctx, drawdownID)
	return d.State, refuse(err)
}

// Reconcile reads a rail's statement of a day and matches it.
func (a *Activities) Reconcile(ctx context.Context, in ReconciliationInput) (ReconciliationResult, error) {
	run, err := a.Reconciler.Run(ctx, in.Rail, in.Day)
	return ReconciliationResult{Lost: run.Lost, DoublePaid: run.DoublePaid, Breaks: run.Breaks}, refuse(err)
}
