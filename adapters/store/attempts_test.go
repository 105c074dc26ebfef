package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/app/drawdown"
	"loan310/app/fault"
	"loan310/app/money"
)

// nextAttempt is the attempt after p over the wallet.
func nextAttempt(p drawdown.Payout) drawdown.Payout {
	p.Attempt++
	p.Key, p.Rail, p.Version = p.DrawdownID+":payout2", "wallet", 1
	return p
}

func TestAttemptsFollowOneAnotherAndOnlyTheLastIsSettled(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx, store := t.Context(), s.Drawdowns()
		d := s.drawdown(t, s.line(t, 1_000_00), 400_00)
		_, first := s.reserve(t, d)
		begun, err := store.BeginCall(ctx, first, now(), "2026-11-11", drawdown.Limit{})
		require.NoError(t, err)
		require.Equal(t, drawdown.PayoutSent, begun.State)
		require.NoError(t, store.NotSent(ctx, begun, first, now().Add(time.Second)))
		requireFault(t, store.NotSent(ctx, begun, first, now()), fault.Conflict, fault.CodeStale)
		back, err := store.Payout(ctx, d.ID)
		require.NoError(t, err)
		require.Equal(t, drawdown.PayoutRequested, back.State)
		require.False(t, back.Left())
		require.Zero(t, back.LastCallAt)
		require.Equal(t, drawdown.WaitsForRail, back.WaitsFor)
		require.Equal(t, now().Add(time.Second), back.WaitsSince)

		about := entry("drawdown.failed_over", "drawdown/"+d.ID)
		_, err = store.FailOver(ctx, begun, "never_sent", nextAttempt(first), about)
		requireFault(t, err, fault.Conflict, fault.CodeStale)
		moved, err := store.FailOver(ctx, back, "never_sent", nextAttempt(first), about)
		require.NoError(t, err)
		require.Equal(t, drawdown.Paying, moved.State)
		s.sound(t)
		second, err := store.Payout(ctx, d.ID)
		require.NoError(t, err)
		require.Equal(t, 2, second.Attempt)
		require.Equal(t, plainAccount, second.Account)

		_, err = store.SettlePaid(ctx, d.ID, first.Key, "late", paid(d), about)
		requireFault(t, err, fault.Conflict, fault.CodeWrongState)
		_, err = store.SettleFailed(ctx, d.ID, first.Key, "x", "", now(), about)
		requireFault(t, err, fault.Conflict, fault.CodeWrongState)
		s.sound(t)
	})
}

func TestAReversedPayoutGivesHeadroomAndBooksBack(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx, store, desk := t.Context(), s.Drawdowns(), s.PayoutDesk()
		line := s.line(t, 1_000_00)
		d := s.drawdown(t, line, 400_00)
		_, p := s.reserve(t, d)
		about := entry("drawdown.reversed", "drawdown/"+d.ID)
		_, err := store.SettleReversed(ctx, d.ID, p.Key, "AC04", now(), about)
		requireFault(t, err, fault.Conflict, fault.CodeWrongState)
		_, err = store.SettlePaid(ctx, d.ID, p.Key, "r", paid(d), about)
		require.NoError(t, err)
		for range 2 {
			reversed, err := store.SettleReversed(ctx, d.ID, p.Key, "AC04", now(), about)
			require.NoError(t, err)
			require.Equal(t, drawdown.Reversed, reversed.State)
		}
		_, err = store.SettlePaid(ctx, d.ID, p.Key, "r", paid(d), about)
		requireFault(t, err, fault.Conflict, fault.CodeWrongState)
		view, err := store.Line(ctx, line.ID)
		require.NoError(t, err)
		require.Zero(t, view.Used)
		s.sound(t)
		untold, err := desk.Untold(ctx, 10)
		require.NoError(t, err)
		require.Equal(t, []string{d.ID}, untold)
		require.NoError(t, desk.Told(ctx, d.ID, now()))
		untold, err = desk.Untold(ctx, 10)
		require.NoError(t, err)
		require.Empty(t, untold)
	})
}

