// Package logistics reads a merchant's parcels in two ways: Feed walks the
// history by our own contract (adapters/contract/logistics.yaml; event names
// after GS1 EPCIS 2.0 and its Core Business Vocabulary), and Spot asks about
// one suspicious waybill by Kuaidi100's real-time query, poll/query.do
// (api.kuaidi100.com/document/5f0ffb5ebc8da837cbd8aefc.html). The one rule: a
// history page counts whole or not at all, and a spot check costs a fee, so it
// is counted against a budget and never asked twice by itself.
package logistics

import (
	"context"
	"errors"
	"net/http"
	"time"

	"loan310/adapters/breaker"
	"loan310/adapters/httpx"
	"loan310/app/clock"
	"loan310/app/fault"
	"loan310/app/underwriting"
	"loan310/scoring/evidence"
)

// provider is the name on the operators' board and in errors.
const provider = "logistics"

// Settings say how to reach a carrier network and how much of it to use.
type Settings struct {
	BaseURL string // required
	Token   string // bearer token
	KeyID   string // name of Key
	Key     string // shared key of the request signature

	// PageSize is how many parcels to ask for at once (1..5000). Zero means
	// 2000, about 1 MB.
	PageSize int
	// MaxPages bounds one fetch. Zero means 500.
	MaxPages int
	// Budget bounds one fetch with all its pages. Zero means 25 seconds.
	Budget time.Duration
	// Guard holds the limits of one page. Zero fields mean: 6 seconds a page,
	// 32 at once, and the breaker's own defaults. HedgeAfter, off by default,
	// asks a second time for a page that is slow to come; pages are complete
	// before their rows are used, so no row comes twice.
	Guard breaker.Settings
	// Transport carries the requests. Nil means one of its own.
	Transport http.RoundTripper
}

func (s Settings) withDefaults() Settings {
	if s.PageSize <= 0 {
		s.PageSize = 2_000
	}
	if s.MaxPages <= 0 {
		s.MaxPages = 500
	}
	if s.Budget <= 0 {
		s.Budget = 25 * time.Second
	}
	if s.Guard.Name == "" {
		s.Guard.Name = provider
	}
	if s.Guard.Budget <= 0 {
		s.Guard.Budget = 6 * time.Second
	}
	if s.Guard.MaxConcurrent == 0 {
		s.Guard.MaxConcurrent = 32
	}
	return s
}

// Feed reads parcels. It is safe for concurrent use.
type Feed struct {
	settings Settings
	client   *httpx.Client
	guard    *breaker.Guard
}

var _ underwriting.Feed[evidence.Waybill] = (*Feed)(nil)

// New makes a feed guarded by a breaker of its own, which it puts on the
// board. The clock stamps signatures. An unusable BaseURL is an error.
func New(settings Settings, board *breaker.Board, now clock.Clock) (*Feed, error) {
	settings = settings.withDefaults()
	bearer, sign := httpx.Bearer(settings.Token), httpx.HMAC(settings.KeyID, settings.Key, now)
	client, err := httpx.New(httpx.Options{
		Provider: provider, BaseURL: settings.BaseURL, Transport: settings.Transport,
		Authorize: func(request *http.Request, body []byte) error {
			return errors.Join(bearer(request, body), sign(request, body))
		},
	})
	if err != nil {
		return nil, err
	}
	return &Feed{settings: settings, client: client, guard: breaker.New(settings.Guard, board)}, nil
}

// Close lets go of idle connections.
func (f *Feed) Close() { f.client.Close() }

