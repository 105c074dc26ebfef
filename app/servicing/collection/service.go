package collection

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"loan310/app/audit"
	"loan310/app/clock"
	"loan310/app/fault"
	"loan310/app/ident"
	"loan310/app/money"
	"loan310/app/servicing"
	"loan310/app/servicing/loan"
)

// Steps after which a process may die; Deps.Reached is called with them.
const (
	ReachedRequested = "debit_requested" // debit stored; rail not called
	ReachedCalling   = "debit_calling"   // call counted; rail not called
	ReachedAnswered  = "debit_answered"  // rail answered; nothing stored of it
	ReachedSettled   = "debit_settled"   // debit, repayment and journals stored
)

// Deps are what a Service stands on; what names a default may be absent.
type Deps struct {
	Store     Store
	Servicing *servicing.Service
	Plans     Plans
	Collector Collector
	// Send sends a reminder, once by its key. Nil means that nobody is
	// reminded.
	Send   func(ctx context.Context, n Notice) error
	Now    clock.Clock
	Logger *slog.Logger
	// Grace is how long after a call the rail's "no record" is not yet
	// believed. Default 15 s.
	Grace time.Duration
	// Expires is how long after it was signed the rail may still take a
	// request. Once a reference without a record is older, it was never taken.
	// Default 15 min.
	Expires time.Duration
	// HandOver is how long a debit may be unknown before a person looks after
	// it. Default 20 h.
	HandOver time.Duration
	// Reached is told each step once it is durable; kill tests die there.
	Reached func(step, key string)
}

// Service collects.
type Service struct{ deps Deps }

// NewService makes a Service.
func NewService(deps Deps) *Service {
	if deps.Grace <= 0 {
		deps.Grace = 15 * time.Second
	}
	if deps.Expires <= 0 {
		deps.Expires = 15 * time.Minute
	}
	if deps.HandOver <= 0 {
		deps.HandOver = 20 * time.Hour
	}
	if deps.Reached == nil {
		deps.Reached = func(string, string) {}
	}
	return &Service{deps: deps}
}

// At gives the service by another clock, for tests and simulations; servicing
// must run by the same one.
func (s *Service) At(serviced *servicing.Service, now clock.Clock) *Service {
	deps := s.deps
	deps.Servicing, deps.Now = serviced, now
	return NewService(deps)
}

// Request is what somebody asks to be collected. Key is the caller's
// idempotency key, unique within the loan.
type Request struct {
	LoanID string
	Key    string
	Amount money.Amount // 0 = all that may be asked for
	Early  bool         // up to what settles the loan, what is not due repaying early; else up to what is due
}

// Open stores a debit that was asked for, without calling the rail. It does
// not ask the plan, but for how many a day there may be.
func (s *Service) Open(ctx context.Context, r Request, actor audit.Actor) (Debit, error) {
	if r.Key == "" {
		return Debit{}, fault.Field("Idempotency-Key", fault.CodeInvalid, "Send an Idempotency-Key, so that it is collected once.")
	}
	hash := hashOf(r.LoanID, r.Amount.String(), strconv.FormatBool(r.Early))
	var known Debit
	made, err := s.opening(ctx, r.LoanID, func(standing *Standing, position *loan.Position) (Debit, Step, error) {
		known = Debit{}
		for _, d := range standing.Debits {
			if d.RequestKey != r.Key {
				continue
			}
			if d.RequestHash != hash {
				return Debit{}, Step{}, fault.New(fault.Mismatch, fault.CodeKeyReused, "this idempotency key was used for another debit")
			}
			known = d
			return Debit{}, Step{}, nil
		}
		d, err := s.asked(standing, position, r)
		d.RequestKey, d.RequestHash = r.Key, hash
		return d, Step{Audit: s.entry(actor, "debit.requested", r.LoanID, d.Amount.String())}, err
	})
	if known.Key != "" {
		return known, err
	}
	return made, err
}

