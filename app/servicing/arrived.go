package servicing

import (
	"context"
	"slices"
	"time"

	"loan310/app/fault"
	"loan310/app/ledger"
	"loan310/app/money"
	"loan310/app/servicing/loan"
)

// Arrived plans money that a rail says has arrived, to be stored in the
// caller's transaction beside what made it arrive. It counts from m.On where
// the loan allows that, else from today; on a loan that was charged off it is
// a recovery, on one that was cancelled the merchant's credit: what has
// arrived is never refused for the state of the loan. The same key gives an
// empty update and Repeated the second time.
func (s *Service) Arrived(record *Record, m Money) (Update, Outcome, error) {
	today := s.Today()
	asked := m.event(loan.Repayment)
	asked.Reason, asked.On = m.Reason, m.On
	hash, err := hashOf(asked)
	if err != nil {
		return Update{}, Outcome{}, err
	}
	asked.ID = EventID(m.LoanID, m.Key)
	asked.On = min(max(m.On, record.Loan.Contract.DisbursedOn), today)
	recovered := asked
	recovered.Kind, recovered.On, recovered.Excess = loan.Recovered, today, ""
	late := asked
	late.On = today
	for _, event := range []loan.Event{asked, late, recovered} {
		update, outcome, refused := s.decide(record, event, hash, m.Actor)
		if err = refused; fault.KindOf(refused) != fault.Conflict {
			return update, outcome, refused
		}
	}
	return Update{}, Outcome{}, err
}

// planCancelled plans money that moves on a loan that never was: what arrives
// is the merchant's credit, and only credit can be refunded.
func planCancelled(record *Record, event *Recorded, at time.Time) (Update, error) {
	switch event.Kind {
	case loan.Repayment, loan.Recovered:
	case loan.Refund:
		if event.Amount > record.Loan.Credit {
			return Update{}, fault.Field("amount_fen", loan.CodeRefundExceeds, "the merchant's credit is %s", record.Loan.Credit)
		}
	default:
		return Update{}, fault.New(fault.Conflict, CodeCancelled, "the payout of this loan came back; it never was")
	}
	if event.Amount <= 0 {
		return Update{}, fault.Field("amount_fen", loan.CodeEvent, "want a positive amount")
	}
	longer := *record
	longer.Events = append(slices.Clone(record.Events), *event)
	update := cancel(&longer, at, event.ID)
	update.Event = event
	return update, nil
}

// creditOf is what entries leave to the merchant.
func creditOf(entries []loan.Entry) money.Amount {
	var credit money.Amount
	for i := range entries {
		for _, p := range entries[i].Postings {
			if p.Account == ledger.BorrowerCredit {
				credit -= p.Amount
			}
		}
	}
	return credit
}

// PositionOf is how a loan stands today, whether or not the end of day has
// run.
func (s *Service) PositionOf(record *Record) (loan.Position, error) {
	on := max(s.Today(), record.Loan.Through)
	if record.Loan.State == StateCancelled {
		return loan.Position{LoanID: record.Loan.ID, On: on, State: StateCancelled, Class: loan.Normal, Credit: record.Loan.Credit}, nil
	}
	position, _, err := loan.Replay(record.Loan.Contract, record.events(), on)
	return position, err
}

// Record gives a loan with events and journals, as of one moment.
func (s *Service) Record(ctx context.Context, id string) (Record, error) {
	return s.deps.Store.Record(ctx, id)
}
