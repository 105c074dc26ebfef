package evidence

import "loan310/app/money"

// OwnRelations names the evidence of our own books about who a merchant is
// connected with. It is no external source: it cannot be withheld, has no cell
// in the degradation matrix and is not among Sources.
const OwnRelations Source = "relations"

// IdentifierKind is what connects two merchants.
type IdentifierKind string

// Kinds of identifiers. The first seven are a merchant's own; the next four
// are those of its customers; a pattern connects nobody and only counts
// applications that look alike.
const (
	LinkAccount     IdentifierKind = "payout_account"
	LinkPerson      IdentifierKind = "legal_rep"
	LinkPhone       IdentifierKind = "phone"
	LinkDevice      IdentifierKind = "device"
	LinkMeter       IdentifierKind = "meter"
	LinkAddress     IdentifierKind = "address"
	LinkIP          IdentifierKind = "ip"
	LinkBuyer       IdentifierKind = "buyer"
	LinkPayer       IdentifierKind = "payer"
	LinkOrderDevice IdentifierKind = "order_device"
	LinkOrderIP     IdentifierKind = "order_ip"
	LinkPattern     IdentifierKind = "pattern"
)

// IdentifierKinds lists every kind, a merchant's own first.
var IdentifierKinds = [...]IdentifierKind{
	LinkAccount, LinkPerson, LinkPhone, LinkDevice, LinkMeter, LinkAddress, LinkIP,
	LinkBuyer, LinkPayer, LinkOrderDevice, LinkOrderIP, LinkPattern,
}

// Space is what a kind's values are drawn from: a merchant's own device and
// the device of a customer are the same thing in two roles, and so carry the
// same key.
func (k IdentifierKind) Space() string {
	switch k {
	case LinkOrderDevice:
		return string(LinkDevice)
	case LinkOrderIP:
		return string(LinkIP)
	default:
		return string(k)
	}
}

// Customer tells whether the kind is of a merchant's customers.
func (k IdentifierKind) Customer() bool {
	return k == LinkBuyer || k == LinkPayer || k == LinkOrderDevice || k == LinkOrderIP
}

// Relations is the bounded neighbourhood of one applicant in our own books:
// two steps over shared identifiers, as of the bundle's moment. Identifiers
// are keyed hashes, never the values. A nil Relations means: not read.
type Relations struct {
	Self      string             `json:"self"`      // the applicant's merchant id
	Merchants []RelatedMerchant  `json:"merchants"` // by id, the applicant included
	Shared    []SharedIdentifier `json:"shared"`    // by kind, then key
	Book      BookRate           `json:"book"`
	Truncated bool               `json:"truncated,omitempty"` // the neighbourhood is larger than what was read
}

// RelatedMerchant is what we know of one merchant of a neighbourhood. What
// lies after the bundle's moment must not be in it.
type RelatedMerchant struct {
	ID         string       `json:"id"`
	Committed  money.Amount `json:"committed_fen"`         // limits of its open lines and of offers that may still be accepted, without the application being decided
	Borrowed   bool         `json:"borrowed,omitempty"`    // ever drew on a line
	WorstDPD   int64        `json:"worst_dpd,omitempty"`   // worst days past due with us, ever
	CurrentDPD int64        `json:"current_dpd,omitempty"` // days past due with us now
	Defaults   int64        `json:"defaults,omitempty"`    // loans that turned bad
	Declines30 int64        `json:"declines_30d,omitempty"`
	Orders     int64        `json:"orders,omitempty"` // orders its customers' identifiers were counted over; 0 = not known
}

// SharedIdentifier is one identifier that more than one merchant carries, or
// that the applicant carries and others applied with lately.
type SharedIdentifier struct {
	Kind    IdentifierKind `json:"kind"`
	Key     string         `json:"key"`
	Degree  int64          `json:"degree"`            // merchants that carry it as this kind, counted up to MaxHolders+1
	Holders []Holder       `json:"holders,omitempty"` // by place; none when Degree is above MaxHolders
	// Merchants, the applicant included, who applied with it within so long
	// before the moment; each counted up to the reader's bound.
	Applied24H int64 `json:"applied_24h,omitempty"`
	Applied72H int64 `json:"applied_72h,omitempty"`
	Applied90D int64 `json:"applied_90d,omitempty"`
}

// MaxHolders is the most merchants of an identifier that are ever read: what
// more than these share says nothing about any two of them.
const MaxHolders = 64

// Holder is a merchant that carries an identifier.
type Holder struct {
	At     int32 `json:"at"`               // place in Relations.Merchants
	Orders int64 `json:"orders,omitempty"` // customers' identifiers: orders placed with it
}

// BookRate is how many merchants applied lately in the whole book: what a
// burst is held against.
type BookRate struct {
	Applied72H int64 `json:"applied_72h"`
	Applied90D int64 `json:"applied_90d"`
}
