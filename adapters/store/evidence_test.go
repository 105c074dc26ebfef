package store_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/adapters/store"
	"loan310/app/clock"
	"loan310/app/fault"
	"loan310/scoring/evidence"
)

// text gives n bytes that do not repeat.
func text(n int) []byte {
	source := rand.New(rand.NewPCG(1, uint64(n)))
	body := make([]byte, 0, n+32)
	for len(body) < n {
		body = fmt.Appendf(body, "{\"order_id\":\"%d\"}\n", source.Uint64())
	}
	return body[:n]
}

// collect stores evidence in writes of the given size.
func (s *suite) collect(tb testing.TB, applicationID string, source evidence.Source, body []byte, step int) evidence.Meta {
	tb.Helper()
	sink, err := s.Evidence().Begin(tb.Context(), applicationID, source)
	require.NoError(tb, err)
	for part := range chunksOf(body, step) {
		n, err := sink.Write(part)
		require.NoError(tb, err)
		require.Len(tb, part, n)
	}
	meta, err := sink.Commit(tb.Context(), evidence.Meta{State: evidence.Known, Rows: 7, DataAsOf: now(), FetchedAt: now(), Cause: ""})
	require.NoError(tb, err)
	return meta
}

func chunksOf(body []byte, step int) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(body) > 0 {
			n := min(step, len(body))
			if !yield(body[:n]) {
				return
			}
			body = body[n:]
		}
	}
}

func TestEvidenceIsGivenBackByteForByte(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		a := s.application(t)
		for _, size := range []int{0, 1, 1000, 256<<10 - 1, 256 << 10, 256<<10 + 1, 3<<20 + 17} {
			body := text(size)
			meta := s.collect(t, a.ID, evidence.Bank, body, 70_000)
			sum := sha256.Sum256(body)
			require.Equal(t, evidence.Meta{
				Source: evidence.Bank, State: evidence.Known, Ref: meta.Ref, Hash: hex.EncodeToString(sum[:]), Rows: 7,
				DataAsOf: now(), FetchedAt: now(),
			}, meta)
			read, err := s.read(t, meta.Ref)
			require.NoError(t, err)
			require.True(t, bytes.Equal(body, read), "%d bytes", size)
		}
	})
}

func (s *suite) read(tb testing.TB, ref string) ([]byte, error) {
	tb.Helper()
	reader, err := s.Evidence().Open(tb.Context(), ref)
	require.NoError(tb, err)
	defer func() { require.NoError(tb, reader.Close()) }()
	return io.ReadAll(reader)
}

func TestLatestGivesTheNewestOfEachSource(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		a := s.application(t)
		bureau := s.collect(t, a.ID, evidence.Bureau, text(10), 10)
		s.collect(t, a.ID, evidence.Marketplace, text(10), 10)
		newer := s.collect(t, a.ID, evidence.Marketplace, text(20), 10)
		sink, err := s.Evidence().Begin(t.Context(), a.ID, evidence.Bank)
		require.NoError(t, err)
		_, err = sink.Write(text(600 << 10)) // stored in part, not committed
		require.NoError(t, err)
		latest, err := s.Evidence().Latest(t.Context(), a.ID)
		require.NoError(t, err)
		require.Equal(t, []evidence.Meta{newer, bureau}, latest)

		require.NoError(t, sink.Abort(t.Context()))
		require.NoError(t, sink.Abort(t.Context()))
		_, err = sink.Write([]byte("late"))
		requireFault(t, err, fault.Internal, store.CodeSinkClosed)
		_, err = sink.Commit(t.Context(), evidence.Meta{})
		requireFault(t, err, fault.Internal, store.CodeSinkClosed)
		require.Equal(t, 3, s.count(t, "evidence_chunks"))
		require.Equal(t, 3, s.count(t, "evidence"))
	})
}

// count gives the number of rows of a table.
func (s *suite) count(tb testing.TB, table string) int {
	tb.Helper()
	var rows int
	require.NoError(tb, s.pool(tb).QueryRowContext(tb.Context(), "SELECT COUNT(*) FROM "+table).Scan(&rows))
	return rows
}

