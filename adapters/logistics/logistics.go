// Package logistics reads a merchant's parcels in two ways: Feed walks the
// history by our own contract (adapters/contract/logistics.yaml; event names
// after GS1 EPCIS 2.0 and its Core Business Vocabulary), and Spot asks about
// one suspicious waybill by Kuaidi100's real-time query, poll/query.do
// (api.kuaidi100.com/document/5f0ffb5ebc8da837cbd8aefc.html). The one rule: a
// history page counts whole or not at all, and a spot check costs a fee, so it
// is counted against a budget and never asked twice by itself.
package logistics

import (
	"time"

	"loan310/adapters/breaker"
	"loan310/adapters/httpx"
	"loan310/app/clock"
	"loan310/app/underwriting"
	"loan310/scoring/evidence"
)

// Settings say how to reach a carrier network and how much of it to use.
type Settings = httpx.HistorySettings

// contract is what sets these pages apart from others.
var contract = httpx.Contract[line, evidence.Waybill]{
	Provider: "logistics",
	Rows:     "waybills",
	Trailer:  func(l *line) *httpx.Trailer { return l.Page },
	Row:      (*line).waybill,
	Keep: func(row *evidence.Waybill, query underwriting.Query) bool {
		at := firstStep(row)
		return at.IsZero() || httpx.InWindow(query, at)
	},
}

type history = httpx.History[line, evidence.Waybill]

// Feed reads parcels. Its Fetch hands on those whose first told step lies in
// the query's window, and those without any, in the carrier's order, page by
// page. It is safe for concurrent use.
type Feed struct{ *history }

var _ underwriting.Feed[evidence.Waybill] = (*Feed)(nil)

// New makes a feed guarded by a breaker of its own, which it puts on the
// board. The clock stamps signatures. An unusable BaseURL is an error.
func New(settings Settings, board *breaker.Board, now clock.Clock) (*Feed, error) {
	made, err := httpx.NewHistory(contract, settings, board, now)
	if err != nil {
		return nil, err
	}
	return &Feed{history: made}, nil
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
