package stack

import (
	"context"
	"sync/atomic"

	"loan310/adapters/store"
	"loan310/app/audit"
	"loan310/app/clock"
	"loan310/app/fault"
	"loan310/app/portfolio"
)

// provisioner books what a month's end requires to be set aside, once a
// process and month: a month booked before differs in nothing.
type provisioner struct {
	books portfolio.Store
	rates portfolio.ProvisionRates
	now   clock.Clock
	last  atomic.Int64 // the month booked by this process
	told  func(portfolio.Provision)
}

func newProvisioner(db *store.DB, rates portfolio.ProvisionRates, now clock.Clock) (*provisioner, error) {
	if rates == nil {
		standard, err := portfolio.StandardProvisionRates()
		if err != nil {
			return nil, err
		}
		rates = standard
	}
	return &provisioner{books: db.Portfolio(clock.Lender()), rates: rates, now: now}, nil
}

// book books the newest month whose end is kept.
func (p *provisioner) book(ctx context.Context) error {
	month, err := p.books.LastMonth(ctx)
	if fault.KindOf(err) == fault.NotFound || err == nil && int64(month) == p.last.Load() {
		return nil
	}
	if err != nil {
		return err
	}
	booked, err := portfolio.BookProvisions(ctx, p.books, month, p.rates, p.now(), audit.System("portfolio"))
	if err != nil {
		return err
	}
	p.last.Store(int64(month))
	if p.told != nil {
		p.told(booked)
	}
	return nil
}
