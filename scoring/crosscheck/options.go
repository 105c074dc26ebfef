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

// Codes of deductions and signals, gravest first: an order with several
// findings is deducted by the first of them.
const (
	CodeReused      = "waybill_reused"      // one parcel for orders of different buyers
	CodeForeign     = "waybill_foreign"     // the carrier knows the parcel under another order
	CodeLinked      = "buyers_linked"       // one payer or device behind many buyers
	CodeVoid        = "waybill_void"        // cancelled or returned, the money kept
	CodePredates    = "waybill_predates"    // the parcel is older than the order
	CodeTooFast     = "delivery_impossible" // signed before pick-up, or faster than anything drives
	CodeMissing     = "waybill_missing"     // paid, past the grace, no parcel
	CodeWeight      = "weight_mismatch"     // weighs a fraction of the catalogue weight
	CodeFewScans    = "scans_too_few"       // signed with hardly a scan on the way
	CodeBeforePaid  = "handover_before_pay" // handed over before payment, above the natural share
	CodePending     = "shipment_pending"    // paid too recently to have a parcel
	CodeService     = "service_unproven"    // nothing to ship; part of it is taken
	CodeUnverified  = "logistics_unread"    // logistics could not be read: haircut
	CodeRefunded    = "refunded"            // paid back
	CodeSpike       = "spike_unmatched"     // sales far above the own base that nothing bears out
	CodeFlat        = "utilities_flat"      // sales multiplied, electricity did not
	CodeConcentrate = "buyers_concentrated" // few buyers make most of the revenue
	CodeNewBuyers   = "buyers_new"          // accounts opened just before ordering
	CodeBurst       = "orders_burst"        // many orders an hour from hardly any buyers
	CodeNight       = "night_burst"         // bursts in hours the shop is otherwise quiet
	CodeRefundSoon  = "refunds_soon"        // money goes back soon after it came
)

// Codes lists every code, deductions in order of gravity first.
func Codes() []string {
	return []string{
		CodeReused, CodeForeign, CodeLinked, CodeVoid, CodePredates, CodeTooFast, CodeMissing, CodeWeight, CodeFewScans,
		CodeBeforePaid, CodePending, CodeService, CodeUnverified, CodeRefunded, CodeSpike, CodeFlat, CodeConcentrate,
		CodeNewBuyers, CodeBurst, CodeNight, CodeRefundSoon,
	}
}

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
	WindowDays        int64              `json:"window_days"` // orders claimed as revenue; at most 400
	GraceDays         int64              `json:"grace_days"`  // a paid order younger than this needs no parcel yet
	ServiceCategories []string           `json:"service_categories"`
	ServiceHaircut    money.BasisPoints  `json:"service_haircut_bps"` // of revenue that ships nothing
	UnreadHaircut     money.BasisPoints  `json:"unread_haircut_bps"`  // of revenue when logistics could not be read
	MinScans          int32              `json:"min_scans"`           // below this a signed parcel is doubted
	MaxKMH            int64              `json:"max_kmh"`             // door to door, above 50 km
	PredatesMinutes   int32              `json:"predates_minutes"`    // clock slack before a parcel is older than its order
	PayerBuyers       int8               `json:"payer_buyers"`        // distinct buyers behind one payer, 2..4
	DeviceBuyers      int8               `json:"device_buyers"`       // distinct buyers behind one device, 2..4
	LinkedOrders      int32              `json:"linked_orders"`       // orders of such a group at least
	WeightMin         money.BasisPoints  `json:"weight_min_bps"`      // weighed against catalogue
	SpikeTimes        money.BasisPoints  `json:"spike_times_bps"`     // of the own base: 30,000 = three times
	SpikeMin          money.Amount       `json:"spike_min_fen"`       // a month below this is no spike
	FlatTimes         money.BasisPoints  `json:"flat_times_bps"`      // electricity below this multiple is flat
	MinOrders         int64              `json:"min_orders"`          // below this no share is judged
	BurstOrders       int32              `json:"burst_orders"`        // orders in one hour
	BurstPerBuyer     int32              `json:"burst_per_buyer"`     // orders per distinct buyer in that hour
	NewBuyerDays      int64              `json:"new_buyer_days"`      // account age at the order
	RefundSoonDays    int64              `json:"refund_soon_days"`    // after payment
	Penalties         map[string]Penalty `json:"penalties"`           // by code; a code without one costs nothing
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
	} {
		if !check.ok {
			return errors.New(check.what)
		}
	}
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
}
