package servicing

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"

	"loan310/app/audit"
	"loan310/app/clock"
	"loan310/app/fault"
	"loan310/app/ident"
	"loan310/app/ledger"
	"loan310/app/money"
	"loan310/app/servicing/loan"
)

// Deps are what a Service stands on; Logger, Now and Store are required.
type Deps struct {
	Store  Store
	Now    clock.Clock
	Logger *slog.Logger
	// Products are what offers are made of; the zero value =
	// loan.StandardCatalogue.
	Products loan.Catalogue
}

// Service services loans.
type Service struct{ deps Deps }

// NewService makes a Service.
func NewService(deps Deps) *Service { return &Service{deps: deps} }

// At gives the service by another clock, for tests and simulations.
func (s *Service) At(now clock.Clock) *Service {
	deps := s.deps
	deps.Now = now
	return NewService(deps)
}

// Offer lays and prices a loan paid out now; see the function Offer.
func (s *Service) Offer(terms Terms) (loan.Contract, loan.Quote, error) {
	products := s.deps.Products
	if len(products.Products()) == 0 {
		var err error
		if products, err = loan.StandardCatalogue(); err != nil {
			return loan.Contract{}, loan.Quote{}, err
		}
	}
	terms.PaidAt = s.deps.Now()
	return Offer(products, terms)
}

// Today is the lender's civil day.
func (s *Service) Today() loan.Date { return loan.DateOf(s.deps.Now(), clock.Lender()) }

// Command is what every change carries. Key is the caller's idempotency key,
// unique per loan: the same key with the same content happens once, with
// other content it is refused.
type Command struct {
	LoanID string
	Key    string
	On     loan.Date // the day it counts from; 0 = today
	Reason string    // why, in words
	Actor  audit.Actor
}

// Outcome is a loan after a change. Journals are those the change booked, in
// order; Repeated tells that it had happened before.
type Outcome struct {
	Loan     Loan
	Event    loan.Event
	Position loan.Position
	Journals []Journal
	Repeated bool
}

// Money is money that moved.
type Money struct {
	Command
	Amount  money.Amount
	Account ledger.Account // where; empty = ledger.Settlement
	Channel string         // debit, transfer
	Ref     string         // the rail's reference
	Excess  loan.Excess    // of a repayment; empty = the product's
}

func (m Money) event(kind loan.Kind) loan.Event {
	return loan.Event{Kind: kind, Amount: m.Amount, Account: m.Account, Channel: m.Channel, Ref: m.Ref, Excess: m.Excess}
}

// Repay records money that arrived, today or earlier. What is due is paid
// first; excess repays early or is kept, as the request or the product says.
// Errors are loan.Admit's, and a Mismatch with fault.CodeKeyReused.
func (s *Service) Repay(ctx context.Context, m Money) (Outcome, error) {
	return s.happened(ctx, m.Command, m.event(loan.Repayment))
}

// Recover records money that arrived on a loan that was charged off.
func (s *Service) Recover(ctx context.Context, m Money) (Outcome, error) {
	return s.happened(ctx, m.Command, m.event(loan.Recovered))
}

// Refund records that credit went back to the merchant.
func (s *Service) Refund(ctx context.Context, m Money) (Outcome, error) {
	return s.happened(ctx, m.Command, m.event(loan.Refund))
}

// Charge records a fee, due with the next line.
func (s *Service) Charge(ctx context.Context, c Command, amount money.Amount) (Outcome, error) {
	return s.happened(ctx, c, loan.Event{Kind: loan.FeeCharged, Amount: amount})
}

// Reverse records that an event never was; once per event.
func (s *Service) Reverse(ctx context.Context, c Command, eventID string) (Outcome, error) {
	return s.happened(ctx, c, loan.Event{Kind: loan.Reversal, ReversesID: eventID})
}

// Waive forgives interest, penalty or fees. Subsidised: a campaign pays.
func (s *Service) Waive(ctx context.Context, c Command, component loan.Component, amount money.Amount, subsidised bool) (Outcome, error) {
	return s.happened(ctx, c, loan.Event{Kind: loan.Waiver, Amount: amount, Component: component, Subsidised: subsidised})
}

