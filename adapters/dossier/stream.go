package dossier

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"loan310/scoring/evidence"
)

// Stream is a dossier read merchant by merchant in bounded memory: the small
// files (merchants, applications, bureau, registry, outcomes) are kept, the
// large ones (orders, waybills, transactions, bills) are read on the way. It
// asks that the rows of the large files stand merchant by merchant in the
// order of the merchants file, as Write and the converters leave them.
type Stream struct {
	small    *Dossier // without the large files
	dir      string
	register *register
	index    map[string]int // merchant id -> its place
}

// ScatteredError reports a large file whose rows do not stand merchant by
// merchant in the order of the merchants file. Open reads such a dossier.
type ScatteredError struct {
	File     string
	Line     int
	Merchant string
}

// Error gives the place.
func (e *ScatteredError) Error() string {
	return fmt.Sprintf("%s:%d: merchant_id: rows of %q do not stand together in the order of the merchants file", e.File, e.Line, e.Merchant)
}

// OpenStream reads the small files. The first broken rule ends it with a
// *RowError.
func OpenStream(ctx context.Context, dir string) (*Stream, error) {
	d := newDossier()
	to := d.sinks()
	l := &loader{dir: dir, register: newRegister(), report: func(bad *RowError) error { return bad }}
	for _, step := range []func() error{
		func() error { return load(ctx, l, merchantSchema(), to.merchant) },
		func() error { return load(ctx, l, applicationSchema(), to.application) },
		func() error { return load(ctx, l, bureauSchema(), to.bureau) },
		func() error { return load(ctx, l, registrySchema(), to.registry) },
		func() error { return load(ctx, l, outcomeSchema(), to.outcome) },
	} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("open dossier %s: %w", dir, err)
		}
	}
	d.arrange()
	stream := &Stream{small: d, dir: dir, register: l.register, index: make(map[string]int, len(d.merchants))}
	for i := range d.merchants {
		stream.index[d.merchants[i].ID] = i
	}
	return stream, nil
}

// Merchants lists the merchants as the file does.
func (s *Stream) Merchants() []Merchant { return s.small.Merchants() }

// Applications lists the applications as the file does.
func (s *Stream) Applications() []Application { return s.small.Applications() }

// Outcomes lists the outcomes as the file does.
func (s *Stream) Outcomes() []Outcome { return s.small.Outcomes() }

// Bureau gives a merchant's credit report.
func (s *Stream) Bureau(merchantID string) (evidence.BureauReport, bool) {
	return s.small.Bureau(merchantID)
}

// Registry gives the registry's record of a licence.
func (s *Stream) Registry(licence string) (evidence.RegistryRecord, bool) {
	return s.small.Registry(licence)
}

// Piles are one merchant's rows of the large files as text, not yet judged.
// Read may run in any goroutine.
type Piles struct {
	stream       *Stream
	orders       *pile
	waybills     *pile
	transactions *pile
	bills        *pile
	heads        *heads
}

// Rows are one merchant's rows of the large files, sorted by time as Open
// sorts them; waybills in the order of the file.
type Rows struct {
	Orders       []evidence.Order
	Waybills     []evidence.Waybill
	Transactions []evidence.Transaction
	Bills        []evidence.UtilityBill
}

// pile is a merchant's rows in one file. fields holds width texts a row.
type pile struct {
	merchant string
	lines    []int
	fields   []string
	err      error // the file ended here, and why
}

// head is what the first row of a file says.
type head struct {
	file  string
	order []int // field position -> column
	at    int   // position of merchant_id
}

type heads struct{ orders, waybills, transactions, bills head }

