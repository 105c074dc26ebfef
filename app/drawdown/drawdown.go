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
)

// Final tells whether nothing more will happen.
func (s State) Final() bool { return s == Paid || s == Failed }

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
	State       State
	FailureCode fault.Code
	RequestedAt time.Time
	SettledAt   time.Time // paid or failed
}

// PayoutState is where a payout stands at the rail.
type PayoutState string

// Payout states.
const (
	PayoutSent    PayoutState = "sent"    // stored before the call; the call may or may not have left
	PayoutUnknown PayoutState = "unknown" // the call ended without a clear answer
	PayoutPaid    PayoutState = "paid"
	PayoutFailed  PayoutState = "failed"
)

// Payout is the one attempt to pay a drawdown out; retries use the same key.
type Payout struct {
	Key         string // drawdown id + ":payout"; the rail's reference of ours
	DrawdownID  string // unique
	Version     int64
	PayloadHash string
	Amount      money.Amount
	Rail        string
	Account     string // plain in memory, encrypted at rest
	Holder      string // plain in memory, encrypted at rest
	State       PayoutState
	Calls       int       // pay calls begun
	Asks        int       // queries begun
	LastCallAt  time.Time // last pay call begun
	RailRef     string    // the rail's own reference
	FailureCode string    // the rail's code
	CreatedAt   time.Time
	SettledAt   time.Time
}

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
	// the journal, stores the payout as PayoutSent with Calls 0, and moves
	// Requested to Paying, all or nothing. Too little headroom or a line not
	// active moves the drawdown to Failed instead, with the code, and gives
	// it without error. Any other state is given as stored.
	Reserve(ctx context.Context, id string, payout Payout, journal ledger.Journal, entry audit.Entry) (Drawdown, Payout, error)
	// BeginCall counts a pay call before it is made (Calls+1, LastCallAt),
	// where the stored version is p.Version; else Conflict with fault.CodeStale.
	BeginCall(ctx context.Context, p Payout, at time.Time) (Payout, error)
	// MarkUnknown moves a payout that is not settled to PayoutUnknown and its
	// drawdown to Unknown, counting one ask.
	MarkUnknown(ctx context.Context, drawdownID string, at time.Time) (Payout, error)
	// SettlePaid moves payout and drawdown to paid and books the journal.
	// A failed payout is a Conflict with fault.CodeWrongState.
	SettlePaid(ctx context.Context, drawdownID, railRef string, journal ledger.Journal, entry audit.Entry) (Drawdown, error)
	// SettleFailed moves payout and drawdown to failed, books the reversal of
	// the reserving journal and gives the line its headroom back. A paid
	// payout is a Conflict with fault.CodeWrongState.
	SettleFailed(ctx context.Context, drawdownID string, code fault.Code, railCode string, at time.Time, entry audit.Entry) (Drawdown, error)
	// Drawdown gives one; fault.NotFound when there is none.
	Drawdown(ctx context.Context, id string) (Drawdown, error)
	// Watch gives a channel that is signalled when the drawdown may stand
	// otherwise, and a function that stops it. Signals may be spurious or
	// coalesced; what other processes change is signalled a little later.
	Watch(id string) (<-chan struct{}, func())
	// Payout gives the payout of a drawdown; fault.NotFound when there is none.
	Payout(ctx context.Context, drawdownID string) (Payout, error)
	// Drawdowns lists newest first; merchantID or lineID empty = any.
	Drawdowns(ctx context.Context, merchantID, lineID string, page Page) ([]Drawdown, string, error)
	// Unsettled lists ids of drawdowns not final and requested before the
	// given time, oldest first, at most limit.
	Unsettled(ctx context.Context, before time.Time, limit int) ([]string, error)
}

// Instruction is what a rail is told. Key is our reference; the same Key with
// the same content pays once, however often it is sent.
type Instruction struct {
	Key     string
	Amount  money.Amount
	Account string
	Holder  string
	Title   string
}

// RailState is a rail's word on one of our references.
type RailState string

// Rail states. RailNoRecord means the rail has never seen the reference.
const (
	RailPaid     RailState = "paid"
	RailPending  RailState = "pending"
	RailFailed   RailState = "failed"
	RailNoRecord RailState = "no_record"
)

// Receipt is a rail's answer.
type Receipt struct {
	State RailState
	Ref   string // the rail's own reference
	Code  string // the rail's code when failed
	At    time.Time
}

// ErrNotSent marks an error of Pay after which the instruction certainly did
// not leave this process (breaker open, bulkhead full, request not built).
var ErrNotSent = fault.New(fault.Unavailable, "payout_not_sent", "the payout rail is not reachable now")

// Rail moves money. An error that is not ErrNotSent means nothing is known:
// the money may or may not have moved.
type Rail interface {
	Pay(ctx context.Context, instruction Instruction) (Receipt, error)
	Query(ctx context.Context, key string) (Receipt, error)
}
