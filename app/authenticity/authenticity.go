// Package authenticity holds every merchant of a dossier against the
// cross-check, measures the natural rates of honest merchants, and studies how
// many forgers the check finds by injecting fabricated orders. The one rule: an
// injected order is an honest one of the same merchant with only the forged
// trait changed.
package authenticity

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"sync"
	"time"

	"loan310/adapters/dossier"
	"loan310/scoring/crosscheck"
	"loan310/scoring/evidence"
)

// Options say how to check. The zero value of each field is usable, but for
// the rules.
type Options struct {
	Rules    crosscheck.Rules
	Show     int                // order ids kept of a merchant; 0 = fifty
	Workers  int                // 0 = one a core
	Progress func(done, of int) // called now and then, never by two goroutines at once; nil = nobody asks
}

// Finding is the check of one merchant as of its application.
type Finding struct {
	MerchantID string
	AsOf       time.Time
	crosscheck.Report
}

// shop is the evidence of one merchant.
type shop struct {
	merchant     string
	asOf         time.Time
	logistics    evidence.State
	orders       iter.Seq2[*evidence.Order, error]
	waybills     iter.Seq2[*evidence.Waybill, error]
	transactions iter.Seq2[*evidence.Transaction, error]
	bills        iter.Seq2[*evidence.UtilityBill, error]
}

// check holds one shop's rows together.
func (s *shop) check(options *Options) (Finding, error) {
	join := crosscheck.New(s.asOf, crosscheck.Options{Rules: options.Rules, Logistics: s.logistics, Show: options.Show})
	for row, err := range s.waybills {
		if err != nil {
			return Finding{}, fmt.Errorf("waybills of %s: %w", s.merchant, err)
		}
		join.AddWaybill(row)
	}
	rows := make([]evidence.Order, 0, crosscheck.Batch)
	for row, err := range s.orders {
		if err != nil {
			return Finding{}, fmt.Errorf("orders of %s: %w", s.merchant, err)
		}
		if rows = append(rows, *row); len(rows) == cap(rows) {
			join.AddOrders(rows, nil)
			rows = rows[:0]
		}
	}
	join.AddOrders(rows, nil)
	for row, err := range s.transactions {
		if err != nil {
			return Finding{}, fmt.Errorf("transactions of %s: %w", s.merchant, err)
		}
		join.AddTransaction(row)
	}
	for row, err := range s.bills {
		if err != nil {
			return Finding{}, fmt.Errorf("bills of %s: %w", s.merchant, err)
		}
		join.AddBill(row)
	}
	finding := Finding{MerchantID: s.merchant, AsOf: s.asOf, Report: join.Result()}
	if err := join.Name(&finding.Report, s.orders); err != nil {
		return Finding{}, fmt.Errorf("orders of %s: %w", s.merchant, err)
	}
	return finding, nil
}

// shops lists the merchants of a book, each as of its last application, or as
// of the book's moment. A merchant without a parcel among others who have some
// has none; where nobody has any, logistics were not asked.
func shops(book dossier.Book) []shop {
	last := map[string]time.Time{}
	for _, application := range book.Applications() {
		if application.AppliedAt.After(last[application.MerchantID]) {
			last[application.MerchantID] = application.AppliedAt
		}
	}
	merchants := book.Merchants()
	logistics := evidence.Down
	if slices.ContainsFunc(merchants, func(merchant dossier.Merchant) bool { return filled(book.Waybills(merchant.ID)) }) {
		logistics = evidence.Known
	}
	list := make([]shop, len(merchants))
	for i := range merchants {
		id := merchants[i].ID
		asOf, applied := last[id]
		if !applied {
			asOf = book.AsOf()
		}
		list[i] = shop{
			merchant: id, asOf: asOf, logistics: logistics, orders: book.Orders(id), waybills: book.Waybills(id),
			transactions: book.Transactions(id), bills: book.Bills(id),
		}
	}
	return list
}

// filled says whether a sequence has a row, readable or not.
func filled[T any](rows iter.Seq2[*T, error]) bool {
	found := false
	rows(func(*T, error) bool {
		found = true
		return false
	})
	return found
}

// Examine checks every merchant of a book on all cores and gives the findings
// in the book's order: the same whatever the number of cores.
func Examine(ctx context.Context, book dossier.Book, options Options) ([]Finding, error) {
	return examine(ctx, shops(book), &options)
}

func examine(ctx context.Context, list []shop, options *Options) ([]Finding, error) {
	findings := make([]Finding, len(list))
	err := spread(ctx, len(list), options, func(i int) (err error) {
		findings[i], err = list[i].check(options)
		return err
	})
	if err != nil {
		return nil, err
	}
	return findings, nil
}

// spread does count pieces of work on all cores. The error is that of the
// first piece that failed, by number.
func spread(ctx context.Context, count int, options *Options, do func(i int) error) error {
	workers := options.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	work, failed := make(chan int), make([]error, count)
	var group sync.WaitGroup
	var lock sync.Mutex
	done := 0
	for range min(workers, count) {
		group.Go(func() {
			for i := range work {
				failed[i] = do(i)
				lock.Lock()
				if done++; options.Progress != nil && (done%64 == 0 || done == count) {
					options.Progress(done, count)
				}
				lock.Unlock()
			}
		})
	}
	for i := range count {
		if ctx.Err() != nil {
			break
		}
		work <- i
	}
	close(work)
	group.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for _, err := range failed {
		if err != nil {
			return err
		}
	}
	return nil
}
