package stack

import (
	"context"
	"errors"
	"fmt"

	"loan310/adapters/bank"
	"loan310/adapters/breaker"
	"loan310/adapters/bureau"
	"loan310/adapters/identity"
	"loan310/adapters/logistics"
	"loan310/adapters/marketplace"
	"loan310/adapters/notify"
	"loan310/adapters/payout"
	"loan310/adapters/registry"
	"loan310/adapters/sandbox"
	"loan310/adapters/utility"
	"loan310/app/clock"
	"loan310/app/drawdown"
	"loan310/app/merchant"
	"loan310/app/underwriting"
	"loan310/scoring/evidence"
)

// Pull budgets of paid single-waybill checks.
const (
	spotsPerApplication = 20
	spotsPerDay         = 50_000
)

// outside is every adapter, each behind a guard of its own.
type outside struct {
	feeds    underwriting.Feeds
	spots    underwriting.SpotChecker
	registry merchant.Registry
	identity merchant.Identity
	notifier merchant.Notifier
	rail     drawdown.Rail
	closers  []func()
}

func (o *outside) close() {
	for _, closer := range o.closers {
		closer()
	}
}

// connect makes the adapters; nothing is called yet.
func connect(providers Providers, board *breaker.Board, now clock.Clock, pseudonymKey []byte) (*outside, error) {
	out := &outside{}
	return out, errors.Join(
		out.connectHistories(providers, board, now, pseudonymKey),
		out.connectSpots(providers, board, now),
		out.connectRecords(providers, board, now),
		out.connectRail(providers.Payout, board, now),
	)
}

// connectHistories makes the four sources that are read row by row.
func (o *outside) connectHistories(providers Providers, board *breaker.Board, now clock.Clock, pseudonymKey []byte) error {
	at := providers.Kinds
	orders, err := marketplace.New(marketplace.Settings{
		BaseURL: at[sandbox.Marketplace].URL, Token: at[sandbox.Marketplace].Token,
		KeyID: at[sandbox.Marketplace].KeyID, Key: at[sandbox.Marketplace].Key,
	}, board, now)
	if err != nil {
		return fmt.Errorf("marketplace: %w", err)
	}
	waybills, err := logistics.New(logistics.Settings{
		BaseURL: at[sandbox.Logistics].URL, Token: at[sandbox.Logistics].Token,
		KeyID: at[sandbox.Logistics].KeyID, Key: at[sandbox.Logistics].Key,
	}, board, now)
	if err != nil {
		return fmt.Errorf("logistics: %w", err)
	}
	transactions, err := bank.New(bank.Settings{BaseURL: at[sandbox.Bank].URL, Token: at[sandbox.Bank].Token, PseudonymKey: pseudonymKey}, board, now)
	if err != nil {
		return fmt.Errorf("bank: %w", err)
	}
	bills, err := utility.New(utility.Settings{BaseURL: at[sandbox.Utility].URL, ClientID: at[sandbox.Utility].KeyID, ClientSecret: at[sandbox.Utility].Key}, board)
	if err != nil {
		return fmt.Errorf("utility: %w", err)
	}
	o.feeds.Orders, o.feeds.Waybills, o.feeds.Transactions, o.feeds.Bills = orders, waybills, transactions, bills
	o.closers = append(o.closers, orders.Close, waybills.Close, transactions.Close, bills.Close)
	return nil
}

// connectSpots makes the paid single-waybill check.
func (o *outside) connectSpots(providers Providers, board *breaker.Board, now clock.Clock) error {
	at := providers.Kinds[sandbox.Logistics]
	spot, err := logistics.NewSpot(logistics.SpotSettings{BaseURL: at.URL, Customer: at.KeyID, Key: at.Key},
		logistics.NewBudget(spotsPerApplication, spotsPerDay, now), board)
	if err != nil {
		return fmt.Errorf("spot checks: %w", err)
	}
	o.spots = spots{spot}
	o.closers = append(o.closers, spot.Close)
	return nil
}

// spots fits the logistics adapter to the use case.
type spots struct{ spot *logistics.Spot }

func (s spots) SpotCheck(ctx context.Context, applicationID, waybillNo, carrier string) (evidence.Waybill, error) {
	return s.spot.For(applicationID).SpotCheck(ctx, waybillNo, carrier)
}
