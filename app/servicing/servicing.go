// Package servicing is a loan's life after its payout: repayments, reversals,
// decisions and the end of day. The one rule: nobody writes a
// position. What happened is appended as an event, everything that follows is
// a replay (package loan), and event, journals, position and the borrower's
// class are stored in one transaction that holds the loan.
package servicing

import (
	"context"
	"time"

	"loan310/app/audit"
	"loan310/app/clock"
	"loan310/app/fault"
	"loan310/app/ledger"
	"loan310/app/money"
	"loan310/app/servicing/loan"
	"loan310/scoring/verdict"
)

// Codes of refused requests; those about the loan's state are package loan's.
const (
	CodeNoKey      fault.Code = "idempotency_key_missing"
	CodeCancelled  fault.Code = "loan_cancelled"
	CodeKeptBack   fault.Code = "fee_kept_back_differs"
	CodeSamePerson fault.Code = "same_person"
	CodeDecided    fault.Code = "proposal_decided"
)

// StateCancelled is a loan whose payout came back: it never was.
const StateCancelled loan.State = "cancelled"

// Parts is how many parts the end of day has.
const Parts = 64

// Loan is a loan as stored: its contract, and what followed from contract and
// events at the end of Through.
type Loan struct {
	ID         string // the drawdown's
	Version    int64
	LineID     string
	MerchantID string
	Contract   loan.Contract
	Released   money.Amount // of the principal, given back to the line
	OpenedAt   time.Time
	Through    loan.Date
	Wake       loan.Date // first day on which something changes by itself; 0 = never

	State       loan.State // or StateCancelled
	Outstanding money.Amount
	Due         money.Amount
	Overdue     money.Amount
	Credit      money.Amount
	WrittenOff  money.Amount // principal still owed off the books
	Recovered   money.Amount
	ChargedOff  money.Amount // principal ever taken off the books, less what was put on them again
	DPD         int
	WorstDPD    int
	Class       loan.Class // of this loan alone
	NextDue     loan.Date
	NextAmount  money.Amount

	RecoveredPrincipal money.Amount // of ChargedOff, received
}

// Recorded is an event as stored, in order of recording.
type Recorded struct {
	loan.Event
	PayloadHash string // SHA-256 (hex) of the request that made it
}

// Record is all it takes to change a loan. Booked holds the journals ever
// booked; the postings of reversed ones may be left out.
type Record struct {
	Loan   Loan
	Events []Recorded
	Booked []loan.Booked
}

// events gives the record's events as a replay takes them.
func (r *Record) events() []loan.Event {
	events := make([]loan.Event, len(r.Events), len(r.Events)+1)
	for i := range r.Events {
		events[i] = r.Events[i].Event
	}
	return events
}

// Journal is a journal that books an entry of a loan, or a reversal of one.
type Journal struct {
	ledger.Journal
	EntryKey string
	Revision int
	On       loan.Date // the day it counts from
	Cause    string    // event id, or what else brought it about
}

// Update is what one change stores, all or nothing.
type Update struct {
	Event    *Recorded // nil: the days alone
	Position loan.Position
	Journals []Journal // in order of booking
	Loan     Loan      // as it then stands; the store counts its version
	Audit    *audit.Entry
}

// Empty tells whether nothing is to be stored.
func (u *Update) Empty() bool { return u.Event == nil && u.Loan.ID == "" }

// Borrower is a merchant's class over all its loans.
type Borrower struct {
	MerchantID   string
	Class        loan.Class
	DPD          int
	WorstDPD     int
	ClassifiedAt time.Time
}

// Page asks for part of a list. Cursor is opaque; empty = from the start.
type Page struct {
	Cursor string
	Limit  int // 1..200
}

// Store keeps loans. Rows are locked in one order: loan (by id), line (by
// id), borrower (by merchant id).
type Store interface {
	// Loan gives one; fault.NotFound when there is none.
	Loan(ctx context.Context, id string) (Loan, error)
	// LoansOf lists a merchant's loans, newest first.
	LoansOf(ctx context.Context, merchantID string, page Page) ([]Loan, string, error)
	// Record gives a loan with events and journals, as of one moment.
	Record(ctx context.Context, id string) (Record, error)
	// Change locks the loan, asks what to change and stores it: event,
	// journals, position, instalments, the line's headroom, the borrower's
	// class, audit entry. Decide may be asked more than once; its error
	// stores nothing. It gives the loan as stored; fault.NotFound when there
	// is none.
	Change(ctx context.Context, id string, decide func(Record) (Update, error)) (Loan, error)
	// Journals lists what was booked about a loan, in order of booking.
	Journals(ctx context.Context, id string) ([]Journal, error)
	// Borrower gives a merchant's class; Normal where nothing was borrowed.
	Borrower(ctx context.Context, merchantID string) (Borrower, error)
	// OpenMissing makes the loans of paid drawdowns that have none, at most
	// limit, and gives how many it made and how many it could not.
	OpenMissing(ctx context.Context, limit int) (made, failed int, err error)
	Proposals
}

