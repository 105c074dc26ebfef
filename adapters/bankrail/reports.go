package bankrail

import (
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"loan310/app/money"
	"loan310/app/reconciliation"
)

// errForeign marks a file that is none of the reports we read.
var errForeign = errors.New("not a report of the bank")

// document is what a file says of itself.
type document struct {
	kind     string // pain.002, camt.053, camt.054
	day      string // of a statement
	sequence int64  // of a statement: ElctrncSeqNb
	entries  int
}

// Fields of the reports, as far as they are read. pain.002.001.10 answers
// pain.001.001.09; camt.053 and camt.054 share their entries in version 08.
type (
	statusGroup struct {
		MsgID  string `xml:"OrgnlMsgId"`
		Status string `xml:"GrpSts"`
		Reason string `xml:"StsRsnInf>Rsn>Cd"`
	}
	statusTransaction struct {
		EndToEndID string `xml:"OrgnlEndToEndId"`
		Status     string `xml:"TxSts"`
		Reason     string `xml:"StsRsnInf>Rsn>Cd"`
		Ref        string `xml:"AcctSvcrRef"`
	}
	entry struct {
		Amount    amount `xml:"Amt"`
		Indicator string `xml:"CdtDbtInd"`
		Reversal  bool   `xml:"RvslInd"`
		Status    string `xml:"Sts>Cd"`
		BookedAt  string `xml:"BookgDt>DtTm"`
		BookedOn  string `xml:"BookgDt>Dt"`
		Ref       string `xml:"AcctSvcrRef"`
		Details   []struct {
			EndToEndID string  `xml:"Refs>EndToEndId"`
			Ref        string  `xml:"Refs>AcctSvcrRef"`
			Amount     *amount `xml:"Amt"`
			Return     *struct {
				Reason string `xml:"Rsn>Cd"`
			} `xml:"RtrInf"`
		} `xml:"NtryDtls>TxDtls"`
	}
)

// scan walks a report: each word on a payout goes to word, each booked entry
// of an account to line (nil = nobody). The error of a file that ends early,
// or whose totals do not fit, names where.
func scan(r io.Reader, word func(report) error, line func(reconciliation.Line) error) (document, error) {
	decoder := xml.NewDecoder(r)
	var doc document
	w := walk{decoder: decoder, word: word, line: line}
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			if doc.kind == "" {
				return doc, errForeign
			}
			return doc, w.at(err)
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if doc.kind == "" {
			if doc.kind = kindOf(start); doc.kind == "" {
				return doc, errForeign
			}
			continue
		}
		if err := w.element(&doc, start); err != nil {
			return doc, w.at(err)
		}
	}
	if doc.kind == "" {
		return doc, errForeign
	}
	return doc, w.whole(&doc)
}

// kindOf reads a root element: Document in the name space of a report.
func kindOf(root xml.StartElement) string {
	found := regexp.MustCompile(`^urn:iso:std:iso:20022:tech:xsd:(pain\.002|camt\.053|camt\.054)\.001\.\d\d$`).FindStringSubmatch(root.Name.Space)
	if root.Name.Local != "Document" || found == nil {
		return ""
	}
	return found[1]
}

// walk is the state of one scan.
type walk struct {
	decoder *xml.Decoder
	word    func(report) error
	line    func(reconciliation.Line) error

	created time.Time
	group   statusGroup
	told    bool // some transaction was named
	want    *int // NbOfNtries
	sum     *money.Amount
	total   money.Amount
	lines   int
}

func (w *walk) at(err error) error {
	line, column := w.decoder.InputPos()
	return fmt.Errorf("line %d, column %d: %w", line, column, err)
}

func (w *walk) element(doc *document, start xml.StartElement) error {
	switch start.Name.Local {
	case "CreDtTm":
		return w.text(start, func(text string) (err error) { w.created, err = moment(text); return err })
	case "OrgnlGrpInfAndSts":
		return w.decoder.DecodeElement(&w.group, &start)
	case "TxInfAndSts":
		return w.transaction(start)
	case "ElctrncSeqNb":
		return w.text(start, func(text string) error { _, err := fmt.Sscan(text, &doc.sequence); return err })
	case "ToDtTm":
		return w.text(start, func(text string) error {
			to, err := moment(text)
			doc.day = to.Add(-time.Microsecond).In(zone()).Format(time.DateOnly)
			return err
		})
	case "TtlNtries":
		return w.totals(start)
	case "Ntry":
		doc.entries++
		return w.entry(start)
	}
	return nil
}

func (w *walk) text(start xml.StartElement, use func(string) error) error {
	var text string
	if err := w.decoder.DecodeElement(&text, &start); err != nil {
		return err
	}
	return use(text)
}

