package store_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/adapters/store"
	"loan310/app/fault"
	"loan310/app/underwriting"
	"loan310/scoring"
	"loan310/scoring/evidence"
)

func TestProgressIsNumberedInOrder(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx, log := t.Context(), s.Progress()
		a, b := s.application(t), s.application(t)
		first := underwriting.Event{ApplicationID: a.ID, Seq: 99, At: now(), Kind: "source_arrived", Source: evidence.Bank, State: evidence.Known, Rows: 12}
		seq, err := log.Append(ctx, first)
		require.NoError(t, err)
		require.Equal(t, int64(1), seq)
		second := underwriting.Event{ApplicationID: a.ID, At: now(), Kind: "decided", Outcome: scoring.Deferred, WaitFor: []evidence.Source{evidence.Bureau}}
		seq, err = log.Append(ctx, second)
		require.NoError(t, err)
		require.Equal(t, int64(2), seq)
		seq, err = log.Append(ctx, underwriting.Event{ApplicationID: b.ID, Kind: "submitted"})
		require.NoError(t, err)
		require.Equal(t, int64(1), seq)

		events, err := log.After(ctx, a.ID, 0)
		require.NoError(t, err)
		first.Seq, second.Seq = 1, 2
		require.Equal(t, []underwriting.Event{first, second}, events)
		events, err = log.After(ctx, a.ID, 1)
		require.NoError(t, err)
		require.Equal(t, []underwriting.Event{second}, events)
		seq, err = log.Append(ctx, underwriting.Event{ApplicationID: a.ID, Kind: "checked"}, underwriting.Event{ApplicationID: a.ID, Kind: "decided"})
		require.NoError(t, err)
		require.Equal(t, int64(4), seq)
		_, err = log.Append(ctx, underwriting.Event{ApplicationID: a.ID, Kind: "checked"}, underwriting.Event{ApplicationID: "none", Kind: "submitted"})
		requireFault(t, err, fault.NotFound, fault.CodeNotFound)
		events, err = log.After(ctx, a.ID, 2)
		require.NoError(t, err)
		require.Len(t, events, 2, "all or none")
		_, err = log.Append(ctx, underwriting.Event{ApplicationID: "none", Kind: "submitted"})
		requireFault(t, err, fault.NotFound, fault.CodeNotFound)
	})
}

func TestManyAppendersLeaveNoGap(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		a := s.application(t)
		answers := inParallel(24, func(int) (int64, error) {
			return s.Progress().Append(t.Context(), underwriting.Event{ApplicationID: a.ID, At: now(), Kind: "source_arrived"})
		})
		var numbers []int64
		for _, answer := range answers {
			require.NoError(t, answer.err)
			numbers = append(numbers, answer.value)
		}
		slices.Sort(numbers)
		for i, number := range numbers {
			require.Equal(t, int64(i+1), number)
		}
		for range 201 - 24 {
			_, err := s.Progress().Append(t.Context(), underwriting.Event{ApplicationID: a.ID, Kind: "source_arrived"})
			require.NoError(t, err)
		}
		page, err := s.Progress().After(t.Context(), a.ID, 0)
		require.NoError(t, err)
		require.Len(t, page, 200)
	})
}

func TestWatchersHearOfEvents(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		a := s.application(t)
		elsewhere := s.open(t) // another process: found by polling
		for name, log := range map[string]underwriting.ProgressLog{"same process": s.Progress(), "another": elsewhere.Progress()} {
			signals, stop := log.Watch(a.ID)
			_, err := s.Progress().Append(t.Context(), underwriting.Event{ApplicationID: a.ID, Kind: "submitted"})
			require.NoError(t, err)
			select {
			case <-signals:
			case <-time.After(20 * time.Second):
				t.Fatal("not signalled", name)
			}
			stop()
			stop()
		}
	})
}

func TestStoppedWatchersHearNothing(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		a := s.application(t)
		signals, stop := s.Progress().Watch(a.ID)
		kept, stopKept := s.Progress().Watch(a.ID)
		defer stopKept()
		stop()
		_, err := s.Progress().Append(t.Context(), underwriting.Event{ApplicationID: a.ID, Kind: "submitted"})
		require.NoError(t, err)
		<-kept
		require.Empty(t, signals)
	})
}

func TestWatchersHearOfStates(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		elsewhere := s.open(t) // another process: found by polling
		for name, watching := range map[string]*store.DB{"same process": s.DB, "another": elsewhere} {
			a := s.application(t)
			signals, stop := watching.Underwriting().Watch(a.ID)
			_, err := s.Underwriting().Decide(t.Context(), newDecision(a, 1, scoring.Declined), entry("decision.made", "application/"+a.ID))
			require.NoError(t, err)
			requireSignal(t, signals, name)
			stop()
			draw := s.drawdown(t, s.line(t, 1_000_000), 100_000)
			signals, stop = watching.Drawdowns().Watch(draw.ID)
			s.reserve(t, draw)
			requireSignal(t, signals, name)
			stop()
		}
	})
}

func requireSignal(t *testing.T, signals <-chan struct{}, name string) {
	t.Helper()
	select {
	case <-signals:
	case <-time.After(20 * time.Second):
		t.Fatal("not signalled", name)
	}
}
