package store

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"loan310/app/audit"
	"loan310/app/fault"
	"loan310/app/merchant"
	"loan310/scoring/evidence"
)

// Merchants gives the store of merchants.
func (db *DB) Merchants() merchant.Store { return merchants{db} }

type merchants struct{ db *DB }

type merchantRow struct {
	ID            string
	Version       int64
	State         string
	PlatformID    string
	Language      string
	PhoneIndex    *string
	LicenceIndex  *string
	LicenceStatus string
	EstablishedAt moment
	Region        string
	Industry      string
	LicenceKind   string
	PayoutRail    string
	Personal      []byte
	Steps         document[map[merchant.Step]progressDoc]
	Consents      document[[]consentDoc]
	Created       moment `gorm:"column:created_at"`
	ActivatedAt   moment
}

func (merchantRow) TableName() string { return "merchants" }

// progressDoc is a registration step as stored.
type progressDoc struct {
	State string    `json:"state"`
	Code  string    `json:"code,omitempty"`
	At    time.Time `json:"at,omitzero"`
}

// consentDoc is a consent as stored.
type consentDoc struct {
	Source      string    `json:"source"`
	Version     string    `json:"version"`
	Language    string    `json:"language"`
	GivenAt     time.Time `json:"given_at,omitzero"`
	WithdrawnAt time.Time `json:"withdrawn_at,omitzero"`
}

// personal is the personal data of a merchant, encrypted as one value.
type personal struct {
	Phone          string `json:"phone,omitempty"`
	LicenceNumber  string `json:"licence_number,omitempty"`
	LicenceName    string `json:"licence_name,omitempty"`
	LicenceRep     string `json:"licence_rep,omitempty"`
	RepName        string `json:"rep_name,omitempty"`
	IdentityNumber string `json:"identity_number,omitempty"`
	PayoutNumber   string `json:"payout_number,omitempty"`
	PayoutHolder   string `json:"payout_holder,omitempty"`
}

// Create stores a new merchant.
func (s merchants) Create(ctx context.Context, m merchant.Merchant, entry audit.Entry) error {
	row, err := s.row(m)
	if err != nil {
		return failed("storing a merchant", err)
	}
	err = s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		if err := gorm.G[merchantRow](tx).Create(ctx, &row); err != nil {
			return s.taken(err)
		}
		if err := s.db.noteIdentifiers(ctx, tx, m.ID, append(ownIdentifiers(m), cameFrom(m.Origin)...), m.CreatedAt, time.Time{}); err != nil {
			return err
		}
		return record(ctx, tx, entry)
	})
	return failed("storing a merchant", err)
}

// Merchant gives one merchant.
func (s merchants) Merchant(ctx context.Context, id string) (merchant.Merchant, error) {
	return s.find(ctx, "id = ?", id)
}

// ByPhone finds a merchant by its phone.
func (s merchants) ByPhone(ctx context.Context, phone string) (merchant.Merchant, error) {
	index, err := s.db.keys.blind("phone", phone)
	if err != nil {
		return merchant.Merchant{}, failed("finding a merchant", err)
	}
	return s.find(ctx, "phone_index = ?", index)
}

// Update stores a merchant over the version it was read at.
func (s merchants) Update(ctx context.Context, m merchant.Merchant, entry audit.Entry) (merchant.Merchant, error) {
	row, err := s.row(m)
	if err != nil {
		return merchant.Merchant{}, failed("updating a merchant", err)
	}
	err = s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		changed, err := exec(ctx, tx, `UPDATE merchants SET version = version + 1, state = ?, platform_id = ?, language = ?,
			phone_index = ?, licence_index = ?, licence_status = ?, established_at = ?, region = ?, industry = ?,
			licence_kind = ?, payout_rail = ?, personal = ?, steps = ?, consents = ?, activated_at = ? WHERE id = ? AND version = ?`,
			row.State, row.PlatformID, row.Language, row.PhoneIndex, row.LicenceIndex, row.LicenceStatus, row.EstablishedAt,
			row.Region, row.Industry, row.LicenceKind, row.PayoutRail, row.Personal,
			row.Steps, row.Consents, row.ActivatedAt, row.ID, row.Version)
		if err != nil {
			return s.taken(err)
		}
		if changed == 0 {
			if _, err := queryOne[merchantRow](ctx, tx, "SELECT * FROM merchants WHERE id = ?", m.ID); err != nil {
				return missing("merchant", err)
			}
			return fault.New(fault.Conflict, fault.CodeStale, "the merchant was changed meanwhile")
		}
		if err := s.db.noteIdentifiers(ctx, tx, m.ID, ownIdentifiers(m), s.db.clock(), time.Time{}); err != nil {
			return err
		}
		return record(ctx, tx, entry)
	})
	if err != nil {
		return merchant.Merchant{}, failed("updating a merchant", err)
	}
	m.Version++
	return m, nil
}

