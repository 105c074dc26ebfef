package dossier

import (
	"time"

	"loan310/app/money"
	"loan310/scoring/evidence"
)

func amountAt(r *Application) *money.Amount { return &r.Amount }

func orderSchema() schema[owned[evidence.Order]] {
	type o = owned[evidence.Order]
	return schema[o]{
		file: fileOrders, about: "One row per marketplace order.",
		check: checkOrder, link: linkOrder,
		columns: []column[o]{
			merchantColumn[evidence.Order](),
			textColumn("order_id", "id, unique per merchant", func(r *o) *string { return &r.row.ID }).must(),
			choiceColumn("status", "where the order stands", orderStatuses(), func(r *o) *evidence.OrderStatus { return &r.row.Status }).must(),
			timeColumn("created_at", "order placed", func(r *o) *time.Time { return &r.row.CreatedAt }).must(),
			timeColumn("paid_at", "payment approved; empty = not paid", func(r *o) *time.Time { return &r.row.PaidAt }),
			timeColumn("shipped_at", "hand-over as the seller declared it; may lie before payment or creation, which is a signal and no error", func(r *o) *time.Time { return &r.row.ShippedAt }),
			timeColumn("delivered_at", "received by the buyer", func(r *o) *time.Time { return &r.row.DeliveredAt }),
			moneyColumn("amount_fen", "paid by the buyer, freight included", false, func(r *o) *money.Amount { return &r.row.Amount }).must(),
			moneyColumn("freight_fen", "part of amount_fen charged for delivery", false, func(r *o) *money.Amount { return &r.row.Freight }),
			moneyColumn("refund_fen", "paid back, at most amount_fen", false, func(r *o) *money.Amount { return &r.row.Refund }),
			timeColumn("refunded_at", "moment of the refund", func(r *o) *time.Time { return &r.row.RefundedAt }),
			countColumn("items", "pieces", "in the order", 1, 0, func(r *o) *int32 { return &r.row.Items }),
			countColumn("weight_grams", "grams", "catalogue weight of all pieces", 1, 0, func(r *o) *int32 { return &r.row.WeightGrams }),
			textColumn("category", "goods", func(r *o) *string { return &r.row.Category }),
			textColumn("buyer_id", "pseudonym of the buyer, stable across merchants", func(r *o) *string { return &r.row.BuyerID }),
			timeColumn("buyer_since", "buyer's account opened", func(r *o) *time.Time { return &r.row.BuyerSince }),
			textColumn("device_id", "pseudonym of the ordering device", func(r *o) *string { return &r.row.DeviceID }),
			textColumn("ip", "address of the ordering device, or a pseudonym", func(r *o) *string { return &r.row.IP }),
			textColumn("payer_id", "pseudonym of the paying account", func(r *o) *string { return &r.row.PayerID }),
			textColumn("ship_to", "city or district code of the delivery address", func(r *o) *string { return &r.row.ShipTo }),
			textColumn("waybill_no", "parcel as the seller declared it; need not exist at the carrier", func(r *o) *string { return &r.row.WaybillNo }),
			countColumn("review_score", "1 to 5", "stars the buyer gave", 1, 0, func(r *o) *int32 { return &r.row.ReviewScore }),
		},
	}
}

