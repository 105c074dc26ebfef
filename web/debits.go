package web

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"loan310/app/servicing/collection"
)

type debitView struct {
	ID          string    `json:"id" doc:"Our reference at the rail." example:"0192f0c47a107c3e9d2b5f6a7b8c9d0eD1"`
	LoanID      string    `json:"loan_id"`
	MerchantID  string    `json:"merchant_id"`
	State       string    `json:"state" enum:"requested,sent,unknown,collected,failed" doc:"unknown: the rail has not confirmed yet; it is asked again by itself."`
	Origin      string    `json:"origin" enum:"schedule,request" doc:"schedule: by the plan; request: asked for."`
	AmountFen   int64     `json:"amount_fen" example:"450000"`
	Early       bool      `json:"early" doc:"What is not due repays early; else it becomes credit."`
	Line        int       `json:"line,omitempty" doc:"The oldest unpaid line when it was made."`
	WaitsFor    string    `json:"waits_for,omitempty" enum:"rail_stopped,rail_unreachable" doc:"Why it is not sent now."`
	FailureCode string    `json:"failure_code,omitempty" doc:"failed: the rail's code, or ours." example:"ACQ.BUYER_BALANCE_NOT_ENOUGH"`
	Failure     string    `json:"failure,omitempty" enum:"shortfall,account,refused,dropped" doc:"failed: shortfall: too little on the account; account: it cannot be debited; dropped: nothing left, or the rail never took it."`
	EventID     string    `json:"event_id,omitempty" doc:"collected: the repayment it became."`
	RailRef     string    `json:"rail_ref,omitempty"`
	CreatedAt   time.Time `json:"created_at"`
	SettledAt   time.Time `json:"settled_at,omitzero"`
}

func showDebit(d *collection.Debit) debitView {
	return debitView{
		ID: d.Key, LoanID: d.LoanID, MerchantID: d.MerchantID, State: string(d.State), Origin: string(d.Origin), AmountFen: int64(d.Amount),
		Early: d.Early, Line: d.Line, WaitsFor: string(d.WaitsFor), FailureCode: d.FailureCode, Failure: string(d.Failure), EventID: d.EventID,
		RailRef: d.RailRef, CreatedAt: d.CreatedAt, SettledAt: d.SettledAt,
	}
}

type debitsView struct {
	Items      []debitView `json:"items" doc:"Newest first."`
	NextCursor string      `json:"next_cursor,omitempty" doc:"Absent at the end."`
}

type debitRequest struct {
	ByID
	Keyed
	Body struct {
		AmountFen int64 `json:"amount_fen,omitempty" minimum:"1" maximum:"1000000000000" doc:"Absent = all that is due today; with early, what settles the loan."`
		Early     bool  `json:"early,omitempty" doc:"Repay early what is not due yet; without it, at most what is due is collected."`
	}
}

type debitReadRequest struct {
	ByID
	Waiting
}

type debitsRequest struct {
	ByID
	Paged
}

type opsDebitsRequest struct {
	Paged
	State string `query:"state" enum:"requested,sent,unknown,collected,failed" doc:"Only those in this state."`
}

type debitConsentView struct {
	MerchantID string    `json:"merchant_id"`
	Given      bool      `json:"given" doc:"What is due may be collected by itself, as the loan contract says."`
	ChangedAt  time.Time `json:"changed_at,omitzero" doc:"Absent: never changed since the contract."`
}

type debitConsentBody struct {
	Given bool `json:"given"`
}

type debitConsentRequest struct {
	ByID
	Keyed
	Body debitConsentBody
}

type holdRequest struct {
	ByID
	Keyed
	Body struct {
		Until  string `json:"until" format:"date" doc:"The first day that collects again; today or earlier ends a hold." example:"2026-12-20"`
		Reason string `json:"reason" minLength:"1" maxLength:"200" doc:"Why, in words; no personal data." example:"promised for the 19th"`
	}
}

type holdView struct {
	LoanID string `json:"loan_id"`
	Until  string `json:"until" format:"date"`
}

