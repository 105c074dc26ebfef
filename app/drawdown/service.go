package drawdown

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"loan310/app/audit"
	"loan310/app/clock"
	"loan310/app/fault"
	"loan310/app/ident"
	"loan310/app/ledger"
	"loan310/app/money"
	"loan310/scoring"
)

// MinAmount is the smallest draw.
const MinAmount = 100 * money.Yuan

// Steps after which a process may die; Deps.Reached is called with them.
const (
	ReachedReserved = "reserved" // line, journal and payout stored; rail not called
	ReachedCalling  = "calling"  // call counted; rail not called
	ReachedAnswered = "answered" // rail answered; nothing stored of it
	ReachedSettled  = "settled"  // payout, drawdown and journal settled
)

// Deps are what a Service stands on. Reached may be nil; the rest is required.
type Deps struct {
	Store  Store
	Rails  map[string]Rail // by name
	Now    clock.Clock
	NewID  func() string
	Logger *slog.Logger
	// Grace is how long after a pay call a rail's "no record" is not yet
	// believed, since the call may still be under way. Longer than the
	// rail's own time-out. Default 15 s.
	Grace time.Duration
	// MaxAge is the age of a payout after which it is never sent again,
	// shorter than the time a rail remembers our reference. Default 20 h.
	MaxAge time.Duration
	// Reached is told each step once it is durable; kill tests die there.
	Reached func(step, drawdownID string)
}

// Service draws on lines.
type Service struct{ deps Deps }

// NewService makes a Service.
func NewService(deps Deps) *Service {
	if deps.Grace <= 0 {
		deps.Grace = 15 * time.Second
	}
	if deps.MaxAge <= 0 {
		deps.MaxAge = 20 * time.Hour
	}
	if deps.Reached == nil {
		deps.Reached = func(string, string) {}
	}
	return &Service{deps: deps}
}

// Request is what a merchant asks for. Key is the caller's idempotency key:
// the same key asks once, with the same content.
type Request struct {
	Key         string
	LineID      string
	Amount      money.Amount
	TenorMonths int
	Repayment   scoring.RepaymentType
}

// Open records a draw before anything else happens to it. The draw's id
// follows from line and key, so that asking again finds the same draw.
func (s *Service) Open(ctx context.Context, request Request, actor audit.Actor) (Drawdown, error) {
	line, err := s.deps.Store.Line(ctx, request.LineID)
	if err != nil {
		return Drawdown{}, err
	}
	if err := check(request, line); err != nil {
		return Drawdown{}, err
	}
	d := Drawdown{
		ID: ident.DerivedID("drawdown", request.LineID, request.Key), LineID: line.ID, MerchantID: line.MerchantID,
		Key: request.Key, PayloadHash: request.hash(), Amount: request.Amount, TenorMonths: request.TenorMonths,
		Repayment: request.Repayment, RateBps: line.Terms.AnnualRateBps, State: Requested, RequestedAt: s.deps.Now(),
	}
	return s.deps.Store.Create(ctx, d, s.entry(actor, "drawdown.requested", d.ID, d.Amount.String()))
}

func check(request Request, line Line) error {
	switch {
	case request.Key == "":
		return fault.Field("Idempotency-Key", fault.CodeInvalid, "Send an Idempotency-Key, so that the draw is made once.")
	case request.Amount < MinAmount:
		return fault.Field("amount_fen", CodeAmount, "The smallest draw is %s yuan.", MinAmount)
	case request.Amount > line.Limit:
		return fault.Field("amount_fen", CodeAmount, "The line's limit is %s yuan.", line.Limit)
	case !slices.Contains(line.Terms.TenorMonths, request.TenorMonths):
		return fault.Field("tenor_months", CodeTenor, "Choose a tenor of %s months.", strings.Trim(fmt.Sprint(line.Terms.TenorMonths), "[]"))
	case !slices.Contains(line.Terms.Repayment, request.Repayment):
		return fault.Field("repayment", CodeRepayment, "This line does not offer %q.", request.Repayment)
	}
	return nil
}

