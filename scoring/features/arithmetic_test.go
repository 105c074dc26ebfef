package features_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/app/money"
	"loan310/scoring/evidence"
	"loan310/scoring/features"
	"loan310/scoring/verdict"
)

// expect compares known values by feature.
func expect(t *testing.T, vector features.Vector, want map[features.ID]int64) {
	t.Helper()
	for id, value := range want {
		got, known := vector.Get(id)
		require.True(t, known, id.Name())
		require.Equal(t, value, got, id.Name())
	}
}

func TestTheCourseOfSales(t *testing.T) {
	t.Parallel()
	r := &rows{facts: features.Facts{States: allKnown(), Report: unread()}}
	for k, fen := range []money.Amount{60_000, 50_000, 40_000, 30_000, 20_000, 10_000} { // newest first, one a month
		at := ago(float64(30*k) + 10)
		r.orders = append(r.orders, evidence.Order{Status: evidence.OrderCompleted, CreatedAt: at, PaidAt: at, Amount: fen})
	}
	r.orders = append(r.orders, evidence.Order{Status: evidence.OrderCompleted, CreatedAt: ago(370), PaidAt: ago(370), Amount: 40_000})
	r.facts.OrdersAsOf = ago(4)
	expect(t, r.vector(), map[features.ID]int64{
		features.Orders7: 0, features.Orders180: 6, features.Revenue180: 210_000,
		features.RevenueSlope:   2_857,  // 10,000 a month over a mean of 35,000
		features.RevenueYoY30:   15_000, // 60,000 against 40,000
		features.BestMonth:      2_857,  // 60,000 of 210,000
		features.LongestGap:     29,     // between two months; from day 10 to the vouched day 4 there are 6
		features.ActiveWeeks52:  6,
		features.RevenueWeek:    0,
		features.TicketMedian:   29_696, // of six the third is 30,000; cell of 1,024 from 29,696
		features.DaysSinceOrder: 6,      // 10 less the 4 the platform does not vouch for
	})
}

func TestHabitsGoByChinasClock(t *testing.T) {
	t.Parallel()
	r := &rows{facts: features.Facts{States: allKnown(), Report: unread()}}
	add := func(moment, category string, fen money.Amount) {
		at, err := time.Parse(time.RFC3339, moment)
		require.NoError(t, err)
		r.orders = append(r.orders, evidence.Order{
			Status: evidence.OrderCompleted, CreatedAt: at, PaidAt: at, Amount: fen, Category: category, BuyerSince: at.AddDate(0, 0, -29-len(r.orders)),
			ShippedAt: at.Add(90 * time.Minute), ReviewScore: int32(1 + len(r.orders)),
		})
	}
	add("2026-10-30T16:30:00Z", "tea", 100) // Saturday 00:30 in China
	add("2026-10-30T15:30:00Z", "tea", 200) // Friday 23:30
	add("2026-06-01T02:00:00Z", "cup", 300) // Monday 10:00
	add("2026-06-01T02:30:00Z", "cup", 400)
	expect(t, r.vector(), map[features.ID]int64{
		features.WeekendShare: 2_500, features.NightShare: 2_500,
		features.HourHHI:    3_750,                          // 1/16 + 1/16 + 4/16
		features.Categories: 2, features.CategoryHHI: 5_800, // 0.3^2 + 0.7^2
		features.YoungAccounts: 2_500, // 29 days; 30 is not young
		features.ShipDelay:     1,
		features.Reviews365:    4, features.ReviewShare: 10_000, features.LowReviews: 5_000, features.ReviewScore: 250,
		features.ReviewTrend: -200, // 1.5 stars of late, 3.5 before
	})
}

func TestRoutesOfParcels(t *testing.T) {
	t.Parallel()
	r := &rows{facts: features.Facts{States: allKnown(), Report: unread()}}
	for i, days := range []float64{5, 20, 40, 50, 60} {
		waybill := evidence.Waybill{
			Status: evidence.WaybillInTransit, CreatedAt: ago(days), PickedUpAt: ago(days).Add(2 * time.Hour), Destination: []string{"a", "a", "a", "b", "b"}[i],
			Carrier: "SF", DistanceKM: int32(100 * i), Freight: money.Amount(500 + 100*i),
		}
		switch i {
		case 2:
			waybill.SignedAt, waybill.Status = ago(38), evidence.WaybillSigned
		case 3:
			waybill.Status = evidence.WaybillReturned
		}
		r.waybills = append(r.waybills, waybill)
	}
	expect(t, r.vector(), map[features.ID]int64{
		features.Waybills30: 2, features.Waybills365: 5, features.ActiveWeeksYear: 5,
		features.LostRate:     3_333, // of three old enough, the last
		features.ReturnRate90: 2_000, features.PickupDelay: 2,
		features.Destinations: 2, features.DestinationHHI: 5_200, features.Carriers: 1,
		features.DistanceMean: 250, features.FreightMean: 700, features.DeliveryP90: 46,
	})
}

