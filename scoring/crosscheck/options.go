// Package crosscheck holds a merchant's orders against parcels, buyers,
// payments and electricity and says how much of the claimed revenue is
// verified. The one rule: an order is deducted once, by its gravest finding,
// and a source that could not be read is never read as proof of a lie.
package crosscheck

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"loan310/app/money"
	"loan310/scoring/evidence"
)

// Penalty says what a finding costs of the authenticity score. With share the
// part of the paid orders (or of what the code counts) concerned, all in basis
// points, the cost is min(Max, (share - Natural) * Weight / 10,000).
type Penalty struct {
	Natural money.BasisPoints `json:"natural_bps"` // share found with honest merchants: free
	Weight  money.BasisPoints `json:"weight_bps"`
	Max     money.BasisPoints `json:"max_bps"`
}

// Rules are the strategy's part of the check. Every field must be set.
type Rules struct {
	WindowDays        int64               `json:"window_days"` // orders claimed as revenue; at most 400
	GraceDays         int64               `json:"grace_days"`  // a paid order younger than this needs no parcel yet
	ServiceCategories []string            `json:"service_categories"`
	ServiceHaircut    money.BasisPoints   `json:"service_haircut_bps"` // of revenue that ships nothing
	UnreadHaircut     money.BasisPoints   `json:"unread_haircut_bps"`  // of revenue when logistics could not be read
	MinScans          int32               `json:"min_scans"`           // below this a signed parcel is doubted
	MaxKMH            int64               `json:"max_kmh"`             // door to door, above 50 km
	PredatesMinutes   int32               `json:"predates_minutes"`    // clock slack before a parcel is older than its order
	PayerBuyers       int8                `json:"payer_buyers"`        // distinct buyers behind one payer, 2..4
	DeviceBuyers      int8                `json:"device_buyers"`       // distinct buyers behind one device, 2..4
	LinkedOrders      int32               `json:"linked_orders"`       // orders of such a group at least
	WeightMin         money.BasisPoints   `json:"weight_min_bps"`      // weighed against catalogue
	SpikeTimes        money.BasisPoints   `json:"spike_times_bps"`     // of the own base: 30,000 = three times
	SpikeMin          money.Amount        `json:"spike_min_fen"`       // a month below this is no spike
	FlatTimes         money.BasisPoints   `json:"flat_times_bps"`      // electricity below this multiple is flat
	MinOrders         int64               `json:"min_orders"`          // below this no share is judged
	BurstOrders       int32               `json:"burst_orders"`        // orders in one hour
	BurstPerBuyer     int32               `json:"burst_per_buyer"`     // orders per distinct buyer in that hour
	NewBuyerDays      int64               `json:"new_buyer_days"`      // account age at the order
	RefundSoonDays    int64               `json:"refund_soon_days"`    // after payment
	EvidenceDays      int64               `json:"evidence_days"`       // orders the tests of fabrication look at; at most 820
	BeforeMinutes     int32               `json:"before_minutes"`      // clock slack before a parcel handed over earlier than its order is a mark
	QuickPayMinutes   int32               `json:"quick_pay_minutes"`   // a payment that was not slow: hand-over before it is rare
	Transit           Transit             `json:"transit"`             // fastest believable deliveries
	LightWeight       money.BasisPoints   `json:"light_weight_bps"`    // weighed against catalogue: next to nothing
	LightGrams        int32               `json:"light_grams"`         // catalogue weight from which it is judged
	OriginShare       money.BasisPoints   `json:"origin_share_bps"`    // of the parcels, from which a region is one the merchant ships from
	BundleParcels     int32               `json:"bundle_parcels"`      // of one route in one minute, 2..255
	FreightMin        money.Amount        `json:"freight_min_fen"`     // carriage costs at least this
	DensityMax        money.Amount        `json:"density_max_fen"`     // of an order, per 100 g of its parcel, where the peer group says nothing
	RotationOrders    int32               `json:"rotation_orders"`     // of a buyer of the circle, in the window
	IPBuyers          int8                `json:"ip_buyers"`           // distinct buyers behind one address, 2..4
	RoundDays         int64               `json:"round_days"`          // between money out and money back
	RoundSlack        money.BasisPoints   `json:"round_slack_bps"`     // between the two amounts
	RoundTrips        int64               `json:"round_trips"`         // fewer say nothing
	Season            []money.BasisPoints `json:"season_bps"`          // peers' sales by calendar month against a usual one, January first; empty = none
	FlagScore         money.BasisPoints   `json:"flag_score_bps"`      // an authenticity score below it flags the merchant as a failed test does
	Tests             []Test              `json:"tests"`               // of fabrication
	Peers             []Peer              `json:"peers"`               // groups whose honest rates differ
	Penalties         map[string]Penalty  `json:"penalties"`           // by code; a code without one costs nothing
}

