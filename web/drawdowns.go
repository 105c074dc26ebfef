package web

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"loan310/app/drawdown"
	"loan310/app/money"
	"loan310/scoring"
)

type drawdownView struct {
	ID            string    `json:"id" example:"0192f0c4-7a10-7c3e-9d2b-5f6a7b8c9d0e"`
	LineID        string    `json:"line_id"`
	MerchantID    string    `json:"merchant_id"`
	State         string    `json:"state" enum:"requested,paying,unknown,paid,failed,reversed" doc:"unknown: the rail has not confirmed yet. Nothing is lost; it is asked again by itself. reversed: it was paid, and the money came back to us."`
	AmountFen     int64     `json:"amount_fen" example:"5000000"`
	FeeFen        int64     `json:"fee_fen" doc:"Kept back at payout, part of the amount owed." example:"0"`
	PaidOutFen    int64     `json:"paid_out_fen" doc:"What reaches the merchant." example:"5000000"`
	TenorMonths   int       `json:"tenor_months" example:"12"`
	Repayment     string    `json:"repayment" enum:"equal_instalments,equal_principal,bullet,any_time"`
	AnnualRateBps int64     `json:"annual_rate_bps" example:"1200"`
	FailureCode   string    `json:"failure_code,omitempty" doc:"failed and reversed: why." example:"insufficient_limit"`
	RequestedAt   time.Time `json:"requested_at"`
	SettledAt     time.Time `json:"settled_at,omitzero" doc:"When it was paid or failed."`
}

type drawdownsView struct {
	Items      []drawdownView `json:"items" doc:"Newest first."`
	NextCursor string         `json:"next_cursor,omitempty" doc:"Absent at the end."`
}

func showDrawdown(d drawdown.Drawdown) drawdownView {
	return drawdownView{
		ID: d.ID, LineID: d.LineID, MerchantID: d.MerchantID, State: string(d.State), AmountFen: int64(d.Amount), FeeFen: int64(d.Fee), PaidOutFen: int64(d.PaidOut()), TenorMonths: d.TenorMonths,
		Repayment: string(d.Repayment), AnnualRateBps: int64(d.RateBps), FailureCode: string(d.FailureCode), RequestedAt: d.RequestedAt, SettledAt: d.SettledAt,
	}
}

type drawRequest struct {
	ByID
	Keyed
	Body struct {
		AmountFen   int64  `json:"amount_fen" minimum:"1" maximum:"100000000000" doc:"At least 100 yuan, in fen." example:"5000000"`
		TenorMonths int    `json:"tenor_months" minimum:"1" maximum:"120" example:"12"`
		Repayment   string `json:"repayment" enum:"equal_instalments,equal_principal,bullet,any_time"`
	}
}

type drawdownRequest struct {
	ByID
	Waiting
}

type drawdownsRequest struct {
	ByID
	Paged
}

func (s *server) drawdownEndpoints() {
	tags := []string{"drawdowns"}
	endpoint(s, huma.Operation{
		OperationID: "open-drawdown", Method: http.MethodPost, Path: "/api/lines/{id}/drawdowns", Tags: tags, DefaultStatus: http.StatusAccepted,
		Summary: "Draw on a credit line", Description: "The draw is on record when this answers, and is paid to the verified account by itself. Read it at the Location.",
	}, s.openDrawdown)
	endpoint(s, huma.Operation{
		OperationID: "get-drawdown", Method: http.MethodGet, Path: "/api/drawdowns/{id}", Tags: tags,
		Errors:  []int{http.StatusUnprocessableEntity, http.StatusTooManyRequests},
		Summary: "Read a draw", Description: "failed and reversed are final; paid is, unless the rail sends the money back. With `wait`, held back until it is paid, failed or first unknown.",
	}, s.getDrawdown)
	endpoint(s, huma.Operation{
		OperationID: "list-drawdowns", Method: http.MethodGet, Path: "/api/lines/{id}/drawdowns", Tags: tags,
		Summary: "List the draws on a line", Description: "Newest first.",
	}, s.listDrawdowns)
}

func (s *server) openDrawdown(ctx context.Context, who Principal, in *drawRequest) (*answer[drawdownView], error) {
	if _, err := s.lineFor(ctx, who, in.ID); err != nil {
		return nil, err
	}
	opened, err := s.Drawdowns.Open(ctx, drawdown.Request{
		Key: in.IdempotencyKey, LineID: in.ID, Amount: money.Amount(in.Body.AmountFen), TenorMonths: in.Body.TenorMonths, Repayment: scoring.RepaymentType(in.Body.Repayment),
	}, who.actor())
	if err != nil {
		return nil, err
	}
	s.start(ctx, "drawdown_id", opened.ID, func(ctx context.Context) error {
		return s.Chain.StartDrawdown(ctx, opened.ID, opened.MerchantID)
	})
	return &answer[drawdownView]{Location: "/api/drawdowns/" + opened.ID, Body: showDrawdown(opened)}, nil
}

func (s *server) getDrawdown(ctx context.Context, who Principal, in *drawdownRequest) (*body[drawdownView], error) {
	wait, err := in.patience()
	if err != nil {
		return nil, err
	}
	found, _, done, err := get(ctx, s, who, held[drawdown.Drawdown]{
		wait: wait,
		read: func(ctx context.Context) (drawdown.Drawdown, error) { return s.drawdownFor(ctx, who, in.ID) },
		over: func(d drawdown.Drawdown) bool { return d.State.Final() },
		news: func(before, now drawdown.Drawdown) bool {
			return now.State == drawdown.Unknown && before.State != now.State
		},
		watch: func() (<-chan struct{}, func()) { return s.Drawdowns.Watch(in.ID) },
	})
	defer done()
	if err != nil {
		return nil, err
	}
	return &body[drawdownView]{showDrawdown(found)}, nil
}

// drawdownFor gives a draw the caller may see.
func (s *server) drawdownFor(ctx context.Context, who Principal, id string) (drawdown.Drawdown, error) {
	found, err := s.Drawdowns.Drawdown(ctx, id)
	if err != nil {
		return drawdown.Drawdown{}, err
	}
	return found, s.visible(ctx, who, "drawdown", found.MerchantID)
}

func (s *server) listDrawdowns(ctx context.Context, who Principal, in *drawdownsRequest) (*body[drawdownsView], error) {
	line, err := s.lineFor(ctx, who, in.ID)
	if err != nil {
		return nil, err
	}
	found, next, err := s.Drawdowns.Drawdowns(ctx, line.MerchantID, line.ID, drawdown.Page{Cursor: in.Cursor, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	view := drawdownsView{Items: make([]drawdownView, len(found)), NextCursor: next}
	for i := range found {
		view.Items[i] = showDrawdown(found[i])
	}
	return &body[drawdownsView]{view}, nil
}
