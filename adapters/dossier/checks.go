package dossier

import (
	"errors"
	"hash/fnv"
	"strings"
	"time"

	"loan310/app/fault"
	"loan310/app/ident"
	"loan310/scoring/evidence"
)

// birthHorizon stands in for today when only the checksum of an identity
// number is judged; the age is judged against the application.
func birthHorizon() time.Time { return time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC) }

func licenceText(text string) (string, error) { return exact(text, ident.Licence) }
func cardText(text string) (string, error)    { return exact(text, ident.Card) }
func phoneText(text string) (string, error)   { return exact(text, ident.Phone) }

func identityText(text string) (string, error) {
	return exact(text, func(text string) (string, error) { return ident.Identity(text, birthHorizon()) })
}

// exact runs an identifier check and gives its message alone.
func exact(text string, check func(string) (string, error)) (string, error) {
	normal, err := check(text)
	if refused, ok := errors.AsType[*fault.Error](err); ok {
		return "", errors.New(refused.Message)
	}
	return normal, err
}

func regionText(text string) (string, error) {
	if len(text) != 6 || strings.Trim(text, "0123456789") != "" {
		return "", errors.New("is not a six-digit division code")
	}
	return text, nil
}

// notBefore reports a moment that lies before an earlier step; a step nobody
// told cannot be judged.
func notBefore(found []problem, column string, moment time.Time, earlierColumn string, earlier time.Time) []problem {
	if moment.IsZero() || earlier.IsZero() || !moment.Before(earlier) {
		return found
	}
	return append(found, badRow(column, "lies before %s", earlierColumn))
}

func checkMerchant(*Merchant) []problem { return nil }

func checkApplication(row *Application) (found []problem) {
	if row.Amount <= 0 {
		found = append(found, badRow("amount_fen", "must be above zero"))
	}
	if row.TenorMonths > 360 {
		found = append(found, badRow("tenor_months", "must be at most 360"))
	}
	return found
}

func checkOrder(owned *owned[evidence.Order]) (found []problem) {
	row := &owned.row
	found = notBefore(found, "paid_at", row.PaidAt, "created_at", row.CreatedAt)
	found = notBefore(found, "delivered_at", row.DeliveredAt, "created_at", row.CreatedAt)
	found = notBefore(found, "delivered_at", row.DeliveredAt, "shipped_at", row.ShippedAt)
	found = notBefore(found, "refunded_at", row.RefundedAt, "paid_at", row.PaidAt)
	if row.Freight > row.Amount {
		found = append(found, badRow("freight_fen", "is more than amount_fen"))
	}
	if row.Refund > row.Amount {
		found = append(found, badRow("refund_fen", "is more than amount_fen"))
	}
	if row.ReviewScore > 5 {
		found = append(found, badRow("review_score", "must be 1 to 5"))
	}
	return found
}

func checkWaybill(owned *owned[evidence.Waybill]) (found []problem) {
	row := &owned.row
	found = notBefore(found, "picked_up_at", row.PickedUpAt, "created_at", row.CreatedAt)
	found = notBefore(found, "signed_at", row.SignedAt, "created_at", row.CreatedAt)
	return notBefore(found, "signed_at", row.SignedAt, "picked_up_at", row.PickedUpAt)
}

func checkBill(owned *owned[evidence.UtilityBill]) (found []problem) {
	row := &owned.row
	if !row.PeriodEnd.After(row.PeriodStart) {
		found = append(found, badRow("period_end", "is not after period_start"))
	}
	found = notBefore(found, "due_at", row.DueAt, "period_start", row.PeriodStart)
	return notBefore(found, "paid_at", row.PaidAt, "period_start", row.PeriodStart)
}

func checkBureau(owned *owned[evidence.BureauReport]) (found []problem) {
	row := &owned.row
	found = notBefore(found, "pulled_at", row.PulledAt, "oldest_opened_at", row.OldestOpenedAt)
	if row.CurrentDPD > row.MaxDPD24M {
		found = append(found, badRow("current_dpd", "is more than max_dpd_24m"))
	}
	numbers := int64(row.OpenLoans|row.MaxDPD24M|row.WrittenOff|row.Inquiries90D|row.CourtRecords) | int64(row.Outstanding|row.MonthlyDebt)
	if !row.Found && numbers != 0 {
		found = append(found, badRow("found", "is false although a number is given"))
	}
	return found
}

