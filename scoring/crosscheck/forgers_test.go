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

// pay books a row of the merchant's account.
func (s *shop) pay(days float64, amount money.Amount, kind evidence.TxKind, party string) {
	s.account = append(s.account, evidence.Transaction{
		ID: fmt.Sprintf("T%d", len(s.account)+1), AccountID: "own", BookedAt: ago(days), Amount: amount, Kind: kind, CounterpartyID: party,
	})
}

// routed gives each parcel a way from Hangzhou to where its order goes.
func routed(orders int) *shop {
	shop := honest(orders)
	for i := range shop.orders {
		shop.orders[i].ShipTo = []string{"310100", "330200", "440300", "110100", "510100"}[i%5]
		shop.waybills[i].Origin, shop.waybills[i].Destination = "330100", shop.orders[i].ShipTo
	}
	return shop
}

// A forger of parcels and the honest merchant that looks alike.
type parcelCase struct {
	code  string
	forge func(i int, shop *shop)
	alike func(i int, shop *shop)
	taken money.Amount // of ten of a hundred orders at 100.00
}

func parcelCases() map[string]parcelCase {
	return map[string]parcelCase{
		"ships to an accomplice": {
			crosscheck.CodeDestination,
			func(i int, s *shop) { s.waybills[i].Destination = "610100" },
			func(i int, s *shop) { s.waybills[i].Destination = s.orders[i].ShipTo[:2] + "9900" }, 90_000,
		}, // the next city of the province
		"buys parcels elsewhere": {
			crosscheck.CodeOrigin,
			func(i int, s *shop) { s.waybills[i].Origin = "350500" },
			func(i int, s *shop) { // a second warehouse ships a third
				for k := i * 10; k < i*10+3; k++ {
					s.waybills[k].Origin = "350500"
				}
			}, 90_000,
		},
		"hands over a sack": {
			crosscheck.CodeBundle,
			func(i int, s *shop) {
				s.waybills[i].PickedUpAt, s.waybills[i].Destination, s.orders[i].ShipTo = s.orders[9].CreatedAt.Add(6*time.Hour), "310100", "310100"
				s.orders[i].CreatedAt, s.orders[i].PaidAt, s.waybills[i].CreatedAt = s.orders[9].CreatedAt, s.orders[9].PaidAt, s.orders[9].CreatedAt.Add(5*time.Hour)
				s.waybills[i].SignedAt = s.waybills[i].PickedUpAt.Add(48 * time.Hour)
			},
			func(i int, s *shop) { // the courier's round: one minute, many routes
				s.waybills[i].PickedUpAt = s.orders[9].CreatedAt.Add(6 * time.Hour)
				s.orders[i].CreatedAt, s.orders[i].PaidAt, s.waybills[i].CreatedAt = s.orders[9].CreatedAt, s.orders[9].PaidAt, s.orders[9].CreatedAt.Add(5*time.Hour)
				s.waybills[i].SignedAt = s.waybills[i].PickedUpAt.Add(48 * time.Hour)
			}, 90_000,
		},
		"sends air": {
			crosscheck.CodeDensity,
			func(i int, s *shop) {
				s.orders[i].Amount, s.waybills[i].WeightGrams, s.orders[i].WeightGrams = 60_000, 50, 50
			},
			func(i int, s *shop) {
				s.orders[i].Amount, s.waybills[i].WeightGrams, s.orders[i].WeightGrams = 40_000, 50, 50
			}, 540_000,
		},
		"prints labels only": {
			crosscheck.CodeFreight,
			func(i int, s *shop) { s.waybills[i].Freight = 40 },
			func(i int, s *shop) { s.waybills[i].Freight = 180 }, 90_000,
		},
		"signs at once": {
			crosscheck.CodeTooFast,
			func(i int, s *shop) {
				s.waybills[i].DistanceKM = 0
				s.waybills[i].SignedAt = s.waybills[i].PickedUpAt.Add(5 * time.Minute)
			},
			func(i int, s *shop) { // a scan forgotten at the start: both stamps at the door
				s.waybills[i].DistanceKM = 0
				s.waybills[i].PickedUpAt = s.waybills[i].SignedAt
			}, 90_000,
		},
	}
}

