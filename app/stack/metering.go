package stack

import (
	"context"
	"log/slog"
	"time"

	"loan310/adapters/store"
	"loan310/app/clock"
	"loan310/app/cost"
	"loan310/app/ident"
)

const (
	costsEvery  = 5 * time.Second // what is counted since is lost when the process is killed
	costsWithin = 3 * time.Second
)

// metering stores what the meter counted, a batch every few seconds: what a
// call costs never delays or fails the call.
type metering struct {
	meter  *cost.Meter
	db     *store.DB
	logger *slog.Logger
	batch  string       // of what waits, kept until it is stored
	used   []cost.Usage // taken and not stored yet
}

func newMetering(db *store.DB, logger *slog.Logger) *metering {
	return &metering{meter: cost.NewMeter(clock.System, clock.Lender()), db: db, logger: logger}
}

// run stores from time to time until ctx ends.
func (m *metering) run(ctx context.Context) {
	ticker := time.NewTicker(costsEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			m.store(ctx)
		}
	}
}

// end stores what is left. It is called when nothing counts any more and run
// has ended.
func (m *metering) end() {
	for range 2 { // what waited, and what came after
		m.store(context.Background())
	}
}

// store stores what waits. A batch that could not be stored is tried again
// under its own name, which stores it once.
func (m *metering) store(ctx context.Context) {
	if len(m.used) == 0 {
		m.batch, m.used = ident.NewID(), m.meter.Take()
	}
	if len(m.used) == 0 {
		return
	}
	bounded, cancel := context.WithTimeout(ctx, costsWithin)
	defer cancel()
	if err := m.db.SaveCosts(bounded, m.batch, m.used); err != nil {
		if ctx.Err() == nil {
			m.logger.WarnContext(ctx, "costs not stored, will be tried again", "error", err)
		}
		return
	}
	m.used = nil
}
