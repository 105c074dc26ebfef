package loan

import (
	"slices"

	"loan310/app/fault"
	"loan310/app/ledger"
	"loan310/app/money"
	"loan310/scoring/pricing"
)

// Codes of events that are refused; docs/lending.md says what to do about
// each.
const (
	CodeEvent            fault.Code = "loan_event_invalid"          // a field is wrong: the fault names it
	CodeBeforeStart      fault.Code = "date_before_disbursement"    //
	CodeFuture           fault.Code = "date_in_future"              //
	CodeUnknownEvent     fault.Code = "loan_event_unknown"          // a reversal names none of this loan
	CodeNotReversible    fault.Code = "loan_event_not_reversible"   // only money, fees, waivers and pauses are
	CodeAlreadyReversed  fault.Code = "already_reversed"            // once only
	CodeAfterChargeOff   fault.Code = "money_after_charge_off"      // history before a charge-off is closed once money came in after it
	CodeLaterMoney       fault.Code = "later_money"                 // a decision may not be dated before money that has moved
	CodeRefundExceeds    fault.Code = "refund_exceeds_credit"       //
	CodeWaiverExceeds    fault.Code = "waiver_exceeds_due"          //
	CodeLoanClosed       fault.Code = "loan_closed"                 // nothing is owed
	CodeChargedOff       fault.Code = "loan_charged_off"            //
	CodeNotChargedOff    fault.Code = "loan_not_charged_off"        //
	CodeNotPaused        fault.Code = "loan_not_paused"             //
	CodeRestructureTerms fault.Code = "restructuring_terms_invalid" // the fault names the field
)

// maxAmount is the largest amount of one event: ten times the largest
// principal, so that no sum of a loan overflows.
const maxAmount money.Amount = 1_000_000_000_000

// Admit says whether an event may join the events of a loan, as of today. Nil,
// or a fault: Invalid for what the caller can mend (its field named), Conflict
// for what the state of the loan forbids. A repayment of a closed loan is let
// in: it becomes credit.
func Admit(contract Contract, events []Event, next Event, today Date) error {
	if err := next.check(&contract, today); err != nil {
		return err
	}
	for i := range events {
		if events[i].ID == next.ID {
			return fault.New(fault.Conflict, fault.CodeDuplicate, "event %s is there already", next.ID)
		}
	}
	h := history{events: events}
	switch next.Kind {
	case Reversal:
		return h.reversal(&next)
	case Repayment, FeeCharged, Refund, Waiver, Paused, Resumed:
		if off, after := h.chargedOff(); off != 0 && next.On <= off && after {
			return afterChargeOff(off)
		}
	case Restructured, ChargedOff, WrittenBack:
		if last := h.lastMoney(); next.On < last {
			return fault.New(fault.Conflict, CodeLaterMoney, "money moved on %s: date the %s then or later", last, next.Kind)
		}
	}
	return h.state(contract, &next, today)
}

// check looks at the event alone.
func (e *Event) check(contract *Contract, today Date) error {
	switch {
	case e.ID == "":
		return fault.Field("id", CodeEvent, "empty")
	case e.Kind.rank() == 0:
		return fault.Field("kind", CodeEvent, "no kind %q", e.Kind)
	case e.Kind != Reversal && e.On < contract.DisbursedOn:
		return fault.Field("on", CodeBeforeStart, "the loan was paid out on %s", contract.DisbursedOn)
	case e.On > today:
		return fault.Field("on", CodeFuture, "today is %s", today)
	}
	switch e.Kind {
	case Repayment, Recovered, Refund, FeeCharged, Waiver:
		if e.Amount <= 0 || e.Amount > maxAmount {
			return fault.Field("amount_fen", CodeEvent, "want 1 to %d, not %d", maxAmount, e.Amount)
		}
	default:
		if e.Amount != 0 {
			return fault.Field("amount_fen", CodeEvent, "a %s has none", e.Kind)
		}
	}
	money := []ledger.Account{"", ledger.Settlement, ledger.SettlementBank, ledger.CollectionInTransit, ledger.Suspense}
	switch {
	case !slices.Contains(money, e.Account) || e.Account != "" && !e.Kind.moves():
		return fault.Field("account", CodeEvent, "want one of %q, where money moves", money[1:])
	case e.Excess != "" && (e.Kind != Repayment || !e.Excess.known()):
		return fault.Field("excess", CodeEvent, "want %q, %q or %q, of a repayment", Advance, Prepay, Hold)
	case e.Kind == Waiver && e.Component != Interest && e.Component != Penalty && e.Component != Fee:
		return fault.Field("component", CodeEvent, "want %q, %q or %q: principal is charged off, never waived", Interest, Penalty, Fee)
	case e.Kind == Paused && e.Until != 0 && e.Until <= e.On:
		return fault.Field("until", CodeEvent, "want a day after %s, or none", e.On)
	case e.Kind == Restructured:
		return e.checkTerms(contract)
	}
	return nil
}

