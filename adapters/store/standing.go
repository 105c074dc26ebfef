package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"loan310/app/merchant"
	"loan310/app/money"
	"loan310/app/underwriting"
	"loan310/scoring"
	"loan310/scoring/evidence"
)

// declineMemory is how long a decline counts as recent.
const declineMemory = 30 * 24 * time.Hour

// Standing reads a merchant as an applicant, as of one moment. Exposure is
// everything drawn or promised on its lines. Consents are valid when that
// step is verified and at least one is in force; a source without consent is
// withheld, which is for the policy to judge. Arrears and loans repaid stay
// zero until repayments are stored.
func (s underwritings) Standing(ctx context.Context, merchantID, exclude string) (underwriting.Standing, error) {
	var standing underwriting.Standing
	err := s.db.seeing(ctx, func(ctx context.Context, tx *gorm.DB) error {
		row, err := gorm.G[merchantRow](tx).Where("id = ?", merchantID).Take(ctx)
		if err != nil {
			return missing("merchant", err)
		}
		m, err := merchants{s.db}.whole(ctx, tx, row)
		if err != nil {
			return err
		}
		standing = standingOf(m)
		return s.history(ctx, tx, merchantID, exclude, &standing.Applicant)
	})
	if err != nil {
		return underwriting.Standing{}, failed("reading a merchant's standing", err)
	}
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

// history adds what this store knows of the merchant's dealings with us.
func (s underwritings) history(ctx context.Context, tx *gorm.DB, merchantID, exclude string, applicant *scoring.Applicant) error {
	type countRow struct {
		Exposure int64
		Open     int64
		Declined int64
	}
	row, err := queryOne[countRow](ctx, tx, `SELECT
		(SELECT CAST(COALESCE(SUM(used_fen), 0) AS BIGINT) FROM lines WHERE merchant_id = ?) AS exposure,
		(SELECT COUNT(*) FROM applications WHERE merchant_id = ? AND id <> ? AND state IN ('submitted', 'deferred', 'approved')) AS open,
		(SELECT COUNT(*) FROM decisions WHERE merchant_id = ? AND application_id <> ? AND outcome = 'declined' AND decided_at > ?) AS declined`,
		merchantID, merchantID, exclude, merchantID, exclude, s.db.clock().Add(-declineMemory).UnixMicro())
	applicant.OpenExposure = money.Amount(row.Exposure)
	applicant.OtherOpen = row.Open
	applicant.DeclinedRecents = row.Declined
	return err
}
