package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"loan310/app/fault"
)

// CodeInProgress marks a request whose twin is being answered right now.
const CodeInProgress fault.Code = "request_in_progress"

// requestLease is how long after its beginning or last Renew a request's
// process counts as dead, and another with its key may take over.
const requestLease = 15 * time.Second

// StoredResponse is an answer given before.
type StoredResponse struct {
	Status      int
	ContentType string
	Body        []byte
	Location    string // header; empty = none
	SetCookie   string // header, encrypted at rest; empty = none
	// KeepUntil is when the answer is forgotten and the key free again; zero =
	// as long as all others (Sweep).
	KeepUntil time.Time
}

// Idempotency remembers answers by scope (who asks for what) and key.
type Idempotency struct{ db *DB }

// Idempotency gives the memory of answers.
func (db *DB) Idempotency() *Idempotency { return &Idempotency{db} }

type idempotencyRow struct {
	RequestHash string
	Status      int
	ContentType string
	Location    string
	Body        []byte
	SetCookie   []byte
	LockedUntil moment
	KeepUntil   moment
	FinishedAt  moment
}

// Begin takes the lease of a request, or gives the answer of its twin. Both
// nil: go on, then Finish or Abandon. The same key with another hash is a
// Mismatch with fault.CodeKeyReused; one being answered by another a Conflict
// with CodeInProgress, until its lease of 15 s is over.
func (s *Idempotency) Begin(ctx context.Context, scope, key, requestHash string, now time.Time) (*StoredResponse, error) {
	var stored *StoredResponse
	until := now.Add(requestLease).UnixMicro()
	err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		stored = nil
		taken, err := exec(ctx, tx, `INSERT INTO idempotency_keys (scope, key, request_hash, status, content_type, location, created_at, locked_until)
			VALUES (?, ?, ?, 0, '', '', ?, ?) ON CONFLICT (scope, key) DO NOTHING`, scope, key, requestHash, now.UnixMicro(), until)
		if err != nil || taken == 1 {
			return err
		}
		row, err := queryOne[idempotencyRow](ctx, tx, `SELECT request_hash, status, content_type, location, body, set_cookie, locked_until, keep_until, finished_at
			FROM idempotency_keys WHERE scope = ? AND key = ?`, scope, key)
		switch {
		case none(err): // abandoned between the two statements
			return inProgress()
		case err != nil:
			return err
		case !row.KeepUntil.IsZero() && !now.Before(row.KeepUntil.Time):
			return s.forget(ctx, tx, scope, key, requestHash, now)
		case row.RequestHash != requestHash:
			return fault.New(fault.Mismatch, fault.CodeKeyReused, "this idempotency key was used for another request")
		case !row.FinishedAt.IsZero():
			stored, err = s.response(row, scope, key)
			return err
		}
		taken, err = exec(ctx, tx, `UPDATE idempotency_keys SET locked_until = ?
			WHERE scope = ? AND key = ? AND finished_at IS NULL AND locked_until <= ?`, until, scope, key, now.UnixMicro())
		if err == nil && taken == 0 {
			return inProgress()
		}
		return err
	})
	if err != nil {
		return nil, failed("beginning a request", err)
	}
	return stored, nil
}

// forget takes the key of an answer that is no longer kept, for a new request.
func (s *Idempotency) forget(ctx context.Context, tx *gorm.DB, scope, key, requestHash string, now time.Time) error {
	taken, err := exec(ctx, tx, `UPDATE idempotency_keys SET request_hash = ?, status = 0, content_type = '', location = '', body = NULL,
		set_cookie = NULL, keep_until = NULL, finished_at = NULL, created_at = ?, locked_until = ?
		WHERE scope = ? AND key = ? AND keep_until <= ?`,
		requestHash, now.UnixMicro(), now.Add(requestLease).UnixMicro(), scope, key, now.UnixMicro())
	if err == nil && taken == 0 {
		return inProgress()
	}
	return err
}

func inProgress() error {
	return fault.New(fault.Conflict, CodeInProgress, "the same request is being answered; ask again in a moment")
}

func (s *Idempotency) response(row idempotencyRow, scope, key string) (*StoredResponse, error) {
	body, err := s.db.keys.open(row.Body, "idempotency_keys", "body", scope+"\x00"+key)
	if err != nil {
		return nil, err
	}
	response := StoredResponse{Status: row.Status, ContentType: row.ContentType, Body: body, Location: row.Location, KeepUntil: row.KeepUntil.Time}
	if len(row.SetCookie) > 0 {
		cookie, err := s.db.keys.open(row.SetCookie, "idempotency_keys", "set_cookie", scope+"\x00"+key)
		if err != nil {
			return nil, err
		}
		response.SetCookie = string(cookie)
	}
	return &response, nil
}

// Renew keeps the lease of a request that takes long.
func (s *Idempotency) Renew(ctx context.Context, scope, key string, now time.Time) error {
	err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		_, err := exec(ctx, tx, "UPDATE idempotency_keys SET locked_until = ? WHERE scope = ? AND key = ? AND finished_at IS NULL",
			now.Add(requestLease).UnixMicro(), scope, key)
		return err
	})
	return failed("renewing a request's lease", err)
}

// Finish stores the answer. An answer stored already stays.
func (s *Idempotency) Finish(ctx context.Context, scope, key string, response StoredResponse) error {
	sealed, err := s.db.keys.seal(response.Body, "idempotency_keys", "body", scope+"\x00"+key)
	if err != nil {
		return failed("storing an answer", err)
	}
	var cookie []byte
	if response.SetCookie != "" {
		if cookie, err = s.db.keys.seal([]byte(response.SetCookie), "idempotency_keys", "set_cookie", scope+"\x00"+key); err != nil {
			return failed("storing an answer", err)
		}
	}
	err = s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		_, err := exec(ctx, tx, `UPDATE idempotency_keys SET status = ?, content_type = ?, location = ?, body = ?, set_cookie = ?,
			keep_until = ?, finished_at = ? WHERE scope = ? AND key = ? AND finished_at IS NULL`,
			response.Status, response.ContentType, response.Location, sealed, cookie, at(response.KeepUntil), at(s.db.clock()), scope, key)
		return err
	})
	return failed("storing an answer", err)
}

// Abandon gives the lease back without an answer, so that the request may be
// sent again.
func (s *Idempotency) Abandon(ctx context.Context, scope, key string) error {
	err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		_, err := exec(ctx, tx, "DELETE FROM idempotency_keys WHERE scope = ? AND key = ? AND finished_at IS NULL", scope, key)
		return err
	})
	return failed("abandoning a request", err)
}
