package web

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"loan310/app/money"
	"loan310/app/servicing"
	"loan310/app/servicing/loan"
)

type amountsView struct {
	PrincipalFen int64 `json:"principal_fen"`
	InterestFen  int64 `json:"interest_fen"`
	PenaltyFen   int64 `json:"penalty_fen" doc:"Late interest."`
	FeeFen       int64 `json:"fee_fen"`
	TotalFen     int64 `json:"total_fen"`
}

func showAmounts(a loan.Amounts) amountsView {
	return amountsView{int64(a.Principal), int64(a.Interest), int64(a.Penalty), int64(a.Fee), int64(a.Total())}
}

type loanLineView struct {
	Number    int         `json:"number" example:"1"`
	DueOn     string      `json:"due_on" format:"date" doc:"In China's time." example:"2026-12-11"`
	State     string      `json:"state" enum:"upcoming,due,overdue,paid"`
	Owed      amountsView `json:"owed"`
	Paid      amountsView `json:"paid"`
	Waived    amountsView `json:"waived"`
	UnpaidFen int64       `json:"unpaid_fen"`
	DPD       int         `json:"dpd" doc:"Days past due, pauses taken out."`
	PaidOn    string      `json:"paid_on,omitempty" format:"date"`
}

type loanView struct {
	ID             string         `json:"id" doc:"The draw's." example:"0192f0c4-7a10-7c3e-9d2b-5f6a7b8c9d0e"`
	MerchantID     string         `json:"merchant_id"`
	LineID         string         `json:"line_id"`
	ProductID      string         `json:"product_id" example:"equal-instalments"`
	ProductVersion int            `json:"product_version" example:"1"`
	State          string         `json:"state" enum:"active,closed,charged_off,cancelled" doc:"cancelled: the payout came back, the loan never was."`
	PrincipalFen   int64          `json:"principal_fen" example:"5000000"`
	AnnualRateBps  int64          `json:"annual_rate_bps" example:"1200"`
	IRRBps         int64          `json:"irr_bps" doc:"The annualised rate of the loan as agreed, all fees included, in basis points." example:"1200"`
	TenorMonths    int            `json:"tenor_months" example:"12"`
	Repayment      string         `json:"repayment" enum:"equal_instalments,equal_principal,bullet,any_time"`
	DisbursedOn    string         `json:"disbursed_on" format:"date"`
	On             string         `json:"on" format:"date" doc:"The day the rest is of."`
	Outstanding    amountsView    `json:"outstanding"`
	Due            amountsView    `json:"due" doc:"Due and unpaid, today's included."`
	Overdue        amountsView    `json:"overdue"`
	PayoffFen      int64          `json:"payoff_fen" doc:"What settles the loan on that day."`
	CreditFen      int64          `json:"credit_fen" doc:"Paid too much: the merchant's."`
	NextDueOn      string         `json:"next_due_on,omitempty" format:"date"`
	NextDueFen     int64          `json:"next_due_fen"`
	DPD            int            `json:"dpd"`
	Class          string         `json:"class" enum:"normal,special_mention,substandard,doubtful,loss" doc:"Of this loan alone; the borrower's may be worse."`
	Paused         bool           `json:"paused"`
	RecoveredFen   int64          `json:"recovered_fen"`
	Schedule       []loanLineView `json:"schedule" doc:"As it stands: repayments, waivers and restructurings counted in."`
}

func showLoan(v servicing.View) loanView {
	l, p := v.Loan, v.Position
	view := loanView{
		ID: l.ID, MerchantID: l.MerchantID, LineID: l.LineID, ProductID: l.Contract.Product.ID, ProductVersion: l.Contract.Product.Version,
		State: string(l.State), PrincipalFen: int64(l.Contract.Principal), AnnualRateBps: int64(l.Contract.RateBps), IRRBps: int64(v.Quote.IRRBps),
		TenorMonths: l.Contract.TenorMonths, Repayment: string(l.Contract.Product.Repayment), DisbursedOn: l.Contract.DisbursedOn.String(),
		On: p.On.String(), Outstanding: showAmounts(p.Outstanding), Due: showAmounts(p.Due), Overdue: showAmounts(p.Overdue),
		PayoffFen: int64(p.Payoff), CreditFen: int64(p.Credit), NextDueOn: p.NextDue.String(), NextDueFen: int64(p.NextAmount),
		DPD: p.DPD, Class: string(p.Class), Paused: p.Paused, RecoveredFen: int64(p.Recovered), Schedule: make([]loanLineView, len(p.Instalments)),
	}
	for i := range p.Instalments {
		line := &p.Instalments[i]
		view.Schedule[i] = loanLineView{
			Number: line.Number, DueOn: line.DueOn.String(), State: string(line.State), Owed: showAmounts(line.Owed), Paid: showAmounts(line.Paid),
			Waived: showAmounts(line.Waived), UnpaidFen: int64(line.Unpaid), DPD: line.DPD, PaidOn: line.PaidOn.String(),
		}
	}
	return view
}

