package dossier

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// maxRecord is the longest row in bytes, so that a quote that is never closed
// costs one row and not the memory.
const maxRecord = 64 << 10

// record is one row: its fields, the physical line it starts on, and why it
// cannot be used, if so.
type record struct {
	line   int
	fields []string
	bad    *problem
}

// recordReader splits CSV text into rows. Unlike encoding/csv alone it
// survives a broken row: only that row is refused and reading goes on with the
// next physical line.
type recordReader struct {
	in      *bufio.Reader
	line    int      // physical lines handed out or pending
	pending [][]byte // lines read ahead of a quote that was never closed
	fields  []string
}

func newRecordReader(in io.Reader) *recordReader {
	buffered := bufio.NewReaderSize(in, maxRecord+4)
	if mark, err := buffered.Peek(3); err == nil && bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		_, _ = buffered.Discard(3)
	}
	return &recordReader{in: buffered}
}

// next gives the next row that is not blank, io.EOF at the end, and any other
// error when the file cannot be read on. Fields are valid until the next call.
func (r *recordReader) next() (record, error) {
	for {
		line, tooLong, err := r.physical()
		if err != nil {
			return record{}, err
		}
		start := r.line
		if tooLong {
			return record{line: start, bad: tooLarge("the line is longer than %d bytes", maxRecord)}, nil
		}
		if len(line) == 0 {
			continue
		}
		if bytes.IndexByte(line, '"') < 0 {
			return r.plain(start, string(line)), nil
		}
		return r.quoted(start, line)
	}
}

// plain splits a line without quotes, for which the commas are the whole rule.
func (r *recordReader) plain(start int, line string) record {
	if bad := refuseBytes(line); bad != nil {
		return record{line: start, bad: bad}
	}
	r.fields = r.fields[:0]
	for {
		field, rest, more := strings.Cut(line, ",")
		r.fields = append(r.fields, field)
		if !more {
			return record{line: start, fields: r.fields}
		}
		line = rest
	}
}

// quoted gathers lines until the quotes balance and lets encoding/csv judge
// them.
func (r *recordReader) quoted(start int, first []byte) (record, error) {
	text := string(first)
	quotes := strings.Count(text, `"`)
	var extra [][]byte
	giveUp := func(bad *problem) (record, error) {
		r.pending = append(extra, r.pending...)
		r.line = start
		return record{line: start, bad: bad}, nil
	}
	for quotes%2 == 1 {
		line, tooLong, err := r.physical()
		if errors.Is(err, io.EOF) {
			bad := badRow(wholeRow, "a quoted field is never closed")
			return giveUp(&bad)
		}
		if err != nil {
			return record{}, err
		}
		// Only the head of an overlong line was kept; it cannot be replayed,
		// so it goes down with this row.
		if tooLong {
			return record{line: start, bad: tooLarge("the line is longer than %d bytes", maxRecord)}, nil
		}
		extra = append(extra, bytes.Clone(line))
		if len(text)+len(line) >= maxRecord {
			return giveUp(tooLarge("a quoted field is not closed within %d bytes", maxRecord))
		}
		text += "\n" + string(line)
		quotes += bytes.Count(line, []byte{'"'})
	}
	if bad := refuseBytes(text); bad != nil {
		return record{line: start, bad: bad}, nil
	}
	parser := csv.NewReader(strings.NewReader(text))
	parser.FieldsPerRecord = -1
	fields, err := parser.Read()
	if err != nil {
		bad := badRow(wholeRow, "quotes are misplaced: a quote inside a field is written twice")
		return giveUp(&bad)
	}
	return record{line: start, fields: fields}, nil
}

// physical gives one line without its end. The slice is valid until the next
// call unless it was pending.
func (r *recordReader) physical() (line []byte, tooLong bool, err error) {
	if len(r.pending) > 0 {
		line, r.pending = r.pending[0], r.pending[1:]
		r.line++
		return line, false, nil
	}
	line, err = r.in.ReadSlice('\n')
	for errors.Is(err, bufio.ErrBufferFull) {
		tooLong = true
		_, err = r.in.ReadSlice('\n')
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, false, fmt.Errorf("read line %d: %w", r.line+1, err)
	}
	if len(line) == 0 && err != nil {
		return nil, false, io.EOF
	}
	r.line++
	line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte{'\n'}), []byte{'\r'})
	return line, tooLong || len(line) > maxRecord, nil
}

func refuseBytes(text string) *problem {
	if strings.IndexByte(text, 0) >= 0 {
		bad := badRow(wholeRow, "the row contains a NUL byte")
		return &bad
	}
	if !utf8.ValidString(text) {
		bad := badRow(wholeRow, "the row is not UTF-8")
		return &bad
	}
	return nil
}

func tooLarge(format string, args ...any) *problem {
	return &problem{column: wholeRow, code: CodeLarge, reason: fmt.Sprintf(format, args...)}
}
