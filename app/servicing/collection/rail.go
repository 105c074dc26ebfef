package collection

import (
	"context"
	"time"

	"loan310/app/fault"
	"loan310/app/money"
)

// Instruction is what the rail is told. Key is our reference: the same Key
// with the same content collects once, however often it is sent.
type Instruction struct {
	Key     string
	Amount  money.Amount
	Account string
	Holder  string
	Title   string
}

// RailState is the rail's word on one of our references.
type RailState string

// Rail states. RailNoRecord means the rail has never seen the reference, or
// keeps nothing of a request it refused.
const (
	RailCollected RailState = "collected"
	RailPending   RailState = "pending"
	RailFailed    RailState = "failed"
	RailNoRecord  RailState = "no_record"
)

// Receipt is the rail's answer.
type Receipt struct {
	State   RailState
	Ref     string       // the rail's own reference
	Amount  money.Amount // of the reference; 0 = the rail did not say
	Code    string       // the rail's code when failed
	Failure Failure      // when failed
	At      time.Time
}

// ErrNotSent marks an error of Collect after which the instruction certainly
// did not leave this process.
var ErrNotSent = fault.New(fault.Unavailable, "debit_not_sent", "the rail is not reachable now")

// Collector takes money from accounts whose holders agreed to it. An error
// that is not ErrNotSent means that nothing is known.
type Collector interface {
	Collect(ctx context.Context, instruction Instruction) (Receipt, error)
	Query(ctx context.Context, key string) (Receipt, error)
}
