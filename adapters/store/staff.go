package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"loan310/app/audit"
	"loan310/app/fault"
	"loan310/app/security"
)

type staffRow struct {
	ID           string
	Login        string
	Name         string
	Role         string
	PasswordHash string
	Demo         bool
	DisabledAt   moment
}

func (staffRow) TableName() string { return "staff" }

type apiKeyRow struct {
	ID         string
	PlatformID string
	Hash       string
	Demo       bool
	Created    moment `gorm:"column:created_at"`
	RevokedAt  moment
}

func (apiKeyRow) TableName() string { return "api_keys" }

// SaveStaff stores a staff member, or replaces the one of the same login,
// whose id stays.
func (s credentials) SaveStaff(ctx context.Context, staff security.Staff, entry audit.Entry) error {
	err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		_, err := exec(ctx, tx, `INSERT INTO staff (id, login, name, role, password_hash, demo, disabled_at) VALUES (?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (login) DO UPDATE SET name = excluded.name, role = excluded.role, password_hash = excluded.password_hash,
			demo = excluded.demo, disabled_at = excluded.disabled_at`,
			staff.ID, staff.Login, staff.Name, string(staff.Role), staff.PasswordHash, staff.Demo, at(staff.DisabledAt))
		if err != nil {
			return err
		}
		return record(ctx, tx, entry)
	})
	return failed("storing a staff member", err)
}

// StaffByLogin gives a staff member; fault.NotFound when there is none.
func (s credentials) StaffByLogin(ctx context.Context, login string) (security.Staff, error) {
	return s.person(ctx, "SELECT * FROM staff WHERE login = ?", login)
}

// StaffByID gives a staff member; fault.NotFound when there is none.
func (s credentials) StaffByID(ctx context.Context, id string) (security.Staff, error) {
	return s.person(ctx, "SELECT * FROM staff WHERE id = ?", id)
}

func (s credentials) person(ctx context.Context, sql, value string) (security.Staff, error) {
	row, err := queryOne[staffRow](ctx, s.db.engine.reader(), sql, value)
	if err != nil {
		return security.Staff{}, failed("reading a staff member", missing("staff member", err))
	}
	return row.staff(), nil
}

func (r staffRow) staff() security.Staff {
	return security.Staff{
		ID: r.ID, Login: r.Login, Name: r.Name, Role: security.Role(r.Role), PasswordHash: r.PasswordHash,
		Demo: r.Demo, DisabledAt: r.DisabledAt.Time,
	}
}

// StaffList gives everybody by login, the disabled too.
func (s credentials) StaffList(ctx context.Context) ([]security.Staff, error) {
	rows, err := query[staffRow](ctx, s.db.engine.reader(), "SELECT * FROM staff ORDER BY login")
	if err != nil {
		return nil, failed("listing staff", err)
	}
	people := make([]security.Staff, len(rows))
	for i, row := range rows {
		people[i] = row.staff()
	}
	return people, nil
}

// DisableStaff marks a person disabled, once.
func (s credentials) DisableStaff(ctx context.Context, id string, now time.Time, entry audit.Entry) error {
	err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		changed, err := exec(ctx, tx, "UPDATE staff SET disabled_at = ? WHERE id = ? AND disabled_at IS NULL", now.UnixMicro(), id)
		if err != nil {
			return err
		}
		if changed == 1 {
			return record(ctx, tx, entry)
		}
		if _, err := queryOne[staffRow](ctx, tx, "SELECT * FROM staff WHERE id = ?", id); err != nil {
			return missing("staff member", err)
		}
		return fault.New(fault.Conflict, fault.CodeWrongState, "this person is disabled already")
	})
	return failed("disabling a staff member", err)
}

// SaveAPIKey stores a new key. A hash or id stored before is a Conflict with
// fault.CodeDuplicate.
func (s credentials) SaveAPIKey(ctx context.Context, k security.APIKey, entry audit.Entry) error {
	err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		_, err := exec(ctx, tx, "INSERT INTO api_keys (id, platform_id, hash, demo, created_at, revoked_at) VALUES (?, ?, ?, ?, ?, ?)",
			k.ID, k.PlatformID, k.Hash, k.Demo, at(k.CreatedAt), at(k.RevokedAt))
		if err != nil {
			return err
		}
		return record(ctx, tx, entry)
	})
	return failed("storing an API key", err)
}

// APIKeyByHash gives a key, revoked or not; fault.NotFound when there is none.
func (s credentials) APIKeyByHash(ctx context.Context, hash string) (security.APIKey, error) {
	row, err := queryOne[apiKeyRow](ctx, s.db.engine.reader(), "SELECT * FROM api_keys WHERE hash = ?", hash)
	if err != nil {
		return security.APIKey{}, failed("reading an API key", missing("API key", err))
	}
	return row.key(), nil
}

func (r apiKeyRow) key() security.APIKey {
	return security.APIKey{
		ID: r.ID, PlatformID: r.PlatformID, Hash: r.Hash, Demo: r.Demo,
		CreatedAt: r.Created.Time, RevokedAt: r.RevokedAt.Time,
	}
}

// APIKeys gives all keys by platform and age, the revoked too.
func (s credentials) APIKeys(ctx context.Context) ([]security.APIKey, error) {
	rows, err := query[apiKeyRow](ctx, s.db.engine.reader(), "SELECT * FROM api_keys ORDER BY platform_id, created_at, id")
	if err != nil {
		return nil, failed("listing API keys", err)
	}
	keys := make([]security.APIKey, len(rows))
	for i, row := range rows {
		keys[i] = row.key()
	}
	return keys, nil
}

// RevokeAPIKey marks a key revoked, once.
func (s credentials) RevokeAPIKey(ctx context.Context, id string, now time.Time, entry audit.Entry) error {
	err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		changed, err := exec(ctx, tx, "UPDATE api_keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", now.UnixMicro(), id)
		if err != nil {
			return err
		}
		if changed == 1 {
			return record(ctx, tx, entry)
		}
		if _, err := queryOne[apiKeyRow](ctx, tx, "SELECT * FROM api_keys WHERE id = ?", id); err != nil {
			return missing("API key", err)
		}
		return fault.New(fault.Conflict, fault.CodeWrongState, "this key is revoked already")
	})
	return failed("revoking an API key", err)
}