func TestAbortAfterCommitDoesNothing(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		a := s.application(t)
		sink, err := s.Evidence().Begin(t.Context(), a.ID, evidence.Bank)
		require.NoError(t, err)
		_, err = sink.Write([]byte("rows"))
		require.NoError(t, err)
		meta, err := sink.Commit(t.Context(), evidence.Meta{State: evidence.Known})
		require.NoError(t, err)
		require.NoError(t, sink.Abort(t.Context()))
		body, err := s.read(t, meta.Ref)
		require.NoError(t, err)
		require.Equal(t, "rows", string(body))
	})
}

func TestAbortWorksAfterTheCallerLeft(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		a := s.application(t)
		ctx, cancel := context.WithCancel(t.Context())
		sink, err := s.Evidence().Begin(ctx, a.ID, evidence.Bank)
		require.NoError(t, err)
		_, err = sink.Write(text(300 << 10))
		require.NoError(t, err)
		cancel()
		_, err = sink.Write(text(300 << 10))
		require.ErrorIs(t, err, context.Canceled)
		_, err = sink.Commit(ctx, evidence.Meta{})
		require.ErrorIs(t, err, context.Canceled)
		require.NoError(t, sink.Abort(ctx))
		require.Zero(t, s.count(t, "evidence"))
		require.Zero(t, s.count(t, "evidence_chunks"))
	})
}

func TestEvidenceErrors(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		_, err := s.Evidence().Open(t.Context(), "none")
		requireFault(t, err, fault.NotFound, fault.CodeNotFound)
		sink, err := s.Evidence().Begin(t.Context(), "none", evidence.Bank)
		require.NoError(t, err)
		_, err = sink.Commit(t.Context(), evidence.Meta{})
		requireFault(t, err, fault.NotFound, fault.CodeNotFound)
		none, err := s.Evidence().Latest(t.Context(), "none")
		require.NoError(t, err)
		require.Empty(t, none)
	})
}

func TestTamperedEvidenceIsNotRead(t *testing.T) {
	t.Parallel()
	swap := `UPDATE evidence_chunks SET n = CASE n WHEN 0 THEN 1001 WHEN 1 THEN 1000 ELSE n END`
	for name, damage := range map[string][]string{
		"a chunk removed in the middle": {"DELETE FROM evidence_chunks WHERE n = 1"},
		"the last chunk removed":        {"DELETE FROM evidence_chunks WHERE n = 2"},
		"the last chunk hidden":         {"DELETE FROM evidence_chunks WHERE n = 2", "UPDATE evidence SET chunks = 2"},
		"two chunks in another order":   {swap, "UPDATE evidence_chunks SET n = n - 1000 WHERE n >= 1000"},
		"a chunk twice":                 {"UPDATE evidence_chunks SET body = (SELECT body FROM evidence_chunks WHERE n = 0) WHERE n = 1"},
		"another hash":                  {"UPDATE evidence SET hash = 'ab'"},
		"garbage":                       {"UPDATE evidence_chunks SET body = (SELECT value FROM settings) WHERE n = 0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(s *suite) {
				t := s.t
				meta := s.collect(t, s.application(t).ID, evidence.Bank, text(600<<10), 1<<20)
				for _, statement := range damage {
					s.raw(t, statement)
				}
				_, err := s.read(t, meta.Ref)
				requireFault(t, err, fault.Internal, store.CodeEvidenceCorrupt)
			})
		})
	}
}

func TestSweepRemovesWhatACrashLeft(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		a := s.application(t)
		kept := s.collect(t, a.ID, evidence.Bank, text(10), 10)
		sink, err := s.Evidence().Begin(t.Context(), a.ID, evidence.Bureau)
		require.NoError(t, err)
		_, err = sink.Write(text(300 << 10))
		require.NoError(t, err)
		swept, err := s.Sweep(t.Context())
		require.NoError(t, err)
		require.Zero(t, swept, "young sinks are left alone")

		s.config.Clock = clock.Fixed(now().Add(24 * time.Hour))
		swept, err = s.open(t).Sweep(t.Context())
		require.NoError(t, err)
		require.Equal(t, store.Swept{Evidence: 1}, swept)
		_, err = sink.Commit(t.Context(), evidence.Meta{})
		requireFault(t, err, fault.Conflict, store.CodeSinkClosed)
		require.Equal(t, 1, s.count(t, "evidence_chunks"))
		_, err = s.read(t, kept.Ref)
		require.NoError(t, err)
	})
}
