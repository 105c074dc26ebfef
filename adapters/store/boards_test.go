package store_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/adapters/store"
)

func TestBoardsShowProcessesSeenLately(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx, boards := t.Context(), s.Boards()
		none, err := boards.Recent(ctx, time.Time{})
		require.NoError(t, err)
		require.Empty(t, none)

		web := store.Board{Process: "a", Kind: "web", Host: "h1", Statuses: json.RawMessage(`[]`), SeenAt: now()}
		worker := store.Board{Process: "b", Kind: "worker", Host: "h2", Statuses: json.RawMessage(`[{"Name":"bank","State":"open"}]`), SeenAt: now()}
		require.NoError(t, boards.Put(ctx, worker))
		require.NoError(t, boards.Put(ctx, web))
		seen, err := boards.Recent(ctx, now())
		require.NoError(t, err)
		require.Equal(t, []store.Board{web, worker}, seen, "by process, the edge of the window included")

		worker.Statuses, worker.SeenAt = json.RawMessage(`[{"Name":"bank","State":"closed"}]`), now().Add(2*time.Second)
		require.NoError(t, boards.Put(ctx, worker))
		seen, err = s.open(t).Boards().Recent(ctx, now().Add(time.Microsecond))
		require.NoError(t, err)
		require.Equal(t, []store.Board{worker}, seen, "replaced in place; who was not seen since is left out")

		require.NoError(t, boards.Forget(ctx, "b"))
		require.NoError(t, boards.Forget(ctx, "b"))
		seen, err = boards.Recent(ctx, now())
		require.NoError(t, err)
		require.Equal(t, []store.Board{web}, seen)
	})
}
