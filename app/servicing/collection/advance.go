package collection

import (
	"context"
	"errors"
	"time"

	"loan310/app/audit"
	"loan310/app/clock"
	"loan310/app/fault"
	"loan310/app/ident"
	"loan310/app/ledger"
	"loan310/app/money"
	"loan310/app/servicing"
	"loan310/app/servicing/loan"
)

// Advance moves a debit towards collected or failed as far as the rail's word
// goes now. The first call collects; every later one asks first. A debit that
// is not final is to be called again later.
func (s *Service) Advance(ctx context.Context, key string) (Debit, error) {
	d, err := s.deps.Store.Debit(ctx, key)
	if err != nil || d.State.Final() {
		return d, err
	}
	if !d.Left() { // nothing to ask about
		return s.call(ctx, &d)
	}
	receipt, err := s.deps.Collector.Query(ctx, key)
	if err != nil {
		s.warn(ctx, &d, "debit not settled by query", err)
		return s.unknown(ctx, &d)
	}
	since := s.deps.Now().Sub(d.LastCallAt)
	switch {
	case receipt.State == RailNoRecord && since >= s.deps.Expires:
		return s.fail(ctx, &d, Receipt{Code: string(CodeNotTaken), Failure: Dropped})
	case receipt.State == RailNoRecord && since >= s.deps.Grace:
		return s.call(ctx, &d)
	case receipt.State == RailFailed && !d.alone() && since < s.deps.Grace:
		return s.unknown(ctx, &d) // the word may be on an earlier call, with the last still under way
	}
	return s.settle(ctx, &d, receipt)
}

// call counts the call while the loan is locked, where the amount is still
// owed, then makes it.
func (s *Service) call(ctx context.Context, before *Debit) (Debit, error) {
	if payloadHash(before) != before.PayloadHash {
		return Debit{}, fault.New(fault.Internal, fault.CodeInternal, "debit %s differs from what was stored before the call", before.Key)
	}
	begun, err := s.change(ctx, before, func(standing *Standing, d *Debit) (Step, error) { return s.beginCall(standing, d) })
	if err != nil || begun.Calls == before.Calls { // held back, or not needed any more
		return begun, err
	}
	s.deps.Reached(ReachedCalling, begun.Key)
	receipt, err := s.deps.Collector.Collect(ctx, Instruction{
		Key: begun.Key, Amount: begun.Amount, Account: begun.Account, Holder: begun.Holder, Title: "loan310 " + begun.Key,
	})
	s.deps.Reached(ReachedAnswered, begun.Key)
	switch {
	case errors.Is(err, ErrNotSent):
		s.warn(ctx, &begun, "debit not sent", err)
		return s.notSent(ctx, &begun, before)
	case err != nil:
		s.warn(ctx, &begun, "debit unknown", err)
		return s.unknown(ctx, &begun)
	}
	return s.settle(ctx, &begun, receipt)
}

// beginCall decides whether a call is made, and counts it.
func (s *Service) beginCall(standing *Standing, d *Debit) (Step, error) {
	wanted, why, err := s.wanted(standing, d)
	if err != nil {
		return Step{}, err
	}
	switch {
	case !wanted && !d.Left(): // make room for one that is right
		d.State, d.FailureCode, d.Failure, d.SettledAt, d.WaitsFor = Failed, string(CodeDropped), Dropped, s.deps.Now(), WaitsForNothing
		return Step{Debit: d, LookAt: s.deps.Now(), Audit: s.entry(actorOf(d), "debit.dropped", d.LoanID, d.Key+" "+string(why))}, nil
	case !wanted: // what has left may still be taken: asked about until it cannot
		d.State, d.Asks = Unknown, d.Asks+1
		return Step{Debit: d}, nil
	case standing.Stopped:
		d.WaitsFor = WaitsForResume
		return Step{Debit: d}, nil
	}
	now := s.deps.Now()
	if !d.Left() {
		d.FirstCallAt = now
	}
	if d.State == Requested {
		d.State = Sent
	}
	d.Calls, d.LastCallAt, d.WaitsFor = d.Calls+1, now, WaitsForNothing
	return Step{Debit: d}, nil
}

