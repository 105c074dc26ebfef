package features

import (
	"time"

	"loan310/scoring/evidence"
)

// parcelSums gathers waybills.
type parcelSums struct {
	rows             int64
	oldest           int64
	last90, before90 int64
	year, returned   int64
	mature, signed   int64
	weeks            [shippingDays / 7]bool
	hours            [deliveryCap + 1]int64 // signed parcels by hours on the way
	timed            int64
	routes           routes
}

// routes gathers where parcels of the year go, with whom and how smoothly.
type routes struct {
	last30, returned90 int64
	byWeek             [52]int64
	settled, lost      int64 // old enough to have arrived; of them, gone
	destinations       cells
	carriers           cells
	km, measured       int64
	freight, paid      int64
	waited, picked     int64 // hours from making to pick-up
}

const lostDays = 30 // a parcel this old that has not arrived will not

// add takes a parcel of the year made so many days ago.
func (r *routes) add(waybill *evidence.Waybill, at int64, returned, arrived bool, asOf time.Time) {
	if at < 30 {
		r.last30++
	}
	if at < 90 && returned {
		r.returned90++
	}
	if at < int64(len(r.byWeek))*7 {
		r.byWeek[at/7]++
	}
	if at >= lostDays {
		r.settled++
		if !arrived && !returned && waybill.Status != evidence.WaybillCancelled {
			r.lost++
		}
	}
	r.destinations.add(waybill.Destination, 1)
	r.carriers.add(waybill.Carrier, 1)
	if waybill.DistanceKM > 0 {
		r.km, r.measured = r.km+int64(waybill.DistanceKM), r.measured+1
	}
	if waybill.Freight > 0 {
		r.freight, r.paid = r.freight+int64(waybill.Freight), r.paid+1
	}
	addHours(&r.waited, &r.picked, waybill.CreatedAt, waybill.PickedUpAt, asOf, handOverCap)
}

func (r *routes) write(out writer, parcels *parcelSums) {
	out.set(Waybills30, r.last30)
	out.set(Waybills365, parcels.year)
	var weeks, shipped int64
	for k, count := range r.byWeek {
		if count > 0 {
			weeks++
		}
		if k < shippingDays/7 {
			shipped += count
		}
	}
	out.set(ActiveWeeksYear, weeks)
	out.setIf(parcels.oldest >= shippingDays && shipped >= shippingDays/7, WaybillVolatility, volatility(r.byWeek[:shippingDays/7]))
	out.setIf(r.settled > 0, LostRate, ratio(r.lost, max(r.settled, 1)))
	out.setIf(parcels.last90 > 0, ReturnRate90, ratio(r.returned90, max(parcels.last90, 1)))
	out.setIf(parcels.timed > 0, DeliveryP90, parcels.quantile(9, 10))
	out.setIf(r.picked > 0, PickupDelay, mean(r.waited, r.picked))
	if named := r.destinations.named; named > 0 && named*5 >= parcels.year*4 {
		out.set(Destinations, r.destinations.distinct())
		out.set(DestinationHHI, r.destinations.hhi())
	}
	out.setIf(r.carriers.named > 0, Carriers, r.carriers.distinct())
	out.setIf(r.measured > 0, DistanceMean, mean(r.km, r.measured))
	out.setIf(r.paid > 0, FreightMean, mean(r.freight, r.paid))
}

// AddWaybill takes one parcel.
func (c *Collector) AddWaybill(waybill *evidence.Waybill) {
	made := waybill.CreatedAt
	if made.IsZero() {
		made = waybill.PickedUpAt
	}
	if made.IsZero() {
		made = waybill.SignedAt
	}
	at, known := c.days(made)
	if !known {
		return
	}
	sums := &c.parcels
	sums.rows++
	sums.oldest = max(sums.oldest, at)
	switch {
	case at < 90:
		sums.last90++
	case at < 180:
		sums.before90++
	}
	if at < shippingDays {
		sums.weeks[at/7] = true
	}
	if at >= yearDays {
		return
	}
	sums.year++
	ahead := waybill.PickedUpAt.After(c.asOf) || waybill.SignedAt.After(c.asOf)
	returned := waybill.Status == evidence.WaybillReturned && !ahead
	if returned {
		sums.returned++
	}
	_, arrived := c.days(waybill.SignedAt)
	arrived = arrived || waybill.Status == evidence.WaybillSigned && waybill.SignedAt.IsZero()
	if at >= matureDays {
		sums.mature++
		if arrived {
			sums.signed++
		}
	}
	if arrived && !waybill.SignedAt.IsZero() && !waybill.PickedUpAt.IsZero() && !waybill.SignedAt.Before(waybill.PickedUpAt) {
		sums.hours[min(waybill.SignedAt.Sub(waybill.PickedUpAt)/time.Hour, deliveryCap)]++
		sums.timed++
	}
	sums.routes.add(waybill, at, returned, arrived, c.asOf)
}

func (s *parcelSums) write(out writer) {
	out.setIf(s.rows > 0, LogisticsAge, s.oldest)
	out.set(Waybills90, s.last90)
	out.setIf(s.mature > 0, SignRate, ratio(s.signed, max(s.mature, 1)))
	out.setIf(s.year > 0, ReturnRate, ratio(s.returned, max(s.year, 1)))
	out.setIf(s.timed > 0, MedianDelivery, s.quantile(1, 2))
	var weeks int64
	for _, active := range s.weeks {
		if active {
			weeks++
		}
	}
	out.set(ActiveWeeks, weeks)
	out.setIf(s.before90 > 0, WaybillGrowth, ratio(s.last90, max(s.before90, 1)))
	s.routes.write(out, s)
}

// quantile gives the least hours on the way that part/whole of the parcels
// did not pass.
func (s *parcelSums) quantile(part, whole int64) int64 {
	var seen int64
	for at, count := range s.hours {
		if seen += count; count > 0 && seen*whole >= s.timed*part {
			return int64(at)
		}
	}
	return 0
}
