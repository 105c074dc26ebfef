package store_test

import (
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/stretchr/testify/require"

	"loan310/adapters/store"
	"loan310/app/clock"
	"loan310/app/fault"
)

var _ scs.CtxStore = (*store.Sessions)(nil)

func TestIdempotencyKeyAnswersOnce(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx, memory := t.Context(), s.Idempotency()
		stored, err := memory.Begin(ctx, "merchant/1 POST /drawdowns", "k", "hash", now())
		require.NoError(t, err)
		require.Nil(t, stored)
		_, err = memory.Begin(ctx, "merchant/1 POST /drawdowns", "k", "hash", now().Add(14*time.Second))
		requireFault(t, err, fault.Conflict, store.CodeInProgress)
		require.NoError(t, memory.Renew(ctx, "merchant/1 POST /drawdowns", "k", now().Add(10*time.Second)))
		_, err = memory.Begin(ctx, "merchant/1 POST /drawdowns", "k", "hash", now().Add(24*time.Second))
		requireFault(t, err, fault.Conflict, store.CodeInProgress)
		_, err = memory.Begin(ctx, "merchant/1 POST /drawdowns", "k", "other", now())
		requireFault(t, err, fault.Mismatch, fault.CodeKeyReused)
		other, err := memory.Begin(ctx, "merchant/2 POST /drawdowns", "k", "other", now())
		require.NoError(t, err)
		require.Nil(t, other, "another scope is another key")

		answer := store.StoredResponse{Status: 201, ContentType: "application/json", Body: []byte(`{"id":"1"}`)}
		require.NoError(t, memory.Finish(ctx, "merchant/1 POST /drawdowns", "k", answer))
		require.NoError(t, memory.Abandon(ctx, "merchant/1 POST /drawdowns", "k"), "an answer stays")
		require.NoError(t, memory.Finish(ctx, "merchant/1 POST /drawdowns", "k", store.StoredResponse{Status: 500}))
		stored, err = memory.Begin(ctx, "merchant/1 POST /drawdowns", "k", "hash", now().Add(time.Hour))
		require.NoError(t, err)
		require.Equal(t, &answer, stored)
		_, err = memory.Begin(ctx, "merchant/1 POST /drawdowns", "k", "other", now())
		requireFault(t, err, fault.Mismatch, fault.CodeKeyReused)
	})
}

func TestIdempotencyLeaseEnds(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx, memory := t.Context(), s.Idempotency()
		_, err := memory.Begin(ctx, "s", "k", "hash", now())
		require.NoError(t, err)
		require.NoError(t, memory.Abandon(ctx, "s", "k"))
		_, err = memory.Begin(ctx, "s", "k", "changed", now())
		require.NoError(t, err, "given back, the key is free")

		answers := inParallel(16, func(int) (*store.StoredResponse, error) { // its owner died
			return memory.Begin(ctx, "s", "k", "changed", now().Add(15*time.Second))
		})
		taken := 0
		for _, answer := range answers {
			if answer.err == nil {
				require.Nil(t, answer.value)
				taken++
				continue
			}
			requireFault(t, answer.err, fault.Conflict, store.CodeInProgress)
		}
		require.Equal(t, 1, taken)
	})
}

func TestSessionsLiveUntilExpiry(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		sessions := s.Sessions()
		_, found, err := sessions.Find("token")
		require.NoError(t, err)
		require.False(t, found)
		require.NoError(t, sessions.Commit("token", []byte("one"), now().Add(time.Minute)))
		require.NoError(t, sessions.Commit("token", []byte("two"), now().Add(time.Hour)))
		data, found, err := sessions.Find("token")
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, "two", string(data))

		s.config.Clock = clock.Fixed(now().Add(time.Hour))
		later := s.open(t)
		_, found, err = later.Sessions().Find("token")
		require.NoError(t, err)
		require.False(t, found)
		swept, err := later.Sweep(t.Context())
		require.NoError(t, err)
		require.Equal(t, store.Swept{Sessions: 1}, swept)

		require.NoError(t, sessions.Commit("token", []byte("three"), now().Add(time.Hour)))
		require.NoError(t, sessions.Delete("token"))
		require.NoError(t, sessions.Delete("token"))
		_, found, err = sessions.Find("token")
		require.NoError(t, err)
		require.False(t, found)
	})
}

func TestSweepForgetsWhatHasServedItsPurpose(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		_, err := s.Idempotency().Begin(t.Context(), "s", "k", "hash", now())
		require.NoError(t, err)
		require.NoError(t, s.Security().SaveChallenge(t.Context(), newChallenge(newPhone()))) // expires after 5 minutes
		require.NoError(t, s.Boards().Put(t.Context(), store.Board{Process: "p", Kind: "worker", SeenAt: now()}))
		for _, c := range []struct {
			after time.Duration
			swept store.Swept
		}{
			{time.Hour - time.Second, store.Swept{}},
			{time.Hour, store.Swept{Boards: 1}},
			{24*time.Hour + 4*time.Minute, store.Swept{}},
			{24*time.Hour + 5*time.Minute, store.Swept{Challenges: 1}},
			{7*24*time.Hour - time.Second, store.Swept{}},
			{7 * 24 * time.Hour, store.Swept{Answers: 1}},
		} {
			s.config.Clock = clock.Fixed(now().Add(c.after))
			swept, err := s.open(t).Sweep(t.Context())
			require.NoError(t, err)
			require.Equal(t, c.swept, swept, "after %s", c.after)
		}
	})
}

func TestShortAnswersAreForgotten(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx, answers := t.Context(), s.Idempotency()
		begun := now()
		stored, err := answers.Begin(ctx, "anyone", "sign-in", "hash", begun)
		require.NoError(t, err)
		require.Nil(t, stored)
		given := store.StoredResponse{Status: 201, ContentType: "application/json", Body: []byte("{}"), SetCookie: "session=secret", KeepUntil: begun.Add(time.Minute)}
		require.NoError(t, answers.Finish(ctx, "anyone", "sign-in", given))
		stored, err = answers.Begin(ctx, "anyone", "sign-in", "hash", begun.Add(59*time.Second))
		require.NoError(t, err)
		require.Equal(t, &given, stored)
		stored, err = answers.Begin(ctx, "anyone", "sign-in", "another", begun.Add(time.Minute))
		require.NoError(t, err, "the key is free again")
		require.Nil(t, stored)
		_, err = answers.Begin(ctx, "anyone", "sign-in", "another", begun.Add(time.Minute))
		requireFault(t, err, fault.Conflict, store.CodeInProgress)

		given.KeepUntil = begun.Add(-time.Hour)
		require.NoError(t, answers.Finish(ctx, "anyone", "sign-in", given))
		swept, err := s.Sweep(ctx)
		require.NoError(t, err)
		require.Equal(t, int64(1), swept.Answers)
		require.Zero(t, s.count(t, "idempotency_keys"))
	})
}
