package utility

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"loan310/scoring/evidence"
)

// XML namespaces of a feed. PaymentNamespace is ours: ESPI says what was
// billed but not when it was due or paid, so a UsageSummary may carry
//
//	<Payment xmlns="urn:loan310:espi-payment:1">
//	  <dueDate>1706716800</dueDate><paidDate>1706457600</paidDate>
//	</Payment>
//
// with moments as seconds since 1970, like ESPI's own. A missing paidDate is
// an unpaid bill; a missing Payment says nothing of either.
const (
	AtomNamespace    = "http://www.w3.org/2005/Atom"
	ESPINamespace    = "http://naesb.org/espi"
	PaymentNamespace = "urn:loan310:espi-payment:1"
)

// Limits of one feed document. They bound the memory a feed can take.
const (
	maxFeedBytes = 16 << 20
	maxEntries   = 10_000
	maxBills     = 1_000
	maxReadings  = 200_000
	maxLinks     = 32 // of one entry
)

// Page is what one feed document says.
type Page struct {
	Bills   []evidence.UtilityBill // in the order of their UsageSummary entries
	Next    string                 // href of the next document; empty = last
	Updated time.Time              // the feed's own moment; zero = not said
}

// errMalformed marks a feed that breaks the format. Its text names entries by
// number and elements by name, never values.
var errMalformed = errors.New("malformed feed")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errMalformed, fmt.Sprintf(format, args...))
}

// feed collects the entries of one document until they can be linked.
type feed struct {
	next      string
	updated   time.Time
	entries   int
	readings  int
	summaries int
	points    []usagePoint
	meters    []meterReading
	types     map[string]readingType // by self href
	blocks    []intervalBlock
	bills     []usageSummary
	plain     *plain // where the tokens come from; nil = encoding/xml
}

type link struct{ rel, href string }

// readLink reads a link to its end.
func readLink(decoder *xml.Decoder, start xml.StartElement) (link, error) {
	var found link
	for i := range start.Attr {
		switch attr := &start.Attr[i]; attr.Name.Local {
		case "rel":
			found.rel = attr.Value
		case "href":
			found.href = attr.Value
		}
	}
	return found, decoder.Skip()
}

// links are an entry's hrefs by relation.
type links struct {
	self, up string
	related  []string
}

type usagePoint struct {
	links
	kind evidence.UtilityKind
}

type meterReading struct{ links }

type readingType struct {
	Flow       int    `xml:"http://naesb.org/espi flowDirection"`
	Multiplier int    `xml:"http://naesb.org/espi powerOfTenMultiplier"`
	Unit       int    `xml:"http://naesb.org/espi uom"`
	Currency   string `xml:"http://naesb.org/espi currency"`
}

type period struct {
	Start    int64 `xml:"http://naesb.org/espi start"`
	Duration int64 `xml:"http://naesb.org/espi duration"`
}

type intervalReading struct {
	Period period `xml:"http://naesb.org/espi timePeriod"`
	Value  *int64 `xml:"http://naesb.org/espi value"`
}

type intervalBlock struct {
	links
	readings []intervalReading
}

type measurement struct {
	Multiplier int    `xml:"http://naesb.org/espi powerOfTenMultiplier"`
	Unit       int    `xml:"http://naesb.org/espi uom"`
	Value      *int64 `xml:"http://naesb.org/espi value"`
}

type payment struct {
	Due  int64 `xml:"urn:loan310:espi-payment:1 dueDate"`
	Paid int64 `xml:"urn:loan310:espi-payment:1 paidDate"`
}

type usageSummary struct {
	links
	Period      *period      `xml:"http://naesb.org/espi billingPeriod"`
	Bill        *int64       `xml:"http://naesb.org/espi billLastPeriod"` // 1/100,000 of the currency
	Currency    string       `xml:"http://naesb.org/espi currency"`
	Consumption *measurement `xml:"http://naesb.org/espi overallConsumptionLastPeriod"`
	Payment     *payment     `xml:"urn:loan310:espi-payment:1 Payment"`
}

