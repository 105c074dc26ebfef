package stack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"loan310/adapters/bank"
	"loan310/adapters/bankrail"
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
	"loan310/app/reconciliation"
	"loan310/app/servicing/collection"
	"loan310/app/underwriting"
	"loan310/scoring/evidence"
)

// Pull budgets of paid single-waybill checks.
const (
	spotsPerApplication = 20
	spotsPerDay         = 50_000
)

// guardDebit names the guard of debits, which go to the payouts' gateway.
const guardDebit = "debit"

// defaultDebitScene is the scene that merchants' agreements are signed for.
const defaultDebitScene = "INDUSTRY|LOAN"

// outside is every adapter, each behind a guard of its own.
type outside struct {
	feeds    underwriting.Feeds
	spots    underwriting.SpotChecker
	registry merchant.Registry
	identity merchant.Identity
	notifier merchant.Notifier
	rails    map[string]drawdown.Rail
	bills    map[string]reconciliation.Source
	debits   collection.Collector
	closers  []func()
}

func (o *outside) close() {
	for _, closer := range o.closers {
		closer()
	}
}

// connect makes the adapters; nothing is called yet.
func connect(providers Providers, board *breaker.Board, now clock.Clock, pseudonymKey []byte, logger *slog.Logger) (*outside, error) {
	out := &outside{rails: map[string]drawdown.Rail{}, bills: map[string]reconciliation.Source{}}
	return out, errors.Join(
		out.connectHistories(providers, board, now, pseudonymKey),
		out.connectSpots(providers, board, now),
		out.connectRecords(providers, board, now),
		out.connectRail(providers.Payout, board, now),
		out.connectBankRail(providers.BankRail, now, logger),
	)
}

// connectHistories makes the four sources that are read row by row.
func (o *outside) connectHistories(providers Providers, board *breaker.Board, now clock.Clock, pseudonymKey []byte) error {
	at := providers.Kinds
	orders, err := marketplace.New(marketplace.Settings{
		BaseURL: at[sandbox.Marketplace].URL, Token: at[sandbox.Marketplace].Token,
		KeyID: at[sandbox.Marketplace].KeyID, Key: at[sandbox.Marketplace].Key, Guard: providers.guard(sandbox.Marketplace),
	}, board, now)
	if err != nil {
		return fmt.Errorf("marketplace: %w", err)
	}
	waybills, err := logistics.New(logistics.Settings{
		BaseURL: at[sandbox.Logistics].URL, Token: at[sandbox.Logistics].Token,
		KeyID: at[sandbox.Logistics].KeyID, Key: at[sandbox.Logistics].Key, Guard: providers.guard(sandbox.Logistics),
	}, board, now)
	if err != nil {
		return fmt.Errorf("logistics: %w", err)
	}
	transactions, err := bank.New(bank.Settings{
		BaseURL: at[sandbox.Bank].URL, Token: at[sandbox.Bank].Token, PseudonymKey: pseudonymKey, Guard: providers.guard(sandbox.Bank),
	}, board, now)
	if err != nil {
		return fmt.Errorf("bank: %w", err)
	}
	bills, err := utility.New(utility.Settings{
		BaseURL: at[sandbox.Utility].URL, ClientID: at[sandbox.Utility].KeyID, ClientSecret: at[sandbox.Utility].Key, Guard: providers.guard(sandbox.Utility),
	}, board)
	if err != nil {
		return fmt.Errorf("utility: %w", err)
	}
	o.feeds.Orders, o.feeds.Waybills, o.feeds.Transactions, o.feeds.Bills = orders, waybills, transactions, bills
	o.closers = append(o.closers, orders.Close, waybills.Close, transactions.Close, bills.Close)
	return nil
}

