package pricing_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"loan310/app/money"
	"loan310/scoring/pricing"
	"loan310/scoring/verdict"
)

var firstDue = time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)

func TestGoldenSchedulesToTheFen(t *testing.T) {
	t.Parallel()
	type row struct{ principal, interest, total money.Amount }
	for _, test := range []struct {
		kind        verdict.RepaymentType
		first, last row
		interest    money.Amount
	}{
		{verdict.EqualInstalments, row{788_488, 100_000, 888_488}, row{879_688, 8_797, 888_485}, 661_853},
		{verdict.EqualPrincipal, row{833_333, 100_000, 933_333}, row{833_337, 8_333, 841_670}, 650_000},
		{verdict.Bullet, row{0, 100_000, 100_000}, row{10_000_000, 100_000, 10_100_000}, 1_200_000},
	} {
		t.Run(string(test.kind), func(t *testing.T) {
			t.Parallel()
			lines, err := pricing.Schedule(test.kind, 10_000_000, 1_200, 12, firstDue)
			require.NoError(t, err)
			require.Len(t, lines, 12)
			first, last := lines[0], lines[11]
			gotFirst, gotLast := row{first.Principal, first.Interest, first.Total}, row{last.Principal, last.Interest, last.Total}
			require.Equal(t, test.first, gotFirst)
			require.Equal(t, test.last, gotLast)
			var interest money.Amount
			for _, line := range lines {
				interest += line.Interest
			}
			require.Equal(t, test.interest, interest)
			irr, err := pricing.IRR(10_000_000, lines)
			require.NoError(t, err)
			require.Equal(t, money.BasisPoints(1_200), irr, "without fees the IRR is the nominal rate")
		})
	}
}

func TestDueDatesKeepTheDayOrTakeTheMonthsLast(t *testing.T) {
	t.Parallel()
	lines, err := pricing.Schedule(verdict.Bullet, 100_000, 1_000, 4, firstDue)
	require.NoError(t, err)
	var days []string
	for _, line := range lines {
		days = append(days, line.Due.Format(time.DateOnly))
	}
	require.Equal(t, []string{"2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"}, days)
}

func TestDayCountBaseDecidesTheYearlyRate(t *testing.T) {
	t.Parallel()
	// 0.04 % a day is 14.40 % on 360 and 14.60 % on 365: both 40.00 a day on 100,000.00.
	require.Equal(t, money.Amount(4_000), pricing.DailyInterest(10_000_000, 1_440, 1, 360))
	require.Equal(t, money.Amount(4_000), pricing.DailyInterest(10_000_000, 1_460, 1, 365))
	require.Zero(t, pricing.DailyInterest(10_000_000, 1_460, 0, 365), "repaid the same day")
	// 31 January to 28 February is 28 days: 10,000,000 * 1,440 * 28 / 3,600,000.
	lines, err := pricing.ScheduleDayCount(verdict.AnyTime, 10_000_000, 1_440, 2, firstDue, 360)
	require.NoError(t, err)
	require.Equal(t, money.Amount(124_000), lines[0].Interest, "31 days of December and January")
	require.Equal(t, money.Amount(112_000), lines[1].Interest)
	require.Equal(t, money.Amount(10_000_000), lines[1].Principal)
}

func TestScheduleTypesDiffer(t *testing.T) {
	t.Parallel()
	seen := map[money.Amount]verdict.RepaymentType{}
	for _, kind := range []verdict.RepaymentType{verdict.EqualInstalments, verdict.EqualPrincipal, verdict.Bullet, verdict.AnyTime} {
		lines, err := pricing.Schedule(kind, 10_000_000, 1_200, 11, firstDue)
		require.NoError(t, err)
		var interest money.Amount
		for _, line := range lines {
			interest += line.Interest
		}
		require.NotContains(t, seen, interest)
		seen[interest] = kind
	}
}

