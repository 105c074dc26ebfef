package store_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/app/audit"
	"loan310/app/clock"
	"loan310/app/drawdown"
	"loan310/app/fault"
	"loan310/app/ledger"
	"loan310/app/money"
	"loan310/app/reconciliation"
)

// bill is a statement under the test's control.
type bill struct {
	lines []reconciliation.Line
	err   error // after the lines
}

func (b *bill) Statement(_ context.Context, _ string, each func(reconciliation.Line) error) (string, error) {
	for i, line := range b.lines {
		line.N, line.At = i+1, now()
		if err := each(line); err != nil {
			return "", err
		}
	}
	return "hash", b.err
}

func (b *bill) pay(key string, fen money.Amount) {
	b.lines = append(b.lines, reconciliation.Line{Key: key, Ref: "R" + key, Direction: reconciliation.Out, Amount: fen})
}

// reconciler reconciles the bank's days on a suite.
func (s *suite) reconciler(source reconciliation.Source) *reconciliation.Service {
	return reconciliation.NewService(reconciliation.Deps{
		Store: s.Reconciliation(), Sources: map[string]reconciliation.Source{"bank": source},
		Account: map[string]ledger.Account{"bank": ledger.SettlementBank}, Now: clock.Fixed(now()), Logger: slog.New(slog.DiscardHandler),
		Returned: func(ctx context.Context, key string, _ money.Amount) error {
			p, err := s.PayoutDesk().PayoutByKey(ctx, key)
			if err == nil {
				_, err = s.Drawdowns().SettleReversed(ctx, p.DrawdownID, key, "AC04", now(), entry("drawdown.reversed", "drawdown/x"))
			}
			return err
		},
	})
}

const today = "2026-11-11"

// paidOut stores a payout that was paid.
func (s *suite) paidOut(t *testing.T, fen money.Amount) drawdown.Payout {
	t.Helper()
	d := s.drawdown(t, s.line(t, 1_000_00), fen)
	_, p := s.reserve(t, d)
	_, err := s.Drawdowns().SettlePaid(t.Context(), d.ID, p.Key, "r", paid(d), entry("drawdown.paid", "drawdown/"+d.ID))
	require.NoError(t, err)
	return p
}

func reasonsOf(breaks []reconciliation.Break) map[reconciliation.Reason]string {
	found := map[reconciliation.Reason]string{}
	for _, b := range breaks {
		found[b.Reason] = b.Key
	}
	return found
}

func TestADayIsReconciledAndItsBreaksKeptUntilClosed(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t, source := s.t, &bill{}
		service := s.reconciler(source)
		run, err := service.Run(t.Context(), "bank", today)
		require.NoError(t, err)
		require.Equal(t, 0, run.Breaks)

		same, missing, twice, other, back := s.paidOut(t, 100_00), s.paidOut(t, 100_00), s.paidOut(t, 100_00), s.paidOut(t, 100_00), s.paidOut(t, 100_00)
		_, open := s.reserve(t, s.drawdown(t, s.line(t, 1_000_00), 100_00))
		source.pay(same.Key, 100_00)
		source.pay(twice.Key, 100_00)
		source.pay(twice.Key, 100_00)
		source.pay(other.Key, 99_99)
		source.pay(back.Key, 100_00)
		source.pay(open.Key, 100_00)
		source.pay("stranger", 1_00)
		source.pay("", 2_00)
		source.lines = append(source.lines, reconciliation.Line{Key: back.Key, Direction: reconciliation.In, Return: true, Amount: 100_00})
		for range 2 { // again is the same
			run, err = service.Run(t.Context(), "bank", today)
			require.NoError(t, err)
			breaks, err := service.Breaks(t.Context(), false, 100)
			require.NoError(t, err)
			require.Len(t, breaks, 6)
			require.Equal(t, map[reconciliation.Reason]string{
				reconciliation.MissingAtRail: missing.Key, reconciliation.TwiceAtRail: twice.Key, reconciliation.AmountDiffers: other.Key,
				reconciliation.UnknownHere: open.Key, reconciliation.MissingHere: reasonsOf(breaks)[reconciliation.MissingHere],
			}, reasonsOf(breaks))
			require.Equal(t, reconciliation.Run{
				Rail: "bank", Day: today, Hash: "hash", RanAt: now(), Statement: reconciliation.Totals{Count: 9, Out: 602_99, In: 100_00},
				Ours: reconciliation.Totals{Count: 5, Out: 500_00, In: 100_00}, Ledger: -400_00, Matched: 2, Breaks: 6, Lost: 4, DoublePaid: 1,
			}, run)
		}
		s.sound(t) // what came back is booked

		source.lines = source.lines[:7]
		source.pay(missing.Key, 100_00)
		source.err = errors.New("cut")
		_, err = service.Run(t.Context(), "bank", today)
		require.Error(t, err)
		breaks, err := service.Breaks(t.Context(), false, 100)
		require.NoError(t, err)
		require.Len(t, breaks, 6) // a statement that is cut changes nothing
		source.err = nil
		_, err = service.Run(t.Context(), "bank", today)
		require.NoError(t, err)
		breaks, err = service.Breaks(t.Context(), false, 100)
		require.NoError(t, err)
		require.NotContains(t, reasonsOf(breaks), reconciliation.MissingAtRail)

		by := audit.Actor{Kind: "person", ID: "staff/a"}
		_, err = service.Handle(t.Context(), breaks[0].ID, "", true, by)
		require.Equal(t, fault.CodeInvalid, fault.CodeOf(err))
		_, err = service.Handle(t.Context(), breaks[0].ID, "asked the bank", false, by)
		require.NoError(t, err)
		closed, err := service.Handle(t.Context(), breaks[0].ID, "the bank paid back", true, by)
		require.NoError(t, err)
		require.Equal(t, "staff/a", closed.Owner)
		_, err = service.Handle(t.Context(), breaks[0].ID, "again", true, by)
		require.Equal(t, fault.CodeWrongState, fault.CodeOf(err))
		run, err = service.Run(t.Context(), "bank", today)
		require.NoError(t, err)
		require.Equal(t, len(breaks)-1, run.Breaks) // found again, and stays closed
		_, events, err := service.Break(t.Context(), breaks[0].ID)
		require.NoError(t, err)
		require.Len(t, events, 3)
	})
}

// TestALongStatementIsPairedPageByPage: 1,203 lines are three pages and a bit.
func TestALongStatementIsPairedPageByPage(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t, source := s.t, &bill{}
		for i := range 1_203 {
			source.pay(fmt.Sprintf("S%05d", (i*7919)%1_203), 1)
		}
		run, err := s.reconciler(source).Run(t.Context(), "bank", today)
		require.NoError(t, err)
		require.Equal(t, 1_203, run.Breaks)
		require.Equal(t, 1_203, run.Statement.Count)
		require.Equal(t, 1_203, run.Lost)
	})
}
