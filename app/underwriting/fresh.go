package underwriting

import (
	"sync"
	"time"

	"loan310/scoring/evidence"
)

const (
	// freshRows is how many rows of one source are kept for the decision that
	// follows; more are read from the store, a piece at a time.
	freshRows = 8 << 10
	// freshTotal bounds the rows kept of all applications together.
	freshTotal = 64 << 10
)

// fresh keeps the rows of evidence just stored until they are decided on,
// which spares reading them back. They are what the store would give, since
// rows are brought into the form reading has (settled) before they are
// written: TestFreshRowsAreTheStored. The oldest go when there are too many.
type fresh struct {
	mu    sync.Mutex
	kept  map[string]freshSource // by reference
	order []string               // oldest first; may name what is gone
	rows  int
}

type freshSource struct {
	rows  any // []T of the source
	count int
}

func newFresh() *fresh { return &fresh{kept: map[string]freshSource{}} }

// keep remembers the rows of an evidence.
func (f *fresh) keep(ref string, rows any, count int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.kept[ref] = freshSource{rows, count}
	f.order = append(f.order, ref)
	f.rows += count
	for f.rows > freshTotal && len(f.order) > 0 {
		f.forget(f.order[0])
		f.order = f.order[1:]
	}
}

// freshOf gives the rows kept of an evidence; it must not be changed.
func freshOf[T any](f *fresh, ref string) ([]T, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	rows, ok := f.kept[ref].rows.([]T)
	return rows, ok
}

// drop forgets evidence that was decided on.
func (f *fresh) drop(metas []evidence.Meta) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, meta := range metas {
		f.forget(meta.Ref)
	}
	for len(f.order) > 0 { // names of what is gone do not pile up
		if _, ok := f.kept[f.order[0]]; ok {
			break
		}
		f.order = f.order[1:]
	}
}

func (f *fresh) forget(ref string) {
	f.rows -= f.kept[ref].count
	delete(f.kept, ref)
}

// settled brings a row into the form it has when it is read back: moments in
// UTC without a monotonic clock, nothing shared with whoever handed it over.
// It reports false for a kind of row that is not kept.
func settled(row any) bool {
	switch row := row.(type) {
	case *evidence.Order:
		utc(&row.CreatedAt, &row.PaidAt, &row.ShippedAt, &row.DeliveredAt, &row.RefundedAt, &row.BuyerSince)
	case *evidence.Waybill:
		utc(&row.CreatedAt, &row.PickedUpAt, &row.SignedAt)
	case *evidence.Transaction:
		utc(&row.BookedAt)
		if row.Balance != nil {
			balance := *row.Balance
			row.Balance = &balance
		}
	case *evidence.UtilityBill:
		utc(&row.PeriodStart, &row.PeriodEnd, &row.DueAt, &row.PaidAt)
	default:
		return false
	}
	return true
}

func utc(moments ...*time.Time) {
	for _, moment := range moments {
		*moment = moment.UTC().Round(0)
	}
}