func (w *walk) totals(start xml.StartElement) error {
	var totals struct {
		Count *int   `xml:"NbOfNtries"`
		Sum   string `xml:"Sum"`
	}
	if err := w.decoder.DecodeElement(&totals, &start); err != nil {
		return err
	}
	w.want = totals.Count
	if totals.Sum == "" {
		return nil
	}
	sum, err := money.Parse(totals.Sum)
	w.sum = &sum
	return err
}

// whole holds a statement against its own totals, and takes the word on the
// whole of a file where no transaction was named.
func (w *walk) whole(doc *document) error {
	switch {
	case doc.kind == "camt.053" && doc.day == "":
		return w.at(errors.New("the statement names no day (FrToDt/ToDtTm)"))
	case w.want != nil && *w.want != doc.entries:
		return w.at(fmt.Errorf("the statement announces %d entries and has %d", *w.want, doc.entries))
	case w.sum != nil && *w.sum != w.total:
		return w.at(fmt.Errorf("the statement announces a sum of %s and has %s", *w.sum, w.total))
	case doc.kind == "pain.002" && !w.told && w.group.Status != "":
		return w.word(report{Key: w.group.MsgID, Kind: kindOfStatus(w.group.Status, w.group.Reason), Code: w.group.Reason, At: w.created})
	}
	return nil
}

// kindOfStatus reads ExternalPaymentTransactionStatus1Code: ACSC (settled at
// the debtor's side) and ACCC (credited) are final, and RJCT is, unless it
// refuses a file as a duplicate: then the first one may have been paid.
func kindOfStatus(status, reason string) said {
	switch {
	case status == "ACSC" || status == "ACCC":
		return saidPaid
	case status == "RJCT" && reason != "AM05" && reason != "DUPL" && reason != "DU01" && reason != "DU02" && reason != "DU03" && reason != "DU04" && reason != "DU05":
		return saidFailed
	default: // RCVD, ACTC, ACCP, ACSP, ACWC, PDNG, PART and what is not known
		return saidPending
	}
}

func (w *walk) transaction(start xml.StartElement) error {
	var said statusTransaction
	if err := w.decoder.DecodeElement(&said, &start); err != nil {
		return err
	}
	w.told = true
	return w.word(report{
		Key: cmp.Or(said.EndToEndID, w.group.MsgID), Kind: kindOfStatus(said.Status, said.Reason), Code: said.Reason, Ref: said.Ref, At: w.created,
	})
}

// entry reads a booked entry: a debit of ours is a payment, a credit that
// returns one a return.
func (w *walk) entry(start xml.StartElement) error {
	var e entry
	if err := w.decoder.DecodeElement(&e, &start); err != nil {
		return err
	}
	whole, err := money.Parse(e.Amount.Value)
	if err != nil {
		return fmt.Errorf("the amount of an entry: %w", err)
	}
	w.total += whole
	if e.Status != "BOOK" {
		return nil
	}
	at, err := moment(cmp.Or(e.BookedAt, e.BookedOn))
	if err != nil {
		return err
	}
	if len(e.Details) == 0 {
		return w.give(reconciliation.Line{Ref: e.Ref, Direction: direction(e.Indicator), Amount: whole, At: at})
	}
	for _, detail := range e.Details {
		amount := whole
		if detail.Amount != nil {
			if amount, err = money.Parse(detail.Amount.Value); err != nil {
				return fmt.Errorf("the amount of a transaction: %w", err)
			}
		} else if len(e.Details) > 1 {
			return errors.New("an entry of several transactions without their amounts")
		}
		line := reconciliation.Line{
			Key: strings.TrimPrefix(detail.EndToEndID, "NOTPROVIDED"), Ref: cmp.Or(detail.Ref, e.Ref), Direction: direction(e.Indicator), Amount: amount, At: at,
			Return: e.Indicator == "CRDT" && (e.Reversal || detail.Return != nil),
		}
		if err := w.give(line); err != nil {
			return err
		}
		reason := ""
		if detail.Return != nil {
			reason = detail.Return.Reason
		}
		if err := w.tell(line, reason); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) give(line reconciliation.Line) error {
	if w.line == nil {
		return nil
	}
	w.lines++
	line.N = w.lines
	return w.line(line)
}

func (w *walk) tell(line reconciliation.Line, reason string) error {
	word := report{Key: line.Key, Ref: line.Ref, Amount: line.Amount, At: line.At, Code: reason}
	switch {
	case line.Direction == reconciliation.Out:
		word.Kind = saidPaid
	case line.Return:
		word.Kind = saidReturned
	default:
		return nil
	}
	return w.word(word)
}

func direction(indicator string) reconciliation.Direction {
	if indicator == "CRDT" {
		return reconciliation.In
	}
	return reconciliation.Out
}

// moment reads an ISO date or date and time; one without a zone is China's.
func moment(text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateOnly} {
		if at, err := time.ParseInLocation(layout, text, zone()); err == nil {
			return at.UTC(), nil
		}
	}
	return time.Time{}, errors.New("a date that is none")
}