// connectSpots makes the paid single-waybill check.
func (o *outside) connectSpots(providers Providers, board *breaker.Board, now clock.Clock) error {
	at := providers.Kinds[Kuaidi100]
	spot, err := logistics.NewSpot(logistics.SpotSettings{
		BaseURL: at.URL, Customer: at.KeyID, Key: at.Key, Guard: breaker.Settings{MaxWait: 2 * time.Second, MaxConcurrent: 32},
	},
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

// connectRecords makes the sources that answer with one record.
func (o *outside) connectRecords(providers Providers, board *breaker.Board, now clock.Clock) error {
	guard := func(kind string, budget time.Duration) *breaker.Guard {
		settings := providers.guard(kind)
		settings.Budget, settings.MaxWait = budget, time.Second
		return breaker.New(settings, board)
	}
	at := providers.Kinds
	reports, err := bureau.New(bureau.Options{
		BaseURL: at[sandbox.Bureau].URL, KeyID: at[sandbox.Bureau].KeyID, Key: at[sandbox.Bureau].Key,
		Guard: guard(sandbox.Bureau, 6*time.Second), Clock: now,
	})
	if err != nil {
		return err
	}
	licences, err := registry.New(registry.Options{
		BaseURL: at[sandbox.Registry].URL, Token: at[sandbox.Registry].Token, Guard: guard(sandbox.Registry, 4*time.Second),
	})
	if err != nil {
		return err
	}
	people, err := identity.New(identity.Options{
		BaseURL: at[sandbox.Identity].URL, KeyID: at[sandbox.Identity].KeyID, Key: at[sandbox.Identity].Key,
		Guard: guard(sandbox.Identity, 4*time.Second), Clock: now,
	})
	if err != nil {
		return err
	}
	messages, err := notify.New(notify.Options{
		BaseURL: at[sandbox.Notify].URL, Token: at[sandbox.Notify].Token, Guard: guard(sandbox.Notify, 3*time.Second),
	})
	if err != nil {
		return err
	}
	o.feeds.Bureau, o.feeds.Registry = reports, licences
	o.registry, o.identity, o.notifier = licences, people, messages
	o.closers = append(o.closers, reports.Close, licences.Close, people.Close, messages.Close)
	return nil
}

// connectRail makes the payout rail. Its guard waits for no place and hedges
// nothing; its budget lies below the grace that a lost answer is given.
func (o *outside) connectRail(provider PayoutProvider, board *breaker.Board, now clock.Clock) error {
	private, err := payout.ParsePrivateKey(provider.AppPrivateKey)
	if err != nil {
		return fmt.Errorf("payout: our private key: %w", err)
	}
	public, err := payout.ParsePublicKey(provider.RailPublicKey)
	if err != nil {
		return fmt.Errorf("payout: the rail's public key: %w", err)
	}
	options := payout.Options{
		GatewayURL: provider.URL, AppID: provider.AppID, PrivateKey: private, PublicKey: public, Clock: now,
		AppCertSN: provider.AppCertSN, RootCertSN: provider.RootCertSN, IdentityType: provider.IdentityType,
		SceneName: provider.SceneName, SceneReports: provider.SceneReports,
		Guard: breaker.New(breaker.Settings{Name: sandbox.Payout, Budget: 8 * time.Second, MaxConcurrent: 128}, board),
	}
	rail, err := payout.New(options)
	if err != nil {
		return err
	}
	options.Guard = breaker.New(breaker.Settings{Name: guardDebit, Budget: 8 * time.Second, MaxConcurrent: 128}, board)
	debits, err := payout.NewDebits(options, cmp.Or(provider.DebitScene, defaultDebitScene))
	if err != nil {
		rail.Close()
		return err
	}
	o.debits = debits
	o.closers = append(o.closers, debits.Close)
	o.rails[drawdown.RailWallet], o.rails[drawdown.RailBank] = rail, rail
	o.bills[drawdown.RailWallet] = rail
	o.closers = append(o.closers, rail.Close)
	return nil
}

// connectBankRail makes the rail of files, where there is one.
func (o *outside) connectBankRail(provider *BankRailProvider, now clock.Clock, logger *slog.Logger) error {
	if provider == nil {
		return nil
	}
	rail, err := bankrail.New(bankrail.Options{
		Dir: provider.Dir, Clock: now, Logger: logger,
		Debtor: bankrail.Debtor{
			Name: provider.DebtorName, Account: provider.DebtorAccount, ClearingSystem: provider.ClearingSystem, ClearingMember: provider.ClearingMember,
		},
	})
	if err != nil {
		return err
	}
	o.rails[drawdown.RailBank], o.bills[drawdown.RailBank] = rail, rail
	return nil
}
