// Package evidence is the vocabulary of what external sources say about a
// merchant: rows, what is known of each source, and the bundle a decision is
// made from. Missing is never zero: a zero time, an empty string or a nil
// pointer means "the source did not say".
package evidence

import (
	"iter"
	"time"

	"loan310/app/money"
)

// Source is one kind of external data.
type Source string

// The sources of evidence, in the order they are shown.
const (
	Marketplace Source = "marketplace"
	Logistics   Source = "logistics"
	Bank        Source = "bank"
	Utility     Source = "utility"
	Bureau      Source = "bureau"
	Registry    Source = "registry"
)

// Sources lists every source in the order they are shown.
var Sources = [...]Source{Marketplace, Logistics, Bank, Utility, Bureau, Registry}

// State is what is known of a source at decision time.
type State string

// The states of a source.
const (
	Known    State = "known"    // fetched, fresh enough
	Stale    State = "stale"    // data older than the policy's horizon
	Empty    State = "empty"    // the source answered: it has nothing on this merchant
	Down     State = "down"     // could not be read within its budget
	Withheld State = "withheld" // the merchant gave no consent
)

// Meta describes one fetched source. Rows carry what the source said; Meta
// what we know about the fetch.
type Meta struct {
	Source    Source    `json:"source"`
	State     State     `json:"state"`
	Ref       string    `json:"ref,omitempty"`  // id of the stored evidence; empty when nothing was stored
	Hash      string    `json:"hash,omitempty"` // SHA-256 (hex) of the plain rows as stored
	Rows      int64     `json:"rows"`
	DataAsOf  time.Time `json:"data_as_of,omitzero"` // newest moment the source vouches for
	FetchedAt time.Time `json:"fetched_at,omitzero"`
	Cause     string    `json:"cause,omitempty"` // fault code when Down
}

// OrderStatus is where an order stands at the marketplace.
type OrderStatus string

// Order statuses. A cancelled order is honest: it never needs a waybill.
const (
	OrderCreated   OrderStatus = "created"
	OrderPaid      OrderStatus = "paid"
	OrderShipped   OrderStatus = "shipped"
	OrderDelivered OrderStatus = "delivered"
	OrderCompleted OrderStatus = "completed"
	OrderCancelled OrderStatus = "cancelled"
	OrderRefunded  OrderStatus = "refunded"
)

// Order is one marketplace order.
type Order struct {
	ID          string       `json:"order_id"`
	Status      OrderStatus  `json:"status"`
	CreatedAt   time.Time    `json:"created_at,omitzero"`
	PaidAt      time.Time    `json:"paid_at,omitzero"`
	ShippedAt   time.Time    `json:"shipped_at,omitzero"`
	DeliveredAt time.Time    `json:"delivered_at,omitzero"`
	Amount      money.Amount `json:"amount_fen"`             // paid by the buyer, freight included
	Freight     money.Amount `json:"freight_fen"`            // part of Amount charged for delivery
	Refund      money.Amount `json:"refund_fen"`             // paid back
	RefundedAt  time.Time    `json:"refunded_at,omitzero"`   //
	Items       int32        `json:"items"`                  // pieces; 0 = not said
	WeightGrams int32        `json:"weight_grams"`           // catalogue weight; 0 = not said
	Category    string       `json:"category,omitempty"`     //
	BuyerID     string       `json:"buyer_id,omitempty"`     // pseudonym, stable across merchants
	BuyerSince  time.Time    `json:"buyer_since,omitzero"`   // buyer account opened
	DeviceID    string       `json:"device_id,omitempty"`    // pseudonym of the ordering device
	IP          string       `json:"ip,omitempty"`           // pseudonym or address
	PayerID     string       `json:"payer_id,omitempty"`     // pseudonym of the paying account
	ShipTo      string       `json:"ship_to,omitempty"`      // city or district code of the address
	WaybillNo   string       `json:"waybill_no,omitempty"`   // as the seller declared it
	ReviewScore int32        `json:"review_score,omitempty"` // 1..5; 0 = none
}

// WaybillStatus is where a parcel stands.
type WaybillStatus string

// Waybill statuses.
const (
	WaybillCreated   WaybillStatus = "created"
	WaybillPickedUp  WaybillStatus = "picked_up"
	WaybillInTransit WaybillStatus = "in_transit"
	WaybillSigned    WaybillStatus = "signed"
	WaybillReturned  WaybillStatus = "returned"
	WaybillCancelled WaybillStatus = "cancelled"
)

// Waybill is one parcel as the carrier knows it.
type Waybill struct {
	No          string        `json:"waybill_no"`
	OrderID     string        `json:"order_id,omitempty"` // as declared to the carrier
	Carrier     string        `json:"carrier,omitempty"`
	Status      WaybillStatus `json:"status"`
	CreatedAt   time.Time     `json:"created_at,omitzero"`
	PickedUpAt  time.Time     `json:"picked_up_at,omitzero"`
	SignedAt    time.Time     `json:"signed_at,omitzero"`
	Origin      string        `json:"origin,omitempty"`      // city or district code
	Destination string        `json:"destination,omitempty"` // city or district code
	DistanceKM  int32         `json:"distance_km,omitempty"` // 0 = not said
	WeightGrams int32         `json:"weight_grams"`          // as weighed; 0 = not said
	Freight     money.Amount  `json:"freight_fen"`           // paid to the carrier
	Scans       int32         `json:"scans"`                 // tracking events; -1 = not said
}

// TxKind says what a bank or wallet row is for.
type TxKind string