// Pause stops counting days until a day, or until Resume where it is 0.
func (s *Service) Pause(ctx context.Context, c Command, until loan.Date) (Outcome, error) {
	return s.happened(ctx, c, loan.Event{Kind: loan.Paused, Until: until})
}

// Resume ends an open pause.
func (s *Service) Resume(ctx context.Context, c Command) (Outcome, error) {
	return s.happened(ctx, c, loan.Event{Kind: loan.Resumed})
}

// Restructure lays what is owed over new lines.
func (s *Service) Restructure(ctx context.Context, c Command, terms loan.Restructuring) (Outcome, error) {
	return s.happened(ctx, c, loan.Event{Kind: loan.Restructured, Terms: &terms})
}

// WriteBack puts what is left of a charge-off on the books again.
func (s *Service) WriteBack(ctx context.Context, c Command) (Outcome, error) {
	return s.happened(ctx, c, loan.Event{Kind: loan.WrittenBack})
}

// EventID gives the id of the event a key makes. It follows from loan and key
// alone, so that the order in which events of one day are replayed never
// depends on when they were posted.
func EventID(loanID, key string) string { return ident.DerivedID("loan_event", loanID, key) }

// happened appends an event to a loan and stores all that follows from it.
func (s *Service) happened(ctx context.Context, c Command, event loan.Event) (Outcome, error) {
	if c.Key == "" {
		return Outcome{}, fault.Field("Idempotency-Key", CodeNoKey, "Send an Idempotency-Key, so that it happens once.")
	}
	event.Reason, event.On = c.Reason, c.On
	hash, err := hashOf(event) // as asked for: a repeat after midnight is still the same request
	if err != nil {
		return Outcome{}, err
	}
	event.ID = EventID(c.LoanID, c.Key)
	var outcome Outcome
	stored, err := s.deps.Store.Change(ctx, c.LoanID, func(record Record) (update Update, err error) {
		update, outcome, err = s.decide(&record, event, hash, c.Actor)
		return update, err
	})
	if err != nil {
		return Outcome{}, err
	}
	outcome.Loan = stored
	if outcome.Repeated {
		return s.asBefore(ctx, outcome)
	}
	return outcome, nil
}

// decide gives what an event changes of a record; nothing where it is there.
func (s *Service) decide(record *Record, event loan.Event, hash string, actor audit.Actor) (Update, Outcome, error) {
	for i := range record.Events {
		if record.Events[i].ID != event.ID {
			continue
		}
		if record.Events[i].PayloadHash != hash {
			return Update{}, Outcome{}, fault.New(fault.Mismatch, fault.CodeKeyReused, "this idempotency key was used for another change of this loan")
		}
		return Update{}, Outcome{Loan: record.Loan, Event: record.Events[i].Event, Repeated: true}, nil
	}
	now, today := s.deps.Now(), s.Today()
	event.At = now
	if event.On == 0 {
		event.On = today
	}
	recorded := &Recorded{Event: event, PayloadHash: hash}
	var update Update
	var err error
	if record.Loan.State == StateCancelled {
		update, err = planCancelled(record, recorded, now)
	} else if err = loan.Admit(record.Loan.Contract, record.events(), event, today); err == nil {
		update, err = plan(record, recorded, today, now, event.ID)
	}
	if err != nil {
		return Update{}, Outcome{}, err
	}
	update.Audit = &audit.Entry{
		At: now, Actor: actor, Action: "loan." + string(event.Kind), Subject: "loan/" + record.Loan.ID,
		Detail: fmt.Sprintf("%s on %s %s", event.ID, event.On, event.Amount),
	}
	return update, Outcome{Loan: update.Loan, Event: event, Position: update.Position, Journals: update.Journals}, nil
}

