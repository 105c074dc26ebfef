package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"gorm.io/gorm"
)

// Sessions keeps the sessions of scs (it is a scs.CtxStore). Tokens are
// stored as SHA-256 hashes: who reads the table can sign in nowhere.
type Sessions struct{ db *DB }

// Sessions gives the store of sessions.
func (db *DB) Sessions() *Sessions { return &Sessions{db} }

func tokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// FindCtx gives a session's data and whether it is there and not expired.
func (s *Sessions) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	type sessionRow struct{ Data []byte }
	hash := tokenHash(token)
	row, err := queryOne[sessionRow](ctx, s.db.engine.reader(),
		"SELECT data FROM sessions WHERE token_hash = ? AND expires_at > ?", hash, s.db.clock().UnixMicro())
	if none(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, failed("reading a session", err)
	}
	data, err := s.db.keys.open(row.Data, "sessions", "data", hash)
	if err != nil {
		return nil, false, failed("reading a session", err)
	}
	return data, true, nil
}

// CommitCtx stores a session's data until expiry.
func (s *Sessions) CommitCtx(ctx context.Context, token string, data []byte, expiry time.Time) error {
	hash := tokenHash(token)
	sealed, err := s.db.keys.seal(data, "sessions", "data", hash)
	if err != nil {
		return failed("storing a session", err)
	}
	err = s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		_, err := exec(ctx, tx, `INSERT INTO sessions (token_hash, data, expires_at) VALUES (?, ?, ?)
			ON CONFLICT (token_hash) DO UPDATE SET data = excluded.data, expires_at = excluded.expires_at`,
			hash, sealed, expiry.UnixMicro())
		return err
	})
	return failed("storing a session", err)
}

// DeleteCtx forgets a session.
func (s *Sessions) DeleteCtx(ctx context.Context, token string) error {
	err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		_, err := exec(ctx, tx, "DELETE FROM sessions WHERE token_hash = ?", tokenHash(token))
		return err
	})
	return failed("deleting a session", err)
}

// Find is FindCtx without a context, as scs.Store asks for it.
func (s *Sessions) Find(token string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), token)
}

// Commit is CommitCtx without a context, as scs.Store asks for it.
func (s *Sessions) Commit(token string, data []byte, expiry time.Time) error {
	return s.CommitCtx(context.Background(), token, data, expiry)
}

// Delete is DeleteCtx without a context, as scs.Store asks for it.
func (s *Sessions) Delete(token string) error { return s.DeleteCtx(context.Background(), token) }