func TestForgedParcelsAreDeductedAndTheirLookAlikesAreNot(t *testing.T) {
	t.Parallel()
	for name, test := range parcelCases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			forged, alike := routed(100), routed(100)
			for i := range 10 {
				test.forge(i, forged)
				test.alike(i, alike)
			}
			report := forged.check(crosscheck.Options{})
			require.Equal(t, test.taken, deduction(report, test.code).Amount, "a single order passes")
			require.True(t, signalled(report, test.code))
			require.Equal(t, int64(10), behind(report, test.code).Rows)
			require.Equal(t, "O1", behind(report, test.code).Orders[0])
			require.Equal(t, "W1", behind(report, test.code).Waybills[0])

			report = alike.check(crosscheck.Options{})
			require.Equal(t, report.ClaimedRevenue, report.VerifiedRevenue)
			require.Empty(t, report.Signals)
		})
	}
}

func TestAPayerWhomTheMerchantPaysProvesNothing(t *testing.T) {
	t.Parallel()
	shop, alike := honest(100), honest(100)
	for i := range 6 {
		shop.orders[i].PayerID, alike.orders[i].PayerID, alike.orders[i].BuyerID = "friend", "customer", "customer"
		shop.pay(400-float64(i), -10_000, evidence.TxTransfer, "friend") // too old to matter
		shop.pay(300-float64(i), -8_000, evidence.TxTransfer, "friend")
		alike.pay(300-float64(i), -8_000, evidence.TxSupplier, "customer") // buys and sells
		alike.pay(200-float64(i), -10_000, evidence.TxRefund, "customer")
	}
	alike.pay(100, -20_000, evidence.TxTransfer, "customer") // a third of what it paid
	shop.orders[50].PayerID = "own"
	report := shop.check(crosscheck.Options{})
	require.Equal(t, money.Amount(70_000), deduction(report, crosscheck.CodeFunded).Amount, "six of the friend, one of the own account")
	found := behind(report, crosscheck.CodeFunded)
	require.Equal(t, int64(7), found.Rows)
	require.Equal(t, []string{"O1", "O2", "O3", "O4", "O5", "O6", "O51"}, found.Orders)
	require.NotEmpty(t, found.Transactions)
	report = alike.check(crosscheck.Options{})
	require.Equal(t, report.ClaimedRevenue, report.VerifiedRevenue)
	require.Empty(t, report.Signals)
}

func TestMoneyThatComesBackIsNotRevenue(t *testing.T) {
	t.Parallel()
	shop, alike := honest(100), honest(100)
	for i := range 5 {
		at := 200 - 20*float64(i)
		shop.pay(at, -50_000, evidence.TxSupplier, "shell")
		shop.pay(at-2, 49_000, evidence.TxSales, "shell")
		alike.pay(at, -50_000, evidence.TxSupplier, "wholesaler")
		alike.pay(at-2, 20_000, evidence.TxSales, "wholesaler") // another sum
		alike.pay(at-15, 50_000, evidence.TxSales, "wholesaler")
		alike.pay(at-15, -30_000, evidence.TxRefund, "buyer")
		alike.pay(at-16, 30_000, evidence.TxSales, "buyer") // sent back and bought again
	}
	report := shop.check(crosscheck.Options{})
	require.Equal(t, money.Amount(245_000), deduction(report, crosscheck.CodeRoundTrip).Amount)
	require.Equal(t, money.Amount(755_000), report.VerifiedRevenue)
	require.Equal(t, []string{"T1", "T2", "T3", "T4", "T5", "T6", "T7", "T8", "T9", "T10"}, behind(report, crosscheck.CodeRoundTrip).Transactions)
	report = alike.check(crosscheck.Options{})
	require.Zero(t, deduction(report, crosscheck.CodeRoundTrip).Amount)
	require.False(t, signalled(report, crosscheck.CodeRoundTrip))
}

