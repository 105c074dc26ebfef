package sandbox

import (
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"loan310/app/clock"
	"loan310/app/money"
)

// BankFaults are what goes wrong at the bank that takes files. Shares lie
// between 0 and 1 and are drawn per file. The zero value is a healthy bank.
type BankFaults struct {
	// LostStatusShare books a transfer and writes no pain.002 and no camt.054;
	// the day's statement still shows it.
	LostStatusShare float64 `json:"lost_status_share,omitempty"`
	// LateMS is how long a transfer is pending (PDNG) before it is booked.
	LateMS int `json:"late_ms,omitempty"`
	// RejectShare rejects a transfer (RJCT, AC04: account closed).
	RejectShare float64 `json:"reject_share,omitempty"`
	// ReturnShare pays, and sends the money back ReturnAfterMS later.
	ReturnShare   float64 `json:"return_share,omitempty"`
	ReturnAfterMS int     `json:"return_after_ms,omitempty"`
	// DuplicateShare writes every report twice, under two names.
	DuplicateShare float64 `json:"duplicate_share,omitempty"`
	// StrayShare adds a file that is none of ours, one that is cut, and a
	// status for a reference nobody used.
	StrayShare float64 `json:"stray_share,omitempty"`
	// Closed takes no file from the outbox.
	Closed bool   `json:"closed,omitempty"`
	Seed   uint64 `json:"seed,omitempty"`
}

// BankTransfer is one of our references in the bank's own book.
type BankTransfer struct {
	EndToEndID string        `json:"end_to_end_id"`
	Ref        string        `json:"ref"`
	Amount     money.Amount  `json:"amount_fen"`
	Account    string        `json:"account"`
	State      TransferState `json:"state"`
	Received   int           `json:"received"` // how often a file named it
	Paid       int           `json:"paid"`     // how often money moved; more than 1 is a bug
	Returned   bool          `json:"returned,omitempty"`
	DueAt      time.Time     `json:"due_at"`
	PaidAt     time.Time     `json:"paid_at,omitzero"`
	ReturnAt   time.Time     `json:"return_at,omitzero"` // when it comes back
	Reject     bool          `json:"reject,omitempty"`
	Silent     bool          `json:"silent,omitempty"`
	Twice      bool          `json:"twice,omitempty"`
	ReturnedAt time.Time     `json:"returned_at,omitzero"`
}

// bankEvery is how often the bank looks into the outbox.
const bankEvery = 50 * time.Millisecond

// bankHouse watches the outbox and keeps its own book.
type bankHouse struct {
	dir    string // holds outbox and inbox; empty = no bank
	clock  clock.Clock
	logger *slog.Logger

	mu       sync.Mutex
	faults   BankFaults
	rng      *rand.Rand
	book     map[string]*BankTransfer
	journal  *journal
	files    int
	sequence int64
	stop     context.CancelFunc
	done     chan struct{}
}

