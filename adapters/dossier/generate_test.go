package dossier_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/adapters/dossier"
	"loan310/app/ident"
	"loan310/app/money"
	"loan310/scoring/evidence"
)

func TestGeneratedPopulationValidatesWithoutABadRow(t *testing.T) {
	t.Parallel()
	for _, merchants := range []int{1, 7, 23, 60} {
		g := dossier.Generate(dossier.GenerateOptions{Merchants: merchants, Seed: 7})
		dir := t.TempDir()
		counts, err := dossier.Write(dir, g, false)
		require.NoError(t, err)
		lines, report := validate(t, dir)
		require.Empty(t, lines)
		require.Zero(t, report.Bad())
		require.Equal(t, counts.Rows(), report.Rows())
	}
}

func TestTheMixOfArchetypesIsAsDocumented(t *testing.T) {
	t.Parallel()
	share := map[string]float64{}
	for _, merchant := range dossier.Generate(dossier.GenerateOptions{Merchants: 5000}).Merchants() {
		share[merchant.Archetype] += 1.0 / 50
		require.Equal(t, []string{"*"}, merchant.SyntheticFields, "everything generated is labelled")
	}
	for archetype, want := range map[string]float64{
		dossier.ArchetypeEstablished: 55, dossier.ArchetypeSeasonal: 12, dossier.ArchetypeThinFile: 12,
		dossier.ArchetypeBrushingRing: 8, dossier.ArchetypeRelated: 5, dossier.ArchetypeDefaulting: 8,
	} {
		require.InDelta(t, want, share[archetype], 1.5, archetype)
	}
	demo := map[string]int{}
	for _, merchant := range dossier.Generate(dossier.GenerateOptions{}).Merchants() {
		demo[merchant.Archetype]++
	}
	require.Len(t, demo, 6, "a demo of 40 has every archetype")
	require.GreaterOrEqual(t, demo[dossier.ArchetypeBrushingRing], 3)
}

func TestIdentifiersAreValidAndUniqueButWhereTheyAreShared(t *testing.T) {
	t.Parallel()
	g := dossier.Generate(dossier.GenerateOptions{Merchants: 3000, Seed: 2})
	licences, phones, cards := map[string]bool{}, map[string]bool{}, map[string]int{}
	for _, merchant := range g.Merchants() {
		_, err := ident.Licence(merchant.LicenceNumber)
		require.NoError(t, err)
		_, err = ident.Identity(merchant.IdentityNumber, g.AsOf().AddDate(-1, 0, 0))
		require.NoError(t, err)
		phone, err := ident.Phone(merchant.Phone)
		require.NoError(t, err)
		require.Equal(t, merchant.Phone, phone)
		_, err = ident.Card(merchant.PayoutAccount)
		require.NoError(t, err)
		require.False(t, licences[merchant.LicenceNumber] || phones[merchant.Phone])
		licences[merchant.LicenceNumber], phones[merchant.Phone] = true, true
		cards[merchant.PayoutAccount]++
		if cards[merchant.PayoutAccount] > 1 {
			require.Equal(t, dossier.ArchetypeRelated, merchant.Archetype)
		}
		record, ok := g.Registry(merchant.LicenceNumber)
		require.True(t, ok)
		require.Equal(t, merchant.Name, record.Name)
		require.False(t, record.EstablishedAt.After(merchant.ShopOpenedAt))
	}
	_, ok := g.Registry("91350100M000100Y43")
	require.False(t, ok)
	require.Empty(t, all(t, g.Orders("M1")), "not an id of this set: ids have six digits")
}

// tally is what one archetype shows over a population.
type tally struct {
	merchants, orders, paid, carried, cancelled, overdue, bills, overdrawn int
	sales, credits                                                         money.Amount
}

