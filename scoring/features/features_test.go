package features_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/app/money"
	"loan310/scoring/crosscheck"
	"loan310/scoring/evidence"
	"loan310/scoring/features"
	"loan310/scoring/verdict"
)

var asOf = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func ago(days float64) time.Time {
	return asOf.Add(-time.Duration(days * 24 * float64(time.Hour)))
}

func allKnown() map[evidence.Source]evidence.State {
	states := map[evidence.Source]evidence.State{}
	for _, source := range evidence.Sources {
		states[source] = evidence.Known
	}
	return states
}

// unread is a report of a check that saw nothing.
func unread() crosscheck.Report {
	return crosscheck.New(asOf, crosscheck.Options{}).Result()
}

func TestEveryFeatureIsDocumentedOnce(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for id, def := range features.All() {
		require.Regexp(t, `^[a-z][a-z0-9_]+$`, def.Name)
		require.False(t, seen[def.Name], def.Name)
		seen[def.Name] = true
		require.NotEmpty(t, def.Unit, def.Name)
		require.NotEmpty(t, def.Window, def.Name)
		require.NotEmpty(t, def.Source, def.Name)
		require.NotEmpty(t, def.About, def.Name)
		found, known := features.Index(def.Name)
		require.True(t, known)
		require.Equal(t, features.ID(id), found)
	}
	_, known := features.Index("horoscope")
	require.False(t, known)
}

func TestWithoutASourceItsFeaturesAreMissingNeverZero(t *testing.T) {
	t.Parallel()
	for _, state := range []evidence.State{evidence.Empty, evidence.Down, evidence.Withheld} {
		states := allKnown()
		for source := range states {
			states[source] = state
		}
		vector := features.NewCollector(asOf).Vector(features.Facts{
			States: states, Report: unread(), Bureau: &evidence.BureauReport{Found: true}, Registry: &evidence.RegistryRecord{},
		})
		for id, def := range features.All() {
			if def.Source == features.FromOwn || features.ID(id) == features.BureauFound {
				continue
			}
			require.Equal(t, verdict.FeatureMissing, vector[id].State, def.Name)
			require.Zero(t, vector[id].Value, def.Name)
		}
	}
}

func TestMarketplaceArithmetic(t *testing.T) {
	t.Parallel()
	collector := features.NewCollector(asOf)
	add := func(days float64, amount money.Amount, status evidence.OrderStatus, stars int32) {
		collector.AddOrder(&evidence.Order{Status: status, CreatedAt: ago(days), PaidAt: ago(days), Amount: amount, ReviewScore: stars})
	}
	add(10, 30_000, evidence.OrderCompleted, 5)
	add(40, 10_000, evidence.OrderCompleted, 4)
	add(100, 20_000, evidence.OrderRefunded, 0)
	add(20, 99_000, evidence.OrderCancelled, 0)
	add(400, 20_000, evidence.OrderCompleted, 0)
	add(-1, 1_000_000, evidence.OrderCompleted, 1)
	vector := collector.Vector(features.Facts{States: allKnown(), Report: unread()})
	for id, want := range map[features.ID]int64{
		features.ShopAgeDays: 400, features.DaysSinceOrder: 10, features.Orders30: 1, features.Orders90: 2, features.Orders365: 3,
		features.Revenue30: 30_000, features.Revenue90: 40_000, features.Revenue365: 60_000,
		features.RevenueGrowth: 20_000, // 40,000 against 20,000
		features.RevenueYoY:    20_000, // 40,000 against the 20,000 of day 400
		features.CancelRate:    2_500,  // one of four
		features.RefundRate:    3_333,  // 20,000 of 60,000
		features.AvgTicket:     20_000,
		features.ReviewScore:   450,
		features.ActiveDays90:  2,
	} {
		value, known := vector.Get(id)
		require.True(t, known, id.Name())
		require.Equal(t, want, value, id.Name())
	}
}

func TestLogisticsArithmetic(t *testing.T) {
	t.Parallel()
	collector := features.NewCollector(asOf)
	for i, hours := range []float64{20, 40, 60, 0} {
		waybill := evidence.Waybill{CreatedAt: ago(20 + 7*float64(i)), PickedUpAt: ago(19.9 + 7*float64(i)), Status: evidence.WaybillInTransit}
		if hours > 0 {
			waybill.SignedAt, waybill.Status = waybill.PickedUpAt.Add(time.Duration(hours)*time.Hour), evidence.WaybillSigned
		}
		collector.AddWaybill(&waybill)
	}
	collector.AddWaybill(&evidence.Waybill{CreatedAt: ago(120), Status: evidence.WaybillReturned})
	vector := collector.Vector(features.Facts{States: allKnown(), Report: unread()})
	for id, want := range map[features.ID]int64{
		features.LogisticsAge: 120, features.Waybills90: 4, features.SignRate: 6_000, features.ReturnRate: 2_000,
		features.MedianDelivery: 40, features.ActiveWeeks: 4, features.WaybillGrowth: 40_000,
	} {
		value, known := vector.Get(id)
		require.True(t, known, id.Name())
		require.Equal(t, want, value, id.Name())
	}
}

