package stack

import (
	"context"
	"time"

	"loan310/app/clock"
)

const (
	reviewEvery = 10 * time.Minute
	reviewBack  = 25 * time.Hour // looked at after a start; each later run begins where the last began
)

// reviewGroups looks from time to time at the groups of merchants of which
// something new is known, until ctx ends: a registration, a new payout account
// or new customers may connect merchants that hold lines. Decisions do so for
// their own applicants at once.
func (s *Stack) reviewGroups(ctx context.Context) {
	since := clock.System().Add(-reviewBack)
	timer := time.NewTimer(sweepFirst)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		began := clock.System()
		_, err := s.Underwriting.ReviewGroups(ctx, since)
		switch {
		case ctx.Err() != nil: // stopping
		case err != nil:
			s.config.Logger.WarnContext(ctx, "connected merchants not all reviewed", "error", err)
		default:
			since = began.Add(-time.Minute) // of writers whose clocks lag
		}
		timer.Reset(reviewEvery)
	}
}
