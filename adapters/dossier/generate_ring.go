package dossier

import (
	"loan310/app/money"
	"loan310/scoring/evidence"
)

// What a brushing ring shares among its merchants.
const (
	ringBuyers  = 14
	ringDevices = 4
	ringIPs     = 2
	ringPayers  = 5
)

// fabricate turns an order into one a ring made up: its own buyers, devices
// and payers, a high price, and a parcel that does not prove it.
func (g *Generated) fabricate(p *profile, d dice, s *sale, lastParcel string) {
	o, w, lead := &s.order, &s.waybill, p.seat.lead
	buyer := g.hash("ring buyer", lead, d.IntN(ringBuyers))
	setBuyer(o, buyer, g.oldest().Add(-days(fakeDays+10+int(mix(buyer)%40))))
	o.DeviceID = pseudonym('d', g.hash("ring device", lead, d.IntN(ringDevices)))
	o.IP = label("115.236.", 1, int(g.hash("ring net", lead)%250)) + "." + label("", 1, 10+d.IntN(ringIPs))
	o.PayerID = g.ringPayer(p, d.IntN(ringPayers))
	o.Amount = money.Amount(float64(o.Amount) * d.between(1.3, 2.3))
	o.PaidAt = o.CreatedAt.Add(d.hours(0.003, 0.03))
	o.Status = evidence.OrderCompleted
	g.send(p, d, s)
	o.ShippedAt, o.DeliveredAt = o.PaidAt.Add(d.hours(0.5, 3)), o.PaidAt.Add(d.hours(20, 40))
	if d.chance(0.85) {
		o.ReviewScore = 5
	}
	switch way := d.Float64(); {
	case way < 0.27: // a number no carrier knows
		s.sent, o.WaybillNo = false, carriers[p.index%len(carriers)]+label("9", 13, int(g.hash(o.ID)%1_000_000_000_000))
	case way < 0.45: // nothing
		s.sent, o.WaybillNo = false, ""
	case way < 0.70 && lastParcel != "": // the number of a real parcel
		s.sent, o.WaybillNo = false, lastParcel
	case way < 0.85: // a parcel bought ready-made, older than its order
		w.CreatedAt = o.CreatedAt.Add(-d.hours(30, 300))
		w.PickedUpAt = w.CreatedAt.Add(d.hours(1, 6))
		w.SignedAt = o.CreatedAt.Add(d.hours(1, 30))
		w.Destination = pick(d, places[:]).code
	default: // a real parcel with next to nothing in it
		w.WeightGrams = int32(d.whole(35, 60))
		w.Scans = 2
		w.Destination = pick(d, places[:]).code
		o.DeliveredAt = w.SignedAt
	}
}

func (g *Generated) ringPayer(p *profile, number int) string {
	return pseudonym('p', g.hash("ring payer", p.seat.lead, number))
}
