package relations_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"loan310/scoring/evidence"
	"loan310/scoring/relations"
	"loan310/scoring/verdict"
)

var start = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func rules() *relations.Rules {
	return &relations.Rules{
		JoinWeight: 500,
		Kinds: map[evidence.IdentifierKind]relations.KindRule{
			evidence.LinkAccount:     {Weight: 1000, FreeDegree: 20, MaxDegree: 50},
			evidence.LinkPerson:      {Weight: 1000, FreeDegree: 20, MaxDegree: 50},
			evidence.LinkDevice:      {Weight: 600, FreeDegree: 3, MaxDegree: 10},
			evidence.LinkAddress:     {Weight: 250, FreeDegree: 2, MaxDegree: 10},
			evidence.LinkIP:          {Weight: 150, FreeDegree: 2, MaxDegree: 10},
			evidence.LinkBuyer:       {Weight: 60, FreeDegree: 5, MaxDegree: 16, MaxTotal: 420},
			evidence.LinkPayer:       {Weight: 120, FreeDegree: 5, MaxDegree: 16, MaxTotal: 480},
			evidence.LinkOrderDevice: {Weight: 100, FreeDegree: 5, MaxDegree: 16, MaxTotal: 300},
		},
		Group: relations.GroupRule{Limit: 50_000_000, ThinLimit: 4_000_000},
		Ring:  relations.RingRule{MinShared: 3, FullBps: 2000, MutualBps: 1500, MinOrders: 20},
		Burst: relations.BurstRule{Min: 4, MinIP: 6, MinPattern: 8, Times: 3},
	}
}

func own(kind evidence.IdentifierKind, value string) relations.Found {
	return relations.Found{Kind: kind, Value: value}
}

// book plays applications, an hour apart, and gives the last one's verdict.
type book struct {
	tracker *relations.Tracker
	at      time.Time
}

func newBook() *book { return &book{relations.NewTracker(), start} }

func (b *book) apply(tb testing.TB, merchant string, orders int64, found ...relations.Found) *verdict.Relations {
	tb.Helper()
	b.at = b.at.Add(time.Hour)
	around, err := b.tracker.Apply(relations.Application{Merchant: merchant, At: b.at, Found: found, Orders: orders})
	require.NoError(tb, err)
	return relations.Assess(rules(), around)
}

func TestWhatJoins(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		shared []relations.Found
		others int // merchants that carry it beside the applicant
		size   int64
	}{
		"one payout account: 1000":                 {[]relations.Found{own(evidence.LinkAccount, "a")}, 1, 2},
		"one person with thirty shops: 666":        {[]relations.Found{own(evidence.LinkPerson, "p")}, 29, 30},
		"one device: 600":                          {[]relations.Found{own(evidence.LinkDevice, "d")}, 1, 2},
		"a device of four: 600*3/4 = 450":          {[]relations.Found{own(evidence.LinkDevice, "d")}, 3, 1},
		"a shared address: 250":                    {[]relations.Found{own(evidence.LinkAddress, "x")}, 1, 1},
		"address and IP: 250+150 = 400":            {[]relations.Found{own(evidence.LinkAddress, "x"), own(evidence.LinkIP, "i")}, 1, 1},
		"address, IP, device of 4: 125+75+450":     {[]relations.Found{own(evidence.LinkAddress, "x"), own(evidence.LinkIP, "i"), own(evidence.LinkDevice, "d")}, 3, 4},
		"a campus IP of forty":                     {[]relations.Found{own(evidence.LinkIP, "i")}, 39, 1},
		"a device in a shop for all, of two dozen": {[]relations.Found{own(evidence.LinkDevice, "d")}, 23, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBook()
			for i := range test.others {
				b.apply(t, fmt.Sprintf("m%02d", i), 0, test.shared...)
			}
			got := b.apply(t, "self", 0, test.shared...)
			require.Equal(t, test.size, got.Size)
			if test.size > 1 {
				require.NotEmpty(t, got.Links)
				require.Equal(t, "m00", got.GroupID)
				require.Contains(t, got.Members, "self")
			}
		})
	}
}

