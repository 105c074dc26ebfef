package web

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"loan310/app/ledger"
	"loan310/app/portfolio"
)

type providersView struct {
	Items []ProviderStatus `json:"items"`
	Rails []railView       `json:"rails" doc:"The payout rails: what is stopped and what was sent today."`
}

type balanceView struct {
	Account    string `json:"account" example:"principal_receivable"`
	AmountFen  int64  `json:"amount_fen" doc:"Debit balances are positive."`
	PostingQty int64  `json:"postings" doc:"How many postings it sums."`
}

type trialBalanceView struct {
	Items    []balanceView `json:"items"`
	SumFen   int64         `json:"sum_fen" doc:"Zero, or the books are broken."`
	Balanced bool          `json:"balanced"`
}

type postingView struct {
	Account   string `json:"account" example:"payout_in_transit"`
	AmountFen int64  `json:"amount_fen" doc:"Positive debits, negative credits."`
}

type journalView struct {
	ID         string        `json:"id"`
	Key        string        `json:"key"`
	Subject    string        `json:"subject" example:"drawdown/0192f0c4-7a10-7c3e-9d2b-5f6a7b8c9d0e"`
	Kind       string        `json:"kind" example:"disbursement_promised"`
	ReversesID string        `json:"reverses_id,omitempty"`
	BookedAt   time.Time     `json:"booked_at"`
	Postings   []postingView `json:"postings"`
}

type journalsView struct {
	Items      []journalView `json:"items" doc:"Newest first."`
	NextCursor string        `json:"next_cursor,omitempty" doc:"Absent at the end."`
}

type trialBalanceRequest struct {
	At time.Time `query:"at" doc:"As of this moment, journals booked at it included; absent: as of now." example:"2026-11-11T16:00:00Z"`
}

type journalsRequest struct {
	Paged
	Subject string    `query:"subject" maxLength:"100" doc:"What the journals are about." example:"drawdown/0192f0c4-7a10-7c3e-9d2b-5f6a7b8c9d0e"`
	Account string    `query:"account" maxLength:"40" doc:"Those that post to it." example:"suspense"`
	Kind    string    `query:"kind" maxLength:"60" doc:"Of this kind." example:"reversal"`
	From    time.Time `query:"from" doc:"Booked at or after."`
	Before  time.Time `query:"before" doc:"Booked before."`
}

func (s *server) opsEndpoints() {
	tags := []string{"ops"}
	endpoint(s, huma.Operation{
		OperationID: "list-providers", Method: http.MethodGet, Path: "/api/ops/providers", Tags: tags,
		Summary: "See how the providers do", Description: "One entry for each outside system with its circuit breakers: the sum over all processes seen in the last 15 seconds, and what each of them sees.",
	}, s.providers)
	endpoint(s, huma.Operation{
		OperationID: "trial-balance", Method: http.MethodGet, Path: "/api/ops/ledger/trial-balance", Tags: tags,
		Errors:  []int{http.StatusUnprocessableEntity},
		Summary: "Read the trial balance", Description: "Every account's balance; they sum to zero.",
	}, s.trialBalance)
	endpoint(s, huma.Operation{
		OperationID: "ledger-journals", Method: http.MethodGet, Path: "/api/ops/ledger/journals", Tags: tags, Errors: []int{http.StatusUnprocessableEntity},
		Summary: "List journals", Description: "Such as all that was booked for one drawdown, or all that post to an account.",
	}, s.journals)
	endpoint(s, huma.Operation{
		OperationID: "group-reviews", Method: http.MethodGet, Path: "/api/ops/group-reviews", Tags: tags, Errors: []int{http.StatusUnprocessableEntity},
		Summary: "List connected merchants over their limit", Description: "Merchants found connected after they held lines, together committed to more than a group may be, and what was done to their lines.",
	}, s.groupReviews)
	endpoint(s, huma.Operation{
		OperationID: "portfolio-cost", Method: http.MethodGet, Path: "/api/ops/portfolio/cost", Tags: tags, Errors: []int{http.StatusUnprocessableEntity},
		Summary: "See what a loan costs", Description: "What was used in a month, priced, against the target. " + portfolio.SharingRule + ".",
	}, s.portfolioCost)
}

func (s *server) providers(ctx context.Context, _ Principal, _ *struct{}) (*body[providersView], error) {
	items, err := s.Providers(ctx)
	if err != nil {
		return nil, err
	}
	if items == nil {
		items = []ProviderStatus{}
	}
	for i := range items {
		if items[i].Processes == nil {
			items[i].Processes = []ProcessStatus{}
		}
	}
	rails, err := s.railViews(ctx)
	return &body[providersView]{providersView{Items: items, Rails: rails}}, err
}

func (s *server) trialBalance(ctx context.Context, _ Principal, in *trialBalanceRequest) (*body[trialBalanceView], error) {
	before := in.At
	if !before.IsZero() {
		before = before.Truncate(time.Microsecond).Add(time.Microsecond)
	}
	balances, err := s.Ledger.TrialBalance(ctx, before)
	if err != nil {
		return nil, err
	}
	view := trialBalanceView{Items: []balanceView{}}
	for _, b := range balances {
		view.Items = append(view.Items, balanceView{Account: string(b.Account), AmountFen: int64(b.Amount), PostingQty: b.Count})
		view.SumFen += int64(b.Amount)
	}
	view.Balanced = view.SumFen == 0
	return &body[trialBalanceView]{view}, nil
}

func (s *server) journals(ctx context.Context, _ Principal, in *journalsRequest) (*body[journalsView], error) {
	found, next, err := s.Ledger.JournalPage(ctx, ledger.Filter{
		Subject: in.Subject, Account: ledger.Account(in.Account), Kind: in.Kind, From: in.From, Before: in.Before,
	}, in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	view := journalsView{Items: make([]journalView, len(found)), NextCursor: next}
	for i := range found {
		view.Items[i] = showJournal(found[i])
	}
	return &body[journalsView]{view}, nil
}

func showJournal(j ledger.Journal) journalView {
	view := journalView{ID: j.ID, Key: j.Key, Subject: j.Subject, Kind: j.Kind, ReversesID: j.ReversesID, BookedAt: j.BookedAt, Postings: make([]postingView, len(j.Postings))}
	for i, posting := range j.Postings {
		view.Postings[i] = postingView{Account: string(posting.Account), AmountFen: int64(posting.Amount)}
	}
	return view
}