// TestADaysLimitHoldsForManyAtOnce: 10 payouts of 100 at once, a limit of 350
// lets 3 through.
func TestADaysLimitHoldsForManyAtOnce(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		line := s.line(t, 100_000)
		payouts := make([]drawdown.Payout, 10)
		for i := range payouts {
			_, payouts[i] = s.reserve(t, s.drawdown(t, line, 100))
		}
		answers := inParallel(len(payouts), func(i int) (drawdown.Payout, error) {
			return s.Drawdowns().BeginCall(t.Context(), payouts[i], now(), "2026-11-11", drawdown.Limit{Amount: 350})
		})
		through := 0
		for _, answer := range answers {
			require.NoError(t, answer.err)
			if answer.value.Calls == 1 {
				through++
			} else {
				require.Equal(t, drawdown.WaitsForLimit, answer.value.WaitsFor)
			}
		}
		require.Equal(t, 3, through)
		usage, err := s.PayoutDesk().Usage(t.Context(), "2026-11-11")
		require.NoError(t, err)
		require.Equal(t, []drawdown.Usage{{Rail: "bank", Day: "2026-11-11", Amount: money.Amount(300), Count: 3}}, usage)
	})
}

func TestStopsAndCasesAreKept(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx, desk := t.Context(), s.PayoutDesk()
		about := entry("rail.stopped", "rail/bank")
		stop := drawdown.Stop{Rail: "bank", Reason: "rehearsal", By: "a", At: now()}
		require.NoError(t, desk.SetStop(ctx, stop, about))
		require.NoError(t, desk.SetStop(ctx, drawdown.Stop{Rail: "bank", Reason: "other", By: "b", At: now()}, about))
		stops, err := desk.Stops(ctx)
		require.NoError(t, err)
		require.Equal(t, []drawdown.Stop{stop}, stops)
		_, p := s.reserve(t, s.drawdown(t, s.line(t, 1_000_00), 400_00))
		held, err := s.Drawdowns().BeginCall(ctx, p, now(), "2026-11-11", drawdown.Limit{})
		require.NoError(t, err)
		require.Equal(t, drawdown.WaitsForResume, held.WaitsFor)
		require.Zero(t, held.Calls)
		require.NoError(t, desk.ClearStop(ctx, "bank", about))
		stops, err = desk.Stops(ctx)
		require.NoError(t, err)
		require.Empty(t, stops)

		c := drawdown.Case{ID: "c1", PayoutKey: p.Key, DrawdownID: p.DrawdownID, Reason: drawdown.CaseUnknown, State: drawdown.CaseOpen, OpenedAt: now()}
		require.NoError(t, desk.OpenCase(ctx, c, about))
		again := c
		again.ID = "c2"
		require.NoError(t, desk.OpenCase(ctx, again, about))
		cases, err := desk.Cases(ctx, 10)
		require.NoError(t, err)
		require.Equal(t, []drawdown.Case{c}, cases)
		c.State, c.Outcome, c.Reference, c.ProposedBy, c.ProposedAt, c.Owner = drawdown.CaseProposed, drawdown.OutcomePaid, "s", "a", now(), "a"
		require.NoError(t, desk.ChangeCase(ctx, c, drawdown.CaseOpen, about))
		requireFault(t, desk.ChangeCase(ctx, c, drawdown.CaseOpen, about), fault.Conflict, fault.CodeStale)
		self := c
		self.State, self.ClosedBy, self.ClosedAt = drawdown.CaseClosed, "a", now()
		require.Error(t, desk.ChangeCase(ctx, self, drawdown.CaseProposed, about)) // the database refuses one pair of eyes too
		require.NoError(t, desk.CloseByRail(ctx, p.Key, now(), about))
		closed, err := desk.Case(ctx, "c1")
		require.NoError(t, err)
		require.Equal(t, drawdown.OutcomeRail, closed.Outcome)
		list, _, err := desk.PayoutList(ctx, drawdown.PayoutFilter{State: drawdown.PayoutRequested, Rail: "bank"}, drawdown.Page{Limit: 5})
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.Empty(t, list[0].Account)
	})
}
