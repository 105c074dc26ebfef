package web

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"loan310/app/drawdown"
)

type attemptView struct {
	Key         string    `json:"key" doc:"Our reference at the rail." example:"0192f0c47a107c3e9d2b5f6a7b8c9d0eP1"`
	DrawdownID  string    `json:"drawdown_id"`
	Attempt     int       `json:"attempt" doc:"From 1; the next one is over another rail."`
	Rail        string    `json:"rail" enum:"wallet,bank"`
	State       string    `json:"state" enum:"requested,sent,unknown,paid,failed,reversed"`
	AmountFen   int64     `json:"amount_fen"`
	Calls       int       `json:"calls" doc:"Pay calls begun."`
	Unsent      int       `json:"unsent" doc:"Of them, those that surely did not leave."`
	Asks        int       `json:"asks" doc:"Queries without a clear answer."`
	WaitsFor    string    `json:"waits_for,omitempty" enum:"rail_stopped,rail_limit,rail_unreachable" doc:"Why it is not sent now."`
	WaitsSince  time.Time `json:"waits_since,omitzero"`
	RailRef     string    `json:"rail_ref,omitempty"`
	FailureCode string    `json:"failure_code,omitempty" doc:"The rail's."`
	CreatedAt   time.Time `json:"created_at"`
	LastCallAt  time.Time `json:"last_call_at,omitzero"`
	SettledAt   time.Time `json:"settled_at,omitzero"`
	ReversedAt  time.Time `json:"reversed_at,omitzero"`
}

func showPayout(p drawdown.Payout) attemptView {
	return attemptView{
		Key: p.Key, DrawdownID: p.DrawdownID, Attempt: p.Attempt, Rail: p.Rail, State: string(p.State), AmountFen: int64(p.Amount), Calls: p.Calls,
		Unsent: p.Unsent, Asks: p.Asks, WaitsFor: string(p.WaitsFor), WaitsSince: p.WaitsSince, RailRef: p.RailRef, FailureCode: p.FailureCode,
		CreatedAt: p.CreatedAt, LastCallAt: p.LastCallAt, SettledAt: p.SettledAt, ReversedAt: p.ReversedAt,
	}
}

type attemptsView struct {
	Items      []attemptView `json:"items" doc:"Newest first."`
	NextCursor string        `json:"next_cursor,omitempty" doc:"Absent at the end."`
}

type caseView struct {
	ID         string    `json:"id"`
	PayoutKey  string    `json:"payout_key"`
	DrawdownID string    `json:"drawdown_id"`
	Reason     string    `json:"reason" enum:"unknown_too_long,paid_after_settled,return_not_bookable"`
	State      string    `json:"state" enum:"open,proposed,closed"`
	Owner      string    `json:"owner,omitempty" doc:"Who looks after it; absent: nobody yet."`
	OpenedAt   time.Time `json:"opened_at"`
	AgeSeconds int64     `json:"age_seconds"`
	Outcome    string    `json:"outcome,omitempty" enum:"paid,failed,noted,rail_answered"`
	Reference  string    `json:"reference,omitempty" doc:"The entry of the rail's statement that shows it."`
	Note       string    `json:"note,omitempty"`
	ProposedBy string    `json:"proposed_by,omitempty"`
	ProposedAt time.Time `json:"proposed_at,omitzero"`
	ClosedBy   string    `json:"closed_by,omitempty"`
	ClosedAt   time.Time `json:"closed_at,omitzero"`
}

func (s *server) showCase(c drawdown.Case) caseView {
	until := c.ClosedAt
	if until.IsZero() {
		until = s.Now()
	}
	return caseView{
		ID: c.ID, PayoutKey: c.PayoutKey, DrawdownID: c.DrawdownID, Reason: string(c.Reason), State: string(c.State), Owner: c.Owner, OpenedAt: c.OpenedAt,
		AgeSeconds: int64(until.Sub(c.OpenedAt) / time.Second), Outcome: string(c.Outcome), Reference: c.Reference, Note: c.Note,
		ProposedBy: c.ProposedBy, ProposedAt: c.ProposedAt, ClosedBy: c.ClosedBy, ClosedAt: c.ClosedAt,
	}
}

