package e2e_test

import (
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/adapters/dossier"
	"loan310/adapters/sandbox"
	"loan310/app/apiclient"
	"loan310/app/underwriting"
	"loan310/scoring/evidence"
)

// TestDeferredApplicationResumesByItself takes away what no decision is made
// without, and gives it back: nobody but the source has to act.
func TestDeferredApplicationResumesByItself(t *testing.T) {
	t.Parallel()
	w := begin(t, func(s *settings) { s.options.Book = spiking{s.options.Book} })
	for _, c := range []struct { //nolint:paralleltest // each has faults of its own
		name, kind string
		faults     sandbox.Faults
		archetype  string
	}{
		{"the registry is down", sandbox.Registry, sandbox.Faults{Down: true}, dossier.ArchetypeEstablished},
		{"the bureau is down", sandbox.Bureau, sandbox.Faults{Error5xxShare: 1}, dossier.ArchetypeEstablished},
		{"a spike is seen and the parcels are stale", sandbox.Logistics, sandbox.Faults{StaleDays: 20}, dossier.ArchetypeSeasonal},
	} {
		t.Run(c.name, func(t *testing.T) {
			application := w.deferred(t, c.archetype, c.kind, c.faults)
			require.Equal(t, []string{c.kind}, application.WaitFor)
			require.LessOrEqual(t, application.DecidedAt.Sub(application.SubmittedAt), underwriting.Within)

			w.Sandbox.ClearFaults(c.kind)
			resumed := w.answer(t, application.ID, settled)
			requireJudged(t, resumed)
			require.Equal(t, 2, resumed.Decision.Seq)
			require.Empty(t, resumed.WaitFor)
			w.requireReplays(t, application.ID, 2)
		})
	}
}

// deferred takes merchants of an archetype to their answers under a fault
// until one is deferred: some are declined whatever the source would say.
func (w *world) deferred(t *testing.T, archetype, kind string, faults sandbox.Faults) apiclient.Application {
	t.Helper()
	for {
		m := w.cast.next(t, archetype)
		id := w.register(t, m)
		require.NoError(t, w.Sandbox.SetFaults(kind, faults))
		application := w.answer(t, w.apply(t, id, m).ID, apiclient.Application.Decided)
		if application.State == "deferred" {
			return application
		}
		require.Equal(t, "declined", application.State)
		t.Logf("declined at once: %+v", application.Decision.Reasons)
		w.Sandbox.ClearFaults(kind)
	}
}

// requireReplays decides every decision of an application again.
func (w *world) requireReplays(t *testing.T, applicationID string, decisions int) {
	t.Helper()
	made, err := w.Stack.Underwriting.DecisionsOf(t.Context(), applicationID)
	require.NoError(t, err)
	require.Len(t, made, decisions)
	for _, decision := range made {
		replay, err := w.Stack.Underwriting.Replay(t.Context(), decision.ID)
		require.NoError(t, err)
		require.True(t, replay.Same, "decision %d does not replay", decision.Seq)
	}
}

// spiking is a book whose seasonal merchants sold several times as much in
// their last thirty days, every order shipped: a live stream, say.
type spiking struct{ dossier.Book }

const (
	spikeDays  = 30
	spikeTimes = 5
)

func (s spiking) seasonal(id string) bool {
	for _, m := range s.Merchants() {
		if m.ID == id {
			return m.Archetype == dossier.ArchetypeSeasonal
		}
	}
	return false
}

func (s spiking) recent(at time.Time) bool { return at.After(s.AsOf().AddDate(0, 0, -spikeDays)) }

// Orders repeats the recent ones under other numbers, from other buyers.
func (s spiking) Orders(id string) iter.Seq2[*evidence.Order, error] {
	return repeated(s.Book.Orders(id), func(row *evidence.Order) bool { return s.seasonal(id) && s.recent(row.CreatedAt) },
		func(row *evidence.Order, suffix string) {
			row.ID += suffix
			row.BuyerID += suffix
			row.DeviceID += suffix
			row.PayerID += suffix
			if row.WaybillNo != "" {
				row.WaybillNo += suffix
			}
		})
}

// Waybills repeats those of the repeated orders.
func (s spiking) Waybills(id string) iter.Seq2[*evidence.Waybill, error] {
	return repeated(s.Book.Waybills(id), func(row *evidence.Waybill) bool { return s.seasonal(id) && s.recent(row.CreatedAt) },
		func(row *evidence.Waybill, suffix string) {
			row.No += suffix
			if row.OrderID != "" {
				row.OrderID += suffix
			}
		})
}

func repeated[T any](rows iter.Seq2[*T, error], wanted func(*T) bool, rename func(*T, string)) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		for row, err := range rows {
			if !yield(row, err) {
				return
			}
			if err != nil || !wanted(row) {
				continue
			}
			for copied := range spikeTimes - 1 {
				again := *row
				rename(&again, fmt.Sprintf("X%d", copied))
				if !yield(&again, nil) {
					return
				}
			}
		}
	}
}