// Transaction kinds.
const (
	TxSales     TxKind = "sales"
	TxSupplier  TxKind = "supplier"
	TxUtility   TxKind = "utility"
	TxRent      TxKind = "rent"
	TxSalary    TxKind = "salary"
	TxLoanIn    TxKind = "loan_in"
	TxLoanOut   TxKind = "loan_repayment"
	TxTransfer  TxKind = "transfer"
	TxCash      TxKind = "cash"
	TxInterest  TxKind = "interest"
	TxPenalty   TxKind = "penalty_interest" // charged for a negative balance or a late payment
	TxFee       TxKind = "fee"
	TxInsurance TxKind = "insurance"
	TxTax       TxKind = "tax"
	TxRefund    TxKind = "refund"
	TxOther     TxKind = "other"
)

// Transaction is one booked bank or wallet row.
type Transaction struct {
	ID             string        `json:"transaction_id"`
	AccountID      string        `json:"account_id"`
	BookedAt       time.Time     `json:"booked_at"`
	Amount         money.Amount  `json:"amount_fen"`            // positive = credit to the merchant
	Balance        *money.Amount `json:"balance_fen,omitempty"` // after the row; nil = not said
	Kind           TxKind        `json:"kind"`
	CounterpartyID string        `json:"counterparty_id,omitempty"`
	Description    string        `json:"description,omitempty"`
}

// UtilityKind is what a meter measures.
type UtilityKind string

// Utility kinds; quantities are watt-hours for electricity, litres for water
// and gas.
const (
	Electricity UtilityKind = "electricity"
	Water       UtilityKind = "water"
	Gas         UtilityKind = "gas"
)

// UtilityBill is one billing period of one meter.
type UtilityBill struct {
	ID          string       `json:"bill_id"`
	MeterID     string       `json:"meter_id"`
	Kind        UtilityKind  `json:"kind"`
	PeriodStart time.Time    `json:"period_start"`
	PeriodEnd   time.Time    `json:"period_end"`
	Quantity    int64        `json:"quantity"`   // Wh or litres; -1 = not said
	Amount      money.Amount `json:"amount_fen"` // charged
	DueAt       time.Time    `json:"due_at,omitzero"`
	PaidAt      time.Time    `json:"paid_at,omitzero"` // zero = not paid at DataAsOf
}

// BureauReport is the credit reference centre's answer for one merchant. A
// nil report in a bundle means none; a report with Found false is a thin file.
type BureauReport struct {
	ReportID       string       `json:"report_id"`
	PulledAt       time.Time    `json:"pulled_at"`
	Found          bool         `json:"found"`
	OpenLoans      int32        `json:"open_loans"`
	Outstanding    money.Amount `json:"outstanding_fen"`
	MonthlyDebt    money.Amount `json:"monthly_debt_fen"` // scheduled payments elsewhere
	MaxDPD24M      int32        `json:"max_dpd_24m"`      // worst days past due in 24 months
	CurrentDPD     int32        `json:"current_dpd"`
	WrittenOff     int32        `json:"written_off"` // loans ever written off
	Inquiries90D   int32        `json:"inquiries_90d"`
	OldestOpenedAt time.Time    `json:"oldest_opened_at,omitzero"`
	CourtRecords   int32        `json:"court_records"` // enforcement entries
}

// RegistryStatus is a licence's standing.
type RegistryStatus string

// Registry statuses.
const (
	RegistryActive   RegistryStatus = "active"
	RegistryAbnormal RegistryStatus = "abnormal" // on the list of abnormal operations
	RegistryRevoked  RegistryStatus = "revoked"
	RegistryClosed   RegistryStatus = "closed"
)

// RegistryRecord is the business registry's answer for one licence.
type RegistryRecord struct {
	LicenceNumber     string         `json:"licence_number"`
	Name              string         `json:"name"`
	LegalRep          string         `json:"legal_representative"`
	Status            RegistryStatus `json:"status"`
	EstablishedAt     time.Time      `json:"established_at,omitzero"`
	ExpiresAt         time.Time      `json:"expires_at,omitzero"` // zero = no end
	Region            string         `json:"region,omitempty"`    // six-digit division code
	Industry          string         `json:"industry,omitempty"`
	Kind              string         `json:"kind,omitempty"` // individual, company, cooperative
	RegisteredCapital money.Amount   `json:"registered_capital_fen"`
	ChangedAt         time.Time      `json:"changed_at,omitzero"` // last change of owner or licence
}

// Bundle is everything a decision reads about one merchant as of one moment.
// The sequences may be walked several times and yield a pointer that is valid
// only within one step; an error ends the walk.
type Bundle struct {
	AsOf         time.Time // rows dated after this must not change anything
	Meta         map[Source]Meta
	Orders       iter.Seq2[*Order, error]
	Waybills     iter.Seq2[*Waybill, error]
	Transactions iter.Seq2[*Transaction, error]
	Bills        iter.Seq2[*UtilityBill, error]
	Bureau       *BureauReport
	Registry     *RegistryRecord
	Relations    *Relations // nil = not read: the features of it are missing
}

// State gives the state of a source, Down when nothing was recorded.
func (b *Bundle) State(source Source) State {
	if meta, ok := b.Meta[source]; ok && meta.State != "" {
		return meta.State
	}
	return Down
}

// Slice makes a sequence of rows already in memory.
func Slice[T any](rows []T) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		for i := range rows {
			if !yield(&rows[i], nil) {
				return
			}
		}
	}
}
