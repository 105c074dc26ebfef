package pricing_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"loan310/app/money"
	"loan310/scoring/pricing"
	"loan310/scoring/verdict"
)

func product() pricing.Product {
	return pricing.Product{
		MinimumOffer: 100_000, Step: 10_000, IRRCap: 2_400, DayCountBase: 360, TenorMonths: []int{3, 12},
		Repayment: []verdict.RepaymentType{verdict.EqualInstalments, verdict.Bullet, verdict.AnyTime}, ValidDays: 30,
	}
}

func plan() pricing.Plan {
	return pricing.Plan{
		Bands: []pricing.Band{{MinScore: 650, AnnualRate: 1_200, RevenueTimes: 15_000, InflowTimes: 20_000}, {MinScore: 600, AnnualRate: 1_800, RevenueTimes: 10_000, InflowTimes: 10_000}},
		Basis: pricing.Lower, MaxLimit: 50_000_000, Margin: 2_500, ServiceMonth: 12,
	}
}

func TestTheLimitIsTheLeastOfWhatBoundsIt(t *testing.T) {
	t.Parallel()
	million := new(money.Amount(1_000_000))
	half := pricing.Cap{Bps: 5_000, Reason: verdict.Reason{Code: "cap_half"}}
	for name, test := range map[string]struct {
		capacity pricing.Capacity
		caps     []pricing.Cap
		limit    money.Amount
		first    string
	}{
		"verified revenue: 10,000.00 * 1.5":                    {pricing.Capacity{VerifiedMonthly: million}, nil, 1_500_000, pricing.CodeRevenue},
		"the lower of revenue (1.5) and inflow (2 * 6,000.00)": {pricing.Capacity{VerifiedMonthly: million, InflowMonthly: new(money.Amount(600_000))}, nil, 1_200_000, pricing.CodeInflow},
		"debt service: (2,500.00 - 2,400.00) * 12 / 1.12":      {pricing.Capacity{VerifiedMonthly: million, DebtMonthly: 240_000}, nil, 100_000, pricing.CodeDebtService},
		"nothing left for debt service":                        {pricing.Capacity{VerifiedMonthly: million, DebtMonthly: 250_000}, nil, 0, pricing.CodeNoCapacity},
		"the lane's highest limit less what is owed":           {pricing.Capacity{VerifiedMonthly: new(money.Amount(900_000_000)), Exposure: 10_000_000}, nil, 40_000_000, pricing.CodeAbsolute},
		"the request": {pricing.Capacity{VerifiedMonthly: million, Wanted: 777_777}, nil, 770_000, pricing.CodeWanted},
		"a request below the minimum gets the minimum": {pricing.Capacity{VerifiedMonthly: million, Wanted: 1}, nil, 100_000, pricing.CodeWanted},
		"a cap explains first":                         {pricing.Capacity{VerifiedMonthly: million}, []pricing.Cap{half}, 750_000, "cap_half"},
		"a cap that takes nothing is not told":         {pricing.Capacity{VerifiedMonthly: million}, []pricing.Cap{{Fen: 2_000_000}}, 1_500_000, pricing.CodeRevenue},
		"below the minimum: 600.00 * 1.5":              {pricing.Capacity{VerifiedMonthly: new(money.Amount(60_000))}, nil, 0, pricing.CodeTooSmall},
		"nothing known and no entry limit":             {pricing.Capacity{}, nil, 0, pricing.CodeNoCapacity},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			goods, lane := product(), plan()
			limit, reasons := lane.Limit(&goods, lane.Bands[0], test.capacity, test.caps)
			require.Equal(t, test.limit, limit)
			require.Equal(t, test.first, reasons[0].Code)
		})
	}
}

func TestAnEntryLimitIsAFloorThatDebtServiceBounds(t *testing.T) {
	t.Parallel()
	goods, lane := product(), plan()
	band := lane.Bands[0]
	band.Entry = 300_000
	limit, reasons := lane.Limit(&goods, band, pricing.Capacity{}, nil)
	require.Equal(t, money.Amount(300_000), limit)
	require.Equal(t, pricing.CodeEntry, reasons[0].Code)
	// 1,000.00 a month * 25 % * 12 / 1.12 = 2,678.57
	limit, reasons = lane.Limit(&goods, band, pricing.Capacity{VerifiedMonthly: new(money.Amount(100_000))}, nil)
	require.Equal(t, money.Amount(260_000), limit)
	require.Equal(t, pricing.CodeDebtService, reasons[0].Code)
}

func TestTheHigherBasisTakesTheStrongerSide(t *testing.T) {
	t.Parallel()
	goods, lane := product(), plan()
	lane.Basis = pricing.Higher
	limit, _ := lane.Limit(&goods, lane.Bands[0], pricing.Capacity{VerifiedMonthly: new(money.Amount(10_000)), InflowMonthly: new(money.Amount(1_000_000))}, nil)
	require.Equal(t, money.Amount(2_000_000), limit)
}

func TestBandsGoByScore(t *testing.T) {
	t.Parallel()
	lane := plan()
	band, found := lane.Band(650)
	require.True(t, found)
	require.Equal(t, money.BasisPoints(1_200), band.AnnualRate)
	band, _ = lane.Band(649)
	require.Equal(t, money.BasisPoints(1_800), band.AnnualRate)
	_, found = lane.Band(599)
	require.False(t, found)
}

func TestThePriceKeepsTheAllInCap(t *testing.T) {
	t.Parallel()
	goods := product()
	terms, notes, err := goods.Price(1_000_000, pricing.Band{AnnualRate: 1_440})
	require.NoError(t, err)
	require.Equal(t, money.BasisPoints(1_440), terms.AnnualRateBps)
	require.Equal(t, money.BasisPoints(1_460), terms.IRRBps, "daily on 360: 14.40 * 365/360")
	require.Empty(t, notes)
	goods.Fee = 200
	terms, notes, err = goods.Price(1_000_000, pricing.Band{AnnualRate: 2_160})
	require.NoError(t, err)
	require.LessOrEqual(t, terms.IRRBps, money.BasisPoints(2_400))
	require.Less(t, terms.AnnualRateBps, money.BasisPoints(2_160))
	require.Equal(t, pricing.CodePriceCap, notes[0].Code)
	goods.Fee = 1_000
	_, _, err = goods.Price(1_000_000, pricing.Band{AnnualRate: 2_160})
	require.ErrorIs(t, err, pricing.ErrSchedule, "a tenth kept back for three months passes the cap alone")
}

func TestAnIRRIsNeverBelowTheNominalRate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		goods := product()
		goods.Fee = money.BasisPoints(rapid.Int64Range(0, 100).Draw(t, "fee"))
		rate := money.BasisPoints(rapid.Int64Range(720, 2_160).Draw(t, "rate"))
		limit := money.Amount(rapid.Int64Range(10, 5_000).Draw(t, "limit")) * 10_000
		terms, _, err := goods.Price(limit, pricing.Band{AnnualRate: rate})
		require.NoError(t, err)
		require.GreaterOrEqual(t, terms.IRRBps, terms.AnnualRateBps)
		require.LessOrEqual(t, terms.IRRBps, goods.IRRCap)
	})
}
