package web

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"loan310/app/drawdown"
	"loan310/app/fault"
	"loan310/app/money"
	"loan310/app/servicing"
	"loan310/app/underwriting"
	"loan310/scoring"
)

type lineView struct {
	ID            string    `json:"id" example:"0192f0c4-7a10-7c3e-9d2b-5f6a7b8c9d0e"`
	MerchantID    string    `json:"merchant_id"`
	ApplicationID string    `json:"application_id"`
	DecisionID    string    `json:"decision_id"`
	State         string    `json:"state" enum:"active,frozen,closed"`
	LimitFen      int64     `json:"limit_fen" example:"15000000"`
	UsedFen       int64     `json:"used_fen" doc:"Drawn or reserved." example:"5000000"`
	AvailableFen  int64     `json:"available_fen" doc:"What may still be drawn." example:"10000000"`
	Terms         termsView `json:"terms"`
	ContractHash  string    `json:"contract_hash"`
	AcceptedAt    time.Time `json:"accepted_at"`
}

type linesView struct {
	Items []lineView `json:"items" doc:"Newest first."`
}

func showLine(l underwriting.Line) lineView {
	view := lineView{
		ID: l.ID, MerchantID: l.MerchantID, ApplicationID: l.ApplicationID, DecisionID: l.DecisionID, State: l.State, LimitFen: int64(l.Limit), UsedFen: int64(l.Used),
		Terms: showTerms(l.Terms), ContractHash: l.ContractHash, AcceptedAt: l.AcceptedAt,
	}
	if l.State == "active" {
		view.AvailableFen = int64(max(l.Limit-l.Used, 0))
	}
	return view
}

type lineRequest struct{ ByID }

type quoteRequest struct {
	ByID
	AmountFen   int64  `query:"amount_fen" required:"true" minimum:"1" maximum:"100000000000" doc:"To be drawn." example:"5000000"`
	TenorMonths int    `query:"tenor_months" required:"true" minimum:"1" maximum:"120" doc:"One the line offers." example:"12"`
	Repayment   string `query:"repayment" required:"true" enum:"equal_instalments,equal_principal,bullet,any_time" doc:"One the line offers."`
}

type instalmentView struct {
	Number       int    `json:"number" example:"1"`
	Due          string `json:"due" format:"date" doc:"In China's time." example:"2026-12-11"`
	PrincipalFen int64  `json:"principal_fen" example:"394244"`
	InterestFen  int64  `json:"interest_fen" example:"50000"`
	FeeFen       int64  `json:"fee_fen" example:"0"`
	TotalFen     int64  `json:"total_fen" example:"444244"`
	RemainingFen int64  `json:"remaining_fen" doc:"Principal owed after this line." example:"4605756"`
}

type quoteView struct {
	LineID        string           `json:"line_id"`
	AmountFen     int64            `json:"amount_fen" example:"5000000"`
	TenorMonths   int              `json:"tenor_months" example:"12"`
	Repayment     string           `json:"repayment" enum:"equal_instalments,equal_principal,bullet,any_time"`
	IRRBps        int64            `json:"irr_bps" doc:"The annualised rate of this draw, all fees included, in basis points. Show it first." example:"1200"`
	AnnualRateBps int64            `json:"annual_rate_bps" example:"1200"`
	PaidOutFen    int64            `json:"paid_out_fen" doc:"What reaches the merchant: the amount less what the product keeps back." example:"5000000"`
	FeeFen        int64            `json:"fee_fen" doc:"All fees: kept back at payout, and of the lines." example:"0"`
	InterestFen   int64            `json:"interest_fen" doc:"All of it, when paid as scheduled." example:"330926"`
	TotalFen      int64            `json:"total_fen" example:"5330926"`
	Schedule      []instalmentView `json:"schedule" doc:"If drawn today."`
}

