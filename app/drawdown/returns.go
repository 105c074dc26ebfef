package drawdown

import (
	"context"
	"errors"
	"log/slog"

	"loan310/app/fault"
)

// Returned records that the money of a paid payout came back: both journals
// are reversed, the line has its headroom again, the merchant is told. Once
// reversed a payout never changes, whatever the rail says later. A payout not
// yet settled is settled as failed; what cannot be booked is handed to a
// person.
func (s *Service) Returned(ctx context.Context, r Return) (Drawdown, error) {
	payout, err := s.deps.Desk.PayoutByKey(ctx, r.Key)
	if err != nil {
		return Drawdown{}, err
	}
	id := payout.DrawdownID
	if r.Amount != payout.Amount { // part of it came back: no rule of ours
		return Drawdown{}, s.handOver(ctx, payout, CaseReturn)
	}
	var d Drawdown
	switch payout.State {
	case PayoutFailed, PayoutReversed: // known
		return s.deps.Store.Drawdown(ctx, id)
	case PayoutPaid:
		d, err = s.deps.Store.SettleReversed(ctx, id, r.Key, r.Code, s.deps.Now(), s.entry(workflowActor(id), "drawdown.reversed", id, r.Code))
	default:
		d, err = s.deps.Store.SettleFailed(ctx, id, r.Key, CodeRailRefused, r.Code, s.deps.Now(), s.entry(workflowActor(id), "drawdown.failed", id, r.Code))
	}
	if fault.KindOf(err) == fault.Conflict || fault.CodeOf(err) == fault.CodeConstraint {
		// What stands speaks against it, such as a line that does not have
		// the amount: trying again changes nothing, a person can.
		s.deps.Logger.ErrorContext(ctx, "a returned payout cannot be booked", slog.String("drawdown_id", id), slog.Any("error", err))
		return Drawdown{}, s.handOver(ctx, payout, CaseReturn)
	}
	return d, err
}

// returnsAtOnce bounds one look at what came back.
const returnsAtOnce = 200

// SweepReturns takes in what rails say came back, then tells the merchants
// who were not told. It is called again and again; each step may repeat.
func (s *Service) SweepReturns(ctx context.Context) error {
	var problems []error
	for name, rail := range s.deps.Rails {
		returner, ok := rail.(Returner)
		if !ok {
			continue
		}
		found, err := returner.Returns(ctx, returnsAtOnce)
		problems = append(problems, err)
		for _, r := range found {
			if _, err := s.Returned(ctx, r); err != nil && fault.KindOf(err) != fault.NotFound {
				problems = append(problems, err)
				continue
			} else if err != nil { // reconciliation finds it: money here that we know nothing of
				s.deps.Logger.WarnContext(ctx, "a payout came back that is not ours", slog.String("rail", name))
			}
			problems = append(problems, returner.Acknowledge(ctx, r))
		}
	}
	return errors.Join(append(problems, s.tellReversed(ctx))...)
}

func (s *Service) tellReversed(ctx context.Context) error {
	if s.deps.Tell == nil {
		return nil
	}
	ids, err := s.deps.Desk.Untold(ctx, returnsAtOnce)
	if err != nil {
		return err
	}
	for _, id := range ids {
		d, err := s.deps.Store.Drawdown(ctx, id)
		if err != nil {
			return err
		}
		if err := s.deps.Tell(ctx, d); err != nil {
			return err
		}
		if err := s.deps.Desk.Told(ctx, id, s.deps.Now()); err != nil {
			return err
		}
	}
	return nil
}