func (e *Event) checkTerms(contract *Contract) error {
	switch terms := e.Terms; {
	case terms == nil:
		return fault.Field("terms", CodeRestructureTerms, "missing")
	case terms.TenorMonths < 1 || terms.TenorMonths > pricing.MaxTenor:
		return fault.Field("terms.tenor_months", CodeRestructureTerms, "want 1 to %d, not %d", pricing.MaxTenor, terms.TenorMonths)
	case terms.RateBps < 0 || terms.RateBps > contract.RateBps:
		return fault.Field("terms.rate_bps", CodeRestructureTerms, "want 0 to the contract's %d, not %d", contract.RateBps, terms.RateBps)
	case terms.FirstDue <= e.On || terms.FirstDue > e.On.AddMonths(6):
		return fault.Field("terms.first_due", CodeRestructureTerms, "want a day after %s and at most six months later, not %s", e.On, terms.FirstDue)
	default:
		return nil
	}
}

// history is what has happened so far.
type history struct{ events []Event }

// gone tells whether an event was reversed.
func (h history) gone(id string) bool {
	return slices.ContainsFunc(h.events, func(e Event) bool { return e.Kind == Reversal && e.ReversesID == id })
}

// lastMoney is the latest day on which money moved.
func (h history) lastMoney() Date {
	var last Date
	for i := range h.events {
		if e := &h.events[i]; e.Kind.moves() && !h.gone(e.ID) {
			last = max(last, e.On)
		}
	}
	return last
}

// chargedOff gives the day of the latest charge-off, 0 for none, and whether
// money moved after it.
func (h history) chargedOff() (Date, bool) {
	var off Date
	for i := range h.events {
		if e := &h.events[i]; e.Kind == ChargedOff && !h.gone(e.ID) {
			off = max(off, e.On)
		}
	}
	if off == 0 {
		return 0, false
	}
	after := slices.ContainsFunc(h.events, func(e Event) bool {
		return e.Kind.moves() && !h.gone(e.ID) && (e.On > off || e.On == off && e.Kind == Recovered)
	})
	return off, after
}

// moves tells whether an event of the kind moves money.
func (k Kind) moves() bool { return k == Repayment || k == Recovered || k == Refund }

func afterChargeOff(off Date) error {
	return fault.New(fault.Conflict, CodeAfterChargeOff,
		"the loan was charged off on %s and money came in after: reverse that first, or book a recovery", off)
}

// reversal checks a reversal against what it reverses.
func (h history) reversal(next *Event) error {
	i := slices.IndexFunc(h.events, func(e Event) bool { return e.ID == next.ReversesID })
	if i < 0 {
		return fault.New(fault.NotFound, CodeUnknownEvent, "no event %s of this loan", next.ReversesID)
	}
	original := &h.events[i]
	switch original.Kind {
	case Repayment, Recovered, Refund, FeeCharged, Waiver, Paused, Resumed:
	default:
		return fault.New(fault.Conflict, CodeNotReversible, "a %s is not reversed", original.Kind)
	}
	if h.gone(original.ID) {
		return fault.New(fault.Conflict, CodeAlreadyReversed, "event %s is reversed already", original.ID)
	}
	if next.On < original.On {
		return fault.Field("on", CodeEvent, "what it reverses counts from %s", original.On)
	}
	if off, after := h.chargedOff(); off != 0 && after && (original.On < off || original.On == off && original.Kind != Recovered) {
		return afterChargeOff(off)
	}
	return nil
}

// state checks what depends on where the loan stands on the event's day.
func (h history) state(contract Contract, next *Event, today Date) error {
	if next.Kind == Repayment {
		return nil
	}
	then, _, err := Replay(contract, h.events, next.On)
	if err != nil {
		return err
	}
	off := then.OffBooks
	switch next.Kind {
	case Recovered, WrittenBack:
		if !off {
			return fault.New(fault.Conflict, CodeNotChargedOff, "on %s the loan is not charged off", next.On)
		}
		return nil
	case Refund:
		return h.refund(contract, next, &then, today)
	case Waiver:
		if most := then.Outstanding.Of(next.Component); next.Amount > most {
			return fault.Field("amount_fen", CodeWaiverExceeds, "on %s the loan owes a %s of %s", next.On, next.Component, most)
		}
		return nil
	case Resumed:
		if !then.Paused {
			return fault.New(fault.Conflict, CodeNotPaused, "on %s the loan is not paused", next.On)
		}
		return nil
	}
	switch {
	case off:
		return fault.New(fault.Conflict, CodeChargedOff, "the loan was charged off on %s", then.ChargedOffOn)
	case then.State == Closed:
		return fault.New(fault.Conflict, CodeLoanClosed, "nothing is owed since %s", then.ClosedOn)
	default:
		return nil
	}
}

// refund checks that the credit is there, on the refund's day and today.
func (h history) refund(contract Contract, next *Event, then *Position, today Date) error {
	now, _, err := Replay(contract, h.events, today)
	if err != nil {
		return err
	}
	if most := min(then.Credit, now.Credit); next.Amount > most {
		return fault.Field("amount_fen", CodeRefundExceeds, "the merchant's credit is %s", most)
	}
	return nil
}
