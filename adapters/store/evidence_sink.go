package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"strconv"

	"gorm.io/gorm"

	"loan310/app/fault"
	"loan310/scoring/evidence"
)

// chunkBytes is how much plain evidence is compressed, encrypted and stored
// at a time.
const chunkBytes = 256 << 10

// sink receives one source. It is used by one goroutine.
type sink struct {
	ctx   context.Context // of Begin: io.Writer has none
	db    *DB
	row   evidenceRow
	plain []byte
	hash  hash.Hash
	begun bool  // the row is in the database
	ended bool  // committed or aborted
	err   error // of a write, kept for those after it
}

func newSink(ctx context.Context, db *DB, row evidenceRow) *sink {
	return &sink{ctx: ctx, db: db, row: row, hash: sha256.New(), plain: db.packer.chunk()}
}

// Write takes plain bytes and stores each full chunk.
func (s *sink) Write(p []byte) (int, error) {
	if s.ended {
		return 0, fault.New(fault.Internal, CodeSinkClosed, "evidence was written after its end")
	}
	if s.err != nil {
		return 0, s.err
	}
	written := 0
	for len(p) > 0 {
		n := min(len(p), chunkBytes-len(s.plain))
		s.plain = append(s.plain, p[:n]...)
		p, written = p[n:], written+n
		if len(s.plain) < chunkBytes {
			continue
		}
		if s.err = failed("storing evidence", s.flush(s.ctx, nil)); s.err != nil {
			return written, s.err
		}
	}
	return written, nil
}

// flush stores what has gathered as the next chunk, and in the same
// transaction commits when asked to.
func (s *sink) flush(ctx context.Context, commit *evidence.Meta) error {
	row := s.row
	var sealed []byte
	if len(s.plain) > 0 {
		var err error
		packed := s.db.packer.pack(s.plain)
		if sealed, err = s.db.keys.seal(packed, "evidence_chunks", row.ID, strconv.Itoa(row.Chunks)); err != nil {
			return err
		}
		s.hash.Write(s.plain)
		row.Chunks++
		row.PlainBytes += int64(len(s.plain))
	}
	if commit != nil {
		row.Hash = hex.EncodeToString(s.hash.Sum(nil))
		row.State, row.RowCount, row.Cause = string(commit.State), commit.Rows, commit.Cause
		row.DataAsOf, row.FetchedAt, row.CommittedAt = at(commit.DataAsOf), at(commit.FetchedAt), at(s.db.clock())
	}
	err := s.db.in(ctx, func(ctx context.Context, tx *gorm.DB) error {
		if err := s.put(ctx, tx, row); err != nil {
			return err
		}
		if sealed == nil {
			return nil
		}
		_, err := exec(ctx, tx, "INSERT INTO evidence_chunks (evidence_id, n, body) VALUES (?, ?, ?)", row.ID, row.Chunks-1, sealed)
		return err
	})
	if err != nil {
		return err
	}
	s.row, s.begun, s.plain = row, true, s.plain[:0]
	return nil
}

// put stores the row, new or changed.
func (s *sink) put(ctx context.Context, tx *gorm.DB, row evidenceRow) error {
	if !s.begun {
		err := gorm.G[evidenceRow](tx).Create(ctx, &row)
		if orphan(err) {
			return fault.Missing("application").Wrap(err)
		}
		return err
	}
	changed, err := exec(ctx, tx, `UPDATE evidence SET state = ?, hash = ?, row_count = ?, data_as_of = ?, fetched_at = ?, cause = ?,
		chunks = ?, plain_bytes = ?, committed_at = ? WHERE id = ? AND committed_at IS NULL`,
		row.State, row.Hash, row.RowCount, row.DataAsOf, row.FetchedAt, row.Cause, row.Chunks, row.PlainBytes, row.CommittedAt, row.ID)
	if err == nil && changed == 0 {
		return fault.New(fault.Conflict, CodeSinkClosed, "the evidence was given up: it took too long")
	}
	return err
}

// Commit stores the rest and makes the evidence visible.
func (s *sink) Commit(ctx context.Context, meta evidence.Meta) (evidence.Meta, error) {
	if s.ended {
		return meta, fault.New(fault.Internal, CodeSinkClosed, "evidence was committed after its end")
	}
	if s.err != nil {
		return meta, s.err
	}
	if err := s.flush(ctx, &meta); err != nil {
		return meta, failed("committing evidence", err)
	}
	s.end()
	meta.Source, meta.Ref, meta.Hash = evidence.Source(s.row.Source), s.row.ID, s.row.Hash
	return meta, nil
}

// Abort drops what was written. It works after the caller's context ended.
func (s *sink) Abort(ctx context.Context) error {
	if s.ended {
		return nil
	}
	s.end()
	if !s.begun {
		return nil
	}
	err := s.db.in(context.WithoutCancel(ctx), func(ctx context.Context, tx *gorm.DB) error {
		return dropEvidence(ctx, tx, s.row.ID)
	})
	return failed("dropping evidence", err)
}

func (s *sink) end() {
	s.db.packer.release(s.plain)
	s.ended, s.plain = true, nil
}

// dropEvidence removes evidence that was never committed.
func dropEvidence(ctx context.Context, tx *gorm.DB, id string) error {
	gone, err := exec(ctx, tx, "DELETE FROM evidence_chunks WHERE evidence_id IN (SELECT id FROM evidence WHERE id = ? AND committed_at IS NULL)", id)
	if err != nil || gone < 0 {
		return err
	}
	_, err = exec(ctx, tx, "DELETE FROM evidence WHERE id = ? AND committed_at IS NULL", id)
	return err
}
