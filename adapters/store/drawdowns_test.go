package store_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/app/drawdown"
	"loan310/app/fault"
	"loan310/app/ledger"
	"loan310/app/money"
)

func TestADrawdownIsPaidOut(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx, store := t.Context(), s.Drawdowns()
		line := s.line(t, 1_000_00)
		view, err := store.Line(ctx, line.ID)
		require.NoError(t, err)
		require.Equal(t, drawdown.Line{
			ID: line.ID, MerchantID: line.MerchantID, Active: true, Limit: 1_000_00, Terms: newTerms(),
			Rail: "bank", Account: plainAccount, Holder: plainName,
		}, view)

		want := newDrawdown(line, 400_00)
		d, err := store.Create(ctx, want, entry("drawdown.requested", "drawdown/"+want.ID))
		require.NoError(t, err)
		require.Equal(t, want, d)
		read, err := store.Drawdown(ctx, d.ID)
		require.NoError(t, err)
		require.Equal(t, want, read)

		reserved, payout := s.reserve(t, d)
		require.Equal(t, drawdown.Paying, reserved.State)
		require.Equal(t, newPayout(d), payout)
		stored, err := store.Payout(ctx, d.ID)
		require.NoError(t, err)
		require.Equal(t, payout, stored)

		begun, err := store.BeginCall(ctx, payout, now().Add(time.Second), "2026-11-11", drawdown.Limit{})
		require.NoError(t, err)
		require.Equal(t, 1, begun.Calls)
		require.Equal(t, now().Add(time.Second), begun.LastCallAt)
		require.Equal(t, plainAccount, begun.Account)
		unknown, err := store.MarkUnknown(ctx, d.ID, now())
		require.NoError(t, err)
		require.Equal(t, drawdown.PayoutUnknown, unknown.State)
		require.Equal(t, 1, unknown.Asks)
		read, err = store.Drawdown(ctx, d.ID)
		require.NoError(t, err)
		require.Equal(t, drawdown.Unknown, read.State)

		settled, err := store.SettlePaid(ctx, d.ID, d.ID+":payout", "rail-1", paid(d), entry("drawdown.paid", "drawdown/"+d.ID))
		require.NoError(t, err)
		require.Equal(t, drawdown.Paid, settled.State)
		require.Equal(t, now(), settled.SettledAt)
		stored, err = store.Payout(ctx, d.ID)
		require.NoError(t, err)
		require.Equal(t, drawdown.PayoutPaid, stored.State)
		require.Equal(t, "rail-1", stored.RailRef)
		view, err = store.Line(ctx, line.ID)
		require.NoError(t, err)
		require.Equal(t, money.Amount(400_00), view.Used)

		report := s.sound(t)
		require.Len(t, report.Balances, len(ledger.Accounts))
		require.Equal(t, []ledger.Balance{
			{Account: ledger.PrincipalReceivable, Amount: 400_00, Count: 1},
			{Account: ledger.PayoutInTransit, Amount: 0, Count: 2},
			{Account: ledger.SettlementBank, Amount: -400_00, Count: 1},
		}, slices.DeleteFunc(report.Balances, func(b ledger.Balance) bool { return b.Count == 0 }))
		trail, err := s.Audit(ctx, "drawdown/"+d.ID)
		require.NoError(t, err)
		require.Len(t, trail, 3)
	})
}

func TestAFailedPayoutGivesTheHeadroomBack(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx, store := t.Context(), s.Drawdowns()
		line := s.line(t, 1_000_00)
		d := s.drawdown(t, line, 1_000_00)
		s.reserve(t, d)
		failed, err := store.SettleFailed(ctx, d.ID, d.ID+":payout", drawdown.CodeRailRefused, "R07", now(), entry("drawdown.failed", "drawdown/"+d.ID))
		require.NoError(t, err)
		require.Equal(t, drawdown.Failed, failed.State)
		require.Equal(t, drawdown.CodeRailRefused, failed.FailureCode)
		payout, err := store.Payout(ctx, d.ID)
		require.NoError(t, err)
		require.Equal(t, drawdown.PayoutFailed, payout.State)
		require.Equal(t, "R07", payout.FailureCode)
		view, err := store.Line(ctx, line.ID)
		require.NoError(t, err)
		require.Zero(t, view.Used)

		journals, err := s.Ledger().Journals(ctx, "drawdown/"+d.ID)
		require.NoError(t, err)
		require.Len(t, journals, 2)
		require.ElementsMatch(t, []string{"", promised(d).ID}, []string{journals[0].ReversesID, journals[1].ReversesID})
		s.sound(t)
		s.reserve(t, s.drawdown(t, line, 1_000_00)) // all of it can be drawn again
		s.sound(t)
	})
}

