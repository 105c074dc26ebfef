package sandbox

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"loan310/app/clock"
	"loan310/app/money"
)

// TransferState is where a transfer stands at the rail.
type TransferState string

// Transfer states, as the rail's own book has them.
const (
	TransferPending TransferState = "pending"
	TransferPaid    TransferState = "paid"
	TransferFailed  TransferState = "failed"
	// TransferRefunded was paid and came back.
	TransferRefunded TransferState = "refunded"
)

// RailEntry is one of our references in the rail's book.
type RailEntry struct {
	OutBizNo  string        `json:"out_biz_no"`
	OrderID   string        `json:"order_id"` // the rail's own reference
	Amount    money.Amount  `json:"amount_fen"`
	State     TransferState `json:"state"`
	Code      string        `json:"code,omitempty"`   // why it failed
	Received  int           `json:"received"`         // how often the instruction came
	Conflicts int           `json:"conflicts"`        // how often with other content
	Paid      int           `json:"paid"`             // how often money moved; more than 1 is a bug
	FirstAt   time.Time     `json:"first_at"`         //
	LastAt    time.Time     `json:"last_at"`          //
	PaidAt    time.Time     `json:"paid_at,omitzero"` //
	// RefundedAt is when the money came back.
	RefundedAt time.Time `json:"refunded_at,omitzero"`
	Hash       string    `json:"hash"`               // of the instruction's content
	DueAt      time.Time `json:"due_at,omitzero"`    // pending until then
	DueCode    string    `json:"due_code,omitempty"` // fails then with this code, else pays
	Refused    bool      `json:"refused,omitempty"`  // refused at the door (code 40004)
}

// RailSummary adds the rail's book up.
type RailSummary struct {
	Accepted       int          `json:"accepted"` // references not refused
	Refused        int          `json:"refused"`
	Paid           int          `json:"paid"` // payments made
	Pending        int          `json:"pending"`
	DistinctKeys   int          `json:"distinct_keys"`
	Received       int          `json:"received"` // instructions, repeats included
	Conflicts      int          `json:"conflicts"`
	DuplicatesPaid int          `json:"duplicates_paid"` // payments beyond the first per reference
	PaidAmount     money.Amount `json:"paid_amount_fen"`
}

// railBook is the rail's own record of what it was told and what it paid.
type railBook struct {
	clock   clock.Clock
	payees  Payees
	mu      sync.Mutex
	entries map[string]*RailEntry
	journal *journal
}

// railEvent is one line of rail.jsonl: a reference's entry after a change.
type railEvent struct {
	Event string    `json:"event"` // accepted, repeated, conflict, paid, failed, refunded
	Entry RailEntry `json:"entry"`
}

func openRailBook(options Options) (*railBook, error) {
	payees := cmp.Or(options.Payees, PayeesLuhn)
	if payees != PayeesLuhn && payees != PayeesBook {
		return nil, fmt.Errorf("unknown payee rule %q", payees)
	}
	book := &railBook{clock: options.Clock, payees: payees, entries: map[string]*RailEntry{}}
	var err error
	book.journal, err = openJournal(options.Dir, "rail.jsonl", func(event railEvent) {
		entry := event.Entry
		book.entries[entry.OutBizNo] = &entry
	})
	return book, err
}

// instruction is what the rail understood of a transfer request.
type instruction struct {
	outBizNo string
	amount   money.Amount
	hash     string
	refusal  string // sub code, refused at the door
}

// transfer books an instruction once and gives the entry; consistent is false
// when the reference is known with other content.
func (b *railBook) transfer(told instruction, drawn draw) (entry RailEntry, consistent bool, err error) {
	now := b.clock()
	b.mu.Lock()
	defer b.mu.Unlock()
	if known, ok := b.entries[told.outBizNo]; ok {
		if err := b.settle(known, now); err != nil {
			return RailEntry{}, false, err
		}
		known.Received++
		known.LastAt = now
		if known.Hash != told.hash {
			known.Conflicts++
			return *known, false, b.keep("conflict", known)
		}
		return *known, true, b.keep("repeated", known)
	}
	made := &RailEntry{
		OutBizNo: told.outBizNo, OrderID: fmt.Sprintf("%s%012d", now.Format("20060102"), len(b.entries)+1),
		Amount: told.amount, State: TransferPending, Received: 1, FirstAt: now, LastAt: now,
		Hash: told.hash, DueAt: now.Add(drawn.pendingFor),
	}
	if drawn.refuse {
		made.DueCode = cmp.Or(drawn.refuseCode, "PAYEE_CARD_INFO_ERROR")
	}
	if told.refusal != "" {
		made.State, made.Code, made.Refused = TransferFailed, told.refusal, true
	}
	b.entries[told.outBizNo] = made
	if err := b.keep("accepted", made); err != nil {
		return RailEntry{}, false, err
	}
	err = b.settle(made, now)
	return *made, true, err
}

// query gives the entry of a reference as of now.
func (b *railBook) query(outBizNo string) (RailEntry, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	known, ok := b.entries[outBizNo]
	if !ok {
		return RailEntry{}, false, nil
	}
	err := b.settle(known, b.clock())
	return *known, true, err
}

// settle pays or fails a transfer whose time has come; b.mu is held.
func (b *railBook) settle(entry *RailEntry, now time.Time) error {
	if entry.State != TransferPending || now.Before(entry.DueAt) {
		return nil
	}
	if entry.DueCode != "" {
		entry.State, entry.Code = TransferFailed, entry.DueCode
		return b.keep("failed", entry)
	}
	entry.State, entry.PaidAt = TransferPaid, now
	entry.Paid++
	return b.keep("paid", entry)
}

func (b *railBook) keep(event string, entry *RailEntry) error {
	return b.journal.append(railEvent{Event: event, Entry: *entry})
}

// list gives every entry as of now, oldest first.
func (b *railBook) list() ([]RailEntry, error) {
	now := b.clock()
	b.mu.Lock()
	defer b.mu.Unlock()
	entries := make([]RailEntry, 0, len(b.entries))
	for _, entry := range b.entries {
		if err := b.settle(entry, now); err != nil {
			return nil, err
		}
		entries = append(entries, *entry)
	}
	slices.SortFunc(entries, func(x, y RailEntry) int {
		return cmp.Or(x.FirstAt.Compare(y.FirstAt), cmp.Compare(x.OrderID, y.OrderID))
	})
	return entries, nil
}

func (b *railBook) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.journal.close()
}

// RailBook gives every reference the rail has seen, oldest first.
func (s *Server) RailBook() ([]RailEntry, error) { return s.core.rail.list() }

// RailSummary adds the rail's book up.
func (s *Server) RailSummary() (RailSummary, error) {
	entries, err := s.RailBook()
	sum := RailSummary{DistinctKeys: len(entries)}
	for _, entry := range entries {
		sum.Received += entry.Received
		sum.Conflicts += entry.Conflicts
		sum.Paid += entry.Paid
		sum.DuplicatesPaid += max(entry.Paid-1, 0)
		sum.PaidAmount += entry.Amount * money.Amount(entry.Paid)
		if entry.Refused {
			sum.Refused++
		} else {
			sum.Accepted++
		}
		if entry.State == TransferPending {
			sum.Pending++
		}
	}
	return sum, err
}
