package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/app/drawdown"
	"loan310/app/fault"
	"loan310/app/money"
)

// 64 draws of 30 on a line of 1,000: exactly 33 fit (990), whoever comes first.
func TestManyDrawsOnOneLineNeverExceedIt(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		line := s.line(t, 1_000_00)
		second := s.open(t) // as another process would
		draws := make([]drawdown.Drawdown, 64)
		for i := range draws {
			draws[i] = s.drawdown(t, line, 30_00)
		}
		states := inParallel(len(draws), func(i int) (drawdown.Drawdown, error) {
			store := s.Drawdowns()
			if i%2 == 1 {
				store = second.Drawdowns()
			}
			d, _, err := store.Reserve(t.Context(), draws[i].ID, newPayout(draws[i]), promised(draws[i]), entry("drawdown.reserved", "drawdown/x"))
			return d, err
		})
		paying := 0
		for _, answer := range states {
			require.NoError(t, answer.err)
			if answer.value.State == drawdown.Paying {
				paying++
				continue
			}
			require.Equal(t, fault.CodeInsufficientLine, answer.value.FailureCode)
		}
		require.Equal(t, 33, paying)
		view, err := s.Drawdowns().Line(t.Context(), line.ID)
		require.NoError(t, err)
		require.Equal(t, money.Amount(990_00), view.Used)
		s.sound(t)
	})
}

func TestOneKeyMakesOneDrawdown(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		line := s.line(t, 1_000_00)
		answers := inParallel(64, func(int) (string, error) {
			d := newDrawdown(line, 30_00)
			d.Key = "one key"
			stored, err := s.Drawdowns().Create(t.Context(), d, entry("drawdown.requested", "drawdown/x"))
			return stored.ID, err
		})
		for _, answer := range answers {
			require.NoError(t, answer.err)
			require.Equal(t, answers[0].value, answer.value)
		}
		trail, err := s.Audit(t.Context(), "drawdown/x")
		require.NoError(t, err)
		require.Len(t, trail, 1)
	})
}

func TestADrawdownIsReservedOnce(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		line := s.line(t, 1_000_00)
		d := s.drawdown(t, line, 400_00)
		answers := inParallel(32, func(int) (drawdown.State, error) {
			stored, _, err := s.Drawdowns().Reserve(t.Context(), d.ID, newPayout(d), promised(d), entry("drawdown.reserved", "drawdown/"+d.ID))
			return stored.State, err
		})
		for _, answer := range answers {
			require.NoError(t, answer.err)
			require.Equal(t, drawdown.Paying, answer.value)
		}
		view, err := s.Drawdowns().Line(t.Context(), line.ID)
		require.NoError(t, err)
		require.Equal(t, money.Amount(400_00), view.Used)
		s.sound(t)
	})
}

func TestOneOfManyCallersMayCall(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		d := s.drawdown(t, s.line(t, 1_000_00), 400_00)
		_, payout := s.reserve(t, d)
		answers := inParallel(32, func(int) (int, error) {
			begun, err := s.Drawdowns().BeginCall(t.Context(), payout, now(), "2026-11-11", drawdown.Limit{})
			return begun.Calls, err
		})
		begun := 0
		for _, answer := range answers {
			if answer.err == nil {
				begun++
				continue
			}
			requireFault(t, answer.err, fault.Conflict, fault.CodeStale)
		}
		require.Equal(t, 1, begun)
	})
}

// Paid and failed race: one wins, the other is told so, and the books follow
// the winner.
func TestPaidAndFailedRace(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		line := s.line(t, 10_000_00)
		for round := range 10 {
			d := s.drawdown(t, line, 100_00)
			s.reserve(t, d)
			answers := inParallel(8, func(i int) (drawdown.State, error) {
				about := entry("drawdown.settled", "drawdown/"+d.ID)
				if i%2 == 0 {
					stored, err := s.Drawdowns().SettlePaid(t.Context(), d.ID, d.ID+":payout", "ref", paid(d), about)
					return stored.State, err
				}
				stored, err := s.Drawdowns().SettleFailed(t.Context(), d.ID, d.ID+":payout", "x", "", now(), about)
				return stored.State, err
			})
			final, err := s.Drawdowns().Drawdown(t.Context(), d.ID)
			require.NoError(t, err)
			require.True(t, final.State.Final())
			for i, answer := range answers {
				wants := map[bool]drawdown.State{true: drawdown.Paid, false: drawdown.Failed}[i%2 == 0]
				if final.State == wants {
					require.NoError(t, answer.err, "round %d", round)
					require.Equal(t, wants, answer.value)
					continue
				}
				requireFault(t, answer.err, fault.Conflict, fault.CodeWrongState)
			}
		}
		s.sound(t)
	})
}

