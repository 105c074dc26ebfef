package crosscheck_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"loan310/scoring/crosscheck"
	"loan310/scoring/evidence"
)

// lnTail is ln P(X >= found), X binomial, summed in floating point. The largest
// term is taken out first: a tail may be far smaller than any float64.
func lnTail(found, trials int64, p float64) float64 {
	terms := make([]float64, 0, trials-found+1)
	for x := found; x <= trials; x++ {
		a, _ := math.Lgamma(float64(trials) + 1)
		b, _ := math.Lgamma(float64(x) + 1)
		c, _ := math.Lgamma(float64(trials-x) + 1)
		terms = append(terms, a-b-c+float64(x)*math.Log(p)+float64(trials-x)*math.Log1p(-p))
	}
	largest, sum := slices.Max(terms), 0.0
	for _, term := range terms {
		sum += math.Exp(term - largest)
	}
	return largest + math.Log(sum)
}

func TestSurpriseIsTheBinomialTail(t *testing.T) {
	t.Parallel()
	// One of ten orders, one in a thousand expected: 1 - 0.999^10 = 0.00996.
	require.InDelta(t, -math.Log(0.00996), crosscheck.Surprise(1, 10, 1_000), 0.01)
	require.Zero(t, crosscheck.Surprise(1, 1_000, 1_000), "what is expected does not surprise")
	require.Zero(t, crosscheck.Surprise(0, 10, 1_000))
	rapid.Check(t, func(t *rapid.T) {
		trials := rapid.Int64Range(1, 3_000).Draw(t, "trials")
		found := rapid.Int64Range(1, trials).Draw(t, "found")
		ppm := rapid.Int64Range(1, 500_000).Draw(t, "ppm")
		exact, got := -lnTail(found, trials, float64(ppm)/1e6), crosscheck.Surprise(found, trials, ppm)
		require.LessOrEqual(t, got, exact+1e-4, "never surer than the truth")
		if mean := float64(trials) * float64(ppm) / 1e6; float64(found) > 2*mean+3 && found <= 64 {
			require.Greater(t, got, exact-math.Log(1.5), "and close to it")
		}
	})
}

func tested() crosscheck.Rules {
	rules := rules()
	rules.Tests = []crosscheck.Test{
		{Name: "impossible", Marks: []string{"waybill_foreign", "handover_before_order", "delivered_in_no_time"}, HonestPPM: 213, AlphaPPM: 4_500},
		{Name: "unshipped", Marks: []string{"shipped_unproven"}, HonestPPM: 213, AlphaPPM: 4_500},
		{Name: "stuck", Marks: []string{"shipment_stuck"}, HonestPPM: 2_760, AlphaPPM: 500},
		{Name: "buyer_again", Marks: []string{"buyer_again"}, AlphaPPM: 500},
	}
	rules.Peers = []crosscheck.Peer{
		{Name: "bakers", Categories: []string{"bread"}, HonestPPM: map[string]int64{"unshipped": 13_000}},
		{Name: "one-off", Categories: []string{"wardrobes"}, HonestPPM: map[string]int64{"buyer_again": 600}},
	}
	return rules
}

func TestOneOrderIsEnoughWhereHonestShopsHaveNone(t *testing.T) {
	t.Parallel()
	shop := honest(12)
	shop.orders[3].WaybillNo, shop.waybills[3] = "", evidence.Waybill{No: "gone"}
	report := shop.check(crosscheck.Options{Rules: tested()})
	require.True(t, report.Flagged, "said to be delivered and nobody carried it: 1 - (1 - 0.000213)^12 = 0.26 %%")
	require.True(t, signalled(report, crosscheck.CodeFabricated))
	require.Equal(t, []string{"O4"}, behind(report, crosscheck.CodeFabricated).Orders)
	require.Equal(t, []string{"O4"}, report.FlaggedSample)

	shop.orders[3].Status, shop.orders[3].ShippedAt, shop.orders[3].DeliveredAt = evidence.OrderPaid, ago(-1), ago(-2)
	report = shop.check(crosscheck.Options{Rules: tested()})
	require.False(t, report.Flagged, "paid and never sent happens: 1 - (1 - 0.00276)^12 = 3.3 %%")
	require.False(t, signalled(report, crosscheck.CodeFabricated))
	shop.orders[3].Status = evidence.OrderCancelled
	require.Empty(t, shop.check(crosscheck.Options{Rules: tested()}).Signals, "a cancelled order is honest")
}

func TestAPeerGroupsRatesReplaceTheRules(t *testing.T) {
	t.Parallel()
	shop := honest(40)
	for i := range shop.orders {
		shop.orders[i].Category = "bread"
	}
	shop.orders[3].WaybillNo, shop.waybills[3] = "", evidence.Waybill{No: "gone"}
	report := shop.check(crosscheck.Options{Rules: tested()})
	require.Equal(t, "bakers", report.Peer)
	require.False(t, report.Flagged, "bakers deliver some by hand")
	for i := range 5 {
		shop.orders[i*7].WaybillNo, shop.waybills[i*7] = "", evidence.Waybill{No: "gone"}
	}
	require.True(t, shop.check(crosscheck.Options{Rules: tested()}).Flagged, "but not six of forty")
}

func TestACircleOfBuyersShowsWhereNobodyBuysTwice(t *testing.T) {
	t.Parallel()
	shop := honest(40)
	for i := range shop.orders {
		shop.orders[i].Category = "wardrobes"
	}
	for i := range 4 {
		shop.orders[i*9].BuyerID = fmt.Sprintf("C%d", i%2)
	}
	report := shop.check(crosscheck.Options{Rules: tested()})
	require.True(t, report.Flagged)
	for i := range shop.orders {
		shop.orders[i].Category = "" // elsewhere buyers come back
	}
	require.False(t, shop.check(crosscheck.Options{Rules: tested()}).Flagged)
}

func TestOrdersBeforeTheWindowAreEvidenceButNoRevenue(t *testing.T) {
	t.Parallel()
	shop := honest(20)
	shop.sell(500, "old")
	shop.orders[20].WaybillNo, shop.waybills[20] = "", evidence.Waybill{No: "gone"}
	report := shop.check(crosscheck.Options{Rules: tested()})
	require.Equal(t, int64(200_000), int64(report.ClaimedRevenue))
	require.Empty(t, report.Deductions)
	require.True(t, report.Flagged)
	require.Equal(t, []string{"O21"}, report.FlaggedSample)
}

func TestTestsAreValidated(t *testing.T) {
	t.Parallel()
	good := tested()
	require.NoError(t, good.Validate())
	for want, spoil := range map[string]func(*crosscheck.Rules){
		"tests[1] (unshipped): marks: no such mark: luck":  func(r *crosscheck.Rules) { r.Tests[1].Marks = []string{"luck"} },
		"tests[1] (unshipped): alpha_ppm":                  func(r *crosscheck.Rules) { r.Tests[1].AlphaPPM = 0 },
		"tests[1] (impossible): name: stands twice":        func(r *crosscheck.Rules) { r.Tests[1].Name = "impossible" },
		"peers[0] (bakers): honest_ppm.luck: no such test": func(r *crosscheck.Rules) { r.Peers[0].HonestPPM = map[string]int64{"luck": 1} },
		"season_bps": func(r *crosscheck.Rules) { r.Season = r.Season[:0:0]; r.Season = append(r.Season, 1) },
		"transit":    func(r *crosscheck.Rules) { r.Transit.Far = 1 },
	} {
		bad := tested()
		spoil(&bad)
		require.ErrorContains(t, bad.Validate(), want)
	}
}
