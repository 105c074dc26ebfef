// Package tabular reads any CSV as a stream: plain or gzip, with or without a
// byte order mark. The one rule: what cannot be read is refused with file, line,
// column and reason, never guessed at.
package tabular

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"strings"
	"unicode/utf8"
)

// CellError says what cannot be read, and where.
type CellError struct {
	File   string
	Line   int    // of the file, from 1; 0 = the file as a whole
	Column string // its name; empty = the whole row
	Cause  error
}

// Error gives file, line, column and reason.
func (e *CellError) Error() string {
	place := e.File
	if e.Line > 0 {
		place = fmt.Sprintf("%s:%d", place, e.Line)
	}
	if e.Column != "" {
		place += fmt.Sprintf(" (%s)", e.Column)
	}
	return place + ": " + e.Cause.Error()
}

// Unwrap gives the cause.
func (e *CellError) Unwrap() error { return e.Cause }

// Reader reads a CSV row by row in bounded memory.
type Reader struct {
	name   string
	header []string
	csv    *csv.Reader
	file   io.Closer
	raw    *hashing
	rows   int
}

// hashing passes bytes on and may hash them.
type hashing struct {
	source io.Reader
	sum    hash.Hash
}

func (h *hashing) Read(p []byte) (int, error) {
	n, err := h.source.Read(p)
	if h.sum != nil {
		_, _ = h.sum.Write(p[:n]) // never fails
	}
	return n, err
}

// Open opens a file, "-" for standard input, and reads its header. The caller
// closes it.
func Open(path string) (*Reader, error) {
	if path == "-" {
		return New("standard input", os.Stdin)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err // names operation and path
	}
	r, err := New(path, file)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	r.file = file
	return r, nil
}

// maxCell bounds what one row may hold, so that a missing quote does not swallow
// a file of any size.
const maxRow = 4 << 20

// New reads the header of a stream. Column names are trimmed; a nameless column
// is called "column 3" by its place; a name twice is refused.
func New(name string, source io.Reader) (*Reader, error) {
	r := &Reader{name: name, raw: &hashing{source: source, sum: sha256.New()}}
	buffered := bufio.NewReaderSize(r.raw, 1<<18)
	plain := io.Reader(buffered)
	if magic, _ := buffered.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		zipped, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, r.fault(0, "", fmt.Errorf("gzip: %w", err))
		}
		plain = zipped
	}
	text := bufio.NewReaderSize(plain, 1<<18)
	if err := skipMark(text); err != nil {
		return nil, r.fault(1, "", err)
	}
	r.csv = csv.NewReader(text)
	r.csv.ReuseRecord = true
	header, err := r.csv.Read()
	if errors.Is(err, io.EOF) {
		return nil, r.fault(0, "", errors.New("empty: not even a header line"))
	}
	if err != nil {
		return nil, r.translate(err)
	}
	return r, r.setHeader(header)
}

// skipMark drops a UTF-8 byte order mark and refuses other encodings.
func skipMark(text *bufio.Reader) error {
	start, err := text.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch {
	case bytes.HasPrefix(start, []byte{0xef, 0xbb, 0xbf}):
		_, err := text.Discard(3)
		return err
	case bytes.HasPrefix(start, []byte{0xff, 0xfe}), bytes.HasPrefix(start, []byte{0xfe, 0xff}), bytes.IndexByte(start, 0) >= 0:
		return errors.New("this is UTF-16 or no text: save it as UTF-8")
	}
	return nil
}

func (r *Reader) setHeader(header []string) error {
	seen := map[string]int{}
	for i, column := range header {
		if !utf8.ValidString(column) {
			return r.fault(1, "", fmt.Errorf("the name of column %d is not UTF-8: save the file as UTF-8", i+1))
		}
		column = strings.TrimSpace(strings.Clone(column))
		if column == "" {
			column = fmt.Sprintf("column %d", i+1)
		}
		if first, twice := seen[column]; twice {
			return r.fault(1, column, fmt.Errorf("columns %d and %d have the same name: rename one", first+1, i+1))
		}
		seen[column] = i
		r.header = append(r.header, column)
	}
	r.csv.FieldsPerRecord = len(header)
	return nil
}

// Name is the file's name.
func (r *Reader) Name() string { return r.name }

// Header lists the columns. The caller must not write.
func (r *Reader) Header() []string { return r.header }

// Rows is how many rows have been read.
func (r *Reader) Rows() int { return r.rows }

// Next reads a row of as many cells as the header has; io.EOF after the last.
// The slice holds until the next call, its texts for ever. Ragged rows, bad
// quotes and texts that are not UTF-8 are a *CellError.
func (r *Reader) Next() ([]string, error) {
	cells, err := r.csv.Read()
	if errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	if err != nil {
		return nil, r.translate(err)
	}
	r.rows++
	size := 0
	for i, cell := range cells {
		if !utf8.ValidString(cell) {
			return nil, r.Fault(i, errors.New("not UTF-8: save the file as UTF-8"))
		}
		size += len(cell)
	}
	if size > maxRow {
		return nil, r.fault(r.line(0), "", fmt.Errorf("the row holds %d bytes, more than %d: is a closing quote missing?", size, maxRow))
	}
	return cells, nil
}

// Fault is an error about a cell of the row read last.
func (r *Reader) Fault(column int, cause error) error {
	return r.fault(r.line(column), r.header[column], cause)
}

func (r *Reader) line(column int) int {
	line, _ := r.csv.FieldPos(column)
	return line
}

func (r *Reader) fault(line int, column string, cause error) error {
	return &CellError{File: r.name, Line: line, Column: column, Cause: cause}
}

// translate puts what encoding/csv found in the words of this package.
func (r *Reader) translate(err error) error {
	parse, ok := errors.AsType[*csv.ParseError](err)
	if !ok {
		return r.fault(0, "", fmt.Errorf("after row %d: %w", r.rows, err))
	}
	switch {
	case errors.Is(err, csv.ErrFieldCount):
		return r.fault(parse.StartLine, "", fmt.Errorf("the row does not have the %d cells of the header", len(r.header)))
	case errors.Is(err, csv.ErrQuote):
		return r.fault(parse.Line, "", fmt.Errorf("character %d: a quote inside a quoted cell must be doubled", parse.Column))
	case errors.Is(err, csv.ErrBareQuote):
		return r.fault(parse.Line, "", fmt.Errorf("character %d: a quote inside a cell that is not quoted", parse.Column))
	}
	return r.fault(parse.Line, "", fmt.Errorf("character %d: %w", parse.Column, parse.Err))
}

// Column finds a column by name.
func (r *Reader) Column(name string) (int, error) {
	for i, column := range r.header {
		if column == name {
			return i, nil
		}
	}
	return 0, &CellError{File: r.name, Line: 1, Column: name, Cause: fmt.Errorf("no such column; there are %s", list(r.header))}
}

func list(names []string) string {
	const most = 40
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

// Sum reads what is left and gives the SHA-256 of the file as it lies there
// (compressed, if it is).
func (r *Reader) Sum() (string, error) {
	if _, err := io.Copy(io.Discard, r.raw); err != nil {
		return "", r.fault(0, "", err)
	}
	return hex.EncodeToString(r.raw.sum.Sum(nil)), nil
}

// Close closes the file.
func (r *Reader) Close() error {
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}
