package logistics

import (
	"errors"
	"io"
	"time"

	"loan310/adapters/httpx"
	"loan310/app/money"
	"loan310/scoring/evidence"
)

// Limits of one page. They bound the memory a page can take.
const (
	maxID     = 128
	maxText   = 512
	maxEvents = 64 // of one parcel
)

// Page is one page of parcels as the contract's trailer closes it.
type Page = httpx.Page[evidence.Waybill]

// line is one line of a page: a parcel, or the trailer when Page is there.
type line struct {
	WaybillNo   string  `json:"waybill_no"`
	OrderID     string  `json:"order_id"`
	Carrier     string  `json:"carrier"`
	Disposition string  `json:"disposition"`
	Events      []event `json:"events"`
	Origin      string  `json:"origin"`
	Destination string  `json:"destination"`
	DistanceKM  int32   `json:"distance_km"`
	WeightGrams int32   `json:"weight_grams"`
	FreightFen  int64   `json:"freight_fen"`
	Scans       *int32  `json:"scans"`

	Page *httpx.Trailer `json:"page"`
}

// event is one step of a parcel, named as in EPCIS.
type event struct {
	EventTime time.Time `json:"eventTime"`
	BizStep   string    `json:"bizStep"`
}

// ParsePage reads one NDJSON page of at most limit parcels. A page without its
// trailer, with another number of rows than the trailer says, or with a row
// that breaks the contract is an error, and then nothing of it may be used.
func ParsePage(in io.Reader, limit int) (Page, error) {
	return contract.ParsePage(in, limit)
}

// waybill checks a row against the contract. Errors name fields, never values.
func (l *line) waybill() (evidence.Waybill, error) {
	row := evidence.Waybill{
		No: l.WaybillNo, OrderID: l.OrderID, Carrier: l.Carrier, Status: status(l.Disposition),
		Origin: l.Origin, Destination: l.Destination, DistanceKM: l.DistanceKM, WeightGrams: l.WeightGrams,
		Freight: money.Amount(l.FreightFen), Scans: -1,
	}
	if l.Scans != nil {
		row.Scans = *l.Scans
	}
	switch {
	case l.WaybillNo == "" || len(l.WaybillNo) > maxID:
		return row, errors.New("no waybill_no, or one too long")
	case row.Status == "":
		return row, errors.New("unknown disposition")
	case row.Freight < 0:
		return row, errors.New("a negative amount")
	case row.DistanceKM < 0 || row.WeightGrams < 0 || (l.Scans != nil && *l.Scans < 0):
		return row, errors.New("a negative count, weight or distance")
	case len(l.Events) > maxEvents:
		return row, errors.New("too many events")
	}
	for _, text := range [...]string{row.OrderID, row.Carrier, row.Origin, row.Destination} {
		if len(text) > maxText {
			return row, errors.New("a text too long")
		}
	}
	for _, step := range l.Events {
		if err := step.apply(&row); err != nil {
			return row, err
		}
	}
	return row, nil
}

// apply notes a step's moment: the first of drawing up and taking over, the
// last of signing.
func (e event) apply(row *evidence.Waybill) error {
	if e.EventTime.IsZero() {
		return errors.New("an event without eventTime")
	}
	at := e.EventTime.UTC()
	switch e.BizStep {
	case "commissioning":
		row.CreatedAt = httpx.Earlier(row.CreatedAt, at)
	case "accepting":
		row.PickedUpAt = httpx.Earlier(row.PickedUpAt, at)
	case "transporting":
	case "receiving":
		if at.After(row.SignedAt) {
			row.SignedAt = at
		}
	default:
		return errors.New("an event of unknown bizStep")
	}
	return nil
}

// status reads a disposition, empty when it is unknown.
func status(disposition string) evidence.WaybillStatus {
	switch disposition {
	case "active":
		return evidence.WaybillCreated
	case "in_progress":
		return evidence.WaybillPickedUp
	case "in_transit":
		return evidence.WaybillInTransit
	case "retail_sold":
		return evidence.WaybillSigned
	case "returned":
		return evidence.WaybillReturned
	case "inactive":
		return evidence.WaybillCancelled
	default:
		return ""
	}
}
