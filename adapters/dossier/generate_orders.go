package dossier

import (
	"math"
	"slices"
	"time"

	"loan310/app/money"
	"loan310/scoring/evidence"
)

// sale is an order and, when sent, its parcel.
type sale struct {
	order      evidence.Order
	waybill    evidence.Waybill
	sent       bool // the carrier knows the parcel
	fabricated bool
}

// slot is a moment of the day at which an order comes in.
type slot struct {
	at   time.Time
	fake bool
}

// sales walks a merchant's orders by time; visit returns false to stop. One
// day is in memory at a time.
func (g *Generated) sales(p *profile, visit func(*sale) bool) {
	var s sale
	lastParcel := ""
	for i, count := range g.plan(p) {
		if count.honest+count.fake == 0 {
			continue
		}
		d := g.dice("day", p.index, i)
		for n, slot := range daySlots(d, p.start.AddDate(0, 0, i), count) {
			s = sale{fabricated: slot.fake}
			s.order.ID = label("O", 5, p.index+1, i, n)
			s.order.CreatedAt = slot.at
			s.waybill.No = carriers[p.index%len(carriers)] + label("", 5, p.index+1) + label("", 3, i) + label("", 5, n)
			g.fillBasket(p, d, &s)
			if slot.fake {
				g.fabricate(p, d, &s, lastParcel)
			} else {
				g.fulfil(p, d, &s)
			}
			p.hideFuture(&s)
			if s.sent && !s.fabricated {
				lastParcel = s.waybill.No
			}
			if !visit(&s) {
				return
			}
		}
	}
}

func daySlots(d dice, day time.Time, count dayOrders) []slot {
	slots := make([]slot, 0, count.honest+count.fake)
	for range count.honest {
		slots = append(slots, slot{at: orderTime(d, day)})
	}
	// A ring works at night in China (17 to 20 UTC), within minutes.
	burst := day.Add(d.hours(17, 20))
	for range count.fake {
		at := burst.Add(d.hours(0, 0.3))
		if d.chance(0.25) {
			at = orderTime(d, day)
		}
		slots = append(slots, slot{at: at, fake: true})
	}
	slices.SortStableFunc(slots, func(a, b slot) int { return a.at.Compare(b.at) })
	return slots
}

// fillBasket decides what is bought, by whom and for where.
func (g *Generated) fillBasket(p *profile, d dice, s *sale) {
	o := &s.order
	o.Items = 1
	for o.Items < 4 && d.chance(0.2) {
		o.Items++
	}
	price := d.lognormal(p.trade.price*100, p.trade.spread)
	o.Amount = money.Amount(math.Max(500, price))
	if d.chance(0.4) {
		o.Freight = money.Amount(d.whole(6, 14)) * money.Yuan
		o.Amount += o.Freight
	}
	o.WeightGrams = int32(math.Max(20, p.trade.grams*math.Sqrt(price/(p.trade.price*100))*d.between(0.9, 1.1)))
	o.Category = p.trade.category
	o.ShipTo = pick(d, places[:]).code
	g.honestBuyer(p, d, o)
	if d.chance(0.02) {
		o.ShipTo = ""
	}
	if d.chance(0.03) {
		o.DeviceID, o.IP = "", ""
	}
	if d.chance(0.02) {
		o.WeightGrams = 0
	}
}

// honestBuyer draws one of the shop's customers; the first ones come most
// often, and a few are shared with other shops.
func (g *Generated) honestBuyer(p *profile, d dice, o *evidence.Order) {
	base := max(8, p.honest*7/10)
	buyer := g.hash("buyer", p.index, int(float64(base)*math.Pow(d.Float64(), 1.5)))
	if d.chance(0.015) {
		buyer = g.hash("everybody", d.IntN(5000))
	}
	setBuyer(o, buyer, g.oldest().Add(-days(windowDays+1+int(mix(buyer)%2500))))
}

func setBuyer(o *evidence.Order, buyer uint64, since time.Time) {
	o.BuyerID = pseudonym('b', buyer)
	o.BuyerSince = since
	o.DeviceID = pseudonym('d', mix(buyer+1))
	o.PayerID = pseudonym('p', mix(buyer+2))
	home := mix(buyer + 3)
	o.IP = label("112.", 1, int(home>>8&127)) + "." + label("", 1, int(home>>16&255)) + "." + label("", 1, int(home>>24&255))
}

