package relations

import (
	"maps"
	"slices"

	"loan310/app/money"
	"loan310/scoring/evidence"
	"loan310/scoring/verdict"
)

// What is shown of a large group.
const (
	maxMembers = 64 // all of a neighbourhood
	maxLinks   = 50
	refDigits  = 8
)

// Assess judges one applicant's neighbourhood. Nil gives nil: what was not
// read is not known. Group limits are left to the caller, who knows the lane.
func Assess(rules *Rules, around *evidence.Relations) *verdict.Relations {
	if rules == nil || around == nil {
		return nil
	}
	view := newView(rules, around)
	result := &verdict.Relations{
		GroupID: around.Self, Size: 1, Members: []string{around.Self}, Links: []verdict.RelationLink{}, Ignored: view.ignored(),
		WorstDPD: -1, SharedBps: -1, Truncated: around.Truncated,
	}
	if view.self < 0 { // nothing is stored of the applicant itself
		return result
	}
	view.group(result)
	view.ring(result)
	view.burst(result)
	return result
}

// view is a neighbourhood with merchants by number.
type view struct {
	rules  *Rules
	around *evidence.Relations
	self   int32
	ids    []Identifier // parallel to around.Shared
	groups Groups
	member []bool // of the applicant's group
}

func newView(rules *Rules, around *evidence.Relations) *view {
	v := &view{rules: rules, around: around, self: -1}
	for i := range around.Merchants {
		if around.Merchants[i].ID == around.Self {
			v.self = int32(i)
		}
	}
	v.ids = make([]Identifier, len(around.Shared))
	for i := range around.Shared {
		shared := &around.Shared[i]
		v.ids[i] = Identifier{Kind: shared.Kind, Key: shared.Key, Degree: shared.Degree}
		for _, holder := range shared.Holders {
			if holder.At >= 0 && int(holder.At) < len(around.Merchants) {
				v.ids[i].Holders = append(v.ids[i].Holders, holder.At)
			}
		}
	}
	v.groups = Join(rules, len(around.Merchants), v.ids)
	v.member = make([]bool, len(around.Merchants))
	for i := range v.member {
		v.member[i] = v.self >= 0 && v.groups.Of[i] == v.groups.Of[v.self]
	}
	return v
}

func (v *view) ignored() []verdict.RelationIgnored {
	list := []verdict.RelationIgnored{}
	for _, kind := range slices.Sorted(maps.Keys(v.groups.Ignored)) {
		seen := v.groups.Ignored[kind]
		list = append(list, verdict.RelationIgnored{Kind: kind, Count: seen.Count, MaxDegree: seen.MaxDegree})
	}
	return list
}

// group sums up the members. Merchants stand by id, so the first member's is
// the smallest.
func (v *view) group(result *verdict.Relations) {
	result.Size, result.Members = 0, result.Members[:0]
	for i, in := range v.member {
		if !in {
			continue
		}
		merchant := &v.around.Merchants[i]
		if result.Size++; result.Size == 1 {
			result.GroupID = merchant.ID
		}
		if len(result.Members) < maxMembers {
			result.Members = append(result.Members, merchant.ID)
		}
		result.Exposure += merchant.Committed
		if int32(i) == v.self {
			continue
		}
		result.Declines += merchant.Declines30
		result.Defaults += merchant.Defaults
		if merchant.CurrentDPD > 0 || merchant.Defaults > 0 {
			result.Arrears++
		}
		if merchant.Borrowed || merchant.WorstDPD > 0 || merchant.Defaults > 0 {
			result.WorstDPD = max(result.WorstDPD, merchant.WorstDPD)
		}
	}
	for _, link := range v.groups.Joins {
		if v.member[link.A] && len(result.Links) < maxLinks {
			result.Links = append(result.Links, verdict.RelationLink{
				A: v.around.Merchants[link.A].ID, B: v.around.Merchants[link.B].ID, Kind: link.Kind,
				Weight: link.Weight, Count: link.Count, Degree: link.Degree, Ref: link.Ref[:min(len(link.Ref), refDigits)],
			})
		}
	}
}

// ring scores how closed the circle of customers in the group is: the share
// of member pairs with customers in common, times the share of the
// applicant's own orders that come from such customers, plus a fixed part for
// each member that buys from another. Two merchants alone count six tenths:
// two shops may well have regulars in common.
func (v *view) ring(result *verdict.Relations) {
	rule := v.rules.Ring
	common := map[[2]int32]int64{}
	orders := map[evidence.IdentifierKind]int64{} // of the applicant, from shared customers
	for i := range v.ids {
		if id := &v.ids[i]; id.Kind.Customer() && v.counts(id) {
			v.pairs(id, common)
			if len(v.inGroup(id)) > 1 {
				orders[id.Kind] += v.ordersOf(i, v.self)
			}
		}
	}
	result.Mutual = v.mutual()
	paired := map[int32]bool{}
	var pairs int64
	for both, count := range common {
		if count >= rule.MinShared {
			pairs++
			paired[both[0]], paired[both[1]] = true, true
		}
	}
	total := v.around.Merchants[v.self].Orders
	if total >= rule.MinOrders {
		var shared int64
		for _, count := range orders {
			shared = max(shared, count)
		}
		result.SharedBps = money.BasisPoints(min(shared*10_000/total, 10_000))
	}
	var score int64
	if paired[v.self] {
		result.RingSize = int64(len(paired))
		dense := pairs * 10_000 * 2 / (result.RingSize * (result.RingSize - 1))
		if result.RingSize == 2 {
			dense = 6_000
		}
		score = dense * min(max(int64(result.SharedBps), 0), rule.FullBps) / rule.FullBps
		score += result.Mutual * rule.MutualBps
	}
	result.RingBps = money.BasisPoints(min(score, 10_000))
}

// counts tells whether an identifier is below its kind's cap.
func (v *view) counts(id *Identifier) bool {
	rule, judged := v.rules.Kinds[id.Kind]
	return judged && id.degree() <= rule.MaxDegree
}

func (v *view) inGroup(id *Identifier) []int32 {
	var inside []int32
	for _, holder := range id.Holders {
		if v.member[holder] {
			inside = append(inside, holder)
		}
	}
	return inside
}

func (v *view) pairs(id *Identifier, common map[[2]int32]int64) {
	inside := v.inGroup(id)
	for i, a := range inside {
		for _, b := range inside[i+1:] {
			common[[2]int32{min(a, b), max(a, b)}]++
		}
	}
}

func (v *view) ordersOf(shared int, merchant int32) int64 {
	for _, holder := range v.around.Shared[shared].Holders {
		if holder.At == merchant {
			return holder.Orders
		}
	}
	return 0
}

// mutual counts members whose own device places orders, at least two, with
// another member.
func (v *view) mutual() int64 {
	owners := map[string][]int32{}
	for i := range v.ids {
		if id := &v.ids[i]; id.Kind == evidence.LinkDevice && id.degree() <= v.rules.Kinds[id.Kind].MaxDegree {
			owners[id.Key] = v.inGroup(id)
		}
	}
	buyers := map[int32]bool{}
	for i := range v.ids {
		if v.ids[i].Kind != evidence.LinkOrderDevice {
			continue
		}
		for _, shop := range v.inGroup(&v.ids[i]) {
			for _, owner := range owners[v.ids[i].Key] {
				if owner != shop && v.ordersOf(i, shop) >= 2 {
					buyers[owner] = true
				}
			}
		}
	}
	return int64(len(buyers))
}
