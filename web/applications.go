package web

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"loan310/app/fault"
	"loan310/app/ident"
	"loan310/app/money"
	"loan310/app/underwriting"
)

// startWithin bounds starting a workflow; the sweeper starts what this does not.
const startWithin = 5 * time.Second

type applicationView struct {
	ID           string        `json:"id" example:"0192f0c4-7a10-7c3e-9d2b-5f6a7b8c9d0e"`
	MerchantID   string        `json:"merchant_id"`
	State        string        `json:"state" enum:"submitted,deferred,approved,declined,accepted,expired"`
	AmountFen    int64         `json:"amount_fen" doc:"Asked for." example:"20000000"`
	Purpose      string        `json:"purpose" example:"stocking up for Double Eleven"`
	SubmittedAt  time.Time     `json:"submitted_at"`
	DecideBy     time.Time     `json:"decide_by" doc:"An answer comes by then: a decision, or a deferral that goes on by itself."`
	DecidedAt    time.Time     `json:"decided_at,omitzero"`
	DecisionID   string        `json:"decision_id,omitempty"`
	WaitFor      []string      `json:"wait_for,omitempty" doc:"Deferred: the sources it waits for."`
	Decision     *decisionView `json:"decision,omitempty" doc:"The latest; left out in lists."`
	EventsPath   string        `json:"events_path" example:"/api/applications/0192f0c4-7a10-7c3e-9d2b-5f6a7b8c9d0e/events"`
	ContractPath string        `json:"contract_path,omitempty" doc:"Approved: where the contract is."`
}

type applicationsView struct {
	Items      []applicationView `json:"items" doc:"Newest first."`
	NextCursor string            `json:"next_cursor,omitempty" doc:"Absent at the end."`
}

func showApplication(a underwriting.Application) applicationView {
	path := "/api/applications/" + a.ID
	view := applicationView{
		ID: a.ID, MerchantID: a.MerchantID, State: string(a.State), AmountFen: int64(a.AmountWanted), Purpose: a.Purpose,
		SubmittedAt: a.SubmittedAt, DecideBy: a.DecideBy, DecidedAt: a.DecidedAt, DecisionID: a.DecisionID, EventsPath: path + "/events",
	}
	if a.State == underwriting.Approved {
		view.ContractPath = path + "/contract"
	}
	return view
}

type submitRequest struct {
	ByID
	Keyed
	Body struct {
		AmountFen int64  `json:"amount_fen" minimum:"1" maximum:"100000000000" doc:"From 1,000 to 3,000,000 yuan, in fen." example:"20000000"`
		Purpose   string `json:"purpose" minLength:"1" maxLength:"200" doc:"What the money is for." example:"stocking up for Double Eleven"`
		DeviceID  string `json:"device_id,omitempty" maxLength:"128" doc:"A stable pseudonym of the device the merchant applies from; kept as a keyed hash. Left out: not known."`
		IP        string `json:"ip,omitempty" maxLength:"45" doc:"Platforms: the address the merchant applies from; kept as a keyed hash. Of other callers it is taken from the connection." example:"203.0.113.7"`
	}
}

type applicationRequest struct {
	ByID
	Spoken
	Waiting
}

type applicationsRequest struct {
	Paged
	MerchantID string `query:"merchant_id" maxLength:"64" doc:"Staff: only this merchant's. Platforms must name one."`
}

type contractRequest struct {
	ByID
	Language string `query:"language" enum:"zh-CN,en" default:"zh-CN" doc:"The Chinese text is the one that binds."`
}

type contractView struct {
	DecisionID   string    `json:"decision_id"`
	Language     string    `json:"language" enum:"zh-CN,en"`
	Text         string    `json:"text"`
	ContractHash string    `json:"contract_hash" doc:"SHA-256 (hex) of the Chinese text. Hand it in to accept, whichever language was shown."`
	OfferExpires time.Time `json:"offer_expires"`
}