// asked checks what is asked for against the loan.
func (s *Service) asked(standing *Standing, position *loan.Position, r Request) (Debit, error) {
	today := loan.DateOf(s.deps.Now(), clock.Lender())
	count := 0
	for i := range standing.Debits {
		if d := &standing.Debits[i]; d.Origin == Asked && loan.DateOf(d.CreatedAt, clock.Lender()) == today {
			count++
		}
	}
	most, rule := mostAsked(position, r.Early), s.deps.Plans.For(standing.Record.Loan.Contract.Product.ID).Debit
	amount := r.Amount
	if amount == 0 {
		amount = most
	}
	switch {
	case standing.Record.Loan.State == servicing.StateCancelled || most <= 0:
		return Debit{}, fault.New(fault.Conflict, CodeNothingDue, "Nothing is due.")
	case standing.open() != nil:
		return Debit{}, fault.New(fault.Conflict, CodeOpen, "Another debit of this loan is under way.")
	case amount < 0 || amount > most:
		return Debit{}, fault.Field("amount_fen", CodeAmount, "At most %s yuan can be collected today.", most)
	case count >= rule.AskedPerDay:
		return Debit{}, fault.New(fault.Limited, CodeTooMany, "No more debits of this loan today; %d were asked for.", count)
	}
	return Debit{Origin: Asked, Amount: amount, Early: r.Early, Line: oldestUnpaid(position)}, nil
}

// mostAsked is the most that may be asked for.
func mostAsked(position *loan.Position, early bool) money.Amount {
	if early || position.OffBooks {
		return position.Payoff
	}
	return max(0, position.Due.Total()-position.Credit)
}

// Collect opens the debits that plans want now, at most so many, and gives
// them with how many loans it looked at. Their workflows, or Advance, do the
// rest.
func (s *Service) Collect(ctx context.Context, limit int) (opened []Debit, looked int, err error) {
	now := s.deps.Now()
	ids, err := s.deps.Store.Due(ctx, loan.DateOf(now, clock.Lender()), now, limit)
	if err != nil {
		return nil, 0, err
	}
	for _, id := range ids {
		d, err := s.CollectLoan(ctx, id)
		if err != nil {
			return opened, looked, err
		}
		looked++
		if d.Key != "" {
			opened = append(opened, d)
		}
	}
	return opened, looked, nil
}

// CollectLoan opens the debit that the plan of a loan wants now; none where
// it wants none.
func (s *Service) CollectLoan(ctx context.Context, loanID string) (Debit, error) {
	return s.opening(ctx, loanID, func(standing *Standing, position *loan.Position) (Debit, Step, error) {
		wish := s.deps.Plans.For(standing.Record.Loan.Contract.Product.ID).Next(standing, position, s.deps.Now())
		if wish.Why != Collect {
			return Debit{}, Step{LookAt: wish.LookAt}, nil
		}
		d := Debit{Origin: Scheduled, Amount: wish.Amount, Line: wish.Line}
		return d, Step{Audit: s.entry(audit.System("collection"), "debit.requested", loanID, d.Amount.String())}, nil
	})
}

// opening stores the debit that want gives, completed, while the loan is
// locked; none where it gives none.
func (s *Service) opening(ctx context.Context, loanID string, want func(*Standing, *loan.Position) (Debit, Step, error)) (Debit, error) {
	l, err := s.deps.Servicing.Loan(ctx, loanID)
	if err != nil {
		return Debit{}, err
	}
	payer, err := s.deps.Store.Payer(ctx, l.MerchantID)
	if err != nil {
		return Debit{}, err
	}
	made, err := s.deps.Store.Change(ctx, loanID, func(standing Standing) (Step, error) {
		position, err := s.position(&standing)
		if err != nil {
			return Step{}, err
		}
		d, step, err := want(&standing, &position)
		if err != nil || d.Amount == 0 {
			return step, err
		}
		d.LoanID, d.MerchantID, d.Rail, d.Account, d.Holder = loanID, l.MerchantID, RailWallet, payer.Account, payer.Holder
		d.Number, d.State, d.CreatedAt = len(standing.Debits)+1, Requested, s.deps.Now()
		d.Key = Key(loanID, d.Number)
		d.PayloadHash = payloadHash(&d)
		step.Debit = &d
		return step, nil
	})
	if err == nil && made.Key != "" {
		s.deps.Reached(ReachedRequested, made.Key)
	}
	return made, err
}

