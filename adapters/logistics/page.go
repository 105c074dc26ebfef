package logistics

import (
	"errors"
	"fmt"
	"io"
	"time"

	"loan310/adapters/httpx"
	"loan310/app/money"
	"loan310/scoring/evidence"
)

// Limits of one page. They bound the memory a page can take.
const (
	maxPageBytes = 16 << 20
	maxID        = 128
	maxText      = 512
	maxCursor    = 512
	maxEvents    = 64 // of one parcel
)

// Page is one page of parcels as the contract's trailer closes it.
type Page struct {
	Rows     []evidence.Waybill // in the page's order
	Next     string             // cursor of the next page; empty = last
	DataAsOf time.Time          // zero = not said
}

// errMalformed marks a page that breaks the contract. Its text names rows by
// number and fields by name, never values.
var errMalformed = errors.New("malformed page")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errMalformed, fmt.Sprintf(format, args...))
}

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

	Page *trailer `json:"page"`
}

// event is one step of a parcel, named as in EPCIS.
type event struct {
	EventTime time.Time `json:"eventTime"`
	BizStep   string    `json:"bizStep"`
}

type trailer struct {
	Next     string    `json:"next"`
	DataAsOf time.Time `json:"data_as_of"`
	Rows     *int      `json:"rows"`
}

// ParsePage reads one NDJSON page of at most limit parcels. A page without its
// trailer, with another number of rows than the trailer says, or with a row
// that breaks the contract is an error, and then nothing of it may be used.
func ParsePage(in io.Reader, limit int) (Page, error) {
	var page Page
	closed := false
	limited := &io.LimitedReader{R: in, N: maxPageBytes + 1}
	_, err := httpx.DecodeLines(limited, func(next *line) error {
		if closed {
			return malformed("a line after the trailer")
		}
		if next.Page != nil {
			closed = true
			return page.close(next.Page)
		}
		if len(page.Rows) == limit {
			return malformed("more than the %d rows asked for", limit)
		}
		row, err := next.waybill()
		if err != nil {
			return malformed("row %d: %s", len(page.Rows)+1, err.Error())
		}
		if page.Rows == nil {
			page.Rows = make([]evidence.Waybill, 0, limit)
		}
		page.Rows = append(page.Rows, row)
		return nil
	})
	broken, ok := errors.AsType[*httpx.LineError](err)
	switch {
	case limited.N <= 0:
		return Page{}, malformed("longer than %d bytes", maxPageBytes)
	case ok:
		return Page{}, malformed("%s", broken.Error())
	case err != nil:
		return Page{}, err
	case !closed:
		return Page{}, malformed("cut after row %d: no trailer", len(page.Rows))
	}
	return page, nil
}

func (p *Page) close(end *trailer) error {
	if end.Rows == nil || *end.Rows != len(p.Rows) {
		return malformed("the trailer counts other rows than the %d that came", len(p.Rows))
	}
	if len(end.Next) > maxCursor {
		return malformed("the cursor is longer than %d bytes", maxCursor)
	}
	p.Next, p.DataAsOf = end.Next, end.DataAsOf.UTC()
	return nil
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
		row.CreatedAt = older(row.CreatedAt, at)
	case "accepting":
		row.PickedUpAt = older(row.PickedUpAt, at)
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