func TestBankArithmetic(t *testing.T) {
	t.Parallel()
	collector := features.NewCollector(asOf)
	add := func(days float64, account string, amount money.Amount, kind evidence.TxKind, with string, balance money.Amount) {
		collector.AddTransaction(&evidence.Transaction{AccountID: account, BookedAt: ago(days), Amount: amount, Kind: kind, CounterpartyID: with, Balance: new(balance)})
	}
	add(179, "A", 600_000, evidence.TxSales, "x", 600_000)
	add(100, "A", 900_000, evidence.TxLoanIn, "", 500_000) // a loan is no income
	add(50, "A", 200_000, evidence.TxTransfer, "B", 700_000)
	add(50, "B", -200_000, evidence.TxTransfer, "A", -100_000) // own accounts
	add(40, "A", 600_000, evidence.TxSales, "y", 100_000)
	add(30, "A", -300_000, evidence.TxLoanOut, "", -50_000)
	add(20, "A", -1_000, evidence.TxPenalty, "", 200_000)
	add(200, "A", -1_000, evidence.TxPenalty, "", -1)
	add(-1, "A", 1, evidence.TxSales, "z", -1)
	vector := collector.Vector(features.Facts{States: allKnown(), Report: unread()})
	for id, want := range map[features.ID]int64{
		features.BankHistory: 200, features.Inflow: 200_000, features.SalesInflow: 200_000, features.Outflow: 50_166,
		features.NetFlow: 149_833, features.BalanceMin: -100_000, features.NegativeDays: 2, features.PenaltyCount: 2,
		features.DebtService: 50_000, features.DebtServiceShare: 2_500, features.TopPayer: 5_000,
	} {
		value, known := vector.Get(id)
		require.True(t, known, id.Name())
		require.Equal(t, want, value, id.Name())
	}
	_, known := vector.Get(features.SalesToRevenue)
	require.False(t, known, "no claimed revenue to compare with")
}

func TestUtilityArithmetic(t *testing.T) {
	t.Parallel()
	collector := features.NewCollector(asOf)
	for month := range 6 {
		end := ago(float64(month) * 30)
		bill := evidence.UtilityBill{Kind: evidence.Electricity, PeriodStart: end.AddDate(0, 0, -30), PeriodEnd: end, Quantity: 300_000, DueAt: end.AddDate(0, 0, 10)}
		bill.PaidAt = bill.DueAt
		switch month {
		case 1:
			bill.PaidAt = bill.DueAt.AddDate(0, 0, 7)
		case 2:
			bill.PaidAt = time.Time{} // due 50 days ago, still unpaid
		case 3, 4, 5:
			bill.Quantity = 600_000
		}
		collector.AddBill(&bill)
	}
	vector := collector.Vector(features.Facts{States: allKnown(), Report: unread()})
	for id, want := range map[features.ID]int64{
		features.UtilityHistory: 180, features.BillsOnTime: 6_000, // three of the five due
		features.BillsLate: 2, features.BillDelayMax: 50, features.PowerMonthly: 300_000, features.PowerTrend: 5_000, features.UtilityCover: 10_000,
	} {
		value, known := vector.Get(id)
		require.True(t, known, id.Name())
		require.Equal(t, want, value, id.Name())
	}
}

func TestOwnArrearsAreMissingForWhoNeverBorrowed(t *testing.T) {
	t.Parallel()
	vector := features.NewCollector(asOf).Vector(features.Facts{States: allKnown(), Report: unread()})
	_, known := vector.Get(features.OwnWorstDPD)
	require.False(t, known)
	vector = features.NewCollector(asOf).Vector(features.Facts{States: allKnown(), Report: unread(), Applicant: verdict.Applicant{LoansRepaid: 1}})
	value, known := vector.Get(features.OwnWorstDPD)
	require.True(t, known)
	require.Zero(t, value)
}

func TestStaleSourcesMarkTheirFeatures(t *testing.T) {
	t.Parallel()
	states := allKnown()
	states[evidence.Logistics] = evidence.Stale
	collector := features.NewCollector(asOf)
	collector.AddWaybill(&evidence.Waybill{CreatedAt: ago(3)})
	vector := collector.Vector(features.Facts{States: states, Report: unread()})
	require.Equal(t, verdict.FeatureStale, vector[features.Waybills90].State)
	require.Equal(t, verdict.FeatureKnown, vector[features.Orders90].State)
}
