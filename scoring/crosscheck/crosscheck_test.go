package crosscheck_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/app/money"
	"loan310/scoring/crosscheck"
	"loan310/scoring/evidence"
)

func TestAnHonestShopIsVerifiedWhole(t *testing.T) {
	t.Parallel()
	report := honest(100).check(crosscheck.Options{})
	require.Equal(t, money.Amount(1_000_000), report.ClaimedRevenue)
	require.Equal(t, money.Amount(1_000_000), report.VerifiedRevenue)
	require.Equal(t, money.BasisPoints(10_000), report.ScoreBps)
	require.Empty(t, report.Deductions)
	require.Empty(t, report.Signals)
	require.Equal(t, money.BasisPoints(10_000), report.Stats.CoverageBps)
	require.Equal(t, money.BasisPoints(1_000), report.Stats.Top10Bps, "ten of a hundred equal buyers")
	require.Equal(t, money.BasisPoints(100), report.Stats.HHIBps, "100 * (1/100)^2")
}

// Each finding is planted in ten of a hundred orders of 100.00.
func TestEachFindingIsDeductedByItsCode(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		code  string
		plant func(shop *shop, i int, order *evidence.Order, waybill *evidence.Waybill)
		taken money.Amount
	}{
		{crosscheck.CodeMissing, func(_ *shop, _ int, o *evidence.Order, w *evidence.Waybill) { o.WaybillNo, w.OrderID = "", "" }, 100_000},
		{crosscheck.CodeMissing, func(_ *shop, _ int, o *evidence.Order, w *evidence.Waybill) {
			o.WaybillNo, w.OrderID = "no carrier knows it "+o.ID, ""
		}, 100_000},
		{crosscheck.CodeReused, func(s *shop, _ int, o *evidence.Order, w *evidence.Waybill) {
			o.WaybillNo, w.OrderID = s.orders[50].WaybillNo, "" // ten orders on another buyer's undeclared parcel
			s.waybills[50].OrderID = ""
		}, 100_000},
		{crosscheck.CodeForeign, func(_ *shop, _ int, _ *evidence.Order, w *evidence.Waybill) { w.OrderID = "elsewhere" }, 100_000},
		{crosscheck.CodeVoid, func(_ *shop, _ int, _ *evidence.Order, w *evidence.Waybill) { w.Status = evidence.WaybillReturned }, 100_000},
		{crosscheck.CodePredates, func(_ *shop, _ int, o *evidence.Order, w *evidence.Waybill) {
			w.CreatedAt = o.CreatedAt.Add(-48 * time.Hour)
		}, 100_000},
		{crosscheck.CodeTooFast, func(_ *shop, _ int, _ *evidence.Order, w *evidence.Waybill) {
			w.SignedAt = w.PickedUpAt.Add(2 * time.Hour) // 800 km in two hours
		}, 100_000},
		{crosscheck.CodeTooFast, func(_ *shop, _ int, _ *evidence.Order, w *evidence.Waybill) {
			w.SignedAt = w.PickedUpAt.Add(-time.Hour)
		}, 100_000},
		{crosscheck.CodeWeight, func(_ *shop, _ int, _ *evidence.Order, w *evidence.Waybill) { w.WeightGrams = 40 }, 100_000},
		{crosscheck.CodeFewScans, func(_ *shop, _ int, _ *evidence.Order, w *evidence.Waybill) { w.Scans = 2 }, 100_000},
		// 10 of 100 with 3 % natural: 7 are taken.
		{crosscheck.CodeBeforePaid, func(_ *shop, _ int, o *evidence.Order, w *evidence.Waybill) {
			o.PaidAt = w.PickedUpAt.Add(time.Hour)
		}, 70_000},
		{crosscheck.CodeLinked, func(_ *shop, _ int, o *evidence.Order, _ *evidence.Waybill) { o.PayerID = "one hand" }, 100_000},
		{crosscheck.CodeLinked, func(_ *shop, _ int, o *evidence.Order, _ *evidence.Waybill) { o.DeviceID = "one phone" }, 100_000},
	} {
		t.Run(test.code, func(t *testing.T) {
			t.Parallel()
			shop := honest(100)
			for i := range 10 {
				test.plant(shop, i, &shop.orders[i], &shop.waybills[i])
			}
			// A zero natural share still lets a single order pass.
			taken := test.taken
			switch test.code {
			case crosscheck.CodeVoid, crosscheck.CodePredates, crosscheck.CodeTooFast, crosscheck.CodeWeight, crosscheck.CodeFewScans:
				taken -= 10_000
			}
			report := shop.check(crosscheck.Options{})
			require.Equal(t, taken, deduction(report, test.code).Amount)
			require.Len(t, report.Deductions, 1)
			require.Equal(t, report.ClaimedRevenue-taken, report.VerifiedRevenue)
			require.True(t, signalled(report, test.code))
			require.Less(t, report.ScoreBps, money.BasisPoints(10_000))
			require.NotEmpty(t, report.FlaggedSample)
		})
	}
}