type casesView struct {
	Items []caseView `json:"items" doc:"Those not closed, oldest first."`
}

type railView struct {
	Rail       string    `json:"rail" doc:"wallet, bank, or * for all."`
	Stopped    bool      `json:"stopped"`
	Reason     string    `json:"reason,omitempty"`
	StoppedBy  string    `json:"stopped_by,omitempty"`
	StoppedAt  time.Time `json:"stopped_at,omitzero"`
	SentFen    int64     `json:"sent_today_fen" doc:"Admitted today, whatever became of it."`
	SentCount  int       `json:"sent_today"`
	LimitFen   int64     `json:"limit_fen,omitempty" doc:"Of a day; absent: none."`
	LimitCount int       `json:"limit_count,omitempty"`
}

type railsView struct {
	Items []railView `json:"items"`
}

type payoutsRequest struct {
	Paged
	State string `query:"state" enum:"requested,sent,unknown,paid,failed,reversed" doc:"Only those in this state."`
	Rail  string `query:"rail" enum:"wallet,bank" doc:"Only those of this rail."`
}

type proposeRequest struct {
	ByID
	Keyed
	Body struct {
		Outcome   string `json:"outcome" enum:"paid,failed,noted" doc:"What the rail's statement shows; noted where there is nothing left to settle."`
		Reference string `json:"reference" minLength:"1" maxLength:"200" doc:"The entry of the rail's statement: the evidence."`
		Note      string `json:"note,omitempty" maxLength:"1000"`
	}
}

type approveRequest struct {
	ByID
	Keyed
}

type stopRequest struct {
	Keyed
	Body struct {
		Rail   string `json:"rail" enum:"wallet,bank,*" doc:"* stops all."`
		Reason string `json:"reason" minLength:"1" maxLength:"500"`
	}
}

type resumeRequest struct {
	Keyed
	Body struct {
		Rail string `json:"rail" enum:"wallet,bank,*"`
	}
}

func (s *server) payoutEndpoints() {
	tags := []string{"ops"}
	endpoint(s, huma.Operation{
		OperationID: "list-payouts", Method: http.MethodGet, Path: "/api/ops/payouts", Tags: tags, Errors: []int{http.StatusUnprocessableEntity},
		Summary: "List payouts", Description: "Newest first, without their accounts.",
	}, s.listPayouts)
	endpoint(s, huma.Operation{
		OperationID: "get-payout", Method: http.MethodGet, Path: "/api/ops/payouts/{id}", Tags: tags,
		Summary: "Read a payout", Description: "By its key.",
	}, s.getPayout)
	endpoint(s, huma.Operation{
		OperationID: "list-cases", Method: http.MethodGet, Path: "/api/ops/payout-cases", Tags: tags,
		Summary: "List payouts a person must look at", Description: "Unknown for too long, or contradicted by the rail.",
	}, s.listCases)
	endpoint(s, huma.Operation{
		OperationID: "propose-outcome", Method: http.MethodPost, Path: "/api/ops/payout-cases/{id}/proposals", Tags: tags,
		Summary: "Say what became of a payout", Description: "Nothing moves until another person approves. It never pays.",
	}, s.proposeOutcome)
	endpoint(s, huma.Operation{
		OperationID: "approve-outcome", Method: http.MethodPost, Path: "/api/ops/payout-cases/{id}/approvals", Tags: tags,
		Summary: "Approve what another person proposed", Description: "Settles the payout as proposed and closes the case.",
	}, s.approveOutcome)
	endpoint(s, huma.Operation{
		OperationID: "list-rails", Method: http.MethodGet, Path: "/api/ops/rails", Tags: tags,
		Summary: "See what the rails may send", Description: "What is stopped, what was sent today, and the limits of a day.",
	}, s.listRails)
	endpoint(s, huma.Operation{
		OperationID: "stop-rail", Method: http.MethodPost, Path: "/api/ops/rails/stops", Tags: tags,
		Summary: "Stop a rail, or all", Description: "Payouts wait; none fails. What has left is still asked about.",
	}, s.stopRail)
	endpoint(s, huma.Operation{
		OperationID: "resume-rail", Method: http.MethodPost, Path: "/api/ops/rails/resumptions", Tags: tags,
		Summary: "Let a rail, or all, send again", Description: "A rail stopped by name stays stopped when all are resumed.",
	}, s.resumeRail)
}

