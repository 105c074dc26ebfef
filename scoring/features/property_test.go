package features_test

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"loan310/app/money"
	"loan310/scoring/crosscheck"
	"loan310/scoring/evidence"
	"loan310/scoring/features"
	"loan310/scoring/verdict"
)

// rows are what one merchant's sources said.
type rows struct {
	orders       []evidence.Order
	waybills     []evidence.Waybill
	transactions []evidence.Transaction
	bills        []evidence.UtilityBill
	facts        features.Facts
}

// vector collects the rows in their order.
func (r *rows) vector() features.Vector {
	collector := features.NewCollector(asOf)
	for i := range r.orders {
		collector.AddOrder(&r.orders[i])
	}
	for i := range r.waybills {
		collector.AddWaybill(&r.waybills[i])
	}
	for i := range r.transactions {
		collector.AddTransaction(&r.transactions[i])
	}
	for i := range r.bills {
		collector.AddBill(&r.bills[i])
	}
	return collector.Vector(r.facts)
}

// full is a merchant of whom every feature is known: thirteen months and a
// half of orders, parcels, bank rows and bills.
func full() *rows {
	r := &rows{facts: features.Facts{
		States: allKnown(),
		Report: crosscheck.Report{
			Authenticity: verdict.Authenticity{ScoreBps: 9_500, ClaimedRevenue: 9_000_000, VerifiedRevenue: 8_000_000},
			Stats: crosscheck.Stats{
				Orders: 400, Matured: 390, WindowDays: 365, Verified90: 2_000_000, Buyers: 300, RepeatBps: 2_000, RepeatRevenueBps: 3_000,
				Top10Bps: 500, HHIBps: 40, CoverageBps: 9_800, FlaggedBps: 100, BaseTimesBps: 10_500, LogisticsRead: true,
			},
		},
		Bureau: &evidence.BureauReport{Found: true, OpenLoans: 1, Outstanding: 500_000, MonthlyDebt: 60_000, OldestOpenedAt: ago(900)},
		Registry: &evidence.RegistryRecord{
			Status: evidence.RegistryActive, EstablishedAt: ago(1_000), ChangedAt: ago(300), Kind: "company", RegisteredCapital: 10_000_000,
		},
		Relations: &verdict.Relations{Size: 2, Exposure: 5, SharedBps: 100},
		Applicant: verdict.Applicant{AmountWanted: 1_000_000, RegisteredAt: ago(200), FirstLoanAt: ago(150), LoansRepaid: 2, OpenExposure: 100_000},
	}}
	for i := range 460 {
		at := ago(float64(i) + 0.3)
		r.orders = append(r.orders, evidence.Order{
			ID: fmt.Sprint(i), Status: evidence.OrderCompleted, CreatedAt: at, PaidAt: at.Add(time.Minute), ShippedAt: at.Add(3 * time.Hour), Amount: money.Amount(20_000 + i),
			BuyerSince: at.AddDate(-1, 0, 0), Category: "tea", ReviewScore: int32(1 + i%5), Refund: money.Amount(i % 7), RefundedAt: at.Add(9 * time.Hour),
		})
		r.waybills = append(r.waybills, evidence.Waybill{
			Status: evidence.WaybillSigned, CreatedAt: at, PickedUpAt: at.Add(time.Hour), SignedAt: at.Add(5 * time.Hour), Destination: fmt.Sprint(i % 9),
			Carrier: "SF", DistanceKM: 500, Freight: 900,
		})
		kinds := []evidence.TxKind{evidence.TxSales, evidence.TxSupplier, evidence.TxRent, evidence.TxSalary, evidence.TxTax, evidence.TxTransfer}
		amount := money.Amount(300_000)
		if i%6 > 0 {
			amount = -20_000
		}
		r.transactions = append(r.transactions, evidence.Transaction{
			AccountID: "A", BookedAt: at, Amount: amount, Kind: kinds[i%6], CounterpartyID: "c" + fmt.Sprint(i%4), Balance: new(money.Amount(1_000 * (i - 30))),
		})
	}
	for month := range 15 {
		end := ago(float64(month)*30 + 0.2)
		r.bills = append(r.bills, evidence.UtilityBill{
			MeterID: "M", Kind: evidence.Electricity, PeriodStart: end.AddDate(0, 0, -30), PeriodEnd: end, Quantity: int64(400_000 + 1_000*month), Amount: 24_000,
			DueAt: end.AddDate(0, 0, 10), PaidAt: end.AddDate(0, 0, 9),
		})
	}
	return r
}