func (r Request) hash() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{r.LineID, r.Amount.String(), strconv.Itoa(r.TenorMonths), string(r.Repayment)}, "\x00")))
	return hex.EncodeToString(sum[:])
}

// Drawdown gives one.
func (s *Service) Drawdown(ctx context.Context, id string) (Drawdown, error) {
	return s.deps.Store.Drawdown(ctx, id)
}

// Watch signals when a draw may stand otherwise than before: at once where
// this process moved it, soon where another did.
func (s *Service) Watch(id string) (<-chan struct{}, func()) { return s.deps.Store.Watch(id) }

// Drawdowns lists newest first; merchantID or lineID empty = any.
func (s *Service) Drawdowns(ctx context.Context, merchantID, lineID string, page Page) ([]Drawdown, string, error) {
	return s.deps.Store.Drawdowns(ctx, merchantID, lineID, page)
}

// Unsettled lists draws that may have lost their workflow.
func (s *Service) Unsettled(ctx context.Context, before time.Time, limit int) ([]string, error) {
	return s.deps.Store.Unsettled(ctx, before, limit)
}

// PayoutKey is our reference at the rail for a draw.
func PayoutKey(drawdownID string) string { return strings.ReplaceAll(drawdownID, "-", "") + "P1" }

// Reserve takes the amount from the line, books the promise and stores the
// payout with its key, in one transaction. Too little headroom fails the
// draw, which is a result.
func (s *Service) Reserve(ctx context.Context, id string) (Drawdown, error) {
	d, err := s.deps.Store.Drawdown(ctx, id)
	if err != nil || d.State != Requested {
		return d, err
	}
	line, err := s.deps.Store.Line(ctx, d.LineID)
	if err != nil {
		return Drawdown{}, err
	}
	now := s.deps.Now()
	payout := Payout{
		Key: PayoutKey(id), DrawdownID: id, Amount: d.Amount, Rail: line.Rail, Account: line.Account, Holder: line.Holder,
		State: PayoutSent, CreatedAt: now,
	}
	payout.PayloadHash = payloadHash(payout)
	journal := ledger.Journal{
		ID: s.deps.NewID(), Key: id + ":promised", Subject: "drawdown/" + id, Kind: "disbursement_promised", BookedAt: now,
		Postings: []ledger.Posting{{Account: ledger.PrincipalReceivable, Amount: d.Amount}, {Account: ledger.PayoutInTransit, Amount: -d.Amount}},
	}
	d, _, err = s.deps.Store.Reserve(ctx, id, payout, journal, s.entry(workflowActor(id), "drawdown.reserved", id, d.Amount.String()))
	if err == nil {
		s.deps.Reached(ReachedReserved, id)
	}
	return d, err
}

func payloadHash(p Payout) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{p.Key, p.Amount.String(), p.Rail, p.Account, p.Holder}, "\x00")))
	return hex.EncodeToString(sum[:])
}

// Pay moves a reserved draw towards paid or failed as far as the rail's word
// goes now. The first call pays; every later one asks the rail first and pays
// again, under the same key, only when the rail has no record and the grace
// is over. A drawdown that is not final is to be called again later.
func (s *Service) Pay(ctx context.Context, id string) (Drawdown, error) {
	d, err := s.deps.Store.Drawdown(ctx, id)
	if err != nil || d.State.Final() || d.State == Requested {
		return d, err
	}
	payout, err := s.deps.Store.Payout(ctx, id)
	if err != nil {
		return Drawdown{}, err
	}
	rail, ok := s.deps.Rails[payout.Rail]
	if !ok {
		return Drawdown{}, fault.New(fault.Internal, fault.CodeInternal, "no rail %q", payout.Rail)
	}
	if payout.Calls == 0 {
		return s.call(ctx, rail, payout)
	}
	receipt, err := rail.Query(ctx, payout.Key)
	if err != nil {
		s.warn(ctx, id, "payout not settled by query", err)
		return s.unknown(ctx, id)
	}
	now := s.deps.Now()
	if receipt.State == RailNoRecord && now.Sub(payout.LastCallAt) >= s.deps.Grace && now.Sub(payout.CreatedAt) < s.deps.MaxAge {
		return s.call(ctx, rail, payout)
	}
	return s.settle(ctx, id, receipt)
}

