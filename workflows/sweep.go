package workflows

import (
	"context"
	"log/slog"
	"time"

	"loan310/app/clock"
	"loan310/app/drawdown"
	"loan310/app/fault"
	"loan310/app/underwriting"
)

// Sweeper starts the workflows of records whose process died between storing
// the record and starting it. Starting one that runs does nothing, so any
// number of sweepers may run.
type Sweeper struct {
	Client       *Client
	Underwriting *underwriting.Service
	Drawdowns    *drawdown.Service
	Now          clock.Clock
	Logger       *slog.Logger
	Every        time.Duration // default 5 s
	Age          time.Duration // records younger than this are left alone; default 3 s
}

// Run sweeps until ctx ends.
func (s *Sweeper) Run(ctx context.Context) {
	every := s.Every
	if every <= 0 {
		every = 5 * time.Second
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		if err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.Logger.WarnContext(ctx, "sweep incomplete", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Sweep looks once. It stops at the first start that fails, since the next
// would fail alike.
func (s *Sweeper) Sweep(ctx context.Context) error {
	age := s.Age
	if age <= 0 {
		age = 3 * time.Second
	}
	before := s.Now().Add(-age)
	const most = 500
	applications, err := s.Underwriting.Undecided(ctx, before, most)
	if err != nil {
		return err
	}
	for _, id := range applications {
		application, err := s.Underwriting.Application(ctx, id)
		if err == nil {
			err = s.Client.StartUnderwriting(ctx, id, application.MerchantID)
		}
		if err != nil && fault.KindOf(err) != fault.NotFound {
			return err
		}
	}
	drawdowns, err := s.Drawdowns.Unsettled(ctx, before, most)
	if err != nil {
		return err
	}
	for _, id := range drawdowns {
		d, err := s.Drawdowns.Drawdown(ctx, id)
		if err == nil {
			err = s.Client.StartDrawdown(ctx, id, d.MerchantID)
		}
		if err != nil && fault.KindOf(err) != fault.NotFound {
			return err
		}
	}
	return nil
}
