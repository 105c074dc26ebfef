package workflows

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"time"

	"loan310/app/clock"
	"loan310/app/drawdown"
	"loan310/app/servicing/collection"
	"loan310/app/underwriting"
)

// Sweeper starts the workflows of records whose process died between storing
// the record and starting it. Starting one that runs does nothing, so any
// number of sweepers may run.
type Sweeper struct {
	Client       *Client
	Underwriting *underwriting.Service
	Drawdowns    *drawdown.Service
	Collections  *collection.Service
	Now          clock.Clock
	Logger       *slog.Logger
	Every        time.Duration // default 5 s
	Age          time.Duration // records younger than this are left alone; default 3 s

	started map[string]time.Time // when a workflow was last seen to be there
}

// seenFor is how long a workflow seen to be there is not asked about again.
const seenFor = 10 * time.Minute

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
// would fail alike. Not for concurrent use.
func (s *Sweeper) Sweep(ctx context.Context) error {
	age := s.Age
	if age <= 0 {
		age = 3 * time.Second
	}
	before := s.Now().Add(-age)
	const most = 20_000 // ids only; what is seen to run is not asked about again
	applications, err := s.Underwriting.Undecided(ctx, before, most)
	if err != nil {
		return err
	}
	drawdowns, err := s.Drawdowns.Unsettled(ctx, before, most)
	if err != nil {
		return err
	}
	debits, err := s.Collections.Unsettled(ctx, before, most)
	if err != nil {
		return err
	}
	s.forget()
	return errors.Join(
		s.each(ctx, applications, func(ctx context.Context, id string) error {
			application, err := s.Underwriting.Application(ctx, id)
			if err != nil {
				return err
			}
			return s.Client.StartUnderwriting(ctx, id, application.MerchantID)
		}),
		s.each(ctx, drawdowns, func(ctx context.Context, id string) error {
			d, err := s.Drawdowns.Drawdown(ctx, id)
			if err != nil {
				return err
			}
			return s.Client.StartDrawdown(ctx, id, d.MerchantID)
		}),
		s.each(ctx, debits, func(ctx context.Context, key string) error {
			d, err := s.Collections.Debit(ctx, key)
			if err != nil {
				return err
			}
			return s.Client.StartDebit(ctx, key, d.MerchantID)
		}),
	)
}

// each starts what was not seen lately.
func (s *Sweeper) each(ctx context.Context, ids []string, start func(context.Context, string) error) error {
	for _, id := range ids {
		if _, seen := s.started[id]; seen {
			continue
		}
		if err := start(ctx, id); err != nil {
			return err
		}
		s.started[id] = s.Now()
	}
	return nil
}

// forget drops what was seen too long ago, so that a workflow lost since is
// found.
func (s *Sweeper) forget() {
	if s.started == nil {
		s.started = map[string]time.Time{}
	}
	now := s.Now()
	maps.DeleteFunc(s.started, func(_ string, at time.Time) bool { return now.Sub(at) >= seenFor })
}