func checkRegistry(row *evidence.RegistryRecord) (found []problem) {
	found = notBefore(found, "expires_at", row.ExpiresAt, "established_at", row.EstablishedAt)
	return notBefore(found, "changed_at", row.ChangedAt, "established_at", row.EstablishedAt)
}

// register remembers what later rows refer to: ids, as 16-byte hashes, and
// each merchant's identity number. It is the only part of a validation that
// grows with the data, by about 40 bytes a row.
type register struct {
	merchants    map[string]string // id -> identity number
	licences     map[string]bool
	applications map[string]time.Time
	seen         map[[16]byte]struct{} // of the file being read
}

func newRegister() *register {
	return &register{merchants: map[string]string{}, licences: map[string]bool{}, applications: map[string]time.Time{}, seen: map[[16]byte]struct{}{}}
}

// unique reports an id met before in this file.
func (r *register) unique(column string, parts ...string) *problem {
	hash := fnv.New128a()
	for _, part := range parts {
		_, _ = hash.Write([]byte(part))
		_, _ = hash.Write([]byte{0})
	}
	key := [16]byte(hash.Sum(nil))
	if _, again := r.seen[key]; again {
		bad := badRow(column, "%q was given before", parts[len(parts)-1])
		return &bad
	}
	r.seen[key] = struct{}{}
	return nil
}

// ofMerchant reports an unknown merchant or an id this merchant has already.
func (r *register) ofMerchant(merchant, column, id string) *problem {
	if _, known := r.merchants[merchant]; !known {
		bad := badRow("merchant_id", "no merchant %q in the merchants file", merchant)
		return &bad
	}
	return r.unique(column, merchant, id)
}

func linkMerchant(row *Merchant, r *register) *problem {
	if bad := r.unique("merchant_id", row.ID); bad != nil {
		return bad
	}
	r.merchants[row.ID] = row.IdentityNumber
	r.licences[row.LicenceNumber] = true
	return nil
}

func linkApplication(row *Application, r *register) *problem {
	identity, known := r.merchants[row.MerchantID]
	if !known {
		bad := badRow("merchant_id", "no merchant %q in the merchants file", row.MerchantID)
		return &bad
	}
	if identity != "" {
		if _, err := ident.Identity(identity, row.AppliedAt); err != nil {
			bad := badRow("applied_at", "the legal representative was younger than 18")
			return &bad
		}
	}
	if bad := r.unique("application_id", row.ID); bad != nil {
		return bad
	}
	r.applications[row.ID] = row.AppliedAt
	return nil
}

func linkOutcome(row *Outcome, r *register) *problem {
	applied, known := r.applications[row.ApplicationID]
	if !known {
		bad := badRow("application_id", "no application %q in the applications file", row.ApplicationID)
		return &bad
	}
	if row.ObservedAt.Before(applied) {
		bad := badRow("observed_at", "lies before the application")
		return &bad
	}
	return r.unique("application_id", row.ApplicationID)
}

func linkOrder(row *owned[evidence.Order], r *register) *problem {
	return r.ofMerchant(row.merchant, "order_id", row.row.ID)
}

func linkWaybill(row *owned[evidence.Waybill], r *register) *problem {
	return r.ofMerchant(row.merchant, "waybill_no", row.row.No)
}

func linkTransaction(row *owned[evidence.Transaction], r *register) *problem {
	return r.ofMerchant(row.merchant, "transaction_id", row.row.ID)
}

func linkBill(row *owned[evidence.UtilityBill], r *register) *problem {
	return r.ofMerchant(row.merchant, "bill_id", row.row.ID)
}

func linkBureau(row *owned[evidence.BureauReport], r *register) *problem {
	return r.ofMerchant(row.merchant, "merchant_id", row.merchant)
}

func linkRegistry(row *evidence.RegistryRecord, r *register) *problem {
	if !r.licences[row.LicenceNumber] {
		bad := badRow("licence_number", "no merchant has this licence")
		return &bad
	}
	return r.unique("licence_number", row.LicenceNumber)
}
