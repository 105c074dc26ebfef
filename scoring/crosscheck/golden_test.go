package crosscheck_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/app/money"
	"loan310/scoring/crosscheck"
	"loan310/scoring/evidence"
)

var update = flag.Bool("update", false, "write testdata anew from what the check now says")

const goldenReports = "testdata/reports.sha256"

// dice is a small generator (splitmix64) whose numbers never change.
type dice uint64

func (d *dice) next() uint64 {
	*d += 0x9e3779b97f4a7c15
	x := uint64(*d)
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (d *dice) below(n int) int { return int(d.next() >> 33 % uint64(n)) }

func (d *dice) once(in int) bool { return d.below(in) == 0 }

func pick[T any](d *dice, list ...T) T { return list[d.below(len(list))] }

// market makes a merchant of so many orders of whom a part is forged in every
// way that the check knows, and rows that break rules: twice, undated, late.
func market(seed uint64, orders int, forged bool) *shop {
	d, s := new(dice), &shop{}
	*d = dice(seed)
	buyers := max(3, orders*6/10)
	bad := func(in int) bool { return d.once(in) && forged }
	for i := range orders {
		order, waybill := s.sell(float64(i%719)+float64(d.below(1_000))/1_000, fmt.Sprintf("B%d", d.below(buyers)))
		order.Amount, order.Category = money.Amount(d.below(90_000)), pick(d, "", "home", "home", "toys", "service")
		order.Status = pick(d, evidence.OrderCompleted, evidence.OrderCompleted, evidence.OrderCompleted, evidence.OrderShipped, evidence.OrderPaid, evidence.OrderCancelled)
		order.ShipTo, waybill.Origin = cities[d.below(len(cities))], pick(d, "330100", "330100", "330100", "330100", "440300")
		waybill.Destination, waybill.Freight = order.ShipTo, money.Amount(300+d.below(900))
		order.IP = pick(d, "", fmt.Sprintf("10.%d.%d.1", d.below(99), d.below(99)))
		waybill.WeightGrams = int32(300 + d.below(3_000))
		s.spoil(d, order, waybill)
		if forged {
			s.forge(bad, d, order, waybill)
		}
		if d.once(200) && i > 0 {
			order.ID = s.orders[d.below(i)].ID
		}
	}
	for i := range orders / 20 {
		kind := pick(d, evidence.TxSales, evidence.TxTransfer, evidence.TxSupplier, evidence.TxRefund)
		party := pick(d, "", fmt.Sprintf("pay-B%d", d.below(buyers)), "shell", "friend")
		s.pay(float64(400-i%400), money.Amount(d.below(400_000)-200_000), kind, party)
	}
	for month := range 24 {
		s.bills = append(s.bills, evidence.UtilityBill{
			ID: fmt.Sprint(month), Kind: evidence.Electricity, PeriodStart: ago(float64(30*month + 30)), PeriodEnd: ago(float64(30 * month)),
			Quantity: int64(1_000_000 + d.below(500_000)),
		})
	}
	return s
}

// spoil leaves things out that sources leave out.
func (s *shop) spoil(d *dice, order *evidence.Order, waybill *evidence.Waybill) {
	if d.once(9) {
		order.BuyerID = ""
	}
	if d.once(9) {
		order.PayerID = pick(d, "", "pay-kiosk", fmt.Sprintf("pay-family%d", d.below(40)))
	}
	if d.once(9) {
		order.DeviceID = pick(d, "", fmt.Sprintf("dev-family%d", d.below(40)))
	}
	if d.once(30) {
		order.WaybillNo = "" // found by the order the carrier was told
	}
	if d.once(30) {
		order.PaidAt = pick(d, time.Time{}, order.CreatedAt.Add(30*time.Hour), asOf.Add(time.Second))
	}
	if d.once(60) {
		order.CreatedAt = pick(d, time.Time{}, asOf.Add(time.Hour))
	}
	if d.once(25) {
		order.Refund, order.RefundedAt = order.Amount/2, order.PaidAt.Add(time.Duration(d.below(200))*time.Hour)
	}
	if d.once(25) {
		order.BuyerSince = order.CreatedAt.Add(-time.Hour)
	}
	if d.once(40) {
		*waybill = evidence.Waybill{No: waybill.No}
	}
	if d.once(40) {
		waybill.OrderID = ""
	}
}

// forge does one of the things that forgers do.
func (s *shop) forge(bad func(int) bool, d *dice, order *evidence.Order, waybill *evidence.Waybill) {
	switch {
	case bad(8):
		order.PayerID = pick(d, "friend", "own", "pay-ring")
		order.BuyerID = fmt.Sprintf("R%d", d.below(12))
		order.DeviceID, order.IP = "dev-ring", "10.0.0.1"
	case bad(12):
		waybill.PickedUpAt, waybill.Destination = ago(float64(d.below(20))), "310100"
		order.CreatedAt = waybill.PickedUpAt.Add(-time.Hour)
	case bad(12):
		waybill.SignedAt = waybill.PickedUpAt.Add(time.Duration(d.below(40)) * time.Minute)
	case bad(12):
		order.WaybillNo = s.orders[d.below(len(s.orders))].WaybillNo
	case bad(12):
		waybill.CreatedAt, waybill.PickedUpAt = order.CreatedAt.Add(-90*time.Hour), order.CreatedAt.Add(-60*time.Hour)
	case bad(12):
		waybill.WeightGrams, waybill.Freight, waybill.Scans = 40, 20, 1
	case bad(12):
		waybill.Destination, waybill.Origin = "610100", "350500"
	case bad(12):
		waybill.Status = pick(d, evidence.WaybillReturned, evidence.WaybillCancelled)
	case bad(12):
		waybill.No, order.CreatedAt = "nobody-"+waybill.No, ago(2.5)
	}
}

// said gives a check's answers as text: which orders counted, the report
// before ids are named, and after.
func (s *shop) said(t *testing.T, options crosscheck.Options, mixed, together bool) string {
	t.Helper()
	join := crosscheck.New(asOf, options)
	var counted strings.Builder
	late := 0
	if mixed {
		late = len(s.waybills) / 3 // these come after the first orders
	}
	for i := range s.waybills[late:] {
		join.AddWaybill(&s.waybills[late+i])
	}
	if together {
		count := map[*evidence.Order]bool{}
		join.AddOrders(s.orders, func(row *evidence.Order) { count[row] = true })
		for i := range s.orders {
			fmt.Fprint(&counted, count[&s.orders[i]])
		}
	}
	for i := range s.orders {
		if together {
			break
		}
		fmt.Fprint(&counted, join.AddOrder(&s.orders[i]))
		if i < late {
			join.AddWaybill(&s.waybills[i])
		}
	}
	for i := range s.bills {
		join.AddBill(&s.bills[i])
	}
	for i := range s.account {
		join.AddTransaction(&s.account[i])
	}
	report := join.Result()
	before, err := json.Marshal(report)
	require.NoError(t, err)
	require.NoError(t, join.Name(&report, evidence.Slice(s.orders)))
	after, err := json.Marshal(report)
	require.NoError(t, err)
	return counted.String() + string(before) + string(after)
}

// goldenLines checks markets of several sizes and seeds under several
// readings of logistics and gives a line with the hash of each answer.
func goldenLines(t *testing.T) string {
	t.Helper()
	var lines strings.Builder
	states := []evidence.State{evidence.Known, evidence.Stale, evidence.Empty, evidence.Down}
	for seed := range uint64(24) {
		size := []int{0, 7, 60, 600, 3_000, 20_000}[seed%6]
		forged, mixed := seed%2 == 1 || seed > 12, seed%5 == 4
		shop := market(seed, size, forged)
		options := crosscheck.Options{Rules: tested(), Logistics: states[max(0, int(seed)-20)], LogisticsAsOf: ago(float64(seed % 3))}
		if seed%2 == 0 {
			options.Orders, options.Waybills = int64(size), int64(size)
		}
		if seed%7 == 0 {
			options.Show = 500
		}
		options.Rules.PayerBuyers, options.Rules.IPBuyers = int8(2+seed%3), int8(2+seed%3)
		said := shop.said(t, options, mixed, false)
		if !mixed {
			require.Equal(t, said, shop.said(t, options, false, true), "rows taken together")
		}
		sum := sha256.Sum256([]byte(said))
		fmt.Fprintf(&lines, "%s seed %d: %d orders, forged %t, mixed %t, logistics %s\n", hex.EncodeToString(sum[:]), seed, size, forged, mixed, options.Logistics)
	}
	return lines.String()
}

// The hashes were taken before the join was made faster: a change of the
// tables must not change a report.
func TestReportsStayBitForBit(t *testing.T) {
	t.Parallel()
	got := goldenLines(t)
	if *update {
		require.NoError(t, os.WriteFile(goldenReports, []byte(got), 0o600))
	}
	want, err := os.ReadFile(goldenReports)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func TestGoldenMarketsShowEveryFinding(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for seed := range uint64(6) {
		report := market(seed, 3_000, true).check(crosscheck.Options{Rules: tested()})
		for _, item := range report.Deductions {
			seen[item.Code] = true
		}
		for _, signal := range report.Signals {
			seen[signal.Code] = true
		}
	}
	for _, code := range crosscheck.Codes()[:17] {
		require.True(t, seen[code], code)
	}
	require.True(t, seen[crosscheck.CodeRotation] || seen[crosscheck.CodeSharedIP])
}