func TestMoneyComesAndGoes(t *testing.T) {
	t.Parallel()
	r := &rows{facts: features.Facts{States: allKnown(), Report: unread(), BankAsOf: ago(3)}}
	add := func(days float64, amount money.Amount, kind evidence.TxKind, with string, balance money.Amount) {
		r.transactions = append(r.transactions, evidence.Transaction{AccountID: "A", BookedAt: ago(days), Amount: amount, Kind: kind, CounterpartyID: with, Balance: new(balance)})
	}
	add(185, 1, evidence.TxOther, "", 0)
	add(170, 400_000, evidence.TxSales, "platform", 400_000)
	add(100, 200_000, evidence.TxCash, "owner", 600_000)
	add(90, -60_000, evidence.TxSupplier, "s", 540_000)
	add(80, 300_000, evidence.TxSales, "platform", 840_000)
	add(60, -30_000, evidence.TxRent, "l", 810_000)
	add(50, -40_000, evidence.TxSalary, "w", 770_000)
	add(40, -100_000, evidence.TxTransfer, "owner", 670_000)
	add(20, -20_000, evidence.TxSupplier, "s", 650_000)
	add(13, 100_000, evidence.TxLoanIn, "bank", 750_000)
	add(10, 100_000, evidence.TxSales, "platform", 850_000)
	add(5, -820_000, evidence.TxTax, "tax", 30_000)
	expect(t, r.vector(), map[features.ID]int64{
		features.Inflow: 166_666, features.LoanInflow: 100_000,
		features.InflowTrend: 6_666, // 400,000 against 600,000
		features.CashShare:   2_000,
		features.RoundTrip:   1_000,                       // 100,000 came from the owner and went back
		features.Payers:      2, features.PayerHHI: 6_800, // 0.8^2 + 0.2^2
		features.SinceInflow: 7, // 10 less the 3 the bank does not vouch for
		features.InflowDays:  2, features.SalaryMonths: 1, features.RentMonths: 1, features.TaxPayments: 1, features.SupplierWeeks: 1,
		features.SupplierMonthly: 13_333, features.OutflowShare: 10_700, features.TransferShare: 934, // 100,000 of 1,070,000
		features.BalanceLowDays:  1,       // a week takes 41,611
		features.BalanceMedian:   655_360, // of eleven the sixth is 670,000; cell of 32,768 from 655,360
		features.BalanceMonthEnd: 508_000, // May 400,000, July 600,000, August 840,000, September 670,000, October 30,000
	})
}

func TestMetersAndBills(t *testing.T) {
	t.Parallel()
	r := &rows{facts: features.Facts{States: allKnown(), Report: unread()}}
	for _, month := range []int{0, 1, 2, 4, 5, 12, 13, 14} { // the fourth is not billed
		end := ago(float64(month) * 30)
		bill := evidence.UtilityBill{MeterID: "M", Kind: evidence.Electricity, PeriodStart: end.AddDate(0, 0, -30), PeriodEnd: end, Quantity: 300_000, Amount: 9_000, DueAt: end.AddDate(0, 0, 10)}
		if month > 4 {
			bill.Quantity = 600_000
		}
		if month != 1 {
			bill.PaidAt = bill.DueAt
		}
		r.bills = append(r.bills, bill)
	}
	for i := range 10 {
		r.orders = append(r.orders, evidence.Order{Status: evidence.OrderCompleted, CreatedAt: ago(float64(i * 18)), PaidAt: ago(float64(i * 18)), Amount: 1})
	}
	expect(t, r.vector(), map[features.ID]int64{
		features.BillsUnpaid: 1, features.BillsLate90: 1, features.Meters: 1,
		features.UtilityGap:     180,   // between the sixth and the thirteenth period
		features.UtilityMonthly: 4_438, // 54,000 of 365 days: the six that ended within the year
		features.PowerYoY:       5_000, features.PowerMonthly: 300_000,
		features.PowerPerOrder: 180_000, // 900,000 over 5 orders
		features.PowerTrend:    6_666,   // 10,000 a day against 15,000
		features.PowerToOrders: 6_666,   // orders stood still
	})
}

func TestWhatTwoSourcesTellTogether(t *testing.T) {
	t.Parallel()
	r := full()
	r.facts.Applicant.AmountWanted = 2_000_000
	vector := r.vector()
	verified, _ := vector.Get(features.VerifiedMonthly)
	require.Equal(t, int64(657_534), verified, "8,000,000 * 30 / 365")
	inflow, _ := vector.Get(features.Inflow)
	expect(t, vector, map[features.ID]int64{
		features.WantedToRevenue: 30_416, features.WantedToInflow: 2_000_000 * 10_000 / inflow,
		features.BureauDebtToRevenue: 912, features.BureauDebtToInflow: 60_000 * 10_000 / inflow, features.BureauOwedToInflow: 500_000 * 10_000 / inflow,
		features.OwnExposureToRevenue: 1_520, features.OwnFirstLoan: 150,
		features.WaybillsToOrders: 10_000, features.LicenceToOrder: 541, features.LicenceKind: 1, features.LicenceCapital: 10_000_000,
	})
	r.facts.Applicant.AmountWanted = 0
	require.Equal(t, verdict.FeatureMissing, r.vector()[features.WantedToRevenue].State, "nothing asked for is not zero")
}
