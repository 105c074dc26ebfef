package crosscheck_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/scoring/crosscheck"
	"loan310/scoring/evidence"
)

// An id counts once however many others there are, rows without an id all
// count, and an order finds its parcel exactly when one bears its number: the
// join must answer as Go's maps do.
func TestIDsAreFoundAsInMaps(t *testing.T) {
	t.Parallel()
	for seed, rows := range []int{1, 40, 700, 5_000} {
		for _, unnamed := range []int{2, 50} { // one in so many bears no id
			d := new(dice)
			*d = dice(seed)
			id := func(kind string) string {
				if d.once(unnamed) {
					return ""
				}
				return fmt.Sprint(kind, d.below(rows))
			}
			shop, numbers := &shop{}, map[string]bool{}
			for i := range rows {
				order, waybill := shop.sell(10+float64(i%300), "B")
				order.ID, order.WaybillNo, waybill.No, waybill.OrderID = id("O"), id("W"), id("W"), ""
				numbers[waybill.No] = true
			}
			seen, want, missing := map[string]bool{}, []bool{}, int64(0)
			for i := range shop.orders {
				order := &shop.orders[i]
				fresh := order.ID == "" || !seen[order.ID]
				seen[order.ID] = true
				want = append(want, fresh)
				if fresh && (order.WaybillNo == "" || !numbers[order.WaybillNo]) {
					missing++
				}
			}
			for _, expected := range []int64{0, int64(rows / 3), int64(rows)} {
				options := crosscheck.Options{Rules: rules(), Logistics: evidence.Known, Orders: expected, Waybills: expected}
				one, many := crosscheck.New(asOf, options), crosscheck.New(asOf, options)
				counted := map[*evidence.Order]bool{}
				for i := range shop.waybills {
					one.AddWaybill(&shop.waybills[i])
					many.AddWaybill(&shop.waybills[i])
				}
				many.AddOrders(shop.orders, func(row *evidence.Order) { counted[row] = true })
				single, together := make([]bool, rows), make([]bool, rows)
				for i := range shop.orders {
					single[i], together[i] = one.AddOrder(&shop.orders[i]), counted[&shop.orders[i]]
				}
				require.Equal(t, want, single)
				require.Equal(t, want, together)
				report := one.Result()
				require.Equal(t, missing, deduction(report, crosscheck.CodeMissing).Orders)
				require.Equal(t, missing, deduction(many.Result(), crosscheck.CodeMissing).Orders)
			}
		}
	}
}
