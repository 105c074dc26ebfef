package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"loan310/adapters/dossier"
	"loan310/scoring/evidence"
)

// maxBillsPerFeed is the most bills one feed document may be asked for.
const maxBillsPerFeed = 1_000

// utilityHost plays a Green Button data custodian with the agreements that
// adapters/utility documents. Subscriptions and tokens are keyed hashes of
// the licence, so nothing has to be kept. A merchant without any bill in the
// book is no customer here.
type utilityHost struct {
	core *core
	// customers gives the merchant of a subscription; built at first use.
	customers func() map[string]dossier.Merchant
}

func newUtility(c *core) http.Handler {
	u := &utilityHost{core: c}
	u.customers = sync.OnceValue(func() map[string]dossier.Merchant {
		customers := map[string]dossier.Merchant{}
		for _, merchant := range c.book.Merchants() {
			customers[u.keyed("subscription", merchant.LicenceNumber)] = merchant
		}
		return customers
	})
	mux := http.NewServeMux()
	mux.HandleFunc("POST /oauth/token", u.token)
	mux.HandleFunc("GET /espi/1_1/resource/Batch/Subscription/{subscription}", u.batch)
	return mux
}

func (u *utilityHost) keyed(parts ...string) string {
	sum := hmac.New(sha256.New, []byte(u.core.secrets.Keys[Utility]))
	_, _ = sum.Write([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// token grants access to one customer's data.
func (u *utilityHost) token(w http.ResponseWriter, request *http.Request) {
	id, secret, ok := request.BasicAuth()
	key := u.core.secrets.Keys[Utility]
	if !ok || key == "" || id != u.core.secrets.KeyIDs[Utility] || subtle.ConstantTimeCompare([]byte(secret), []byte(key)) != 1 {
		answer(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
		return
	}
	if request.ParseForm() != nil || request.PostForm.Get("grant_type") != "client_credentials" {
		answer(w, http.StatusBadRequest, map[string]string{"error": "unsupported_grant_type"})
		return
	}
	merchant, known := u.core.merchantByLicence(request.PostForm.Get("customer_licence"))
	if !known || isEmpty(u.core.book.Bills(merchant.ID)) {
		answer(w, http.StatusNotFound, map[string]string{"error": "unknown_customer"})
		return
	}
	subscription := u.keyed("subscription", merchant.LicenceNumber)
	resource := url.URL{Scheme: "http", Host: request.Host, Path: "/espi/1_1/resource/Batch/Subscription/" + subscription}
	answer(w, http.StatusOK, map[string]any{
		"access_token": u.keyed("token", subscription), "token_type": "Bearer", "expires_in": 3600,
		"scope": request.PostForm.Get("scope"), "resourceURI": resource.String(),
	})
}

// batch serves one feed document of a subscription.
func (u *utilityHost) batch(w http.ResponseWriter, request *http.Request) {
	subscription := request.PathValue("subscription")
	merchant, known := u.customers()[subscription]
	want := "Bearer " + u.keyed("token", subscription)
	if subtle.ConstantTimeCompare([]byte(request.Header.Get("Authorization")), []byte(want)) != 1 || !known {
		problem(w, http.StatusUnauthorized, "credentials_refused")
		return
	}
	values := request.URL.Query()
	start, size := positive(values.Get("start-index"), 1), positive(values.Get("max-results"), 100)
	since := time.Time{}
	if text := values.Get("published-min"); text != "" {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			problem(w, http.StatusBadRequest, "bad_request")
			return
		}
		since = at
	}
	if start < 1 || size < 1 || size > maxBillsPerFeed {
		problem(w, http.StatusBadRequest, "bad_request")
		return
	}
	feed := newESPIFeed(subscription, u.core.toldAsOf(request))
	seen := 0
	for bill, err := range u.core.book.Bills(merchant.ID) {
		if err != nil {
			problem(w, http.StatusInternalServerError, "book_unreadable")
			return
		}
		if bill.PeriodEnd.Before(since) || !u.core.knownBy(request, bill.PeriodEnd) {
			continue
		}
		if seen++; seen < start {
			continue
		}
		if feed.bills == size {
			values.Set("start-index", strconv.Itoa(start+size))
			feed.next = request.URL.Path + "?" + values.Encode()
			break
		}
		feed.add(bill)
	}
	w.Header().Set("Content-Type", "application/atom+xml;type=feed")
	_, _ = w.Write(feed.document())
}

// positive reads a count, otherwise when there is none, 0 when it is none.
func positive(text string, otherwise int) int {
	if text == "" {
		return otherwise
	}
	count, err := strconv.Atoi(text)
	if err != nil || count > 1_000_000 {
		return 0
	}
	return count
}

// serviceKind is ESPI's ServiceKind of a meter.
func serviceKind(kind evidence.UtilityKind) int {
	switch kind {
	case evidence.Gas:
		return 1
	case evidence.Water:
		return 2
	default:
		return 0
	}
}