func (s *server) lineEndpoints() {
	tags := []string{"lines"}
	endpoint(s, huma.Operation{
		OperationID: "get-line", Method: http.MethodGet, Path: "/api/lines/{id}", Tags: tags,
		Summary: "Read a credit line", Description: "With what may still be drawn.",
	}, s.getLine)
	endpoint(s, huma.Operation{
		OperationID: "list-lines", Method: http.MethodGet, Path: "/api/merchants/{id}/lines", Tags: tags,
		Summary: "List a merchant's credit lines", Description: "Newest first.",
	}, s.listLines)
	endpoint(s, huma.Operation{
		OperationID: "quote-draw", Method: http.MethodGet, Path: "/api/lines/{id}/quote", Tags: tags,
		Summary: "Quote a draw", Description: "The schedule and the annualised rate of a draw made today, by the product its loan would be made of. Nothing is reserved. A price above the product's cap is refused, as the draw would be.",
	}, s.quoteDraw)
}

func (s *server) lineFor(ctx context.Context, who Principal, id string) (underwriting.Line, error) {
	found, err := s.Underwriting.Line(ctx, id)
	if err != nil {
		return underwriting.Line{}, err
	}
	return found, s.visible(ctx, who, "line", found.MerchantID)
}

func (s *server) getLine(ctx context.Context, who Principal, in *lineRequest) (*body[lineView], error) {
	line, err := s.lineFor(ctx, who, in.ID)
	if err != nil {
		return nil, err
	}
	return &body[lineView]{showLine(line)}, nil
}

func (s *server) listLines(ctx context.Context, who Principal, in *lineRequest) (*body[linesView], error) {
	if _, err := s.merchantFor(ctx, who, in.ID); err != nil {
		return nil, err
	}
	lines, err := s.Underwriting.LinesOf(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	view := linesView{Items: make([]lineView, len(lines))}
	for i := range lines {
		view.Items[i] = showLine(lines[i])
	}
	return &body[linesView]{view}, nil
}

func (s *server) quoteDraw(ctx context.Context, who Principal, in *quoteRequest) (*body[quoteView], error) {
	line, err := s.lineFor(ctx, who, in.ID)
	if err != nil {
		return nil, err
	}
	amount, kind := money.Amount(in.AmountFen), scoring.RepaymentType(in.Repayment)
	switch {
	case amount < drawdown.MinAmount || amount > line.Limit:
		return nil, fault.Field("amount_fen", drawdown.CodeAmount, "Draw from %s to %s yuan.", drawdown.MinAmount, line.Limit)
	case !slices.Contains(line.Terms.TenorMonths, in.TenorMonths):
		return nil, fault.Field("tenor_months", drawdown.CodeTenor, "This line does not offer that tenor; see its terms.")
	case !slices.Contains(line.Terms.Repayment, kind):
		return nil, fault.Field("repayment", drawdown.CodeRepayment, "This line does not offer that repayment type; see its terms.")
	}
	contract, quote, err := s.Servicing.Offer(servicing.Terms{
		MerchantID: line.MerchantID, Amount: amount, RateBps: line.Terms.AnnualRateBps, TenorMonths: in.TenorMonths, Repayment: kind,
		DayCountBase: line.Terms.DayCountBase,
	})
	if err != nil {
		return nil, err
	}
	view := quoteView{
		LineID: line.ID, AmountFen: in.AmountFen, TenorMonths: in.TenorMonths, Repayment: in.Repayment,
		IRRBps: int64(quote.IRRBps), AnnualRateBps: int64(contract.RateBps), PaidOutFen: int64(quote.Received), FeeFen: int64(quote.Fees),
		InterestFen: int64(quote.Interest), Schedule: make([]instalmentView, len(quote.Lines)),
	}
	for i := range quote.Lines {
		part := &quote.Lines[i]
		view.TotalFen += int64(part.Unpaid)
		view.Schedule[i] = instalmentView{
			Number: part.Number, Due: part.DueOn.String(), PrincipalFen: int64(part.Owed.Principal), FeeFen: int64(part.Owed.Fee),
			InterestFen: int64(part.Owed.Interest), TotalFen: int64(part.Unpaid), RemainingFen: int64(part.Balance),
		}
	}
	return &body[quoteView]{view}, nil
}
