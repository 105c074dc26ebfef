package security

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"

	"loan310/app/clock"
	"loan310/app/fault"
	"loan310/app/ident"
)

// Limits of one-time codes.
const (
	CodeLife        = 5 * time.Minute
	MaxAttempts     = 5
	MaxCodesPerHour = 8
)

// CodeSender delivers a one-time code. The same key sends once.
type CodeSender interface {
	SendCode(ctx context.Context, phone, code, language, key string) error
}

// Deps are what a Service stands on; all are required. Pepper keys the hashes
// of one-time codes, at least 32 bytes.
type Deps struct {
	Store  Store
	Sender CodeSender
	Now    clock.Clock
	NewID  func() string
	Pepper []byte
}

// Service signs people and platforms in.
type Service struct{ deps Deps }

// NewService makes a Service.
func NewService(deps Deps) *Service { return &Service{deps: deps} }

// RequestCode sends a one-time code to a phone and gives the challenge's id.
// It answers alike whether or not the phone is registered.
func (s *Service) RequestCode(ctx context.Context, phone, language string) (Challenge, error) {
	number, err := ident.Phone(phone)
	if err != nil {
		return Challenge{}, err
	}
	now := s.deps.Now()
	made, err := s.deps.Store.CountChallenges(ctx, number, now.Add(-time.Hour))
	if err != nil {
		return Challenge{}, err
	}
	if made >= MaxCodesPerHour {
		return Challenge{}, fault.New(fault.Limited, CodeTooMany, "Too many codes were asked for this phone. Try again in an hour.")
	}
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return Challenge{}, fmt.Errorf("draw a one-time code: %w", err)
	}
	code := fmt.Sprintf("%06d", n.Int64())
	c := Challenge{ID: s.deps.NewID(), Phone: number, Language: language, CreatedAt: now, ExpiresAt: now.Add(CodeLife)}
	c.CodeHash = s.codeHash(c.ID, code)
	if err := s.deps.Store.SaveChallenge(ctx, c); err != nil {
		return Challenge{}, err
	}
	if err := s.deps.Sender.SendCode(ctx, number, code, language, c.ID); err != nil {
		return Challenge{}, fmt.Errorf("send a one-time code: %w", err)
	}
	return c, nil
}

// ProveCode checks a code and gives the phone it proves. A challenge can be
// tried MaxAttempts times and used once.
func (s *Service) ProveCode(ctx context.Context, challengeID, code string) (Challenge, error) {
	wrong := fault.Field("code", CodeWrongCode, "The code is not right. Check the latest message, or ask for a new code.")
	c, err := s.deps.Store.TryChallenge(ctx, challengeID)
	if fault.KindOf(err) == fault.NotFound {
		return Challenge{}, wrong
	}
	if err != nil {
		return Challenge{}, err
	}
	now := s.deps.Now()
	switch {
	case c.Attempts >= MaxAttempts:
		return Challenge{}, fault.New(fault.Limited, CodeTooMany, "Too many wrong codes. Ask for a new code.")
	case now.After(c.ExpiresAt) || !c.UsedAt.IsZero():
		return Challenge{}, fault.Field("code", CodeExpired, "The code is no longer valid. Ask for a new code.")
	case !hmac.Equal([]byte(c.CodeHash), []byte(s.codeHash(c.ID, strings.TrimSpace(code)))):
		return Challenge{}, wrong
	}
	if err := s.deps.Store.UseChallenge(ctx, c.ID, now); err != nil {
		return Challenge{}, err
	}
	return c, nil
}

func (s *Service) codeHash(id, code string) string {
	mac := hmac.New(sha256.New, s.deps.Pepper)
	mac.Write([]byte(id + "\x00" + code))
	return hex.EncodeToString(mac.Sum(nil))
}

// Login checks a staff member's password. Every refusal reads the same.
func (s *Service) Login(ctx context.Context, login, password string) (Staff, error) {
	wrong := fault.New(fault.Unauthorized, CodeWrongLogin, "Login or password is wrong.")
	person, err := s.deps.Store.StaffByLogin(ctx, plainLogin(login))
	if fault.KindOf(err) == fault.NotFound {
		_ = passwordFits(unusedHash, password) // the same work, so that time tells nothing
		return Staff{}, wrong
	}
	if err != nil {
		return Staff{}, err
	}
	if !passwordFits(person.PasswordHash, password) || !person.DisabledAt.IsZero() {
		return Staff{}, wrong
	}
	return person, nil
}

// HasDemo tells whether demo credentials exist.
func (s *Service) HasDemo(ctx context.Context) (bool, error) { return s.deps.Store.HasDemo(ctx) }

func keyHash(plain string) string {
	sum := sha256.Sum256([]byte(plain))
	return hex.EncodeToString(sum[:])
}

// Argon2id parameters of RFC 9106's second recommendation: 64 MiB, 3 passes,
// 4 lanes.
const (
	argonTime, argonMemory, argonLanes, argonLength = 3, 64 * 1024, 4, 32
	unusedHash                                      = "$argon2id$v=19$m=65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)

func hashPassword(password string) (string, error) {
	salt := make([]byte, 16)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("draw a salt: %w", err)
	}
	sum := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonLanes, argonLength)
	encode := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonLanes, encode(salt), encode(sum)), nil
}

// passwordFits checks a password against a PHC string made by hashPassword.
func passwordFits(phc, password string) bool {
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false
	}
	var memory, passes uint32
	var lanes uint8
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &passes, &lanes); err != nil {
		return false
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || len(want) != argonLength {
		return false
	}
	got := argon2.IDKey([]byte(password), salt, passes, memory, lanes, argonLength)
	return subtle.ConstantTimeCompare(got, want) == 1
}