func TestAHubIsRecordedAsIgnored(t *testing.T) {
	t.Parallel()
	b := newBook()
	for i := range 200 {
		b.apply(t, fmt.Sprintf("m%03d", i), 0, own(evidence.LinkIP, "carrier"))
	}
	got := b.apply(t, "self", 0, own(evidence.LinkIP, "carrier"), own(evidence.LinkAccount, "mine"))
	require.Equal(t, int64(1), got.Size)
	require.Equal(t, []verdict.RelationIgnored{{Kind: evidence.LinkIP, Count: 1, MaxDegree: evidence.MaxHolders + 1}}, got.Ignored)
}

// customers are n buyers with payers and devices of their own, seven orders each.
func customers(from, n int) []relations.Found {
	var found []relations.Found
	for i := range n {
		name := fmt.Sprint(from + i)
		found = append(found, relations.Found{Kind: evidence.LinkBuyer, Value: "b" + name, Orders: 7})
		if i < 5 {
			found = append(found, relations.Found{Kind: evidence.LinkPayer, Value: "p" + name, Orders: 7},
				relations.Found{Kind: evidence.LinkOrderDevice, Value: "d" + name, Orders: 7})
		}
	}
	return found
}

func TestARingIsFoundAsItForms(t *testing.T) {
	t.Parallel()
	b := newBook()
	first := b.apply(t, "r1", 200, customers(0, 14)...)
	require.Equal(t, int64(1), first.Size) // nobody yet
	require.Zero(t, first.RingBps)
	second := b.apply(t, "r2", 200, customers(0, 14)...)
	require.Equal(t, int64(2), second.Size)
	require.EqualValues(t, 6000, second.RingBps) // two count six tenths
	third := b.apply(t, "r3", 200, customers(0, 14)...)
	require.Equal(t, int64(3), third.RingSize)
	require.EqualValues(t, 4900, third.SharedBps) // 14 * 7 of 200
	require.EqualValues(t, 10_000, third.RingBps)

	other := b.apply(t, "honest", 200, append(customers(100, 14), customers(0, 1)...)...)
	require.Equal(t, int64(1), other.Size) // one buyer in common is none
	require.Zero(t, other.RingBps)
}

func TestMembersThatBuyFromEachOtherCount(t *testing.T) {
	t.Parallel()
	b := newBook()
	b.apply(t, "r1", 200, append(customers(0, 6), own(evidence.LinkDevice, "one"))...)
	got := b.apply(t, "r2", 200, append(customers(0, 6), relations.Found{Kind: evidence.LinkOrderDevice, Value: "one", Orders: 5})...)
	require.Equal(t, int64(1), got.Mutual)
	require.EqualValues(t, 7_500, got.RingBps) // 6000 * 20 % / 20 % + 1500
}

func TestABurstIsHeldAgainstTheUsualRate(t *testing.T) {
	t.Parallel()
	six := func(kind evidence.IdentifierKind, before int) *verdict.Relations {
		b := newBook()
		for i := range before {
			b.apply(t, fmt.Sprintf("old%d", i), 0)
		}
		b.at = b.at.Add(80 * 24 * time.Hour)
		var got *verdict.Relations
		for i := range 6 {
			got = b.apply(t, fmt.Sprintf("m%d", i), 0, own(kind, "one"))
		}
		return got
	}
	require.Equal(t, int64(6), six(evidence.LinkDevice, 0).Burst)
	require.Zero(t, six(evidence.LinkIP, 0).Burst) // a carrier's? nobody can know yet
	got := six(evidence.LinkIP, 30)
	require.Equal(t, int64(6), got.Burst)
	require.Equal(t, evidence.LinkIP, got.BurstKind)

	usual := newBook()
	var last *verdict.Relations
	for i := range 400 { // one in four hours for sixty-six days: 18 in 72 hours
		usual.at = usual.at.Add(4 * time.Hour)
		last = usual.apply(t, fmt.Sprintf("m%d", i), 0, own(evidence.LinkIP, "net"))
	}
	require.Zero(t, last.Burst)
}