// sourcesOf lists the evidence sources a feature is made of.
func sourcesOf(def features.Def) (list []evidence.Source) {
	for _, name := range []string{def.Source, def.With} {
		switch name {
		case features.FromCrosscheck:
			list = append(list, evidence.Marketplace, evidence.Logistics)
		case "", features.FromOwn:
		default:
			list = append(list, evidence.Source(name))
		}
	}
	return list
}

func TestEveryFeatureCanBeKnownStaleAndMissing(t *testing.T) {
	t.Parallel()
	known := full().vector()
	for id, def := range features.All() {
		require.Equal(t, verdict.FeatureKnown, known[id].State, def.Name)
	}
	for _, source := range evidence.Sources {
		for _, state := range []evidence.State{evidence.Stale, evidence.Empty, evidence.Down, evidence.Withheld} {
			r := full()
			r.facts.States[source] = state
			if source == evidence.Logistics && state != evidence.Stale && state != evidence.Empty {
				r.facts.Report.Stats.LogisticsRead = false
			}
			vector := r.vector()
			for id, def := range features.All() {
				if features.ID(id) == features.BureauFound && state == evidence.Empty || def.Source == features.FromCrosscheck && source == evidence.Logistics && state != evidence.Stale {
					continue // answered by its being empty; the cross-check says itself what it could not see
				}
				want := verdict.FeatureKnown
				checked := source == evidence.Logistics && state != evidence.Stale && def.Source != string(source) // only by way of the cross-check
				if slices.Contains(sourcesOf(def), source) && !checked {
					want = verdict.FeatureMissing
					if state == evidence.Stale {
						want = verdict.FeatureStale
					}
				}
				require.Equal(t, want, vector[id].State, "%s with %s %s", def.Name, source, state)
				if want == verdict.FeatureMissing {
					require.Zero(t, vector[id].Value, def.Name)
				}
			}
		}
	}
}

// A feature that documents when it is missing is so for a source that was
// read and has one row that tells next to nothing; the others are known.
func TestMissingAlthoughTheSourceWasRead(t *testing.T) {
	t.Parallel()
	r := &rows{
		orders: []evidence.Order{{Status: evidence.OrderCreated, CreatedAt: ago(500)}}, waybills: []evidence.Waybill{{CreatedAt: ago(500)}},
		transactions: []evidence.Transaction{{AccountID: "A", BookedAt: ago(500), Amount: 1}},
		bills:        []evidence.UtilityBill{{PeriodStart: ago(500), PeriodEnd: ago(499), Quantity: -1}},
		facts: features.Facts{
			States: allKnown(), Report: unread(), Bureau: &evidence.BureauReport{Found: true}, Registry: &evidence.RegistryRecord{Status: evidence.RegistryActive},
		},
	}
	vector := r.vector()
	for id, def := range features.All() {
		switch features.ID(id) {
		case features.ShopAgeDays: // there was an order
			continue
		case features.Buyers365: // of a check that saw none
			continue
		}
		want := verdict.FeatureMissing
		if def.Missing == "" {
			want = verdict.FeatureKnown
		}
		require.Equal(t, want, vector[id].State, def.Name)
	}
}

