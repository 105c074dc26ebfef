package web_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/scoring/evidence"
)

// A platform names the merchant's address; a merchant's own word for it, and a
// forwarding header from nobody we trust, count for nothing.
func TestWhereAnApplicationComesFromIsBelievedFromPlatformsOnly(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	from := object{"amount_fen": wantsApproval, "purpose": "stock", "device_id": "device-1", "ip": "115.236.4.7"}
	connected := func(c client, options ...func(*http.Request)) map[evidence.IdentifierKind]int64 {
		sent := c.call(http.MethodPost, "/api/merchants/"+c.merchantID+"/applications", from, options...)
		require.Equal(t, http.StatusAccepted, sent.status, sent.text)
		around, err := s.db.Relations().Around(t.Context(), c.merchantID, "", time.Now())
		require.NoError(t, err)
		degrees := map[evidence.IdentifierKind]int64{}
		for _, shared := range around.Shared {
			degrees[shared.Kind] = shared.Degree
		}
		return degrees
	}
	connected(s.register(platformKey))
	second := connected(s.register(platformKey))
	require.Equal(t, int64(2), second[evidence.LinkIP])
	require.Equal(t, int64(2), second[evidence.LinkDevice])
	own := connected(s.register(""), set("X-Forwarded-For", "115.236.4.7"))
	require.Equal(t, int64(2), own[evidence.LinkIP]) // the other two, which one account connects with it
	require.Equal(t, int64(3), own[evidence.LinkDevice])
	require.NotContains(t, s.bytes(t), "115.236.4.7")
	require.NotContains(t, s.bytes(t), "device-1")
}

// Where a merchant registers from connects it before it ever applies; a
// platform names device and address, of others the connection is believed, and
// neither is kept in the clear.
func TestWhereARegistrationComesFromConnects(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	degrees := func(bearer string) map[evidence.IdentifierKind]int64 {
		c := client{site: s, bearer: bearer}
		phone := s.phone()
		sent := c.call(http.MethodPost, "/api/auth/codes", object{"phone": phone, "language": "en"})
		require.Equal(t, http.StatusAccepted, sent.status, sent.text)
		made := c.call(http.MethodPost, "/api/auth/sessions", object{
			"challenge_id": sent.get(t, "challenge_id"), "code": s.phones.code("+86" + phone), "device_id": s.secret("device-of-registration"), "ip": s.secret("115.236.44.77"),
		})
		require.Equal(t, http.StatusCreated, made.status, made.text)
		around, err := s.db.Relations().Around(t.Context(), made.get(t, "merchant_id").(string), "", time.Now())
		require.NoError(t, err)
		found := map[evidence.IdentifierKind]int64{}
		for _, shared := range around.Shared {
			require.Zero(t, shared.Applied90D, "nobody applied")
			found[shared.Kind] = shared.Degree
		}
		return found
	}
	degrees(platformKey)
	second := degrees(platformKey)
	require.Equal(t, int64(2), second[evidence.LinkDevice])
	require.Equal(t, int64(2), second[evidence.LinkIP])
	own := degrees("")
	require.Equal(t, int64(3), own[evidence.LinkDevice])
	require.Equal(t, int64(2), own[evidence.LinkIP], "that of the other two: a merchant's own word for its address counts for nothing")
	require.NotContains(t, s.bytes(t), "115.236.44.77")
	require.NotContains(t, s.bytes(t), "device-of-registration")
}
