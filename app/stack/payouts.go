package stack

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"loan310/adapters/breaker"
	"loan310/adapters/store"
	"loan310/app/audit"
	"loan310/app/clock"
	"loan310/app/drawdown"
	"loan310/app/fault"
	"loan310/app/ident"
	"loan310/app/ledger"
	"loan310/app/merchant"
	"loan310/app/money"
	"loan310/app/reconciliation"
	"loan310/app/security"
	"loan310/app/servicing"
	"loan310/web"
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
		Agree: s.agree,
	}
	if s.config.Providers.BankRail != nil && !rules.NoFailOver {
		deps.FailOver = map[string]string{drawdown.RailWallet: drawdown.RailBank}
	}
	return drawdown.NewService(deps)
}

// agree prices a draw by the product its loan will be made of.
func (s *Stack) agree(line drawdown.Line, request drawdown.Request) (drawdown.Agreed, error) {
	contract, _, err := s.Servicing.Offer(servicing.Terms{
		MerchantID: line.MerchantID, Amount: request.Amount, RateBps: line.Terms.AnnualRateBps, TenorMonths: request.TenorMonths,
		Repayment: request.Repayment, DayCountBase: line.Terms.DayCountBase,
	})
	if err != nil {
		return drawdown.Agreed{}, err
	}
	return drawdown.Agreed{ProductID: contract.Product.ID, ProductVersion: contract.Product.Version, Fee: contract.UpfrontFee()}, nil
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
		Phone: m.Phone.Reveal(), Template: "payout_returned", Language: m.Language, Args: map[string]string{"amount": d.PaidOut().String()}, Key: d.ID + ":returned",
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

// makeReconciler joins statements to our books.
func (s *Stack) makeReconciler() *reconciliation.Service {
	return reconciliation.NewService(reconciliation.Deps{
		Store: s.DB.Reconciliation(), Sources: s.outside.bills,
		Account: map[string]ledger.Account{drawdown.RailWallet: ledger.Settlement, drawdown.RailBank: ledger.SettlementBank},
		Now:     clock.System, Logger: s.config.Logger,
		Returned: func(ctx context.Context, key string, amount money.Amount) error {
			_, err := s.Drawdowns.Returned(ctx, drawdown.Return{Key: key, Amount: amount, Code: "statement"})
			return err
		},
		Arrived: func(ctx context.Context, key string, amount money.Amount) error {
			_, err := s.Collections.Arrived(ctx, key, amount)
			return err
		},
	})
}

// Reconciling opens database and rails, and neither web nor worker nor
// Temporal, for the command. The caller closes it by what is given beside.
func Reconciling(ctx context.Context, config Config) (*reconciliation.Service, func() error, error) {
	s := &Stack{config: config, Board: breaker.NewBoard(clock.System, config.Logger)}
	if err := s.openStore(ctx); err != nil {
		return nil, nil, err
	}
	pepper, err := config.Keys.pepper()
	if err == nil {
		s.outside, err = connect(config.Providers, s.Board, clock.System, pepper, config.Logger)
	}
	if err != nil {
		return nil, nil, errors.Join(err, s.Stop())
	}
	s.Drawdowns = s.makeDrawdowns()
	s.Servicing = servicing.NewService(servicing.Deps{Store: s.DB.Servicing(), Now: clock.System, Logger: config.Logger})
	if s.Collections, err = s.makeCollections(); err != nil {
		return nil, nil, errors.Join(err, s.Stop())
	}
	return s.makeReconciler(), s.Stop, nil
}

// PayoutsOf settles, lists, stops and resumes on a database; it cannot pay.
func PayoutsOf(db *store.DB, logger *slog.Logger) *drawdown.Service {
	return drawdown.NewService(drawdown.Deps{Store: db.Drawdowns(), Desk: db.PayoutDesk(), Now: clock.System, NewID: ident.NewID, Logger: logger})
}

// Payouts is what operators do with payouts at a command line.
type Payouts struct {
	*drawdown.Service
	Staff *security.Service
}

// Settlement is what a person says of a case, or that they approve.
type Settlement struct {
	Case, Outcome, Reference, Note string
	Approve                        bool
}

// Operator proves who acts: an operator or an administrator.
func (p Payouts) Operator(ctx context.Context, login, password string) (audit.Actor, error) {
	person, err := p.Staff.Login(ctx, login, password)
	if err != nil {
		return audit.Actor{}, err
	}
	if person.Role != security.RoleOperator && person.Role != security.RoleAdmin {
		return audit.Actor{}, fault.New(fault.Forbidden, web.CodeNotAllowed, "Only operators and administrators may do this.")
	}
	return audit.Actor{Kind: "person", ID: "staff/" + person.ID}, nil
}

// Settle proposes or approves.
func (p Payouts) Settle(ctx context.Context, s Settlement, by audit.Actor) (drawdown.Case, error) {
	if s.Approve {
		return p.Approve(ctx, s.Case, by)
	}
	return p.Propose(ctx, drawdown.Resolution{CaseID: s.Case, Outcome: drawdown.Outcome(s.Outcome), Reference: s.Reference, Note: s.Note}, by)
}

// List gives the latest payouts, of one state where it is not empty.
func (p Payouts) List(ctx context.Context, state string, limit int) ([]drawdown.Payout, error) {
	list, _, err := p.Payouts(ctx, drawdown.PayoutFilter{State: drawdown.PayoutState(state)}, drawdown.Page{Limit: limit})
	return list, err
}

// Yesterday is the last civil day of the lender that is over.
func Yesterday() string { return drawdown.Day(clock.System().AddDate(0, 0, -1)) }