func TestAnOrderIsDeductedOnceByItsGravestFinding(t *testing.T) {
	t.Parallel()
	shop := honest(100)
	for i := range 10 {
		shop.orders[i].PayerID = "one hand"
		shop.orders[i].WaybillNo, shop.waybills[i].OrderID = "", ""
	}
	report := shop.check(crosscheck.Options{})
	require.Equal(t, money.Amount(100_000), deduction(report, crosscheck.CodeLinked).Amount)
	require.Zero(t, deduction(report, crosscheck.CodeMissing).Amount)
	require.True(t, signalled(report, crosscheck.CodeMissing), "it still counts against the score")
}

func TestCancelledAndUnpaidOrdersNeedNoParcel(t *testing.T) {
	t.Parallel()
	shop := honest(60)
	for i := range 20 {
		order, waybill := shop.sell(100, fmt.Sprintf("X%d", i))
		*waybill = evidence.Waybill{No: waybill.No}
		order.Status, order.PaidAt, order.ShippedAt = evidence.OrderCreated, time.Time{}, time.Time{}
		if i%2 == 0 {
			order.Status, order.PaidAt = evidence.OrderCancelled, order.CreatedAt
		}
	}
	report := shop.check(crosscheck.Options{})
	require.Equal(t, money.Amount(600_000), report.ClaimedRevenue)
	require.Equal(t, report.ClaimedRevenue, report.VerifiedRevenue)
	require.Equal(t, money.BasisPoints(10_000), report.ScoreBps)
}

func TestARecentOrderIsPendingNotFake(t *testing.T) {
	t.Parallel()
	shop := honest(60)
	order, waybill := shop.sell(3, "late")
	order.WaybillNo, waybill.OrderID = "", ""
	report := shop.check(crosscheck.Options{})
	require.Equal(t, money.Amount(10_000), deduction(report, crosscheck.CodePending).Amount, "not counted yet")
	require.Equal(t, money.BasisPoints(10_000), report.ScoreBps)
	require.Zero(t, report.FlaggedOrders)
	// Stale logistics vouch only up to their own time: the grace counts from there.
	shop.orders[60].CreatedAt, shop.orders[60].PaidAt = ago(20), ago(20)
	report = shop.check(crosscheck.Options{Logistics: evidence.Stale, LogisticsAsOf: ago(18)})
	require.Equal(t, money.Amount(10_000), deduction(report, crosscheck.CodePending).Amount)
}

func TestOneParcelForTwoOrdersOfOneBuyerIsHonest(t *testing.T) {
	t.Parallel()
	shop := honest(60)
	for i := range 10 {
		order, waybill := shop.sell(10+340*float64(i)/60, fmt.Sprintf("B%d", i))
		order.WaybillNo, waybill.OrderID = shop.orders[i].WaybillNo, ""
	}
	report := shop.check(crosscheck.Options{})
	require.Equal(t, report.ClaimedRevenue, report.VerifiedRevenue)
	require.Empty(t, report.Signals)
}

func TestAnOrderThatNamesNoWaybillIsFoundByTheCarrier(t *testing.T) {
	t.Parallel()
	shop := honest(60)
	for i := range shop.orders {
		shop.orders[i].WaybillNo = ""
	}
	report := shop.check(crosscheck.Options{})
	require.Equal(t, report.ClaimedRevenue, report.VerifiedRevenue)
}