func TestEveryStepMayBeRepeated(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx, store := t.Context(), s.Drawdowns()
		line := s.line(t, 1_000_00)
		d := newDrawdown(line, 100_00)
		first, err := store.Create(ctx, d, entry("drawdown.requested", "drawdown/"+d.ID))
		require.NoError(t, err)
		twin := d
		twin.ID = newDrawdown(line, 1).ID
		second, err := store.Create(ctx, twin, entry("drawdown.requested", "drawdown/"+d.ID))
		require.NoError(t, err)
		require.Equal(t, first, second, "the same key and payload give the stored drawdown")

		reserved, payout := s.reserve(t, d)
		again, samePayout := s.reserve(t, d)
		require.Equal(t, reserved, again)
		require.Equal(t, payout, samePayout)

		settled, err := store.SettlePaid(ctx, d.ID, d.ID+":payout", "rail-1", paid(d), entry("drawdown.paid", "drawdown/"+d.ID))
		require.NoError(t, err)
		repeat, err := store.SettlePaid(ctx, d.ID, d.ID+":payout", "rail-1", paid(d), entry("drawdown.paid", "drawdown/"+d.ID))
		require.NoError(t, err)
		require.Equal(t, settled, repeat)
		after, err := store.MarkUnknown(ctx, d.ID, now())
		require.NoError(t, err)
		require.Equal(t, drawdown.PayoutPaid, after.State, "a settled payout stays settled")
		late, _ := s.reserve(t, d)
		require.Equal(t, settled, late)

		lost := s.drawdown(t, line, 100_00)
		s.reserve(t, lost)
		failed, err := store.SettleFailed(ctx, lost.ID, lost.ID+":payout", drawdown.CodeRailRefused, "R", now(), entry("drawdown.failed", "drawdown/"+lost.ID))
		require.NoError(t, err)
		repeat, err = store.SettleFailed(ctx, lost.ID, lost.ID+":payout", "other", "S", now(), entry("drawdown.failed", "drawdown/"+lost.ID))
		require.NoError(t, err)
		require.Equal(t, failed, repeat)

		trail, err := s.Audit(ctx, "drawdown/"+d.ID)
		require.NoError(t, err)
		require.Len(t, trail, 3, "repeats are not acts")
		s.sound(t)
	})
}

func TestReserveWithoutHeadroomFailsTheDrawdown(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx := t.Context()
		line := s.line(t, 1_000_00)
		d := s.drawdown(t, line, 1_000_01)
		failed, payout := s.reserve(t, d)
		require.Equal(t, drawdown.Failed, failed.State)
		require.Equal(t, fault.CodeInsufficientLine, failed.FailureCode)
		require.Zero(t, payout)
		_, err := s.Drawdowns().Payout(ctx, d.ID)
		requireFault(t, err, fault.NotFound, fault.CodeNotFound)
		again, _ := s.reserve(t, d)
		require.Equal(t, failed, again)
		trail, err := s.Audit(ctx, "drawdown/"+d.ID)
		require.NoError(t, err)
		require.Equal(t, "drawdown.refused", trail[len(trail)-1].Action)

		s.raw(t, "UPDATE lines SET state = 'frozen'")
		frozen, _ := s.reserve(t, s.drawdown(t, line, 1))
		require.Equal(t, drawdown.CodeLineClosed, frozen.FailureCode)
		s.sound(t)
	})
}