type noticeView struct {
	Line      int       `json:"line"`
	Kind      string    `json:"kind" example:"due_tomorrow"`
	DueOn     string    `json:"due_on" format:"date"`
	AmountFen int64     `json:"amount_fen"`
	State     string    `json:"state" enum:"planned,sent,dropped"`
	PlannedAt time.Time `json:"planned_at"`
	EndedAt   time.Time `json:"ended_at,omitzero" doc:"When it was sent or dropped."`
}

type noticesView struct {
	Items []noticeView `json:"items" doc:"Oldest first."`
}

func (s *server) debitEndpoints() {
	tags := []string{"loans"}
	endpoint(s, huma.Operation{
		OperationID: "open-debit", Method: http.MethodPost, Path: "/api/loans/{id}/debits", Tags: tags, DefaultStatus: http.StatusAccepted,
		Errors: []int{http.StatusTooManyRequests}, Summary: "Repay now from the payout account",
		Description: "The debit is on record when this answers, and collected by itself. Read it at the Location. One at a time for each loan.",
	}, s.openDebit)
	endpoint(s, huma.Operation{
		OperationID: "get-debit", Method: http.MethodGet, Path: "/api/debits/{id}", Tags: tags,
		Errors: []int{http.StatusUnprocessableEntity, http.StatusTooManyRequests}, Summary: "Read a debit",
		Description: "collected and failed are final. With `wait`, held back until it is so, or first unknown.",
	}, s.getDebit)
	endpoint(s, huma.Operation{
		OperationID: "list-debits", Method: http.MethodGet, Path: "/api/loans/{id}/debits", Tags: tags, Errors: []int{http.StatusUnprocessableEntity},
		Summary: "List a loan's debits", Description: "Newest first.",
	}, s.listDebits)
	endpoint(s, huma.Operation{
		OperationID: "list-reminders", Method: http.MethodGet, Path: "/api/loans/{id}/reminders", Tags: tags,
		Summary: "List what was reminded of", Description: "Once for each line and kind.",
	}, s.listReminders)
	endpoint(s, huma.Operation{
		OperationID: "put-debit-consent", Method: http.MethodPut, Path: "/api/merchants/{id}/debit-consent", Tags: tags,
		Summary: "Withdraw or give consent to automatic debits", Description: "The loan contract gives it. While it is withdrawn nothing is collected by itself; what is due stays due.",
	}, s.putDebitConsent)
	endpoint(s, huma.Operation{
		OperationID: "get-debit-consent", Method: http.MethodGet, Path: "/api/merchants/{id}/debit-consent", Tags: tags,
		Summary: "Read the consent to automatic debits", Description: "As the contract says, or as the merchant said since.",
	}, s.getDebitConsent)
	endpoint(s, huma.Operation{
		OperationID: "hold-debits", Method: http.MethodPost, Path: "/api/loans/{id}/debit-holds", Tags: tags,
		Summary: "Hold automatic debits of a loan back", Description: "Such as until the day a payment is promised for; at most 92 days ahead.",
	}, s.holdDebits)
	s.debitDeskEndpoints()
}

func (s *server) openDebit(ctx context.Context, who Principal, in *debitRequest) (*answer[debitView], error) {
	if _, err := s.loanFor(ctx, who, in.ID); err != nil {
		return nil, err
	}
	opened, err := s.Collections.Open(ctx, collection.Request{
		LoanID: in.ID, Key: string(who.Kind) + ":" + in.IdempotencyKey, Amount: fen(in.Body.AmountFen), Early: in.Body.Early,
	}, who.actor())
	if err != nil {
		return nil, err
	}
	s.start(ctx, "loan_id", opened.LoanID, func(ctx context.Context) error {
		return s.Chain.StartDebit(ctx, opened.Key, opened.MerchantID)
	})
	return &answer[debitView]{Location: "/api/debits/" + opened.Key, Body: showDebit(&opened)}, nil
}

