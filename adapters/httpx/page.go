package httpx

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// Limits of one page. They bound the memory a page can take.
const (
	maxPageBytes = 16 << 20
	maxCursor    = 512
)

// Page is one page of a history as its trailer closes it.
type Page[Row any] struct {
	Rows     []Row     // in the page's order
	Next     string    // cursor of the next page; empty = last
	DataAsOf time.Time // zero = not said
}

// Trailer is the last line of a page, under the name "page".
type Trailer struct {
	Next     string    `json:"next"`
	DataAsOf time.Time `json:"data_as_of"`
	Rows     *int      `json:"rows"`
}

// errMalformed marks a page that breaks the contract. Its text names rows by
// number and fields by name, never values.
var errMalformed = errors.New("malformed page")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errMalformed, fmt.Sprintf(format, args...))
}

// ParsePage reads one NDJSON page of at most limit rows. A page without its
// trailer, with another number of rows than the trailer says, or with a row
// that breaks the contract is an error, and then nothing of it may be used.
func (c Contract[Wire, Row]) ParsePage(in io.Reader, limit int) (Page[Row], error) {
	var page Page[Row]
	closed := false
	limited := &io.LimitedReader{R: in, N: maxPageBytes + 1}
	_, err := DecodeLines(limited, func(next *Wire) error {
		if closed {
			return malformed("a line after the trailer")
		}
		if end := c.Trailer(next); end != nil {
			closed = true
			return page.close(end)
		}
		if len(page.Rows) == limit {
			return malformed("more than the %d rows asked for", limit)
		}
		row, err := c.Row(next)
		if err != nil {
			return malformed("row %d: %s", len(page.Rows)+1, err.Error())
		}
		if page.Rows == nil {
			page.Rows = make([]Row, 0, limit)
		}
		page.Rows = append(page.Rows, row)
		return nil
	})
	broken, ok := errors.AsType[*LineError](err)
	switch {
	case limited.N <= 0:
		return Page[Row]{}, malformed("longer than %d bytes", maxPageBytes)
	case ok:
		return Page[Row]{}, malformed("%s", broken.Error())
	case err != nil:
		return Page[Row]{}, err
	case !closed:
		return Page[Row]{}, malformed("cut after row %d: no trailer", len(page.Rows))
	}
	return page, nil
}

func (p *Page[Row]) close(end *Trailer) error {
	if end.Rows == nil || *end.Rows != len(p.Rows) {
		return malformed("the trailer counts other rows than the %d that came", len(p.Rows))
	}
	if len(end.Next) > maxCursor {
		return malformed("the cursor is longer than %d bytes", maxCursor)
	}
	p.Next, p.DataAsOf = end.Next, end.DataAsOf.UTC()
	return nil
}