// taken names what a unique key of merchants protects.
func (merchants) taken(err error) error {
	switch {
	case duplicate(err, "merchants_phone", "merchants.phone_index"):
		return duplicateOf("phone", "This phone is already registered.", err)
	case duplicate(err, "merchants_licence", "merchants.licence_index"):
		return duplicateOf("licence_number", "This licence is already registered.", err)
	}
	return err
}

func duplicateOf(field, message string, cause error) error {
	return (&fault.Error{Kind: fault.Conflict, Code: fault.CodeDuplicate, Field: field, Message: message}).Wrap(cause)
}

// find reads one merchant.
func (s merchants) find(ctx context.Context, condition string, arg any) (merchant.Merchant, error) {
	row, err := queryOne[merchantRow](ctx, s.db.engine.reader(), "SELECT * FROM merchants WHERE "+condition, arg)
	if err != nil {
		return merchant.Merchant{}, failed("reading a merchant", missing("merchant", err))
	}
	m, err := s.domain(row)
	return m, failed("reading a merchant", err)
}

// row maps a merchant to its row, personal data encrypted.
func (s merchants) row(m merchant.Merchant) (merchantRow, error) {
	row := merchantRow{
		ID: m.ID, Version: m.Version, State: string(m.State), PlatformID: m.PlatformID, Language: m.Language,
		LicenceStatus: string(m.Licence.Status), EstablishedAt: at(m.Licence.EstablishedAt), Region: m.Licence.Region,
		Industry: m.Licence.Industry, LicenceKind: m.Licence.Kind, PayoutRail: m.Payout.Rail,
		Created: at(m.CreatedAt), ActivatedAt: at(m.ActivatedAt),
	}
	if len(m.Steps) > 0 {
		row.Steps.of = make(map[merchant.Step]progressDoc, len(m.Steps))
	}
	for step, progress := range m.Steps {
		row.Steps.of[step] = progressDoc{string(progress.State), string(progress.Code), micros(progress.At)}
	}
	for _, c := range m.Consents {
		row.Consents.of = append(row.Consents.of, consentDoc{string(c.Source), c.Version, c.Language, micros(c.GivenAt), micros(c.WithdrawnAt)})
	}
	var errs [3]error
	row.PhoneIndex, errs[0] = s.indexOf("phone", m.Phone.Reveal())
	row.LicenceIndex, errs[1] = s.indexOf("licence_number", m.Licence.Number)
	row.Personal, errs[2] = s.db.keys.sealJSON(personal{
		Phone: m.Phone.Reveal(), LicenceNumber: m.Licence.Number, LicenceName: m.Licence.Name,
		LicenceRep: m.Licence.LegalRepName.Reveal(), RepName: m.LegalRep.Name.Reveal(),
		IdentityNumber: m.LegalRep.IdentityNumber.Reveal(), PayoutNumber: m.Payout.Number.Reveal(),
		PayoutHolder: m.Payout.Holder.Reveal(),
	}, "merchants", "personal", m.ID)
	return row, errors.Join(errs[:]...)
}

// indexOf gives the blind index of a value, nil for none.
func (s merchants) indexOf(kind, value string) (*string, error) {
	if value == "" {
		return nil, nil
	}
	index, err := s.db.keys.blind(kind, value)
	return &index, err
}

// domain maps a row to a merchant.
func (s merchants) domain(row merchantRow) (merchant.Merchant, error) {
	var p personal
	if err := s.db.keys.openJSON(row.Personal, &p, "merchants", "personal", row.ID); err != nil {
		return merchant.Merchant{}, err
	}
	m := merchant.Merchant{
		ID: row.ID, Version: row.Version, State: merchant.State(row.State), PlatformID: row.PlatformID,
		Language: row.Language, Phone: merchant.Secret(p.Phone),
		Licence: merchant.Licence{
			Number: p.LicenceNumber, Name: p.LicenceName, LegalRepName: merchant.Secret(p.LicenceRep),
			Status: evidence.RegistryStatus(row.LicenceStatus), EstablishedAt: row.EstablishedAt.Time,
			Region: row.Region, Industry: row.Industry, Kind: row.LicenceKind,
		},
		LegalRep:    merchant.LegalRep{Name: merchant.Secret(p.RepName), IdentityNumber: merchant.Secret(p.IdentityNumber)},
		Payout:      merchant.PayoutAccount{Rail: row.PayoutRail, Number: merchant.Secret(p.PayoutNumber), Holder: merchant.Secret(p.PayoutHolder)},
		CreatedAt:   row.Created.Time,
		ActivatedAt: row.ActivatedAt.Time,
	}
	if len(row.Steps.of) > 0 {
		m.Steps = make(map[merchant.Step]merchant.Progress, len(row.Steps.of))
	}
	for step, progress := range row.Steps.of {
		m.Steps[step] = merchant.Progress{State: merchant.StepState(progress.State), Code: fault.Code(progress.Code), At: progress.At}
	}
	for _, c := range row.Consents.of {
		m.Consents = append(m.Consents, merchant.Consent{
			Source: evidence.Source(c.Source), Version: c.Version, Language: c.Language, GivenAt: c.GivenAt, WithdrawnAt: c.WithdrawnAt,
		})
	}
	return m, nil
}