// draw makes rows of every kind, some odd, all over two years.
func draw(t *rapid.T) *rows {
	r := &rows{facts: full().facts}
	moment := func(name string) time.Time {
		if rapid.IntRange(0, 9).Draw(t, name+" said") == 0 {
			return time.Time{}
		}
		return ago(float64(rapid.Int64Range(0, 800*24*60).Draw(t, name)) / (24 * 60))
	}
	amount := rapid.Int64Range(-1_000_000, 5_000_000)
	name := rapid.SampledFrom([]string{"", "a", "b", "c", "platform", "A"})
	statuses := []evidence.OrderStatus{evidence.OrderCompleted, evidence.OrderPaid, evidence.OrderCancelled, evidence.OrderRefunded, evidence.OrderCreated}
	carried := []evidence.WaybillStatus{evidence.WaybillSigned, evidence.WaybillReturned, evidence.WaybillInTransit, evidence.WaybillCancelled}
	kinds := []evidence.TxKind{
		evidence.TxSales, evidence.TxSupplier, evidence.TxRent, evidence.TxSalary, evidence.TxTax, evidence.TxTransfer, evidence.TxLoanIn,
		evidence.TxLoanOut, evidence.TxPenalty, evidence.TxCash, evidence.TxRefund,
	}
	for i := range rapid.IntRange(0, 12).Draw(t, "rows") {
		r.orders = append(r.orders, evidence.Order{
			ID: fmt.Sprint(i), Status: rapid.SampledFrom(statuses).Draw(t, "status"), CreatedAt: moment("made"), PaidAt: moment("paid"), ShippedAt: moment("shipped"),
			DeliveredAt: moment("delivered"), RefundedAt: moment("refunded"), BuyerSince: moment("buyer"), Amount: money.Amount(amount.Draw(t, "amount")),
			Refund: money.Amount(amount.Draw(t, "refund")), Category: name.Draw(t, "category"), ReviewScore: rapid.Int32Range(0, 5).Draw(t, "stars"),
		})
		r.waybills = append(r.waybills, evidence.Waybill{
			Status: rapid.SampledFrom(carried).Draw(t, "carried"), CreatedAt: moment("waybill"), PickedUpAt: moment("picked"), SignedAt: moment("signed"),
			Destination: name.Draw(t, "to"), Carrier: name.Draw(t, "carrier"), DistanceKM: rapid.Int32Range(-5, 4_000).Draw(t, "km"), Freight: money.Amount(amount.Draw(t, "freight")),
		})
		row := evidence.Transaction{
			AccountID: rapid.SampledFrom([]string{"A", "B"}).Draw(t, "account"), BookedAt: moment("booked").Add(time.Duration(i)), Amount: money.Amount(amount.Draw(t, "booking")),
			Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), CounterpartyID: name.Draw(t, "with"),
		}
		if rapid.Bool().Draw(t, "balance said") {
			row.Balance = new(money.Amount(amount.Draw(t, "balance")))
		}
		r.transactions = append(r.transactions, row)
		end := moment("period")
		r.bills = append(r.bills, evidence.UtilityBill{
			MeterID: name.Draw(t, "meter"), Kind: rapid.SampledFrom([]evidence.UtilityKind{evidence.Electricity, evidence.Water}).Draw(t, "utility"),
			PeriodStart: end.AddDate(0, 0, -rapid.IntRange(0, 70).Draw(t, "period days")), PeriodEnd: end, Quantity: amount.Draw(t, "quantity"),
			Amount: money.Amount(amount.Draw(t, "charge")), DueAt: moment("due"), PaidAt: moment("bill paid"),
		})
	}
	return r
}

func TestTheOrderOfRowsDoesNotMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := draw(t)
		first := r.vector()
		r.orders = rapid.Permutation(r.orders).Draw(t, "orders")
		r.waybills = rapid.Permutation(r.waybills).Draw(t, "waybills")
		r.transactions = rapid.Permutation(r.transactions).Draw(t, "transactions")
		r.bills = rapid.Permutation(r.bills).Draw(t, "bills")
		require.Equal(t, first, r.vector())
	})
}

// shares cannot pass 10,000; the other ratios are cut off at ten times that.
func shares() []features.ID {
	return []features.ID{
		features.CancelRate, features.RefundRate, features.CancelRate90, features.RefundRate90, features.WeekendShare, features.NightShare, features.HourHHI,
		features.CategoryHHI, features.YoungAccounts, features.LowReviews, features.BestMonth, features.SignRate, features.ReturnRate, features.ReturnRate90,
		features.LostRate, features.DestinationHHI, features.TopPayer, features.PayerHHI, features.BillsOnTime, features.UtilityCover,
	}
}