func tallies(t *testing.T, g *dossier.Generated) map[string]*tally {
	t.Helper()
	sums := map[string]*tally{}
	for _, merchant := range g.Merchants() {
		s := sums[merchant.Archetype]
		if s == nil {
			s = &tally{}
			sums[merchant.Archetype] = s
		}
		s.merchants++
		carried := map[string]bool{}
		for _, waybill := range all(t, g.Waybills(merchant.ID)) {
			carried[waybill.OrderID] = true
		}
		for _, order := range all(t, g.Orders(merchant.ID)) {
			s.orders++
			if order.Status == evidence.OrderCancelled {
				s.cancelled++
				if carried[order.ID] {
					t.Fatalf("cancelled order %s has a waybill", order.ID)
				}
				continue
			}
			if !order.PaidAt.IsZero() {
				s.paid++
				s.sales += order.Amount - order.Refund
				if carried[order.ID] {
					s.carried++
				}
			}
		}
		overdrawn := 0
		for _, row := range all(t, g.Transactions(merchant.ID)) {
			if row.Kind == evidence.TxSales {
				s.credits += row.Amount
			}
			if row.Balance != nil && *row.Balance < 0 {
				overdrawn = 1
			}
		}
		s.overdrawn += overdrawn
		for _, bill := range all(t, g.Bills(merchant.ID)) {
			s.bills++
			if bill.PaidAt.IsZero() && bill.DueAt.Before(g.AsOf()) || bill.PaidAt.After(bill.DueAt) {
				s.overdue++
			}
		}
	}
	return sums
}

func TestEachArchetypeShowsItsTruth(t *testing.T) {
	t.Parallel()
	sums := tallies(t, dossier.Generate(dossier.GenerateOptions{Merchants: 150, Seed: 9}))
	share := func(part, whole int) float64 { return float64(part) / float64(whole) }
	for archetype, s := range sums {
		carried := share(s.carried, s.paid)
		if archetype == dossier.ArchetypeBrushingRing {
			require.Less(t, carried, 0.88, archetype)
		} else {
			require.InDelta(t, 0.985, carried, 0.01, archetype)
		}
		require.InDelta(t, 0.024, share(s.cancelled, s.orders), 0.015, archetype)
		require.InDelta(t, 0.96, float64(s.credits)/float64(s.sales), 0.05, "credits match settled sales: %s", archetype)
		if archetype == dossier.ArchetypeDefaulting {
			require.Greater(t, share(s.overdue, s.bills), 0.25)
			require.Greater(t, share(s.overdrawn, s.merchants), 0.8)
		} else {
			require.Less(t, share(s.overdue, s.bills), 0.1, archetype)
			require.Zero(t, s.overdrawn, archetype)
		}
	}
	perMerchant := share(sums[dossier.ArchetypeEstablished].orders, sums[dossier.ArchetypeEstablished].merchants)
	require.True(t, perMerchant > 200 && perMerchant < 500, perMerchant)
}

func TestRowsAreSortedAndNothingLiesAfterTheApplication(t *testing.T) {
	t.Parallel()
	g := dossier.Generate(dossier.GenerateOptions{Merchants: 50, Seed: 4})
	for _, application := range g.Applications() {
		id := application.MerchantID
		orders := all(t, g.Orders(id))
		require.NotEmpty(t, orders)
		require.True(t, slices.IsSortedFunc(orders, func(a, b evidence.Order) int { return a.CreatedAt.Compare(b.CreatedAt) }))
		transactions := all(t, g.Transactions(id))
		require.True(t, slices.IsSortedFunc(transactions, func(a, b evidence.Transaction) int { return a.BookedAt.Compare(b.BookedAt) }))
		bills := all(t, g.Bills(id))
		require.True(t, slices.IsSortedFunc(bills, func(a, b evidence.UtilityBill) int { return a.PeriodStart.Compare(b.PeriodStart) }))
		var moments []time.Time
		for _, o := range orders {
			moments = append(moments, o.CreatedAt, o.PaidAt, o.ShippedAt, o.DeliveredAt, o.RefundedAt)
			if o.BuyerSince.After(o.CreatedAt) {
				t.Fatalf("order %s is older than its buyer", o.ID)
			}
		}
		for _, w := range all(t, g.Waybills(id)) {
			moments = append(moments, w.CreatedAt, w.PickedUpAt, w.SignedAt)
		}
		for _, row := range transactions {
			moments = append(moments, row.BookedAt)
		}
		for _, b := range bills {
			moments = append(moments, b.PeriodEnd, b.PaidAt)
		}
		for _, moment := range moments {
			if moment.After(application.AppliedAt) {
				t.Fatalf("merchant %s has a row of %s, after its application", id, moment)
			}
		}
	}
}

