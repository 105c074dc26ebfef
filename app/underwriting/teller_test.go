package underwriting_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/app/ident"
	"loan310/app/underwriting"
	"loan310/scoring/evidence"
)

// slowLog stores each batch after a while, or not at all.
type slowLog struct {
	underwriting.ProgressLog
	takes time.Duration
	err   error

	mu      sync.Mutex
	batches [][]underwriting.Event
}

func (l *slowLog) Append(_ context.Context, events ...underwriting.Event) (int64, error) {
	time.Sleep(l.takes)
	if l.err != nil {
		return 0, l.err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.batches = append(l.batches, events)
	return 0, nil
}

func (w *world) telling(t *testing.T, log underwriting.ProgressLog) *underwriting.Service {
	t.Helper()
	return underwriting.NewService(underwriting.Deps{
		Store: w.db.Underwriting(), Evidence: w.db.Evidence(), Progress: log, Spots: w.carrier, Engine: w.engine, Strategy: []byte("{}"),
		Feeds: underwriting.Feeds{
			Orders: w.orders, Waybills: w.waybills, Transactions: w.bank, Bills: &feed[evidence.UtilityBill]{},
			Bureau: &feed[evidence.BureauReport]{}, Registry: w.registry,
		},
		Now: func() time.Time { return start }, NewID: ident.NewID, Logger: slog.New(slog.DiscardHandler),
	})
}

// TestProgressIsToldTogether: six sources are told as started at once, and
// those that arrive while a transaction is under way in the next one.
func TestProgressIsToldTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t, evidence.Sources[:]...)
	id, _ := w.apply(t)
	log := &slowLog{takes: 100 * time.Millisecond}
	_, err := w.telling(t, log).Gather(t.Context(), id, evidence.Sources[:])
	require.NoError(t, err)
	require.LessOrEqual(t, len(log.batches), 3)
	told := slices.Concat(log.batches...)
	require.Len(t, told, 12)
	arrived := map[evidence.Source]bool{}
	for i, event := range told {
		require.Equal(t, id, event.ApplicationID)
		require.Equal(t, start, event.At)
		if i < 6 {
			require.Equal(t, "source_started", event.Kind)
			require.Equal(t, evidence.Sources[i], event.Source)
			continue
		}
		require.Equal(t, "source_arrived", event.Kind)
		require.NotEmpty(t, event.State)
		arrived[event.Source] = true
	}
	require.Len(t, arrived, 6)
}

// TestProgressIsNotWorthADecision: a log that fails or hangs neither fails
// gathering nor holds it up for long.
func TestProgressIsNotWorthADecision(t *testing.T) {
	t.Parallel()
	for name, log := range map[string]*slowLog{"failing": {err: errors.New("disk full")}, "hanging": {takes: 4 * time.Second}} {
		w := newWorld(t, evidence.Sources[:]...)
		id, _ := w.apply(t)
		began := time.Now()
		metas, err := w.telling(t, log).Gather(t.Context(), id, evidence.Sources[:])
		require.NoError(t, err, name)
		require.Equal(t, evidence.Known, state(metas, evidence.Marketplace), name)
		require.Less(t, time.Since(began), 3*time.Second, name)
	}
}
