package crosscheck_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"loan310/app/money"
	"loan310/scoring/crosscheck"
	"loan310/scoring/evidence"
)

var cities = []string{"", "330100", "330200", "310100", "SP/sao paulo/3052", "nowhere"}

// draw makes any shop, honest or not.
func draw(t *rapid.T) *shop {
	shop := &shop{}
	statuses := []evidence.OrderStatus{
		evidence.OrderCreated, evidence.OrderPaid, evidence.OrderShipped, evidence.OrderDelivered, evidence.OrderCompleted, evidence.OrderCancelled, evidence.OrderRefunded,
	}
	for range rapid.IntRange(0, 60).Draw(t, "orders") {
		order, waybill := shop.sell(rapid.Float64Range(-20, 500).Draw(t, "days"), fmt.Sprintf("B%d", rapid.IntRange(0, 20).Draw(t, "buyer")))
		order.Amount = money.Amount(rapid.Int64Range(0, 5_000_000).Draw(t, "amount"))
		order.Status = rapid.SampledFrom(statuses).Draw(t, "status")
		order.PayerID = fmt.Sprintf("P%d", rapid.IntRange(0, 10).Draw(t, "payer"))
		order.WaybillNo = fmt.Sprintf("W%d", rapid.IntRange(0, 70).Draw(t, "waybill"))
		order.Refund = money.Amount(rapid.Int64Range(0, 6_000_000).Draw(t, "refund"))
		waybill.Scans = int32(rapid.IntRange(-1, 8).Draw(t, "scans"))
		order.ShipTo, waybill.Destination = rapid.SampledFrom(cities).Draw(t, "to"), rapid.SampledFrom(cities).Draw(t, "destination")
		waybill.Origin, waybill.WeightGrams = rapid.SampledFrom(cities).Draw(t, "from"), rapid.SampledFrom([]int32{0, 20, 1_000}).Draw(t, "grams")
		order.IP = rapid.SampledFrom([]string{"", "10.0.0.1", "10.0.0.2"}).Draw(t, "ip")
		if rapid.Bool().Draw(t, "lost") {
			*waybill = evidence.Waybill{No: waybill.No}
		}
	}
	kinds := []evidence.TxKind{evidence.TxSales, evidence.TxTransfer, evidence.TxSupplier, evidence.TxRefund}
	for range rapid.IntRange(0, 40).Draw(t, "transactions") {
		amount := money.Amount(rapid.Int64Range(-10, 10).Draw(t, "moved") * 100_000)
		party := rapid.SampledFrom([]string{"", "P1", "P2", "shell"}).Draw(t, "party")
		shop.pay(rapid.Float64Range(-20, 400).Draw(t, "booked"), amount, rapid.SampledFrom(kinds).Draw(t, "kind"), party)
	}
	return shop
}

func TestDeductionsAndVerifiedAddUpToTheClaim(t *testing.T) {
	t.Parallel()
	states := []evidence.State{evidence.Known, evidence.Stale, evidence.Empty, evidence.Down, evidence.Withheld}
	rapid.Check(t, func(t *rapid.T) {
		shop := draw(t)
		options := crosscheck.Options{Rules: tested(), Logistics: rapid.SampledFrom(states).Draw(t, "state"), LogisticsAsOf: ago(rapid.Float64Range(-1, 40).Draw(t, "vouched"))}
		report := shop.check(options)
		sum := report.VerifiedRevenue
		for _, item := range report.Deductions {
			require.GreaterOrEqual(t, item.Amount, money.Amount(0))
			sum += item.Amount
		}
		require.Equal(t, report.ClaimedRevenue, sum)
		require.GreaterOrEqual(t, report.VerifiedRevenue, money.Amount(0))
		require.GreaterOrEqual(t, report.ScoreBps, money.BasisPoints(0))
		require.LessOrEqual(t, report.ScoreBps, money.BasisPoints(10_000))
		require.LessOrEqual(t, report.Stats.Verified90, report.VerifiedRevenue)
		for _, item := range report.Evidence {
			require.LessOrEqual(t, len(item.Orders), 10)
			require.LessOrEqual(t, int64(len(item.Orders)), item.Rows)
			require.True(t, item.Rows > 0 || len(item.Transactions) > 0)
		}
		require.Equal(t, report, shop.check(options), "again, bit for bit")
	})
}

func TestRowsAfterTheMomentChangeNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		shop := draw(t)
		report := shop.check(crosscheck.Options{Rules: tested()})
		number := 0
		for range rapid.IntRange(1, 20).Draw(t, "later") {
			number++
			order, waybill := shop.sell(-rapid.Float64Range(0.0001, 90).Draw(t, "ahead"), "B1")
			order.ID, waybill.No = fmt.Sprintf("L%d", number), fmt.Sprintf("LW%d", number)
			if rapid.Bool().Draw(t, "same id") {
				order.ID, waybill.No = "O1", "W1"
			}
			shop.pay(-rapid.Float64Range(0.0001, 90).Draw(t, "booked ahead"), 100_000*money.Amount(rapid.Int64Range(-9, 9).Draw(t, "moved later")), evidence.TxSales, "P1")
		}
		require.Equal(t, report, shop.check(crosscheck.Options{Rules: tested()}))
	})
}

func TestStampsAfterTheMomentHaveNotHappened(t *testing.T) {
	t.Parallel()
	one, other := honest(60), honest(60)
	for i := range 30 {
		later := asOf.Add(time.Duration(i+1) * time.Hour)
		one.orders[i].DeliveredAt, one.orders[i].RefundedAt, one.orders[i].Refund = later, later, 10_000
		one.waybills[i].SignedAt = later
		other.orders[i].DeliveredAt, other.orders[i].RefundedAt, other.orders[i].Refund = time.Time{}, time.Time{}, 0
		other.waybills[i].SignedAt = time.Time{}
	}
	require.Equal(t, other.check(crosscheck.Options{}), one.check(crosscheck.Options{}))
}
