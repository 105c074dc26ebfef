package web_test

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"loan310/app/audit"
	"loan310/app/clock"
	"loan310/app/drawdown"
	"loan310/app/fault"
	"loan310/app/merchant"
	"loan310/app/money"
	"loan310/app/servicing/collection"
	"loan310/app/underwriting"
	"loan310/scoring"
	"loan310/scoring/evidence"
	"loan310/web"
)

// directChain runs the use cases at once, in the caller's goroutine.
type directChain struct {
	merchants    *merchant.Service
	underwriting *underwriting.Service
	drawdowns    *drawdown.Service
	collections  *collection.Service
	down         atomic.Bool // not reachable
	idle         atomic.Bool // reachable, nobody works
	steps        atomic.Int64
	started      atomic.Int64
}

func (c *directChain) Ping(context.Context) error {
	if c.down.Load() {
		return fault.New(fault.Unavailable, "workflows_unavailable", "The service is busy.")
	}
	return nil
}

func (c *directChain) SubmitStep(ctx context.Context, id, _ string, step web.StepSubmission) error {
	if err := c.Ping(ctx); err != nil {
		return err
	}
	c.steps.Add(1)
	var err error
	switch step.Step {
	case merchant.StepLicence:
		_, err = c.merchants.SubmitLicence(ctx, id, step.LicenceNumber)
	case merchant.StepLegalRep:
		_, err = c.merchants.SubmitLegalRep(ctx, id, step.Name, step.IdentityNumber)
	case merchant.StepPayout:
		_, err = c.merchants.SubmitPayout(ctx, id, step.Rail, step.AccountNumber)
	case merchant.StepConsents:
		_, err = c.merchants.GiveConsents(ctx, id, step.ConsentVersion, step.Language, step.Sources)
	}
	return err
}

func (c *directChain) StartUnderwriting(ctx context.Context, id, _ string) error {
	if err := c.Ping(ctx); err != nil || c.idle.Load() {
		return err
	}
	c.started.Add(1)
	return c.decide(ctx, id, 1, false)
}

func (c *directChain) decide(ctx context.Context, id string, seq int, final bool) error {
	metas, err := c.underwriting.Gather(ctx, id, nil)
	if err != nil {
		return err
	}
	_, err = c.underwriting.Decide(ctx, id, seq, metas, final)
	return err
}

func (c *directChain) StartDrawdown(ctx context.Context, id, _ string) error {
	if err := c.Ping(ctx); err != nil || c.idle.Load() {
		return err
	}
	if _, err := c.drawdowns.Reserve(ctx, id); err != nil {
		return err
	}
	_, err := c.drawdowns.Pay(ctx, id)
	return err
}

func (c *directChain) StartDebit(ctx context.Context, key, _ string) error {
	if err := c.Ping(ctx); err != nil || c.idle.Load() {
		return err
	}
	_, err := c.collections.Advance(ctx, key)
	return err
}

// registry knows every licence as plainName's.
type registry struct{}

func (registry) Lookup(_ context.Context, licence string) (evidence.RegistryRecord, error) {
	if licence == plainLicence {
		return evidence.RegistryRecord{}, fault.Missing("licence")
	}
	return evidence.RegistryRecord{Name: "杭州西湖百货店", LegalRep: plainName, Status: evidence.RegistryActive, Region: "330100", Industry: "5219", Kind: "individual"}, nil
}

// identity believes everyone.
type identity struct{}

func (identity) Person(context.Context, string, string) (merchant.Match, error) {
	return merchant.Matched, nil
}

func (identity) Account(context.Context, string, string, string) (merchant.Match, error) {
	return merchant.Matched, nil
}

// silent sends nothing and knows no waybill.
type silent struct{}

func (silent) Send(context.Context, merchant.Message) error { return nil }

func (silent) SpotCheck(context.Context, string, string, string) (evidence.Waybill, error) {
	return evidence.Waybill{}, fault.Missing("waybill")
}

