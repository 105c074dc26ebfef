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
	"loan310/app/underwriting"
	"loan310/scoring"
	"loan310/scoring/pricing"
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
		Summary: "Quote a draw", Description: "The schedule and the annualised rate of a draw made today. Nothing is reserved.",
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
	schedule, err := pricing.ScheduleDayCount(kind, amount, line.Terms.AnnualRateBps, in.TenorMonths, firstDue(s.Now()), line.Terms.DayCountBase)
	if err != nil {
		return nil, err
	}
	irr, err := pricing.IRR(amount, schedule)
	if err != nil {
		return nil, err
	}
	view := quoteView{
		LineID: line.ID, AmountFen: in.AmountFen, TenorMonths: in.TenorMonths, Repayment: in.Repayment,
		IRRBps: int64(irr), AnnualRateBps: int64(line.Terms.AnnualRateBps), Schedule: make([]instalmentView, len(schedule)),
	}
	for i, part := range schedule {
		view.InterestFen += int64(part.Interest)
		view.TotalFen += int64(part.Total)
		view.Schedule[i] = instalmentView{
			Number: part.Number, Due: part.Due.Format(time.DateOnly), PrincipalFen: int64(part.Principal),
			InterestFen: int64(part.Interest), TotalFen: int64(part.Total), RemainingFen: int64(part.Remaining),
		}
	}
	return &body[quoteView]{view}, nil
}

// firstDue is a month after today in China's time; a day the month does not
// have becomes its last one.
func firstDue(now time.Time) time.Time {
	today := now.In(time.FixedZone("CST", 8*60*60))
	year, month, day := today.Date()
	last := time.Date(year, month+2, 0, 0, 0, 0, 0, today.Location()).Day()
	return time.Date(year, month+1, min(day, last), 0, 0, 0, 0, today.Location())
}