// Fingerprint is the SHA-256 (hex) over the name and the bytes of every file of
// a dossier, in reading order: what a result was made from.
func Fingerprint(ctx context.Context, dir string) (string, error) {
	sum := sha256.New()
	for _, doc := range Format() {
		name, err := locate(dir, doc.File)
		if errors.Is(err, fs.ErrNotExist) && doc.Optional {
			continue
		}
		if err != nil {
			return "", &RowError{File: doc.File + ".csv", Column: "file", Code: CodeFile, Reason: err.Error()}
		}
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		_, _ = fmt.Fprintf(sum, "%s\x00", name)
		if err := hashFile(sum, filepath.Join(dir, name)); err != nil {
			return "", fmt.Errorf("fingerprint of dossier %s: %w", dir, err)
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func hashFile(sum io.Writer, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	_, err = io.Copy(sum, file)
	return err
}

// Each hands over every merchant's rows in the order of the merchants file.
// Errors: a *RowError for the first broken rule of a file, a *ScatteredError,
// the error of each, or that of ctx.
func (s *Stream) Each(ctx context.Context, each func(index int, piles *Piles) error) error {
	ctx, stop := context.WithCancel(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer stop()
	var known heads
	var feeds [4]<-chan *pile
	var err [4]error
	feeds[0], err[0] = feed(ctx, &group, s, orderSchema(), &known.orders)
	feeds[1], err[1] = feed(ctx, &group, s, waybillSchema(), &known.waybills)
	feeds[2], err[2] = feed(ctx, &group, s, transactionSchema(), &known.transactions)
	feeds[3], err[3] = feed(ctx, &group, s, billSchema(), &known.bills)
	if failed := errors.Join(err[:]...); failed != nil {
		return fmt.Errorf("read dossier %s: %w", s.dir, failed)
	}
	var next [4]*pile
	take := func(file int, merchant string) (*pile, error) {
		if next[file] == nil {
			next[file] = <-feeds[file] // nil once the file has ended
		}
		switch waiting := next[file]; {
		case waiting == nil:
			return nil, nil //nolint:nilnil // a merchant without rows
		case waiting.err != nil:
			return nil, fmt.Errorf("read dossier %s: %w", s.dir, waiting.err)
		case waiting.merchant == merchant:
			next[file] = nil
			return waiting, nil
		}
		return nil, nil //nolint:nilnil // a merchant without rows
	}
	for i := range s.small.merchants {
		piles := &Piles{stream: s, heads: &known}
		for file, to := range []**pile{&piles.orders, &piles.waybills, &piles.transactions, &piles.bills} {
			var err error
			if *to, err = take(file, s.small.merchants[i].ID); err != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := each(i, piles); err != nil {
			return err
		}
	}
	return s.drain(take)
}

// drain finds what a file still has to say after the last merchant: nothing
// but an error.
func (s *Stream) drain(take func(int, string) (*pile, error)) error {
	for file := range 4 {
		if _, err := take(file, ""); err != nil {
			return err
		}
	}
	return nil
}

// feed reads a file's header and then its rows in the background, one pile a
// merchant. The channel closes at the end of the file; an error is its last
// pile.
func feed[R any](ctx context.Context, group *sync.WaitGroup, s *Stream, schema schema[owned[R]], known *head) (<-chan *pile, error) {
	bad := func(name string, line int, reason string) error {
		return &RowError{File: name, Line: line, Column: "file", Code: CodeFile, Reason: reason}
	}
	name, err := locate(s.dir, schema.file)
	if err != nil {
		return nil, bad(schema.file+".csv", 0, err.Error())
	}
	file, err := openFile(filepath.Join(s.dir, name))
	if err != nil {
		return nil, bad(name, 0, err.Error())
	}
	records := newRecordReader(file)
	first, err := records.next()
	if err != nil {
		reason := "cannot be read: " + err.Error()
		if errors.Is(err, io.EOF) {
			reason = "is empty: the header is missing"
		}
		return nil, errors.Join(bad(name, records.line, reason), file.Close())
	}
	order, found := readHeader(schema, first)
	if len(found) > 0 {
		return nil, errors.Join(found[0].at(name, first.line), file.Close())
	}
	*known = head{file: name, order: order}
	for position, column := range order {
		if schema.columns[column].name == "merchant_id" {
			known.at = position
		}
	}
	out := make(chan *pile, pilesAhead)
	group.Go(func() {
		defer func() { close(out); _ = file.Close() }()
		sorter := &sorter{stream: s, head: known, last: -1, send: func(p *pile) bool {
			select {
			case out <- p:
				return true
			case <-ctx.Done():
				return false
			}
		}}
		sorter.run(records)
	})
	return out, nil
}

// pilesAhead is how many merchants each file may be read ahead.
const pilesAhead = 32

func (p problem) at(file string, line int) *RowError {
	return &RowError{File: file, Line: line, Column: p.column, Code: p.code, Reason: p.reason}
}

// sorter gathers the rows of one merchant after the other.
type sorter struct {
	stream  *Stream
	head    *head
	last    int // place of the merchant of the pile
	current *pile
	send    func(*pile) bool // false = nobody listens any more
}

func (s *sorter) run(records *recordReader) {
	for {
		row, err := records.next()
		if err != nil {
			if s.current != nil && !s.send(s.current) || errors.Is(err, io.EOF) {
				return
			}
			s.send(&pile{err: &RowError{File: s.head.file, Line: records.line, Column: "file", Code: CodeFile, Reason: "cannot be read: " + err.Error()}})
			return
		}
		more, err := s.add(row)
		if err != nil {
			if s.current == nil || s.send(s.current) {
				s.send(&pile{err: err})
			}
			return
		}
		if !more {
			return
		}
	}
}

// add puts a row on the pile of its merchant; false = nobody listens.
func (s *sorter) add(row record) (bool, error) {
	if row.bad != nil {
		return false, row.bad.at(s.head.file, row.line)
	}
	if len(row.fields) != len(s.head.order) {
		p := badRow(wholeRow, "has %d fields, the header has %d", len(row.fields), len(s.head.order))
		return false, p.at(s.head.file, row.line)
	}
	id := row.fields[s.head.at]
	if s.current == nil || s.current.merchant != id {
		place, known := s.stream.index[id]
		switch {
		case !known && id == "":
			p := badRow("merchant_id", "is required and empty")
			return false, p.at(s.head.file, row.line)
		case !known:
			p := badRow("merchant_id", "no merchant %q in the merchants file", id)
			return false, p.at(s.head.file, row.line)
		case place <= s.last:
			return false, &ScatteredError{File: s.head.file, Line: row.line, Merchant: id}
		}
		if s.current != nil && !s.send(s.current) {
			return false, nil
		}
		s.current, s.last = &pile{merchant: id}, place
	}
	s.current.lines = append(s.current.lines, row.line)
	s.current.fields = append(s.current.fields, row.fields...)
	return true, nil
}

// Read judges the rows and gives them sorted. The error is a *RowError.
func (p *Piles) Read() (Rows, error) {
	var rows Rows
	known := &register{merchants: p.stream.register.merchants, seen: map[[16]byte]struct{}{}}
	err := firstOf(
		func() (err error) {
			rows.Orders, err = judge(p.orders, orderSchema(), &p.heads.orders, known)
			return err
		},
		func() (err error) {
			rows.Waybills, err = judge(p.waybills, waybillSchema(), &p.heads.waybills, known)
			return err
		},
		func() (err error) {
			rows.Transactions, err = judge(p.transactions, transactionSchema(), &p.heads.transactions, known)
			return err
		},
		func() (err error) { rows.Bills, err = judge(p.bills, billSchema(), &p.heads.bills, known); return err },
	)
	if err != nil {
		return Rows{}, fmt.Errorf("read dossier %s: %w", p.stream.dir, err)
	}
	byTime(rows.Orders, orderedAt)
	byTime(rows.Transactions, bookedAt)
	byTime(rows.Bills, billedAt)
	return rows, nil
}

func firstOf(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// judge turns a pile's texts into rows, or gives the first broken rule.
func judge[R any](p *pile, s schema[owned[R]], known *head, ids *register) ([]R, error) {
	if p == nil {
		return nil, nil
	}
	clear(ids.seen)
	width := len(known.order)
	rows := make([]R, 0, len(p.lines))
	value := new(owned[R]) // one for all rows: it would escape once a row
	for i, line := range p.lines {
		*value = owned[R]{}
		found := readRow(s, known.order, record{line: line, fields: p.fields[i*width : (i+1)*width]}, value, ids)
		if len(found) > 0 {
			return nil, found[0].at(known.file, line)
		}
		rows = append(rows, value.row)
	}
	return rows, nil
}