// askedFor is how long a debit that was asked for may be sent: who wanted to
// pay now does not expect it the next day.
const askedFor = time.Hour

// wanted tells whether a debit may still be sent as it is: its amount is owed
// and, of the plan's own, the plan would make one as large.
func (s *Service) wanted(standing *Standing, d *Debit) (bool, Why, error) {
	position, err := s.position(standing)
	if err != nil {
		return false, "", err
	}
	if d.Origin == Asked {
		if s.deps.Now().Sub(d.CreatedAt) >= askedFor {
			return false, AskedLongAgo, nil
		}
		return d.Amount <= mostAsked(&position, d.Early), NothingDue, nil
	}
	others := *standing
	others.Debits = standing.Debits[:d.Number-1] // it is the last
	wish := s.deps.Plans.For(standing.Record.Loan.Contract.Product.ID).Next(&others, &position, s.deps.Now())
	return wish.Why == Collect && d.Amount <= wish.Amount, wish.Why, nil
}

// change decides about an open debit while its loan is locked; one that is
// final meanwhile is given as it is.
func (s *Service) change(ctx context.Context, before *Debit, decide func(*Standing, *Debit) (Step, error)) (Debit, error) {
	done := false
	changed, err := s.deps.Store.Change(ctx, before.LoanID, func(standing Standing) (Step, error) {
		done = false
		d, err := standing.find(before.Key)
		if err != nil {
			return Step{}, err
		}
		if d.State.Final() {
			done = true
			return Step{}, nil
		}
		if d.Version != before.Version {
			return Step{}, fault.New(fault.Conflict, fault.CodeStale, "the debit was changed meanwhile")
		}
		return decide(&standing, &d)
	})
	if err == nil && done {
		return s.deps.Store.Debit(ctx, before.Key)
	}
	return changed, err
}

// find gives a copy of a debit of the loan.
func (s *Standing) find(key string) (Debit, error) {
	for i := range s.Debits {
		if s.Debits[i].Key == key {
			return s.Debits[i], nil
		}
	}
	return Debit{}, fault.Missing("debit")
}

// notSent takes a call back that surely did not leave.
func (s *Service) notSent(ctx context.Context, begun, before *Debit) (Debit, error) {
	return s.change(ctx, begun, func(_ *Standing, d *Debit) (Step, error) {
		d.Unsent++
		d.FirstCallAt, d.LastCallAt, d.WaitsFor = before.FirstCallAt, before.LastCallAt, WaitsForRail
		if !d.Left() && d.State == Sent {
			d.State = Requested
		}
		return Step{Debit: d}, nil
	})
}

// unknown records that nobody knows yet, and opens a case once that has been
// so for long.
func (s *Service) unknown(ctx context.Context, before *Debit) (Debit, error) {
	return s.change(ctx, before, func(_ *Standing, d *Debit) (Step, error) {
		d.State, d.Asks, d.WaitsFor = Unknown, d.Asks+1, WaitsForNothing
		step := Step{Debit: d}
		if s.deps.Now().Sub(d.begun()) >= s.deps.HandOver {
			step.Case = s.newCase(d, CaseUnknown)
		}
		return step, nil
	})
}

// settle stores the rail's word.
func (s *Service) settle(ctx context.Context, d *Debit, receipt Receipt) (Debit, error) {
	if receipt.Amount != 0 && receipt.Amount != d.Amount { // our reference is bound to one amount
		s.warn(ctx, d, "the rail names another amount", nil)
		return s.unknown(ctx, d)
	}
	switch receipt.State {
	case RailCollected:
		return s.collected(ctx, d, receipt, actorOf(d))
	case RailFailed:
		return s.fail(ctx, d, receipt)
	default:
		return s.unknown(ctx, d)
	}
}