func TestRefundsAreTakenOnceBesideTheFindings(t *testing.T) {
	t.Parallel()
	shop := honest(60)
	shop.orders[0].Refund, shop.orders[0].RefundedAt = 4_000, ago(5) // partly
	shop.orders[1].Status = evidence.OrderRefunded                   // whole: the source names no sum
	shop.orders[2].Status, shop.orders[2].RefundedAt = evidence.OrderRefunded, asOf.Add(time.Hour)
	shop.orders[0].WaybillNo, shop.waybills[0].OrderID = "", ""
	report := shop.check(crosscheck.Options{})
	require.Equal(t, money.Amount(14_000), deduction(report, crosscheck.CodeRefunded).Amount, "the third has not happened yet")
	require.Equal(t, money.Amount(6_000), deduction(report, crosscheck.CodeMissing).Amount, "what was not refunded")
	require.Equal(t, money.Amount(580_000), report.VerifiedRevenue)
}

func TestLogisticsUnreadProvesNothingEitherWay(t *testing.T) {
	t.Parallel()
	for _, state := range []evidence.State{evidence.Down, evidence.Withheld} {
		shop := honest(60)
		shop.waybills = nil
		report := shop.check(crosscheck.Options{Logistics: state})
		require.Equal(t, money.Amount(300_000), report.VerifiedRevenue, "a haircut of half")
		require.Equal(t, money.BasisPoints(10_000), report.ScoreBps, "never a lie")
		require.Zero(t, report.FlaggedOrders)
		require.False(t, report.Stats.LogisticsRead)
	}
	shop := honest(60)
	shop.waybills = nil
	report := shop.check(crosscheck.Options{Logistics: evidence.Empty})
	require.Zero(t, report.VerifiedRevenue, "the carriers know no parcel of sixty orders")
	require.Equal(t, int64(60), report.FlaggedOrders)
	require.Len(t, report.FlaggedSample, 50)
	require.Empty(t, report.SuspectWaybills)
}

func TestServicesShipNothingAndLoseAPart(t *testing.T) {
	t.Parallel()
	shop := honest(60)
	shop.waybills = nil
	for i := range shop.orders {
		shop.orders[i].Category, shop.orders[i].WaybillNo = "service", ""
	}
	report := shop.check(crosscheck.Options{Logistics: evidence.Empty})
	require.Equal(t, money.Amount(360_000), report.VerifiedRevenue, "600,000 less 40 %")
	require.Equal(t, money.BasisPoints(10_000), report.ScoreBps)
}

func TestRepeatedRowsCountOnce(t *testing.T) {
	t.Parallel()
	shop := honest(60)
	shop.orders = append(shop.orders, shop.orders...)
	shop.waybills = append(shop.waybills, shop.waybills...)
	report := shop.check(crosscheck.Options{})
	require.Equal(t, money.Amount(600_000), report.ClaimedRevenue)
	require.Equal(t, money.Amount(600_000), report.VerifiedRevenue)
}

// peak adds a month of 300 orders to a steady shop of 20 a month.
func peak(parcels bool, powerTimes int64) *shop {
	shop := &shop{}
	for month := range 12 {
		orders := 20
		if month == 1 {
			orders = 300
		}
		for i := range orders {
			order, waybill := shop.sell(float64(month*30)+5+24*float64(i)/float64(orders), fmt.Sprintf("B%d-%d", month, i))
			if month == 1 && !parcels {
				order.WaybillNo = ""
				*waybill = evidence.Waybill{No: waybill.No}
			}
		}
		quantity := int64(300_000)
		if month == 1 {
			quantity *= powerTimes
		}
		shop.bills = append(shop.bills, evidence.UtilityBill{
			Kind: evidence.Electricity, PeriodStart: ago(float64(month*30 + 30)), PeriodEnd: ago(float64(month * 30)), Quantity: quantity,
		})
	}
	return shop
}