// Proposal is a charge-off or a write-back proposed by one person, to be
// decided by another.
type Proposal struct {
	ID         string
	LoanID     string
	Kind       string // KindChargeOff, KindWriteBack
	Reason     string
	State      string // open, approved, refused
	ProposedBy string
	ProposedAt time.Time
	DecidedBy  string
	DecidedAt  time.Time
}

// Proposals keeps proposals.
type Proposals interface {
	// Propose stores a proposal, or gives the open one of the same loan and kind.
	Propose(ctx context.Context, p Proposal, entry audit.Entry) (Proposal, error)
	// Proposal gives one; fault.NotFound when there is none.
	Proposal(ctx context.Context, id string) (Proposal, error)
	// Decide moves an open proposal to approved or refused; one decided
	// otherwise is a Conflict with CodeDecided.
	Decide(ctx context.Context, p Proposal, entry audit.Entry) (Proposal, error)
}

// Terms are what a paid drawdown says of its loan.
type Terms struct {
	DrawdownID   string
	MerchantID   string
	Amount       money.Amount
	RateBps      money.BasisPoints
	TenorMonths  int
	Repayment    verdict.RepaymentType
	DayCountBase int // of the line's terms; 0 = the product's
	PaidAt       time.Time
	// ProductID and ProductVersion name what the draw was agreed by; empty =
	// the newest that repays that way. Fee is what the payout kept back.
	ProductID      string
	ProductVersion int
	Fee            money.Amount
}

// NewContract makes the contract of a drawdown that was paid, with a snapshot
// of its product. Money has moved by then, so what Contract.Check would refuse
// for a new loan (a price over the cap) is no reason not to service it; only a
// contract that no schedule can be made of is an error, or one whose fee is
// not what the payout kept back.
func NewContract(products loan.Catalogue, terms Terms) (loan.Contract, error) {
	product, ok := products.For(terms.Repayment)
	if terms.ProductID != "" {
		product, ok = products.Product(terms.ProductID, terms.ProductVersion)
	}
	if !ok {
		return loan.Contract{}, fault.New(fault.Internal, loan.CodeProduct, "no product %s/%d repays by %q", terms.ProductID, terms.ProductVersion, terms.Repayment)
	}
	if terms.DayCountBase != 0 {
		product.DayCountBase = terms.DayCountBase
	}
	contract := loan.Contract{
		LoanID: terms.DrawdownID, MerchantID: terms.MerchantID, Principal: terms.Amount, RateBps: terms.RateBps,
		TenorMonths: terms.TenorMonths, DisbursedOn: loan.DateOf(terms.PaidAt, clock.Lender()), Product: product,
	}
	if fee := contract.UpfrontFee(); fee != terms.Fee {
		return loan.Contract{}, fault.New(fault.Internal, CodeKeptBack, "the payout kept %s back, and product %s/%d keeps %s", terms.Fee, product.ID, product.Version, fee)
	}
	return contract, nil
}

// Offer lays and prices a loan paid out at a moment by the newest product that
// repays that way: what is shown before a draw, and what the draw is agreed
// by. A price above the product's cap is Invalid with loan.CodeIRRCap.
func Offer(products loan.Catalogue, terms Terms) (loan.Contract, loan.Quote, error) {
	product, ok := products.For(terms.Repayment)
	if !ok {
		return loan.Contract{}, loan.Quote{}, fault.Field("repayment", loan.CodeProduct, "No product repays by %q.", terms.Repayment)
	}
	terms.ProductID, terms.ProductVersion, terms.Fee = product.ID, product.Version, terms.Amount.Share(product.Fees.UpfrontBps)
	contract, err := NewContract(products, terms)
	if err != nil {
		return loan.Contract{}, loan.Quote{}, err
	}
	contract.LoanID = "offer"
	if err := contract.Check(); err != nil {
		return loan.Contract{}, loan.Quote{}, err
	}
	quote, err := contract.Quote()
	return contract, quote, err
}

// Part gives the part of the end of day a loan belongs to (FNV-1a of its id).
func Part(loanID string) int {
	hash := uint32(2_166_136_261)
	for i := range len(loanID) {
		hash = (hash ^ uint32(loanID[i])) * 16_777_619
	}
	return int(hash % Parts)
}