type loanBriefView struct {
	ID             string `json:"id"`
	LineID         string `json:"line_id"`
	State          string `json:"state" enum:"active,closed,charged_off,cancelled"`
	PrincipalFen   int64  `json:"principal_fen"`
	OutstandingFen int64  `json:"outstanding_fen" doc:"Principal."`
	OverdueFen     int64  `json:"overdue_fen"`
	DPD            int    `json:"dpd"`
	NextDueOn      string `json:"next_due_on,omitempty" format:"date"`
	NextDueFen     int64  `json:"next_due_fen"`
	DisbursedOn    string `json:"disbursed_on" format:"date"`
	ThroughOn      string `json:"through_on" format:"date" doc:"The day these figures are of; reading the loan gives today's."`
}

type loansView struct {
	Items      []loanBriefView `json:"items" doc:"Newest first."`
	NextCursor string          `json:"next_cursor,omitempty" doc:"Absent at the end."`
	Class      string          `json:"class" enum:"normal,special_mention,substandard,doubtful,loss" doc:"Of the borrower, over all loans together."`
	DPD        int             `json:"dpd" doc:"The worst of all loans."`
}

type loanEventView struct {
	ID         string    `json:"id"`
	Kind       string    `json:"kind" enum:"fee,pause,resume,repayment,refund,waiver,restructure,charge_off,recovery,write_back,reversal"`
	On         string    `json:"on" format:"date" doc:"The day it counts from."`
	RecordedAt time.Time `json:"recorded_at"`
	AmountFen  int64     `json:"amount_fen,omitempty"`
	Channel    string    `json:"channel,omitempty"`
	Component  string    `json:"component,omitempty"`
	ReversesID string    `json:"reverses_id,omitempty"`
	Reversed   bool      `json:"reversed" doc:"A later reversal says that it never was."`
}

type loanEventsView struct {
	Items []loanEventView `json:"items" doc:"In the order they were recorded."`
}

func showEvent(e loan.Event, reversed bool) loanEventView {
	return loanEventView{
		ID: e.ID, Kind: string(e.Kind), On: e.On.String(), RecordedAt: e.At, AmountFen: int64(e.Amount), Channel: e.Channel,
		Component: string(e.Component), ReversesID: e.ReversesID, Reversed: reversed,
	}
}

type loanJournalView struct {
	ID         string        `json:"id"`
	Kind       string        `json:"kind" example:"demand"`
	Entry      string        `json:"entry" doc:"What it books; the same in every recomputation." example:"demand:3"`
	On         string        `json:"on" format:"date" doc:"The day it counts from."`
	BookedAt   time.Time     `json:"booked_at"`
	ReversesID string        `json:"reverses_id,omitempty"`
	Cause      string        `json:"cause" doc:"The event, or the day, that brought it about."`
	Postings   []postingView `json:"postings"`
}

type loanJournalsView struct {
	Items []loanJournalView `json:"items" doc:"In order of booking."`
}

func showLoanJournals(journals []servicing.Journal) []loanJournalView {
	views := make([]loanJournalView, len(journals))
	for i := range journals {
		j := &journals[i]
		views[i] = loanJournalView{
			ID: j.ID, Kind: j.Kind, Entry: j.EntryKey, On: j.On.String(), BookedAt: j.BookedAt, ReversesID: j.ReversesID, Cause: j.Cause,
			Postings: showJournal(j.Journal).Postings,
		}
	}
	return views
}

type payoffRequest struct {
	ByID
	On string `query:"on" format:"date" doc:"The day it would be paid; absent = today." example:"2026-12-01"`
}

type payoffView struct {
	LoanID    string      `json:"loan_id"`
	On        string      `json:"on" format:"date"`
	AmountFen int64       `json:"amount_fen" doc:"Settles the loan on that day, if nothing else happens before."`
	Due       amountsView `json:"due" doc:"Of it, already due then."`
	CreditFen int64       `json:"credit_fen" doc:"Held for the merchant; not taken off the amount."`
}

type loansRequest struct {
	ByID
	Paged
}

