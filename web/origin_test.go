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
