package backtest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"loan310/scoring/evidence"
	"loan310/scoring/relations"
)

// connections are the neighbourhoods of all applications as they were then, by
// place.
type connections []*evidence.Relations

// carried is what an application brought to the book of identifiers.
type carried struct {
	folder      *Folder
	application Application
	found       []relations.Found
	orders      int64
}

// connect reads the book once for who shares what with whom, and walks the
// applications in the order of time, so that no neighbourhood knows a later
// application. Defaults are known from the day they were observed. Limits given
// to connected merchants are not: each application is decided by itself.
func (r *runner) connect(ctx context.Context) (connections, error) {
	list := make([]carried, r.about.Applications)
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	tasks := make(chan task, max(r.options.Workers, 1))
	failed := map[int]error{}
	var mutex sync.Mutex
	var group sync.WaitGroup
	done := 0
	for range max(r.options.Workers, 1) {
		group.Go(func() {
			for t := range tasks {
				err := sketch(t.folder, list)
				mutex.Lock()
				if done += len(t.folder.Applications); err != nil {
					failed[t.place] = err
					stop(err)
				} else if r.options.Looking != nil {
					r.options.Looking(done, r.about.Applications)
				}
				mutex.Unlock()
			}
		})
	}
	err := r.hand(ctx, tasks)
	group.Wait()
	if err = cmp.Or(firstFailure(failed), err); err != nil {
		return nil, err
	}
	return r.walk(list)
}

// sketch notes what one merchant's applications carried, each as of its moment.
func sketch(folder *Folder, list []carried) error {
	rows, err := folder.Read()
	if err != nil {
		return fmt.Errorf("merchant %s: %w", folder.MerchantID, err)
	}
	for _, application := range folder.Applications {
		sketch := relations.NewSketch(application.AppliedAt)
		if rows.Orders != nil {
			for row, err := range rows.Orders {
				if err != nil {
					return fmt.Errorf("merchant %s: %w", folder.MerchantID, err)
				}
				sketch.AddOrder(row)
			}
		}
		if rows.Bills != nil {
			for row, err := range rows.Bills {
				if err != nil {
					return fmt.Errorf("merchant %s: %w", folder.MerchantID, err)
				}
				sketch.AddBill(row)
			}
		}
		// The folder's way to its rows must not be kept: it holds them.
		kept := &Folder{MerchantID: folder.MerchantID, Region: folder.Region, Industry: folder.Industry}
		list[application.Place] = carried{
			folder: kept, application: application, orders: sketch.Orders(),
			found: append(slices.Clip(folder.Identifiers), sketch.Found()...),
		}
	}
	return nil
}

// walk takes the applications in the order of time.
func (r *runner) walk(list []carried) (connections, error) {
	order := make([]int, 0, len(list))
	tracker := relations.NewTracker()
	for place := range list {
		if list[place].folder == nil {
			continue // its merchant is not in the book
		}
		order = append(order, place)
		application := &list[place].application
		if outcome, known := r.book.Outcome(application.ID); known && outcome.Bad {
			tracker.Defaulted(application.MerchantID, outcome.ObservedAt)
		}
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(list[a].application.AppliedAt.Compare(list[b].application.AppliedAt), cmp.Compare(a, b))
	})
	result := make(connections, len(list))
	for _, place := range order {
		c := &list[place]
		around, err := tracker.Apply(relations.Application{
			Merchant: c.application.MerchantID, At: c.application.AppliedAt, Found: c.found, Orders: c.orders,
			Pattern: relations.Pattern(c.application.Amount, c.application.Purpose, c.folder.Industry, c.folder.Region),
		})
		if err != nil {
			return nil, fmt.Errorf("application %s: %w", c.application.ID, err)
		}
		result[place] = around
		c.found = nil // the tracker keeps what it needs
	}
	return result, nil
}
