package security

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"

	"loan310/app/audit"
	"loan310/app/fault"
)

// AddStaff stores a staff member with a password of at least 12 characters,
// or replaces the one of that login: a disabled one may sign in again, and
// sessions begun with the old password are over.
func (s *Service) AddStaff(ctx context.Context, login, name, password string, role Role, demo bool, actor audit.Actor) (Staff, error) {
	if len([]rune(password)) < 12 {
		return Staff{}, fault.Field("password", fault.CodeInvalid, "A password needs at least 12 characters.")
	}
	hash, err := hashPassword(password)
	if err != nil {
		return Staff{}, err
	}
	person := Staff{ID: s.deps.NewID(), Login: plainLogin(login), Name: name, Role: role, PasswordHash: hash, Demo: demo}
	switch before, err := s.deps.Store.StaffByLogin(ctx, person.Login); {
	case err == nil:
		person.ID = before.ID
	case fault.KindOf(err) != fault.NotFound:
		return Staff{}, err
	}
	entry := audit.Entry{At: s.deps.Now(), Actor: actor, Action: "staff.saved", Subject: "staff/" + person.ID, Detail: string(role)}
	return person, s.deps.Store.SaveStaff(ctx, person, entry)
}

// DisableStaff ends a person's access at once, open sessions included. Nobody
// of that login is fault.NotFound, one disabled before fault.Conflict.
func (s *Service) DisableStaff(ctx context.Context, login string, actor audit.Actor) error {
	person, err := s.deps.Store.StaffByLogin(ctx, plainLogin(login))
	if err != nil {
		return err
	}
	now := s.deps.Now()
	entry := audit.Entry{At: now, Actor: actor, Action: "staff.disabled", Subject: "staff/" + person.ID, Detail: string(person.Role)}
	return s.deps.Store.DisableStaff(ctx, person.ID, now, entry)
}

// StaffList gives everybody by login, the disabled too.
func (s *Service) StaffList(ctx context.Context) ([]Staff, error) {
	return s.deps.Store.StaffList(ctx)
}

// SignedIn gives the person of a session as they are now. A session is over
// (fault.Unauthorized) when the person is gone or disabled, or has another
// password than when it began, which its mark tells.
func (s *Service) SignedIn(ctx context.Context, id, mark string) (Staff, error) {
	person, err := s.deps.Store.StaffByID(ctx, id)
	if fault.KindOf(err) == fault.NotFound || (err == nil && (!person.DisabledAt.IsZero() || person.SessionMark() != mark)) {
		return Staff{}, fault.New(fault.Unauthorized, CodeSignedOut, "You are signed out. Sign in again.")
	}
	return person, err
}

// SessionMark changes whenever a password is set. Sessions carry it; it tells
// nothing of the password.
func (s Staff) SessionMark() string { return keyHash(s.PasswordHash) }

func plainLogin(login string) string { return strings.ToLower(strings.TrimSpace(login)) }

// AddAPIKey makes a key for a platform; the plain key is given once. A fixed
// plain key may be asked for demo keys only.
func (s *Service) AddAPIKey(ctx context.Context, platformID, demoKey string, actor audit.Actor) (string, error) {
	if !regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$`).MatchString(platformID) {
		return "", fault.Field("platform", fault.CodeInvalid, "A platform's id has 1 to 64 letters, digits, dots, hyphens and underscores.")
	}
	plain := demoKey
	if plain == "" {
		raw := make([]byte, 32)
		if _, err := rand.Read(raw); err != nil {
			return "", fmt.Errorf("draw an API key: %w", err)
		}
		plain = "l310_" + base64.RawURLEncoding.EncodeToString(raw)
	}
	key := APIKey{ID: s.deps.NewID(), PlatformID: platformID, Hash: keyHash(plain), Demo: demoKey != "", CreatedAt: s.deps.Now()}
	entry := audit.Entry{At: s.deps.Now(), Actor: actor, Action: "api_key.made", Subject: "api_key/" + key.ID, Detail: platformID}
	return plain, s.deps.Store.SaveAPIKey(ctx, key, entry)
}

// RevokeAPIKey ends a key at once. No such key is fault.NotFound, one revoked
// before fault.Conflict.
func (s *Service) RevokeAPIKey(ctx context.Context, keyID string, actor audit.Actor) error {
	now := s.deps.Now()
	entry := audit.Entry{At: now, Actor: actor, Action: "api_key.revoked", Subject: "api_key/" + keyID}
	return s.deps.Store.RevokeAPIKey(ctx, keyID, now, entry)
}

// APIKeys gives all keys by platform and age, the revoked too.
func (s *Service) APIKeys(ctx context.Context) ([]APIKey, error) { return s.deps.Store.APIKeys(ctx) }

// Platform gives the key's record for a plain API key.
func (s *Service) Platform(ctx context.Context, plain string) (APIKey, error) {
	key, err := s.deps.Store.APIKeyByHash(ctx, keyHash(plain))
	if fault.KindOf(err) == fault.NotFound || (err == nil && !key.RevokedAt.IsZero()) {
		return APIKey{}, fault.New(fault.Unauthorized, CodeBadKey, "The API key is not valid.")
	}
	return key, err
}
