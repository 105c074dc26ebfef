package scorecard_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"loan310/scoring/scorecard"
)

// scored makes rows of evenly spread points of which every n-th is bad, n by
// points: the same rows each time.
func scored(rows int, badOneIn func(points int64) int) []scorecard.Seen {
	seen := make([]scorecard.Seen, rows)
	count := map[int64]int{}
	for i := range seen {
		points := int64(600 + i%200)
		count[points]++
		seen[i] = scorecard.Seen{Points: points, Bad: count[points]%badOneIn(points) == 0}
	}
	return seen
}

func TestCalibrateTakesTheUpperEndOfEachBand(t *testing.T) {
	t.Parallel()
	seen := scored(40_000, func(points int64) int {
		if points < 700 {
			return 10
		}
		return 50
	})
	table, bands, err := scorecard.Calibrate(seen, 40, 0.5)
	require.NoError(t, err)
	require.Equal(t, []scorecard.Band{
		{Low: 600, High: 684, Mean: 642, Rows: 17_000, Bad: 1_700, PDPpm: 100_000}, // five twelfths, as often bad: one band
		{Low: 685, High: 701, Mean: 693, Rows: 3_400, Bad: 308, PDPpm: 90_588},     // 300 and 2 * 4
		{Low: 702, High: 799, Mean: 751, Rows: 19_600, Bad: 392, PDPpm: 20_000},    // at even confidence as seen
	}, bands)
	require.Equal(t, []scorecard.Anchor{{642, 100_000}, {693, 90_588}, {751, 20_000}}, table[8:])
	// 40 points fewer: the odds 1 to 9 doubled, 2 / 11.
	require.Equal(t, scorecard.Anchor{Points: 602, PDPpm: 181_818}, table[7])

	// Wilson's upper end of 392 in 19,600 at z = 1.6449: 2.17 %.
	_, bands, err = scorecard.Calibrate(seen, 40, 0.95)
	require.NoError(t, err)
	require.InDelta(t, 21_700, bands[2].PDPpm, 50)
}

func TestCalibrateRefuses(t *testing.T) {
	t.Parallel()
	never := func(int64) int { return math.MaxInt }
	_, _, err := scorecard.Calibrate(scored(5_000, never), 40, 0.75)
	require.ErrorIs(t, err, scorecard.ErrTooFew)
	_, _, err = scorecard.Calibrate(nil, 40, 0.75)
	require.ErrorIs(t, err, scorecard.ErrTooFew)
	for _, confidence := range []float64{0, 0.49, 1, math.NaN()} {
		_, _, err = scorecard.Calibrate(scored(5_000, never), 40, confidence)
		require.ErrorContains(t, err, "want 0.5 to below 1")
	}
}

// A table of any outcomes is one that a card may have, lies at or above what
// was seen, and does not depend on the order of the rows.
func TestCalibrateMakesACardsTable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		seen := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) scorecard.Seen {
			return scorecard.Seen{Points: rapid.Int64Range(-50, 50).Draw(t, "points"), Bad: rapid.IntRange(0, 3).Draw(t, "luck") == 0}
		}), 0, 400).Draw(t, "seen")
		table, bands, err := scorecard.Calibrate(seen, 40, 0.75)
		if err != nil {
			require.ErrorIs(t, err, scorecard.ErrTooFew)
			return
		}
		made := card()
		made.PDTable = table
		_, err = scorecard.New(made)
		require.NoError(t, err)
		rows := 0
		for _, band := range bands {
			rows += band.Rows
			require.GreaterOrEqual(t, band.PDPpm, int64(band.Bad)*1_000_000/int64(band.Rows))
			require.True(t, band.Low <= band.Mean && band.Mean <= band.High)
		}
		require.Equal(t, len(seen), rows, "every row counts once")
		again, _, err := scorecard.Calibrate(rapid.Permutation(seen).Draw(t, "shuffled"), 40, 0.75)
		require.NoError(t, err)
		require.Equal(t, table, again)
	})
}
