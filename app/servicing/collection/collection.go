// Package collection gets money that is due from the merchant's account, and
// reminds of it before and after. The rule is the payout's, turned round: the
// debit with its key is stored before the rail is called, an answer that is
// lost is settled by asking the rail, and every step is decided while the
// loan is locked, so that what staff booked meanwhile is not taken again.
package collection

import (
	"context"
	"time"

	"loan310/app/audit"
	"loan310/app/fault"
	"loan310/app/ledger"
	"loan310/app/money"
	"loan310/app/servicing"
	"loan310/app/servicing/loan"
)

// Codes of refused or failed debits.
const (
	CodeOpen        fault.Code = "debit_open"         // another debit of the loan is under way
	CodeNothingDue  fault.Code = "nothing_due"        //
	CodeAmount      fault.Code = "amount_over_payoff" // more than would settle the loan
	CodeTooMany     fault.Code = "too_many_debits"    // the day's are used up
	CodeDropped     fault.Code = "debit_not_needed"   // before anything left: paid otherwise, or no longer allowed
	CodeNotTaken    fault.Code = "debit_not_taken"    // the rail never saw it, and takes the request no more
	CodeSettledHand fault.Code = "settled_by_hand"
)

// RailWallet is the rail debits go over: the gateway that payouts to wallets
// take.
const RailWallet = "wallet"

// State is where a debit stands.
type State string

// Debit states.
const (
	Requested State = "requested" // stored; nothing has left
	Sent      State = "sent"      // a call was begun; it may or may not have left
	Unknown   State = "unknown"   // the call ended without a clear answer
	Collected State = "collected"
	Failed    State = "failed"
)

// Final tells whether nothing more is to be done. A failed debit that the
// rail has collected after all is still booked.
func (s State) Final() bool { return s == Collected || s == Failed }

// Origin is who wanted a debit.
type Origin string

// Origins.
const (
	Scheduled Origin = "schedule" // the plan
	Asked     Origin = "request"  // the merchant, or somebody for them
)

// Failure is what a failed debit means for the next one.
type Failure string

// Kinds of failures.
const (
	NoFailure Failure = ""
	Shortfall Failure = "shortfall" // too little on the account
	Blocked   Failure = "account"   // account closed, agreement gone: trying again soon is in vain
	Refused   Failure = "refused"   // any other word of the rail
	Dropped   Failure = "dropped"   // nothing ever left, or the rail never saw it
)

// Wait is why a debit that could be sent is not.
type Wait string

// Waits.
const (
	WaitsForNothing Wait = ""
	WaitsForResume  Wait = "rail_stopped"     // an operator stopped the rail, or all
	WaitsForRail    Wait = "rail_unreachable" // a call surely did not leave
)

// Debit is one attempt to collect; its amount never changes, nor its key.
type Debit struct {
	Key         string // also the rail's reference of ours, see Key
	LoanID      string
	MerchantID  string
	Number      int // within the loan, from 1
	Version     int64
	Origin      Origin
	RequestKey  string // the caller's idempotency key, unique within the loan; empty = scheduled
	RequestHash string
	PayloadHash string // SHA-256 (hex) over key, loan, amount and account
	Amount      money.Amount
	Early       bool // what is not due repays early; else it becomes credit
	Line        int  // the oldest unpaid line when it was made; 0 = none
	Rail        string
	Account     string // plain in memory, encrypted at rest
	Holder      string // plain in memory, encrypted at rest
	State       State
	Calls       int       // calls begun
	Unsent      int       // of them, those that surely did not leave this process
	Asks        int       // queries without a clear answer
	FirstCallAt time.Time // first call begun that may have left
	LastCallAt  time.Time // last call begun that may have left
	WaitsFor    Wait
	RailRef     string // the rail's own reference
	FailureCode string // ours or the rail's
	Failure     Failure
	EventID     string // of the repayment it became
	CreatedAt   time.Time
	SettledAt   time.Time
}