func openBankHouse(options Options) (*bankHouse, error) {
	b := &bankHouse{dir: options.BankDir, clock: options.Clock, logger: options.Logger, book: map[string]*BankTransfer{}, rng: newRand(0, 99), done: make(chan struct{})}
	var err error
	b.journal, err = openJournal(options.Dir, "bankrail.jsonl", func(entry BankTransfer) { b.book[entry.EndToEndID] = &entry })
	if err != nil || b.dir == "" {
		close(b.done)
		return b, err
	}
	b.sequence = b.clock().UnixMilli()
	for _, name := range []string{"outbox", "inbox"} {
		if err := os.MkdirAll(filepath.Join(b.dir, name), 0o700); err != nil {
			return nil, errors.Join(fmt.Errorf("making the bank's folders: %w", err), b.journal.close())
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	b.stop = stop
	go b.run(ctx)
	return b, nil
}

func (b *bankHouse) run(ctx context.Context) {
	defer close(b.done)
	ticker := time.NewTicker(bankEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := b.work(); err != nil {
			b.logger.Error("sandbox bank cannot work", slog.Any("error", err))
		}
	}
}

func (b *bankHouse) close() error {
	if b.stop != nil {
		b.stop()
	}
	<-b.done
	return b.journal.close()
}

// work takes new files in, books what is due and reports it.
func (b *bankHouse) work() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.clock()
	changed := false
	if !b.faults.Closed {
		entries, err := os.ReadDir(filepath.Join(b.dir, "outbox"))
		if err != nil {
			return err
		}
		for _, entry := range entries {
			if strings.HasPrefix(entry.Name(), ".") || filepath.Ext(entry.Name()) != ".xml" {
				continue
			}
			if err := b.accept(filepath.Join(b.dir, "outbox", entry.Name()), now); err != nil {
				return err
			}
		}
	}
	for _, key := range b.keys() {
		moved, err := b.settle(b.book[key], now)
		if err != nil {
			return err
		}
		changed = changed || moved
	}
	if changed {
		return b.statement(now)
	}
	return nil
}

// keys are the references that are not settled for good, in order.
func (b *bankHouse) keys() []string {
	var keys []string
	for key, entry := range b.book {
		if entry.State == TransferPending || (!entry.ReturnAt.IsZero() && !entry.Returned) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// orderedTransfer is what the bank reads of a pain.001, by its own eyes.
type orderedTransfer struct {
	XMLName xml.Name `xml:"urn:iso:std:iso:20022:tech:xsd:pain.001.001.09 Document"`
	Payment []struct {
		Method string `xml:"PmtMtd"`
		Orders []struct {
			EndToEndID string `xml:"PmtId>EndToEndId"`
			Amount     struct {
				Currency string `xml:"Ccy,attr"`
				Value    string `xml:",chardata"`
			} `xml:"Amt>InstdAmt"`
			Name    string `xml:"Cdtr>Nm"`
			Account string `xml:"CdtrAcct>Id>Othr>Id"`
		} `xml:"CdtTrfTxInf"`
	} `xml:"CstmrCdtTrfInitn>PmtInf"`
}

// accept takes one file from the outbox.
func (b *bankHouse) accept(path string, now time.Time) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var ordered orderedTransfer
	if err := xml.Unmarshal(text, &ordered); err != nil {
		b.logger.Error("sandbox bank got a file it cannot read", slog.String("file", filepath.Base(path)), slog.Any("error", err))
		return os.Remove(path)
	}
	for _, payment := range ordered.Payment {
		for _, order := range payment.Orders {
			amount, err := money.Parse(order.Amount.Value)
			if err != nil || payment.Method != "TRF" || order.Amount.Currency != "CNY" || order.Account == "" || order.Name == "" {
				b.logger.Error("sandbox bank got an order it cannot use", slog.String("file", filepath.Base(path)))
				continue
			}
			if known, ok := b.book[order.EndToEndID]; ok { // MsgId is the same: a duplicate file
				known.Received++
				if err := errors.Join(b.journal.append(known), b.status(known, "RJCT", "AM05")); err != nil {
					return err
				}
				continue
			}
			entry := &BankTransfer{EndToEndID: order.EndToEndID, Ref: fmt.Sprintf("BK%012d", len(b.book)+1), Amount: amount, Account: order.Account, State: TransferPending, Received: 1}
			b.draw(entry, now)
			b.book[order.EndToEndID] = entry
			if err := b.journal.append(entry); err != nil {
				return err
			}
			if entry.DueAt.After(now) {
				if err := b.status(entry, "PDNG", ""); err != nil {
					return err
				}
			}
		}
	}
	return os.Remove(path)
}

// draw decides what will become of a transfer.
func (b *bankHouse) draw(entry *BankTransfer, now time.Time) {
	hit := func(share float64) bool { return b.rng.Float64() < share }
	f := b.faults
	entry.DueAt = now.Add(time.Duration(f.LateMS) * time.Millisecond)
	entry.Silent, entry.Reject, entry.Twice = hit(f.LostStatusShare), hit(f.RejectShare), hit(f.DuplicateShare)
	if hit(f.ReturnShare) && !entry.Reject {
		entry.ReturnAt = entry.DueAt.Add(time.Duration(f.ReturnAfterMS) * time.Millisecond)
	}
	if hit(f.StrayShare) {
		b.strays()
	}
}

// strays are files a bank's folder holds beside ours.
func (b *bankHouse) strays() {
	stray := &BankTransfer{EndToEndID: "NOBODYSREFERENCE1", Ref: "BK-stray"}
	_ = errors.Join(
		b.put("readme", "This folder is watched."),
		b.put("other", `<?xml version="1.0"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:pacs.008.001.08"><X/></Document>`),
		b.put("cut", `<?xml version="1.0"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.054.001.08"><BkToCstmrDbtCdtNtfctn><Ntfctn>`),
		b.status(stray, "ACSC", ""),
	)
}

// settle books a transfer whose time has come, and its return.
func (b *bankHouse) settle(entry *BankTransfer, now time.Time) (bool, error) {
	if entry.State == TransferPending && !now.Before(entry.DueAt) {
		if entry.Reject {
			entry.State = TransferFailed
			return true, errors.Join(b.journal.append(entry), b.status(entry, "RJCT", "AC04"))
		}
		entry.State, entry.PaidAt = TransferPaid, now
		entry.Paid++
		err := b.journal.append(entry)
		if err == nil && !entry.Silent {
			err = errors.Join(b.notify(entry, now, false), b.status(entry, "ACSC", ""))
		}
		return true, err
	}
	if entry.State == TransferPaid && !entry.ReturnAt.IsZero() && !entry.Returned && !now.Before(entry.ReturnAt) {
		entry.Returned, entry.ReturnedAt = true, now
		return true, errors.Join(b.journal.append(entry), b.notify(entry, now, true))
	}
	return false, nil
}

// status writes a pain.002.
func (b *bankHouse) status(entry *BankTransfer, status, reason string) error {
	if entry.Silent {
		return nil
	}
	why := ""
	if reason != "" {
		why = "<StsRsnInf><Rsn><Cd>" + reason + "</Cd></Rsn></StsRsnInf>"
	}
	text := fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt><GrpHdr><MsgId>ST%d</MsgId><CreDtTm>%s</CreDtTm></GrpHdr>
<OrgnlGrpInfAndSts><OrgnlMsgId>%[3]s</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId></OrgnlGrpInfAndSts>
<OrgnlPmtInfAndSts><OrgnlPmtInfId>%[3]s</OrgnlPmtInfId><TxInfAndSts><OrgnlEndToEndId>%[3]s</OrgnlEndToEndId><TxSts>%[4]s</TxSts>%[5]s<AcctSvcrRef>%[6]s</AcctSvcrRef></TxInfAndSts></OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>
`, b.files, b.clock().Format(time.RFC3339), xmlText(entry.EndToEndID), status, why, entry.Ref)
	return b.report(entry, "pain002", text)
}

// notify writes a camt.054 of a booking.
func (b *bankHouse) notify(entry *BankTransfer, now time.Time, back bool) error {
	return b.report(entry, "camt054", fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.054.001.08"><BkToCstmrDbtCdtNtfctn><GrpHdr><MsgId>NT%d</MsgId><CreDtTm>%s</CreDtTm></GrpHdr>
<Ntfctn><Id>NT%[1]d</Id><Acct><Id><Othr><Id>3100000000000001</Id></Othr></Id></Acct>%[3]s</Ntfctn></BkToCstmrDbtCdtNtfctn></Document>
`, b.files, now.Format(time.RFC3339), bankEntry(entry, back)))
}

