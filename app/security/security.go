// Package security knows who is calling: merchants by one-time code, staff by
// password, platforms by API key. Secrets are stored only as hashes.
package security

import (
	"context"
	"time"

	"loan310/app/audit"
	"loan310/app/fault"
)

// Codes of refused sign-ins.
const (
	CodeWrongCode  fault.Code = "wrong_code"
	CodeExpired    fault.Code = "code_expired"
	CodeTooMany    fault.Code = "too_many_attempts"
	CodeWrongLogin fault.Code = "wrong_login"
	CodeBadKey     fault.Code = "api_key_invalid"
	CodeSignedOut  fault.Code = "signed_out"
)

// Role is what a staff member does.
type Role string

// Roles.
const (
	RoleOperator    Role = "operator"
	RoleAnalyst     Role = "analyst"
	RoleCollections Role = "collections"
	RoleCampaign    Role = "campaign"
	RoleAdmin       Role = "admin"
)

// Challenge is a one-time code sent to a phone.
type Challenge struct {
	ID        string
	Phone     string // E.164; encrypted at rest
	CodeHash  string // keyed hash of id and code
	Language  string
	CreatedAt time.Time
	ExpiresAt time.Time
	Attempts  int
	UsedAt    time.Time
}

// Staff is a person of ours.
type Staff struct {
	ID           string
	Login        string // unique, lower case
	Name         string
	Role         Role
	PasswordHash string // argon2id, PHC format
	Demo         bool   // made by `loan310 dev`; refused in production
	DisabledAt   time.Time
}

// APIKey is a platform's credential. The key itself is shown once and kept as
// a hash.
type APIKey struct {
	ID         string
	PlatformID string
	Hash       string // SHA-256 (hex) of the key
	Demo       bool
	CreatedAt  time.Time
	RevokedAt  time.Time
}

// Store keeps credentials.
type Store interface {
	ChallengeStore
	StaffStore
	KeyStore
	// HasDemo tells whether demo staff or demo keys exist.
	HasDemo(ctx context.Context) (bool, error)
}

// ChallengeStore keeps one-time codes.
type ChallengeStore interface {
	// SaveChallenge stores a new challenge; CountChallenges tells how many
	// were made for a phone since a time.
	SaveChallenge(ctx context.Context, c Challenge) error
	CountChallenges(ctx context.Context, phone string, since time.Time) (int64, error)
	// TryChallenge counts an attempt and gives the challenge as it was before,
	// in one transaction; fault.NotFound when there is none.
	TryChallenge(ctx context.Context, id string) (Challenge, error)
	// UseChallenge marks it used, once; a second use is a Conflict.
	UseChallenge(ctx context.Context, id string, at time.Time) error
}

// StaffStore keeps people. Where nobody is meant it is fault.NotFound.
type StaffStore interface {
	// SaveStaff stores or replaces a staff member by login.
	SaveStaff(ctx context.Context, s Staff, entry audit.Entry) error
	StaffByLogin(ctx context.Context, login string) (Staff, error)
	StaffByID(ctx context.Context, id string) (Staff, error)
	// StaffList gives everybody by login, the disabled too.
	StaffList(ctx context.Context) ([]Staff, error)
	// DisableStaff marks a person disabled; doing so again is a Conflict.
	DisableStaff(ctx context.Context, id string, at time.Time, entry audit.Entry) error
}

// KeyStore keeps platforms' keys. Where none is meant it is fault.NotFound.
type KeyStore interface {
	// SaveAPIKey stores a new key; a hash stored before is a Conflict.
	SaveAPIKey(ctx context.Context, k APIKey, entry audit.Entry) error
	APIKeyByHash(ctx context.Context, hash string) (APIKey, error)
	// APIKeys gives all keys by platform and age, the revoked too.
	APIKeys(ctx context.Context) ([]APIKey, error)
	// RevokeAPIKey marks a key revoked; doing so again is a Conflict.
	RevokeAPIKey(ctx context.Context, id string, at time.Time, entry audit.Entry) error
}