func (s *server) loanEndpoints() {
	tags := []string{"loans"}
	endpoint(s, huma.Operation{
		OperationID: "get-loan", Method: http.MethodGet, Path: "/api/loans/{id}", Tags: tags,
		Summary: "Read a loan", Description: "Its position and schedule as of today, recomputed from the contract and all events.",
	}, s.getLoan)
	endpoint(s, huma.Operation{
		OperationID: "list-loans", Method: http.MethodGet, Path: "/api/merchants/{id}/loans", Tags: tags, Errors: []int{http.StatusUnprocessableEntity},
		Summary: "List a merchant's loans", Description: "Newest first, with the borrower's class over all of them.",
	}, s.listLoans)
	endpoint(s, huma.Operation{
		OperationID: "list-loan-events", Method: http.MethodGet, Path: "/api/loans/{id}/events", Tags: tags,
		Summary: "List what happened to a loan", Description: "Everything recorded, in the order it was recorded.",
	}, s.listLoanEvents)
	endpoint(s, huma.Operation{
		OperationID: "list-loan-journals", Method: http.MethodGet, Path: "/api/loans/{id}/journals", Tags: tags,
		Summary: "List what was booked about a loan", Description: "Journals and their reversals, in order of booking. The payout's own are under drawdown/<id>.",
	}, s.listLoanJournals)
	endpoint(s, huma.Operation{
		OperationID: "quote-payoff", Method: http.MethodGet, Path: "/api/loans/{id}/payoff", Tags: tags, Errors: []int{http.StatusUnprocessableEntity},
		Summary: "Quote an early repayment", Description: "What would settle the loan on a day, today or up to a year ahead. Nothing is reserved.",
	}, s.quotePayoff)
	s.loanChangeEndpoints(tags)
	s.servicingStatusEndpoint()
}

// loanFor gives a loan the caller may see.
func (s *server) loanFor(ctx context.Context, who Principal, id string) (servicing.Loan, error) {
	found, err := s.Servicing.Loan(ctx, id)
	if err != nil {
		return servicing.Loan{}, err
	}
	return found, s.visible(ctx, who, "loan", found.MerchantID)
}

func (s *server) getLoan(ctx context.Context, who Principal, in *ByID) (*body[loanView], error) {
	if _, err := s.loanFor(ctx, who, in.ID); err != nil {
		return nil, err
	}
	view, err := s.Servicing.View(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &body[loanView]{showLoan(view)}, nil
}

func (s *server) listLoans(ctx context.Context, who Principal, in *loansRequest) (*body[loansView], error) {
	if _, err := s.merchantFor(ctx, who, in.ID); err != nil {
		return nil, err
	}
	found, next, err := s.Servicing.LoansOf(ctx, in.ID, servicing.Page{Cursor: in.Cursor, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	borrower, err := s.Servicing.Borrower(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	view := loansView{Items: make([]loanBriefView, len(found)), NextCursor: next, Class: string(borrower.Class), DPD: borrower.DPD}
	for i := range found {
		l := &found[i]
		view.Items[i] = loanBriefView{
			ID: l.ID, LineID: l.LineID, State: string(l.State), PrincipalFen: int64(l.Contract.Principal), OutstandingFen: int64(l.Outstanding),
			OverdueFen: int64(l.Overdue), DPD: l.DPD, NextDueOn: l.NextDue.String(), NextDueFen: int64(l.NextAmount),
			DisbursedOn: l.Contract.DisbursedOn.String(), ThroughOn: l.Through.String(),
		}
	}
	return &body[loansView]{view}, nil
}

func (s *server) listLoanEvents(ctx context.Context, who Principal, in *ByID) (*body[loanEventsView], error) {
	if _, err := s.loanFor(ctx, who, in.ID); err != nil {
		return nil, err
	}
	view, err := s.Servicing.View(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	gone := map[string]bool{}
	for i := range view.Events {
		gone[view.Events[i].ReversesID] = true
	}
	out := loanEventsView{Items: make([]loanEventView, len(view.Events))}
	for i := range view.Events {
		out.Items[i] = showEvent(view.Events[i].Event, gone[view.Events[i].ID])
	}
	return &body[loanEventsView]{out}, nil
}

func (s *server) listLoanJournals(ctx context.Context, who Principal, in *ByID) (*body[loanJournalsView], error) {
	if _, err := s.loanFor(ctx, who, in.ID); err != nil {
		return nil, err
	}
	found, err := s.Servicing.Journals(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &body[loanJournalsView]{loanJournalsView{Items: showLoanJournals(found)}}, nil
}

func (s *server) quotePayoff(ctx context.Context, who Principal, in *payoffRequest) (*body[payoffView], error) {
	if _, err := s.loanFor(ctx, who, in.ID); err != nil {
		return nil, err
	}
	on, err := dayOf("on", in.On)
	if err != nil {
		return nil, err
	}
	quote, err := s.Servicing.Payoff(ctx, in.ID, on)
	if err != nil {
		return nil, err
	}
	return &body[payoffView]{payoffView{
		LoanID: in.ID, On: quote.On.String(), AmountFen: int64(quote.Amount), Due: showAmounts(quote.Due), CreditFen: int64(quote.Credit),
	}}, nil
}

// fen reads an amount of a body.
func fen(amount int64) money.Amount { return money.Amount(amount) }
