// Package dossier reads, writes, checks and generates the documented dossier
// format: a directory of CSV files with what every source says about a set of
// merchants (docs/dossier.md). The one rule: an empty field means the source
// did not say, and it never becomes a zero that somebody said.
package dossier

import (
	"iter"
	"time"

	"loan310/app/money"
	"loan310/scoring/evidence"
)

// Merchant is one row of the merchants file: who applies. Every field but ID,
// Name and LicenceNumber may be empty.
type Merchant struct {
	ID             string
	Name           string
	LicenceNumber  string // unified social credit code
	LegalRep       string
	IdentityNumber string // of the legal representative
	Phone          string // mobile, E.164
	PayoutAccount  string // bank card number
	PayoutBank     string
	Address        string // of the business, as registered
	Region         string // six-digit division code
	Industry       string
	ShopOpenedAt   time.Time
	// SyntheticFields names the columns of this row, and the files, filled
	// with made-up values because the origin of the data has none; "*" =
	// everything about this merchant is made up.
	SyntheticFields []string
	// Archetype is the known truth in generated sets (the Archetype
	// constants), "" elsewhere. No score may read it.
	Archetype string
	// Ring groups the merchants of one brushing ring or of one related
	// group in generated sets, "" elsewhere.
	Ring string
}

// everything marks a merchant of a generated set in SyntheticFields.
const everything = "*"

// The archetypes of generated sets.
const (
	ArchetypeEstablished  = "established"
	ArchetypeSeasonal     = "seasonal"
	ArchetypeThinFile     = "thin_file"
	ArchetypeBrushingRing = "brushing_ring"
	ArchetypeRelated      = "related"
	ArchetypeDefaulting   = "defaulting"
)

// Application is one row of the applications file: a request for a loan.
type Application struct {
	ID          string
	MerchantID  string
	AppliedAt   time.Time
	Amount      money.Amount // requested, fen
	TenorMonths int
	Purpose     string
	DeviceID    string // pseudonym of the device applied from
	IP          string // address or pseudonym applied from
}

// Outcome is what became of the loan of one application, where it is known.
type Outcome struct {
	ApplicationID string
	Bad           bool // defaulted
	ObservedAt    time.Time
}

// Book is a set of merchants with everything the sources say about them: what
// the sandbox providers serve. Sequences may be walked several times and by
// several readers at once; a row is valid only within its step. An unknown
// merchant has no rows.
type Book interface {
	// Merchants lists the merchants in a stable order.
	Merchants() []Merchant
	// Applications lists the applications in a stable order.
	Applications() []Application
	// Outcomes lists the known outcomes, possibly none.
	Outcomes() []Outcome
	// Orders walks a merchant's orders by time of creation.
	Orders(merchantID string) iter.Seq2[*evidence.Order, error]
	// Waybills walks a merchant's parcels in the order the carrier gave them.
	Waybills(merchantID string) iter.Seq2[*evidence.Waybill, error]
	// Transactions walks a merchant's bank rows by time of booking.
	Transactions(merchantID string) iter.Seq2[*evidence.Transaction, error]
	// Bills walks a merchant's utility bills by start of period.
	Bills(merchantID string) iter.Seq2[*evidence.UtilityBill, error]
	// Bureau gives a merchant's credit report, false when there is none.
	Bureau(merchantID string) (evidence.BureauReport, bool)
	// Registry gives the registry's record by licence number.
	Registry(licence string) (evidence.RegistryRecord, bool)
	// AsOf is the newest moment of the data: the latest application time.
	AsOf() time.Time
}

// Counts sums up what a writer or a converter did.
type Counts struct {
	Files   map[string]int64 // rows written, by dossier file ("orders")
	Sources []SourceCount    // converters: one per file read, in reading order
	Facts   map[string]int64 // converters: counts over the whole source, by name
}

// SourceCount accounts for every row of one converted file: In is always
// Converted plus the sum of Skipped.
type SourceCount struct {
	File      string
	In        int64
	Converted int64
	Skipped   map[string]int64 // by reason
}

// Rows gives the number of rows written over all files.
func (c Counts) Rows() int64 {
	var sum int64
	for _, rows := range c.Files {
		sum += rows
	}
	return sum
}
