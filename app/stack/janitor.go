package stack

import (
	"context"
	"log/slog"
	"time"

	"loan310/adapters/store"
)

const (
	sweepFirst  = time.Minute      // after the start, when there is most else to do
	sweepEvery  = 10 * time.Minute // what is swept costs space only
	sweepWithin = 2 * time.Minute  // the rest is for the next time
)

// Janitor has the store remove what has served its purpose, from time to
// time. Several processes may have one.
type Janitor struct {
	Sweep  func(ctx context.Context) (store.Swept, error)
	Logger *slog.Logger
}

// Run sweeps a minute after it is called and every ten minutes from then on,
// until ctx ends. A sweep that fails is logged and made up for by the next.
func (j Janitor) Run(ctx context.Context) {
	timer := time.NewTimer(sweepFirst)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		j.sweep(ctx)
		timer.Reset(sweepEvery)
	}
}

func (j Janitor) sweep(ctx context.Context) {
	bounded, cancel := context.WithTimeout(ctx, sweepWithin)
	defer cancel()
	swept, err := j.Sweep(bounded)
	counts := []slog.Attr{
		slog.Int64("sessions", swept.Sessions), slog.Int64("challenges", swept.Challenges), slog.Int64("answers", swept.Answers),
		slog.Int64("evidence", swept.Evidence), slog.Int64("boards", swept.Boards),
	}
	switch {
	case ctx.Err() != nil: // stopping
	case err != nil:
		j.Logger.LogAttrs(ctx, slog.LevelWarn, "sweep of the database not ended", append(counts, slog.Any("error", err))...)
	case swept != store.Swept{}:
		j.Logger.LogAttrs(ctx, slog.LevelInfo, "database swept", counts...)
	}
}