func (s *server) listPayouts(ctx context.Context, _ Principal, in *payoutsRequest) (*body[attemptsView], error) {
	found, next, err := s.Drawdowns.Payouts(ctx, drawdown.PayoutFilter{State: drawdown.PayoutState(in.State), Rail: in.Rail}, drawdown.Page{Cursor: in.Cursor, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	view := attemptsView{Items: make([]attemptView, len(found)), NextCursor: next}
	for i := range found {
		view.Items[i] = showPayout(found[i])
	}
	return &body[attemptsView]{view}, nil
}

func (s *server) getPayout(ctx context.Context, _ Principal, in *ByID) (*body[attemptView], error) {
	found, err := s.Drawdowns.PayoutByKey(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &body[attemptView]{showPayout(found)}, nil
}

func (s *server) listCases(ctx context.Context, _ Principal, _ *struct{}) (*body[casesView], error) {
	found, err := s.Drawdowns.Cases(ctx, 200)
	if err != nil {
		return nil, err
	}
	view := casesView{Items: make([]caseView, len(found))}
	for i := range found {
		view.Items[i] = s.showCase(found[i])
	}
	return &body[casesView]{view}, nil
}

func (s *server) proposeOutcome(ctx context.Context, who Principal, in *proposeRequest) (*body[caseView], error) {
	c, err := s.Drawdowns.Propose(ctx, drawdown.Resolution{
		CaseID: in.ID, Outcome: drawdown.Outcome(in.Body.Outcome), Reference: in.Body.Reference, Note: in.Body.Note,
	}, who.actor())
	if err != nil {
		return nil, err
	}
	return &body[caseView]{s.showCase(c)}, nil
}

func (s *server) approveOutcome(ctx context.Context, who Principal, in *approveRequest) (*body[caseView], error) {
	c, err := s.Drawdowns.Approve(ctx, in.ID, who.actor())
	if err != nil {
		return nil, err
	}
	return &body[caseView]{s.showCase(c)}, nil
}

func (s *server) listRails(ctx context.Context, _ Principal, _ *struct{}) (*body[railsView], error) {
	items, err := s.railViews(ctx)
	return &body[railsView]{railsView{Items: items}}, err
}

// railViews gives both rails, and the stop of all where there is one.
func (s *server) railViews(ctx context.Context) ([]railView, error) {
	stops, err := s.Drawdowns.Stops(ctx)
	if err != nil {
		return nil, err
	}
	usage, err := s.Drawdowns.Usage(ctx)
	if err != nil {
		return nil, err
	}
	var items []railView
	for _, rail := range []string{drawdown.RailWallet, drawdown.RailBank, drawdown.AllRails} {
		limit := s.Drawdowns.LimitOf(rail)
		item := railView{Rail: rail, LimitFen: int64(limit.Amount), LimitCount: limit.Count}
		for _, stop := range stops {
			if stop.Rail == rail {
				item.Stopped, item.Reason, item.StoppedBy, item.StoppedAt = true, stop.Reason, stop.By, stop.At
			}
		}
		for _, used := range usage {
			if used.Rail == rail {
				item.SentFen, item.SentCount = int64(used.Amount), used.Count
			}
		}
		if rail != drawdown.AllRails || item.Stopped {
			items = append(items, item)
		}
	}
	return items, nil
}

func (s *server) stopRail(ctx context.Context, who Principal, in *stopRequest) (*body[railsView], error) {
	if err := s.Drawdowns.StopRail(ctx, in.Body.Rail, in.Body.Reason, who.actor()); err != nil {
		return nil, err
	}
	return s.listRails(ctx, who, nil)
}

func (s *server) resumeRail(ctx context.Context, who Principal, in *resumeRequest) (*body[railsView], error) {
	if err := s.Drawdowns.ResumeRail(ctx, in.Body.Rail, who.actor()); err != nil {
		return nil, err
	}
	return s.listRails(ctx, who, nil)
}