// ParseFeed reads one Atom document with ESPI content. It walks the tokens
// and keeps only what bills need, at most a few megabytes whatever the
// document's size; a longer document, a broken one or one whose entries
// cannot be linked is an error, and then nothing of it may be used.
func ParseFeed(in io.Reader) (Page, error) {
	start := bytes.NewBuffer(make([]byte, 0, bytes.MinRead))
	_, err := start.ReadFrom(io.LimitReader(in, maxPlain))
	if err == nil && start.Len() < maxPlain {
		if page, ok := parsePlain(start.Bytes()); ok {
			return page, nil
		}
	}
	if err != nil {
		in = failing{err}
	}
	return ParseStream(io.MultiReader(start, in))
}

// failing is a reader that fails.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// parsePlain reads a whole document the quick way. It reports false for one
// that is not plain and for one that is wrong: ParseStream says why.
func parsePlain(text []byte) (Page, bool) {
	tokens := newPlain(text)
	document := &feed{types: map[string]readingType{}, plain: tokens}
	if err := document.read(xml.NewTokenDecoder(tokens)); err != nil {
		return Page{}, false
	}
	page, err := document.page()
	return page, err == nil
}

// ParseStream is ParseFeed by encoding/xml alone, which reads all of XML and
// holds no more of the document than it must. It is the reference for what
// ParseFeed gives.
func ParseStream(in io.Reader) (Page, error) {
	limited := &io.LimitedReader{R: in, N: maxFeedBytes + 1}
	document := &feed{types: map[string]readingType{}}
	err := document.read(xml.NewDecoder(limited))
	if limited.N <= 0 {
		return Page{}, malformed("the document is longer than %d bytes", maxFeedBytes)
	}
	if err != nil {
		return Page{}, err
	}
	return document.page()
}

// page links what was read.
func (f *feed) page() (Page, error) {
	bills, err := f.link()
	if err != nil {
		return Page{}, err
	}
	return Page{Bills: bills, Next: f.next, Updated: f.updated}, nil
}

// read walks the document from its root to the end of input.
func (f *feed) read(decoder *xml.Decoder) error {
	root, err := nextStart(decoder)
	if err != nil {
		return broken(err)
	}
	if root.Name != (xml.Name{Space: AtomNamespace, Local: "feed"}) {
		return malformed("the root is not an Atom feed")
	}
	err = children(decoder, func(child xml.StartElement) error {
		switch child.Name {
		case xml.Name{Space: AtomNamespace, Local: "entry"}:
			if f.entries++; f.entries > maxEntries {
				return malformed("more than %d entries", maxEntries)
			}
			if err := f.entry(decoder); err != nil {
				return fmt.Errorf("entry %d: %w", f.entries, err)
			}
			return nil
		case xml.Name{Space: AtomNamespace, Local: "updated"}:
			return f.setUpdated(decoder, child)
		case xml.Name{Space: AtomNamespace, Local: "link"}:
			found, err := readLink(decoder, child)
			if found.rel == "next" {
				f.next = found.href
			}
			return err
		default:
			return decoder.Skip()
		}
	})
	if err != nil {
		return broken(err)
	}
	if _, err := nextStart(decoder); !errors.Is(err, io.EOF) {
		return malformed("something follows the feed")
	}
	return nil
}

func (f *feed) setUpdated(decoder *xml.Decoder, start xml.StartElement) error {
	var text string
	if err := decoder.DecodeElement(&text, &start); err != nil {
		return err
	}
	updated, err := time.Parse(time.RFC3339, strings.TrimSpace(text))
	if err != nil {
		return malformed("updated is not a moment")
	}
	f.updated = updated.UTC()
	return nil
}

// entry reads one entry: its links and the one resource in its content.
func (f *feed) entry(decoder *xml.Decoder) error {
	var hrefs links
	var store func(links) // keeps the resource once all links are known
	err := children(decoder, func(child xml.StartElement) error {
		switch child.Name {
		case xml.Name{Space: AtomNamespace, Local: "link"}:
			return hrefs.add(decoder, child)
		case xml.Name{Space: AtomNamespace, Local: "content"}:
			if store != nil {
				return malformed("two contents")
			}
			return children(decoder, func(resource xml.StartElement) (err error) {
				if store != nil {
					return malformed("two resources")
				}
				store, err = f.resource(decoder, resource)
				return err
			})
		default:
			return decoder.Skip()
		}
	})
	if err != nil {
		return err
	}
	if store == nil {
		return malformed("no content")
	}
	if hrefs.self == "" {
		return malformed("no self link")
	}
	store(hrefs)
	return nil
}