func waybillSchema() schema[owned[evidence.Waybill]] {
	type w = owned[evidence.Waybill]
	return schema[w]{
		file: fileWaybills, about: "One row per parcel as the carrier knows it.",
		check: checkWaybill, link: linkWaybill,
		columns: []column[w]{
			merchantColumn[evidence.Waybill](),
			textColumn("waybill_no", "number, unique per merchant", func(r *w) *string { return &r.row.No }).must(),
			textColumn("order_id", "order declared to the carrier; need not exist", func(r *w) *string { return &r.row.OrderID }),
			textColumn("carrier", "code of the carrier", func(r *w) *string { return &r.row.Carrier }),
			choiceColumn("status", "where the parcel stands", waybillStatuses(), func(r *w) *evidence.WaybillStatus { return &r.row.Status }).must(),
			timeColumn("created_at", "waybill drawn up", func(r *w) *time.Time { return &r.row.CreatedAt }),
			timeColumn("picked_up_at", "taken over by the carrier", func(r *w) *time.Time { return &r.row.PickedUpAt }),
			timeColumn("signed_at", "received", func(r *w) *time.Time { return &r.row.SignedAt }),
			textColumn("origin", "city or district code", func(r *w) *string { return &r.row.Origin }),
			textColumn("destination", "city or district code", func(r *w) *string { return &r.row.Destination }),
			countColumn("distance_km", "kilometres", "length of the route", 1, 0, func(r *w) *int32 { return &r.row.DistanceKM }),
			countColumn("weight_grams", "grams", "as weighed", 1, 0, func(r *w) *int32 { return &r.row.WeightGrams }),
			moneyColumn("freight_fen", "paid to the carrier; 0 = not said", false, func(r *w) *money.Amount { return &r.row.Freight }),
			countColumn("scans", "events", "tracking events", 0, -1, func(r *w) *int32 { return &r.row.Scans }),
		},
	}
}

func transactionSchema() schema[owned[evidence.Transaction]] {
	type t = owned[evidence.Transaction]
	return schema[t]{
		file: fileTransactions, about: "One row per booked bank or wallet row.",
		check: func(*t) []problem { return nil }, link: linkTransaction,
		columns: []column[t]{
			merchantColumn[evidence.Transaction](),
			textColumn("transaction_id", "id, unique per merchant", func(r *t) *string { return &r.row.ID }).must(),
			textColumn("account_id", "account the row stands on", func(r *t) *string { return &r.row.AccountID }).must(),
			dayColumn("booked_at", "booked", func(r *t) *time.Time { return &r.row.BookedAt }).must(),
			moneyColumn("amount_fen", "positive = credit to the merchant", true, func(r *t) *money.Amount { return &r.row.Amount }).must(),
			optionalMoneyColumn("balance_fen", "of the account after the row, may be negative", func(r *t) **money.Amount { return &r.row.Balance }),
			choiceColumn("kind", "what the row is for", txKinds(), func(r *t) *evidence.TxKind { return &r.row.Kind }).must(),
			textColumn("counterparty_id", "pseudonym of the other account", func(r *t) *string { return &r.row.CounterpartyID }),
			textColumn("description", "text of the row", func(r *t) *string { return &r.row.Description }),
		},
	}
}

func billSchema() schema[owned[evidence.UtilityBill]] {
	type b = owned[evidence.UtilityBill]
	kinds := []evidence.UtilityKind{evidence.Electricity, evidence.Water, evidence.Gas}
	return schema[b]{
		file: fileBills, about: "One row per billing period of a meter.",
		check: checkBill, link: linkBill,
		columns: []column[b]{
			merchantColumn[evidence.UtilityBill](),
			textColumn("bill_id", "id, unique per merchant", func(r *b) *string { return &r.row.ID }).must(),
			textColumn("meter_id", "meter", func(r *b) *string { return &r.row.MeterID }).must(),
			choiceColumn("kind", "what the meter measures", kinds, func(r *b) *evidence.UtilityKind { return &r.row.Kind }).must(),
			dayColumn("period_start", "first day", func(r *b) *time.Time { return &r.row.PeriodStart }).must(),
			dayColumn("period_end", "day after the last", func(r *b) *time.Time { return &r.row.PeriodEnd }).must(),
			countColumn("quantity", "watt-hours; litres for water and gas", "used in the period", 0, -1, func(r *b) *int64 { return &r.row.Quantity }),
			moneyColumn("amount_fen", "charged", false, func(r *b) *money.Amount { return &r.row.Amount }).must(),
			dayColumn("due_at", "last day to pay", func(r *b) *time.Time { return &r.row.DueAt }),
			dayColumn("paid_at", "paid; empty = not paid", func(r *b) *time.Time { return &r.row.PaidAt }),
		},
	}
}

