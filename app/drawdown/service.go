package drawdown

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
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

// Deps are what a Service stands on. Reached and
// what names a default may be absent; the rest is required.
type Deps struct {
	Store Store
	Desk  Desk
	Rails map[string]Rail // by name
	// Limits bound what is sent a day, by rail. A rail that is not named has
	// none.
	Limits map[string]Limit
	// FailOver names the rail that pays when another surely will not. Empty
	// means that nothing fails over.
	FailOver map[string]string
	// FailOverAfter is how long a rail may be unreachable, with nothing ever
	// sent, before the other one pays. Default 2 min.
	FailOverAfter time.Duration
	// HandOver is how long a payout may be unknown before a person looks
	// after it. Default 20 h.
	HandOver time.Duration
	// Tell tells a merchant that a payout came back. It is called until it
	// succeeds, and sends once by the drawdown's id. Nil means nobody is told.
	Tell func(ctx context.Context, d Drawdown) error
	// Agree gives what a draw made today is agreed by. Its error, such as a
	// price above the cap, refuses the draw. Nil = nothing is kept back.
	Agree  func(line Line, request Request) (Agreed, error)
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
	if deps.HandOver <= 0 {
		deps.HandOver = 20 * time.Hour
	}
	if deps.FailOverAfter <= 0 {
		deps.FailOverAfter = 2 * time.Minute
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
	if s.deps.Agree != nil {
		if d.Agreed, err = s.deps.Agree(line, request); err != nil {
			return Drawdown{}, err
		}
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

// PayoutKey is our reference at the rail for a draw's
// first attempt.
func PayoutKey(drawdownID string) string { return AttemptKey(drawdownID, 1) }

// AttemptKey is our reference at the rail for the n-th attempt: at most 35
// letters and digits, which is what ISO 20022 has room for (Max35Text).
func AttemptKey(drawdownID string, n int) string {
	return strings.ReplaceAll(drawdownID, "-", "") + "P" + strconv.Itoa(n)
}

// Reserve takes the amount from the line, books the promise of what is paid
// out and stores the payout with its key, in one transaction. Too little headroom fails the
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
		Key: PayoutKey(id), DrawdownID: id, Attempt: 1, Amount: d.PaidOut(), Rail: line.Rail, Account: line.Account, Holder: line.Holder,
		State: PayoutRequested, CreatedAt: now,
	}
	payout.PayloadHash = payloadHash(payout)
	journal := ledger.Journal{
		ID: s.deps.NewID(), Key: id + ":promised", Subject: "drawdown/" + id, Kind: "disbursement_promised", BookedAt: now,
		Postings: []ledger.Posting{{Account: ledger.PrincipalReceivable, Amount: d.PaidOut()}, {Account: ledger.PayoutInTransit, Amount: -d.PaidOut()}},
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

func (s *Service) warn(ctx context.Context, id, what string, err error) {
	s.deps.Logger.WarnContext(ctx, "payout not settled yet", "drawdown_id", id, "cause", what, "error", err)
}

func (s *Service) entry(actor audit.Actor, action, id, detail string) audit.Entry {
	return audit.Entry{At: s.deps.Now(), Actor: actor, Action: action, Subject: "drawdown/" + id, Detail: detail}
}

func workflowActor(id string) audit.Actor { return audit.Workflow("drawdown/" + id) }
