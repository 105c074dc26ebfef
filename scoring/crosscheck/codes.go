package crosscheck

// Codes of deductions and signals, gravest first: an order with several
// findings is deducted by the first of them.
const (
	CodeReused      = "waybill_reused"      // one parcel for orders of different buyers
	CodeForeign     = "waybill_foreign"     // the carrier knows the parcel under another order
	CodeFunded      = "payer_funded"        // the merchant's own account pays the payer, or is the payer
	CodeLinked      = "buyers_linked"       // one payer or device behind many buyers
	CodeVoid        = "waybill_void"        // cancelled or returned, the money kept
	CodePredates    = "waybill_predates"    // the parcel is older than the order
	CodeTooFast     = "delivery_impossible" // signed before pick-up, or sooner than anything drives
	CodeMissing     = "waybill_missing"     // paid, past the grace, no parcel
	CodeWeight      = "weight_mismatch"     // weighs a fraction of the catalogue weight
	CodeFewScans    = "scans_too_few"       // signed with hardly a scan on the way
	CodeDestination = "destination_away"    // delivered to another region than the order's address
	CodeOrigin      = "origin_away"         // picked up in a region the merchant hardly ships from
	CodeBundle      = "route_bundled"       // many parcels of one route picked up in the same minute
	CodeDensity     = "value_too_dense"     // dearer a gram than the goods of the trade
	CodeFreight     = "freight_below_cost"  // carried for less than carriage costs
	CodeBeforePaid  = "handover_before_pay" // handed over before payment, above the natural share
	CodePending     = "shipment_pending"    // paid too recently to have a parcel
	CodeService     = "service_unproven"    // nothing to ship; part of it is taken
	CodeUnverified  = "logistics_unread"    // logistics could not be read: haircut
	CodeRefunded    = "refunded"            // paid back
	CodeSpike       = "spike_unmatched"     // sales far above the own base that nothing bears out
	CodeRoundTrip   = "money_round_trip"    // paid out and soon back as sales
	CodeFabricated  = "orders_fabricated"   // more marks of fabrication than chance gives an honest shop
	CodeFlat        = "utilities_flat"      // sales multiplied, electricity did not
	CodeUnbanked    = "sales_unbanked"      // far more sold than the bank account received
	CodeConcentrate = "buyers_concentrated" // few buyers make most of the revenue
	CodeRotation    = "buyers_rotating"     // a small circle of buyers orders again and again
	CodeSharedIP    = "buyers_share_ip"     // many buyers behind one network address
	CodeNewBuyers   = "buyers_new"          // accounts opened just before ordering
	CodeConstWeight = "weights_constant"    // parcels weigh the same whatever was ordered
	CodeBurst       = "orders_burst"        // many orders an hour from hardly any buyers
	CodeNight       = "night_burst"         // bursts in hours the shop is otherwise quiet
	CodeRefundSoon  = "refunds_soon"        // money goes back soon after it came
)

// Codes lists every code, deductions in order of gravity first.
func Codes() []string {
	return []string{
		CodeReused, CodeForeign, CodeFunded, CodeLinked, CodeVoid, CodePredates, CodeTooFast, CodeMissing, CodeWeight, CodeFewScans,
		CodeDestination, CodeOrigin, CodeBundle, CodeDensity, CodeFreight, CodeBeforePaid, CodePending, CodeService, CodeUnverified,
		CodeRefunded, CodeSpike, CodeRoundTrip, CodeFabricated, CodeFlat, CodeUnbanked, CodeConcentrate, CodeRotation, CodeSharedIP,
		CodeNewBuyers, CodeConstWeight, CodeBurst, CodeNight, CodeRefundSoon,
	}
}

// Findings of one order as bits, gravest lowest, in the order of Codes: an
// order is deducted by its lowest bit below findingCount.
const (
	findReused uint32 = 1 << iota
	findForeign
	findFunded
	findLinked
	findVoid
	findPredates
	findTooFast
	findMissing
	findWeight
	findFewScans
	findDestination
	findOrigin
	findBundle
	findDensity
	findFreight
	findBeforePaid
	findPending
	findingCount = 17
)

// Marks are findings that deduct nothing: the tests of fabrication and the
// signals about the whole count them.
const (
	markShipped     uint32 = findPending << (iota + 1) // said to be shipped, and no carrier knows a parcel
	markStuck                                          // paid, past the grace, never said to be shipped
	markBeforeOrder                                    // on its way before the order was made
	markNoTime                                         // signed sooner than the route allows, however measured
	markAtOnce                                         // picked up and signed in one minute: perhaps stamped late
	markQuickPaid                                      // handed over before a payment that took at most QuickPayMinutes
	markLight                                          // weighs next to nothing
	markRepeat                                         // of a buyer who had bought here before
	markSharedIP                                       // of a network address with many buyers
	markRefundSoon                                     // money back soon after it came
	markNewBuyer                                       // account opened just before
	markService                                        // ships nothing
	markOutside                                        // older than the window: no revenue, yet evidence
)

const (
	// deducting are the bits an order can be deducted by.
	deducting = 1<<findingCount - 1
	// disproved are findings that leave an order without a parcel of its own.
	disproved = findMissing | findReused | findForeign | findVoid | findPredates | findTooFast
	// natural marks findings of which honest merchants have a share: only what
	// lies above it is deducted, and a single order never counts (one in a
	// shop's ten orders says nothing).
	natural = findBeforePaid | findWeight | findFewScans | findPredates | findTooFast | findVoid |
		findDestination | findOrigin | findBundle | findDensity | findFreight
)
