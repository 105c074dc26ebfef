package crosscheck

import (
	"math"

	"loan310/scoring/evidence"
)

// parcel is what is kept of a waybill, in 36 bytes. Ages are minutes before
// the decision.
type parcel struct {
	order         halves // the declared one, hashed
	start, picked int32  // made, picked up or signed: the first that was said; picked up
	weight        int32
	owner, first  int32  // the sale it was declared for; the first that named it
	route         uint32 // both cities, hashed; 0 = not said
	region        uint16 // of the destination
	origin        uint8  // number of the origin's region
	told          told
}

// told is what the parcel alone tells, in a byte: how far it goes and findings.
type told uint8

// The parts of told.
const (
	toldTier told = 3 // how far it goes
	toldVoid told = 2 << iota
	toldFreight
	toldTooFast
	toldAtOnce
	toldFewScans
)

func (t told) tier() uint8 { return uint8(t & toldTier) }

// findings gives those of a parcel's own, but for toldAtOnce: what that means
// the order decides.
func (t told) findings() (found uint32) {
	if t&^(toldTier|toldAtOnce) == 0 {
		return 0
	}
	if t&toldVoid != 0 {
		found |= findVoid
	}
	if t&toldFreight != 0 {
		found |= findFreight
	}
	if t&toldTooFast != 0 {
		found |= findTooFast | markNoTime
	}
	if t&toldFewScans != 0 {
		found |= findFewScans
	}
	return found
}

// How far a parcel goes.
const (
	tierCity = iota
	tierRegion
	tierFar
)

// fastest gives the fewest believable minutes of a tier.
func (t Transit) fastest(tier uint8) int32 { return [...]int32{t.City, t.Region, t.Far}[tier] }

// origins counts parcels by the region they come from.
type origins struct {
	regions []uint16
	parcels []int64
}

// noOrigin is the number of an origin that was not said, or one too many.
const noOrigin = math.MaxUint8

func (o *origins) count(region uint16) uint8 {
	if region == 0 {
		return noOrigin
	}
	for i, known := range o.regions {
		if known == region {
			o.parcels[i]++
			return uint8(i)
		}
	}
	if len(o.regions) == noOrigin {
		return noOrigin
	}
	o.regions, o.parcels = append(o.regions, region), append(o.parcels, 1)
	return uint8(len(o.regions) - 1) //nolint:gosec // fewer than 255
}

// away says of each origin whether the merchant hardly ships from there: fewer
// than three parcels or less than the share, where another region has most.
func (o *origins) away(rules *Rules) [noOrigin + 1]bool {
	var away [noOrigin + 1]bool
	var total, most int64
	for _, parcels := range o.parcels {
		total, most = total+parcels, max(most, parcels)
	}
	if most*2 <= total {
		return away
	}
	for i, parcels := range o.parcels {
		away[i] = parcels < most && (parcels < 3 || parcels*10_000 < int64(rules.OriginShare)*total)
	}
	return away
}

// AddWaybill takes one parcel. One dated after the moment, or not dated at
// all, is not there; a terminal status counts once nothing else lies ahead.
func (j *Join) AddWaybill(waybill *evidence.Waybill) {
	picked, signed := j.age(waybill.PickedUpAt), j.age(waybill.SignedAt)
	start := first(j.age(waybill.CreatedAt), first(picked, signed))
	if start == unknown || j.ahead(waybill.CreatedAt) {
		return
	}
	at := len(j.waybillBatch)
	j.waybillBatch = j.waybillBatch[:at+1]
	row := &j.waybillBatch[at]
	row.number = hash(waybill.No)
	row.parcel = parcel{order: halve(hash(waybill.OrderID)), start: start, picked: picked, weight: waybill.WeightGrams, owner: unknown, first: unknown}
	from, to := j.fromCache.of(waybill.Origin), j.toCache.of(waybill.Destination)
	tier := told(tierCity)
	if from.city != 0 && to.city != 0 {
		row.parcel.route = uint32(fold(uint64(from.city)^mixA, uint64(to.city)^mixB)) | 1 //nolint:gosec // cut on purpose
		j.routed = true
		if from.city != to.city {
			tier = tierRegion
		}
		if from.region != to.region {
			tier = tierFar
		}
	}
	row.parcel.region, row.origin = to.region, from.region
	row.parcel.told = tier | j.inspect(waybill, tier, picked, signed)
	if len(j.waybillBatch) == Batch {
		j.flush()
	}
}

// inspect gives what a parcel tells without its order. Ages run backwards: a
// larger one is earlier.
func (j *Join) inspect(waybill *evidence.Waybill, tier told, picked, signed int32) (found told) {
	rules := &j.options.Rules
	ended := waybill.Status == evidence.WaybillCancelled || waybill.Status == evidence.WaybillReturned
	if ended && !j.ahead(waybill.PickedUpAt) && !j.ahead(waybill.SignedAt) {
		found |= toldVoid
	}
	if waybill.Freight > 0 && waybill.Freight < rules.FreightMin {
		found |= toldFreight
	}
	if signed == unknown {
		return found
	}
	if picked != unknown {
		minutes := int64(picked) - int64(signed)
		far := waybill.DistanceKM > 50
		switch {
		case minutes < 0 || far && int64(waybill.DistanceKM)*60 > rules.MaxKMH*minutes:
			found |= toldTooFast
		case minutes == 0:
			found |= toldAtOnce
		case minutes < int64(rules.Transit.fastest(tier.tier())):
			found |= toldTooFast
		}
	}
	if waybill.Scans >= 0 && min(waybill.Scans, math.MaxInt16) < rules.MinScans {
		found |= toldFewScans
	}
	return found
}
