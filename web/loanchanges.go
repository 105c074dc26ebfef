package web

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"loan310/app/audit"
	"loan310/app/fault"
	"loan310/app/ledger"
	"loan310/app/money"
	"loan310/app/servicing"
	"loan310/app/servicing/loan"
)

// loanChangedView answers every change: the loan as it stands, what was
// recorded, and what was booked for it.
type loanChangedView struct {
	Loan     loanView          `json:"loan"`
	Event    loanEventView     `json:"event"`
	Journals []loanJournalView `json:"journals" doc:"Booked by this change: reversals of what no longer holds, then what holds instead."`
}

// Dated says from which day a change counts, and why.
type Dated struct {
	On     string `json:"on,omitempty" format:"date" doc:"The day it counts from; absent = today. An earlier day replays everything after it." example:"2026-12-01"`
	Reason string `json:"reason,omitempty" maxLength:"200" doc:"Why, in words; no personal data." example:"transfer found in the statement"`
}

type moneyBody struct {
	Dated
	AmountFen int64  `json:"amount_fen" minimum:"1" maximum:"1000000000000" example:"450000"`
	Rail      string `json:"rail,omitempty" enum:"wallet,bank" default:"wallet" doc:"Where the money is."`
	Reference string `json:"reference,omitempty" maxLength:"128" doc:"The rail's."`
	Excess    string `json:"excess,omitempty" enum:"advance,prepay,hold" doc:"Repayments: what becomes of money beyond what is due. advance: it pays the next line on its day, and what is beyond that repays early; prepay: all of it repays early; hold: all of it is kept. Absent = as the product says."`
}

type moneyRequest struct {
	ByID
	Keyed
	Body moneyBody
}

type reversalRequest struct {
	ByID
	Keyed
	Body struct {
		Dated
		EventID string `json:"event_id" minLength:"1" maxLength:"64" doc:"What never was; once per event."`
	}
}

type waiverRequest struct {
	ByID
	Keyed
	Body struct {
		Dated
		Component  string `json:"component" enum:"interest,penalty,fee" doc:"Principal is charged off, never waived."`
		AmountFen  int64  `json:"amount_fen" minimum:"1" maximum:"1000000000000"`
		Subsidised bool   `json:"subsidised,omitempty" doc:"A campaign pays, so our income stays."`
	}
}

type feeRequest struct {
	ByID
	Keyed
	Body struct {
		Dated
		AmountFen int64 `json:"amount_fen" minimum:"1" maximum:"1000000000000" example:"5000"`
	}
}

type pauseRequest struct {
	ByID
	Keyed
	Body struct {
		Dated
		Until string `json:"until,omitempty" format:"date" doc:"The first day that counts again; absent = until resumed."`
	}
}

type resumeLoanRequest struct {
	ByID
	Keyed
	Body Dated
}

type restructureRequest struct {
	ByID
	Keyed
	Body struct {
		Dated
		TenorMonths int    `json:"tenor_months" minimum:"1" maximum:"120"`
		RateBps     int64  `json:"annual_rate_bps" minimum:"0" maximum:"3600" doc:"Never above the contract's."`
		FirstDue    string `json:"first_due" format:"date"`
		Capitalise  bool   `json:"capitalise,omitempty" doc:"Unpaid interest joins the principal."`
	}
}

