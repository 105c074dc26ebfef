package drawdown

import (
	"context"
	"slices"
	"strings"
	"time"

	"loan310/app/audit"
	"loan310/app/fault"
	"loan310/app/money"
)

// AllRails names every rail in a stop.
const AllRails = "*"

// Codes of what a person may not do with a payout.
const (
	CodeTwoPairsOfEyes fault.Code = "second_person_needed"
	CodeNotProposed    fault.Code = "nothing_proposed"
	CodeUnknownRail    fault.Code = "rail_unknown"
)

// CaseReason is why a person must look at a payout.
type CaseReason string

// Reasons of cases.
const (
	CaseUnknown      CaseReason = "unknown_too_long"
	CasePaidAfterAll CaseReason = "paid_after_settled"  // the rail says paid of what we settled otherwise
	CaseReturn       CaseReason = "return_not_bookable" // money came back that we cannot book by ourselves
)

// CaseState is where a case stands.
type CaseState string

// States of cases.
const (
	CaseOpen     CaseState = "open"
	CaseProposed CaseState = "proposed" // one person has said what is true; another must agree
	CaseClosed   CaseState = "closed"
)

// Outcome is what a person says became of a payout, or how a case ended.
type Outcome string

// Outcomes. A person proposes OutcomePaid or OutcomeFailed, and OutcomeNoted
// where nothing is left to settle.
const (
	OutcomePaid   Outcome = "paid"
	OutcomeFailed Outcome = "failed"
	OutcomeNoted  Outcome = "noted"
	OutcomeRail   Outcome = "rail_answered" // the rail said it after all
)

// Case is a payout that a person looks after until it is closed.
type Case struct {
	ID         string
	PayoutKey  string
	DrawdownID string
	Reason     CaseReason
	State      CaseState
	Owner      string // who looks after it; empty = nobody yet
	OpenedAt   time.Time
	Outcome    Outcome
	Reference  string // of the rail's statement: the evidence
	Note       string
	ProposedBy string
	ProposedAt time.Time
	ClosedBy   string
	ClosedAt   time.Time
}

// Stop keeps a rail, or AllRails, from sending.
type Stop struct {
	Rail   string
	Reason string
	By     string
	At     time.Time
}

// Usage is what was sent over a rail on a day.
type Usage struct {
	Rail   string
	Day    string
	Amount money.Amount
	Count  int
}

// PayoutFilter chooses payouts; empty fields choose all.
type PayoutFilter struct {
	State PayoutState
	Rail  string
}

// Desk keeps what operators see and do. Every write is one transaction with
// its audit entry.
type Desk interface {
	// OpenCase opens a case once per payout and reason; a second time it does
	// nothing.
	OpenCase(ctx context.Context, c Case, entry audit.Entry) error
	// CloseByRail closes the case of a payout that the rail answered for.
	CloseByRail(ctx context.Context, payoutKey string, at time.Time, entry audit.Entry) error
	// Case gives one; fault.NotFound when there is none.
	Case(ctx context.Context, id string) (Case, error)
	// Cases lists those not closed, oldest first, at most limit.
	Cases(ctx context.Context, limit int) ([]Case, error)
	// ChangeCase stores the case where its state is still the one given; else
	// Conflict with fault.CodeStale.
	ChangeCase(ctx context.Context, c Case, from CaseState, entry audit.Entry) error
	// PayoutList lists newest first, accounts left out.
	PayoutList(ctx context.Context, filter PayoutFilter, page Page) ([]Payout, string, error)
	// PayoutByKey gives one, account left out; fault.NotFound when there is none.
	PayoutByKey(ctx context.Context, key string) (Payout, error)
	Switches
}

// Switches keeps the rails' kill switches and what they sent.
type Switches interface {
	// SetStop stops a rail; a rail stopped already stays stopped as it was.
	SetStop(ctx context.Context, stop Stop, entry audit.Entry) error
	// ClearStop lets a rail send again.
	ClearStop(ctx context.Context, rail string, entry audit.Entry) error
	// Stops lists what is stopped, by rail.
	Stops(ctx context.Context) ([]Stop, error)
	// Usage gives what was admitted on a day, by rail.
	Usage(ctx context.Context, day string) ([]Usage, error)
	// Untold lists reversed drawdowns whose merchant was not told yet.
	Untold(ctx context.Context, limit int) ([]string, error)
	// Told records that the merchant was told.
	Told(ctx context.Context, drawdownID string, at time.Time) error
}

