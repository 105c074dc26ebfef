package pricing_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"loan310/app/money"
	"loan310/scoring/pricing"
	"loan310/scoring/verdict"
)

func ladder() pricing.Ladder {
	return pricing.Ladder{
		{MaxLimit: 500_000, Times: 10_000},
		{MaxLimit: 1_000_000, Times: 15_000, LoansRepaid: 1, WorstDPD: 10, FirstLoanDays: 30},
		{MaxLimit: 2_000_000, Times: 20_000, LoansRepaid: 2, WorstDPD: 5, FirstLoanDays: 90},
	}
}

func TestEachRungIsEarnedAtItsBorder(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		by   pricing.Behaviour
		rung int64
		code string
		next *verdict.NextRung
	}{
		"nobody starts higher":              {pricing.Behaviour{}, 1, pricing.CodeLadderNext, &verdict.NextRung{MaxLimit: 1_000_000, LoansToGo: 1, DaysToGo: 30, WorstDPD: 10}},
		"one repaid, a day too soon":        {pricing.Behaviour{LoansRepaid: 1, FirstLoanDays: 29}, 1, pricing.CodeLadderNext, &verdict.NextRung{MaxLimit: 1_000_000, DaysToGo: 1, WorstDPD: 10}},
		"long enough, none repaid":          {pricing.Behaviour{FirstLoanDays: 300}, 1, pricing.CodeLadderNext, &verdict.NextRung{MaxLimit: 1_000_000, LoansToGo: 1, WorstDPD: 10}},
		"the second rung, ten days late":    {pricing.Behaviour{LoansRepaid: 1, FirstLoanDays: 30, WorstDPD: 10}, 2, pricing.CodeLadderHeld, nil},
		"eleven days late bar it":           {pricing.Behaviour{LoansRepaid: 9, FirstLoanDays: 900, WorstDPD: 11}, 1, pricing.CodeLadderHeld, nil},
		"five days late bar nothing":        {pricing.Behaviour{LoansRepaid: 1, FirstLoanDays: 89, WorstDPD: 5}, 2, pricing.CodeLadderNext, &verdict.NextRung{MaxLimit: 2_000_000, LoansToGo: 1, DaysToGo: 1, WorstDPD: 5}},
		"the top":                           {pricing.Behaviour{LoansRepaid: 2, FirstLoanDays: 90, WorstDPD: 5}, 3, pricing.CodeLadderTop, nil},
		"a rung lower while overdue":        {pricing.Behaviour{LoansRepaid: 2, FirstLoanDays: 90, WorstDPD: 5, CurrentDPD: 1}, 2, pricing.CodeLadderFell, nil},
		"overdue by what bars the top, too": {pricing.Behaviour{LoansRepaid: 2, FirstLoanDays: 90, WorstDPD: 6, CurrentDPD: 6}, 1, pricing.CodeLadderFell, nil},
		"never below the first":             {pricing.Behaviour{WorstDPD: 3, CurrentDPD: 3, FirstLoanDays: 40}, 1, pricing.CodeLadderFell, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rung, stand, reason := ladder().Stand(test.by)
			require.Equal(t, test.rung, stand.Rung)
			require.Equal(t, int64(3), stand.Rungs)
			require.Equal(t, ladder()[test.rung-1], rung)
			require.Equal(t, rung.MaxLimit, stand.MaxLimit)
			require.Equal(t, test.code, reason.Code)
			require.Equal(t, test.next, stand.Next)
			require.Equal(t, test.rung, reason.Args["rung"])
		})
	}
}

// Who does what the next rung asks for is on it; who behaves better is never
// lower.
func TestTheLadderKeepsItsWord(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		by := pricing.Behaviour{
			LoansRepaid: rapid.Int64Range(0, 4).Draw(t, "repaid"), WorstDPD: rapid.Int64Range(0, 14).Draw(t, "worst"),
			FirstLoanDays: rapid.Int64Range(0, 120).Draw(t, "days"),
		}
		_, stand, _ := ladder().Stand(by)
		if stand.Next != nil {
			then := by
			then.LoansRepaid += stand.Next.LoansToGo
			then.FirstLoanDays += stand.Next.DaysToGo
			_, after, _ := ladder().Stand(then)
			require.Greater(t, after.Rung, stand.Rung)
			require.GreaterOrEqual(t, after.MaxLimit, stand.Next.MaxLimit)
		}
		better := by
		better.LoansRepaid++
		_, above, _ := ladder().Stand(better)
		require.GreaterOrEqual(t, above.Rung, stand.Rung)
	})
}

func TestARungRaisesMultiplesAndBoundsTheLimit(t *testing.T) {
	t.Parallel()
	goods, lane := product(), plan()
	rung := ladder()[1]
	band := rung.Raise(pricing.Band{MinScore: 600, AnnualRate: 1_800, RevenueTimes: 10_000, InflowTimes: 8_000, Entry: 100_000})
	require.Equal(t, pricing.Band{MinScore: 600, AnnualRate: 1_800, RevenueTimes: 15_000, InflowTimes: 12_000, Entry: 150_000}, band)
	capacity := pricing.Capacity{VerifiedMonthly: new(money.Amount(400_000)), Ladder: rung.MaxLimit}
	limit, _ := lane.Limit(&goods, band, capacity, nil)
	require.Equal(t, money.Amount(600_000), limit, "4,000.00 * 1.5")
	capacity.VerifiedMonthly = new(money.Amount(900_000))
	limit, reasons := lane.Limit(&goods, band, capacity, nil)
	require.Equal(t, money.Amount(1_000_000), limit)
	require.Equal(t, pricing.CodeLadder, reasons[0].Code)
	capacity.Exposure = 300_000
	limit, _ = lane.Limit(&goods, band, capacity, nil)
	require.Equal(t, money.Amount(700_000), limit, "less what is owed")
}

func TestBadLaddersAreRefused(t *testing.T) {
	t.Parallel()
	for want, spoil := range map[string]func(pricing.Ladder){
		"[1].max_limit_fen":                func(l pricing.Ladder) { l[1].MaxLimit = 500_000 },
		"[2].max_limit_fen":                func(l pricing.Ladder) { l[2].MaxLimit = 9_000_000 },
		"[1].times_bps":                    func(l pricing.Ladder) { l[1].Times = 9_999 },
		"[2]: a higher rung must not ask":  func(l pricing.Ladder) { l[2].LoansRepaid = 0 },
		"[2].worst_dpd_days":               func(l pricing.Ladder) { l[2].WorstDPD = 11 },
		"[0]: the first rung asks for not": func(l pricing.Ladder) { l[0].FirstLoanDays = 1 },
	} {
		bad := ladder()
		spoil(bad)
		require.ErrorContains(t, bad.Validate(5_000_000), want)
	}
	require.NoError(t, ladder().Validate(2_000_000))
	require.NoError(t, pricing.Ladder(nil).Validate(1))
}
