package store

import (
	"context"
	"time"

	"gorm.io/gorm"
)

// How long what has served its purpose is kept.
const (
	keepAnswers    = 7 * 24 * time.Hour // idempotency keys; longer than any client retries
	keepChallenges = 24 * time.Hour     // after expiry; longer than the window they are counted in
	keepSinks      = 24 * time.Hour     // evidence never committed; far longer than a decision takes
	keepBoards     = time.Hour          // of processes that were killed; far longer than a board counts
	sweepPage      = 500                // rows per transaction, so that no writer waits long
)

// Swept counts what a sweep removed.
type Swept struct {
	Sessions, Answers, Challenges, Evidence, Boards int64
}

// Sweep removes expired sessions, challenges a day after they expired, answers
// after 7 days or when they say so, evidence that was begun a day ago and never committed (at most
// 500 of them), and boards of processes that died. It runs in short
// transactions and may run in several processes at once.
func (db *DB) Sweep(ctx context.Context) (Swept, error) {
	now := db.clock()
	var swept Swept
	for _, sweep := range []struct {
		count  *int64
		sql    string
		before time.Time
	}{
		{&swept.Sessions, "DELETE FROM sessions WHERE token_hash IN (SELECT token_hash FROM sessions WHERE expires_at <= ? LIMIT ?)", now},
		{&swept.Challenges, "DELETE FROM challenges WHERE id IN (SELECT id FROM challenges WHERE expires_at <= ? LIMIT ?)", now.Add(-keepChallenges)},
		{&swept.Answers, `DELETE FROM idempotency_keys WHERE (scope, key) IN
			(SELECT scope, key FROM idempotency_keys WHERE created_at <= ? LIMIT ?)`, now.Add(-keepAnswers)},
		{&swept.Answers, `DELETE FROM idempotency_keys WHERE (scope, key) IN
			(SELECT scope, key FROM idempotency_keys WHERE keep_until <= ? LIMIT ?)`, now},
		{&swept.Boards, "DELETE FROM provider_boards WHERE process IN (SELECT process FROM provider_boards WHERE seen_at <= ? LIMIT ?)", now.Add(-keepBoards)},
	} {
		for gone := int64(sweepPage); gone == sweepPage; {
			err := db.in(ctx, func(ctx context.Context, tx *gorm.DB) (err error) {
				gone, err = exec(ctx, tx, sweep.sql, sweep.before.UnixMicro(), sweepPage)
				return err
			})
			if err != nil {
				return swept, failed("sweeping", err)
			}
			*sweep.count += gone
		}
	}
	err := db.sweepEvidence(ctx, now.Add(-keepSinks), &swept.Evidence)
	return swept, failed("sweeping", err)
}

func (db *DB) sweepEvidence(ctx context.Context, before time.Time, count *int64) error {
	ids, err := query[string](ctx, db.engine.reader(),
		"SELECT id FROM evidence WHERE committed_at IS NULL AND begun_at <= ? ORDER BY begun_at"+limited(sweepPage), before.UnixMicro())
	if err != nil {
		return err
	}
	for _, id := range ids {
		err := db.in(ctx, func(ctx context.Context, tx *gorm.DB) error { return dropEvidence(ctx, tx, id) })
		if err != nil {
			return err
		}
		*count++
	}
	return nil
}