type acceptRequest struct {
	ByID
	Keyed
	Body struct {
		ContractHash string `json:"contract_hash" minLength:"64" maxLength:"64" pattern:"^[0-9a-f]{64}$" doc:"Of the contract that was shown." example:"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"`
	}
}

func (s *server) applicationEndpoints() {
	tags := []string{"applications"}
	endpoint(s, huma.Operation{
		OperationID: "submit-application", Method: http.MethodPost, Path: "/api/merchants/{id}/applications", Tags: tags, DefaultStatus: http.StatusAccepted,
		Summary: "Apply for a credit line", Description: "The registration must be complete, and no other application open. Follow the answer at the Location's `/events`.",
	}, s.submitApplication)
	endpoint(s, huma.Operation{
		OperationID: "get-application", Method: http.MethodGet, Path: "/api/applications/{id}", Tags: tags,
		Errors:  []int{http.StatusUnprocessableEntity, http.StatusTooManyRequests},
		Summary: "Read an application", Description: "With its latest decision, its reasons in words. With `wait`, held back while it is submitted or deferred, until a decision or another deferral.",
	}, s.getApplication)
	endpoint(s, huma.Operation{
		OperationID: "list-applications", Method: http.MethodGet, Path: "/api/applications", Tags: tags, Errors: []int{http.StatusNotFound, http.StatusUnprocessableEntity},
		Summary: "List applications", Description: "Merchants see their own, staff everyone's, platforms those of the merchant they name.",
	}, s.listApplications)
	endpoint(s, streamOperation(s.api.OpenAPI().Components.Schemas), s.streamApplication)
	endpoint(s, huma.Operation{
		OperationID: "get-contract", Method: http.MethodGet, Path: "/api/applications/{id}/contract", Tags: tags, Errors: []int{http.StatusConflict},
		Summary: "Read the contract on offer", Description: "For an approved application.",
	}, s.getContract)
	endpoint(s, huma.Operation{
		OperationID: "accept-offer", Method: http.MethodPost, Path: "/api/applications/{id}/acceptance", Tags: tags, DefaultStatus: http.StatusCreated,
		Summary: "Accept the offer", Description: "Opens the credit line. Accepting twice gives the same line.",
	}, s.acceptOffer)
	s.decisionEndpoints()
}

// submitApplication opens an application under an id that follows from the
// idempotency key, so that a repeat finds it even when the kept answer is gone.
func (s *server) submitApplication(ctx context.Context, who Principal, in *submitRequest) (*answer[applicationView], error) {
	if _, err := s.merchantFor(ctx, who, in.ID); err != nil {
		return nil, err
	}
	id, wanted := derived(ctx, "application"), money.Amount(in.Body.AmountFen)
	application, err := s.Underwriting.Submit(ctx, id, in.ID, wanted, in.Body.Purpose, originOf(ctx, who, in.Body.DeviceID, in.Body.IP), who.actor())
	if err != nil {
		kept, missing := s.Underwriting.Application(ctx, id)
		if missing != nil {
			return nil, err
		}
		if kept.MerchantID != in.ID || kept.AmountWanted != wanted || kept.Purpose != in.Body.Purpose {
			return nil, fault.New(fault.Mismatch, fault.CodeKeyReused, "This Idempotency-Key was used with another body. Draw a new key for a new request.")
		}
		application = kept
	}
	s.start(ctx, "application_id", id, func(ctx context.Context) error {
		return s.Chain.StartUnderwriting(ctx, id, in.ID)
	})
	return &answer[applicationView]{Location: "/api/applications/" + id, Body: showApplication(application)}, nil
}

// originOf gives where a registration or an application comes from. A platform's own address
// says nothing of the merchant, so it names the merchant's; of everyone else
// only the connection is believed.
func originOf(ctx context.Context, who Principal, device, address string) ident.Origin {
	origin := ident.Origin{DeviceID: device, IP: address}
	if who.Kind != KindPlatform {
		origin.IP = requestOf(ctx).ip
	}
	return origin
}

