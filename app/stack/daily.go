package stack

import (
	"context"
	"log/slog"
	"time"

	"loan310/adapters/store"
	"loan310/app/clock"
	"loan310/app/ident"
	"loan310/app/servicing"
)

// daily makes the loans of drawdowns that have none and closes the days that
// are over, from time to time. Every worker has one: the parts of a day are
// leased in the database, so that any number share the work and one that dies
// holds nothing up for longer than its lease.
type daily struct {
	service *servicing.Service
	days    *servicing.EndOfDay
	logger  *slog.Logger
	every   time.Duration
}

func newDaily(db *store.DB, service *servicing.Service, logger *slog.Logger) daily {
	return daily{
		service: service, logger: logger, every: time.Minute,
		days: &servicing.EndOfDay{Days: db.Days(), Service: service, Owner: "worker/" + ident.NewID(), Workers: 2},
	}
}

// run works once a minute until ctx ends. What fails is logged and made up
// for by the next time.
func (d daily) run(ctx context.Context) {
	timer := time.NewTimer(5 * time.Second) // after the start, when there is most else to do
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		d.once(ctx)
		timer.Reset(d.every)
	}
}

func (d daily) once(ctx context.Context) {
	started := clock.System()
	if made, err := d.service.CatchUp(ctx); err != nil || made > 0 {
		d.logger.LogAttrs(ctx, level(err), "loans made of drawdowns that had none", slog.Int("loans", made), slog.Any("error", err))
	}
	if _, err := d.days.Run(ctx, d.service.Today()-1); err != nil && ctx.Err() == nil {
		d.logger.WarnContext(ctx, "end of day not complete", "error", err, "took", clock.System().Sub(started))
	}
}

func level(err error) slog.Level {
	if err != nil {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}
