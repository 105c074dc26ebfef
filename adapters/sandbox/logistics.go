package sandbox

import (
	"net/http"
	"time"

	"loan310/scoring/evidence"
)

// wireWaybill is a parcel of adapters/contract/logistics.yaml. What the book
// does not say is left out.
type wireWaybill struct {
	WaybillNo   string      `json:"waybill_no"`
	OrderID     string      `json:"order_id,omitempty"`
	Carrier     string      `json:"carrier,omitempty"`
	Disposition string      `json:"disposition"`
	Events      []wireEvent `json:"events,omitempty"`
	Origin      string      `json:"origin,omitempty"`
	Destination string      `json:"destination,omitempty"`
	DistanceKM  int32       `json:"distance_km,omitempty"`
	WeightGrams int32       `json:"weight_grams,omitempty"`
	FreightFen  int64       `json:"freight_fen,omitempty"`
	Scans       *int32      `json:"scans,omitempty"`
}

type wireEvent struct {
	EventTime time.Time `json:"eventTime"`
	BizStep   string    `json:"bizStep"`
}

// newLogistics serves parcel histories by our contract and spot checks as
// Kuaidi100 does. A merchant without any parcel in the book is unknown here.
func newLogistics(c *core) http.Handler {
	parcels := history[evidence.Waybill]{
		kept: newResumes[evidence.Waybill](c), rows: c.book.Waybills, at: firstStep, wire: waybillWire,
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/waybills/search", c.bearer(Logistics, c.signed(Logistics, func(w http.ResponseWriter, request *http.Request) {
		parcels.serve(c, w, request)
	})))
	mux.Handle("POST /poll/query.do", newKuaidi(c))
	return mux
}

// firstStep is the earliest step told, zero when none.
func firstStep(row *evidence.Waybill) time.Time {
	for _, at := range [...]time.Time{row.CreatedAt, row.PickedUpAt, row.SignedAt} {
		if !at.IsZero() {
			return at
		}
	}
	return time.Time{}
}

func waybillWire(row *evidence.Waybill) any {
	wire := wireWaybill{
		WaybillNo: row.No, OrderID: row.OrderID, Carrier: row.Carrier, Disposition: disposition(row.Status),
		Origin: row.Origin, Destination: row.Destination, DistanceKM: row.DistanceKM, WeightGrams: row.WeightGrams,
		FreightFen: int64(row.Freight),
	}
	if row.Scans >= 0 {
		wire.Scans = &row.Scans
	}
	for _, step := range [...]wireEvent{
		{row.CreatedAt, "commissioning"}, {row.PickedUpAt, "accepting"}, {row.SignedAt, "receiving"},
	} {
		if !step.EventTime.IsZero() {
			wire.Events = append(wire.Events, step)
		}
	}
	return wire
}

func disposition(status evidence.WaybillStatus) string {
	switch status {
	case evidence.WaybillCreated:
		return "active"
	case evidence.WaybillPickedUp:
		return "in_progress"
	case evidence.WaybillSigned:
		return "retail_sold"
	case evidence.WaybillReturned:
		return "returned"
	case evidence.WaybillCancelled:
		return "inactive"
	default:
		return "in_transit"
	}
}
