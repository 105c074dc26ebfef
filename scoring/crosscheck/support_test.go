package crosscheck_test

import (
	"fmt"
	"time"

	"loan310/app/money"
	"loan310/scoring/crosscheck"
	"loan310/scoring/evidence"
	"loan310/scoring/verdict"
)

var asOf = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func ago(days float64) time.Time {
	return asOf.Add(-time.Duration(days * 24 * float64(time.Hour)))
}

func rules() crosscheck.Rules {
	steep := func(natural money.BasisPoints) crosscheck.Penalty {
		return crosscheck.Penalty{Natural: natural, Weight: 20_000, Max: 9_000}
	}
	penalties := map[string]crosscheck.Penalty{}
	for _, code := range crosscheck.Codes() {
		penalties[code] = steep(0)
	}
	penalties[crosscheck.CodeMissing] = steep(200)
	penalties[crosscheck.CodeBeforePaid] = steep(300)
	penalties[crosscheck.CodeConcentrate] = steep(6_000)
	penalties[crosscheck.CodeNewBuyers] = steep(2_500)
	penalties[crosscheck.CodeRefundSoon] = steep(1_500)
	penalties[crosscheck.CodeNight] = steep(500)
	penalties[crosscheck.CodeRotation] = steep(2_000)
	penalties[crosscheck.CodeConstWeight] = steep(5_000)
	penalties[crosscheck.CodeUnbanked] = steep(9_000)
	return crosscheck.Rules{
		WindowDays: 365, GraceDays: 4, ServiceCategories: []string{"service"}, ServiceHaircut: 4_000, UnreadHaircut: 5_000,
		MinScans: 3, MaxKMH: 250, PredatesMinutes: 1_440, PayerBuyers: 3, DeviceBuyers: 4, LinkedOrders: 4, WeightMin: 2_500,
		SpikeTimes: 30_000, SpikeMin: 100_000, FlatTimes: 12_000, MinOrders: 50, BurstOrders: 20, BurstPerBuyer: 3,
		NewBuyerDays: 7, RefundSoonDays: 3, Penalties: penalties,
		EvidenceDays: 730, BeforeMinutes: 120, QuickPayMinutes: 120, Transit: crosscheck.Transit{City: 15, Region: 120, Far: 360},
		LightWeight: 1_000, LightGrams: 500, OriginShare: 1_500, BundleParcels: 5, FreightMin: 120, DensityMax: 100_000,
		RotationOrders: 12, IPBuyers: 4, RoundDays: 7, RoundSlack: 300, RoundTrips: 3,
	}
}

// shop is a merchant under construction: honest unless a test says otherwise.
type shop struct {
	orders   []evidence.Order
	waybills []evidence.Waybill
	bills    []evidence.UtilityBill
	account  []evidence.Transaction
}

// sell adds an honest order of 100.00 with its parcel.
func (s *shop) sell(days float64, buyer string) (*evidence.Order, *evidence.Waybill) {
	number := len(s.orders) + 1
	at := ago(days)
	s.orders = append(s.orders, evidence.Order{
		ID: fmt.Sprintf("O%d", number), Status: evidence.OrderCompleted, CreatedAt: at, PaidAt: at.Add(10 * time.Minute),
		ShippedAt: at.Add(5 * time.Hour), DeliveredAt: at.Add(50 * time.Hour), Amount: 10_000, BuyerID: buyer,
		BuyerSince: ago(900), PayerID: "pay-" + buyer, DeviceID: "dev-" + buyer, WaybillNo: fmt.Sprintf("W%d", number), WeightGrams: 1_000,
	})
	s.waybills = append(s.waybills, evidence.Waybill{
		No: fmt.Sprintf("W%d", number), OrderID: fmt.Sprintf("O%d", number), Status: evidence.WaybillSigned, CreatedAt: at.Add(4 * time.Hour),
		PickedUpAt: at.Add(5 * time.Hour), SignedAt: at.Add(50 * time.Hour), DistanceKM: 800, WeightGrams: 1_050, Scans: 7,
	})
	return &s.orders[number-1], &s.waybills[number-1]
}

// honest gives a shop of so many orders spread over days 10 to 350.
func honest(orders int) *shop {
	shop := &shop{}
	for i := range orders {
		shop.sell(10+340*float64(i)/float64(orders), fmt.Sprintf("B%d", i))
	}
	return shop
}

func (s *shop) check(options crosscheck.Options) crosscheck.Report {
	if options.Rules.WindowDays == 0 {
		options.Rules = rules()
	}
	if options.Logistics == "" {
		options.Logistics = evidence.Known
	}
	join := crosscheck.New(asOf, options)
	for i := range s.waybills {
		join.AddWaybill(&s.waybills[i])
	}
	for i := range s.orders {
		join.AddOrder(&s.orders[i])
	}
	for i := range s.bills {
		join.AddBill(&s.bills[i])
	}
	for i := range s.account {
		join.AddTransaction(&s.account[i])
	}
	report := join.Result()
	if err := join.Name(&report, evidence.Slice(s.orders)); err != nil {
		panic(err) // a slice cannot fail
	}
	return report
}

// behind gives the evidence of a code.
func behind(report crosscheck.Report, code string) verdict.Evidence {
	for _, item := range report.Evidence {
		if item.Code == code {
			return item
		}
	}
	return verdict.Evidence{Code: code}
}

func deduction(report crosscheck.Report, code string) verdict.Deduction {
	for _, item := range report.Deductions {
		if item.Code == code {
			return item
		}
	}
	return verdict.Deduction{Code: code}
}

func signalled(report crosscheck.Report, code string) bool {
	for _, signal := range report.Signals {
		if signal.Code == code {
			return true
		}
	}
	return false
}
