package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"loan310/app/merchant"
	"loan310/app/money"
	"loan310/app/servicing"
	"loan310/app/underwriting"
	"loan310/scoring"
	"loan310/scoring/evidence"
)

// declineMemory is how long a decline counts as recent.
const declineMemory = 30 * 24 * time.Hour

// standingRow is a merchant with what this store knows of its dealings with us.
type standingRow struct {
	Merchant merchantRow `gorm:"embedded"`
	Exposure int64
	Open     int64
	Declined int64
	First    *int64 // a loan was first paid out
	Loans    int64
}

// Standing reads a merchant as an applicant as of a moment: what was dated or
// recorded after it of loans, decisions and payouts changes nothing. Exposure
// is everything drawn or promised on its lines now. Consents are valid when
// that step is verified and at least one is in force; a source without consent
// is withheld, which is for the policy to judge.
func (s underwritings) Standing(ctx context.Context, merchantID, exclude string, asOf time.Time) (underwriting.Standing, error) {
	since, until := asOf.Add(-declineMemory).UnixMicro(), asOf.UnixMicro()
	row, err := queryOne[standingRow](ctx, s.db.engine.reader(), `SELECT m.*,
		(SELECT CAST(COALESCE(SUM(used_fen), 0) AS BIGINT) FROM lines WHERE merchant_id = m.id) AS exposure,
		(SELECT COUNT(*) FROM applications WHERE merchant_id = m.id AND id <> ? AND state IN ('submitted', 'deferred', 'approved')) AS open,
		(SELECT COUNT(*) FROM decisions WHERE merchant_id = m.id AND application_id <> ? AND outcome = 'declined'
			AND decided_at > ? AND decided_at <= ?) AS declined,
		(SELECT MIN(settled_at) FROM drawdowns WHERE merchant_id = m.id AND state = 'paid' AND settled_at <= ?) AS first,
		(SELECT COUNT(*) FROM loans WHERE merchant_id = m.id) AS loans
		FROM merchants m WHERE m.id = ?`, exclude, exclude, since, until, until, merchantID)
	if err != nil {
		return underwriting.Standing{}, failed("reading a merchant's standing", missing("merchant", err))
	}
	m, err := merchants(s).domain(row.Merchant)
	if err != nil {
		return underwriting.Standing{}, failed("reading a merchant's standing", err)
	}
	standing := standingOf(m)
	applicant := &standing.Applicant
	applicant.OpenExposure, applicant.OtherOpen, applicant.DeclinedRecents = money.Amount(row.Exposure), row.Open, row.Declined
	if row.First != nil {
		applicant.FirstLoanAt = time.UnixMicro(*row.First).UTC()
	}
	if row.Loans == 0 {
		return standing, nil
	}
	var found map[string]servicing.Behaviour
	err = s.db.seeing(ctx, func(ctx context.Context, tx *gorm.DB) error {
		var err error
		found, err = behaviours(ctx, tx, []string{merchantID}, asOf)
		return err
	})
	if err != nil {
		return underwriting.Standing{}, failed("reading a merchant's loans", err)
	}
	behaviour := found[merchantID]
	applicant.LoansRepaid, applicant.CurrentDPD, applicant.WorstDPD = int64(behaviour.Repaid), int64(behaviour.DPD), int64(behaviour.WorstDPD)
	applicant.LoansRestructured, applicant.LoansChargedOff = int64(behaviour.Restructured), int64(behaviour.ChargedOff)
	return standing, nil
}

// standingOf maps what the registration tells.
func standingOf(m merchant.Merchant) underwriting.Standing {
	standing := underwriting.Standing{
		Applicant: scoring.Applicant{
			Region: m.Licence.Region, Industry: m.Licence.Industry,
			MerchantActive: m.State == merchant.Active, RegisteredAt: m.CreatedAt,
		},
		LicenceNumber: m.Licence.Number, LegalRep: m.LegalRep.Name.Reveal(), Identity: m.LegalRep.IdentityNumber.Reveal(),
		AccountNumber: m.Payout.Number.Reveal(), Phone: m.Phone.Reveal(), Language: m.Language,
	}
	for _, source := range evidence.Sources {
		if m.Consented(source) {
			standing.Consents = append(standing.Consents, source)
		}
	}
	standing.Applicant.ConsentsValid = len(standing.Consents) > 0 && m.Steps[merchant.StepConsents].State == merchant.StepVerified
	return standing
}