// call counts the call, then makes it.
func (s *Service) call(ctx context.Context, rail Rail, payout Payout) (Drawdown, error) {
	if payloadHash(payout) != payout.PayloadHash {
		return Drawdown{}, fault.New(fault.Internal, fault.CodeInternal, "payout %s differs from what was stored before the call", payout.Key)
	}
	payout, err := s.deps.Store.BeginCall(ctx, payout, s.deps.Now())
	if err != nil {
		return Drawdown{}, err
	}
	s.deps.Reached(ReachedCalling, payout.DrawdownID)
	receipt, err := rail.Pay(ctx, Instruction{Key: payout.Key, Amount: payout.Amount, Account: payout.Account, Holder: payout.Holder, Title: "loan310 " + payout.Key})
	s.deps.Reached(ReachedAnswered, payout.DrawdownID)
	switch {
	case errors.Is(err, ErrNotSent):
		s.warn(ctx, payout.DrawdownID, "payout not sent", err)
		return s.deps.Store.Drawdown(ctx, payout.DrawdownID)
	case err != nil:
		s.warn(ctx, payout.DrawdownID, "payout unknown", err)
		return s.unknown(ctx, payout.DrawdownID)
	}
	return s.settle(ctx, payout.DrawdownID, receipt)
}

// settle stores a rail's word.
func (s *Service) settle(ctx context.Context, id string, receipt Receipt) (Drawdown, error) {
	now := s.deps.Now()
	switch receipt.State {
	case RailPaid:
		payout, err := s.deps.Store.Payout(ctx, id)
		if err != nil {
			return Drawdown{}, err
		}
		journal := ledger.Journal{
			ID: s.deps.NewID(), Key: id + ":paid", Subject: "drawdown/" + id, Kind: "disbursement_paid", BookedAt: now,
			Postings: []ledger.Posting{{Account: ledger.PayoutInTransit, Amount: payout.Amount}, {Account: ledger.Settlement, Amount: -payout.Amount}},
		}
		d, err := s.deps.Store.SettlePaid(ctx, id, receipt.Ref, journal, s.entry(workflowActor(id), "drawdown.paid", id, receipt.Ref))
		if err == nil {
			s.deps.Reached(ReachedSettled, id)
		}
		return d, err
	case RailFailed:
		d, err := s.deps.Store.SettleFailed(ctx, id, CodeRailRefused, receipt.Code, now, s.entry(workflowActor(id), "drawdown.failed", id, receipt.Code))
		if err == nil {
			s.deps.Reached(ReachedSettled, id)
		}
		return d, err
	default:
		return s.unknown(ctx, id)
	}
}

func (s *Service) unknown(ctx context.Context, id string) (Drawdown, error) {
	if _, err := s.deps.Store.MarkUnknown(ctx, id, s.deps.Now()); err != nil {
		return Drawdown{}, err
	}
	return s.deps.Store.Drawdown(ctx, id)
}

func (s *Service) warn(ctx context.Context, id, what string, err error) {
	s.deps.Logger.WarnContext(ctx, "payout not settled yet", "drawdown_id", id, "cause", what, "error", err)
}

func (s *Service) entry(actor audit.Actor, action, id, detail string) audit.Entry {
	return audit.Entry{At: s.deps.Now(), Actor: actor, Action: action, Subject: "drawdown/" + id, Detail: detail}
}

func workflowActor(id string) audit.Actor { return audit.Workflow("drawdown/" + id) }
