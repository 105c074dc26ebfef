// Package drawdown draws on a credit line and pays the money out exactly
// once. The key is stored before the rail is called; an answer that is lost
// is settled by asking the rail, never by paying again on hope.
package drawdown

import (
	"context"
	"time"

	"loan310/app/audit"
	"loan310/app/fault"
	"loan310/app/ledger"
	"loan310/app/money"
	"loan310/scoring"
)

// Codes of refused or failed drawdowns.
const (
	CodeLineClosed   fault.Code = "line_not_active"
	CodeTenor        fault.Code = "tenor_not_offered"
	CodeRepayment    fault.Code = "repayment_not_offered"
	CodeAmount       fault.Code = "amount_out_of_range"
	CodeRailRefused  fault.Code = "payout_refused"
	CodeAccountWrong fault.Code = "payout_account_invalid"
	CodeReturned     fault.Code = "payout_returned" // paid, and the money came back
)

// State is where a drawdown stands.
type State string

// Drawdown states. Unknown is an honest answer: the rail has not confirmed.
const (
	Requested State = "requested"
	Paying    State = "paying"
	Unknown   State = "unknown"
	Paid      State = "paid"
	Failed    State = "failed"
	Reversed  State = "reversed" // was paid; the rail sent the money back
)

// Final tells whether the workflow has nothing more to do. A paid drawdown
// may still be reversed by the rail, a reversed one never changes.
func (s State) Final() bool { return s == Paid || s == Failed || s == Reversed }

// Drawdown is one loan: an amount drawn on a line.
type Drawdown struct {
	ID          string
	Version     int64
	LineID      string
	MerchantID  string
	Key         string // the caller's idempotency key, unique per line
	PayloadHash string // SHA-256 (hex) over line, amount, tenor and repayment
	Amount      money.Amount
	TenorMonths int
	Repayment   scoring.RepaymentType
	RateBps     money.BasisPoints // annual nominal, from the line's terms
	Agreed                        // what the loan will be made of
	State       State
	FailureCode fault.Code
	RequestedAt time.Time
	SettledAt   time.Time // paid or failed
}

// Agreed is what a draw was agreed by beside the line's terms.
type Agreed struct {
	ProductID      string // empty = the newest that repays that way when it is paid
	ProductVersion int
	Fee            money.Amount // kept back at payout; the line is charged the whole amount
}

// PaidOut is what reaches the merchant.
func (d *Drawdown) PaidOut() money.Amount { return d.Amount - d.Fee }

// Line is the view of a credit line that a draw needs.
type Line struct {
	ID         string
	MerchantID string
	Active     bool
	Limit      money.Amount
	Used       money.Amount
	Terms      scoring.Terms
	Rail       string
	Account    string
	Holder     string
}

// Page asks for part of a list. Cursor is opaque; empty = from the start.
type Page struct {
	Cursor string
	Limit  int // 1..200
}

// Store keeps drawdowns and payouts. Every method is one transaction and may
// be repeated: a step already done gives what is stored.
type Store interface {
	// Line gives the line with its merchant's payout account; fault.NotFound
	// when there is none.
	Line(ctx context.Context, id string) (Line, error)
	// Create stores a drawdown as Requested. The same (LineID, Key) with the
	// same PayloadHash gives the stored one; with another a Mismatch with
	// fault.CodeKeyReused.
	Create(ctx context.Context, d Drawdown, entry audit.Entry) (Drawdown, error)
	// Reserve takes the amount from the line by one conditional update, books
	// the journal (of what is paid out), stores the payout as PayoutRequested, and moves
	// Requested to Paying, all or nothing. Too little headroom or a line not
	// active moves the drawdown to Failed instead, with the code, and gives
	// it without error. Any other state is given as stored.
	Reserve(ctx context.Context, id string, payout Payout, journal ledger.Journal, entry audit.Entry) (Drawdown, Payout, error)
	Attempts
	// Drawdown gives one; fault.NotFound when there is none.
	Drawdown(ctx context.Context, id string) (Drawdown, error)
	// Watch gives a channel that is signalled when the drawdown may stand
	// otherwise, and a function that stops it. Signals may be spurious or
	// coalesced; what other processes change is signalled a little later.
	Watch(id string) (<-chan struct{}, func())
	// Payout gives the latest attempt to pay a drawdown; fault.NotFound when
	// there is none.
	Payout(ctx context.Context, drawdownID string) (Payout, error)
	// Drawdowns lists newest first; merchantID or lineID empty = any.
	Drawdowns(ctx context.Context, merchantID, lineID string, page Page) ([]Drawdown, string, error)
	// Unsettled lists ids of drawdowns not final and requested before the
	// given time, oldest first, at most limit.
	Unsettled(ctx context.Context, before time.Time, limit int) ([]string, error)
}
