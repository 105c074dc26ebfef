package drawdown

import (
	"context"
	"errors"
	"time"

	"loan310/app/clock"
	"loan310/app/fault"
	"loan310/app/ident"
	"loan310/app/ledger"
)

// Pay moves a reserved draw towards paid or failed as far as the rail's word
// goes now. The first call pays; every later one asks the rail first and pays
// again, under the same key, only when the rail has no record and the grace
// is over. A drawdown that is not final is to be called again later.
func (s *Service) Pay(ctx context.Context, id string) (Drawdown, error) {
	d, err := s.deps.Store.Drawdown(ctx, id)
	if err != nil || d.State.Final() || d.State == Requested {
		return d, err
	}
	payout, err := s.deps.Store.Payout(ctx, id)
	if err != nil {
		return Drawdown{}, err
	}
	rail, ok := s.deps.Rails[payout.Rail]
	if !ok {
		return Drawdown{}, fault.New(fault.Internal, fault.CodeInternal, "no rail %q", payout.Rail)
	}
	now := s.deps.Now()
	if !payout.Left() { // nothing to ask about: no call ever left
		if payout.WaitsFor == WaitsForRail && now.Sub(payout.WaitsSince) >= s.deps.FailOverAfter {
			if d, moved, err := s.failOver(ctx, payout, "never_sent"); moved || err != nil {
				return d, err
			}
		}
		return s.call(ctx, rail, payout)
	}
	receipt, err := rail.Query(ctx, payout.Key)
	if err != nil {
		s.warn(ctx, id, "payout not settled by query", err)
		return s.unknown(ctx, id)
	}
	if receipt.State == RailNoRecord && now.Sub(payout.LastCallAt) >= s.deps.Grace && now.Sub(payout.begun()) < s.deps.MaxAge {
		return s.call(ctx, rail, payout)
	}
	if receipt.State == RailFailed && !payout.alone() && now.Sub(payout.LastCallAt) < s.deps.Grace {
		return s.unknown(ctx, id) // the word may be on an earlier call, with the last still under way
	}
	return s.settle(ctx, payout, receipt, true)
}

// begun is when the payout first may have left, from which the rail's memory
// of it counts.
func (p Payout) begun() time.Time {
	if p.FirstCallAt.IsZero() {
		return p.CreatedAt
	}
	return p.FirstCallAt
}

// call counts the call, then makes it.
func (s *Service) call(ctx context.Context, rail Rail, before Payout) (Drawdown, error) {
	if payloadHash(before) != before.PayloadHash {
		return Drawdown{}, fault.New(fault.Internal, fault.CodeInternal, "payout %s differs from what was stored before the call", before.Key)
	}
	now := s.deps.Now()
	payout, err := s.deps.Store.BeginCall(ctx, before, now, Day(now), s.deps.Limits[before.Rail])
	if err != nil {
		return Drawdown{}, err
	}
	if payout.Calls == before.Calls { // held back by a stop or a limit
		return s.deps.Store.Drawdown(ctx, payout.DrawdownID)
	}
	s.deps.Reached(ReachedCalling, payout.DrawdownID)
	receipt, err := rail.Pay(ctx, Instruction{Key: payout.Key, Amount: payout.Amount, Account: payout.Account, Holder: payout.Holder, Title: "loan310 " + payout.Key})
	s.deps.Reached(ReachedAnswered, payout.DrawdownID)
	switch {
	case errors.Is(err, ErrNotSent):
		// Should this process die before it is recorded, the call counts as
		// one that may have left: the rail is asked first, after the grace.
		s.warn(ctx, payout.DrawdownID, "payout not sent", err)
		if err := s.deps.Store.NotSent(ctx, payout, before, s.deps.Now()); err != nil && fault.KindOf(err) != fault.Conflict {
			return Drawdown{}, err
		}
		return s.deps.Store.Drawdown(ctx, payout.DrawdownID)
	case err != nil:
		s.warn(ctx, payout.DrawdownID, "payout unknown", err)
		return s.unknown(ctx, payout.DrawdownID)
	}
	return s.settle(ctx, payout, receipt, payout.alone())
}

// alone tells whether one call at most may have left this process, so that a
// rail's word on the reference is its word on that call.
func (p Payout) alone() bool { return p.Calls-p.Unsent <= 1 }

