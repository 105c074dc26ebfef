package stack

import (
	"context"
	"log/slog"
	"time"

	"loan310/adapters/store"
	"loan310/app/clock"
	"loan310/app/ident"
	"loan310/app/portfolio"
	"loan310/app/servicing"
	"loan310/app/servicing/loan"
)

// daily makes the loans of drawdowns that have none, closes the days that are
// over and books the provisions of months' ends, from time to time. Every worker has one: the parts of a day are
// leased in the database, so that any number share the work and one that dies
// holds nothing up for longer than its lease.
type daily struct {
	service *servicing.Service
	days    *servicing.EndOfDay
	logger  *slog.Logger
	every   time.Duration

	provisions *provisioner
}

func newDaily(db *store.DB, service *servicing.Service, rates portfolio.ProvisionRates, logger *slog.Logger) (daily, error) {
	provisions, err := newProvisioner(db, rates, clock.System)
	return daily{
		service: service, logger: logger, every: time.Minute, provisions: provisions,
		days: &servicing.EndOfDay{
			Days: db.Days(), Service: service, Owner: "worker/" + ident.NewID(), Workers: 2,
			MonthClosed: func(ctx context.Context, _ loan.Date) error { return provisions.book(ctx) },
		},
	}, err
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
	if err := d.provisions.book(ctx); err != nil && ctx.Err() == nil { // where a process died between the day and its provisions
		d.logger.WarnContext(ctx, "provisions not booked", "error", err)
	}
}

func level(err error) slog.Level {
	if err != nil {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}
