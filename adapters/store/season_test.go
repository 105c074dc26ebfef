package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/app/drawdown"
	"loan310/app/money"
)

// A merchant draws a hundred small amounts in a season, several at a time;
// the list shows each once, page by page, and the hundred-and-first finds no
// room.
func TestAHundredDrawsOnOneLine(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		line := s.line(t, 10_000_00)
		answers := inParallel(100, func(i int) (drawdown.State, error) {
			d := newDrawdown(line, 100_00)
			d.RequestedAt = now().Add(time.Duration(i/4) * time.Hour)
			about := entry("drawdown.test", "drawdown/"+d.ID)
			if _, err := s.Drawdowns().Create(t.Context(), d, about); err != nil {
				return "", err
			}
			if _, _, err := s.Drawdowns().Reserve(t.Context(), d.ID, newPayout(d), promised(d), about); err != nil {
				return "", err
			}
			settled, err := s.Drawdowns().SettlePaid(t.Context(), d.ID, newPayout(d).Key, "ref", paid(d), about)
			return settled.State, err
		})
		for _, answer := range answers {
			require.NoError(t, answer.err)
			require.Equal(t, drawdown.Paid, answer.value)
		}
		view, err := s.Drawdowns().Line(t.Context(), line.ID)
		require.NoError(t, err)
		require.Equal(t, money.Amount(10_000_00), view.Used, "100 x 100")
		over, _ := s.reserve(t, s.drawdown(t, line, 1))
		require.Equal(t, drawdown.Failed, over.State)

		seen := map[string]bool{}
		pages := 0
		for cursor := ""; ; pages++ {
			page, next, err := s.Drawdowns().Drawdowns(t.Context(), line.MerchantID, line.ID, drawdown.Page{Limit: 30, Cursor: cursor})
			require.NoError(t, err)
			for _, d := range page {
				require.False(t, seen[d.ID])
				seen[d.ID] = true
			}
			if cursor = next; next == "" {
				break
			}
		}
		require.Len(t, seen, 101)
		require.Equal(t, 3, pages, "30 + 30 + 30 + 11")
		report := s.sound(t)
		require.Equal(t, int64(200), report.Journals)
	})
}
