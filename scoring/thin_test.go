package scoring_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"loan310/app/money"
	"loan310/scoring"
	"loan310/scoring/evidence"
	"loan310/scoring/policy"
)

// thin is the established shop without a credit file, small: parcels, bills
// and a bank account bear it out.
func thin() *merchant {
	m := established()
	m.bureau = nil
	m.registry.EstablishedAt = ago(700)
	for i := range m.orders {
		m.orders[i].Amount = 9_000
	}
	for i := range m.transactions {
		m.transactions[i].Amount /= 4
	}
	return m
}

func TestAThinFileStartsSmallAndClimbs(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		repaid, worst int64
		since         float64 // days since the first loan; 0 = none
		rung          int64
		limit         money.Amount
		code          string
	}{
		"first loan":                  {0, 0, 0, 1, 440_000, "ladder_next"},
		"repaid, a day early":         {1, 0, 29, 1, 440_000, "ladder_next"},
		"repaid one in thirty days":   {1, 0, 30, 2, 660_000, "ladder_next"},
		"eleven days late once":       {4, 11, 400, 1, 440_000, "ladder_held"},
		"two in ninety days":          {2, 5, 90, 3, 0, "ladder_held"},
		"four in half a year, on top": {4, 3, 180, 4, 0, "ladder_top"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := thin()
			m.applicant.LoansRepaid, m.applicant.WorstDPD = test.repaid, test.worst
			if test.since > 0 {
				m.applicant.FirstLoanAt = ago(test.since)
			}
			got := m.decide(t)
			require.Equal(t, scoring.Approved, got.Outcome, got.Reasons)
			require.Equal(t, policy.ThinFile, got.Versions.Lane)
			require.Equal(t, test.rung, got.Ladder.Rung)
			require.LessOrEqual(t, got.Terms.Limit, got.Ladder.MaxLimit)
			require.Contains(t, codes(got.Reasons), test.code)
			if test.limit > 0 {
				require.InDelta(t, int64(test.limit), int64(got.Terms.Limit), 120_000)
			}
		})
	}
	require.Nil(t, established().decide(t).Ladder, "the standard lane has none")
}

func TestALimitGrowsWithEachRung(t *testing.T) {
	t.Parallel()
	var last money.Amount
	for _, step := range []struct {
		repaid int64
		days   float64
	}{{0, 1}, {1, 30}, {2, 90}, {4, 180}} {
		m := thin()
		m.applicant.LoansRepaid, m.applicant.FirstLoanAt = step.repaid, ago(step.days)
		got := m.decide(t)
		require.Equal(t, scoring.Approved, got.Outcome)
		require.Greater(t, got.Terms.Limit, last)
		last = got.Terms.Limit
	}
}

// What is approved on present data is not declined because a source lags:
// it waits, and in the end gets at least the smallest offer.
func TestALagDeclinesNoThinFile(t *testing.T) {
	t.Parallel()
	loaded := engine(t)
	decide := func(t *rapid.T, m *merchant) scoring.Verdict {
		got, err := loaded.Decide(m.input())
		require.NoError(t, err)
		return got
	}
	var waited, least int
	rapid.Check(t, func(t *rapid.T) {
		m := thin()
		m.orders = m.orders[:rapid.IntRange(0, 400).Draw(t, "orders")]
		m.bills = m.bills[:rapid.IntRange(0, 12).Draw(t, "bills")]
		m.transactions = m.transactions[:2*rapid.IntRange(0, 52).Draw(t, "weeks of bank")]
		m.registry.EstablishedAt = ago(rapid.Float64Range(90, 900).Draw(t, "established"))
		for i := range rapid.IntRange(0, len(m.bills)).Draw(t, "late bills") {
			m.bills[i].PaidAt = m.bills[i].DueAt.AddDate(0, 0, 9)
		}
		m.applicant.AmountWanted = money.Amount(rapid.Int64Range(0, 2_000_000).Draw(t, "wanted"))
		if decide(t, m).Outcome != scoring.Approved {
			return
		}
		source := rapid.SampledFrom([]evidence.Source{evidence.Marketplace, evidence.Logistics, evidence.Bank, evidence.Utility}).Draw(t, "source")
		m.lag(source, rapid.Float64Range(8, 300).Draw(t, "lag"))
		for _, final := range []bool{false, true} {
			m.final = final
			got := decide(t, m)
			require.NotEqual(t, scoring.Declined, got.Outcome, "%v %v", got.Reasons, got.Rules)
			if got.Outcome == scoring.Deferred {
				require.False(t, final)
				require.Equal(t, []evidence.Source{source}, got.WaitFor)
				waited++
			} else if got.Reasons[0].Code == "thin_old" {
				require.Equal(t, money.Amount(100_000), got.Terms.Limit)
				least++
			}
		}
	})
	require.Positive(t, waited, "some must have waited, else this shows nothing")
	require.Positive(t, least)
}