func TestAPatternIsOnlyUnusualInABookThatKnowsWhatIsUsual(t *testing.T) {
	t.Parallel()
	last := func(before int) *verdict.Relations {
		b := newBook()
		for i := range before {
			b.apply(t, fmt.Sprintf("old%d", i), 0)
		}
		b.at = b.at.Add(80 * 24 * time.Hour)
		var around *evidence.Relations
		for i := range 8 {
			b.at = b.at.Add(time.Hour)
			var err error
			around, err = b.tracker.Apply(relations.Application{Merchant: fmt.Sprintf("m%d", i), At: b.at, Pattern: relations.Pattern(3_000_000, "stock", "shoes", "330100")})
			require.NoError(t, err)
		}
		return relations.Assess(rules(), around)
	}
	require.Zero(t, last(0).Burst)
	require.Zero(t, last(39).Burst)
	got := last(40) // five times eight
	require.Equal(t, int64(8), got.Burst)
	require.Equal(t, evidence.LinkPattern, got.BurstKind)
	require.Equal(t, int64(1), got.Size)
}

func TestGroupSumsAreOfTheOthersAndOfWhatWasBefore(t *testing.T) {
	t.Parallel()
	b := newBook()
	b.apply(t, "a", 0, own(evidence.LinkPerson, "p"))
	b.tracker.Approved("a", b.at, 700)
	b.tracker.Declined("a", b.at)
	b.tracker.Defaulted("a", b.at.Add(90*24*time.Hour)) // told ahead
	got := b.apply(t, "b", 0, own(evidence.LinkPerson, "p"))
	require.EqualValues(t, 700, got.Exposure)
	require.Equal(t, int64(1), got.Declines)
	require.Zero(t, got.Defaults)
	require.Zero(t, got.WorstDPD)
	b.at = b.at.Add(91 * 24 * time.Hour)
	got = b.apply(t, "c", 0, own(evidence.LinkPerson, "p"))
	require.Equal(t, int64(1), got.Defaults)
	require.Equal(t, int64(1), got.Arrears)
	require.Equal(t, int64(90), got.WorstDPD)
	require.Zero(t, got.Declines)
}

func TestATrackerRefusesToGoBack(t *testing.T) {
	t.Parallel()
	b := newBook()
	b.apply(t, "a", 0)
	_, err := b.tracker.Apply(relations.Application{Merchant: "b", At: b.at.Add(-2 * time.Hour)})
	require.ErrorIs(t, err, relations.ErrOrder)
}

func TestNothingReadIsNothingKnown(t *testing.T) {
	t.Parallel()
	require.Nil(t, relations.Assess(rules(), nil))
	require.Nil(t, relations.Assess(nil, &evidence.Relations{Self: "a"}))
	require.Equal(t, int64(1), relations.Assess(rules(), &evidence.Relations{Self: "a"}).Size)
}

// anyGraph draws identifiers over a few merchants.
func anyGraph(t *rapid.T) (int, []relations.Identifier) {
	count := rapid.IntRange(1, 12).Draw(t, "merchants")
	kinds := []evidence.IdentifierKind{evidence.LinkAccount, evidence.LinkDevice, evidence.LinkAddress, evidence.LinkIP, evidence.LinkBuyer, evidence.LinkPayer}
	var ids []relations.Identifier
	for i := range rapid.IntRange(0, 25).Draw(t, "identifiers") {
		var holders []int32
		for merchant := range int32(count) {
			if rapid.IntRange(0, 3).Draw(t, "holds") == 0 {
				holders = append(holders, merchant)
			}
		}
		ids = append(ids, relations.Identifier{Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), Key: fmt.Sprintf("%04d", i), Holders: holders})
	}
	return count, ids
}

func TestTheOrderOfEdgesChangesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		count, ids := anyGraph(t)
		want := relations.Join(rules(), count, ids)
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		random.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
		for _, id := range ids {
			random.Shuffle(len(id.Holders), func(i, j int) { id.Holders[i], id.Holders[j] = id.Holders[j], id.Holders[i] })
		}
		require.Equal(t, want, relations.Join(rules(), count, ids))
	})
}

func TestAddingAWeakHubJoinsNobody(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		count, ids := anyGraph(t)
		want := relations.Join(rules(), count, ids).Of
		all := make([]int32, count)
		for i := range all {
			all[i] = int32(i)
		}
		kind := rapid.SampledFrom([]evidence.IdentifierKind{evidence.LinkIP, evidence.LinkAddress, evidence.LinkDevice}).Draw(t, "hub")
		hub := relations.Identifier{Kind: kind, Key: "hub", Degree: rapid.Int64Range(11, 1_000_000).Draw(t, "degree"), Holders: all}
		require.Equal(t, want, relations.Join(rules(), count, append(ids, hub)).Of)
	})
}