// asBefore completes the outcome of a change that had happened: the loan as it
// stands now, and the journals that the change booked then.
func (s *Service) asBefore(ctx context.Context, outcome Outcome) (Outcome, error) {
	view, err := s.View(ctx, outcome.Loan.ID)
	if err != nil {
		return Outcome{}, err
	}
	journals, err := s.deps.Store.Journals(ctx, outcome.Loan.ID)
	if err != nil {
		return Outcome{}, err
	}
	outcome.Loan, outcome.Position = view.Loan, view.Position
	for i := range journals {
		if journals[i].Cause == outcome.Event.ID {
			outcome.Journals = append(outcome.Journals, journals[i])
		}
	}
	return outcome, nil
}

// hashOf binds a key to a request.
func hashOf(event loan.Event) (string, error) {
	text, err := json.Marshal(event)
	if err != nil {
		return "", fmt.Errorf("hash a request: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// View is a loan as it stands today.
type View struct {
	Loan     Loan
	Events   []Recorded
	Position loan.Position
	Quote    loan.Quote // as agreed
}

// View reads a loan. Its position is today's, whether or not the end of day
// has run; nothing is stored.
func (s *Service) View(ctx context.Context, id string) (View, error) {
	record, err := s.deps.Store.Record(ctx, id)
	if err != nil {
		return View{}, err
	}
	position, _, err := loan.Replay(record.Loan.Contract, record.events(), max(s.Today(), record.Loan.Through))
	if err != nil {
		return View{}, err
	}
	quote, err := record.Loan.Contract.Quote()
	if err != nil {
		return View{}, err
	}
	return View{Loan: record.Loan, Events: record.Events, Position: position, Quote: quote}, nil
}

// Payoff is what settles a loan on a day.
type Payoff struct {
	LoanID string
	On     loan.Date
	Amount money.Amount
	Due    loan.Amounts // of it, already due
	Credit money.Amount // held for the merchant, not taken off
}

// maxPayoffDays is how far ahead a payoff may be asked for.
const maxPayoffDays = 366

// Payoff says what would settle the loan on a day, if nothing else happened
// before it. The day is today or later, at most a year ahead.
func (s *Service) Payoff(ctx context.Context, id string, on loan.Date) (Payoff, error) {
	today := s.Today()
	if on == 0 {
		on = today
	}
	if on < today || on > today+maxPayoffDays {
		return Payoff{}, fault.Field("on", fault.CodeInvalid, "Want a day from %s to %s.", today, today+maxPayoffDays)
	}
	record, err := s.deps.Store.Record(ctx, id)
	if err != nil {
		return Payoff{}, err
	}
	position, _, err := loan.Replay(record.Loan.Contract, record.events(), on)
	if err != nil {
		return Payoff{}, err
	}
	return Payoff{LoanID: id, On: on, Amount: position.Payoff, Due: position.Due, Credit: position.Credit}, nil
}

// Loan gives one.
func (s *Service) Loan(ctx context.Context, id string) (Loan, error) {
	return s.deps.Store.Loan(ctx, id)
}

// LoansOf lists a merchant's loans, newest first.
func (s *Service) LoansOf(ctx context.Context, merchantID string, page Page) ([]Loan, string, error) {
	return s.deps.Store.LoansOf(ctx, merchantID, page)
}

// Journals lists what was booked about a loan.
func (s *Service) Journals(ctx context.Context, id string) ([]Journal, error) {
	return s.deps.Store.Journals(ctx, id)
}

// Borrower gives a merchant's class.
func (s *Service) Borrower(ctx context.Context, merchantID string) (Borrower, error) {
	return s.deps.Store.Borrower(ctx, merchantID)
}

// CatchUp makes the loans of paid drawdowns that have none: those paid before
// there were loans, and those a contract could not be made for then.
func (s *Service) CatchUp(ctx context.Context) (made int, err error) {
	const page = 500
	for {
		n, failed, err := s.deps.Store.OpenMissing(ctx, page)
		made += n
		if failed > 0 {
			s.deps.Logger.ErrorContext(ctx, "paid drawdowns without a loan", "drawdowns", failed)
		}
		if err != nil || n < page {
			return made, err
		}
	}
}