// bankEntry is one booking: the payment, or what came back of it.
func bankEntry(entry *BankTransfer, back bool) string {
	indicator, at, extra := "DBIT", entry.PaidAt, ""
	if back {
		indicator, at, extra = "CRDT", entry.ReturnedAt, "<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>"
	}
	return fmt.Sprintf(`<Ntry><Amt Ccy="CNY">%[1]s</Amt><CdtDbtInd>%[2]s</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><DtTm>%[3]s</DtTm></BookgDt><AcctSvcrRef>%[4]s</AcctSvcrRef><NtryDtls><TxDtls><Refs><AcctSvcrRef>%[4]s</AcctSvcrRef><EndToEndId>%[5]s</EndToEndId></Refs><Amt Ccy="CNY">%[1]s</Amt><CdtDbtInd>%[2]s</CdtDbtInd>%[6]s</TxDtls></NtryDtls></Ntry>
`, entry.Amount, indicator, at.Format(time.RFC3339Nano), entry.Ref, xmlText(entry.EndToEndID), extra)
}

// statement writes the day's camt.053 anew.
func (b *bankHouse) statement(now time.Time) error {
	zone := time.FixedZone("CST", 8*3600)
	from := now.In(zone)
	from = time.Date(from.Year(), from.Month(), from.Day(), 0, 0, 0, 0, zone)
	to := from.AddDate(0, 0, 1)
	within := func(at time.Time) bool { return !at.Before(from) && at.Before(to) }
	var lines strings.Builder
	count, sum := 0, money.Amount(0)
	for _, entry := range b.sorted() {
		for _, back := range []bool{false, true} {
			at := entry.PaidAt
			if back {
				at = entry.ReturnedAt
			}
			if at.IsZero() || !within(at) {
				continue
			}
			lines.WriteString(bankEntry(&entry, back))
			count, sum = count+1, sum+entry.Amount
		}
	}
	b.sequence++
	return b.put("camt053", fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><GrpHdr><MsgId>SM%d</MsgId><CreDtTm>%s</CreDtTm></GrpHdr>
<Stmt><Id>SM%[1]d</Id><ElctrncSeqNb>%[1]d</ElctrncSeqNb><CreDtTm>%[2]s</CreDtTm><FrToDt><FrDtTm>%[3]s</FrDtTm><ToDtTm>%[4]s</ToDtTm></FrToDt><Acct><Id><Othr><Id>3100000000000001</Id></Othr></Id></Acct>
<TxsSummry><TtlNtries><NbOfNtries>%[5]d</NbOfNtries><Sum>%[6]s</Sum></TtlNtries></TxsSummry>
%[7]s</Stmt></BkToCstmrStmt></Document>
`, b.sequence, now.Format(time.RFC3339), from.Format(time.RFC3339), to.Format(time.RFC3339), count, sum, lines.String()))
}

func (b *bankHouse) sorted() []BankTransfer {
	list := make([]BankTransfer, 0, len(b.book))
	for _, entry := range b.book {
		list = append(list, *entry)
	}
	slices.SortFunc(list, func(x, y BankTransfer) int { return cmp.Compare(x.Ref, y.Ref) })
	return list
}

// report writes a file once, or twice under two names.
func (b *bankHouse) report(entry *BankTransfer, kind, text string) error {
	err := b.put(kind, text)
	if err == nil && entry.Twice {
		err = b.put(kind, text)
	}
	return err
}

// put writes a file of the inbox whole.
func (b *bankHouse) put(kind, text string) error {
	b.files++
	name := fmt.Sprintf("%s-%d-%06d.xml", kind, b.clock().UnixNano(), b.files)
	part := filepath.Join(b.dir, "inbox", "."+name+".part")
	if err := os.WriteFile(part, []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(part, filepath.Join(b.dir, "inbox", name))
}

func xmlText(text string) string {
	var out strings.Builder
	_ = xml.EscapeText(&out, []byte(text)) // a Builder refuses nothing
	return out.String()
}

// BankBook gives every reference the bank of files has seen.
func (s *Server) BankBook() []BankTransfer {
	s.core.bank.mu.Lock()
	defer s.core.bank.mu.Unlock()
	return s.core.bank.sorted()
}

// SetBankFaults replaces the faults of the bank of files and restarts its
// draws.
func (s *Server) SetBankFaults(faults BankFaults) error {
	for _, share := range []float64{faults.LostStatusShare, faults.RejectShare, faults.ReturnShare, faults.DuplicateShare, faults.StrayShare} {
		if !(share >= 0 && share <= 1) {
			return errors.New("shares must lie between 0 and 1")
		}
	}
	if faults.LateMS < 0 || faults.ReturnAfterMS < 0 {
		return errors.New("late_ms and return_after_ms must not be negative")
	}
	s.core.bank.mu.Lock()
	defer s.core.bank.mu.Unlock()
	s.core.bank.faults, s.core.bank.rng = faults, newRand(faults.Seed, 99)
	return nil
}

func (s *Server) controlBank(mux *http.ServeMux) {
	mux.HandleFunc("GET /control/bank-rail/book", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, s.BankBook())
	})
	mux.HandleFunc("PUT /control/bank-rail/faults", func(w http.ResponseWriter, request *http.Request) {
		var faults BankFaults
		if !decodeStrict(w, request, &faults) {
			return
		}
		if err := s.SetBankFaults(faults); err != nil {
			controlRefuse(w, err)
			return
		}
		answer(w, http.StatusOK, faults)
	})
}
