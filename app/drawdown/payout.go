package drawdown

import (
	"context"
	"time"

	"loan310/app/audit"
	"loan310/app/fault"
	"loan310/app/ledger"
	"loan310/app/money"
)

// PayoutState is where a payout stands at the rail.
type PayoutState string

// Payout states.
const (
	PayoutRequested PayoutState = "requested" // stored; nothing has left
	PayoutSent      PayoutState = "sent"      // a call was begun; it may or may not have left
	PayoutUnknown   PayoutState = "unknown"   // the call ended without a clear answer
	PayoutPaid      PayoutState = "paid"
	PayoutFailed    PayoutState = "failed"
	PayoutReversed  PayoutState = "reversed" // was paid; the rail sent the money back
)

// Wait is why a payout that could be sent is not: an honest wait, no failure.
type Wait string

// Waits.
const (
	WaitsForNothing Wait = ""
	WaitsForResume  Wait = "rail_stopped"     // an operator stopped the rail, or all
	WaitsForLimit   Wait = "rail_limit"       // the rail's amount or count of the day is used up
	WaitsForRail    Wait = "rail_unreachable" // a call surely did not leave
)

// Payout is one attempt to pay a drawdown out over one rail; retries use the
// same key. Of the attempts of a drawdown at most one is open or has paid.
type Payout struct {
	Key         string // see AttemptKey; the rail's reference of ours
	DrawdownID  string // unique with Attempt
	Attempt     int    // from 1; the next one is over another rail
	Version     int64
	PayloadHash string
	Amount      money.Amount
	Rail        string
	Account     string // plain in memory, encrypted at rest
	Holder      string // plain in memory, encrypted at rest
	State       PayoutState
	Calls       int       // pay calls begun
	Unsent      int       // of them, those that surely did not leave this process
	Asks        int       // queries without a clear answer
	FirstCallAt time.Time // first pay call begun that may have left
	LastCallAt  time.Time // last pay call begun that may have left
	AdmittedDay string    // day (2026-11-11) whose limit it counts against; empty = not yet
	WaitsFor    Wait
	WaitsSince  time.Time
	RailRef     string // the rail's own reference
	FailureCode string // the rail's code
	CreatedAt   time.Time
	SettledAt   time.Time // paid or failed
	ReversedAt  time.Time
}

// Left tells whether some call may have left this process.
func (p Payout) Left() bool { return p.Calls > p.Unsent }

// Limit bounds what is sent over one rail on one day; 0 = no bound.
type Limit struct {
	Amount money.Amount
	Count  int
}

// Attempts moves the open attempt of a drawdown. Key names the attempt, so
// that an answer about one never settles another.
type Attempts interface {
	// BeginCall counts a pay call before it is made (Calls+1, LastCallAt) and
	// the payout against the limit of the day, once, where the stored version
	// is p.Version; else Conflict with fault.CodeStale. A stopped rail or a
	// used-up limit counts nothing and gives the payout with WaitsFor set.
	BeginCall(ctx context.Context, p Payout, at time.Time, day string, limit Limit) (Payout, error)
	// NotSent records that the call begun with p surely did not leave; before
	// is the payout as it was before that call.
	NotSent(ctx context.Context, p, before Payout, at time.Time) error
	// MarkUnknown moves an attempt that is not settled to PayoutUnknown and
	// its drawdown to Unknown, counting one ask.
	MarkUnknown(ctx context.Context, drawdownID string, at time.Time) (Payout, error)
	// FailOver moves the attempt to failed and stores the next one, where the
	// stored version is p.Version; else Conflict with fault.CodeStale.
	FailOver(ctx context.Context, p Payout, railCode string, next Payout, entry audit.Entry) (Drawdown, error)
	// SettlePaid moves attempt and drawdown to paid and books the journal. An
	// attempt settled otherwise is a Conflict with fault.CodeWrongState.
	SettlePaid(ctx context.Context, drawdownID, key, railRef string, journal ledger.Journal, entry audit.Entry) (Drawdown, error)
	// SettleFailed moves attempt and drawdown to failed, books the reversal of
	// the reserving journal and gives the line its headroom back. An attempt
	// settled otherwise is a Conflict with fault.CodeWrongState.
	SettleFailed(ctx context.Context, drawdownID, key string, code fault.Code, railCode string, at time.Time, entry audit.Entry) (Drawdown, error)
	// SettleReversed moves a paid attempt and its drawdown to reversed,
	// reverses both journals and gives the line its headroom back. What is not
	// paid is a Conflict with fault.CodeWrongState.
	SettleReversed(ctx context.Context, drawdownID, key, railCode string, at time.Time, entry audit.Entry) (Drawdown, error)
}
