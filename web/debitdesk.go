package web

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"loan310/app/servicing/collection"
)

type debitCaseView struct {
	ID         string    `json:"id"`
	DebitID    string    `json:"debit_id"`
	LoanID     string    `json:"loan_id"`
	Reason     string    `json:"reason" enum:"unknown_too_long"`
	State      string    `json:"state" enum:"open,proposed,closed"`
	Owner      string    `json:"owner,omitempty" doc:"Who looks after it; absent: nobody yet."`
	OpenedAt   time.Time `json:"opened_at"`
	AgeSeconds int64     `json:"age_seconds"`
	Outcome    string    `json:"outcome,omitempty" enum:"collected,failed,rail_answered"`
	Reference  string    `json:"reference,omitempty" doc:"The entry of the rail's statement that shows it."`
	Note       string    `json:"note,omitempty"`
	ProposedBy string    `json:"proposed_by,omitempty"`
	ClosedBy   string    `json:"closed_by,omitempty"`
	ClosedAt   time.Time `json:"closed_at,omitzero"`
}

func (s *server) showDebitCase(c collection.Case) debitCaseView {
	until := c.ClosedAt
	if until.IsZero() {
		until = s.Now()
	}
	return debitCaseView{
		ID: c.ID, DebitID: c.Key, LoanID: c.LoanID, Reason: string(c.Reason), State: string(c.State), Owner: c.Owner, OpenedAt: c.OpenedAt,
		AgeSeconds: int64(until.Sub(c.OpenedAt) / time.Second), Outcome: string(c.Outcome), Reference: c.Reference, Note: c.Note,
		ProposedBy: c.ProposedBy, ClosedBy: c.ClosedBy, ClosedAt: c.ClosedAt,
	}
}

type debitCasesView struct {
	Items []debitCaseView `json:"items" doc:"Those not closed, oldest first."`
}

type debitProposalRequest struct {
	ByID
	Keyed
	Body struct {
		Outcome   string `json:"outcome" enum:"collected,failed" doc:"What the rail's statement shows."`
		Reference string `json:"reference" minLength:"1" maxLength:"200" doc:"The entry of the rail's statement: the evidence."`
		Note      string `json:"note,omitempty" maxLength:"1000"`
	}
}

func (s *server) debitDeskEndpoints() {
	tags := []string{"ops"}
	endpoint(s, huma.Operation{
		OperationID: "ops-list-debits", Method: http.MethodGet, Path: "/api/ops/debits", Tags: tags, Errors: []int{http.StatusUnprocessableEntity},
		Summary: "List debits", Description: "Newest first, without their accounts.",
	}, s.opsDebits)
	endpoint(s, huma.Operation{
		OperationID: "list-debit-cases", Method: http.MethodGet, Path: "/api/ops/debit-cases", Tags: tags,
		Summary: "List debits a person must look at", Description: "Unknown for too long.",
	}, s.listDebitCases)
	endpoint(s, huma.Operation{
		OperationID: "propose-debit-outcome", Method: http.MethodPost, Path: "/api/ops/debit-cases/{id}/proposals", Tags: tags,
		Summary: "Say what became of a debit", Description: "Nothing is booked until another person approves. It never collects.",
	}, s.proposeDebitOutcome)
	endpoint(s, huma.Operation{
		OperationID: "approve-debit-outcome", Method: http.MethodPost, Path: "/api/ops/debit-cases/{id}/approvals", Tags: tags,
		Summary: "Approve what another person proposed of a debit", Description: "Settles the debit as proposed and closes the case.",
	}, s.approveDebitOutcome)
}

func (s *server) opsDebits(ctx context.Context, _ Principal, in *opsDebitsRequest) (*body[debitsView], error) {
	return s.debits(ctx, collection.Filter{State: collection.State(in.State)}, in.Paged)
}

func (s *server) listDebitCases(ctx context.Context, _ Principal, _ *struct{}) (*body[debitCasesView], error) {
	found, err := s.Collections.Cases(ctx, 200)
	if err != nil {
		return nil, err
	}
	view := debitCasesView{Items: make([]debitCaseView, len(found))}
	for i := range found {
		view.Items[i] = s.showDebitCase(found[i])
	}
	return &body[debitCasesView]{view}, nil
}

func (s *server) proposeDebitOutcome(ctx context.Context, who Principal, in *debitProposalRequest) (*body[debitCaseView], error) {
	c, err := s.Collections.Propose(ctx, collection.Resolution{
		CaseID: in.ID, Outcome: collection.Outcome(in.Body.Outcome), Reference: in.Body.Reference, Note: in.Body.Note,
	}, who.actor())
	if err != nil {
		return nil, err
	}
	return &body[debitCaseView]{s.showDebitCase(c)}, nil
}

func (s *server) approveDebitOutcome(ctx context.Context, who Principal, in *approveRequest) (*body[debitCaseView], error) {
	c, err := s.Collections.Approve(ctx, in.ID, who.actor())
	if err != nil {
		return nil, err
	}
	return &body[debitCaseView]{s.showDebitCase(c)}, nil
}
