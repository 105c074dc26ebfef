package httpx

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"loan310/adapters/breaker"
	"loan310/app/clock"
	"loan310/app/fault"
	"loan310/app/underwriting"
)

// HistorySettings say how to reach a provider of a paged history and how much
// of it to use.
type HistorySettings struct {
	BaseURL string // required
	Token   string // bearer token
	KeyID   string // name of Key
	Key     string // shared key of the request signature

	// PageSize is how many rows to ask for at once (1..5000). Zero means 2000,
	// 1 to 2 MB.
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

func (s HistorySettings) withDefaults(provider string) HistorySettings {
	breaker.Default(&s.PageSize, 2_000)
	breaker.Default(&s.MaxPages, 500)
	breaker.Default(&s.Budget, 25*time.Second)
	s.Guard = s.Guard.Or(provider, 6*time.Second, 32)
	return s
}

// Contract is what sets one paged history apart from another: a signed search
// answered by NDJSON pages, each closed by a trailer.
type Contract[Wire, Row any] struct {
	Provider string // name on the operators' board and in errors
	Rows     string // "orders": what is searched, in the path and in errors
	// Trailer gives the trailer of a line that is one, nil for a row.
	Trailer func(*Wire) *Trailer
	// Row checks a line and converts it. Its errors name fields, never values.
	Row func(*Wire) (Row, error)
	// Keep tells whether a row belongs into the query's window.
	Keep func(*Row, underwriting.Query) bool
}

// History reads a merchant's rows page by page. A page counts whole or not at
// all: it is read to its trailer before any of its rows is handed on. It is
// safe for concurrent use.
type History[Wire, Row any] struct {
	contract Contract[Wire, Row]
	settings HistorySettings
	client   *Client
	guard    *breaker.Guard
}

// NewHistory makes a history guarded by a breaker of its own, which it puts on
// the board. The clock stamps signatures. An unusable BaseURL is an error.
func NewHistory[Wire, Row any](contract Contract[Wire, Row], settings HistorySettings, board *breaker.Board, now clock.Clock) (*History[Wire, Row], error) {
	settings = settings.withDefaults(contract.Provider)
	bearer, sign := Bearer(settings.Token), HMAC(settings.KeyID, settings.Key, now)
	client, err := New(Options{
		Provider: contract.Provider, BaseURL: settings.BaseURL, Transport: settings.Transport,
		Authorize: func(request *http.Request, body []byte) error {
			return errors.Join(bearer(request, body), sign(request, body))
		},
	})
	if err != nil {
		return nil, err
	}
	return &History[Wire, Row]{contract: contract, settings: settings, client: client, guard: breaker.New(settings.Guard, board)}, nil
}

// Close lets go of idle connections.
func (h *History[Wire, Row]) Close() { h.client.Close() }

// Fetch hands on the rows that the contract keeps, in the provider's order. A
// licence the provider does not know is Found false. Errors: those of emit as
// they are; everything else fault.Unavailable.
func (h *History[Wire, Row]) Fetch(ctx context.Context, query underwriting.Query, emit func(*Row) error) (underwriting.Fetched, error) {
	budget, cancel := NewBudget(ctx, h.client, h.guard, h.settings.Budget)
	defer cancel()
	var fetched underwriting.Fetched
	keep := func(row *Row) bool { return h.contract.Keep(row, query) }
	err := Walk("", h.settings.MaxPages, func(cursor string) (string, error) {
		page, err := h.page(ctx, budget, query, cursor)
		if err != nil {
			return "", err
		}
		fetched.Found = true
		fetched.DataAsOf = Earlier(fetched.DataAsOf, page.DataAsOf)
		return page.Next, HandOn(ctx, budget, page.Rows, keep, emit)
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

// page reads one page within the guard's budget and the fetch's.
func (h *History[Wire, Row]) page(ctx context.Context, budget *Budget, query underwriting.Query, cursor string) (Page[Row], error) {
	op := "search " + h.contract.Rows
	page, err := Within(ctx, budget, strings.ReplaceAll(op, " ", "_"), breaker.HedgedRead, func(ctx context.Context) (Page[Row], error) {
		return h.read(ctx, op, search{
			LicenceNumber: query.LicenceNumber, Since: query.Since.UTC(), Until: query.Until.UTC(),
			Cursor: cursor, PageSize: h.settings.PageSize,
		})
	})
	switch {
	case err == nil:
		return page, nil
	case cursor == "" && fault.KindOf(err) == fault.NotFound:
		return Page[Row]{}, errUnknown
	default: // a refused request is our fault or theirs, but no answer either way
		return Page[Row]{}, h.client.Unavailable(err)
	}
}

func (h *History[Wire, Row]) read(ctx context.Context, op string, body search) (Page[Row], error) {
	response, err := h.client.Do(ctx, Request{
		Op: op, Path: "/v1/" + h.contract.Rows + "/search", JSON: body,
		Header: http.Header{"Accept": {"application/x-ndjson"}},
	})
	if err != nil {
		return Page[Row]{}, err
	}
	defer func() { _ = response.Body.Close() }()
	page, err := h.contract.ParsePage(response.Body, h.settings.PageSize)
	if err != nil {
		return Page[Row]{}, h.client.Unreadable(op, err, errMalformed)
	}
	return page, nil
}
