package marketplace

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
	maxID   = 128
	maxText = 512
)

// Page is one page of orders as the contract's trailer closes it.
type Page = httpx.Page[evidence.Order]

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

	Page *httpx.Trailer `json:"page"`
}

// ParsePage reads one NDJSON page of at most limit orders. A page without its
// trailer, with another number of rows than the trailer says, or with a row
// that breaks the contract is an error, and then nothing of it may be used.
func ParsePage(in io.Reader, limit int) (Page, error) {
	return contract.ParsePage(in, limit)
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