func TestSalesTheBankDidNotSeeLowerTheScore(t *testing.T) {
	t.Parallel()
	rules := rules()
	rules.Penalties[crosscheck.CodeUnbanked] = crosscheck.Penalty{Natural: 5_000, Weight: 10_000, Max: 2_000}
	shop, alike := honest(200), honest(200)
	for i := range 11 {
		shop.pay(340-30*float64(i), 40_000, evidence.TxSales, "platform")
		alike.pay(340-30*float64(i), 140_000, evidence.TxSales, "platform") // fees and another bank take the rest
	}
	report := shop.check(crosscheck.Options{Rules: rules})
	require.True(t, signalled(report, crosscheck.CodeUnbanked))
	require.Equal(t, report.ClaimedRevenue, report.VerifiedRevenue, "another account may have it")
	require.Empty(t, alike.check(crosscheck.Options{Rules: rules}).Signals)
	shop.account = shop.account[:2]
	require.Empty(t, shop.check(crosscheck.Options{Rules: rules}).Signals, "a month of rows says nothing")
}

func TestASmallCircleOfBuyersAndItsNetwork(t *testing.T) {
	t.Parallel()
	shop, alike := honest(100), honest(100)
	for i := range 60 {
		shop.orders[i].BuyerID = fmt.Sprintf("C%d", i%4)
		shop.orders[i].IP = "10.0.0.1"
		alike.orders[i].BuyerID = fmt.Sprintf("R%d", i%6) // regulars: ten orders a year each
		alike.orders[i].IP = fmt.Sprintf("10.0.1.%d", i%30)
	}
	report := shop.check(crosscheck.Options{})
	require.True(t, signalled(report, crosscheck.CodeRotation))
	require.True(t, signalled(report, crosscheck.CodeSharedIP))
	require.Equal(t, int64(60), behind(report, crosscheck.CodeRotation).Rows)
	require.Len(t, behind(report, crosscheck.CodeSharedIP).Orders, 10, "ten are shown")
	report = alike.check(crosscheck.Options{})
	require.False(t, signalled(report, crosscheck.CodeRotation))
	require.False(t, signalled(report, crosscheck.CodeSharedIP))
}

func TestParcelsOfOneWeightWhateverWasOrdered(t *testing.T) {
	t.Parallel()
	shop, alike := honest(100), honest(100)
	for i := range 80 {
		shop.orders[i].WeightGrams, shop.waybills[i].WeightGrams = int32(300+i*50), 1_600
		alike.waybills[i].WeightGrams = 1_050 // one article, one weight
	}
	report := shop.check(crosscheck.Options{})
	require.True(t, signalled(report, crosscheck.CodeConstWeight))
	require.Equal(t, int64(80), behind(report, crosscheck.CodeConstWeight).Rows)
	require.Empty(t, alike.check(crosscheck.Options{}).Signals)
}

func TestAPeersSeasonIsNoSpike(t *testing.T) {
	t.Parallel()
	shop := peak(true, 4)
	rules := rules()
	rules.SpikeTimes = 30_000
	require.NotZero(t, deduction(shop.check(crosscheck.Options{Logistics: evidence.Down, Rules: rules}), crosscheck.CodeUnverified).Amount)
	shop.bills = nil
	require.NotZero(t, deduction(shop.check(crosscheck.Options{Logistics: evidence.Down, Rules: rules}), crosscheck.CodeSpike).Amount)
	rules.Season = make([]money.BasisPoints, 12)
	for month := range rules.Season {
		rules.Season[month] = 10_000
	}
	rules.Season[time.September-1] = 60_000 // the peak's month: all shops of the trade sell six times as much
	require.Zero(t, deduction(shop.check(crosscheck.Options{Logistics: evidence.Down, Rules: rules}), crosscheck.CodeSpike).Amount)
}
