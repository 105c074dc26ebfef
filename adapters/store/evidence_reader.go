package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"strconv"

	"github.com/klauspost/compress/gzip"

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
	plain  bytes.Buffer // bytes of the current chunk not yet given
	err    error
}

// Read gives plain bytes.
func (r *reader) Read(p []byte) (int, error) {
	for r.plain.Len() == 0 && r.err == nil && len(p) > 0 {
		r.err = r.advance()
	}
	if r.plain.Len() == 0 && r.err != nil {
		return 0, r.err
	}
	return r.plain.Read(p)
}

// Close ends reading.
func (r *reader) Close() error {
	if r.err == nil {
		r.err = io.ErrClosedPipe
	}
	r.plain = bytes.Buffer{}
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
	unpacked, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return r.corrupt("a chunk cannot be unpacked", err)
	}
	n, err := io.Copy(io.MultiWriter(&r.plain, r.hash), io.LimitReader(unpacked, chunkBytes+1))
	if err != nil || n > chunkBytes {
		return r.corrupt("a chunk cannot be unpacked", err)
	}
	r.next++
	r.length += n
	return nil
}

func (r *reader) corrupt(how string, cause error) error {
	return fmt.Errorf("reading evidence: %w",
		fault.New(fault.Internal, CodeEvidenceCorrupt, "evidence %s cannot be trusted: %s", r.row.ID, how).Wrap(cause))
}