// Validate says what is wrong with the rules, naming the field.
func (r *Rules) Validate() error {
	share := func(bps money.BasisPoints) bool { return bps >= 0 && bps <= 10_000 }
	for _, check := range []struct {
		ok   bool
		what string
	}{
		{r.WindowDays >= 30 && r.WindowDays <= 400, "window_days: want 30 to 400"},
		{r.GraceDays >= 0 && r.GraceDays < r.WindowDays, "grace_days: want 0 to window_days"},
		{share(r.ServiceHaircut), "service_haircut_bps: want 0 to 10000"},
		{share(r.UnreadHaircut), "unread_haircut_bps: want 0 to 10000"},
		{r.MinScans >= 0, "min_scans: negative"},
		{r.MaxKMH > 0, "max_kmh: want more than 0"},
		{r.PredatesMinutes >= 0, "predates_minutes: negative"},
		{r.PayerBuyers >= 2 && r.PayerBuyers <= groupBuyers, "payer_buyers: want 2 to 4"},
		{r.DeviceBuyers >= 2 && r.DeviceBuyers <= groupBuyers, "device_buyers: want 2 to 4"},
		{r.LinkedOrders >= 2, "linked_orders: want 2 or more"},
		{share(r.WeightMin), "weight_min_bps: want 0 to 10000"},
		{r.SpikeTimes > 10_000, "spike_times_bps: want more than 10000"},
		{r.SpikeMin >= 0, "spike_min_fen: negative"},
		{r.FlatTimes > 0, "flat_times_bps: want more than 0"},
		{r.MinOrders > 0, "min_orders: want more than 0"},
		{r.BurstOrders > 0, "burst_orders: want more than 0"},
		{r.BurstPerBuyer > 0, "burst_per_buyer: want more than 0"},
		{r.NewBuyerDays >= 0, "new_buyer_days: negative"},
		{r.RefundSoonDays >= 0, "refund_soon_days: negative"},
		{r.EvidenceDays >= r.WindowDays && r.EvidenceDays <= historyDays, "evidence_days: want window_days to 820"},
		{r.BeforeMinutes >= 0, "before_minutes: negative"},
		{r.QuickPayMinutes >= 0, "quick_pay_minutes: negative"},
		{r.Transit.City >= 0 && r.Transit.Region >= r.Transit.City && r.Transit.Far >= r.Transit.Region, "transit: want 0 <= city <= region <= far"},
		{share(r.LightWeight) && r.LightWeight <= r.WeightMin, "light_weight_bps: want 0 to weight_min_bps"},
		{r.LightGrams >= 0, "light_grams: negative"},
		{share(r.OriginShare), "origin_share_bps: want 0 to 10000"},
		{r.BundleParcels >= 2 && r.BundleParcels <= 255, "bundle_parcels: want 2 to 255"},
		{r.FreightMin >= 0, "freight_min_fen: negative"},
		{r.DensityMax > 0, "density_max_fen: want more than 0"},
		{r.RotationOrders >= 2, "rotation_orders: want 2 or more"},
		{r.IPBuyers >= 2 && r.IPBuyers <= groupBuyers, "ip_buyers: want 2 to 4"},
		{r.RoundDays > 0 && r.RoundDays <= 60, "round_days: want 1 to 60"},
		{share(r.RoundSlack), "round_slack_bps: want 0 to 10000"},
		{r.RoundTrips >= 2, "round_trips: want 2 or more"},
		{share(r.FlagScore), "flag_score_bps: want 0 to 10000"},
		{len(r.Season) == 0 || len(r.Season) == 12, "season_bps: want twelve months or none"},
	} {
		if !check.ok {
			return errors.New(check.what)
		}
	}
	for month, factor := range r.Season {
		if factor < 1_000 || factor > 200_000 {
			return fmt.Errorf("season_bps[%d]: want 1000 to 200000", month)
		}
	}
	if err := r.validatePenalties(); err != nil {
		return err
	}
	return r.validateTests()
}

func (r *Rules) validatePenalties() error {
	share := func(bps money.BasisPoints) bool { return bps >= 0 && bps <= 10_000 }
	for code, penalty := range r.Penalties {
		switch {
		case !slices.Contains(Codes(), code):
			return fmt.Errorf("penalties.%s: no such code", code)
		case !share(penalty.Natural) || !share(penalty.Max) || penalty.Weight < 0 || penalty.Weight > 1_000_000:
			return fmt.Errorf("penalties.%s: want natural and max of 0 to 10000 and a weight of 0 to 1000000", code)
		}
	}
	return nil
}

// Transit gives the fewest minutes from pick-up to signature that are
// believed, by how far the parcel goes: within a city, within a region
// (province, state), or farther. Where neither end is named City counts.
type Transit struct {
	City   int32 `json:"city_minutes"`
	Region int32 `json:"region_minutes"`
	Far    int32 `json:"far_minutes"`
}

// Options are the rules and what is known of the logistics source.
type Options struct {
	Rules Rules
	// Logistics decides what a missing parcel means: with Known, Stale and
	// Empty it is missing; with Down, Withheld or nothing it is unread.
	Logistics evidence.State
	// LogisticsAsOf is up to when parcels are vouched for; the grace counts
	// back from it. Zero, or after the decision's moment: up to that moment.
	LogisticsAsOf time.Time
	// Orders and Waybills are how many rows to expect; 0 = not known. They
	// only save growing.
	Orders, Waybills int64
	// Show is how many ids to keep of each signal and of the flagged orders;
	// 0 = ten of a signal and fifty flagged orders.
	Show int
}
