package sandbox

import (
	"bufio"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"time"

	"loan310/adapters/httpx"
)

// maxPageRows is the most rows a search may ask for at once.
const maxPageRows = 5_000

// history serves one kind of row by the search of our own contracts: NDJSON
// pages, each closed by a trailer.
type history[T any] struct {
	kept *resumes[T]
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
	if h.page(c, lines{out, httpx.RowEncoder()}, request, asked, merchant.ID, offset) {
		_ = out.Flush()
	}
}

// lines writes one JSON value a line.
type lines struct {
	into   io.Writer
	encode func(into io.Writer, row any) error
}

// Encode writes a value.
func (l lines) Encode(value any) error { return l.encode(l.into, value) }

// page writes one page and tells whether it is whole.
func (h history[T]) page(c *core, out lines, request *http.Request, asked searchBody, merchantID string, offset int) bool {
	keyAt := func(offset int) string {
		return fmt.Sprintf("%s/%d/%d/%d/%d", merchantID, asked.Since.UnixNano(), asked.Until.UnixNano(), drawOf(request).staleDays, offset)
	}
	var end trailerLine
	end.Page.DataAsOf = c.toldAsOf(request)
	seen := offset
	rows := h.kept.take(keyAt(offset))
	if rows == nil {
		rows, seen = newWalk(h.rows(merchantID)), 0
	}
	for {
		row, more, err := rows.row()
		if err != nil {
			rows.stop()
			return false
		}
		if !more {
			break
		}
		if at := h.at(row); !at.IsZero() && (at.Before(asked.Since) || !at.Before(asked.Until) || !c.knownBy(request, at)) {
			continue
		}
		if seen++; seen <= offset {
			continue
		}
		if end.Page.Rows == asked.PageSize {
			next := offset + end.Page.Rows
			end.Page.Next = "o" + strconv.Itoa(next)
			rows.keepAhead(row)
			h.kept.keep(keyAt(next), rows)
			return out.Encode(end) == nil
		}
		if out.Encode(h.wire(row)) != nil {
			rows.stop()
			return false
		}
		end.Page.Rows++
	}
	rows.stop()
	return out.Encode(end) == nil
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
	next, stop := iter.Pull2(rows)
	defer stop()
	_, _, more := next()
	return !more
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