func (s *server) getDebit(ctx context.Context, who Principal, in *debitReadRequest) (*body[debitView], error) {
	wait, err := in.patience()
	if err != nil {
		return nil, err
	}
	found, _, done, err := get(ctx, s, who, held[collection.Debit]{
		wait: wait,
		read: func(ctx context.Context) (collection.Debit, error) {
			d, err := s.Collections.Debit(ctx, in.ID)
			if err != nil {
				return collection.Debit{}, err
			}
			return d, s.visible(ctx, who, "debit", d.MerchantID)
		},
		over: func(d collection.Debit) bool { return d.State.Final() },
		news: func(before, now collection.Debit) bool {
			return now.State == collection.Unknown && before.State != now.State
		},
		watch: func() (<-chan struct{}, func()) { return s.Collections.Watch(in.ID) },
	})
	defer done()
	if err != nil {
		return nil, err
	}
	return &body[debitView]{showDebit(&found)}, nil
}

func (s *server) listDebits(ctx context.Context, who Principal, in *debitsRequest) (*body[debitsView], error) {
	if _, err := s.loanFor(ctx, who, in.ID); err != nil {
		return nil, err
	}
	return s.debits(ctx, collection.Filter{LoanID: in.ID}, in.Paged)
}

func (s *server) debits(ctx context.Context, filter collection.Filter, page Paged) (*body[debitsView], error) {
	found, next, err := s.Collections.Debits(ctx, filter, collection.Page{Cursor: page.Cursor, Limit: page.Limit})
	if err != nil {
		return nil, err
	}
	view := debitsView{Items: make([]debitView, len(found)), NextCursor: next}
	for i := range found {
		view.Items[i] = showDebit(&found[i])
	}
	return &body[debitsView]{view}, nil
}

func (s *server) listReminders(ctx context.Context, who Principal, in *ByID) (*body[noticesView], error) {
	if _, err := s.loanFor(ctx, who, in.ID); err != nil {
		return nil, err
	}
	found, err := s.Collections.Notices(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	view := noticesView{Items: make([]noticeView, len(found))}
	for i, n := range found {
		view.Items[i] = noticeView{
			Line: n.Line, Kind: n.Kind, DueOn: n.DueOn.String(), AmountFen: int64(n.Amount), State: string(n.State), PlannedAt: n.At, EndedAt: n.SentAt,
		}
	}
	return &body[noticesView]{view}, nil
}

func showDebitConsent(c collection.Consent) *body[debitConsentView] {
	return &body[debitConsentView]{debitConsentView{MerchantID: c.MerchantID, Given: !c.Withdrawn, ChangedAt: c.ChangedAt}}
}

func (s *server) putDebitConsent(ctx context.Context, who Principal, in *debitConsentRequest) (*body[debitConsentView], error) {
	if _, err := s.merchantFor(ctx, who, in.ID); err != nil {
		return nil, err
	}
	c, err := s.Collections.SetConsent(ctx, in.ID, in.Body.Given, who.actor())
	if err != nil {
		return nil, err
	}
	return showDebitConsent(c), nil
}

func (s *server) getDebitConsent(ctx context.Context, who Principal, in *ByID) (*body[debitConsentView], error) {
	if _, err := s.merchantFor(ctx, who, in.ID); err != nil {
		return nil, err
	}
	c, err := s.Collections.Consent(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return showDebitConsent(c), nil
}

func (s *server) holdDebits(ctx context.Context, who Principal, in *holdRequest) (*body[holdView], error) {
	if _, err := s.loanFor(ctx, who, in.ID); err != nil {
		return nil, err
	}
	until, err := dayOf("until", in.Body.Until)
	if err != nil {
		return nil, err
	}
	hold := collection.Hold{LoanID: in.ID, Until: until, Reason: in.Body.Reason}
	if err := s.Collections.HoldBack(ctx, hold, who.actor()); err != nil {
		return nil, err
	}
	return &body[holdView]{holdView{LoanID: in.ID, Until: until.String()}}, nil
}
