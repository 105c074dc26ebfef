// Package utility reads a merchant's electricity, water and gas bills from a
// Green Button data custodian: Atom feeds with NAESB REQ.21 ESPI content
// (GreenButtonAlliance; espi.xsd, namespace http://naesb.org/espi). The one
// rule: a quantity is what the bill states or what readings over exactly its
// period add up to; anything less is "not said", never an estimate.
//
// One fetch makes these calls:
//
//	POST {BaseURL}/oauth/token     client credentials and the licence in the
//	                               body; answers an access token and, as ESPI
//	                               has it, a resourceURI
//	GET  {resourceURI}?published-min=&max-results=
//
// and follows the feed's next links, which must stay on the host. Two things
// are agreed with custodians beyond the specification, because the customer
// has already consented at our side: the token request names the customer
// (customer_licence), and bills carry payment dates (PaymentNamespace).
// Amounts are in hundred-thousandths of the currency, as ESPI has them.
package utility

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"loan310/adapters/breaker"
	"loan310/adapters/httpx"
	"loan310/app/fault"
	"loan310/app/underwriting"
	"loan310/scoring/evidence"
)

// provider is the name on the operators' board and in errors.
const provider = "utility"

// Scope is what we ask a custodian for: function blocks common (1), usage
// point (3), interval metering (4), usage summaries (15, 16).
const Scope = "FB=1_3_4_15_16;IntervalDuration=86400;BlockDuration=monthly;HistoryLength=94608000"

// Settings say how to reach a data custodian.
type Settings struct {
	BaseURL      string // required
	ClientID     string
	ClientSecret string

	// PageSize is how many bills to ask for at once (1..1000). Zero means 200.
	PageSize int
	// MaxPages bounds one fetch. Zero means 200.
	MaxPages int
	// Budget bounds one fetch with all its calls. Zero means 25 seconds.
	Budget time.Duration
	// Guard holds the limits of one call. Zero fields mean: 8 seconds a call,
	// 16 at once, 2 seconds of waiting for a place, and the breaker's own
	// defaults. HedgeAfter, off by default, asks a second time for a slow feed.
	Guard breaker.Settings
	// Transport carries the requests. Nil means one of its own.
	Transport http.RoundTripper
}

func (s Settings) withDefaults() Settings {
	breaker.Default(&s.PageSize, 200)
	breaker.Default(&s.MaxPages, 200)
	breaker.Default(&s.Budget, 25*time.Second)
	s.Guard = s.Guard.Or(provider, 8*time.Second, 16)
	breaker.Default(&s.Guard.MaxWait, 2*time.Second)
	return s
}

// Feed reads utility bills. It is safe for concurrent use.
type Feed struct {
	settings Settings
	client   *httpx.Client
	guard    *breaker.Guard
}

var _ underwriting.Feed[evidence.UtilityBill] = (*Feed)(nil)

// New makes a feed guarded by a breaker of its own, which it puts on the
// board. An unusable BaseURL is an error.
func New(settings Settings, board *breaker.Board) (*Feed, error) {
	settings = settings.withDefaults()
	client, err := httpx.New(httpx.Options{
		Provider: provider, BaseURL: settings.BaseURL, Transport: settings.Transport, MaxBody: 64 << 10,
	})
	if err != nil {
		return nil, err
	}
	return &Feed{settings: settings, client: client, guard: breaker.New(settings.Guard, board)}, nil
}

// Close lets go of idle connections.
func (f *Feed) Close() { f.client.Close() }

// Fetch hands on the bills whose period starts in the query's window, in the
// custodian's order, feed by feed. A licence the custodian does not know is
// Found false. Errors: those of emit as they are; everything else
// fault.Unavailable.
func (f *Feed) Fetch(ctx context.Context, query underwriting.Query, emit func(*evidence.UtilityBill) error) (underwriting.Fetched, error) {
	budget, cancel := httpx.NewBudget(ctx, f.client, f.guard, f.settings.Budget)
	defer cancel()
	run := &fetch{Feed: f, budget: budget, query: query}
	grant, err := httpx.Within(ctx, run.budget, "token", breaker.Call, run.authorise)
	if fault.KindOf(err) == fault.NotFound {
		return underwriting.Fetched{}, nil
	}
	if err != nil {
		return underwriting.Fetched{}, f.client.Unavailable(err)
	}
	fetched := underwriting.Fetched{Found: true}
	inWindow := func(bill *evidence.UtilityBill) bool { return httpx.InWindow(query, bill.PeriodStart) }
	err = httpx.Walk(grant.link, f.settings.MaxPages, func(link string) (string, error) {
		page, err := httpx.Within(ctx, run.budget, "batch", breaker.HedgedRead, func(ctx context.Context) (Page, error) {
			return run.read(ctx, grant.token, link)
		})
		if err != nil {
			return "", f.client.Unavailable(err)
		}
		fetched.DataAsOf = httpx.Earlier(fetched.DataAsOf, page.Updated)
		return page.Next, httpx.HandOn(ctx, budget, page.Bills, inWindow, emit)
	})
	if err != nil {
		return underwriting.Fetched{}, err
	}
	return fetched, nil
}

// fetch is one Fetch under way.
type fetch struct {
	*Feed
	budget *httpx.Budget
	query  underwriting.Query
}

// grant is what authorises a fetch: a token and the first feed's link.
type grant struct{ token, link string }

func (r *fetch) authorise(ctx context.Context) (grant, error) {
	const op = "authorise"
	var answer struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		ResourceURI string `json:"resourceURI"`
	}
	basic := &http.Request{Header: http.Header{}}
	basic.SetBasicAuth(url.QueryEscape(r.settings.ClientID), url.QueryEscape(r.settings.ClientSecret))
	err := r.client.JSON(ctx, httpx.Request{
		Op: op, Path: "oauth/token", Header: basic.Header,
		Form: url.Values{
			"grant_type": {"client_credentials"}, "scope": {Scope},
			"customer_licence": {r.query.LicenceNumber},
		},
	}, &answer)
	if err != nil {
		return grant{}, err
	}
	link, err := url.Parse(answer.ResourceURI)
	if err != nil || answer.ResourceURI == "" || answer.AccessToken == "" || len(answer.AccessToken) > 4<<10 {
		return grant{}, r.client.Malformed(op, "no access token or resourceURI")
	}
	values := link.Query()
	// Entries are published when their period is over, so bills that begin in
	// the window were published after its start; its end is ours to judge.
	values.Set("published-min", r.query.Since.UTC().Format(time.RFC3339))
	values.Set("max-results", strconv.Itoa(r.settings.PageSize))
	link.RawQuery = values.Encode()
	return grant{token: answer.AccessToken, link: link.String()}, nil
}

func (r *fetch) read(ctx context.Context, token, link string) (Page, error) {
	const op = "read feed"
	response, err := r.client.Do(ctx, httpx.Request{
		Op: op, Path: link, Link: true,
		Header: http.Header{"Accept": {"application/atom+xml"}, "Authorization": {"Bearer " + token}},
	})
	if err != nil {
		return Page{}, err
	}
	defer func() { _ = response.Body.Close() }()
	page, err := ParseFeed(response.Body)
	if err != nil {
		return Page{}, r.client.Unreadable(op, err, errMalformed)
	}
	return page, nil
}