type proposalRequest struct {
	ByID
	Keyed
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"200" doc:"Why, in words; no personal data."`
	}
}

type proposalDecisionRequest struct {
	ByID
	Keyed
	Body struct {
		Approve bool `json:"approve"`
	}
}

type proposalView struct {
	ID         string           `json:"id"`
	LoanID     string           `json:"loan_id"`
	State      string           `json:"state" enum:"open,approved,refused"`
	ProposedAt time.Time        `json:"proposed_at"`
	DecidedAt  time.Time        `json:"decided_at,omitzero"`
	Change     *loanChangedView `json:"change,omitempty" doc:"approved: what was charged off, or is on the books again."`
}

func showProposal(p servicing.Proposal) proposalView {
	return proposalView{ID: p.ID, LoanID: p.LoanID, State: p.State, ProposedAt: p.ProposedAt, DecidedAt: p.DecidedAt}
}

func (s *server) loanChangeEndpoints(tags []string) {
	post := func(id, path, summary, description string) huma.Operation {
		return huma.Operation{OperationID: id, Method: http.MethodPost, Path: path, Tags: tags, Summary: summary, Description: description}
	}
	const again = " Answers with the new schedule and the journals booked."
	endpoint(s, post("post-repayment", "/api/loans/{id}/repayments", "Record a repayment",
		"Money that has arrived, today or on an earlier day; what is due is paid first."+again), moneyChange(s, s.Servicing.Repay))
	endpoint(s, post("post-recovery", "/api/loans/{id}/recoveries", "Record a recovery", "Money that has arrived on a loan that was charged off."+again), moneyChange(s, s.Servicing.Recover))
	endpoint(s, post("post-refund", "/api/loans/{id}/refunds", "Record a refund", "Credit that has gone back to the merchant."+again), moneyChange(s, s.Servicing.Refund))
	endpoint(s, post("reverse-loan-event", "/api/loans/{id}/reversals", "Reverse an event",
		"Says that an event never was, such as a repayment that bounced; everything after it is replayed."+again), s.reverseLoanEvent)
	endpoint(s, post("waive", "/api/loans/{id}/waivers", "Waive interest, penalty or fees", "At most what is owed."+again), s.waive)
	endpoint(s, post("charge-fee", "/api/loans/{id}/fees", "Charge a fee", "Income at once, due with the next line, or at once after the last."+again), s.chargeFee)
	endpoint(s, post("pause-loan", "/api/loans/{id}/pauses", "Pause a loan", "Days of a pause are not counted as past due."+again), s.pauseLoan)
	endpoint(s, post("resume-loan", "/api/loans/{id}/resumptions", "End a pause", "The day given counts again."+again), s.resumeLoan)
	endpoint(s, post("restructure-loan", "/api/loans/{id}/restructurings", "Restructure a loan", "Lays what is owed over new lines and begins an observation of a year."+again), s.restructureLoan)
	endpoint(s, post("propose-charge-off", "/api/loans/{id}/charge-offs", "Propose a charge-off", "Another person decides. An open proposal of the loan is given as it is."), proposing(s.Servicing.ProposeChargeOff))
	endpoint(s, post("decide-charge-off", "/api/charge-offs/{id}/decision", "Decide a charge-off", "By another person than the one who proposed it. Approved, all that is owed leaves the books today."), deciding(s, s.Servicing.DecideChargeOff))
	endpoint(s, post("propose-write-back", "/api/loans/{id}/write-backs", "Propose a write-back", "Of a charge-off. Another person decides. An open proposal of the loan is given as it is."), proposing(s.Servicing.ProposeWriteBack))
	endpoint(s, post("decide-write-back", "/api/write-backs/{id}/decision", "Decide a write-back", "By another person than the one who proposed it. Approved, what is left of the claim is on the books again today, all of it due."), deciding(s, s.Servicing.DecideWriteBack))
}

// dayOf reads a day of a request; empty is none.
func dayOf(field, text string) (loan.Date, error) {
	if text == "" {
		return 0, nil
	}
	day, err := loan.ParseDate(text)
	if known, ok := errors.AsType[*fault.Error](err); ok {
		known.Field = field
	}
	return day, err
}

// command makes the command of a change; the caller's kind keeps keys of
// merchants, platforms and staff apart.
func command(who Principal, id, key string, when Dated) (servicing.Command, error) {
	on, err := dayOf("on", when.On)
	return servicing.Command{LoanID: id, Key: string(who.Kind) + ":" + key, On: on, Reason: when.Reason, Actor: who.actor()}, err
}

// changed shows the outcome of a change.
func (s *server) changed(ctx context.Context, outcome servicing.Outcome, err error) (*body[loanChangedView], error) {
	if err != nil {
		return nil, err
	}
	view, err := s.Servicing.View(ctx, outcome.Loan.ID)
	if err != nil {
		return nil, err
	}
	return &body[loanChangedView]{loanChangedView{
		Loan: showLoan(view), Event: showEvent(outcome.Event, false), Journals: showLoanJournals(outcome.Journals),
	}}, nil
}

// moneyChange makes a handler of money that moved.
func moneyChange(s *server, do func(context.Context, servicing.Money) (servicing.Outcome, error)) func(context.Context, Principal, *moneyRequest) (*body[loanChangedView], error) {
	return func(ctx context.Context, who Principal, in *moneyRequest) (*body[loanChangedView], error) {
		c, err := command(who, in.ID, in.IdempotencyKey, in.Body.Dated)
		if err != nil {
			return nil, err
		}
		m := servicing.Money{Command: c, Amount: fen(in.Body.AmountFen), Channel: "transfer", Ref: in.Body.Reference, Excess: loan.Excess(in.Body.Excess)}
		if in.Body.Rail == "bank" {
			m.Account = ledger.SettlementBank
		}
		outcome, err := do(ctx, m)
		return s.changed(ctx, outcome, err)
	}
}

func (s *server) reverseLoanEvent(ctx context.Context, who Principal, in *reversalRequest) (*body[loanChangedView], error) {
	c, err := command(who, in.ID, in.IdempotencyKey, in.Body.Dated)
	if err != nil {
		return nil, err
	}
	outcome, err := s.Servicing.Reverse(ctx, c, in.Body.EventID)
	return s.changed(ctx, outcome, err)
}

func (s *server) waive(ctx context.Context, who Principal, in *waiverRequest) (*body[loanChangedView], error) {
	c, err := command(who, in.ID, in.IdempotencyKey, in.Body.Dated)
	if err != nil {
		return nil, err
	}
	outcome, err := s.Servicing.Waive(ctx, c, loan.Component(in.Body.Component), fen(in.Body.AmountFen), in.Body.Subsidised)
	return s.changed(ctx, outcome, err)
}

func (s *server) chargeFee(ctx context.Context, who Principal, in *feeRequest) (*body[loanChangedView], error) {
	c, err := command(who, in.ID, in.IdempotencyKey, in.Body.Dated)
	if err != nil {
		return nil, err
	}
	outcome, err := s.Servicing.Charge(ctx, c, fen(in.Body.AmountFen))
	return s.changed(ctx, outcome, err)
}

func (s *server) pauseLoan(ctx context.Context, who Principal, in *pauseRequest) (*body[loanChangedView], error) {
	c, err := command(who, in.ID, in.IdempotencyKey, in.Body.Dated)
	if err != nil {
		return nil, err
	}
	until, err := dayOf("until", in.Body.Until)
	if err != nil {
		return nil, err
	}
	outcome, err := s.Servicing.Pause(ctx, c, until)
	return s.changed(ctx, outcome, err)
}

func (s *server) resumeLoan(ctx context.Context, who Principal, in *resumeLoanRequest) (*body[loanChangedView], error) {
	c, err := command(who, in.ID, in.IdempotencyKey, in.Body)
	if err != nil {
		return nil, err
	}
	outcome, err := s.Servicing.Resume(ctx, c)
	return s.changed(ctx, outcome, err)
}

func (s *server) restructureLoan(ctx context.Context, who Principal, in *restructureRequest) (*body[loanChangedView], error) {
	c, err := command(who, in.ID, in.IdempotencyKey, in.Body.Dated)
	if err != nil {
		return nil, err
	}
	first, err := dayOf("first_due", in.Body.FirstDue)
	if err != nil {
		return nil, err
	}
	outcome, err := s.Servicing.Restructure(ctx, c, loan.Restructuring{
		TenorMonths: in.Body.TenorMonths, RateBps: money.BasisPoints(in.Body.RateBps), FirstDue: first, Capitalise: in.Body.Capitalise,
	})
	return s.changed(ctx, outcome, err)
}

// proposing makes a handler of what another person must decide.
func proposing(propose func(context.Context, servicing.Command) (servicing.Proposal, error)) func(context.Context, Principal, *proposalRequest) (*body[proposalView], error) {
	return func(ctx context.Context, who Principal, in *proposalRequest) (*body[proposalView], error) {
		c, err := command(who, in.ID, in.IdempotencyKey, Dated{Reason: in.Body.Reason})
		if err != nil {
			return nil, err
		}
		proposal, err := propose(ctx, c)
		if err != nil {
			return nil, err
		}
		return &body[proposalView]{showProposal(proposal)}, nil
	}
}

// deciding makes a handler of a decision on a proposal.
func deciding(s *server, decide func(context.Context, string, bool, audit.Actor) (servicing.Proposal, servicing.Outcome, error)) func(context.Context, Principal, *proposalDecisionRequest) (*body[proposalView], error) {
	return func(ctx context.Context, who Principal, in *proposalDecisionRequest) (*body[proposalView], error) {
		proposal, outcome, err := decide(ctx, in.ID, in.Body.Approve, who.actor())
		if err != nil {
			return nil, err
		}
		view := showProposal(proposal)
		if outcome.Loan.ID != "" {
			changed, err := s.changed(ctx, outcome, nil)
			if err != nil {
				return nil, err
			}
			view.Change = &changed.Body
		}
		return &body[proposalView]{view}, nil
	}
}
