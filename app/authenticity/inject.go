package authenticity

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"loan310/scoring/evidence"
)

// Kind is one way to fabricate an order.
type Kind string

// Kinds of fabrication. The order is a copy of one of the merchant's own, at
// the time of another, by a buyer of its own, with its own parcel; only what
// is said here differs.
const (
	NoWaybill      Kind = "no_waybill"       // said to be delivered, no parcel
	UnknownWaybill Kind = "unknown_waybill"  // a number no carrier knows
	Reused         Kind = "reused"           // the number of another order's parcel
	BeforePay      Kind = "before_pay"       // handed over 12 to 72 hours before payment
	NoTime         Kind = "no_time"          // signed 2 to 60 minutes after pick-up
	Speed          Kind = "speed"            // 800 to 2,500 km at 400 to 1,500 km/h
	Route          Kind = "route"            // delivered to another region than the address
	Weight         Kind = "weight"           // weighs 20 to 60 g, whatever was ordered
	ClosedGroup    Kind = "closed_group"     // real parcels, but by two buyers in turn
	BeforePaySmall Kind = "before_pay_small" // adaptive: handed over 1 to 60 minutes before payment
	PaidLate       Kind = "paid_late"        // adaptive: payment put 1 to 60 minutes after an honest hand-over
)

// Kinds lists every kind, those of the issue first, the adaptive ones last.
func Kinds() []Kind {
	return []Kind{NoWaybill, UnknownWaybill, Reused, BeforePay, NoTime, Speed, Route, Weight, ClosedGroup, BeforePaySmall, PaidLate}
}

// Plain lists the kinds that leave a trace in a single order.
func Plain() []Kind {
	return []Kind{NoWaybill, UnknownWaybill, Reused, BeforePay, NoTime, Speed, Route, Weight}
}

// ParseKinds reads names with commas between; "all" and "plain" are lists.
func ParseKinds(text string) ([]Kind, error) {
	switch text {
	case "all":
		return Kinds(), nil
	case "plain":
		return Plain(), nil
	}
	var list []Kind
	for name := range strings.SplitSeq(text, ",") {
		kind := Kind(strings.TrimSpace(name))
		if !slices.Contains(Kinds(), kind) {
			return nil, fmt.Errorf("no such kind of fabrication: %q (have all, plain, %v)", kind, Kinds())
		}
		list = append(list, kind)
	}
	return list, nil
}

// rows are a merchant's orders and parcels in memory.
type rows struct {
	orders   []evidence.Order
	waybills []evidence.Waybill
	byNumber map[string]int // waybills
	pool     []int          // honest orders to copy: delivered, with a parcel
}

// collect copies a shop's rows.
func (s *shop) collect() (*rows, error) {
	r := &rows{byNumber: map[string]int{}}
	for row, err := range s.waybills {
		if err != nil {
			return nil, fmt.Errorf("waybills of %s: %w", s.merchant, err)
		}
		r.byNumber[row.No] = len(r.waybills)
		r.waybills = append(r.waybills, *row)
	}
	for row, err := range s.orders {
		if err != nil {
			return nil, fmt.Errorf("orders of %s: %w", s.merchant, err)
		}
		if at, known := r.byNumber[row.WaybillNo]; known && row.DeliveredAt.Before(s.asOf) && !row.DeliveredAt.IsZero() && !row.PaidAt.IsZero() {
			if parcel := &r.waybills[at]; !parcel.PickedUpAt.IsZero() && !parcel.SignedAt.IsZero() {
				r.pool = append(r.pool, len(r.orders))
			}
		}
		r.orders = append(r.orders, *row)
	}
	return r, nil
}

// forger fabricates orders of one merchant. The same seed makes the same.
type forger struct {
	*rand.Rand
	rows  *rows
	asOf  time.Time
	kind  Kind
	share float64
	made  []string // ids of the fabricated orders
}

// forge gives a shop with fabricated orders added: as many as make the share
// of all, at least one. It gives nothing when there is no order to copy.
func (f *forger) forge(base *shop) (shop, bool) {
	if len(f.rows.pool) == 0 {
		return shop{}, false
	}
	forged := *base
	orders, waybills := slices.Clone(f.rows.orders), slices.Clone(f.rows.waybills)
	if f.kind == Weight {
		f.weigh(orders, waybills)
	}
	count := max(1, int(float64(len(orders))*f.share/(1-f.share)+0.5))
	for number := range count {
		order, parcel := f.copy(number)
		sent := f.apply(&order, &parcel, number)
		orders = append(orders, order)
		f.made = append(f.made, order.ID)
		if sent {
			waybills = append(waybills, parcel)
		}
	}
	slices.SortStableFunc(orders, func(a, b evidence.Order) int { return a.CreatedAt.Compare(b.CreatedAt) })
	forged.orders, forged.waybills = evidence.Slice(orders), evidence.Slice(waybills)
	return forged, true
}