// position is a loan's of today.
func (s *Service) position(standing *Standing) (loan.Position, error) {
	return s.deps.Servicing.PositionOf(&standing.Record)
}

// Key is our reference at the rail for the n-th debit of a loan: letters and
// digits.
func Key(loanID string, n int) string {
	return strings.ReplaceAll(loanID, "-", "") + "D" + strconv.Itoa(n)
}

func payloadHash(d *Debit) string {
	return hashOf(d.Key, d.LoanID, d.Amount.String(), d.Rail, d.Account, d.Holder)
}

func hashOf(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])
}

// Debit gives one.
func (s *Service) Debit(ctx context.Context, key string) (Debit, error) {
	return s.deps.Store.Debit(ctx, key)
}

// Debits lists newest first, accounts left out.
func (s *Service) Debits(ctx context.Context, filter Filter, page Page) ([]Debit, string, error) {
	return s.deps.Store.List(ctx, filter, page)
}

// Watch signals when a debit may stand otherwise than before.
func (s *Service) Watch(key string) (<-chan struct{}, func()) { return s.deps.Store.Watch(key) }

// Unsettled lists debits that may have lost their workflow.
func (s *Service) Unsettled(ctx context.Context, before time.Time, limit int) ([]string, error) {
	return s.deps.Store.Unsettled(ctx, before, limit)
}

// Consent gives a merchant's word on automatic debits.
func (s *Service) Consent(ctx context.Context, merchantID string) (Consent, error) {
	return s.deps.Store.Consent(ctx, merchantID)
}

// SetConsent takes back or gives again what the contract gave: while it is
// withdrawn the plan collects nothing of the merchant's loans.
func (s *Service) SetConsent(ctx context.Context, merchantID string, given bool, actor audit.Actor) (Consent, error) {
	action := "debit_consent.withdrawn"
	if given {
		action = "debit_consent.given"
	}
	c := Consent{MerchantID: merchantID, Withdrawn: !given, ChangedAt: s.deps.Now()}
	return c, s.deps.Store.SetConsent(ctx, c, audit.Entry{At: c.ChangedAt, Actor: actor, Action: action, Subject: "merchant/" + merchantID})
}

// maxHold is how far ahead debits may be held back.
const maxHold = 92

// HoldBack keeps automatic debits of a loan back until a day, such as one a
// payment was promised for. A day that is over ends a hold.
func (s *Service) HoldBack(ctx context.Context, h Hold, actor audit.Actor) error {
	now := s.deps.Now()
	today := loan.DateOf(now, clock.Lender())
	switch {
	case h.Until < today || h.Until > today+maxHold:
		return fault.Field("until", fault.CodeInvalid, "Want a day from %s to %s.", today, today+maxHold)
	case strings.TrimSpace(h.Reason) == "":
		return fault.Field("reason", fault.CodeInvalid, "Say why.")
	}
	h.By = actor.ID
	return s.deps.Store.SetHold(ctx, h, now, *s.entry(actor, "debit.held", h.LoanID, h.Until.String()+" "+h.Reason))
}

func (s *Service) entry(actor audit.Actor, action, loanID, detail string) *audit.Entry {
	return &audit.Entry{At: s.deps.Now(), Actor: actor, Action: action, Subject: "loan/" + loanID, Detail: detail}
}

// caseID follows from debit and reason, so that opening a case twice is once.
func caseID(key string, reason CaseReason) string {
	return ident.DerivedID("debit_case", key, string(reason))
}
