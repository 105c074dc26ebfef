package drawdown

import (
	"context"
	"time"

	"loan310/app/fault"
	"loan310/app/money"
)

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
	RailReturned RailState = "returned" // it had paid, and the money came back
)

// Receipt is a rail's answer.
type Receipt struct {
	State RailState
	Ref   string // the rail's own reference
	Code  string // the rail's code when failed or returned
	At    time.Time
	// RailSide tells of a failure that lies with the rail or with our account
	// there, not with the payee: another rail may pay.
	RailSide bool
}

// ErrNotSent marks an error of Pay after which the instruction certainly did
// not leave this process (breaker open, bulkhead full, request not built).
var ErrNotSent = fault.New(fault.Unavailable, "payout_not_sent", "the payout rail is not reachable now")

// Return is a payout that came back after it was paid.
type Return struct {
	Key    string // ours
	Amount money.Amount
	Code   string // the rail's reason
	At     time.Time
}

// Returner is a rail that tells by itself of payouts that came back.
type Returner interface {
	// Returns gives what was not acknowledged, at most limit.
	Returns(ctx context.Context, limit int) ([]Return, error)
	// Acknowledge takes one off the list, once it is stored.
	Acknowledge(ctx context.Context, r Return) error
}

// Rail moves money. An error that is not ErrNotSent means nothing is known:
// the money may or may not have moved.
type Rail interface {
	Pay(ctx context.Context, instruction Instruction) (Receipt, error)
	Query(ctx context.Context, key string) (Receipt, error)
}
