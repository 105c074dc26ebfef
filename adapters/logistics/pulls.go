package logistics

import (
	"sync"
	"time"

	"loan310/app/clock"
	"loan310/app/fault"
)

// CodePulls marks a spot check refused because its budget is spent; the kind
// is fault.Limited and the provider was not asked.
const CodePulls fault.Code = "pull_budget_spent"

// chinaTime is the zone of Kuaidi100's times and of its billing day. It has
// had no clock changes since 1991.
func chinaTime() *time.Location { return time.FixedZone("UTC+8", 8*60*60) }

// Budget counts spot checks of one process: at most so many for an application
// and so many a day (UTC+8). It is safe for concurrent use.
type Budget struct {
	perApplication, perDay int
	clock                  clock.Clock

	mu    sync.Mutex
	day   string
	total int
	used  map[string]int // by application, of this day
}

// NewBudget makes a budget. Zero or less allows none.
func NewBudget(perApplication, perDay int, now clock.Clock) *Budget {
	return &Budget{perApplication: perApplication, perDay: perDay, clock: now, used: map[string]int{}}
}

// Used tells how many spot checks an application and the day have used.
func (b *Budget) Used(applicationID string) (application, day int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turn()
	return b.used[applicationID], b.total
}

// take counts one spot check and gives both counts with it included; a spent
// budget is a fault.Limited with CodePulls, and nothing is counted.
func (b *Budget) take(applicationID string) (application, day int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turn()
	if b.used[applicationID] >= b.perApplication {
		return 0, 0, fault.New(fault.Limited, CodePulls, "the application has used its %d spot checks", b.perApplication)
	}
	if b.total >= b.perDay {
		return 0, 0, fault.New(fault.Limited, CodePulls, "today's %d spot checks are used", b.perDay)
	}
	b.used[applicationID]++
	b.total++
	return b.used[applicationID], b.total, nil
}

// giveBack undoes a take of the same day whose request was never sent.
func (b *Budget) giveBack(applicationID string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turn()
	if b.used[applicationID] == 0 {
		return
	}
	b.used[applicationID]--
	b.total--
}

// turn starts a new count when the day has changed.
func (b *Budget) turn() {
	today := b.clock().In(chinaTime()).Format(time.DateOnly)
	if today == b.day {
		return
	}
	b.day, b.total = today, 0
	clear(b.used)
}
