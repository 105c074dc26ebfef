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
		requireFault(t, store.SaveAPIKey(ctx, key, entry("api_key.made", "x")), fault.Conflict, fault.CodeDuplicate)
		key.RevokedAt = now()
		require.NoError(t, store.RevokeAPIKey(ctx, key.ID, now(), entry("api_key.revoked", "api_key/"+key.ID)))
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

func TestAccessIsTakenAwayOnce(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx, store := t.Context(), s.Security()
		zhou := security.Staff{ID: ident.NewID(), Login: "zhou", Name: "Zhou", Role: security.RoleAdmin, PasswordHash: "h"}
		bai := security.Staff{ID: ident.NewID(), Login: "bai", Name: "Bai", Role: security.RoleAnalyst, PasswordHash: "h"}
		require.NoError(t, store.SaveStaff(ctx, zhou, entry("staff.saved", "staff/"+zhou.ID)))
		require.NoError(t, store.SaveStaff(ctx, bai, entry("staff.saved", "staff/"+bai.ID)))
		require.NoError(t, store.DisableStaff(ctx, zhou.ID, now(), entry("staff.disabled", "staff/"+zhou.ID)))
		requireFault(t, store.DisableStaff(ctx, zhou.ID, now().Add(time.Hour), entry("staff.disabled", "staff/"+zhou.ID)), fault.Conflict, fault.CodeWrongState)
		requireFault(t, store.DisableStaff(ctx, "none", now(), entry("staff.disabled", "staff/none")), fault.NotFound, fault.CodeNotFound)
		zhou.DisabledAt = now()
		people, err := store.StaffList(ctx)
		require.NoError(t, err)
		require.Equal(t, []security.Staff{bai, zhou}, people)
		read, err := store.StaffByID(ctx, zhou.ID)
		require.NoError(t, err)
		require.Equal(t, zhou, read)
		_, err = store.StaffByID(ctx, "none")
		requireFault(t, err, fault.NotFound, fault.CodeNotFound)

		newer := security.APIKey{ID: ident.NewID(), PlatformID: "p", Hash: "2", CreatedAt: now().Add(time.Second)}
		older := security.APIKey{ID: ident.NewID(), PlatformID: "p", Hash: "1", CreatedAt: now()}
		require.NoError(t, store.SaveAPIKey(ctx, newer, entry("api_key.made", "api_key/"+newer.ID)))
		require.NoError(t, store.SaveAPIKey(ctx, older, entry("api_key.made", "api_key/"+older.ID)))
		require.NoError(t, store.RevokeAPIKey(ctx, older.ID, now(), entry("api_key.revoked", "api_key/"+older.ID)))
		requireFault(t, store.RevokeAPIKey(ctx, older.ID, now(), entry("api_key.revoked", "api_key/"+older.ID)), fault.Conflict, fault.CodeWrongState)
		requireFault(t, store.RevokeAPIKey(ctx, "none", now(), entry("api_key.revoked", "api_key/none")), fault.NotFound, fault.CodeNotFound)
		older.RevokedAt = now()
		keys, err := store.APIKeys(ctx)
		require.NoError(t, err)
		require.Equal(t, []security.APIKey{older, newer}, keys)

		for subject, actions := range map[string][]string{
			"staff/" + zhou.ID: {"staff.saved", "staff.disabled"}, "staff/none": {},
			"api_key/" + older.ID: {"api_key.made", "api_key.revoked"}, "api_key/none": {},
		} {
			entries, err := s.Audit(ctx, subject)
			require.NoError(t, err)
			done := []string{}
			for _, entry := range entries {
				done = append(done, entry.Action)
			}
			require.Equal(t, actions, done, "%s: what changes nothing leaves no trace", subject)
		}
	})
}
