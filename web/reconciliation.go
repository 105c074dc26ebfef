package web

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"loan310/app/reconciliation"
)

type reconciliationView struct {
	Rail         string    `json:"rail" enum:"wallet,bank"`
	Day          string    `json:"day" example:"2026-11-11"`
	RanAt        time.Time `json:"ran_at"`
	StatementQty int       `json:"statement_lines"`
	StatementOut int64     `json:"statement_out_fen"`
	StatementIn  int64     `json:"statement_in_fen"`
	OursQty      int       `json:"our_movements"`
	OursOut      int64     `json:"our_out_fen"`
	OursIn       int64     `json:"our_in_fen"`
	LedgerFen    int64     `json:"ledger_fen" doc:"Change of the settlement account; credits are negative."`
	Matched      int       `json:"matched"`
	Breaks       int       `json:"breaks" doc:"Open ones."`
	Lost         int       `json:"lost"`
	DoublePaid   int       `json:"double_paid"`
}

func showRun(r reconciliation.Run) reconciliationView {
	return reconciliationView{
		Rail: r.Rail, Day: r.Day, RanAt: r.RanAt, StatementQty: r.Statement.Count, StatementOut: int64(r.Statement.Out), StatementIn: int64(r.Statement.In),
		OursQty: r.Ours.Count, OursOut: int64(r.Ours.Out), OursIn: int64(r.Ours.In), LedgerFen: int64(r.Ledger), Matched: r.Matched, Breaks: r.Breaks,
		Lost: r.Lost, DoublePaid: r.DoublePaid,
	}
}

type breakView struct {
	ID         string           `json:"id"`
	Rail       string           `json:"rail"`
	Day        string           `json:"day"`
	Key        string           `json:"key,omitempty" doc:"Our reference, or the rail's where it names none of ours."`
	Reason     string           `json:"reason" enum:"missing_at_rail,missing_here,amount_differs,twice_at_rail,late,reversed,unknown,ledger_differs"`
	RailFen    int64            `json:"rail_fen"`
	OursFen    int64            `json:"ours_fen"`
	Subject    string           `json:"subject,omitempty"`
	State      string           `json:"state" enum:"open,closed"`
	Owner      string           `json:"owner,omitempty"`
	OpenedAt   time.Time        `json:"opened_at"`
	AgeSeconds int64            `json:"age_seconds"`
	ClosedAt   time.Time        `json:"closed_at,omitzero"`
	History    []breakEventView `json:"history,omitempty"`
}

type breakEventView struct {
	At   time.Time `json:"at"`
	By   string    `json:"by"`
	What string    `json:"what" enum:"opened,owned,closed,gone,found_again"`
	Note string    `json:"note,omitempty"`
}

func (s *server) showBreak(b reconciliation.Break) breakView {
	until := b.ClosedAt
	if until.IsZero() {
		until = s.Now()
	}
	return breakView{
		ID: b.ID, Rail: b.Rail, Day: b.Day, Key: b.Key, Reason: string(b.Reason), RailFen: int64(b.Rails), OursFen: int64(b.Ours), Subject: b.Subject,
		State: string(b.State), Owner: b.Owner, OpenedAt: b.OpenedAt, AgeSeconds: int64(until.Sub(b.OpenedAt) / time.Second), ClosedAt: b.ClosedAt,
	}
}

type reconciliationsView struct {
	Runs   []reconciliationView `json:"runs" doc:"The latest, newest day first."`
	Breaks []breakView          `json:"breaks" doc:"Oldest first."`
}

type reconciliationsRequest struct {
	Closed bool `query:"closed" doc:"Closed breaks too."`
	Limit  int  `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Runs, and breaks, at most."`
}

type reconcileRequest struct {
	Keyed
	Body struct {
		Rail string `json:"rail" enum:"wallet,bank"`
		Day  string `json:"day" pattern:"^\\d{4}-\\d{2}-\\d{2}$" example:"2026-11-11"`
	}
}

type handleRequest struct {
	ByID
	Keyed
	Body struct {
		Note  string `json:"note,omitempty" maxLength:"1000" doc:"Needed to close."`
		Close bool   `json:"close,omitempty" doc:"Close it; else you take it on."`
	}
}

func (s *server) reconciliationEndpoints() {
	tags := []string{"ops"}
	endpoint(s, huma.Operation{
		OperationID: "list-reconciliations", Method: http.MethodGet, Path: "/api/ops/reconciliation", Tags: tags, Errors: []int{http.StatusUnprocessableEntity},
		Summary: "See how the books agree with the rails", Description: "The latest runs, and the breaks they found with age and owner.",
	}, s.listReconciliations)
	endpoint(s, huma.Operation{
		OperationID: "run-reconciliation", Method: http.MethodPost, Path: "/api/ops/reconciliation/runs", Tags: tags, Errors: []int{http.StatusNotFound},
		Summary: "Reconcile a rail's day now", Description: "Reads the statement and matches it. Doing so again replaces what was found.",
	}, s.runReconciliation)
	endpoint(s, huma.Operation{
		OperationID: "get-break", Method: http.MethodGet, Path: "/api/ops/reconciliation/breaks/{id}", Tags: tags,
		Summary: "Read a break", Description: "With its history.",
	}, s.getBreak)
	endpoint(s, huma.Operation{
		OperationID: "handle-break", Method: http.MethodPost, Path: "/api/ops/reconciliation/breaks/{id}", Tags: tags,
		Summary: "Take a break on, or close it", Description: "A break that a person closed stays closed when it is found again.",
	}, s.handleBreak)
}

func (s *server) listReconciliations(ctx context.Context, _ Principal, in *reconciliationsRequest) (*body[reconciliationsView], error) {
	runs, err := s.Reconciler.Runs(ctx, in.Limit)
	if err != nil {
		return nil, err
	}
	breaks, err := s.Reconciler.Breaks(ctx, in.Closed, in.Limit)
	if err != nil {
		return nil, err
	}
	view := reconciliationsView{Runs: make([]reconciliationView, len(runs)), Breaks: make([]breakView, len(breaks))}
	for i := range runs {
		view.Runs[i] = showRun(runs[i])
	}
	for i := range breaks {
		view.Breaks[i] = s.showBreak(breaks[i])
	}
	return &body[reconciliationsView]{view}, nil
}

func (s *server) runReconciliation(ctx context.Context, _ Principal, in *reconcileRequest) (*body[reconciliationView], error) {
	run, err := s.Reconciler.Run(ctx, in.Body.Rail, in.Body.Day)
	if err != nil {
		return nil, err
	}
	return &body[reconciliationView]{showRun(run)}, nil
}

func (s *server) getBreak(ctx context.Context, _ Principal, in *ByID) (*body[breakView], error) {
	b, events, err := s.Reconciler.Break(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	view := s.showBreak(b)
	for _, e := range events {
		view.History = append(view.History, breakEventView(e))
	}
	return &body[breakView]{view}, nil
}

func (s *server) handleBreak(ctx context.Context, who Principal, in *handleRequest) (*body[breakView], error) {
	b, err := s.Reconciler.Handle(ctx, in.ID, in.Body.Note, in.Body.Close, who.actor())
	if err != nil {
		return nil, err
	}
	return &body[breakView]{s.showBreak(b)}, nil
}
