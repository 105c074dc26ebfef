package scoring_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"loan310/app/money"
	"loan310/scoring"
	"loan310/scoring/evidence"
	"loan310/scoring/policy"
)

// lag makes a source vouch only up to so many days ago: later rows are gone.
func (m *merchant) lag(source evidence.Source, days float64) *merchant {
	until := ago(days)
	switch source {
	case evidence.Marketplace:
		m.orders = slices.DeleteFunc(m.orders, func(row evidence.Order) bool { return row.CreatedAt.After(until) })
	case evidence.Logistics:
		m.waybills = slices.DeleteFunc(m.waybills, func(row evidence.Waybill) bool { return row.CreatedAt.After(until) })
	case evidence.Bank:
		m.transactions = slices.DeleteFunc(m.transactions, func(row evidence.Transaction) bool { return row.BookedAt.After(until) })
	case evidence.Utility:
		m.bills = slices.DeleteFunc(m.bills, func(row evidence.UtilityBill) bool { return row.PeriodEnd.After(until) })
	}
	m.meta[source] = evidence.Meta{Source: source, State: evidence.Stale, DataAsOf: until}
	return m
}

// misled is a merchant of whom one source's lag makes a hard rule's feature
// look bad; right is the same merchant with that source up to date.
type misled struct {
	source evidence.Source
	right  func(*merchant)
	lagged func(*merchant)
}

func misleading() map[string]misled {
	nothing := func(*merchant) {}
	onlyOrders := func(m *merchant) { m.bureau, m.transactions, m.bills, m.waybills = nil, nil, nil, nil }
	return map[string]misled{
		"trade_stopped": {evidence.Marketplace, nothing, func(m *merchant) { m.lag(evidence.Marketplace, 100) }},
		"no_evidence": {evidence.Marketplace, func(m *merchant) {
			onlyOrders(m)
			m.state(evidence.Logistics, evidence.Down)
		}, func(m *merchant) {
			onlyOrders(m)
			m.orders = nil
		}},
		"sales_not_authentic": {evidence.Logistics, nothing, func(m *merchant) { m.lag(evidence.Logistics, 300).meta[evidence.Logistics] = evidence.Meta{} }},
		"sales_unverified":    {evidence.Logistics, nothing, func(m *merchant) { m.lag(evidence.Logistics, 300) }},
		"debt_too_high": {evidence.Bank, func(m *merchant) { repay(m) }, func(m *merchant) {
			repay(m)
			m.lag(evidence.Bank, 130)
		}},
		"late_and_seeking": {evidence.Utility, func(m *merchant) { m.bureau.Inquiries90D = 4 }, func(m *merchant) {
			m.bureau.Inquiries90D = 4
			m.lag(evidence.Utility, 80).bills[0].PaidAt = time.Time{} // paid since
		}},
		"bureau_overdue":   {evidence.Bureau, nothing, func(m *merchant) { m.bureau.CurrentDPD = 20 }},
		"bureau_arrears":   {evidence.Bureau, nothing, func(m *merchant) { m.bureau.MaxDPD24M = 90 }},
		"bureau_inquiries": {evidence.Bureau, nothing, func(m *merchant) { m.bureau.Inquiries90D = 15 }},
		"licence_status":   {evidence.Registry, nothing, func(m *merchant) { m.registry.Status = evidence.RegistryAbnormal }},
		"licence_ended":    {evidence.Registry, nothing, func(m *merchant) { m.registry.ExpiresAt = ago(5) }},
	}
}

// repay pays a loan back half a year ago: much of what had come in by then.
func repay(m *merchant) {
	m.transactions = append(m.transactions, evidence.Transaction{AccountID: "A", BookedAt: ago(170), Amount: -2_000_000, Kind: evidence.TxLoanOut})
}

// standing are the hard rules on facts that no lag can make look worse: what
// was ever written off, days counted from a fixed date, and counts of rows, of
// which a source that lags knows fewer. Those of relations are of our own
// books; the one that reads authenticity asks for both sides up to date, those
// that read the score for every source.
func standing() []string {
	return []string{"score_low", "thin_score_low", "group_score_low", "bureau_written_off", "bureau_court", "licence_young", "bank_overdrawn", "bank_penalties", "ring_defaulted", "ring_closed", "burst_defaulted"}
}

