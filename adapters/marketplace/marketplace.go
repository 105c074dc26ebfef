// Package marketplace reads a merchant's orders from a marketplace by our own
// contract (adapters/contract/marketplace.yaml): signed searches answered by
// NDJSON pages, each closed by a trailer. The one rule: a page counts whole or
// not at all. It is read to its trailer before any of its rows is handed on,
// so a cut answer is an error and never a short history.
package marketplace

import (
	"loan310/adapters/breaker"
	"loan310/adapters/httpx"
	"loan310/app/clock"
	"loan310/app/underwriting"
	"loan310/scoring/evidence"
)

// Settings say how to reach a marketplace and how much of it to use.
type Settings = httpx.HistorySettings

// contract is what sets these pages apart from others.
var contract = httpx.Contract[line, evidence.Order]{
	Provider: "marketplace",
	Rows:     "orders",
	Trailer:  func(l *line) *httpx.Trailer { return l.Page },
	Row:      (*line).order,
	Keep: func(row *evidence.Order, query underwriting.Query) bool {
		return httpx.InWindow(query, row.CreatedAt)
	},
}

type history = httpx.History[line, evidence.Order]

// Feed reads orders. Its Fetch hands on those created in the query's window,
// by creation, page by page. It is safe for concurrent use.
type Feed struct{ *history }

var _ underwriting.Feed[evidence.Order] = (*Feed)(nil)

// New makes a feed guarded by a breaker of its own, which it puts on the
// board. The clock stamps signatures. An unusable BaseURL is an error.
func New(settings Settings, board *breaker.Board, now clock.Clock) (*Feed, error) {
	made, err := httpx.NewHistory(contract, settings, board, now)
	if err != nil {
		return nil, err
	}
	return &Feed{history: made}, nil
}
