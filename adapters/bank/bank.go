// Package bank reads a merchant's booked transactions by the Open Banking UK
// Account and Transaction API, version 3.1.11 and, where the two differ, 4.0
// (OpenBankingUK/read-write-api-specs; OBReadTransaction6). The one rule: the
// account number is said once, in the body of the consent, and everything
// after goes by the bank's opaque AccountId; no URL ever holds the number.
//
// One fetch makes these calls below BaseURL:
//
//	POST /account-access-consents   names the account, answers a ConsentId
//	GET  /accounts                  under that consent: the AccountId
//	GET  /accounts/{AccountId}/transactions?fromBookingDateTime=&toBookingDateTime=&page=
//
// and follows Links.Next, which must stay on the host. Two things are agreed
// with banks beyond the specification, because the account's owner has already
// consented at our side: the consent's Data.Account names the account and
// comes back Authorised, and the header x-consent-id names the consent where
// the specification binds it to the access token.
package bank

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"

	"loan310/adapters/breaker"
	"loan310/adapters/httpx"
	"loan310/app/clock"
	"loan310/app/fault"
	"loan310/app/underwriting"
	"loan310/scoring/evidence"
)

// provider is the name on the operators' board and in errors.
const provider = "bank"

// Headers of the specification and of our agreement.
const (
	HeaderInteraction = "X-Fapi-Interaction-Id" // a UUID per request, played back
	HeaderConsent     = "X-Consent-Id"
)

// SchemeCard names a card number in a consent's Data.Account.
const SchemeCard = "CN.CardNumber"

// bookingFormat is a moment in a query: the specification has servers ignore
// a zone there, so all moments are UTC.
const bookingFormat = "2006-01-02T15:04:05"

// Settings say how to reach a bank and how to read its rows.
type Settings struct {
	BaseURL string // required; ends before /accounts
	Token   string // bearer token
	// PseudonymKey replaces account numbers of counterparties; required.
	PseudonymKey []byte
	// Codes maps ProprietaryBankTransactionCode.Code to what a row is for.
	// Nil means DefaultCodes.
	Codes map[string]evidence.TxKind

	// MaxPages bounds one fetch. Zero means 1,000.
	MaxPages int
	// Budget bounds one fetch with all its calls. Zero means 25 seconds.
	Budget time.Duration
	// Guard holds the limits of one call. Zero fields mean: 6 seconds a call,
	// 32 at once, and the breaker's own defaults. HedgeAfter, off by default,
	// asks a second time for a slow page (never for a consent).
	Guard breaker.Settings
	// Transport carries the requests. Nil means one of its own.
	Transport http.RoundTripper
}

func (s Settings) withDefaults() Settings {
	if s.Codes == nil {
		s.Codes = DefaultCodes()
	}
	breaker.Default(&s.MaxPages, 1_000)
	breaker.Default(&s.Budget, 25*time.Second)
	s.Guard = s.Guard.Or(provider, 6*time.Second, 32)
	return s
}

// Feed reads transactions. It is safe for concurrent use.
type Feed struct {
	settings Settings
	client   *httpx.Client
	guard    *breaker.Guard
	clock    clock.Clock
	opaque   *regexp.Regexp
}

var _ underwriting.Feed[evidence.Transaction] = (*Feed)(nil)

// New makes a feed guarded by a breaker of its own, which it puts on the
// board. An unusable BaseURL and a missing PseudonymKey are errors.
func New(settings Settings, board *breaker.Board, now clock.Clock) (*Feed, error) {
	settings = settings.withDefaults()
	if len(settings.PseudonymKey) == 0 {
		return nil, errors.New("bank needs a pseudonym key")
	}
	client, err := httpx.New(httpx.Options{
		Provider: provider, BaseURL: settings.BaseURL, Transport: settings.Transport,
		Authorize: httpx.Bearer(settings.Token), MaxBody: 1 << 20,
	})
	if err != nil {
		return nil, err
	}
	return &Feed{
		settings: settings, client: client, guard: breaker.New(settings.Guard, board), clock: now,
		opaque: regexp.MustCompile(`^[A-Za-z0-9._-]{1,40}$`),
	}, nil
}

// Close lets go of idle connections.
func (f *Feed) Close() { f.client.Close() }

// Fetch hands on the transactions booked in the query's window, in the bank's
// order, page by page. AccountID is the bank's opaque one. An account the bank
// does not know is Found false. Errors: those of emit as they are; everything
// else fault.Unavailable.
func (f *Feed) Fetch(ctx context.Context, query underwriting.Query, emit func(*evidence.Transaction) error) (underwriting.Fetched, error) {
	budget, cancel := httpx.NewBudget(ctx, f.client, f.guard, f.settings.Budget)
	defer cancel()
	run := &fetch{Feed: f, budget: budget, query: query, emit: emit}
	err := run.resolve(ctx)
	if errors.Is(err, errUnknown) {
		return underwriting.Fetched{}, nil
	}
	if err != nil {
		return underwriting.Fetched{}, err
	}
	for _, account := range run.accounts {
		run.pages = 0
		err := httpx.Walk("", f.settings.MaxPages, func(link string) (string, error) {
			return run.turn(ctx, account, link)
		})
		if err != nil {
			return underwriting.Fetched{}, err
		}
	}
	return underwriting.Fetched{Found: len(run.accounts) > 0, DataAsOf: run.dataAsOf}, nil
}

// errUnknown says that the bank does not know the account.
var errUnknown = errors.New("unknown account")

// fetch is one Fetch under way.
type fetch struct {
	*Feed
	budget   *httpx.Budget
	query    underwriting.Query
	emit     func(*evidence.Transaction) error
	consent  string
	accounts []string // opaque
	pages    int      // of the account being read
	dataAsOf time.Time
}