func TestAnHonestPeakPassesAndAnEmptyOneDoesNot(t *testing.T) {
	t.Parallel()
	report := peak(true, 4).check(crosscheck.Options{})
	require.Equal(t, report.ClaimedRevenue, report.VerifiedRevenue)
	require.Empty(t, report.Signals)

	report = peak(true, 1).check(crosscheck.Options{})
	require.Equal(t, report.ClaimedRevenue, report.VerifiedRevenue, "parcels bear it out: flat power alone takes no money")
	require.True(t, signalled(report, crosscheck.CodeFlat))

	report = peak(false, 1).check(crosscheck.Options{})
	require.Equal(t, money.Amount(2_200_000), report.VerifiedRevenue, "eleven months of 20 orders")
	require.True(t, signalled(report, crosscheck.CodeSpike))
	require.Zero(t, report.ScoreBps)
}

func TestAPeakNobodyCouldReadCountsAsTheBase(t *testing.T) {
	t.Parallel()
	shop := peak(true, 1)
	report := shop.check(crosscheck.Options{Logistics: evidence.Down})
	// Claimed 520 orders; haircut of half leaves 2,600,000; 280 orders above the base go.
	require.Zero(t, report.VerifiedRevenue)
	require.Equal(t, money.Amount(2_600_000), deduction(report, crosscheck.CodeSpike).Amount)
	report = peak(true, 4).check(crosscheck.Options{Logistics: evidence.Down})
	require.Equal(t, money.Amount(2_600_000), report.VerifiedRevenue, "electricity bears the peak out")
}

func TestConcentratedNewAndBurstingBuyersLowerTheScore(t *testing.T) {
	t.Parallel()
	few := honest(100)
	for i := range few.orders {
		few.orders[i].BuyerID = fmt.Sprintf("B%d", i%5)
	}
	report := few.check(crosscheck.Options{})
	require.True(t, signalled(report, crosscheck.CodeConcentrate))
	fresh := honest(100)
	for i := range fresh.orders {
		fresh.orders[i].BuyerSince = fresh.orders[i].CreatedAt.Add(-time.Hour)
	}
	require.True(t, signalled(fresh.check(crosscheck.Options{}), crosscheck.CodeNewBuyers))
	burst := honest(100)
	for range 40 {
		burst.sell(20.01, "one of two")
	}
	report = burst.check(crosscheck.Options{})
	require.True(t, signalled(report, crosscheck.CodeBurst))
	require.Equal(t, report.ClaimedRevenue, report.VerifiedRevenue, "a pattern lowers the score, it takes no order")
}

func TestIdsShownAreFewAndGravestFirst(t *testing.T) {
	t.Parallel()
	shop := honest(300)
	for i := range 200 {
		shop.waybills[i].Scans = 1
	}
	for i := 200; i < 210; i++ {
		shop.waybills[i].OrderID = "elsewhere"
	}
	report := shop.check(crosscheck.Options{})
	require.Len(t, report.FlaggedSample, 50)
	require.Len(t, report.SuspectWaybills, 20)
	require.Equal(t, "O201", report.FlaggedSample[0], "a foreign parcel before thin scans")
}

func TestRulesAreValidated(t *testing.T) {
	t.Parallel()
	good := rules()
	require.NoError(t, good.Validate())
	for name, spoil := range map[string]func(*crosscheck.Rules){
		"window_days":        func(r *crosscheck.Rules) { r.WindowDays = 401 },
		"payer_buyers":       func(r *crosscheck.Rules) { r.PayerBuyers = 5 },
		"spike_times_bps":    func(r *crosscheck.Rules) { r.SpikeTimes = 10_000 },
		"unread_haircut_bps": func(r *crosscheck.Rules) { r.UnreadHaircut = 10_001 },
		"penalties.no_such":  func(r *crosscheck.Rules) { r.Penalties = map[string]crosscheck.Penalty{"no_such": {}} },
		"penalties.buyers_ne": func(r *crosscheck.Rules) {
			r.Penalties = map[string]crosscheck.Penalty{crosscheck.CodeNewBuyers: {Max: -1}}
		},
	} {
		bad := rules()
		spoil(&bad)
		require.ErrorContains(t, bad.Validate(), name)
	}
}