// Resolution is what a person says became of a payout, with the evidence.
type Resolution struct {
	CaseID    string
	Outcome   Outcome
	Reference string // of the rail's statement
	Note      string
}

// handOver opens a case.
func (s *Service) handOver(ctx context.Context, payout Payout, reason CaseReason) error {
	if s.deps.Desk == nil {
		return nil
	}
	return s.deps.Desk.OpenCase(ctx, Case{
		ID: s.deps.NewID(), PayoutKey: payout.Key, DrawdownID: payout.DrawdownID, Reason: reason, State: CaseOpen, OpenedAt: s.deps.Now(),
	}, s.entry(workflowActor(payout.DrawdownID), "payout.handed_over", payout.DrawdownID, string(reason)))
}

// settledByRail closes the case of a payout that needs nobody any more.
func (s *Service) settledByRail(ctx context.Context, payout Payout, receipt Receipt) error {
	if s.deps.Desk == nil || s.deps.Now().Sub(payout.begun()) < s.deps.HandOver {
		return nil
	}
	return s.deps.Desk.CloseByRail(ctx, payout.Key, s.deps.Now(),
		s.entry(workflowActor(payout.DrawdownID), "payout.case_closed", payout.DrawdownID, string(receipt.State)))
}

// Case gives a case; Cases those not closed, oldest first.
func (s *Service) Case(ctx context.Context, id string) (Case, error) {
	return s.deps.Desk.Case(ctx, id)
}

// Cases lists what persons must look at, oldest first.
func (s *Service) Cases(ctx context.Context, limit int) ([]Case, error) {
	return s.deps.Desk.Cases(ctx, limit)
}

// Payouts lists payouts, newest first, accounts left out.
func (s *Service) Payouts(ctx context.Context, filter PayoutFilter, page Page) ([]Payout, string, error) {
	return s.deps.Desk.PayoutList(ctx, filter, page)
}

// PayoutByKey gives one payout, its account left out.
func (s *Service) PayoutByKey(ctx context.Context, key string) (Payout, error) {
	return s.deps.Desk.PayoutByKey(ctx, key)
}

// Propose records what a person says became of a payout. Nothing moves until
// another person agrees. Proposing again replaces a proposal.
func (s *Service) Propose(ctx context.Context, r Resolution, by audit.Actor) (Case, error) {
	c, err := s.deps.Desk.Case(ctx, r.CaseID)
	if err != nil {
		return Case{}, err
	}
	wanted := []Outcome{OutcomeNoted}
	if c.Reason == CaseUnknown {
		wanted = []Outcome{OutcomePaid, OutcomeFailed}
	}
	switch {
	case c.State == CaseClosed:
		return Case{}, fault.New(fault.Conflict, fault.CodeWrongState, "the case is closed")
	case !slices.Contains(wanted, r.Outcome):
		return Case{}, fault.Field("outcome", fault.CodeInvalid, "This case is settled as one of %v.", wanted)
	case strings.TrimSpace(r.Reference) == "":
		return Case{}, fault.Field("reference", fault.CodeInvalid, "Name the entry of the rail's statement that shows it.")
	case by.ID == "":
		return Case{}, fault.Field("by", fault.CodeInvalid, "Say who you are.")
	}
	from := c.State
	c.State, c.Outcome, c.Reference, c.Note = CaseProposed, r.Outcome, strings.TrimSpace(r.Reference), r.Note
	c.ProposedBy, c.ProposedAt, c.Owner = by.ID, s.deps.Now(), by.ID
	return c, s.deps.Desk.ChangeCase(ctx, c, from, s.entry(by, "payout.settlement_proposed", c.DrawdownID, string(c.Outcome)+" "+c.Reference))
}

