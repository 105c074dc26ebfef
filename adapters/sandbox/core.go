package sandbox

import (
	"bytes"
	"crypto/hmac"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"loan310/adapters/dossier"
	"loan310/adapters/httpx"
	"loan310/app/clock"
)

// maxSkew is how far a signed request's timestamp may be from our clock.
const maxSkew = 10 * time.Minute

// core is what every provider shares: the book and its indexes, the faults,
// the credentials, the rail's book and the inbox.
type core struct {
	book    dossier.Book
	clock   clock.Clock
	logger  *slog.Logger
	secrets Secrets
	faults  *faultEngine
	rail    *railBook
	trades  *tradeBook
	bank    *bankHouse
	inbox   *inbox
	index   func() *index // built at first use
	done    chan struct{} // closed when the sandbox closes

	gate    sync.Mutex
	closing bool
	active  sync.WaitGroup // requests being served
}

// index finds merchants by what providers are asked with. One account or
// person may stand behind several merchants.
type index struct {
	byLicence map[string]dossier.Merchant
	byAccount map[string][]dossier.Merchant
	byPerson  map[string][]dossier.Merchant // identity number
}

func newCore(options Options) (*core, error) {
	if options.Book == nil {
		return nil, errors.New("sandbox needs a book")
	}
	if options.Clock == nil {
		options.Clock = clock.System
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	if err := ensureDir(options.Dir); err != nil {
		return nil, err
	}
	c := &core{
		book: options.Book, clock: options.Clock, logger: options.Logger, secrets: options.Secrets,
		faults: newFaultEngine(options.Clock), done: make(chan struct{}),
		index: sync.OnceValue(func() *index { return buildIndex(options.Book) }),
	}
	var err error
	if c.rail, err = openRailBook(options); err != nil {
		return nil, err
	}
	if c.trades, err = openTradeBook(options); err != nil {
		return nil, errors.Join(err, c.rail.close())
	}
	if c.bank, err = openBankHouse(options); err != nil {
		return nil, errors.Join(err, c.rail.close(), c.trades.close())
	}
	if c.inbox, err = openInbox(options.Dir, options.Clock); err != nil {
		return nil, errors.Join(err, c.rail.close(), c.trades.close(), c.bank.close())
	}
	return c, nil
}

func (c *core) close() error {
	return errors.Join(c.rail.close(), c.trades.close(), c.bank.close(), c.inbox.close())
}

func buildIndex(book dossier.Book) *index {
	merchants := book.Merchants()
	built := &index{
		byLicence: make(map[string]dossier.Merchant, len(merchants)),
		byAccount: make(map[string][]dossier.Merchant, len(merchants)),
		byPerson:  make(map[string][]dossier.Merchant, len(merchants)),
	}
	for _, m := range merchants {
		built.byLicence[m.LicenceNumber] = m
		if m.PayoutAccount != "" {
			built.byAccount[m.PayoutAccount] = append(built.byAccount[m.PayoutAccount], m)
		}
		if m.IdentityNumber != "" {
			built.byPerson[m.IdentityNumber] = append(built.byPerson[m.IdentityNumber], m)
		}
	}
	return built
}

// merchantByLicence finds by unified social credit code, in any case.
func (c *core) merchantByLicence(licence string) (dossier.Merchant, bool) {
	m, ok := c.index().byLicence[strings.ToUpper(strings.TrimSpace(licence))]
	return m, ok
}

// merchantsByAccount finds by payout account number.
func (c *core) merchantsByAccount(account string) []dossier.Merchant {
	return c.index().byAccount[account]
}

// merchantsByPerson finds by the legal representative's identity number.
func (c *core) merchantsByPerson(identityNumber string) []dossier.Merchant {
	return c.index().byPerson[strings.ToUpper(identityNumber)]
}

// dataAsOf is the newest moment a provider vouches for: the book's, moved back
// by the stale_days fault that applies to this request.
func (c *core) dataAsOf(request *http.Request) time.Time {
	return c.staleAt(request, c.book.AsOf())
}

// staleAt moves a moment back by the stale_days fault of this request.
func (c *core) staleAt(request *http.Request, at time.Time) time.Time {
	return at.AddDate(0, 0, -drawOf(request).staleDays)
}

// bearer lets requests with the kind's token through (Secrets.Tokens).
func (c *core) bearer(kind string, next http.HandlerFunc) http.HandlerFunc {
	want := "Bearer " + c.secrets.Tokens[kind]
	return func(w http.ResponseWriter, request *http.Request) {
		got := request.Header.Get("Authorization")
		if c.secrets.Tokens[kind] == "" || subtle.ConstantTimeCompare([]byte(got), []byte(want)) != 1 {
			problem(w, http.StatusUnauthorized, "credentials_refused")
			return
		}
		next(w, request)
	}
}

// signed lets requests through that carry an HMAC under the kind's key
// (Secrets.Keys) over method, path, timestamp and body (httpx.Signature).
func (c *core) signed(kind string, next http.HandlerFunc) http.HandlerFunc {
	key := c.secrets.Keys[kind]
	return func(w http.ResponseWriter, request *http.Request) {
		body, err := readBody(request)
		if err != nil {
			problem(w, http.StatusRequestEntityTooLarge, "body_too_large")
			return
		}
		timestamp := request.Header.Get(httpx.HeaderTimestamp)
		seconds, err := strconv.ParseInt(timestamp, 10, 64)
		got, badHex := hex.DecodeString(request.Header.Get(httpx.HeaderSignature))
		want, _ := hex.DecodeString(httpx.Signature(key, request.Method, request.URL.RequestURI(), timestamp, body))
		switch {
		case key == "" || badHex != nil || !hmac.Equal(got, want):
			problem(w, http.StatusUnauthorized, "signature_refused")
		case err != nil || c.clock().Sub(time.Unix(seconds, 0)).Abs() > maxSkew:
			problem(w, http.StatusUnauthorized, "timestamp_refused")
		default:
			next(w, request)
		}
	}
}

// readBody gives the whole body; faulty has read and bounded it already.
func readBody(request *http.Request) ([]byte, error) {
	body, err := io.ReadAll(request.Body)
	request.Body = rewound(body)
	return body, err
}

// decode reads a JSON body into out and answers 400 when it cannot.
func decode(w http.ResponseWriter, request *http.Request, out any) bool {
	if err := json.NewDecoder(request.Body).Decode(out); err != nil {
		problem(w, http.StatusBadRequest, "body_not_json")
		return false
	}
	return true
}

// answer writes JSON with a status.
func answer(w http.ResponseWriter, status int, body any) {
	var out bytes.Buffer
	err := httpx.RowEncoder()(&out, body)
	text := bytes.TrimSuffix(out.Bytes(), []byte("\n"))
	if err != nil {
		problem(w, http.StatusInternalServerError, "answer_not_encoded")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

// problem writes the error body of our own contracts.
func problem(w http.ResponseWriter, status int, code string) {
	answer(w, status, map[string]string{"code": code})
}