// resolve obtains the consent and the opaque account ids under it.
func (r *fetch) resolve(ctx context.Context) error {
	if r.query.AccountNumber == "" {
		return errUnknown
	}
	consent, err := httpx.Within(ctx, r.budget, "create_consent", breaker.Call, r.createConsent)
	if fault.KindOf(err) == fault.NotFound {
		return errUnknown
	}
	if err != nil {
		return r.client.Unavailable(err)
	}
	r.consent = consent
	r.accounts, err = httpx.Within(ctx, r.budget, "list_accounts", breaker.HedgedRead, r.listAccounts)
	if err != nil {
		return r.client.Unavailable(err)
	}
	return nil
}

// turn reads one page and hands its rows on.
func (r *fetch) turn(ctx context.Context, account, link string) (string, error) {
	page, err := httpx.Within(ctx, r.budget, "list_transactions", breaker.HedgedRead, func(ctx context.Context) (Page, error) {
		return r.readPage(ctx, account, link)
	})
	if err != nil {
		return "", r.client.Unavailable(err)
	}
	r.pages++
	if page.Next == "" && page.TotalPages > 0 && page.TotalPages != r.pages {
		return "", r.client.Malformed("list transactions", "the pages end before TotalPages")
	}
	r.dataAsOf = httpx.Earlier(r.dataAsOf, page.DataAsOf)
	return page.Next, httpx.HandOn(ctx, r.budget, page.Rows, func(row *evidence.Transaction) bool {
		return httpx.InWindow(r.query, row.BookedAt)
	}, r.emit)
}

// consentRequest is the body of a new consent.
type consentRequest struct {
	Data struct {
		Permissions             []string
		ExpirationDateTime      time.Time
		TransactionFromDateTime time.Time
		TransactionToDateTime   time.Time
		Account                 accountName
	}
	Risk struct{}
}

// accountName names an account and, for accounts that several businesses
// share, the licence of the one asked about.
type accountName struct{ SchemeName, Identification, SecondaryIdentification string }

func (r *fetch) createConsent(ctx context.Context) (string, error) {
	const op = "create consent"
	var body consentRequest
	body.Data.Permissions = []string{"ReadAccountsBasic", "ReadTransactionsCredits", "ReadTransactionsDebits", "ReadTransactionsDetail"}
	body.Data.ExpirationDateTime = r.clock().UTC().Add(time.Hour)
	body.Data.TransactionFromDateTime = r.query.Since.UTC()
	body.Data.TransactionToDateTime = r.query.Until.UTC()
	body.Data.Account = accountName{SchemeName: SchemeCard, Identification: r.query.AccountNumber, SecondaryIdentification: r.query.LicenceNumber}
	var answer struct {
		Data struct{ ConsentId, Status string }
	}
	err := r.client.JSON(ctx, httpx.Request{Op: op, Path: "account-access-consents", JSON: body, Header: r.header("")}, &answer)
	switch {
	case err != nil:
		return "", err
	case answer.Data.Status != "Authorised" && answer.Data.Status != "AUTH":
		return "", r.client.Malformed(op, "the consent is not authorised")
	case !r.opaque.MatchString(answer.Data.ConsentId):
		return "", r.client.Malformed(op, "no usable ConsentId")
	}
	return answer.Data.ConsentId, nil
}

func (r *fetch) listAccounts(ctx context.Context) ([]string, error) {
	const op = "list accounts"
	var answer struct {
		Data struct {
			Account []struct{ AccountId, Currency string }
		}
	}
	if err := r.client.JSON(ctx, httpx.Request{Op: op, Path: "accounts", Header: r.header(r.consent)}, &answer); err != nil {
		return nil, err
	}
	var ids []string
	for _, account := range answer.Data.Account {
		if !r.opaque.MatchString(account.AccountId) || strings.Contains(account.AccountId, r.query.AccountNumber) {
			return nil, r.client.Malformed(op, "an AccountId that is not opaque")
		}
		if account.Currency != Currency {
			return nil, r.client.Malformed(op, "an account whose currency is not CNY")
		}
		ids = append(ids, account.AccountId)
	}
	return ids, nil
}

func (r *fetch) readPage(ctx context.Context, account, link string) (Page, error) {
	const op = "list transactions"
	request := httpx.Request{Op: op, Header: r.header(r.consent)}
	if link == "" {
		request.Path = "accounts/" + account + "/transactions"
		request.Query = url.Values{
			"fromBookingDateTime": {r.query.Since.UTC().Format(bookingFormat)},
			"toBookingDateTime":   {r.query.Until.UTC().Add(time.Second - 1).Format(bookingFormat)}, // inclusive there, not here
		}
	} else {
		if strings.Contains(link, r.query.AccountNumber) {
			return Page{}, r.client.Malformed(op, "a link that holds the account number")
		}
		request.Path, request.Link = link, true
	}
	response, err := r.client.Do(ctx, request)
	if err != nil {
		return Page{}, err
	}
	defer func() { _ = response.Body.Close() }()
	if echoed := response.Header.Get(HeaderInteraction); echoed != "" && !strings.EqualFold(echoed, request.Header.Get(HeaderInteraction)) {
		return Page{}, r.client.Malformed(op, "the answer is to another interaction")
	}
	page, err := ParsePage(response.Body, Reading{Codes: r.settings.Codes, PseudonymKey: r.settings.PseudonymKey})
	if err != nil {
		return Page{}, r.client.Unreadable(op, err, errMalformed)
	}
	return page, nil
}

func (r *fetch) header(consent string) http.Header {
	header := http.Header{"Accept": {"application/json"}}
	header.Set(HeaderInteraction, uuid.NewString())
	if consent != "" {
		header.Set(HeaderConsent, consent)
	}
	return header
}