// weigh gives the honest parcels a weight, which some sources do not have:
// the goods', more or less, and the box.
func (f *forger) weigh(orders []evidence.Order, waybills []evidence.Waybill) {
	for i := range orders {
		at, known := f.rows.byNumber[orders[i].WaybillNo]
		if known && orders[i].WeightGrams > 0 && waybills[at].WeightGrams == 0 {
			waybills[at].WeightGrams = int32(float64(orders[i].WeightGrams)*(0.85+0.4*f.Float64())) + 40
		}
	}
}

// between draws a duration.
func (f *forger) between(from, to time.Duration) time.Duration {
	return from + time.Duration(f.Float64()*float64(to-from)).Truncate(time.Minute)
}

// copy takes an honest order with its parcel and moves both to the time of
// another, give or take three hours.
func (f *forger) copy(number int) (evidence.Order, evidence.Waybill) {
	source := f.rows.orders[f.rows.pool[f.IntN(len(f.rows.pool))]]
	parcel := f.rows.waybills[f.rows.byNumber[source.WaybillNo]]
	var shift time.Duration
	for range 20 {
		other := f.rows.orders[f.rows.pool[f.IntN(len(f.rows.pool))]]
		moved := other.CreatedAt.Sub(source.CreatedAt) + f.between(-3*time.Hour, 3*time.Hour)
		if source.DeliveredAt.Add(moved).Before(f.asOf) && parcel.SignedAt.Add(moved).Before(f.asOf) {
			shift = moved
			break
		}
	}
	for _, at := range []*time.Time{
		&source.CreatedAt, &source.PaidAt, &source.ShippedAt, &source.DeliveredAt,
		&parcel.CreatedAt, &parcel.PickedUpAt, &parcel.SignedAt,
	} {
		if !at.IsZero() {
			*at = at.Add(shift)
		}
	}
	source.Refund, source.RefundedAt = 0, time.Time{}
	source.ID = fmt.Sprintf("%016x%016x", f.Uint64(), f.Uint64())
	parcel.No, parcel.OrderID = fmt.Sprintf("WB-%s", source.ID), source.ID
	source.WaybillNo = parcel.No
	f.stranger(&source, fmt.Sprintf("%016x%04d", f.Uint64(), number))
	return source, parcel
}

// stranger makes the order another person's.
func (f *forger) stranger(order *evidence.Order, name string) {
	order.BuyerID = "x" + name
	for _, field := range []*string{&order.DeviceID, &order.PayerID, &order.IP} {
		if *field != "" {
			*field = "x" + name
		}
	}
}

// apply forges the trait and says whether there is a parcel of its own.
func (f *forger) apply(order *evidence.Order, parcel *evidence.Waybill, number int) bool {
	switch f.kind {
	case NoWaybill:
		order.WaybillNo = ""
		return false
	case UnknownWaybill:
		return false
	case Reused:
		order.WaybillNo = f.rows.orders[f.rows.pool[f.IntN(len(f.rows.pool))]].WaybillNo
		return false
	case BeforePay:
		f.handOver(order, parcel, order.PaidAt.Add(-f.between(12*time.Hour, 72*time.Hour)))
	case BeforePaySmall:
		f.handOver(order, parcel, order.PaidAt.Add(-f.between(time.Minute, time.Hour)))
	case PaidLate:
		order.PaidAt = parcel.PickedUpAt.Add(f.between(time.Minute, time.Hour))
	case NoTime:
		f.sign(order, parcel, f.between(2*time.Minute, time.Hour))
	case Speed:
		parcel.DistanceKM = 800 + f.Int32N(1_701)
		speed := 400 + 1_100*f.Float64()
		f.sign(order, parcel, time.Duration(float64(parcel.DistanceKM)/speed*float64(time.Hour)).Truncate(time.Minute))
	case Route:
		parcel.Destination = f.elsewhere(order.ShipTo)
	case Weight:
		parcel.WeightGrams = 20 + f.Int32N(41)
	case ClosedGroup:
		f.stranger(order, fmt.Sprintf("circle%d", number%2))
	}
	return true
}

func (f *forger) handOver(order *evidence.Order, parcel *evidence.Waybill, at time.Time) {
	if !parcel.CreatedAt.IsZero() && parcel.CreatedAt.After(at) {
		parcel.CreatedAt = at
	}
	parcel.PickedUpAt, order.ShippedAt = at, at
}

func (f *forger) sign(order *evidence.Order, parcel *evidence.Waybill, after time.Duration) {
	parcel.SignedAt = parcel.PickedUpAt.Add(after)
	order.DeliveredAt = parcel.SignedAt
}

// elsewhere gives the address of another of the merchant's orders that lies in
// another region, or a made-up one.
func (f *forger) elsewhere(address string) string {
	for range 50 {
		other := f.rows.orders[f.rows.pool[f.IntN(len(f.rows.pool))]].ShipTo
		if len(other) >= 2 && len(address) >= 2 && other[:2] != address[:2] {
			return other
		}
	}
	return "ZZ/elsewhere/0"
}
