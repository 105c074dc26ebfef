package marketplace

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
)

// Page is one page of orders as the contract's trailer closes it.
type Page struct {
	Rows     []evidence.Order // in the page's order
	Next     string           // cursor of the next page; empty = last
	DataAsOf time.Time        // zero = not said
}

// errMalformed marks a page that breaks the contract. Its text names rows by
// number and fields by name, never values.
var errMalformed = errors.New("malformed page")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errMalformed, fmt.Sprintf(format, args...))
}

// line is one line of a page: an order, or the trailer when Page is there.
type line struct {
	OrderID     string     `json:"order_id"`
	Status      string     `json:"status"`
	CreatedAt   *time.Time `json:"created_at"`
	PaidAt      *time.Time `json:"paid_at"`
	ShippedAt   *time.Time `json:"shipped_at"`
	DeliveredAt *time.Time `json:"delivered_at"`
	AmountFen   *int64     `json:"amount_fen"`
	FreightFen  int64      `json:"freight_fen"`
	RefundFen   int64      `json:"refund_fen"`
	RefundedAt  *time.Time `json:"refunded_at"`
	Items       int32      `json:"items"`
	WeightGrams int32      `json:"weight_grams"`
	Category    string     `json:"category"`
	BuyerID     string     `json:"buyer_id"`
	BuyerSince  *time.Time `json:"buyer_since"`
	DeviceID    string     `json:"device_id"`
	IP          string     `json:"ip"`
	PayerID     string     `json:"payer_id"`
	ShipTo      string     `json:"ship_to"`
	WaybillNo   string     `json:"waybill_no"`
	ReviewScore int32      `json:"review_score"`

	Page *trailer `json:"page"`
}

type trailer struct {
	Next     string    `json:"next"`
	DataAsOf time.Time `json:"data_as_of"`
	Rows     *int      `json:"rows"`
}

// ParsePage reads one NDJSON page of at most limit orders. A page without its
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
		row, err := next.order()
		if err != nil {
			return malformed("row %d: %s", len(page.Rows)+1, err.Error())
		}
		if page.Rows == nil {
			page.Rows = make([]evidence.Order, 0, limit)
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

// order checks a row against the contract. Errors name fields, never values.
func (l *line) order() (evidence.Order, error) {
	row := evidence.Order{
		ID: l.OrderID, Status: evidence.OrderStatus(l.Status),
		CreatedAt: utc(l.CreatedAt), PaidAt: utc(l.PaidAt), ShippedAt: utc(l.ShippedAt), DeliveredAt: utc(l.DeliveredAt),
		Freight: money.Amount(l.FreightFen), Refund: money.Amount(l.RefundFen), RefundedAt: utc(l.RefundedAt),
		Items: l.Items, WeightGrams: l.WeightGrams, Category: l.Category,
		BuyerID: l.BuyerID, BuyerSince: utc(l.BuyerSince), DeviceID: l.DeviceID, IP: l.IP, PayerID: l.PayerID,
		ShipTo: l.ShipTo, WaybillNo: l.WaybillNo, ReviewScore: l.ReviewScore,
	}
	if l.AmountFen != nil {
		row.Amount = money.Amount(*l.AmountFen)
	}
	switch {
	case l.OrderID == "" || len(l.OrderID) > maxID:
		return row, errors.New("no order_id, or one too long")
	case !known(row.Status):
		return row, errors.New("unknown status")
	case row.CreatedAt.IsZero():
		return row, errors.New("no created_at")
	case l.AmountFen == nil:
		return row, errors.New("no amount_fen")
	case row.Amount < 0 || row.Freight < 0 || row.Refund < 0:
		return row, errors.New("a negative amount")
	case row.Items < 0 || row.WeightGrams < 0:
		return row, errors.New("a negative count or weight")
	case row.ReviewScore < 0 || row.ReviewScore > 5:
		return row, errors.New("review_score outside 1..5")
	}
	for _, text := range [...]string{row.Category, row.BuyerID, row.DeviceID, row.IP, row.PayerID, row.ShipTo, row.WaybillNo} {
		if len(text) > maxText {
			return row, errors.New("a text too long")
		}
	}
	return row, nil
}

func known(status evidence.OrderStatus) bool {
	switch status {
	case evidence.OrderCreated, evidence.OrderPaid, evidence.OrderShipped, evidence.OrderDelivered,
		evidence.OrderCompleted, evidence.OrderCancelled, evidence.OrderRefunded:
		return true
	default:
		return false
	}
}

func utc(at *time.Time) time.Time {
	if at == nil {
		return time.Time{}
	}
	return at.UTC()
}