func bureauSchema() schema[owned[evidence.BureauReport]] {
	type b = owned[evidence.BureauReport]
	return schema[b]{
		file: fileBureau, about: "At most one row per merchant: the credit reference centre's report. No row means no report; found = false means the centre knows nothing.",
		check: checkBureau, link: linkBureau,
		columns: []column[b]{
			merchantColumn[evidence.BureauReport](),
			textColumn("report_id", "id of the report", func(r *b) *string { return &r.row.ReportID }).must(),
			timeColumn("pulled_at", "moment of the report", func(r *b) *time.Time { return &r.row.PulledAt }).must(),
			boolColumn("found", "false = thin file: no number below means anything", func(r *b) *bool { return &r.row.Found }).must(),
			countColumn("open_loans", "loans", "not yet repaid elsewhere", 0, always, func(r *b) *int32 { return &r.row.OpenLoans }).must(),
			moneyColumn("outstanding_fen", "owed elsewhere", false, func(r *b) *money.Amount { return &r.row.Outstanding }).must(),
			moneyColumn("monthly_debt_fen", "scheduled payments elsewhere, per month", false, func(r *b) *money.Amount { return &r.row.MonthlyDebt }).must(),
			countColumn("max_dpd_24m", "days", "worst days past due in 24 months", 0, always, func(r *b) *int32 { return &r.row.MaxDPD24M }).must(),
			countColumn("current_dpd", "days", "past due now", 0, always, func(r *b) *int32 { return &r.row.CurrentDPD }).must(),
			countColumn("written_off", "loans", "ever written off", 0, always, func(r *b) *int32 { return &r.row.WrittenOff }).must(),
			countColumn("inquiries_90d", "inquiries", "by lenders in 90 days", 0, always, func(r *b) *int32 { return &r.row.Inquiries90D }).must(),
			dayColumn("oldest_opened_at", "oldest loan opened", func(r *b) *time.Time { return &r.row.OldestOpenedAt }),
			countColumn("court_records", "entries", "enforcement entries", 0, always, func(r *b) *int32 { return &r.row.CourtRecords }).must(),
		},
	}
}

func registrySchema() schema[evidence.RegistryRecord] {
	type r = evidence.RegistryRecord
	statuses := []evidence.RegistryStatus{evidence.RegistryActive, evidence.RegistryAbnormal, evidence.RegistryRevoked, evidence.RegistryClosed}
	return schema[r]{
		file: fileRegistry, about: "One row per licence: the business registry's record.",
		check: checkRegistry, link: linkRegistry,
		columns: []column[r]{
			textColumn("licence_number", "unified social credit code of a merchant, unique in the file", func(x *r) *string { return &x.LicenceNumber }).checked(licenceText).must(),
			textColumn("name", "registered name", func(x *r) *string { return &x.Name }).must(),
			textColumn("legal_representative", "name", func(x *r) *string { return &x.LegalRep }),
			choiceColumn("status", "standing of the licence", statuses, func(x *r) *evidence.RegistryStatus { return &x.Status }).must(),
			dayColumn("established_at", "established", func(x *r) *time.Time { return &x.EstablishedAt }),
			dayColumn("expires_at", "end of the licence; empty = no end", func(x *r) *time.Time { return &x.ExpiresAt }),
			textColumn("region", "six-digit division code", func(x *r) *string { return &x.Region }).checked(regionText),
			textColumn("industry", "line of business", func(x *r) *string { return &x.Industry }),
			textColumn("kind", "individual, company or cooperative", func(x *r) *string { return &x.Kind }),
			moneyColumn("registered_capital_fen", "registered capital; 0 = not said", false, func(x *r) *money.Amount { return &x.RegisteredCapital }),
			dayColumn("changed_at", "last change of owner or licence", func(x *r) *time.Time { return &x.ChangedAt }),
		},
	}
}