func TestMoreEvidenceNeverPartsAGroup(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		count, ids := anyGraph(t)
		before := relations.Join(rules(), count, ids[:len(ids)/2]).Of
		after := relations.Join(rules(), count, ids).Of
		for a := range count {
			for b := range a {
				if before[a] == before[b] {
					require.Equal(t, after[a], after[b])
				}
			}
		}
	})
}

func TestJoinsSpanTheGroups(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		count, ids := anyGraph(t)
		groups := relations.Join(rules(), count, ids)
		pairs := map[[2]int32]int64{}
		for _, link := range groups.Joins {
			pairs[[2]int32{link.A, link.B}] += link.Weight
			require.Equal(t, groups.Of[link.A], groups.Of[link.B])
		}
		roots := slices.Clone(groups.Of)
		slices.Sort(roots)
		require.Len(t, pairs, count-len(slices.Compact(roots))) // a forest
		for _, weight := range pairs {
			require.GreaterOrEqual(t, weight, rules().JoinWeight)
		}
	})
}

func TestRulesAreRefusedWithTheirPlace(t *testing.T) {
	t.Parallel()
	require.NoError(t, rules().Validate())
	for place, spoil := range map[string]func(*relations.Rules){
		"join_weight": func(r *relations.Rules) { r.JoinWeight = 0 },
		"kinds.nonsense": func(r *relations.Rules) {
			r.Kinds["nonsense"] = relations.KindRule{Weight: 1, FreeDegree: 2, MaxDegree: 2}
		},
		"kinds.pattern": func(r *relations.Rules) {
			r.Kinds[evidence.LinkPattern] = relations.KindRule{Weight: 1, FreeDegree: 2, MaxDegree: 2}
		},
		"kinds.ip.weight": func(r *relations.Rules) { r.Kinds[evidence.LinkIP] = relations.KindRule{FreeDegree: 2, MaxDegree: 2} },
		"kinds.ip: want": func(r *relations.Rules) {
			r.Kinds[evidence.LinkIP] = relations.KindRule{Weight: 1, FreeDegree: 1, MaxDegree: 2}
		},
		"kinds.ip.max_degree": func(r *relations.Rules) {
			r.Kinds[evidence.LinkIP] = relations.KindRule{Weight: 1, FreeDegree: 2, MaxDegree: 65}
		},
		"kinds.ip.max_total": func(r *relations.Rules) {
			r.Kinds[evidence.LinkIP] = relations.KindRule{Weight: 1, FreeDegree: 2, MaxDegree: 2, MaxTotal: -1}
		},
		"group": func(r *relations.Rules) { r.Group.ThinLimit = 0 },
		"ring":  func(r *relations.Rules) { r.Ring.FullBps = 0 },
		"burst": func(r *relations.Rules) { r.Burst.Times = 0 },
	} {
		spoiled := rules()
		spoil(spoiled)
		require.ErrorContains(t, spoiled.Validate(), place)
	}
}

func TestASketchKeepsTheFrequentOfManyCustomers(t *testing.T) {
	t.Parallel()
	sketch := relations.NewSketch(start)
	add := func(buyer string, at time.Time, status evidence.OrderStatus) {
		sketch.AddOrder(&evidence.Order{Status: status, CreatedAt: at, BuyerID: buyer})
	}
	for i := range 20_000 {
		add(fmt.Sprintf("once%d", i), start.Add(-time.Hour), evidence.OrderPaid)
		if i%100 == 0 {
			add("regular", start.Add(-time.Hour), evidence.OrderPaid)
		}
	}
	for range 50 {
		add("later", start.Add(time.Second), evidence.OrderPaid)
		add("old", start.Add(-181*24*time.Hour), evidence.OrderPaid)
		add("cancelled", start.Add(-time.Hour), evidence.OrderCancelled)
	}
	require.Equal(t, int64(20_200), sketch.Orders())
	found := sketch.Found()
	require.NotEmpty(t, found)
	require.Equal(t, "regular", found[0].Value)
	require.LessOrEqual(t, len(found), 24)
	for _, one := range found {
		require.NotContains(t, []string{"later", "old", "cancelled"}, one.Value)
	}
}
