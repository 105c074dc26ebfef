package sandbox

import (
	"bufio"
	"encoding/json"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxPageRows is the most rows a search may ask for at once.
const maxPageRows = 5_000

// history serves one kind of row by the search of our own contracts: NDJSON
// pages, each closed by a trailer.
type history[T any] struct {
	rows func(merchantID string) iter.Seq2[*T, error]
	at   func(*T) time.Time // zero: the row has no time and is in every window
	wire func(*T) any
}

// searchBody is what a search asks for.
type searchBody struct {
	LicenceNumber string    `json:"licence_number"`
	Since         time.Time `json:"since"`
	Until         time.Time `json:"until"`
	Cursor        string    `json:"cursor"`
	PageSize      int       `json:"page_size"`
}

// trailerLine closes a page.
type trailerLine struct {
	Page struct {
		Next     string    `json:"next,omitempty"`
		DataAsOf time.Time `json:"data_as_of,omitzero"`
		Rows     int       `json:"rows"`
	} `json:"page"`
}

// serve answers one search. A book that cannot be read ends the page without
// its trailer, as a crash would.
func (h history[T]) serve(c *core, w http.ResponseWriter, request *http.Request) {
	var asked searchBody
	if !decode(w, request, &asked) {
		return
	}
	offset, ok := offsetOf(asked.Cursor)
	if !ok || asked.PageSize < 1 || asked.PageSize > maxPageRows || !asked.Since.Before(asked.Until) {
		problem(w, http.StatusBadRequest, "bad_request")
		return
	}
	merchant, known := c.merchantByLicence(asked.LicenceNumber)
	if !known || isEmpty(h.rows(merchant.ID)) {
		problem(w, http.StatusNotFound, "unknown_merchant")
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := bufio.NewWriterSize(w, 32<<10)
	encoder := json.NewEncoder(out)
	var end trailerLine
	end.Page.DataAsOf = c.toldAsOf(request)
	seen := 0
	for row, err := range h.rows(merchant.ID) {
		if err != nil {
			return
		}
		if at := h.at(row); !at.IsZero() && (at.Before(asked.Since) || !at.Before(asked.Until) || !c.knownBy(request, at)) {
			continue
		}
		if seen++; seen <= offset {
			continue
		}
		if end.Page.Rows == asked.PageSize {
			end.Page.Next = "o" + strconv.Itoa(offset+end.Page.Rows)
			break
		}
		if encoder.Encode(h.wire(row)) != nil {
			return
		}
		end.Page.Rows++
	}
	if encoder.Encode(end) == nil {
		_ = out.Flush()
	}
}

// offsetOf reads a cursor: the rows of the window already given.
func offsetOf(cursor string) (int, bool) {
	if cursor == "" {
		return 0, true
	}
	digits, ok := strings.CutPrefix(cursor, "o")
	offset, err := strconv.Atoi(digits)
	return offset, ok && err == nil && offset > 0
}

func isEmpty[T any](rows iter.Seq2[*T, error]) bool {
	for range rows {
		return false
	}
	return true
}

// toldAsOf is the data-as-of moment of an answer, zero when the book has none.
func (c *core) toldAsOf(request *http.Request) time.Time {
	if c.book.AsOf().IsZero() {
		return time.Time{}
	}
	return c.dataAsOf(request).UTC()
}

// knownBy tells whether a provider knows of a row of some moment: a stale one
// does not know what came after its data-as-of.
func (c *core) knownBy(request *http.Request, at time.Time) bool {
	return drawOf(request).staleDays == 0 || at.Before(c.dataAsOf(request))
}
