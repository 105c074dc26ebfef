// Package cost counts what is used, so that a loan's cost can be told: a leaf.
// The rule: counting touches memory only; what was counted is stored in
// batches, apart from the work it was for, and never delays or fails it.
package cost

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

// Usage is how often an item was used for a subject on a day.
type Usage struct {
	Subject  string // application/…, merchant/…; empty: nobody's
	Item     string // provider and kind of call, such as bureau.report
	Day      int    // days since 1970-01-01 in the lender's zone
	Quantity int64
}

type subjectKey struct{}

// About has what is used under the context counted for a subject.
func About(ctx context.Context, subject string) context.Context {
	return context.WithValue(ctx, subjectKey{}, subject)
}

// subjectOf gives the subject of a context, empty without one.
func subjectOf(ctx context.Context) string {
	subject, _ := ctx.Value(subjectKey{}).(string)
	return subject
}

// Meter counts. It is safe for concurrent use; nil counts nothing.
type Meter struct {
	now  func() time.Time
	zone *time.Location

	mu     sync.Mutex
	counts map[Usage]int64 // Quantity unset
}

// NewMeter makes a meter whose days are those of a zone.
func NewMeter(now func() time.Time, zone *time.Location) *Meter {
	return &Meter{now: now, zone: zone, counts: map[Usage]int64{}}
}

// Count counts an item once, for the subject of the context.
func (m *Meter) Count(ctx context.Context, item string) {
	if m == nil {
		return
	}
	use := Usage{Subject: subjectOf(ctx), Item: item, Day: Day(m.now(), m.zone)}
	m.mu.Lock()
	m.counts[use]++
	m.mu.Unlock()
}

// Take gives what was counted since it was last taken, in order of subject,
// item and day.
func (m *Meter) Take() []Usage {
	m.mu.Lock()
	counts := m.counts
	m.counts = map[Usage]int64{}
	m.mu.Unlock()
	taken := make([]Usage, 0, len(counts))
	for use, quantity := range counts {
		use.Quantity = quantity
		taken = append(taken, use)
	}
	slices.SortFunc(taken, func(a, b Usage) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Item, b.Item), cmp.Compare(a.Day, b.Day))
	})
	return taken
}

// Day gives the days since 1970-01-01 of a moment in a zone.
func Day(t time.Time, zone *time.Location) int {
	year, month, day := t.In(zone).Date()
	return int(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / 86_400)
}