// Fetch hands on the parcels whose first told step lies in the query's window,
// and those without any, in the carrier's order, page by page. A licence the
// network does not know is Found false. Errors: those of emit as they are;
// everything else fault.Unavailable.
func (f *Feed) Fetch(ctx context.Context, query underwriting.Query, emit func(*evidence.Waybill) error) (underwriting.Fetched, error) {
	overall, cancel := context.WithTimeout(ctx, f.settings.Budget)
	defer cancel()
	var fetched underwriting.Fetched
	err := httpx.Walk("", f.settings.MaxPages, func(cursor string) (string, error) {
		page, err := f.page(ctx, overall, query, cursor)
		if err != nil {
			return "", err
		}
		fetched.Found = true
		fetched.DataAsOf = older(fetched.DataAsOf, page.DataAsOf)
		for i := range page.Rows {
			if err := spent(ctx, overall); err != nil {
				return "", err
			}
			row := &page.Rows[i]
			if at := firstStep(row); !at.IsZero() && (at.Before(query.Since) || !at.Before(query.Until)) {
				continue
			}
			if err := emit(row); err != nil {
				return "", err
			}
		}
		return page.Next, nil
	})
	if errors.Is(err, errUnknown) {
		return underwriting.Fetched{}, nil
	}
	if err != nil {
		return underwriting.Fetched{}, err
	}
	return fetched, nil
}

// errUnknown says that the first page was answered with "no such merchant".
var errUnknown = errors.New("unknown merchant")

// search is the body of a request.
type search struct {
	LicenceNumber string    `json:"licence_number"`
	Since         time.Time `json:"since"`
	Until         time.Time `json:"until"`
	Cursor        string    `json:"cursor,omitempty"`
	PageSize      int       `json:"page_size"`
}

// page reads one page within the guard's budget and the fetch's. The guard
// gets the caller's own context, so that a fetch which runs out of its budget
// counts against the provider and one that its caller gave up does not.
func (f *Feed) page(ctx, overall context.Context, query underwriting.Query, cursor string) (Page, error) {
	if err := spent(ctx, overall); err != nil {
		return Page{}, err
	}
	page, err := breaker.HedgedRead(ctx, f.guard, "search_waybills", func(within context.Context) (Page, error) {
		limited, cancel := limit(ctx, within, overall)
		defer cancel()
		page, err := f.read(limited, search{
			LicenceNumber: query.LicenceNumber, Since: query.Since.UTC(), Until: query.Until.UTC(),
			Cursor: cursor, PageSize: f.settings.PageSize,
		})
		if err != nil && limited.Err() != nil && within.Err() == nil {
			return Page{}, tookTooLong(err)
		}
		return page, err
	})
	switch {
	case err == nil:
		return page, nil
	case cursor == "" && fault.KindOf(err) == fault.NotFound:
		return Page{}, errUnknown
	case fault.KindOf(err) == fault.Unavailable:
		return Page{}, err
	default: // a refused request is our fault or theirs, but no answer either way
		return Page{}, fault.New(fault.Unavailable, fault.CodeOf(err), "%s refused the request", provider).Wrap(err)
	}
}

func (f *Feed) read(ctx context.Context, body search) (Page, error) {
	const op = "search waybills"
	response, err := f.client.Do(ctx, httpx.Request{
		Op: op, Path: "/v1/waybills/search", JSON: body,
		Header: http.Header{"Accept": {"application/x-ndjson"}},
	})
	if err != nil {
		return Page{}, err
	}
	defer func() { _ = response.Body.Close() }()
	page, err := ParsePage(response.Body, f.settings.PageSize)
	switch {
	case err == nil:
		return page, nil
	case errors.Is(err, errMalformed):
		return Page{}, f.client.Malformed(op, err.Error())
	default:
		return Page{}, fault.New(fault.Unavailable, httpx.CodeDown, "%s: %s: the answer broke off", provider, op).Wrap(err)
	}
}

// firstStep is the earliest step the carrier told of, zero when none.
func firstStep(row *evidence.Waybill) time.Time {
	for _, at := range [...]time.Time{row.CreatedAt, row.PickedUpAt, row.SignedAt} {
		if !at.IsZero() {
			return at
		}
	}
	return time.Time{}
}
