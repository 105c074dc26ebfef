package sandbox

import (
	"net/http"
	"time"

	"loan310/scoring/evidence"
)

// wireOrder is an order of adapters/contract/marketplace.yaml. What the book
// does not say is left out.
type wireOrder struct {
	OrderID     string    `json:"order_id"`
	Status      string    `json:"status"`
	CreatedAt   time.Time `json:"created_at"`
	PaidAt      time.Time `json:"paid_at,omitzero"`
	ShippedAt   time.Time `json:"shipped_at,omitzero"`
	DeliveredAt time.Time `json:"delivered_at,omitzero"`
	AmountFen   int64     `json:"amount_fen"`
	FreightFen  int64     `json:"freight_fen,omitempty"`
	RefundFen   int64     `json:"refund_fen,omitempty"`
	RefundedAt  time.Time `json:"refunded_at,omitzero"`
	Items       int32     `json:"items,omitempty"`
	WeightGrams int32     `json:"weight_grams,omitempty"`
	Category    string    `json:"category,omitempty"`
	BuyerID     string    `json:"buyer_id,omitempty"`
	BuyerSince  time.Time `json:"buyer_since,omitzero"`
	DeviceID    string    `json:"device_id,omitempty"`
	IP          string    `json:"ip,omitempty"`
	PayerID     string    `json:"payer_id,omitempty"`
	ShipTo      string    `json:"ship_to,omitempty"`
	WaybillNo   string    `json:"waybill_no,omitempty"`
	ReviewScore int32     `json:"review_score,omitempty"`
}

// newMarketplace serves order histories. A merchant without any order in the
// book is unknown here.
func newMarketplace(c *core) http.Handler {
	orders := history[evidence.Order]{
		kept: newResumes[evidence.Order](c),
		rows: c.book.Orders,
		at:   func(row *evidence.Order) time.Time { return row.CreatedAt },
		wire: func(row *evidence.Order) any {
			return wireOrder{
				OrderID: row.ID, Status: string(row.Status),
				CreatedAt: row.CreatedAt, PaidAt: row.PaidAt, ShippedAt: row.ShippedAt, DeliveredAt: row.DeliveredAt,
				AmountFen: int64(row.Amount), FreightFen: int64(row.Freight), RefundFen: int64(row.Refund), RefundedAt: row.RefundedAt,
				Items: row.Items, WeightGrams: row.WeightGrams, Category: row.Category,
				BuyerID: row.BuyerID, BuyerSince: row.BuyerSince, DeviceID: row.DeviceID, IP: row.IP, PayerID: row.PayerID,
				ShipTo: row.ShipTo, WaybillNo: row.WaybillNo, ReviewScore: row.ReviewScore,
			}
		},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/orders/search", c.bearer(Marketplace, c.signed(Marketplace, func(w http.ResponseWriter, request *http.Request) {
		orders.serve(c, w, request)
	})))
	return mux
}
