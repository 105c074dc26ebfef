package loan

import (
	"time"

	"loan310/app/ledger"
	"loan310/app/money"
)

// Kind says what happened to a loan.
type Kind string

// The kinds of events. What follows from the contract alone (disbursement,
// demands, penalty) is no event: a replay makes it.
const (
	FeeCharged   Kind = "fee"         // Amount is owed from On, due with the next line
	Paused       Kind = "pause"       // days from On are not counted until Until, or until Resumed
	Resumed      Kind = "resume"      // On is the first day that counts again
	Repayment    Kind = "repayment"   // Amount arrived on On in Account
	Refund       Kind = "refund"      // Amount of the credit went back from Account
	Waiver       Kind = "waiver"      // Amount of Component is forgiven
	Restructured Kind = "restructure" // a new schedule from On
	ChargedOff   Kind = "charge_off"  // all that is owed is taken off the books
	Recovered    Kind = "recovery"    // Amount arrived on what was charged off
	WrittenBack  Kind = "write_back"  // what is left of a charge-off is on the books again
	Reversal     Kind = "reversal"    // ReversesID never was; unique per original
)

// Excess says what becomes of money beyond what is due.
type Excess string

// What to do with excess: repay early, hold it for the next lines, or keep
// what the next line needs and repay early with what is beyond it.
const (
	Prepay Excess = "prepay"
	Hold   Excess = "hold"
	// Advance is paying the next line before its day.
	Advance Excess = "advance"
)

// rank orders repayments of one day: those that hold their excess come last,
// so that what is paid twice on a day is credit, whichever was first.
func (e Excess) rank() int {
	if e == Hold {
		return 1
	}
	return 0
}

func (e Excess) known() bool { return e == Prepay || e == Hold || e == Advance }

// Event is one thing that happened, never changed once stored. Which fields
// are read follows from the kind; the others are empty.
type Event struct {
	ID      string         `json:"id"` // unique within the loan; breaks ties of day and kind
	Kind    Kind           `json:"kind"`
	On      Date           `json:"on"`                   // the day it counts from
	At      time.Time      `json:"at,omitzero"`          // when it was recorded; a replay never reads it
	Amount  money.Amount   `json:"amount_fen,omitempty"` // fen, positive
	Account ledger.Account `json:"account,omitempty"`    // where the money is; empty = ledger.Settlement
	Channel string         `json:"channel,omitempty"`    // how it came, such as debit, transfer; a replay never reads it
	Ref     string         `json:"ref,omitempty"`        // the rail's reference; a replay never reads it
	Reason  string         `json:"reason,omitempty"`     // why, in words; a replay never reads it
	// Excess of a repayment; empty = the product's.
	Excess     Excess    `json:"excess,omitempty"`
	ReversesID string    `json:"reverses_id,omitempty"` // reversal: the event that never was
	Component  Component `json:"component,omitempty"`   // waiver: what is forgiven; never principal
	// Subsidised waiver: a campaign pays, so our income stays.
	Subsidised bool           `json:"subsidised,omitempty"`
	Until      Date           `json:"until,omitempty"` // pause: the first day that counts again; 0 = open
	Terms      *Restructuring `json:"terms,omitempty"` // restructure: the new terms
}

// Restructuring is the new schedule of what is still owed.
type Restructuring struct {
	TenorMonths int               `json:"tenor_months"`
	RateBps     money.BasisPoints `json:"rate_bps"` // annual nominal; may be lower, never higher than the contract's
	FirstDue    Date              `json:"first_due"`
	// Capitalise adds unpaid interest to the principal; otherwise it falls due
	// with the first new line, as unpaid penalty and fees always do.
	Capitalise bool `json:"capitalise,omitempty"`
}

// rank orders events of one day. Demands and penalty come between fees and
// pauses; see docs/lending.md.
func (k Kind) rank() int {
	switch k {
	case FeeCharged:
		return 1
	case Paused:
		return 2
	case Resumed:
		return 3
	case Repayment:
		return 4
	case Refund:
		return 5
	case Waiver:
		return 6
	case Restructured:
		return 7
	case ChargedOff:
		return 8
	case Recovered:
		return 9
	case WrittenBack:
		return 10
	case Reversal:
		return 11
	default:
		return 0
	}
}