// Left tells whether some call may have left this process.
func (d *Debit) Left() bool { return d.Calls > d.Unsent }

// alone tells whether one call at most may have left.
func (d *Debit) alone() bool { return d.Calls-d.Unsent <= 1 }

// Payer is the account a merchant is paid to and collected from.
type Payer struct {
	MerchantID string
	Account    string
	Holder     string
}

// Consent is a merchant's word on automatic debits. The loan contract gives
// it; the merchant may take it back and give it again.
type Consent struct {
	MerchantID string
	Withdrawn  bool
	ChangedAt  time.Time // zero = as the contract says
}

// Hold keeps automatic debits of a loan back, such as until a promised
// payment.
type Hold struct {
	LoanID string
	Until  loan.Date // the first day that debits again
	Reason string
	By     string
}

// Standing is a loan with all that decides about its debits.
type Standing struct {
	Record    servicing.Record
	Debits    []Debit   // of the loan, by number; accounts left out
	HeldUntil loan.Date // 0 = not held
	Withdrawn bool
	Stopped   bool // the rail
}

// open gives the debit under way, nil where there is none.
func (s *Standing) open() *Debit {
	for i := range s.Debits {
		if !s.Debits[i].State.Final() {
			return &s.Debits[i]
		}
	}
	return nil
}

// Step is what one decision stores, all or nothing; what is zero is left as
// it was.
type Step struct {
	Debit   *Debit           // new where its Version is 0; else the stored version must be that one
	Loan    servicing.Update // of the loan
	Journal *ledger.Journal  // of the debit
	Case    *Case            // opened, once per debit and reason
	Settled bool             // the rail has answered: close the case of an unknown debit
	LookAt  time.Time        // when the plan looks at the loan again
	Notice  *Notice          // stored, once per loan, line and kind
	Audit   *audit.Entry
}

// Page asks for part of a list. Cursor is opaque; empty = from the start.
type Page struct {
	Cursor string
	Limit  int // 1..200
}

// Filter chooses debits; what is empty chooses all.
type Filter struct {
	LoanID string
	State  State
}

// Store keeps debits. A debit is written only while its loan is locked; rows
// are locked in one order: loan, debit, line, borrower.
type Store interface {
	// Change locks the loan, asks what to do, and stores it. Decide may be
	// asked more than once; its error stores nothing. It gives the step's
	// debit as stored, account included; fault.NotFound when there is no loan,
	// Conflict with fault.CodeStale when the debit was changed meanwhile.
	Change(ctx context.Context, loanID string, decide func(Standing) (Step, error)) (Debit, error)
	// Debit gives one, account included; fault.NotFound when there is none.
	Debit(ctx context.Context, key string) (Debit, error)
	// List lists newest first, accounts left out.
	List(ctx context.Context, filter Filter, page Page) ([]Debit, string, error)
	// Watch signals when a debit may stand otherwise, and gives what stops it.
	Watch(key string) (<-chan struct{}, func())
	Work
	Wishes
	Desk
	Notices
}

// Work finds what is to be done.
type Work interface {
	// Due lists loans that owe something on a day, or will by the end of it,
	// have no open debit and are to be looked at now, at most limit.
	Due(ctx context.Context, today loan.Date, now time.Time, limit int) ([]string, error)
	// Unsettled lists open debits made before a moment, oldest first.
	Unsettled(ctx context.Context, before time.Time, limit int) ([]string, error)
	// Payer gives a merchant's account; fault.NotFound when there is none.
	Payer(ctx context.Context, merchantID string) (Payer, error)
}

// Wishes keeps what merchants and staff said about automatic debits.
type Wishes interface {
	// Consent gives a merchant's word.
	Consent(ctx context.Context, merchantID string) (Consent, error)
	// SetConsent stores it.
	SetConsent(ctx context.Context, c Consent, entry audit.Entry) error
	// SetHold stores a hold, in the place of an earlier one.
	SetHold(ctx context.Context, h Hold, at time.Time, entry audit.Entry) error
}