func (l *links) add(decoder *xml.Decoder, start xml.StartElement) error {
	found, err := readLink(decoder, start)
	if err != nil {
		return err
	}
	switch found.rel {
	case "self":
		l.self = found.href
	case "up":
		l.up = found.href
	case "related":
		if len(l.related) == maxLinks {
			return malformed("more than %d related links", maxLinks)
		}
		l.related = append(l.related, found.href)
	}
	return nil
}

// resource reads the ESPI element of an entry and gives what stores it.
func (f *feed) resource(decoder *xml.Decoder, start xml.StartElement) (func(links), error) {
	ignore := func(links) {}
	if start.Name.Space != ESPINamespace {
		return ignore, decoder.Skip()
	}
	switch start.Name.Local {
	case "UsagePoint":
		kind, err := readUsagePoint(decoder, start)
		return func(hrefs links) { f.points = append(f.points, usagePoint{links: hrefs, kind: kind}) }, err
	case "MeterReading":
		return func(hrefs links) { f.meters = append(f.meters, meterReading{hrefs}) }, decoder.Skip()
	case "ReadingType":
		var found readingType
		err := decoder.DecodeElement(&found, &start)
		return func(hrefs links) { f.types[hrefs.self] = found }, err
	case "IntervalBlock":
		readings, err := f.intervals(decoder)
		return func(hrefs links) { f.blocks = append(f.blocks, intervalBlock{hrefs, readings}) }, err
	case "UsageSummary", "ElectricPowerUsageSummary": // the name before ESPI 3.3
		if f.summaries++; f.summaries > maxBills {
			return nil, malformed("more than %d usage summaries", maxBills)
		}
		var found usageSummary
		err := decoder.DecodeElement(&found, &start)
		return func(hrefs links) { found.links = hrefs; f.bills = append(f.bills, found) }, err
	default:
		return ignore, decoder.Skip()
	}
}

// readUsagePoint gives what the point measures, empty when it is none of ours.
func readUsagePoint(decoder *xml.Decoder, start xml.StartElement) (evidence.UtilityKind, error) {
	var found struct {
		Kind *int `xml:"http://naesb.org/espi ServiceCategory>kind"`
	}
	if err := decoder.DecodeElement(&found, &start); err != nil {
		return "", err
	}
	if found.Kind == nil {
		return "", malformed("a usage point without a service category")
	}
	switch *found.Kind { // ESPI ServiceKind
	case 0:
		return evidence.Electricity, nil
	case 1:
		return evidence.Gas, nil
	case 2:
		return evidence.Water, nil
	default:
		return "", nil
	}
}

// intervals reads the readings of a block one at a time.
func (f *feed) intervals(decoder *xml.Decoder) ([]intervalReading, error) {
	var readings []intervalReading
	err := children(decoder, func(child xml.StartElement) error {
		if child.Name != (xml.Name{Space: ESPINamespace, Local: "IntervalReading"}) {
			return decoder.Skip()
		}
		if f.readings++; f.readings > maxReadings {
			return malformed("more than %d interval readings", maxReadings)
		}
		found, err := f.reading(decoder, child)
		if err != nil {
			return err
		}
		if found.Value == nil || !plausible(found.Period.Duration) || !plausible(found.Period.Start) {
			return malformed("an interval reading without value or with an impossible period")
		}
		readings = append(readings, found)
		return nil
	})
	return readings, err
}

// reading reads one reading to its end.
func (f *feed) reading(decoder *xml.Decoder, start xml.StartElement) (intervalReading, error) {
	if f.plain != nil {
		if found, ok := f.plain.reading(); ok {
			return found, decoder.Skip()
		}
	}
	var found intervalReading
	err := decoder.DecodeElement(&found, &start)
	return found, err
}