// Approve agrees with a proposal and settles the payout by it. The one who
// proposed cannot. Approving again after a crash ends what was begun.
func (s *Service) Approve(ctx context.Context, caseID string, by audit.Actor) (Case, error) {
	c, err := s.deps.Desk.Case(ctx, caseID)
	if err != nil {
		return Case{}, err
	}
	switch {
	case c.State == CaseClosed:
		return Case{}, fault.New(fault.Conflict, fault.CodeWrongState, "the case is closed")
	case c.State != CaseProposed:
		return Case{}, fault.New(fault.Conflict, CodeNotProposed, "Nobody has proposed how to settle this payout.")
	case by.ID == "" || by.ID == c.ProposedBy:
		return Case{}, fault.New(fault.Conflict, CodeTwoPairsOfEyes, "Another person than the one who proposed must approve.")
	}
	if err := s.settleByHand(ctx, c, by); err != nil {
		return Case{}, err
	}
	c.State, c.ClosedBy, c.ClosedAt = CaseClosed, by.ID, s.deps.Now()
	return c, s.deps.Desk.ChangeCase(ctx, c, CaseProposed, s.entry(by, "payout.settlement_approved", c.DrawdownID, string(c.Outcome)+" "+c.Reference))
}

// settleByHand books what two persons agreed on. It never pays: a payout
// settled as failed is not sent again.
func (s *Service) settleByHand(ctx context.Context, c Case, by audit.Actor) error {
	if c.Outcome == OutcomeNoted {
		return nil
	}
	payout, err := s.deps.Store.Payout(ctx, c.DrawdownID)
	if err != nil {
		return err
	}
	if payout.Key != c.PayoutKey {
		return fault.New(fault.Conflict, fault.CodeWrongState, "the payout was settled and another attempt made")
	}
	id := c.DrawdownID
	if c.Outcome == OutcomePaid {
		_, err = s.deps.Store.SettlePaid(ctx, id, payout.Key, c.Reference, s.paidJournal(payout), s.entry(by, "drawdown.paid", id, c.Reference))
		return err
	}
	_, err = s.deps.Store.SettleFailed(ctx, id, payout.Key, CodeRailRefused, "settled_by_hand", s.deps.Now(), s.entry(by, "drawdown.failed", id, c.Reference))
	return err
}

// StopRail keeps a rail, or AllRails, from sending; payouts wait, none fails.
// What has left is still asked about.
func (s *Service) StopRail(ctx context.Context, rail, reason string, by audit.Actor) error {
	if err := s.knownRail(rail); err != nil {
		return err
	}
	if strings.TrimSpace(reason) == "" {
		return fault.Field("reason", fault.CodeInvalid, "Say why the rail is stopped.")
	}
	return s.deps.Desk.SetStop(ctx, Stop{Rail: rail, Reason: reason, By: by.ID, At: s.deps.Now()},
		audit.Entry{At: s.deps.Now(), Actor: by, Action: "rail.stopped", Subject: "rail/" + rail, Detail: reason})
}

// ResumeRail lets a rail, or AllRails, send again.
func (s *Service) ResumeRail(ctx context.Context, rail string, by audit.Actor) error {
	if err := s.knownRail(rail); err != nil {
		return err
	}
	return s.deps.Desk.ClearStop(ctx, rail, audit.Entry{At: s.deps.Now(), Actor: by, Action: "rail.resumed", Subject: "rail/" + rail})
}

func (s *Service) knownRail(rail string) error {
	if rail != AllRails && rail != RailWallet && rail != RailBank {
		return fault.Field("rail", CodeUnknownRail, "There are the rails wallet and bank, and * for all.")
	}
	return nil
}

// Stops lists what is stopped; Usage what was sent on a day, by rail.
func (s *Service) Stops(ctx context.Context) ([]Stop, error) { return s.deps.Desk.Stops(ctx) }

// Usage gives what was sent today, by rail.
func (s *Service) Usage(ctx context.Context) ([]Usage, error) {
	return s.deps.Desk.Usage(ctx, Day(s.deps.Now()))
}

// LimitOf gives a rail's limit of a day.
func (s *Service) LimitOf(rail string) Limit { return s.deps.Limits[rail] }
