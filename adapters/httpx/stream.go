package httpx

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/bytedance/sonic"
	"github.com/bytedance/sonic/encoder"

	"loan310/adapters/breaker"
	"loan310/app/fault"
)

// MaxLine is the longest NDJSON line accepted, in bytes.
const MaxLine = 1 << 20

// Answer is what surrounded a stream.
type Answer struct {
	Rows   int64
	Header http.Header // trailers merged in
}

// DataAsOf reads HeaderDataAsOf; zero when the source did not say.
func (a Answer) DataAsOf() (time.Time, error) { return DataAsOf(a.Header) }

// DataAsOf reads HeaderDataAsOf; zero when the source did not say.
func DataAsOf(header http.Header) (time.Time, error) {
	text := header.Get(HeaderDataAsOf)
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fault.New(fault.Unavailable, CodeMalformed, "data as-of header is not a time")
	}
	return at.UTC(), nil
}

// Lines sends a request and gives each NDJSON line of the answer to each, in
// bounded memory; the row is valid only within its step. An error of each ends
// the stream and comes back marked as the caller's own, which breaker.Call
// gives back as it was. A line that is too long or no JSON, a stream that is
// cut, and a row count that differs from HeaderRowCount are Unavailable faults
// that name the line.
func Lines[T any](ctx context.Context, c *Client, request Request, each func(*T) error) (Answer, error) {
	response, err := c.Do(ctx, request)
	if err != nil {
		return Answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	rows, err := DecodeLines(response.Body, each)
	switch problem, malformed := errors.AsType[*LineError](err); {
	case malformed:
		return Answer{}, c.Malformed(request.Op, problem.Error())
	case errors.Is(err, errBroken):
		return Answer{}, c.transportFault(request.Op, err)
	case err != nil:
		return Answer{}, breaker.CallerError(err)
	}
	answer := Answer{Rows: rows, Header: response.Header}
	maps.Copy(answer.Header, response.Trailer)
	if said := answer.Header.Get(HeaderRowCount); said != "" && said != strconv.FormatInt(rows, 10) {
		return Answer{}, c.Malformed(request.Op, fmt.Sprintf("stream ended after line %d, which is not the count it gave", rows))
	}
	return answer, nil
}

// RowDecoder gives a reader of JSON rows, several times as fast as encoding/json on amd64 and
// arm64, and encoding/json elsewhere. It copies the line once, and strings are
// parts of that copy: the line's bytes may be used again for the next.
func RowDecoder() func(line []byte, row any) error {
	return sonic.Config{ValidateString: true}.Froze().Unmarshal
}

// RowEncoder gives a writer of JSON rows, one a line, faster than encoding/json
// on amd64 and arm64, for use by many goroutines. The bytes are those of
// encoding/json without HTML escapes, but for backspace, form feed and the two
// line separators, which may be escaped otherwise or not at all: whoever
// hashes rows hashes what was stored, never what would be written again.
func RowEncoder() func(into io.Writer, row any) error {
	lines := sync.Pool{New: func() any { return new([]byte) }}
	return func(into io.Writer, row any) error {
		line, ok := lines.Get().(*[]byte)
		if !ok {
			line = new([]byte)
		}
		defer lines.Put(line)
		*line = (*line)[:0]
		if err := encoder.EncodeInto(line, row, encoder.SortMapKeys|encoder.NoValidateJSONMarshaler); err != nil {
			return err
		}
		*line = append(*line, '\n')
		_, err := into.Write(*line)
		return err
	}
}

// LineError says which NDJSON line cannot be used, and never quotes it.
type LineError struct {
	Line   int64 // from 1
	Reason string
}

// Error names the line and the reason.
func (e *LineError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

// errBroken marks a stream that could not be read to its end.
var errBroken = errors.New("stream broke off")

// DecodeLines reads NDJSON from in and gives each row to each, valid until it
// returns. Empty lines are skipped. Errors: *LineError for a line that cannot be used, an error of in
// wrapped with its line, or what each returned, as it is.
func DecodeLines[T any](in io.Reader, each func(*T) error) (rows int64, err error) {
	scanner := bufio.NewScanner(in)
	scanner.Buffer(make([]byte, 0, 64<<10), MaxLine)
	decode := RowDecoder()
	var line int64
	var row T
	for scanner.Scan() {
		line++
		text := bytes.TrimSpace(scanner.Bytes())
		if len(text) == 0 {
			continue
		}
		row = *new(T)
		if decode(text, &row) != nil {
			return rows, &LineError{Line: line, Reason: "not the JSON agreed on"}
		}
		rows++
		if err := each(&row); err != nil {
			return rows, err
		}
	}
	switch err := scanner.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return rows, &LineError{Line: line + 1, Reason: "longer than 1 MiB"}
	case err != nil:
		return rows, fmt.Errorf("%w after line %d: %w", errBroken, line, err)
	}
	return rows, nil
}

// Walk fetches pages until one gives no next cursor. A cursor that was given
// before and more than maxPages pages are malformed answers of the provider.
func Walk(first string, maxPages int, fetch func(cursor string) (next string, err error)) error {
	seen := map[string]bool{}
	cursor := first
	for range maxPages {
		seen[cursor] = true
		next, err := fetch(cursor)
		if err != nil || next == "" {
			return err
		}
		if seen[next] {
			return fault.New(fault.Unavailable, CodeMalformed, "pages lead back to one already read")
		}
		cursor = next
	}
	return fault.New(fault.Unavailable, CodeMalformed, "more than %d pages", maxPages)
}
