package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"strconv"

	"loan310/app/fault"
)

// Open reads committed evidence chunk by chunk. Every chunk is
// authenticated for its place; the end is only reached when number, length
// and hash are those committed, else reading ends with CodeEvidenceCorrupt.
func (s evidences) Open(ctx context.Context, ref string) (io.ReadCloser, error) {
	row, err := queryOne[evidenceRow](ctx, s.db.engine.reader(), "SELECT * FROM evidence WHERE id = ? AND committed_at IS NOT NULL", ref)
	if err != nil {
		return nil, failed("opening evidence", missing("evidence", err))
	}
	return &reader{ctx: ctx, db: s.db, row: row, hash: sha256.New()}, nil
}

// reader gives the plain bytes of one evidence.
type reader struct {
	ctx    context.Context // of Open: io.Reader has none
	db     *DB
	row    evidenceRow
	next   int // chunk to read
	length int64
	hash   hash.Hash
	chunk  []byte // the current chunk
	plain  []byte // its bytes not yet given
	err    error
}

// Read gives plain bytes.
func (r *reader) Read(p []byte) (int, error) {
	for len(r.plain) == 0 && r.err == nil && len(p) > 0 {
		r.err = r.advance()
	}
	if len(r.plain) == 0 && r.err != nil {
		return 0, r.err
	}
	n := copy(p, r.plain)
	r.plain = r.plain[n:]
	return n, nil
}

// Close ends reading.
func (r *reader) Close() error {
	if r.err == nil {
		r.err = io.ErrClosedPipe
	}
	r.chunk, r.plain = nil, nil
	return nil
}

// advance reads the next chunk, or checks the whole and gives io.EOF.
func (r *reader) advance() error {
	if r.next == r.row.Chunks {
		if r.length != r.row.PlainBytes || hex.EncodeToString(r.hash.Sum(nil)) != r.row.Hash {
			return r.corrupt("its hash or length is another than committed", nil)
		}
		return io.EOF
	}
	type chunkRow struct{ Body []byte }
	chunk, err := queryOne[chunkRow](r.ctx, r.db.engine.reader(),
		"SELECT body FROM evidence_chunks WHERE evidence_id = ? AND n = ?", r.row.ID, r.next)
	if none(err) {
		return r.corrupt("a chunk is missing", nil)
	}
	if err != nil {
		return failed("reading evidence", err)
	}
	packed, err := r.db.keys.open(chunk.Body, "evidence_chunks", r.row.ID, strconv.Itoa(r.next))
	if err != nil {
		return r.corrupt("a chunk was changed or moved", err)
	}
	if r.chunk, err = r.db.packer.unpack(packed, r.chunk[:0]); err != nil {
		return r.corrupt("a chunk cannot be unpacked", err)
	}
	r.plain = r.chunk
	r.hash.Write(r.plain)
	r.next++
	r.length += int64(len(r.plain))
	return nil
}

func (r *reader) corrupt(how string, cause error) error {
	return fmt.Errorf("reading evidence: %w",
		fault.New(fault.Internal, CodeEvidenceCorrupt, "evidence %s cannot be trusted: %s", r.row.ID, how).Wrap(cause))
}
