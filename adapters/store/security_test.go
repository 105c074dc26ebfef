package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/app/fault"
	"loan310/app/ident"
	"loan310/app/security"
)

func newChallenge(phone string) security.Challenge {
	return security.Challenge{
		ID: ident.NewID(), Phone: phone, CodeHash: "hash", Language: "en", CreatedAt: now(), ExpiresAt: now().Add(5 * time.Minute),
	}
}

func TestChallengeIsTriedAndUsedOnce(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx, store := t.Context(), s.Security()
		phone := newPhone()
		c := newChallenge(phone)
		require.NoError(t, store.SaveChallenge(ctx, c))
		count, err := store.CountChallenges(ctx, phone, now())
		require.NoError(t, err)
		require.Equal(t, int64(1), count)
		count, err = store.CountChallenges(ctx, phone, now().Add(time.Microsecond))
		require.NoError(t, err)
		require.Zero(t, count)
		count, err = store.CountChallenges(ctx, newPhone(), now())
		require.NoError(t, err)
		require.Zero(t, count)

		before, err := store.TryChallenge(ctx, c.ID)
		require.NoError(t, err)
		require.Equal(t, c, before)
		before, err = store.TryChallenge(ctx, c.ID)
		require.NoError(t, err)
		require.Equal(t, 1, before.Attempts)

		require.NoError(t, store.UseChallenge(ctx, c.ID, now()))
		requireFault(t, store.UseChallenge(ctx, c.ID, now()), fault.Conflict, fault.CodeWrongState)
		requireFault(t, store.UseChallenge(ctx, "none", now()), fault.NotFound, fault.CodeNotFound)
		_, err = store.TryChallenge(ctx, "none")
		requireFault(t, err, fault.NotFound, fault.CodeNotFound)
		used, err := store.TryChallenge(ctx, c.ID)
		require.NoError(t, err)
		require.Equal(t, now(), used.UsedAt)
	})
}

func TestEveryAttemptCounts(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		c := newChallenge(newPhone())
		require.NoError(t, s.Security().SaveChallenge(t.Context(), c))
		answers := inParallel(32, func(int) (int, error) {
			before, err := s.Security().TryChallenge(t.Context(), c.ID)
			return before.Attempts, err
		})
		seen := map[int]bool{}
		for _, answer := range answers {
			require.NoError(t, answer.err)
			require.False(t, seen[answer.value], "two callers saw attempt %d", answer.value)
			seen[answer.value] = true
		}
		uses := inParallel(16, func(int) (bool, error) { return true, s.Security().UseChallenge(t.Context(), c.ID, now()) })
		used := 0
		for _, answer := range uses {
			if answer.err == nil {
				used++
			}
		}
		require.Equal(t, 1, used)
	})
}

func TestStaffAndAPIKeys(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx, store := t.Context(), s.Security()
		demo, err := store.HasDemo(ctx)
		require.NoError(t, err)
		require.False(t, demo)

		staff := security.Staff{ID: ident.NewID(), Login: "li", Name: "Li", Role: security.RoleAnalyst, PasswordHash: "h"}
		require.NoError(t, store.SaveStaff(ctx, staff, entry("staff.saved", "staff/"+staff.ID)))
		changed := staff
		changed.ID, changed.Role, changed.DisabledAt = ident.NewID(), security.RoleAdmin, now()
		require.NoError(t, store.SaveStaff(ctx, changed, entry("staff.saved", "staff/"+staff.ID)))
		read, err := store.StaffByLogin(ctx, "li")
		require.NoError(t, err)
		changed.ID = staff.ID
		require.Equal(t, changed, read, "replaced by login; the id stays")
		_, err = store.StaffByLogin(ctx, "none")
		requireFault(t, err, fault.NotFound, fault.CodeNotFound)
		staff.Login, staff.ID, staff.Role = "wang", ident.NewID(), "king"
		requireFault(t, store.SaveStaff(ctx, staff, entry("staff.saved", "x")), fault.Conflict, fault.CodeConstraint)

		key := security.APIKey{ID: ident.NewID(), PlatformID: "p", Hash: "abc", CreatedAt: now()}
		require.NoError(t, store.SaveAPIKey(ctx, key, entry("api_key.made", "api_key/"+key.ID)))
		found, err := store.APIKeyByHash(ctx, "abc")
		require.NoError(t, err)
		require.Equal(t, key, found)
		key.RevokedAt = now()
		require.NoError(t, store.SaveAPIKey(ctx, key, entry("api_key.revoked", "api_key/"+key.ID)))
		found, err = store.APIKeyByHash(ctx, "abc")
		require.NoError(t, err)
		require.Equal(t, key, found)
		_, err = store.APIKeyByHash(ctx, "none")
		requireFault(t, err, fault.NotFound, fault.CodeNotFound)
		twin := security.APIKey{ID: ident.NewID(), PlatformID: "q", Hash: "abc", Demo: true}
		requireFault(t, store.SaveAPIKey(ctx, twin, entry("api_key.made", "x")), fault.Conflict, fault.CodeDuplicate)

		twin.Hash = "def"
		require.NoError(t, store.SaveAPIKey(ctx, twin, entry("api_key.made", "x")))
		demo, err = store.HasDemo(ctx)
		require.NoError(t, err)
		require.True(t, demo)
	})
}