// fulfil is the honest life of an order: a few are cancelled, a few go out
// without a parcel, a few come back.
func (g *Generated) fulfil(p *profile, d dice, s *sale) {
	o := &s.order
	o.Status = evidence.OrderCompleted
	paid := o.CreatedAt.Add(d.hours(0.005, 0.2))
	switch fate := d.Float64(); {
	case fate < 0.012:
		o.Status = evidence.OrderCancelled
		return
	case fate < 0.024:
		o.Status, o.PaidAt = evidence.OrderCancelled, paid
		o.Refund, o.RefundedAt = o.Amount, paid.Add(d.hours(0.2, 20))
		return
	}
	o.PaidAt = paid
	g.send(p, d, s)
	o.DeliveredAt = s.waybill.SignedAt
	o.ShippedAt = s.waybill.CreatedAt
	if d.chance(0.012) {
		// Handed over in person: delivered, and no carrier knows it.
		s.sent, o.WaybillNo = false, ""
	}
	if d.chance(0.03) {
		o.Status, o.Refund, o.RefundedAt = evidence.OrderRefunded, o.Amount, o.DeliveredAt.Add(d.hours(20, 190))
		if d.chance(0.3) {
			o.Refund = o.Amount / 2
		}
	} else if d.chance(0.5) {
		o.ReviewScore = []int32{5, 5, 5, 5, 5, 5, 4, 4, 3, 2, 1}[d.IntN(11)]
	}
}

// send draws up the parcel and its route.
func (g *Generated) send(p *profile, d dice, s *sale) {
	o, w := &s.order, &s.waybill
	s.sent = true
	o.WaybillNo, w.OrderID, w.Carrier = w.No, o.ID, carriers[p.index%len(carriers)]
	w.Status = evidence.WaybillSigned
	w.CreatedAt = o.PaidAt.Add(d.hours(0.5, 26))
	w.PickedUpAt = w.CreatedAt.Add(d.hours(0.5, 9))
	w.Origin, w.Destination = p.city.code, o.ShipTo
	distance := 300.0
	if to, ok := cityOf(o.ShipTo); ok {
		distance = roadKM(p.city, to)
		w.DistanceKM = int32(distance)
	}
	w.SignedAt = w.PickedUpAt.Add(hours((14 + distance/28) * d.between(0.85, 1.5)))
	catalogue := float64(o.WeightGrams)
	if catalogue == 0 {
		catalogue = p.trade.grams
	}
	w.WeightGrams = int32(catalogue*d.between(0.93, 1.08)) + 60
	w.Freight = money.Amount(280+w.WeightGrams/1000*90) + money.Amount(distance/10)
	w.Scans = int32(d.whole(4, 6) + int(distance)/500)
	if d.chance(0.01) {
		w.Scans = -1
	}
}

// hideFuture takes out what had not happened when the merchant applied.
func (p *profile) hideFuture(s *sale) {
	o, w := &s.order, &s.waybill
	later := func(moment time.Time) bool { return moment.After(p.applied) }
	if later(o.RefundedAt) {
		o.Refund, o.RefundedAt = 0, time.Time{}
		if o.Status == evidence.OrderCancelled {
			o.Status = evidence.OrderPaid
		} else {
			o.Status = evidence.OrderDelivered
		}
	}
	if o.Status == evidence.OrderCompleted && p.applied.Sub(o.DeliveredAt) < days(7) {
		o.Status, o.ReviewScore = evidence.OrderDelivered, 0
	}
	if later(o.DeliveredAt) {
		o.Status, o.DeliveredAt = evidence.OrderShipped, time.Time{}
	}
	if later(o.ShippedAt) {
		o.Status, o.ShippedAt, o.WaybillNo = evidence.OrderPaid, time.Time{}, ""
	}
	if later(o.PaidAt) {
		o.Status, o.PaidAt = evidence.OrderCreated, time.Time{}
	}
	if later(w.SignedAt) {
		w.Status, w.SignedAt = evidence.WaybillInTransit, time.Time{}
	}
	if later(w.PickedUpAt) {
		w.Status, w.PickedUpAt, w.Scans = evidence.WaybillCreated, time.Time{}, 0
	}
	if later(w.CreatedAt) {
		s.sent = false
	}
}

func cityOf(code string) (place, bool) {
	for _, city := range places {
		if city.code == code {
			return city, true
		}
	}
	return place{}, false
}

// roadKM is the distance over the sphere and a fifth for the roads; within a
// city 12 km.
func roadKM(from, to place) float64 {
	const degree = math.Pi / 180
	north := (to.lat - from.lat) * 111.2
	east := (to.lon - from.lon) * 111.2 * math.Cos((from.lat+to.lat)/2*degree)
	return 12 + 1.2*math.Hypot(north, east)
}