func TestEveryHardRuleIsKnownToBeFair(t *testing.T) {
	t.Parallel()
	cases := misleading()
	for _, rule := range engine(t).Strategy().Rules {
		if _, tried := cases[rule.ID]; rule.Stage == policy.Hard && !tried {
			require.Contains(t, standing(), rule.ID, "a new hard rule: show here that a source's lag cannot make it fire")
		}
	}
}

func TestNoHardRuleDeclinesBecauseASourceLags(t *testing.T) {
	t.Parallel()
	for rule, test := range misleading() {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			right := established()
			test.right(right)
			require.Equal(t, scoring.Approved, right.decide(t).Outcome)

			// The same data called up to date: the rule fires, so it is tried.
			sure := established()
			test.lagged(sure)
			sure.meta[test.source] = evidence.Meta{Source: test.source, State: evidence.Known}
			require.Contains(t, sure.decide(t).Rules, rule)

			for _, final := range []bool{false, true} {
				late := established()
				test.lagged(late)
				late.state(test.source, evidence.Stale)
				late.final = final
				got := late.decide(t)
				require.NotContains(t, got.Rules, rule)
				if !final && test.source != evidence.Bank { // what came in of old may not bear the debt
					require.NotEqual(t, scoring.Declined, got.Outcome, got.Reasons)
				}
			}
		})
	}
}

// Whatever a source's lag and whatever went wrong with the merchant: a hard
// rule that fires on old data fires on the present data, too.
func TestALagAddsNoHardDecline(t *testing.T) {
	t.Parallel()
	loaded := engine(t)
	hard := map[string]bool{}
	for _, rule := range loaded.Strategy().Rules {
		hard[rule.ID] = rule.Stage == policy.Hard
	}
	fired := func(t *rapid.T, m *merchant) []string {
		got, err := loaded.Decide(m.input())
		require.NoError(t, err)
		return slices.DeleteFunc(slices.Clone(got.Rules), func(id string) bool { return !hard[id] })
	}
	rapid.Check(t, func(t *rapid.T) {
		m := established()
		for range rapid.IntRange(0, 90).Draw(t, "overdrawn") {
			at := ago(rapid.Float64Range(0, 200).Draw(t, "when"))
			m.transactions = append(m.transactions, evidence.Transaction{AccountID: "A", BookedAt: at, Amount: -10, Balance: new(money.Amount(-5))})
		}
		for range rapid.IntRange(0, 6).Draw(t, "penalties") {
			m.transactions = append(m.transactions, evidence.Transaction{AccountID: "A", BookedAt: ago(rapid.Float64Range(0, 400).Draw(t, "charged")), Amount: -1, Kind: evidence.TxPenalty})
		}
		m.transactions = append(m.transactions, evidence.Transaction{
			AccountID: "A", BookedAt: ago(rapid.Float64Range(0, 180).Draw(t, "repaid")), Amount: -money.Amount(rapid.Int64Range(0, 9_000_000).Draw(t, "debt")), Kind: evidence.TxLoanOut,
		})
		m.bureau.WrittenOff = rapid.Int32Range(0, 1).Draw(t, "written off")
		m.registry.EstablishedAt = ago(rapid.Float64Range(30, 900).Draw(t, "established"))
		first := rapid.IntRange(0, 300).Draw(t, "first order")
		m.orders = m.orders[first:]
		for i := range m.orders[:rapid.IntRange(0, 300).Draw(t, "without a parcel")] {
			m.orders[i].WaybillNo, m.orders[i].ID = "none", "X"+m.orders[i].ID
		}
		now := fired(t, m)
		source := rapid.SampledFrom(evidence.Sources[:4]).Draw(t, "source")
		m.lag(source, rapid.Float64Range(76, 500).Draw(t, "lag"))
		m.final = rapid.Bool().Draw(t, "final")
		for _, rule := range fired(t, m) {
			require.Contains(t, now, rule)
		}
	})
}

func TestDaysWithoutAnOrderCountToWhatThePlatformVouchesFor(t *testing.T) {
	t.Parallel()
	m := established()
	m.orders = m.orders[92:] // the newest 57 days ago
	m.meta[evidence.Marketplace] = evidence.Meta{Source: evidence.Marketplace, State: evidence.Known, DataAsOf: asOf.Add(-5 * 24 * time.Hour)}
	require.Equal(t, int64(51), feature(t, m.decide(t), "since_order_days").Value)
}