func TestScheduleKeepsItsPromises(t *testing.T) {
	t.Parallel()
	kinds := []verdict.RepaymentType{verdict.EqualInstalments, verdict.EqualPrincipal, verdict.Bullet, verdict.AnyTime}
	rapid.Check(t, func(t *rapid.T) {
		principal := money.Amount(rapid.Int64Range(1, 100_000_000).Draw(t, "principal"))
		if rapid.Bool().Draw(t, "tiny") {
			principal = principal%100 + 1
		}
		rate := money.BasisPoints(rapid.Int64Range(0, 3_600).Draw(t, "rate"))
		tenor := rapid.IntRange(1, 36).Draw(t, "tenor")
		kind := rapid.SampledFrom(kinds).Draw(t, "kind")
		due := firstDue.AddDate(0, 0, rapid.IntRange(0, 800).Draw(t, "day"))
		lines, err := pricing.Schedule(kind, principal, rate, tenor, due)
		require.NoError(t, err)
		require.Len(t, lines, tenor)
		var sum money.Amount
		for k, line := range lines {
			sum += line.Principal
			require.GreaterOrEqual(t, line.Principal, money.Amount(0))
			require.GreaterOrEqual(t, line.Interest, money.Amount(0))
			require.Equal(t, line.Principal+line.Interest, line.Total)
			require.Equal(t, principal-sum, line.Remaining)
			if k > 0 {
				require.True(t, line.Due.After(lines[k-1].Due))
			}
		}
		require.Equal(t, principal, sum)
	})
}

func TestLayIsAScheduleWithoutDates(t *testing.T) {
	t.Parallel()
	for _, kind := range []verdict.RepaymentType{verdict.EqualInstalments, verdict.EqualPrincipal, verdict.Bullet} {
		want, err := pricing.Schedule(kind, 10_000_000, 1_200, 12, firstDue)
		require.NoError(t, err)
		laid := make([]pricing.Line, 12)
		require.NoError(t, pricing.Lay(laid, kind, 10_000_000, 1_200))
		for k := range want {
			want[k].Due = time.Time{}
		}
		require.Equal(t, want, laid)
	}
	laid := make([]pricing.Line, 12)
	require.NoError(t, pricing.Lay(laid, verdict.AnyTime, 10_000_000, 1_200))
	require.Equal(t, money.Amount(100_000), laid[11].Interest, "a month's, until the dates are known")
	require.Equal(t, money.Amount(10_000_000), laid[11].Principal)
	require.ErrorIs(t, pricing.Lay(nil, verdict.Bullet, 1, 1), pricing.ErrSchedule)
}

func TestIRRCountsFeesKeptBack(t *testing.T) {
	t.Parallel()
	// One payment of 102.00 after a month for 100.00 received: 2 % a month, 24 % a year.
	irr, err := pricing.IRR(10_000, []pricing.Line{{Total: 10_200}})
	require.NoError(t, err)
	require.Equal(t, money.BasisPoints(2_400), irr)
	lines, err := pricing.Schedule(verdict.EqualInstalments, 10_000_000, 1_200, 12, firstDue)
	require.NoError(t, err)
	// A fee of 1 % kept back on a 12-month annuity at 12 % makes 13.91 %
	// (numpy: 12*irr([-99000, 11 x 8884.88, 8884.85])).
	irr, err = pricing.IRR(9_900_000, lines)
	require.NoError(t, err)
	require.Equal(t, money.BasisPoints(1_391), irr)
}

func TestImpossibleSchedulesAreRefused(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]func() error{
		"no principal":  func() error { _, err := pricing.Schedule(verdict.Bullet, 0, 1, 1, firstDue); return err },
		"negative rate": func() error { _, err := pricing.Schedule(verdict.Bullet, 1, -1, 1, firstDue); return err },
		"no tenor":      func() error { _, err := pricing.Schedule(verdict.Bullet, 1, 1, 0, firstDue); return err },
		"unknown type":  func() error { _, err := pricing.Schedule("balloon", 1, 1, 1, firstDue); return err },
		"day count":     func() error { _, err := pricing.ScheduleDayCount(verdict.AnyTime, 1, 1, 1, firstDue, 364); return err },
		"nothing received": func() error {
			_, err := pricing.IRR(0, []pricing.Line{{Total: 1}})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.ErrorIs(t, call(), pricing.ErrSchedule)
		})
	}
}

func BenchmarkIRR(b *testing.B) {
	lines, err := pricing.Schedule(verdict.EqualInstalments, 10_000_000, 1_200, 12, firstDue)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := pricing.IRR(9_900_000, lines); err != nil {
			b.Fatal(err)
		}
	}
}