// settle stores a rail's word on an attempt. Alone tells that a refusal is
// final for the reference: no earlier call of it may still be under way.
func (s *Service) settle(ctx context.Context, payout Payout, receipt Receipt, alone bool) (Drawdown, error) {
	id := payout.DrawdownID
	var d Drawdown
	var err error
	switch receipt.State {
	case RailPaid:
		d, err = s.deps.Store.SettlePaid(ctx, id, payout.Key, receipt.Ref, s.paidJournal(payout), s.entry(workflowActor(id), "drawdown.paid", id, receipt.Ref))
		if fault.CodeOf(err) == fault.CodeWrongState {
			s.warn(ctx, id, "the rail says paid of a payout that is settled otherwise", err)
			return Drawdown{}, errors.Join(err, s.handOver(ctx, payout, CasePaidAfterAll))
		}
	case RailFailed, RailReturned: // returned before we heard of it being paid
		if receipt.RailSide && alone && receipt.State == RailFailed {
			if d, moved, err := s.failOver(ctx, payout, receipt.Code); moved || err != nil {
				return d, err
			}
		}
		d, err = s.deps.Store.SettleFailed(ctx, id, payout.Key, CodeRailRefused, receipt.Code, s.deps.Now(), s.entry(workflowActor(id), "drawdown.failed", id, receipt.Code))
	default:
		return s.unknown(ctx, id)
	}
	if err == nil {
		s.deps.Reached(ReachedSettled, id)
		err = s.settledByRail(ctx, payout, receipt)
	}
	return d, err
}

// paidJournal books a payout against our money at its rail.
func (s *Service) paidJournal(payout Payout) ledger.Journal {
	id := payout.DrawdownID
	return ledger.Journal{
		ID: s.deps.NewID(), Key: id + ":paid", Subject: "drawdown/" + id, Kind: "disbursement_paid", BookedAt: s.deps.Now(),
		Postings: []ledger.Posting{{Account: ledger.PayoutInTransit, Amount: payout.Amount}, {Account: SettlementOf(payout.Rail), Amount: -payout.Amount}},
	}
}

// RailBank is the rail of bank transfers; RailWallet that of the wallet.
const (
	RailBank   = "bank"
	RailWallet = "wallet"
)

// SettlementOf gives the account of our money at a rail.
func SettlementOf(rail string) ledger.Account {
	if rail == RailBank {
		return ledger.SettlementBank
	}
	return ledger.Settlement
}

// failOver gives the payout to the other rail, where there is one that can
// reach the account; moved tells whether it did. The caller is sure that this
// attempt did not pay and never will.
func (s *Service) failOver(ctx context.Context, payout Payout, code string) (d Drawdown, moved bool, err error) {
	to, ok := s.deps.FailOver[payout.Rail]
	if !ok || s.deps.Rails[to] == nil {
		return Drawdown{}, false, nil
	}
	if _, notACard := ident.Card(payout.Account); notACard != nil { // a wallet's login is no account at a bank
		return Drawdown{}, false, nil //nolint:nilerr // an answer, not a failure
	}
	next := Payout{
		Key: AttemptKey(payout.DrawdownID, payout.Attempt+1), DrawdownID: payout.DrawdownID, Attempt: payout.Attempt + 1, Amount: payout.Amount,
		Rail: to, Account: payout.Account, Holder: payout.Holder, State: PayoutRequested, CreatedAt: s.deps.Now(),
	}
	next.PayloadHash = payloadHash(next)
	d, err = s.deps.Store.FailOver(ctx, payout, code, next, s.entry(workflowActor(payout.DrawdownID), "drawdown.failed_over", payout.DrawdownID, payout.Rail+" "+code+" -> "+to))
	return d, err == nil, err
}

// unknown records that nobody knows yet, and hands a payout over to a person
// once that has been so for long.
func (s *Service) unknown(ctx context.Context, id string) (Drawdown, error) {
	payout, err := s.deps.Store.MarkUnknown(ctx, id, s.deps.Now())
	if err != nil {
		return Drawdown{}, err
	}
	if payout.State == PayoutUnknown && s.deps.Now().Sub(payout.begun()) >= s.deps.HandOver {
		if err := s.handOver(ctx, payout, CaseUnknown); err != nil {
			return Drawdown{}, err
		}
	}
	return s.deps.Store.Drawdown(ctx, id)
}

// Day gives the lender's civil day of a moment, as limits and statements
// count them.
func Day(at time.Time) string {
	return at.In(clock.Lender()).Format(time.DateOnly)
}