func TestABrushingRingSharesDevicesBuyersAndPayers(t *testing.T) {
	t.Parallel()
	g := dossier.Generate(dossier.GenerateOptions{Merchants: 50, Seed: 6})
	devices := map[string]map[string]bool{}
	members := 0
	for _, merchant := range g.Merchants() {
		if merchant.Archetype != dossier.ArchetypeBrushingRing {
			continue
		}
		members++
		real := map[string]bool{}
		for _, waybill := range all(t, g.Waybills(merchant.ID)) {
			real[waybill.No] = true
		}
		declared := map[string]int{}
		unproven := 0
		for _, order := range all(t, g.Orders(merchant.ID)) {
			if devices[order.DeviceID] == nil {
				devices[order.DeviceID] = map[string]bool{}
			}
			devices[order.DeviceID][merchant.ID] = true
			declared[order.WaybillNo]++
			if order.Status == evidence.OrderCompleted && !real[order.WaybillNo] {
				unproven++
			}
		}
		delete(declared, "")
		reused := 0
		for _, times := range declared {
			reused += times - 1
		}
		require.Positive(t, unproven)
		require.Positive(t, reused)
	}
	require.True(t, members >= 3 && members <= 5, members)
	shared := 0
	for device, merchants := range devices {
		if device != "" && len(merchants) == members {
			shared++
		}
	}
	require.Equal(t, 4, shared, "the ring's devices")
}

func TestSeasonalPeaksAreHonest(t *testing.T) {
	t.Parallel()
	g := dossier.Generate(dossier.GenerateOptions{Merchants: 100, Seed: 6})
	for _, merchant := range g.Merchants() {
		if merchant.Archetype != dossier.ArchetypeSeasonal {
			continue
		}
		carried := map[string]bool{}
		for _, waybill := range all(t, g.Waybills(merchant.ID)) {
			carried[waybill.OrderID] = true
		}
		peak, quiet, proven, paid := 0, 0, 0, 0
		for _, order := range all(t, g.Orders(merchant.ID)) {
			switch order.CreatedAt.Month() {
			case time.November:
				if day := order.CreatedAt.Day(); day >= 9 && day <= 13 {
					peak++
					if !order.PaidAt.IsZero() && order.Status != evidence.OrderCancelled {
						paid++
						if carried[order.ID] {
							proven++
						}
					}
				}
			case time.March, time.April, time.May:
				quiet++
			}
		}
		require.Greater(t, float64(peak)/5, 3*float64(quiet)/92, merchant.ID)
		require.Greater(t, float64(proven)/float64(paid), 0.9, merchant.ID)
	}
}

func TestTheBigMerchantHasExactlyItsOrders(t *testing.T) {
	t.Parallel()
	g := dossier.Generate(dossier.GenerateOptions{Merchants: 3, BigMerchantOrders: 54_321})
	require.Equal(t, dossier.ArchetypeEstablished, g.Merchants()[0].Archetype)
	count := 0
	for _, err := range g.Orders(g.Merchants()[0].ID) {
		require.NoError(t, err)
		count++
	}
	require.Equal(t, 54_321, count)
}

func TestOrdersScaleMultipliesOrders(t *testing.T) {
	t.Parallel()
	count := func(scale float64) (n int) {
		g := dossier.Generate(dossier.GenerateOptions{Merchants: 20, OrdersScale: scale})
		for _, merchant := range g.Merchants() {
			n += len(all(t, g.Orders(merchant.ID)))
		}
		return n
	}
	require.InEpsilon(t, 3*count(1), count(3), 0.01)
}

// TestOutcomesFollowTheLatentChance compares the bad share with the mean of the
// known probabilities, and orders the archetypes.
func TestOutcomesFollowTheLatentChance(t *testing.T) {
	t.Parallel()
	g := dossier.Generate(dossier.GenerateOptions{Merchants: 4000, Seed: 8})
	outcomes, applications := g.Outcomes(), g.Applications()
	bad, chance, count := map[string]float64{}, map[string]float64{}, map[string]float64{}
	for i, merchant := range g.Merchants() {
		require.Equal(t, applications[i].ID, outcomes[i].ApplicationID)
		require.True(t, outcomes[i].ObservedAt.After(applications[i].AppliedAt))
		count[merchant.Archetype]++
		chance[merchant.Archetype] += g.DefaultChance(merchant.ID)
		if outcomes[i].Bad {
			bad[merchant.Archetype]++
		}
	}
	for archetype, n := range count {
		p := chance[archetype] / n
		require.InDelta(t, p, bad[archetype]/n, 4*math.Sqrt(p*(1-p)/n), archetype)
	}
	rate := func(archetype string) float64 { return bad[archetype] / count[archetype] }
	require.Less(t, rate(dossier.ArchetypeEstablished), 0.03)
	require.Greater(t, rate(dossier.ArchetypeBrushingRing), 5*rate(dossier.ArchetypeEstablished))
	require.Greater(t, rate(dossier.ArchetypeDefaulting), rate(dossier.ArchetypeBrushingRing))
}