// atMost are counts within a window.
func atMost() map[features.ID]int64 {
	return map[features.ID]int64{
		features.ActiveDays90: 90, features.ActiveWeeks52: 52, features.LongestGap: 365, features.ActiveWeeks: 12, features.ActiveWeeksYear: 52,
		features.NegativeDays: 180, features.BalanceLowDays: 180, features.SalaryMonths: 6, features.RentMonths: 6, features.SupplierWeeks: 12,
		features.InflowDays: 90, features.LicenceStatus: 3, features.LicenceKind: 2, features.BureauFound: 1, features.UtilityGap: 365,
		features.ReviewScore: 500, features.MedianDelivery: 1_000, features.DeliveryP90: 1_000, features.PickupDelay: 1_000, features.ShipDelay: 1_000,
		features.RefundDelay: 10_000,
	}
}

func TestEveryFeatureKeepsItsRange(t *testing.T) {
	t.Parallel()
	signed := []features.ID{
		features.RevenueSlope, features.ReviewTrend, features.NetFlow, features.BalanceAvg, features.BalanceMin, features.BalanceMedian,
		features.BalanceMonthEnd, features.LicenceLeft,
	}
	most := atMost()
	for _, id := range shares() {
		most[id] = 10_000
	}
	rapid.Check(t, func(t *rapid.T) {
		vector := draw(t).vector()
		for at, def := range features.All() {
			id, value := features.ID(at), vector[at].Value
			require.Equal(t, def.Name, vector[at].Name)
			if vector[at].State == verdict.FeatureMissing {
				require.Zero(t, value, def.Name)
				continue
			}
			if !slices.Contains(signed, id) {
				require.GreaterOrEqual(t, value, int64(0), def.Name)
			}
			if def.Unit == "bps" {
				require.LessOrEqual(t, max(value, -value), int64(100_000), def.Name)
			}
			if limit, bounded := most[id]; bounded {
				require.LessOrEqual(t, value, limit, def.Name)
			}
		}
	})
}

func TestNamesEndInTheirUnit(t *testing.T) {
	t.Parallel()
	endings := map[string]string{"fen": "_fen", "bps": "_bps", "days": "_days", "hours": "_hours", "Wh": "_wh", "km": "_km", "1/100 star": "_centi"}
	for _, def := range features.All() {
		if ending, named := endings[def.Unit]; named {
			require.True(t, strings.HasSuffix(def.Name, ending), def.Name)
		}
	}
	require.GreaterOrEqual(t, int(features.Count), 120)
}

// The median is read from a histogram: below the true one by less than a
// sixteenth.
func TestTheMedianTicketIsNearTheTrueOne(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		amounts := rapid.SliceOfN(rapid.Int64Range(1, 1<<40), 1, 30).Draw(t, "amounts")
		collector := features.NewCollector(asOf)
		for i, amount := range amounts {
			collector.AddOrder(&evidence.Order{Status: evidence.OrderCompleted, CreatedAt: ago(float64(i)), PaidAt: ago(float64(i)), Amount: money.Amount(amount)})
		}
		got, known := collector.Vector(features.Facts{States: allKnown(), Report: unread()}).Get(features.TicketMedian)
		require.True(t, known)
		slices.Sort(amounts)
		median := amounts[(len(amounts)-1)/2]
		require.LessOrEqual(t, got, median)
		require.Less(t, median-got, max(int64(1), int64(1)<<max(0, bits.Len64(uint64(median))-5)), "less than a cell")
	})
}

func TestDistinctNamesAreCountedNearly(t *testing.T) {
	t.Parallel()
	for count, slack := range map[int]float64{1: 0, 8: 0, 300: 30, 1_000: 80} {
		collector := features.NewCollector(asOf)
		for i := range count {
			collector.AddWaybill(&evidence.Waybill{CreatedAt: ago(5), Destination: fmt.Sprintf("%06d", 110_000+i*37)})
		}
		got, known := collector.Vector(features.Facts{States: allKnown(), Report: unread()}).Get(features.Destinations)
		require.True(t, known)
		require.InDelta(t, count, got, slack)
	}
}