// phones keeps the codes that were sent.
type phones struct {
	mu    sync.Mutex
	codes map[string]string
	count map[string]int
}

func (p *phones) SendCode(_ context.Context, phone, code, _, _ string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.codes[phone] = code
	p.count[phone]++
	return nil
}

func (p *phones) code(phone string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.codes[phone]
}

// sent tells how many codes went to a phone.
func (p *phones) sent(phone string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count[phone]
}

// paying pays at once.
type paying struct{}

func (paying) Pay(_ context.Context, in drawdown.Instruction) (drawdown.Receipt, error) {
	return drawdown.Receipt{State: drawdown.RailPaid, Ref: "R" + in.Key}, nil
}

func (paying) Query(context.Context, string) (drawdown.Receipt, error) {
	return drawdown.Receipt{State: drawdown.RailNoRecord}, nil
}

// collecting collects at once.
type collecting struct{}

func (collecting) Collect(_ context.Context, in collection.Instruction) (collection.Receipt, error) {
	return collection.Receipt{State: collection.RailCollected, Ref: "R" + in.Key, Amount: in.Amount, At: clock.System()}, nil
}

func (collecting) Query(context.Context, string) (collection.Receipt, error) {
	return collection.Receipt{State: collection.RailNoRecord}, nil
}

// feed gives one empty row.
type feed[T any] struct{}

func (feed[T]) Fetch(_ context.Context, _ underwriting.Query, emit func(*T) error) (underwriting.Fetched, error) {
	return underwriting.Fetched{Found: true, DataAsOf: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}, emit(new(T))
}

func feeds() underwriting.Feeds {
	return underwriting.Feeds{
		Orders: feed[evidence.Order]{}, Waybills: feed[evidence.Waybill]{}, Transactions: feed[evidence.Transaction]{},
		Bills: feed[evidence.UtilityBill]{}, Bureau: feed[evidence.BureauReport]{}, Registry: feed[evidence.RegistryRecord]{},
	}
}

// engine answers by the amount wanted.
type engine struct{}

func (engine) KnockOut(scoring.Applicant) []scoring.Reason { return nil }

func (engine) Versions() scoring.Versions {
	return scoring.Versions{Strategy: "test@1", StrategyHash: "ab", Lane: "standard", Scorecard: "card@1", Code: "1"}
}

func (e engine) Decide(in scoring.Input) (scoring.Verdict, error) {
	verdict := scoring.Verdict{
		Outcome: scoring.Approved, Score: 640, PDPpm: 21_000, Features: []scoring.FeatureValue{{Name: "verified_revenue", Value: 1, State: scoring.FeatureKnown}},
		Reasons: []scoring.Reason{{Code: "no_evidence", Points: 12}}, Versions: e.Versions(),
	}
	switch {
	case in.Applicant.AmountWanted == wantsDecline:
		verdict.Outcome, verdict.RetryAfter = scoring.Declined, 30
	case in.Applicant.AmountWanted == wantsDeferral && !in.Final:
		verdict.Outcome, verdict.WaitFor = scoring.Deferred, []evidence.Source{evidence.Utility}
	default:
		verdict.Terms = &scoring.Terms{
			Limit: 150_000 * 100, AnnualRateBps: 1200, IRRBps: 1200, DayCountBase: 360, TenorMonths: []int{3, 6, 12},
			Repayment: []scoring.RepaymentType{scoring.EqualInstalments, scoring.AnyTime}, ValidDays: 7,
		}
	}
	return verdict, nil
}

// inputWanting is an input of the test engine.
func inputWanting(amount money.Amount) scoring.Input {
	return scoring.Input{Applicant: scoring.Applicant{AmountWanted: amount}}
}

// entry is an audit entry.
func entry(action, subject string) audit.Entry {
	return audit.Entry{At: clock.System(), Actor: audit.System("test"), Action: action, Subject: subject}
}

// failing fails every step.
type failing struct {
	web.Chain
	err error
}

func (f failing) SubmitStep(context.Context, string, string, web.StepSubmission) error { return f.err }
