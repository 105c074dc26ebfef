// Package reconciliation holds what a rail says it moved against what we say
// we moved and what the ledger booked. The rule: a difference is a break with
// a reason, an age and an owner, kept until it is closed; a statement that is
// not whole is refused, never matched in part.
package reconciliation

import (
	"context"
	"time"

	"loan310/app/audit"
	"loan310/app/fault"
	"loan310/app/ledger"
	"loan310/app/money"
)

// Codes of refusals.
const (
	CodeNoStatement fault.Code = "statement_not_there"
	CodePartial     fault.Code = "statement_not_whole"
	CodeUnknownRail fault.Code = "rail_unknown"
	CodeDay         fault.Code = "day_unusable"
)

// Direction is which way money moved, seen from us.
type Direction string

// Directions.
const (
	Out Direction = "out"
	In  Direction = "in"
)

// Line is one movement on a rail's statement.
type Line struct {
	N         int    // its place on the statement, from 1
	Key       string // our reference; empty = the rail names none
	Ref       string // the rail's own
	Direction Direction
	Return    bool // In: an earlier payout of Key came back
	Amount    money.Amount
	At        time.Time
}

// Source gives a rail's statement of a day (2026-11-11).
type Source interface {
	// Statement gives each line in the statement's order, then its hash. None
	// for the day is NotFound with CodeNoStatement; one that is cut or whose
	// totals do not fit is Invalid with CodePartial, naming the line. Lines
	// were given before that is found out.
	Statement(ctx context.Context, day string, each func(Line) error) (hash string, err error)
}

// Movement is one of our movements of money over a rail: a payout, or a debit.
type Movement struct {
	Key       string
	Rail      string
	Direction Direction
	Amount    money.Amount
	State     MovementState
	SettledAt time.Time // zero = not settled
	Subject   string    // such as drawdown/0192…, loan/0192…
}

// MovementState is where we believe a movement stands.
type MovementState string

// States of movements.
const (
	Moved    MovementState = "moved"     // paid, collected
	Open     MovementState = "open"      // sent, or not known
	NotMoved MovementState = "not_moved" // failed, never sent
	Undone   MovementState = "undone"    // moved and came back
)

// Pair is what is known of one key: the rail's lines of it, on this day's
// statement and others, and our movement. One side may be missing.
type Pair struct {
	Key     string
	Today   []Line
	Earlier int // lines of the key on statements of other days, returns left out
	Ours    *Movement
}

// Reason is why a break is one.
type Reason string

// Reasons of breaks.
const (
	MissingAtRail Reason = "missing_at_rail" // we hold it as moved, the rail does not show it
	MissingHere   Reason = "missing_here"    // the rail moved it, we hold that it did not move or know nothing of it
	AmountDiffers Reason = "amount_differs"
	TwiceAtRail   Reason = "twice_at_rail"
	Late          Reason = "late"     // both sides have it, on different days
	ReversedThere Reason = "reversed" // came back at the rail, not with us
	UnknownHere   Reason = "unknown"  // the rail moved it, we do not know yet
	LedgerDiffers Reason = "ledger_differs"
)

// Lost tells whether a reason means money on one side of the books only.
func (r Reason) Lost() bool {
	return r == MissingAtRail || r == MissingHere || r == AmountDiffers || r == ReversedThere || r == LedgerDiffers
}

// BreakState is where a break stands.
type BreakState string

// States of breaks.
const (
	BreakOpen   BreakState = "open"
	BreakClosed BreakState = "closed"
)

// Break is one difference. Its id follows from rail, day, key and reason, so
// that finding it again is finding the same.
type Break struct {
	ID       string
	Rail     string
	Day      string
	Key      string
	Reason   Reason
	Rails    money.Amount // what the rail says; 0 = nothing
	Ours     money.Amount // what we say; 0 = nothing
	Subject  string
	State    BreakState
	Owner    string // empty = nobody yet
	OpenedAt time.Time
	ClosedAt time.Time
	// Collects tells of a movement of ours that was to bring money in. It is
	// not stored.
	Collects bool
}

// Event is one step in the history of a break.
type Event struct {
	At   time.Time
	By   string
	What string // opened, owned, noted, closed, gone, found_again
	Note string
}

// Totals adds one side up.
type Totals struct {
	Count int
	Out   money.Amount
	In    money.Amount
}

// Run is one reconciliation of a rail and a day; a later one takes its place.
type Run struct {
	Rail       string
	Day        string
	Hash       string // of the statement
	RanAt      time.Time
	Statement  Totals
	Ours       Totals       // moved that day
	Ledger     money.Amount // change of the settlement account that day, credits negative
	Matched    int
	Breaks     int // open ones of this rail and day
	Lost       int
	DoublePaid int
}

// Store keeps statements, runs and breaks.
type Store interface {
	Statements
	Findings
}

// Statements keeps what rails said, beside what we moved and booked.
type Statements interface {
	// Import replaces the statement of a rail and day with the lines that
	// give calls its argument with. An error keeps what was there.
	Import(ctx context.Context, rail, day string, give func(each func(Line) error) error) (Totals, error)
	// Imported gives the totals of the statement kept; fault.NotFound when
	// there is none.
	Imported(ctx context.Context, rail, day string) (Totals, error)
	// Pairs walks, in order of key and in bounded memory, what the statement
	// kept names and what we hold as moved between two moments.
	Pairs(ctx context.Context, rail, day string, from, to time.Time, each func(Pair) error) error
	// Moved adds up what we hold as moved, and as come back, between two
	// moments.
	Moved(ctx context.Context, rail string, from, to time.Time) (Totals, error)
	// Since gives when our first movement was made; zero = none yet.
	Since(ctx context.Context) (time.Time, error)
	// Booked gives the change that these movements made to an account.
	Booked(ctx context.Context, account ledger.Account, from, to time.Time) (money.Amount, error)
}

// Findings keeps runs and breaks.
type Findings interface {
	// Record stores the run and its breaks: new ones are opened, those of the
	// same rail and day that are not found again closed, those a person closed
	// left. It gives the run with the counts of its open breaks.
	Record(ctx context.Context, run Run, found []Break, entry audit.Entry) (Run, error)
	// Runs lists the latest, newest day first.
	Runs(ctx context.Context, limit int) ([]Run, error)
	// Breaks lists open ones, oldest first; with closed also those.
	Breaks(ctx context.Context, closed bool, limit int) ([]Break, error)
	// Break gives one with its history; fault.NotFound when there is none.
	Break(ctx context.Context, id string) (Break, []Event, error)
	// ChangeBreak stores owner and state and adds to the history.
	ChangeBreak(ctx context.Context, b Break, event Event, entry audit.Entry) error
}
