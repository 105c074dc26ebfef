package stack

import (
	"context"
	"log/slog"
	"time"

	"loan310/adapters/store"
	"loan310/app/clock"
	"loan310/app/drawdown"
	"loan310/app/ident"
	"loan310/app/merchant"
	"loan310/app/money"
)

// returnsEvery is how often rails are asked for what came back.
const returnsEvery = 5 * time.Second

// makeDrawdowns joins draws to their rails and to what bounds them.
func (s *Stack) makeDrawdowns() *drawdown.Service {
	rules := s.config.Providers.Payouts
	deps := drawdown.Deps{
		Store: s.DB.Drawdowns(), Desk: s.DB.PayoutDesk(), Rails: s.outside.rails, Limits: rules.limits(),
		HandOver: time.Duration(rules.HandOverHours) * time.Hour, Tell: s.tellReversed,
		Now: clock.System, NewID: ident.NewID, Logger: s.config.Logger, Grace: s.config.PayoutGrace, Reached: s.config.Reached,
	}
	if s.config.Providers.BankRail != nil && !rules.NoFailOver {
		deps.FailOver = map[string]string{drawdown.RailWallet: drawdown.RailBank}
	}
	return drawdown.NewService(deps)
}

func (r PayoutRules) limits() map[string]drawdown.Limit {
	limits := map[string]drawdown.Limit{}
	for rail, limit := range r.Limits {
		limits[rail] = drawdown.Limit{Amount: money.Amount(limit.AmountFen), Count: limit.Count}
	}
	return limits
}

// tellReversed tells a merchant that a payout came back.
func (s *Stack) tellReversed(ctx context.Context, d drawdown.Drawdown) error {
	m, err := s.Merchants.Merchant(ctx, d.MerchantID)
	if err != nil {
		return err
	}
	return s.outside.notifier.Send(ctx, merchant.Message{
		Phone: m.Phone.Reveal(), Template: "payout_returned", Language: m.Language, Args: map[string]string{"amount": d.Amount.String()}, Key: d.ID + ":returned",
	})
}

// sweepReturns takes in what rails send back, until ctx ends.
func (s *Stack) sweepReturns(ctx context.Context) {
	ticker := time.NewTicker(returnsEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := s.Drawdowns.SweepReturns(ctx); err != nil && ctx.Err() == nil {
			s.config.Logger.WarnContext(ctx, "returned payouts not all taken in", slog.Any("error", err))
		}
	}
}

// PayoutsOf settles, lists, stops and resumes on a database; it cannot pay.
func PayoutsOf(db *store.DB, logger *slog.Logger) *drawdown.Service {
	return drawdown.NewService(drawdown.Deps{Store: db.Drawdowns(), Desk: db.PayoutDesk(), Now: clock.System, NewID: ident.NewID, Logger: logger})
}