func TestDrawdownErrors(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx, store := t.Context(), s.Drawdowns()
		line := s.line(t, 1_000_00)
		d := s.drawdown(t, line, 100_00)
		about := entry("drawdown.test", "drawdown/"+d.ID)

		other := newDrawdown(line, 200_00)
		other.Key = d.Key
		_, err := store.Create(ctx, other, about)
		requireFault(t, err, fault.Mismatch, fault.CodeKeyReused)
		sameID := newDrawdown(line, 100_00)
		sameID.ID = d.ID
		_, err = store.Create(ctx, sameID, about)
		requireFault(t, err, fault.Conflict, fault.CodeDuplicate)
		nowhere := newDrawdown(line, 100_00)
		nowhere.LineID = "none"
		_, err = store.Create(ctx, nowhere, about)
		requireFault(t, err, fault.NotFound, fault.CodeNotFound)
		_, err = store.Create(ctx, newDrawdown(line, 0), about)
		requireFault(t, err, fault.Conflict, fault.CodeConstraint)

		_, err = store.Line(ctx, "none")
		requireFault(t, err, fault.NotFound, fault.CodeNotFound)
		_, err = store.Drawdown(ctx, "none")
		requireFault(t, err, fault.NotFound, fault.CodeNotFound)
		_, err = store.Payout(ctx, d.ID)
		requireFault(t, err, fault.NotFound, fault.CodeNotFound)
		_, err = store.MarkUnknown(ctx, d.ID, now())
		requireFault(t, err, fault.NotFound, fault.CodeNotFound)
		_, err = store.MarkUnknown(ctx, "none", now())
		requireFault(t, err, fault.NotFound, fault.CodeNotFound)
		_, _, err = store.Reserve(ctx, "none", newPayout(d), promised(d), about)
		requireFault(t, err, fault.NotFound, fault.CodeNotFound)
		_, err = store.SettlePaid(ctx, d.ID, d.ID+":payout", "", paid(d), about)
		requireFault(t, err, fault.Conflict, fault.CodeWrongState)
		_, err = store.SettleFailed(ctx, d.ID, d.ID+":payout", "x", "", now(), about)
		requireFault(t, err, fault.Conflict, fault.CodeWrongState)
		_, err = store.SettlePaid(ctx, "none", "none"+":payout", "", paid(d), about)
		requireFault(t, err, fault.NotFound, fault.CodeNotFound)

		tilted := promised(d)
		tilted.Postings[0].Amount++
		_, _, err = store.Reserve(ctx, d.ID, newPayout(d), tilted, about)
		requireFault(t, err, fault.Internal, ledger.CodeUnbalanced)
		_, _, err = store.Reserve(ctx, d.ID, newPayout(newDrawdown(line, 1)), promised(d), about)
		requireFault(t, err, fault.Internal, fault.CodeConstraint)

		_, payout := s.reserve(t, d)
		_, err = store.BeginCall(ctx, payout, now(), "2026-11-11", drawdown.Limit{})
		require.NoError(t, err)
		_, err = store.BeginCall(ctx, payout, now(), "2026-11-11", drawdown.Limit{})
		requireFault(t, err, fault.Conflict, fault.CodeStale)
		_, err = store.BeginCall(ctx, drawdown.Payout{Key: "none"}, now(), "2026-11-11", drawdown.Limit{})
		requireFault(t, err, fault.NotFound, fault.CodeNotFound)
		reused := paid(d)
		reused.Key = promised(d).Key
		_, err = store.SettlePaid(ctx, d.ID, d.ID+":payout", "", reused, about)
		requireFault(t, err, fault.Conflict, fault.CodeDuplicate)
		_, err = store.SettlePaid(ctx, d.ID, d.ID+":payout", "", paid(d), about)
		require.NoError(t, err)
		_, err = store.SettleFailed(ctx, d.ID, d.ID+":payout", "x", "", now(), about)
		requireFault(t, err, fault.Conflict, fault.CodeWrongState)
		current, err := store.Payout(ctx, d.ID)
		require.NoError(t, err)
		_, err = store.BeginCall(ctx, current, now(), "2026-11-11", drawdown.Limit{})
		requireFault(t, err, fault.Conflict, fault.CodeStale)

		lost := s.drawdown(t, line, 100_00)
		s.reserve(t, lost)
		_, err = store.SettleFailed(ctx, lost.ID, lost.ID+":payout", "x", "", now(), about)
		require.NoError(t, err)
		_, err = store.SettlePaid(ctx, lost.ID, lost.ID+":payout", "", paid(lost), about)
		requireFault(t, err, fault.Conflict, fault.CodeWrongState)
		s.sound(t)
	})
}

func TestDrawdownsArePagedAndUnsettledFound(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx, store := t.Context(), s.Drawdowns()
		line, other := s.line(t, 1_000_00), s.line(t, 1_000_00)
		var newest []string
		for i := range 5 {
			d := newDrawdown(line, 1_00)
			d.RequestedAt = now().Add(time.Duration(i) * time.Second)
			_, err := store.Create(ctx, d, entry("drawdown.requested", "drawdown/"+d.ID))
			require.NoError(t, err)
			newest = append([]string{d.ID}, newest...)
		}
		s.drawdown(t, other, 1_00)
		page, next, err := store.Drawdowns(ctx, line.MerchantID, line.ID, drawdown.Page{Limit: 3})
		require.NoError(t, err)
		rest, end, err := store.Drawdowns(ctx, line.MerchantID, line.ID, drawdown.Page{Limit: 3, Cursor: next})
		require.NoError(t, err)
		require.Empty(t, end)
		var seen []string
		for _, d := range append(page, rest...) {
			seen = append(seen, d.ID)
		}
		require.Equal(t, newest, seen)
		all, _, err := store.Drawdowns(ctx, "", "", drawdown.Page{})
		require.NoError(t, err)
		require.Len(t, all, 6)

		s.reserve(t, drawdown.Drawdown{ID: newest[4], Amount: 1_00})
		_, err = store.SettlePaid(ctx, newest[4], newest[4]+":payout", "", paid(drawdown.Drawdown{ID: newest[4], Amount: 1_00}), entry("drawdown.paid", "drawdown/x"))
		require.NoError(t, err)
		open, err := store.Unsettled(ctx, now().Add(3*time.Second), 2)
		require.NoError(t, err)
		require.Len(t, open, 2)
		require.NotContains(t, open, newest[4])
	})
}
