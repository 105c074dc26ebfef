package dossier

import (
	"time"

	"loan310/scoring/evidence"
)

// File names without their endings, in the order they are read: later files
// refer to earlier ones.
const (
	fileMerchants    = "merchants"
	fileApplications = "applications"
	fileOrders       = "orders"
	fileWaybills     = "waybills"
	fileTransactions = "transactions"
	fileBills        = "utility_bills"
	fileBureau       = "bureau"
	fileRegistry     = "registry"
	fileOutcomes     = "outcomes"
)

// owned is a row of one merchant.
type owned[R any] struct {
	merchant string
	row      R
}

// schema is one file: its columns and the rules across them.
type schema[T any] struct {
	file     string
	about    string
	optional bool // the file may be missing
	columns  []column[T]
	check    func(*T) []problem           // rules within a row
	link     func(*T, *register) *problem // rules across rows and files; also registers the row
}

// ColumnDoc describes one column of a dossier file, as docs/dossier.md lists it.
type ColumnDoc struct {
	Name     string
	Type     string
	Unit     string
	Required bool
	Meaning  string
}

// FileDoc describes one dossier file.
type FileDoc struct {
	File     string // without its ending
	About    string
	Optional bool
	Columns  []ColumnDoc
}

// Format describes every file and column of the format, in reading order.
func Format() []FileDoc {
	return []FileDoc{
		merchantSchema().doc(), applicationSchema().doc(), orderSchema().doc(), waybillSchema().doc(), transactionSchema().doc(),
		billSchema().doc(), bureauSchema().doc(), registrySchema().doc(), outcomeSchema().doc(),
	}
}

func (s schema[T]) doc() FileDoc {
	doc := FileDoc{File: s.file, About: s.about, Optional: s.optional}
	for _, c := range s.columns {
		doc.Columns = append(doc.Columns, ColumnDoc{Name: c.name, Type: c.kind, Unit: c.unit, Required: c.required, Meaning: c.meaning})
	}
	return doc
}

func merchantColumn[R any]() column[owned[R]] {
	return textColumn("merchant_id", "merchant the row is about", func(r *owned[R]) *string { return &r.merchant }).must()
}

func merchantSchema() schema[Merchant] {
	type m = Merchant
	return schema[m]{
		file: fileMerchants, about: "One row per merchant.",
		check: checkMerchant, link: linkMerchant,
		columns: []column[m]{
			textColumn("merchant_id", "id, unique in the file", func(r *m) *string { return &r.ID }).must(),
			textColumn("name", "registered name", func(r *m) *string { return &r.Name }).must(),
			textColumn("licence_number", "unified social credit code (GB 32100), checksum verified", func(r *m) *string { return &r.LicenceNumber }).checked(licenceText).must(),
			textColumn("legal_representative", "name", func(r *m) *string { return &r.LegalRep }),
			textColumn("identity_number", "resident identity number (GB 11643) of the legal representative, checksum verified, 18 or older when applying", func(r *m) *string { return &r.IdentityNumber }).checked(identityText),
			textColumn("phone", "mobile number, E.164", func(r *m) *string { return &r.Phone }).checked(phoneText),
			textColumn("payout_account", "bank card number, Luhn digit verified", func(r *m) *string { return &r.PayoutAccount }).checked(cardText),
			textColumn("payout_bank", "name of the bank of the payout account", func(r *m) *string { return &r.PayoutBank }),
			textColumn("address", "of the business; merchants with the same text are held to be at one address", func(r *m) *string { return &r.Address }),
			textColumn("region", "six-digit division code", func(r *m) *string { return &r.Region }).checked(regionText),
			textColumn("industry", "line of business", func(r *m) *string { return &r.Industry }),
			dayColumn("shop_opened_at", "shop opened at the marketplace", func(r *m) *time.Time { return &r.ShopOpenedAt }),
			listColumn("synthetic_fields", "columns of this row, and files, filled with made-up values; * = everything about the merchant", func(r *m) *[]string { return &r.SyntheticFields }),
			choiceColumn("archetype", "known truth, generated sets only", archetypes(), func(r *m) *string { return &r.Archetype }),
			textColumn("ring", "group of a brushing ring or of related merchants, generated sets only", func(r *m) *string { return &r.Ring }),
		},
	}
}

func archetypes() []string {
	return []string{ArchetypeEstablished, ArchetypeSeasonal, ArchetypeThinFile, ArchetypeBrushingRing, ArchetypeRelated, ArchetypeDefaulting}
}

func applicationSchema() schema[Application] {
	type a = Application
	return schema[a]{
		file: fileApplications, about: "One row per loan application.",
		check: checkApplication, link: linkApplication,
		columns: []column[a]{
			textColumn("application_id", "id, unique in the file", func(r *a) *string { return &r.ID }).must(),
			textColumn("merchant_id", "merchant who applies", func(r *a) *string { return &r.MerchantID }).must(),
			timeColumn("applied_at", "moment of application; nothing later may change its score", func(r *a) *time.Time { return &r.AppliedAt }).must(),
			moneyColumn("amount_fen", "requested, above zero", false, amountAt).must(),
			countColumn("tenor_months", "months", "requested", 1, always, func(r *a) *int { return &r.TenorMonths }).must(),
			textColumn("purpose", "what the money is for", func(r *a) *string { return &r.Purpose }),
			textColumn("device_id", "pseudonym of the device applied from, the same as in orders where it is the same device", func(r *a) *string { return &r.DeviceID }),
			textColumn("ip", "address or pseudonym applied from", func(r *a) *string { return &r.IP }),
		},
	}
}

func outcomeSchema() schema[Outcome] {
	return schema[Outcome]{
		file: fileOutcomes, about: "One row per application whose loan's outcome is known.", optional: true,
		check: func(*Outcome) []problem { return nil }, link: linkOutcome,
		columns: []column[Outcome]{
			textColumn("application_id", "application, at most one row each", func(r *Outcome) *string { return &r.ApplicationID }).must(),
			boolColumn("bad", "the loan defaulted", func(r *Outcome) *bool { return &r.Bad }).must(),
			timeColumn("observed_at", "moment the outcome was known; not before the application", func(r *Outcome) *time.Time { return &r.ObservedAt }).must(),
		},
	}
}

func orderStatuses() []evidence.OrderStatus {
	return []evidence.OrderStatus{
		evidence.OrderCreated, evidence.OrderPaid, evidence.OrderShipped, evidence.OrderDelivered,
		evidence.OrderCompleted, evidence.OrderCancelled, evidence.OrderRefunded,
	}
}

func waybillStatuses() []evidence.WaybillStatus {
	return []evidence.WaybillStatus{
		evidence.WaybillCreated, evidence.WaybillPickedUp, evidence.WaybillInTransit,
		evidence.WaybillSigned, evidence.WaybillReturned, evidence.WaybillCancelled,
	}
}

func txKinds() []evidence.TxKind {
	return []evidence.TxKind{
		evidence.TxSales, evidence.TxSupplier, evidence.TxUtility, evidence.TxRent, evidence.TxSalary, evidence.TxLoanIn,
		evidence.TxLoanOut, evidence.TxTransfer, evidence.TxCash, evidence.TxInterest, evidence.TxPenalty, evidence.TxFee,
		evidence.TxInsurance, evidence.TxTax, evidence.TxRefund, evidence.TxOther,
	}
}
