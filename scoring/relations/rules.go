// Package relations finds who a merchant is connected with: groups joined by
// shared identifiers, closed rings of customers, and bursts of applications
// that look alike. The one rule: what many merchants share connects nobody;
// an identifier weighs less the more carry it, and nothing above its cap.
package relations

import (
	"errors"
	"fmt"
	"slices"

	"loan310/app/money"
	"loan310/scoring/evidence"
)

// Rules is how connections are judged: strategy data.
type Rules struct {
	// JoinWeight is the weight two merchants must share to be one group.
	JoinWeight int64 `json:"join_weight"`
	// Kinds says what an identifier of each kind weighs. A kind that is not
	// named joins nobody.
	Kinds map[evidence.IdentifierKind]KindRule `json:"kinds"`
	Group GroupRule                            `json:"group"`
	Ring  RingRule                             `json:"ring"`
	Burst BurstRule                            `json:"burst"`
}

// KindRule weighs one kind of identifier.
type KindRule struct {
	Weight int64 `json:"weight"`
	// FreeDegree is how many merchants may carry an identifier before it
	// weighs less: above, Weight * FreeDegree / degree.
	FreeDegree int64 `json:"free_degree"`
	// MaxDegree is the most merchants of an identifier that still connects
	// them; above, it is recorded as ignored.
	MaxDegree int64 `json:"max_degree"`
	// MaxTotal bounds what several identifiers of the kind weigh together
	// between two merchants; 0 = no bound.
	MaxTotal int64 `json:"max_total,omitempty"`
}

// GroupRule bounds what a group may owe together.
type GroupRule struct {
	Limit     money.Amount `json:"limit_fen"`      // standard lane
	ThinLimit money.Amount `json:"thin_limit_fen"` // thin-file lane
	// OnExcess is what becomes of lines when merchants that hold them turn out
	// to be connected and are committed to more than the limit; empty = Lower.
	OnExcess Excess `json:"on_excess,omitempty"`
}

// Excess is what is done about a group that is committed to too much.
type Excess string

// What to do about an excess.
const (
	Lower  Excess = "lower"  // take it off limits that are not drawn, the line accepted last first
	Freeze Excess = "freeze" // no member draws until staff look at it
	Alert  Excess = "alert"  // tell staff, change nothing
)

// Or gives what is done: Lower where nothing is said.
func (e Excess) Or() Excess {
	if e == "" {
		return Lower
	}
	return e
}

// RingRule says when customers shared among merchants look like a ring.
type RingRule struct {
	MinShared int64 `json:"min_shared"` // customers' identifiers two merchants must share to count as a pair
	FullBps   int64 `json:"full_bps"`   // share of a merchant's orders from shared customers that gives the full score
	MutualBps int64 `json:"mutual_bps"` // added for each member that buys from another
	MinOrders int64 `json:"min_orders"` // orders below which a merchant's share says nothing
}

// BurstRule says when applications that look alike are a burst.
type BurstRule struct {
	Min        int64 `json:"min"`         // merchants within 72 hours with one device, address or phone
	MinIP      int64 `json:"min_ip"`      // with one IP
	MinPattern int64 `json:"min_pattern"` // with one amount, purpose, industry and region
	Times      int64 `json:"times"`       // as many times what the last 90 days let expect
}

// maxWeight keeps sums of weights far from overflow.
const maxWeight = 1_000_000

// Validate refuses rules that cannot be used, naming the field.
func (r *Rules) Validate() error {
	if r.JoinWeight <= 0 || r.JoinWeight > maxWeight {
		return errors.New("join_weight: want 1 to 1000000")
	}
	for kind, rule := range r.Kinds {
		if !known(kind) {
			return fmt.Errorf("kinds.%s: no such kind", kind)
		}
		switch {
		case kind == evidence.LinkPattern:
			return errors.New("kinds.pattern: a pattern connects nobody; give it no weight")
		case rule.Weight <= 0 || rule.Weight > maxWeight:
			return fmt.Errorf("kinds.%s.weight: want 1 to 1000000", kind)
		case rule.FreeDegree < 2 || rule.MaxDegree < rule.FreeDegree:
			return fmt.Errorf("kinds.%s: want 2 <= free_degree <= max_degree", kind)
		case rule.MaxDegree > evidence.MaxHolders:
			return fmt.Errorf("kinds.%s.max_degree: at most %d are read", kind, evidence.MaxHolders)
		case rule.MaxTotal < 0 || rule.MaxTotal > maxWeight:
			return fmt.Errorf("kinds.%s.max_total: want 0 to 1000000", kind)
		}
	}
	switch {
	case r.Group.Limit <= 0 || r.Group.ThinLimit <= 0:
		return errors.New("group: want limit_fen and thin_limit_fen above 0")
	case !slices.Contains([]Excess{Lower, Freeze, Alert}, r.Group.OnExcess.Or()):
		return fmt.Errorf("group.on_excess: %q is none of lower, freeze, alert", r.Group.OnExcess)
	case r.Ring.MinShared <= 0 || r.Ring.FullBps <= 0 || r.Ring.FullBps > 10_000 || r.Ring.MutualBps < 0 || r.Ring.MutualBps > 10_000 || r.Ring.MinOrders <= 0:
		return errors.New("ring: want min_shared and min_orders above 0, full_bps 1 to 10000, mutual_bps 0 to 10000")
	case r.Burst.Min < 2 || r.Burst.MinIP < 2 || r.Burst.MinPattern < 2 || r.Burst.Times < 1:
		return errors.New("burst: want min, min_ip, min_pattern of 2 or more and times of 1 or more")
	}
	return nil
}

func known(kind evidence.IdentifierKind) bool {
	return slices.Contains(evidence.IdentifierKinds[:], kind)
}

// weigh gives what one identifier weighs between two of its carriers: 0 above
// the cap.
func (k KindRule) weigh(degree int64) int64 {
	switch {
	case degree < 2 || degree > k.MaxDegree:
		return 0
	case degree <= k.FreeDegree:
		return k.Weight
	default:
		return k.Weight * k.FreeDegree / degree
	}
}
