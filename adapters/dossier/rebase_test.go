package dossier_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/adapters/dossier"
)

func TestRebaseMovesEachHistoryByWholeWeeksToItsLatestApplication(t *testing.T) {
	t.Parallel()
	book := dossier.Generate(dossier.GenerateOptions{Merchants: 8, Seed: 3})
	now := time.Date(2031, 3, 5, 10, 0, 0, 0, time.UTC)
	moved := dossier.Rebase(book, now)
	require.Equal(t, now, moved.AsOf())
	before, after := book.Applications(), moved.Applications()
	require.Len(t, after, len(before))
	for i := range before {
		shift := after[i].AppliedAt.Sub(before[i].AppliedAt)
		require.Zero(t, shift%(7*24*time.Hour))
		require.False(t, after[i].AppliedAt.After(now))
		require.Less(t, now.Sub(after[i].AppliedAt), 7*24*time.Hour)
		id := before[i].MerchantID
		var times []time.Time
		for order, err := range book.Orders(id) {
			require.NoError(t, err)
			times = append(times, order.CreatedAt.Add(shift))
		}
		for order, err := range moved.Orders(id) {
			require.NoError(t, err)
			require.Equal(t, times[0], order.CreatedAt)
			times = times[1:]
		}
		require.Empty(t, times)
	}
}
