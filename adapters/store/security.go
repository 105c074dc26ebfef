package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"loan310/app/fault"
	"loan310/app/security"
)

// Security gives the store of credentials.
func (db *DB) Security() security.Store { return credentials{db} }

type credentials struct{ db *DB }

type challengeRow struct {
	ID         string
	PhoneIndex string
	Phone      []byte
	CodeHash   string
	Language   string
	Created    moment `gorm:"column:created_at"`
	ExpiresAt  moment
	Attempts   int
	UsedAt     moment
}

func (challengeRow) TableName() string { return "challenges" }

// SaveChallenge stores a new challenge.
func (s credentials) SaveChallenge(ctx context.Context, c security.Challenge) error {
	index, err := s.db.keys.blind("phone", c.Phone)
	if err != nil {
		return failed("storing a challenge", err)
	}
	sealed, err := s.db.keys.seal([]byte(c.Phone), "challenges", "phone", c.ID)
	if err != nil {
		return failed("storing a challenge", err)
	}
	row := challengeRow{
		ID: c.ID, PhoneIndex: index, Phone: sealed, CodeHash: c.CodeHash, Language: c.Language,
		Created: at(c.CreatedAt), ExpiresAt: at(c.ExpiresAt), Attempts: c.Attempts, UsedAt: at(c.UsedAt),
	}
	err = s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error { return gorm.G[challengeRow](tx).Create(ctx, &row) })
	return failed("storing a challenge", err)
}

// CountChallenges tells how many challenges were made for a phone at or after
// a time.
func (s credentials) CountChallenges(ctx context.Context, phone string, since time.Time) (int64, error) {
	index, err := s.db.keys.blind("phone", phone)
	if err != nil {
		return 0, failed("counting challenges", err)
	}
	count, err := queryOne[int64](ctx, s.db.engine.reader(),
		"SELECT COUNT(*) FROM challenges WHERE phone_index = ? AND created_at >= ?", index, since.UnixMicro())
	return count, failed("counting challenges", err)
}

// TryChallenge counts an attempt and gives the challenge as it was before.
func (s credentials) TryChallenge(ctx context.Context, id string) (security.Challenge, error) {
	var row challengeRow
	err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		var err error
		row, err = queryOne[challengeRow](ctx, tx, "UPDATE challenges SET attempts = attempts + 1 WHERE id = ? RETURNING *", id)
		return missing("challenge", err)
	})
	if err != nil {
		return security.Challenge{}, failed("trying a challenge", err)
	}
	phone, err := s.db.keys.open(row.Phone, "challenges", "phone", row.ID)
	if err != nil {
		return security.Challenge{}, failed("trying a challenge", err)
	}
	return security.Challenge{
		ID: row.ID, Phone: string(phone), CodeHash: row.CodeHash, Language: row.Language, CreatedAt: row.Created.Time,
		ExpiresAt: row.ExpiresAt.Time, Attempts: row.Attempts - 1, UsedAt: row.UsedAt.Time,
	}, nil
}

// UseChallenge marks a challenge used, once.
func (s credentials) UseChallenge(ctx context.Context, id string, now time.Time) error {
	err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		changed, err := exec(ctx, tx, "UPDATE challenges SET used_at = ? WHERE id = ? AND used_at IS NULL", now.UnixMicro(), id)
		if err != nil || changed == 1 {
			return err
		}
		if _, err := queryOne[challengeRow](ctx, tx, "SELECT * FROM challenges WHERE id = ?", id); err != nil {
			return missing("challenge", err)
		}
		return fault.New(fault.Conflict, fault.CodeWrongState, "this code was used already")
	})
	return failed("using a challenge", err)
}

// HasDemo tells whether demo staff or demo keys exist.
func (s credentials) HasDemo(ctx context.Context) (bool, error) {
	count, err := queryOne[int64](ctx, s.db.engine.reader(),
		"SELECT (SELECT COUNT(*) FROM staff WHERE demo) + (SELECT COUNT(*) FROM api_keys WHERE demo)")
	return count > 0, failed("looking for demo credentials", err)
}