// Lines drawn on by many at once in both directions: locks are taken in one
// order, so nobody deadlocks.
func TestManyLinesAtOnce(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		first, second := s.line(t, 100_000_00), s.line(t, 100_000_00)
		answers := inParallel(32, func(i int) (struct{}, error) {
			line := first
			if i%2 == 0 {
				line = second
			}
			d := newDrawdown(line, money.Amount(100+i))
			about := entry("drawdown.test", "drawdown/"+d.ID)
			_, errCreate := s.Drawdowns().Create(t.Context(), d, about)
			_, payout, errReserve := s.Drawdowns().Reserve(t.Context(), d.ID, newPayout(d), promised(d), about)
			_, errBegin := s.Drawdowns().BeginCall(t.Context(), payout, now(), "2026-11-11", drawdown.Limit{})
			var errSettle error
			if i%3 == 0 {
				_, errSettle = s.Drawdowns().SettleFailed(t.Context(), d.ID, d.ID+":payout", "x", "", now(), about)
			} else {
				_, errSettle = s.Drawdowns().SettlePaid(t.Context(), d.ID, d.ID+":payout", "ref", paid(d), about)
			}
			return struct{}{}, errors.Join(errCreate, errReserve, errBegin, errSettle)
		})
		for _, answer := range answers {
			require.NoError(t, answer.err)
		}
		report := s.sound(t)
		require.Equal(t, int64(64), report.Journals)
		keys := 0
		for key, err := range s.Ledger().PaidKeys(t.Context()) {
			require.NoError(t, err)
			require.Equal(t, "ref", key.RailRef)
			require.Equal(t, "bank", key.Rail)
			keys++
		}
		require.Equal(t, 21, keys) // 32 draws, 11 of them failed
	})
}

// A caller that goes away in the middle leaves all or nothing.
func TestACancelledCallerLeavesAllOrNothing(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		line := s.line(t, 100_000_00)
		answers := inParallel(48, func(i int) (drawdown.Drawdown, error) {
			d := newDrawdown(line, 100)
			if _, err := s.Drawdowns().Create(t.Context(), d, entry("drawdown.requested", "drawdown/"+d.ID)); err != nil {
				return d, err
			}
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				for range i * 50 {
					_ = fmt.Sprint(i) // a pause of its own length
				}
				cancel()
			}()
			_, _, err := s.Drawdowns().Reserve(ctx, d.ID, newPayout(d), promised(d), entry("drawdown.reserved", "drawdown/"+d.ID))
			if err != nil && !errors.Is(err, context.Canceled) {
				return d, err
			}
			return d, nil
		})
		var used money.Amount
		for _, answer := range answers {
			require.NoError(t, answer.err)
			stored, err := s.Drawdowns().Drawdown(t.Context(), answer.value.ID)
			require.NoError(t, err)
			_, err = s.Drawdowns().Payout(t.Context(), answer.value.ID)
			journals, errJournals := s.Ledger().Journals(t.Context(), "drawdown/"+answer.value.ID)
			require.NoError(t, errJournals)
			if stored.State == drawdown.Paying {
				require.NoError(t, err)
				require.Len(t, journals, 1)
				used += 100
				continue
			}
			require.Equal(t, drawdown.Requested, stored.State)
			requireFault(t, err, fault.NotFound, fault.CodeNotFound)
			require.Empty(t, journals)
		}
		view, err := s.Drawdowns().Line(t.Context(), line.ID)
		require.NoError(t, err)
		require.Equal(t, used, view.Used)
		s.sound(t)
	})
}

func TestACallerAlreadyGoneIsNotServed(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		line := s.line(t, 100_00)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		d := newDrawdown(line, 100)
		_, err := s.Drawdowns().Create(ctx, d, entry("drawdown.requested", "drawdown/"+d.ID))
		require.ErrorIs(t, err, context.Canceled)
		_, err = s.Drawdowns().Drawdown(t.Context(), d.ID)
		requireFault(t, err, fault.NotFound, fault.CodeNotFound)
	})
}