// start starts a workflow. The record is stored already; when this fails the
// sweeper starts it, so the caller need not know.
func (s *server) start(ctx context.Context, key, id string, begin func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), startWithin)
	defer cancel()
	if err := begin(ctx); err != nil {
		s.Logger.LogAttrs(ctx, slog.LevelWarn, "workflow left to the sweeper", slog.String("request_id", requestOf(ctx).id), slog.String(key, id), slog.Any("error", err))
	}
}

// applicationFor gives an application the caller may see.
func (s *server) applicationFor(ctx context.Context, who Principal, id string) (underwriting.Application, error) {
	found, err := s.Underwriting.Application(ctx, id)
	if err != nil {
		return underwriting.Application{}, err
	}
	return found, s.visible(ctx, who, "application", found.MerchantID)
}

func (s *server) getApplication(ctx context.Context, who Principal, in *applicationRequest) (*body[applicationView], error) {
	wait, err := in.patience()
	if err != nil {
		return nil, err
	}
	application, ctx, done, err := get(ctx, s, who, held[underwriting.Application]{
		wait:  wait,
		read:  func(ctx context.Context) (underwriting.Application, error) { return s.applicationFor(ctx, who, in.ID) },
		over:  func(a underwriting.Application) bool { return answered(a.State) },
		news:  func(before, now underwriting.Application) bool { return before.DecisionID != now.DecisionID },
		watch: func() (<-chan struct{}, func()) { return s.Underwriting.WatchState(in.ID) },
	})
	defer done()
	if err != nil {
		return nil, err
	}
	view := showApplication(application)
	if application.DecisionID != "" {
		decision, err := s.Underwriting.Decision(ctx, application.DecisionID)
		if err != nil {
			return nil, err
		}
		shown := s.showDecision(decision, spoken(in.Language))
		view.Decision = &shown
		if application.State == underwriting.Deferred {
			view.WaitFor = shown.WaitFor
		}
	}
	return &body[applicationView]{view}, nil
}

func (s *server) listApplications(ctx context.Context, who Principal, in *applicationsRequest) (*body[applicationsView], error) {
	merchantID := in.MerchantID
	switch who.Kind {
	case KindMerchant:
		merchantID = who.MerchantID
	case KindPlatform:
		if merchantID == "" {
			return nil, fault.Field("merchant_id", CodeFilterNeeded, "Name the merchant: ?merchant_id=…")
		}
		if _, err := s.merchantFor(ctx, who, merchantID); err != nil {
			return nil, err
		}
	}
	found, next, err := s.Underwriting.Applications(ctx, merchantID, underwriting.Page{Cursor: in.Cursor, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	view := applicationsView{Items: make([]applicationView, len(found)), NextCursor: next}
	for i := range found {
		view.Items[i] = showApplication(found[i])
	}
	return &body[applicationsView]{view}, nil
}

func (s *server) getContract(ctx context.Context, who Principal, in *contractRequest) (*body[contractView], error) {
	application, err := s.applicationFor(ctx, who, in.ID)
	if err != nil {
		return nil, err
	}
	if application.State != underwriting.Approved && application.State != underwriting.Accepted {
		return nil, fault.New(fault.Conflict, underwriting.CodeNotApproved, "The application is %s; only an approved one has a contract.", application.State)
	}
	decision, err := s.Underwriting.Decision(ctx, application.DecisionID)
	if err != nil {
		return nil, err
	}
	return &body[contractView]{contractView{
		DecisionID: decision.ID, Language: in.Language, Text: underwriting.Contract(decision, in.Language),
		ContractHash: decision.ContractHash, OfferExpires: decision.OfferExpires,
	}}, nil
}

func (s *server) acceptOffer(ctx context.Context, who Principal, in *acceptRequest) (*answer[lineView], error) {
	if _, err := s.applicationFor(ctx, who, in.ID); err != nil {
		return nil, err
	}
	line, err := s.Underwriting.Accept(ctx, in.ID, in.Body.ContractHash, who.actor())
	if err != nil {
		return nil, err
	}
	return &answer[lineView]{Location: "/api/lines/" + line.ID, Body: showLine(line)}, nil
}