// fail records that nothing was and will be collected.
func (s *Service) fail(ctx context.Context, before *Debit, receipt Receipt) (Debit, error) {
	settled, err := s.change(ctx, before, func(_ *Standing, d *Debit) (Step, error) {
		d.State, d.RailRef, d.FailureCode, d.Failure = Failed, receipt.Ref, receipt.Code, receipt.Failure
		d.SettledAt, d.WaitsFor = s.deps.Now(), WaitsForNothing
		if d.Failure == NoFailure {
			d.Failure = Refused
		}
		return Step{Debit: d, Settled: true, LookAt: s.deps.Now(), Audit: s.entry(actorOf(d), "debit.failed", d.LoanID, d.Key+" "+receipt.Code)}, nil
	})
	if err == nil {
		s.deps.Reached(ReachedSettled, settled.Key)
	}
	return settled, err
}

// collected books money that the rail has taken: the repayment of the loan
// and the rail's account, together with the debit. Money for a debit that we
// held as failed is booked all the same: it has arrived.
func (s *Service) collected(ctx context.Context, before *Debit, receipt Receipt, actor audit.Actor) (Debit, error) {
	settled, err := s.deps.Store.Change(ctx, before.LoanID, func(standing Standing) (Step, error) {
		d, err := standing.find(before.Key)
		if err != nil || d.State == Collected {
			return Step{}, err
		}
		m := servicing.Money{
			Command: servicing.Command{LoanID: d.LoanID, Key: "debit:" + d.Key, On: loan.DateOf(receipt.At, clock.Lender()), Actor: actor},
			Amount:  d.Amount, Account: ledger.CollectionInTransit, Channel: "debit", Ref: receipt.Ref, Excess: loan.Hold,
		}
		if d.Early {
			m.Excess = loan.Prepay
		}
		update, outcome, err := s.deps.Servicing.Arrived(&standing.Record, m)
		if err != nil {
			return Step{}, err
		}
		d.State, d.RailRef, d.FailureCode, d.Failure, d.WaitsFor = Collected, receipt.Ref, "", NoFailure, WaitsForNothing
		d.EventID, d.SettledAt = outcome.Event.ID, s.deps.Now()
		journal := s.journal(&d)
		return Step{
			Debit: &d, Loan: update, Journal: &journal, Settled: actor == actorOf(&d), LookAt: s.deps.Now(),
			Audit: s.entry(actor, "debit.collected", d.LoanID, d.Key+" "+receipt.Ref),
		}, nil
	})
	if err != nil {
		return Debit{}, err
	}
	if settled.Key == "" { // known
		return s.deps.Store.Debit(ctx, before.Key)
	}
	s.deps.Reached(ReachedSettled, settled.Key)
	return settled, nil
}

// journal books a collected debit against our money at the rail. The other
// side of collection_in_transit is the repayment's: it nets to nothing while
// the repayment stands.
func (s *Service) journal(d *Debit) ledger.Journal {
	key := d.Key + ":collected"
	return ledger.Journal{
		ID: ident.DerivedID("journal", key), Key: key, Subject: "debit/" + d.Key, Kind: "debit_collected", BookedAt: s.deps.Now(),
		Postings: []ledger.Posting{{Account: ledger.Settlement, Amount: d.Amount}, {Account: ledger.CollectionInTransit, Amount: -d.Amount}},
	}
}

// Arrived asks the rail about a debit that its statement shows as collected
// and we do not, whatever we hold of it, and books it where the rail says so.
// The amount is the statement's; another than ours is left to a person.
func (s *Service) Arrived(ctx context.Context, key string, amount money.Amount) (Debit, error) {
	d, err := s.deps.Store.Debit(ctx, key)
	if err != nil || d.State == Collected || amount != d.Amount {
		return d, err
	}
	receipt, err := s.deps.Collector.Query(ctx, key)
	if err != nil || receipt.State != RailCollected || receipt.Amount != 0 && receipt.Amount != d.Amount {
		return d, err
	}
	return s.collected(ctx, &d, receipt, actorOf(&d))
}

func (s *Service) warn(ctx context.Context, d *Debit, what string, err error) {
	s.deps.Logger.WarnContext(ctx, "debit not settled yet", "loan_id", d.LoanID, "cause", what, "error", err)
}

func actorOf(d *Debit) audit.Actor { return audit.Workflow("debit/" + d.Key) }
