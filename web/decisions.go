package web

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"loan310/app/underwriting"
	"loan310/scoring"
)

type termsView struct {
	IRRBps        int64    `json:"irr_bps" doc:"The annualised rate, all fees included, in basis points. Show it first and larger than any other price." example:"1462"`
	AnnualRateBps int64    `json:"annual_rate_bps" doc:"The nominal annual rate the contract states, in basis points." example:"1440"`
	LimitFen      int64    `json:"limit_fen" example:"15000000"`
	DayCountBase  int      `json:"day_count_base" enum:"360,365"`
	TenorMonths   []int    `json:"tenor_months" doc:"Tenors on offer."`
	Repayment     []string `json:"repayment" enum:"equal_instalments,equal_principal,bullet,any_time" doc:"Repayment types on offer."`
}

func showTerms(t scoring.Terms) termsView {
	view := termsView{
		IRRBps: int64(t.IRRBps), AnnualRateBps: int64(t.AnnualRateBps), LimitFen: int64(t.Limit), DayCountBase: t.DayCountBase,
		TenorMonths: t.TenorMonths, Repayment: []string{},
	}
	for _, kind := range t.Repayment {
		view.Repayment = append(view.Repayment, string(kind))
	}
	return view
}

type reasonView struct {
	Code string `json:"code" example:"revenue_unproven"`
	Text string `json:"text" doc:"In the language asked for."`
}

type decisionView struct {
	ID             string       `json:"id"`
	ApplicationID  string       `json:"application_id"`
	MerchantID     string       `json:"merchant_id"`
	Seq            int          `json:"seq" doc:"1 is the first; a deferral is followed by another."`
	Outcome        string       `json:"outcome" enum:"approved,declined,deferred"`
	Reasons        []reasonView `json:"reasons" doc:"The main reasons, most important first."`
	Terms          *termsView   `json:"terms,omitempty" doc:"Approved only."`
	WaitFor        []string     `json:"wait_for,omitempty" doc:"Deferred: the sources it waits for; it resumes by itself."`
	RetryAfterDays int64        `json:"retry_after_days,omitempty" doc:"Declined: when applying again makes sense."`
	DecidedAt      time.Time    `json:"decided_at"`
	OfferExpires   time.Time    `json:"offer_expires,omitzero" doc:"Approved only."`
	ContractHash   string       `json:"contract_hash,omitempty" doc:"Approved only: SHA-256 (hex) of the Chinese contract."`
	Inside         *insideView  `json:"inside,omitempty" doc:"Staff only: everything that decided."`
}

// insideView is what only staff see of a decision.
type insideView struct {
	Verdict     scoring.Verdict       `json:"verdict"`
	Snapshot    underwriting.Snapshot `json:"snapshot"`
	InputHash   string                `json:"input_hash"`
	VerdictHash string                `json:"verdict_hash"`
	LatencyMS   int64                 `json:"latency_ms"`
}

// showDecision shows a decision as the merchant sees it.
func (s *server) showDecision(d underwriting.Decision, language string) decisionView {
	view := decisionView{
		ID: d.ID, ApplicationID: d.ApplicationID, MerchantID: d.MerchantID, Seq: d.Seq, Outcome: string(d.Verdict.Outcome), Reasons: []reasonView{},
		RetryAfterDays: d.Verdict.RetryAfter, DecidedAt: d.DecidedAt, OfferExpires: d.OfferExpires, ContractHash: d.ContractHash,
	}
	for _, reason := range d.Verdict.Reasons {
		view.Reasons = append(view.Reasons, reasonView{Code: reason.Code, Text: s.ReasonText(reason.Code, language, reason.Args)})
	}
	for _, source := range d.Verdict.WaitFor {
		view.WaitFor = append(view.WaitFor, string(source))
	}
	if d.Verdict.Terms != nil {
		terms := showTerms(*d.Verdict.Terms)
		view.Terms = &terms
	}
	return view
}

type replayRequest struct{ ByID }

func (s *server) decisionEndpoints() {
	tags := []string{"applications"}
	endpoint(s, huma.Operation{
		OperationID: "get-decision", Method: http.MethodGet, Path: "/api/decisions/{id}", Tags: tags,
		Summary: "Read a decision", Description: "Staff also see everything that decided: features, score, authenticity, rules, versions and the snapshot it replays from.",
	}, s.getDecision)
	endpoint(s, huma.Operation{
		OperationID: "replay-decision", Method: http.MethodGet, Path: "/api/decisions/{id}/replay", Tags: tags,
		Summary: "Decide again from the snapshot", Description: "Same evidence, same strategy; `same` tells whether input and verdict are the stored ones bit for bit. Nothing is stored.",
	}, s.replayDecision)
}

func (s *server) getDecision(ctx context.Context, who Principal, in *applicationRequest) (*body[decisionView], error) {
	decision, err := s.Underwriting.Decision(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if err := s.visible(ctx, who, "decision", decision.MerchantID); err != nil {
		return nil, err
	}
	view := s.showDecision(decision, spoken(in.Language))
	if who.Kind == KindStaff {
		view.Inside = &insideView{
			Verdict: decision.Verdict, Snapshot: decision.Snapshot, InputHash: decision.InputHash, VerdictHash: decision.VerdictHash, LatencyMS: decision.LatencyMS,
		}
	}
	return &body[decisionView]{view}, nil
}

func (s *server) replayDecision(ctx context.Context, _ Principal, in *replayRequest) (*body[underwriting.Replay], error) {
	replay, err := s.Underwriting.Replay(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &body[underwriting.Replay]{replay}, nil
}
