package collection

import (
	"context"
	"slices"
	"strings"
	"time"

	"loan310/app/audit"
	"loan310/app/fault"
)

// Codes of what a person may not do with a debit.
const (
	CodeTwoPairsOfEyes fault.Code = "second_person_needed"
	CodeNotProposed    fault.Code = "nothing_proposed"
)

// CaseReason is why a person must look at a debit.
type CaseReason string

// CaseUnknown is the reason of a debit that nobody could settle for long.
const CaseUnknown CaseReason = "unknown_too_long"

// CaseState is where a case stands.
type CaseState string

// States of cases.
const (
	CaseOpen     CaseState = "open"
	CaseProposed CaseState = "proposed"
	CaseClosed   CaseState = "closed"
)

// Outcome is what a person says became of a debit, or how a case ended.
type Outcome string

// Outcomes.
const (
	OutcomeCollected Outcome = "collected"
	OutcomeFailed    Outcome = "failed"
	OutcomeRail      Outcome = "rail_answered" // the rail said it after all
)

// Case is a debit that a person looks after until it is closed.
type Case struct {
	ID         string
	Key        string // the debit's
	LoanID     string
	Reason     CaseReason
	State      CaseState
	Owner      string // empty = nobody yet
	OpenedAt   time.Time
	Outcome    Outcome
	Reference  string // of the rail's statement: the evidence
	Note       string
	ProposedBy string
	ProposedAt time.Time
	ClosedBy   string
	ClosedAt   time.Time
}

// Desk keeps cases.
type Desk interface {
	// Case gives one; fault.NotFound when there is none.
	Case(ctx context.Context, id string) (Case, error)
	// Cases lists those not closed, oldest first, at most limit.
	Cases(ctx context.Context, limit int) ([]Case, error)
	// ChangeCase stores the case where its state is still the one given; else
	// Conflict with fault.CodeStale.
	ChangeCase(ctx context.Context, c Case, from CaseState, entry audit.Entry) error
}

// Resolution is what a person says became of a debit, with the evidence.
type Resolution struct {
	CaseID    string
	Outcome   Outcome
	Reference string
	Note      string
}

// begun is when the debit first may have left.
func (d *Debit) begun() time.Time {
	if d.FirstCallAt.IsZero() {
		return d.CreatedAt
	}
	return d.FirstCallAt
}

func (s *Service) newCase(d *Debit, reason CaseReason) *Case {
	return &Case{ID: caseID(d.Key, reason), Key: d.Key, LoanID: d.LoanID, Reason: reason, State: CaseOpen, OpenedAt: s.deps.Now()}
}

// Cases lists what persons must look at, oldest first.
func (s *Service) Cases(ctx context.Context, limit int) ([]Case, error) {
	return s.deps.Store.Cases(ctx, limit)
}

// Propose records what a person says became of a debit. Nothing is booked
// until another person agrees. Proposing again replaces a proposal.
func (s *Service) Propose(ctx context.Context, r Resolution, by audit.Actor) (Case, error) {
	c, err := s.deps.Store.Case(ctx, r.CaseID)
	if err != nil {
		return Case{}, err
	}
	wanted := []Outcome{OutcomeCollected, OutcomeFailed}
	switch {
	case c.State == CaseClosed:
		return Case{}, fault.New(fault.Conflict, fault.CodeWrongState, "the case is closed")
	case !slices.Contains(wanted, r.Outcome):
		return Case{}, fault.Field("outcome", fault.CodeInvalid, "A debit is settled as one of %v.", wanted)
	case strings.TrimSpace(r.Reference) == "":
		return Case{}, fault.Field("reference", fault.CodeInvalid, "Name the entry of the rail's statement that shows it.")
	case by.ID == "":
		return Case{}, fault.Field("by", fault.CodeInvalid, "Say who you are.")
	}
	from := c.State
	c.State, c.Outcome, c.Reference, c.Note = CaseProposed, r.Outcome, strings.TrimSpace(r.Reference), r.Note
	c.ProposedBy, c.ProposedAt, c.Owner = by.ID, s.deps.Now(), by.ID
	return c, s.deps.Store.ChangeCase(ctx, c, from, *s.entry(by, "debit.settlement_proposed", c.LoanID, c.Key+" "+string(c.Outcome)+" "+c.Reference))
}

// Approve agrees with a proposal and settles the debit by it. The one who
// proposed cannot. Approving again after a crash ends what was begun.
func (s *Service) Approve(ctx context.Context, caseID string, by audit.Actor) (Case, error) {
	c, err := s.deps.Store.Case(ctx, caseID)
	if err != nil {
		return Case{}, err
	}
	switch {
	case c.State == CaseClosed:
		return Case{}, fault.New(fault.Conflict, fault.CodeWrongState, "the case is closed")
	case c.State != CaseProposed:
		return Case{}, fault.New(fault.Conflict, CodeNotProposed, "Nobody has proposed how to settle this debit.")
	case by.ID == "" || by.ID == c.ProposedBy:
		return Case{}, fault.New(fault.Conflict, CodeTwoPairsOfEyes, "Another person than the one who proposed must approve.")
	}
	d, err := s.deps.Store.Debit(ctx, c.Key)
	if err != nil {
		return Case{}, err
	}
	if d, err = s.byHand(ctx, &d, c, by); err != nil {
		return Case{}, err
	}
	if (d.State == Collected) != (c.Outcome == OutcomeCollected) {
		return Case{}, fault.New(fault.Conflict, fault.CodeWrongState, "the debit is %s by the rail's word", d.State)
	}
	if c, err = s.deps.Store.Case(ctx, caseID); err != nil || c.State == CaseClosed {
		return c, err
	}
	c.State, c.ClosedBy, c.ClosedAt = CaseClosed, by.ID, s.deps.Now()
	return c, s.deps.Store.ChangeCase(ctx, c, CaseProposed, *s.entry(by, "debit.settlement_approved", c.LoanID, c.Key+" "+string(c.Outcome)+" "+c.Reference))
}

// byHand books what two persons agreed on; nothing where the rail has
// answered meanwhile.
func (s *Service) byHand(ctx context.Context, d *Debit, c Case, by audit.Actor) (Debit, error) {
	if d.State.Final() {
		return *d, nil
	}
	if c.Outcome == OutcomeCollected {
		return s.collected(ctx, d, Receipt{State: RailCollected, Ref: c.Reference, At: s.deps.Now()}, by)
	}
	return s.change(ctx, d, func(_ *Standing, d *Debit) (Step, error) {
		d.State, d.FailureCode, d.Failure, d.SettledAt, d.WaitsFor = Failed, string(CodeSettledHand), Refused, s.deps.Now(), WaitsForNothing
		return Step{Debit: d, LookAt: s.deps.Now(), Audit: s.entry(by, "debit.failed", d.LoanID, d.Key+" "+c.Reference)}, nil
	})
}
