package servicing

import (
	"context"

	"loan310/app/audit"
	"loan310/app/fault"
	"loan310/app/ident"
	"loan310/app/servicing/loan"
)

// Kinds of proposals: what one person proposes and another decides.
const (
	KindChargeOff = "charge_off"
	KindWriteBack = "write_back" // of a charge-off: it undoes what two decided
)

// ProposeChargeOff asks for a loan to be charged off; another person decides.
// Asking again gives the open proposal.
func (s *Service) ProposeChargeOff(ctx context.Context, c Command) (Proposal, error) {
	return s.propose(ctx, c, KindChargeOff)
}

// ProposeWriteBack asks for what is left of a charged-off loan to be put on
// the books again; another person decides. Asking again gives the open
// proposal.
func (s *Service) ProposeWriteBack(ctx context.Context, c Command) (Proposal, error) {
	return s.propose(ctx, c, KindWriteBack)
}

func (s *Service) propose(ctx context.Context, c Command, kind string) (Proposal, error) {
	l, err := s.deps.Store.Loan(ctx, c.LoanID)
	if err != nil {
		return Proposal{}, err
	}
	switch {
	case l.State == loan.WrittenOff && kind == KindChargeOff:
		return Proposal{}, fault.New(fault.Conflict, loan.CodeChargedOff, "the loan is charged off")
	case l.State == loan.Active && kind == KindWriteBack:
		return Proposal{}, fault.New(fault.Conflict, loan.CodeNotChargedOff, "the loan is not charged off")
	case l.State != loan.Active && l.State != loan.WrittenOff:
		return Proposal{}, fault.New(fault.Conflict, loan.CodeLoanClosed, "nothing is owed")
	}
	if c.Reason == "" {
		return Proposal{}, fault.Field("reason", fault.CodeInvalid, "Say why.")
	}
	now := s.deps.Now()
	p := Proposal{
		ID: ident.DerivedID("loan_proposal", c.LoanID, kind, c.Key), LoanID: c.LoanID, Kind: kind, Reason: c.Reason, State: "open",
		ProposedBy: c.Actor.ID, ProposedAt: now,
	}
	return s.deps.Store.Propose(ctx, p, audit.Entry{At: now, Actor: c.Actor, Action: "loan." + kind + "_proposed", Subject: "loan/" + c.LoanID, Detail: p.ID})
}

// DecideChargeOff approves or refuses a proposal, by another person than the
// one who made it (a Conflict with CodeSamePerson else). Approved, the loan
// is charged off today; deciding the same again gives the same.
func (s *Service) DecideChargeOff(ctx context.Context, proposalID string, approve bool, actor audit.Actor) (Proposal, Outcome, error) {
	return s.decideProposal(ctx, proposalID, approve, actor, KindChargeOff, loan.Event{Kind: loan.ChargedOff})
}

// DecideWriteBack is DecideChargeOff for a write-back: approved, what is left
// of the claim is on the books again today, all of it due.
func (s *Service) DecideWriteBack(ctx context.Context, proposalID string, approve bool, actor audit.Actor) (Proposal, Outcome, error) {
	return s.decideProposal(ctx, proposalID, approve, actor, KindWriteBack, loan.Event{Kind: loan.WrittenBack})
}

func (s *Service) decideProposal(ctx context.Context, proposalID string, approve bool, actor audit.Actor, kind string, event loan.Event) (Proposal, Outcome, error) {
	p, err := s.deps.Store.Proposal(ctx, proposalID)
	if err != nil {
		return Proposal{}, Outcome{}, err
	}
	if p.Kind != kind {
		return Proposal{}, Outcome{}, fault.Missing("proposal")
	}
	if p.ProposedBy == actor.ID {
		return Proposal{}, Outcome{}, fault.New(fault.Conflict, CodeSamePerson, "Another person than the one who proposed it must decide.")
	}
	want := "refused"
	if approve {
		want = "approved"
	}
	if p.State != "open" && p.State != want {
		return Proposal{}, Outcome{}, fault.New(fault.Conflict, CodeDecided, "The proposal is %s.", p.State)
	}
	if p.State == "open" {
		if approve { // what cannot be done is refused before it is decided
			if err := s.admitted(ctx, p.LoanID, loan.Event{ID: p.ID, Kind: event.Kind, On: s.Today()}); err != nil {
				return Proposal{}, Outcome{}, err
			}
		}
		now := s.deps.Now()
		p.State, p.DecidedBy, p.DecidedAt = want, actor.ID, now
		entry := audit.Entry{At: now, Actor: actor, Action: "loan." + kind + "_" + want, Subject: "loan/" + p.LoanID, Detail: p.ID}
		if p, err = s.deps.Store.Decide(ctx, p, entry); err != nil {
			return Proposal{}, Outcome{}, err
		}
	}
	if !approve {
		return p, Outcome{}, nil
	}
	outcome, err := s.happened(ctx, Command{LoanID: p.LoanID, Key: "proposal:" + p.ID, Reason: p.Reason, Actor: actor}, event)
	return p, outcome, err
}

// admitted tells whether an event could join a loan as it stands.
func (s *Service) admitted(ctx context.Context, loanID string, event loan.Event) error {
	record, err := s.deps.Store.Record(ctx, loanID)
	if err != nil {
		return err
	}
	return loan.Admit(record.Loan.Contract, record.events(), event, s.Today())
}
