package crosscheck_test

import (
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/scoring/crosscheck"
	"loan310/scoring/evidence"
)

// book yields the rows of a shop of any size the way stored evidence does: one
// row in memory at a time, its ids freshly read. Two orders in a hundred were
// cancelled and have no parcel; six buyers stand for ten orders.
type book struct {
	orders int
	ids    [kinds]string // of fixed width, one after the other
}

// The kinds of ids.
const (
	orderID = iota
	waybillNo
	buyerID
	payerID
	deviceID
	kinds
)

func newBook(orders int) *book {
	b := &book{orders: orders}
	for kind, format := range [kinds]string{"%020d", "SF%013d", "b%016x", "p%016x", "d%016x"} {
		var all []byte
		for i := range orders {
			number := uint64(i) * 0x9e3779b97f4a7c15
			if kind >= buyerID {
				number = (number >> 20 % uint64(orders*6/10)) * 0x9e3779b97f4a7c15
			}
			if kind == waybillNo {
				number %= 10_000_000_000_000
			}
			all = fmt.Appendf(all, format, number)
		}
		b.ids[kind] = string(all)
	}
	return b
}

func (b *book) id(kind, i int) string {
	width := len(b.ids[kind]) / b.orders
	return b.ids[kind][i*width : (i+1)*width]
}

func (b *book) at(i int) time.Time {
	return ago(5).Add(-time.Duration(b.orders-i) * (350 * 24 * time.Hour / time.Duration(b.orders)))
}

func (b *book) eachWaybill(visit func(*evidence.Waybill)) {
	var row evidence.Waybill
	for i := range b.orders {
		if i%50 == 49 {
			continue
		}
		at := b.at(i)
		row = evidence.Waybill{
			No: b.id(waybillNo, i), OrderID: b.id(orderID, i), Status: evidence.WaybillSigned, CreatedAt: at.Add(4 * time.Hour),
			PickedUpAt: at.Add(5 * time.Hour), SignedAt: at.Add(50 * time.Hour), DistanceKM: 800, WeightGrams: 1_050, Scans: 7,
		}
		visit(&row)
	}
}

func (b *book) eachOrder(visit func(*evidence.Order)) {
	var row evidence.Order
	since := ago(900)
	for i := range b.orders {
		at := b.at(i)
		row = evidence.Order{
			ID: b.id(orderID, i), Status: evidence.OrderCompleted, CreatedAt: at, PaidAt: at.Add(10 * time.Minute), ShippedAt: at.Add(5 * time.Hour),
			DeliveredAt: at.Add(50 * time.Hour), Amount: 10_000, Category: "home", BuyerID: b.id(buyerID, i), BuyerSince: since,
			PayerID: b.id(payerID, i), DeviceID: b.id(deviceID, i), WaybillNo: b.id(waybillNo, i), WeightGrams: 1_000,
		}
		if i%50 == 49 {
			row.Status, row.WaybillNo = evidence.OrderCancelled, ""
		}
		visit(&row)
	}
}

// check joins the whole book.
func (b *book) check() crosscheck.Report {
	join := crosscheck.New(asOf, crosscheck.Options{
		Rules: rules(), Logistics: evidence.Known, Orders: int64(b.orders), Waybills: int64(b.orders - b.orders/50),
	})
	b.eachWaybill(join.AddWaybill)
	rows := make([]evidence.Order, 0, crosscheck.Batch)
	b.eachOrder(func(row *evidence.Order) { // as scoring.Engine does
		if b.orders < 20_000 {
			join.AddOrder(row)
			return
		}
		if rows = append(rows, *row); len(rows) == cap(rows) {
			join.AddOrders(rows, nil)
			rows = rows[:0]
		}
	})
	join.AddOrders(rows, nil)
	return join.Result()
}

// floor is the least a join by id can cost with what Go has: each waybill
// number and each order id goes into a map, and each order looks its parcel up.
func (b *book) floor() (found int) {
	waybills, orders := make(map[string]int32, b.orders), make(map[string]int32, b.orders)
	b.eachWaybill(func(row *evidence.Waybill) { waybills[row.No] = int32(len(waybills)) })
	b.eachOrder(func(row *evidence.Order) {
		orders[row.ID] = int32(len(orders))
		if _, known := waybills[row.WaybillNo]; known {
			found++
		}
	})
	return found
}

// cpu gives the processor time this process has used: on a shared machine the
// clock on the wall measures the neighbours.
func cpu() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// perOrder runs a step b.N times and gives its processor time per order.
func perOrder(b *testing.B, orders int, step func()) float64 {
	b.Helper()
	b.ReportAllocs()
	runtime.GC()
	b.ResetTimer()
	start := cpu()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range b.N {
		step()
	}
	spent := float64((cpu() - start).Nanoseconds()) / float64(b.N) / float64(orders)
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(orders), "ns/order")
	b.ReportMetric(spent, "cpu-ns/order")
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(b.N)/float64(orders), "B/order")
	return spent
}

// benchmark prints the cost of an order and how it compares with walking the
// same rows and with the floor.
func benchmark(b *testing.B, orders int) {
	b.Helper()
	rows := newBook(orders)
	var walk, floor float64
	b.Run("walk", func(b *testing.B) {
		walk = perOrder(b, orders, func() {
			rows.eachWaybill(func(*evidence.Waybill) {})
			rows.eachOrder(func(*evidence.Order) {})
		})
	})
	b.Run("floor", func(b *testing.B) {
		floor = perOrder(b, orders, func() { require.NotZero(b, rows.floor()) })
	})
	b.Run("join", func(b *testing.B) {
		spent := perOrder(b, orders, func() { require.Empty(b, rows.check().Deductions) })
		b.ReportMetric((spent-walk)/max(floor-walk, 1), "x-floor")
	})
}

func BenchmarkCrosscheck1200(b *testing.B) { benchmark(b, 1_200) }
func BenchmarkCrosscheck1e4(b *testing.B)  { benchmark(b, 10_000) }
func BenchmarkCrosscheck1e5(b *testing.B)  { benchmark(b, 100_000) }
func BenchmarkCrosscheck1e6(b *testing.B)  { benchmark(b, 1_000_000) }
