package loan_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"loan310/app/fault"
	"loan310/app/servicing/loan"
)

func TestDatesAreThoseOfTheCalendar(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(-3_000_000_000, 30_000_000_000).Draw(t, "second"), 0).UTC()
		date := loan.DateOf(at, time.UTC)
		year, month, day := date.Civil()
		require.Equal(t, []int{at.Year(), int(at.Month()), at.Day()}, []int{year, month, day})
		require.Equal(t, at.Truncate(24*time.Hour), date.Time())
		require.Equal(t, date, loan.NewDate(year, month, day))
		if date != 0 {
			require.Equal(t, at.Format(time.DateOnly), date.String())
			parsed, err := loan.ParseDate(date.String())
			require.NoError(t, err)
			require.Equal(t, date, parsed)
		}
	})
}

func TestMonthsKeepTheDayWhereTheyHaveIt(t *testing.T) {
	t.Parallel()
	for from, want := range map[string]string{"2026-01-31": "2026-02-28", "2028-01-31": "2028-02-29", "2026-12-15": "2027-01-15", "2026-10-31": "2026-11-30"} {
		require.Equal(t, want, day(t, from).AddMonths(1).String())
	}
	require.Equal(t, "2026-03-31", day(t, "2026-01-31").AddMonths(2).String(), "from the first day, not from February's")
	require.Equal(t, "2025-11-30", day(t, "2026-01-31").AddMonths(-2).String())
}

func TestTheDayIsTheLendersZones(t *testing.T) {
	t.Parallel()
	shanghai := time.FixedZone("Asia/Shanghai", 8*3600)
	at := time.Date(2026, 2, 14, 16, 30, 0, 0, time.UTC)
	require.Equal(t, "2026-02-15", loan.DateOf(at, shanghai).String())
}

func TestDatesInJSON(t *testing.T) {
	t.Parallel()
	var dates struct{ A, B loan.Date }
	require.NoError(t, json.Unmarshal([]byte(`{"A":"2026-02-28","B":""}`), &dates))
	text, err := json.Marshal(dates)
	require.NoError(t, err)
	require.JSONEq(t, `{"A":"2026-02-28","B":""}`, string(text))
	for _, wrong := range []string{"2026-02-29", "2026-2-1", "20260201", "2026-02-01T00:00:00Z", "x"} {
		_, err := loan.ParseDate(wrong)
		require.Equal(t, loan.CodeDate, fault.CodeOf(err), wrong)
	}
}
