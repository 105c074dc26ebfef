package scoring_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/app/money"
	"loan310/scoring"
	"loan310/scoring/evidence"
)

// family is a neighbourhood of so many merchants that share one identifier.
func family(size int, kind evidence.IdentifierKind, each money.Amount) *evidence.Relations {
	around := &evidence.Relations{Self: "m00"}
	shared := evidence.SharedIdentifier{Kind: kind, Key: "0123456789abcdef", Degree: int64(size)}
	for i := range size {
		id := fmt.Sprintf("m%02d", i)
		merchant := evidence.RelatedMerchant{ID: id, Orders: 300}
		if i > 0 {
			merchant.Committed, merchant.Borrowed = each, each > 0
		}
		around.Merchants = append(around.Merchants, merchant)
		shared.Holders = append(shared.Holders, evidence.Holder{At: int32(i)})
	}
	around.Shared = append(around.Shared, shared)
	return around
}

// regulars adds buyers that every merchant of the neighbourhood has.
func regulars(around *evidence.Relations, count int, orders int64) *evidence.Relations {
	for i := range count {
		for _, kind := range []evidence.IdentifierKind{evidence.LinkBuyer, evidence.LinkPayer, evidence.LinkOrderDevice} {
			shared := evidence.SharedIdentifier{Kind: kind, Key: fmt.Sprintf("%016x", i), Degree: int64(len(around.Merchants))}
			for at := range around.Merchants {
				shared.Holders = append(shared.Holders, evidence.Holder{At: int32(at), Orders: orders})
			}
			around.Shared = append(around.Shared, shared)
		}
	}
	return around
}

func decideWith(tb testing.TB, m *merchant, around *evidence.Relations) scoring.Verdict {
	tb.Helper()
	in := m.input()
	in.Evidence.Relations = around
	verdict, err := engine(tb).Decide(in)
	require.NoError(tb, err)
	return verdict
}

func TestHonestFamiliesAreApprovedAndOweTogether(t *testing.T) {
	t.Parallel()
	alone := established().decide(t)
	require.Equal(t, scoring.Approved, alone.Outcome)
	limit := alone.Terms.Limit
	for name, test := range map[string]struct {
		around *evidence.Relations
		size   int64
		want   money.Amount
	}{
		"two shops of one owner, nothing owed":             {family(2, evidence.LinkPerson, 0), 2, limit},
		"two shops of one owner, one with a small line":    {family(2, evidence.LinkPerson, 1_000_000), 2, limit},
		"three shops of one owner near what they may owe":  {family(3, evidence.LinkPerson, 24_900_000), 3, 200_000},
		"three shops of one owner with regulars in common": {regulars(family(3, evidence.LinkPerson, 0), 12, 6), 3, limit},
		"a warehouse of eight":                             {family(8, evidence.LinkAddress, 49_000_000), 1, limit},
		"a campus IP of ten":                               {family(10, evidence.LinkIP, 49_000_000), 1, limit},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := decideWith(t, established(), test.around)
			require.Equal(t, scoring.Approved, got.Outcome, got.Reasons)
			require.Equal(t, test.size, got.Relations.Size)
			require.Equal(t, test.want, got.Terms.Limit)
			require.Equal(t, got.Versions.Lane, alone.Versions.Lane)
			if test.want < limit {
				require.Contains(t, codes(got.Reasons), "group_limit")
			}
		})
	}
}

func TestAGroupThatOwesAllItMayGetsNoMore(t *testing.T) {
	t.Parallel()
	got := decideWith(t, established(), family(3, evidence.LinkAccount, 25_000_000))
	require.Equal(t, scoring.Declined, got.Outcome)
	require.Equal(t, "group_full", got.Reasons[0].Code)
	require.Empty(t, got.Reasons[0].Args) // what others owe is not the merchant's to read
}

func TestDefaultsInTheGroupCount(t *testing.T) {
	t.Parallel()
	spoiled := func(around *evidence.Relations) *evidence.Relations {
		around.Merchants[1].Defaults, around.Merchants[1].WorstDPD = 1, 120
		return around
	}
	referred := decideWith(t, established(), spoiled(family(2, evidence.LinkPerson, 0)))
	require.Equal(t, scoring.Approved, referred.Outcome)
	require.Equal(t, "thin_file", referred.Versions.Lane)
	require.LessOrEqual(t, referred.Terms.Limit, money.Amount(500_000))

	ring := decideWith(t, established(), spoiled(regulars(family(3, evidence.LinkDevice, 0), 12, 6)))
	require.Equal(t, scoring.Declined, ring.Outcome)
	require.Equal(t, "ring_defaulted", ring.Reasons[0].Code)

	burst := spoiled(family(2, evidence.LinkDevice, 0))
	burst.Shared[0].Applied72H, burst.Shared[0].Applied90D = 5, 5
	got := decideWith(t, established(), burst)
	require.Equal(t, scoring.Declined, got.Outcome)
	require.Equal(t, "burst_defaulted", got.Reasons[0].Code)
}

func TestARingWithOrdersThatParcelsDoNotBearOutIsDeclined(t *testing.T) {
	t.Parallel()
	m := established()
	for i := range m.orders {
		if i%6 == 0 {
			m.orders[i].WaybillNo, m.orders[i].ID = "none", "X"+m.orders[i].ID
		}
	}
	require.Equal(t, scoring.Approved, m.decide(t).Outcome)
	got := decideWith(t, m, regulars(family(3, evidence.LinkDevice, 0), 12, 6))
	require.Equal(t, scoring.Declined, got.Outcome)
	require.Equal(t, "ring_closed", got.Reasons[0].Code)
}

func TestWithoutRelationsTheirFeaturesAreMissing(t *testing.T) {
	t.Parallel()
	got := established().decide(t)
	require.Nil(t, got.Relations)
	for _, name := range []string{"group_size", "ring_score_bps", "burst_applications_72h", "group_worst_dpd_days"} {
		require.Equal(t, scoring.FeatureMissing, feature(t, got, name).State)
	}
}

// More is asked of the score of connected merchants, and no more than that.
func TestConnectedMerchantsNeedABetterScore(t *testing.T) {
	t.Parallel()
	weaker := func() *merchant {
		m := established()
		m.bureau.Inquiries90D, m.bureau.OpenLoans = 4, 4
		return m
	}
	alone := weaker().decide(t)
	require.Equal(t, scoring.Approved, alone.Outcome, alone.Reasons)
	require.Less(t, alone.Score, int64(735))
	got := decideWith(t, weaker(), family(2, evidence.LinkPerson, 0))
	require.Equal(t, scoring.Declined, got.Outcome)
	require.Equal(t, "group_score_low", got.Reasons[0].Code)
	repaid := weaker()
	repaid.applicant.LoansRepaid = 1
	require.Equal(t, scoring.Approved, decideWith(t, repaid, family(2, evidence.LinkPerson, 0)).Outcome)
}
