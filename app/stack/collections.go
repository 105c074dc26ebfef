package stack

import (
	"context"
	"errors"
	"fmt"

	"loan310/adapters/breaker"
	"loan310/app/clock"
	"loan310/app/merchant"
	"loan310/app/servicing"
	"loan310/app/servicing/collection"
)

// makeCollections joins what is due to the rail and to the phones.
func (s *Stack) makeCollections() (*collection.Service, error) {
	plans, err := collection.StandardPlans()
	if err != nil {
		return nil, fmt.Errorf("read the collection plans: %w", err)
	}
	return collection.NewService(collection.Deps{
		Store: s.DB.Collection(), Servicing: s.Servicing, Plans: plans, Collector: s.outside.debits, Send: s.remind,
		Now: clock.System, Logger: s.config.Logger, Grace: s.config.PayoutGrace, Reached: s.config.Reached,
	}), nil
}

// remind sends a reminder in the merchant's language.
func (s *Stack) remind(ctx context.Context, n collection.Notice) error {
	m, err := s.Merchants.Merchant(ctx, n.MerchantID)
	if err != nil {
		return err
	}
	return s.outside.notifier.Send(ctx, merchant.Message{
		Phone: m.Phone.Reveal(), Template: n.Template, Language: m.Language, Key: n.Key(),
		Args: map[string]string{"amount": n.Amount.String(), "due_on": n.DueOn.String()},
	})
}

// CollectionRound is what a round at a command line did.
type CollectionRound struct {
	Looked, Opened, Collected, Failed, Open int
	Reminded                                collection.Reminded
}

// OnDemand opens database, rail and phones, for the commands. The caller
// closes it by what is given beside.
func OnDemand(ctx context.Context, config Config) (*Collector, func() error, error) {
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
	s.Merchants = merchant.NewService(merchant.Deps{Store: s.DB.Merchants(), Now: clock.System})
	s.Servicing = servicing.NewService(servicing.Deps{Store: s.DB.Servicing(), Now: clock.System, Logger: config.Logger})
	if s.Collections, err = s.makeCollections(); err != nil {
		return nil, nil, errors.Join(err, s.Stop())
	}
	return &Collector{service: s.Collections}, s.Stop, nil
}

// Collector collects and reminds on demand.
type Collector struct {
	service *collection.Service
}

// Debit opens the debits that plans want now and calls the rail once for
// each; what it does not settle at once, workers do. Told hears how many loans
// were looked at and debits made.
func (c *Collector) Debit(ctx context.Context, told func(CollectionRound)) (CollectionRound, error) {
	var round CollectionRound
	for {
		opened, looked, err := c.service.Collect(ctx, 200)
		round.Looked += looked
		for _, d := range opened {
			round.Opened++
			advanced, stepErr := c.service.Advance(ctx, d.Key)
			if stepErr != nil {
				return round, stepErr
			}
			switch advanced.State {
			case collection.Collected:
				round.Collected++
			case collection.Failed:
				round.Failed++
			default:
				round.Open++
			}
		}
		told(round)
		if err != nil || looked == 0 {
			return round, err
		}
	}
}

// Remind plans and sends today's reminders.
func (c *Collector) Remind(ctx context.Context) (CollectionRound, error) {
	done, err := c.service.Remind(ctx)
	return CollectionRound{Reminded: done}, err
}
