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

// TradeState is where a debit stands at the rail.
type TradeState string

// Trade states, as the rail's own book has them.
const (
	TradePending   TradeState = "pending"
	TradeCollected TradeState = "collected"
	TradeClosed    TradeState = "closed" // failed for good
)

// TradeEntry is one of our references for a debit in the rail's book.
type TradeEntry struct {
	OutTradeNo string       `json:"out_trade_no"`
	TradeNo    string       `json:"trade_no"` // the rail's own reference
	Account    string       `json:"account"`
	Amount     money.Amount `json:"amount_fen"`
	State      TradeState   `json:"state"`
	Code       string       `json:"code,omitempty"` // why it failed
	Received   int          `json:"received"`       // how often the instruction came
	Conflicts  int          `json:"conflicts"`      // how often with other content
	Collected  int          `json:"collected"`      // how often money was taken; more than 1 is a bug
	FirstAt    time.Time    `json:"first_at"`
	At         time.Time    `json:"collected_at,omitzero"`
	Hash       string       `json:"hash"`
	DueAt      time.Time    `json:"due_at,omitzero"`    // pending until then
	DueCode    string       `json:"due_code,omitempty"` // fails then with this code, else collects
}

// TradeSummary adds the book of debits up.
type TradeSummary struct {
	Trades     int          `json:"trades"`
	Collected  int          `json:"collected"`
	Doubled    int          `json:"doubled"` // collections beyond the first per reference
	Conflicts  int          `json:"conflicts"`
	RefusedNow int          `json:"refused"` // instructions refused at the door, of which the rail keeps nothing
	Amount     money.Amount `json:"amount_fen"`
}

// PayerAccount is what the rail knows of an account that may be debited. The
// zero value is an account with enough money whose holder agreed.
type PayerAccount struct {
	Balance  *money.Amount `json:"balance_fen,omitempty"` // absent = always enough
	Closed   bool          `json:"closed,omitempty"`
	Unsigned bool          `json:"unsigned,omitempty"` // the agreement to be debited was withdrawn
}

// tradeBook is the rail's record of debits. A debit it refuses at the door
// leaves no trade, as at the gateway.
type tradeBook struct {
	clock    clock.Clock
	mu       sync.Mutex
	entries  map[string]*TradeEntry
	accounts map[string]*PayerAccount
	refused  int
	journal  *journal
}

// tradeEvent is one line of trades.jsonl.
type tradeEvent struct {
	Event string     `json:"event"` // accepted, repeated, conflict, collected, closed
	Entry TradeEntry `json:"entry"`
}

func openTradeBook(options Options) (*tradeBook, error) {
	book := &tradeBook{clock: options.Clock, entries: map[string]*TradeEntry{}, accounts: map[string]*PayerAccount{}}
	var err error
	book.journal, err = openJournal(options.Dir, "trades.jsonl", func(event tradeEvent) {
		entry := event.Entry
		book.entries[entry.OutTradeNo] = &entry
	})
	return book, err
}

// account gives what is known of an account; b.mu is held.
func (b *tradeBook) account(number string) *PayerAccount {
	if b.accounts[number] == nil {
		b.accounts[number] = &PayerAccount{}
	}
	return b.accounts[number]
}

// signed tells whether an account's holder agrees to be debited.
func (b *tradeBook) signed(number string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.account(number).Unsigned
}

// refusal is the sub code an account is refused with now; b.mu is held.
func (b *tradeBook) refusal(number string, amount money.Amount) string {
	account := b.account(number)
	switch {
	case account.Unsigned:
		return "ACQ.AGREEMENT_NOT_EXIST"
	case account.Closed:
		return "ACQ.BUYER_ENABLE_STATUS_FORBID"
	case account.Balance != nil && *account.Balance < amount:
		return "ACQ.BUYER_BALANCE_NOT_ENOUGH"
	default:
		return ""
	}
}

// pay books an instruction once. A sub code means that it was refused and
// nothing of it is kept; consistent is false when the reference is known with
// other content.
func (b *tradeBook) pay(told TradeEntry, drawn draw) (entry TradeEntry, subCode string, consistent bool, err error) {
	now := b.clock()
	b.mu.Lock()
	defer b.mu.Unlock()
	if known, ok := b.entries[told.OutTradeNo]; ok {
		if err := b.settle(known, now); err != nil {
			return TradeEntry{}, "", false, err
		}
		known.Received++
		if known.Hash != told.Hash {
			known.Conflicts++
			return *known, "", false, b.keep("conflict", known)
		}
		return *known, "", true, b.keep("repeated", known)
	}
	if subCode := b.refusal(told.Account, told.Amount); subCode != "" {
		b.refused++
		return TradeEntry{}, subCode, true, nil
	}
	made := told
	made.TradeNo = fmt.Sprintf("%s22%010d", now.Format("20060102"), len(b.entries)+1)
	made.State, made.Received, made.FirstAt, made.DueAt = TradePending, 1, now, now.Add(drawn.pendingFor)
	if drawn.refuse {
		made.DueCode = cmp.Or(drawn.refuseCode, "ACQ.PAYMENT_FAIL")
	}
	b.entries[made.OutTradeNo] = &made
	if err := b.keep("accepted", &made); err != nil {
		return TradeEntry{}, "", false, err
	}
	err = b.settle(&made, now)
	return made, "", true, err
}

// query gives the entry of a reference as of now.
func (b *tradeBook) query(outTradeNo string) (TradeEntry, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	known, ok := b.entries[outTradeNo]
	if !ok {
		return TradeEntry{}, false, nil
	}
	err := b.settle(known, b.clock())
	return *known, true, err
}

// settle collects or closes a trade whose time has come; b.mu is held.
func (b *tradeBook) settle(entry *TradeEntry, now time.Time) error {
	if entry.State != TradePending || now.Before(entry.DueAt) {
		return nil
	}
	code := cmp.Or(entry.DueCode, b.refusal(entry.Account, entry.Amount))
	if code != "" {
		entry.State, entry.Code = TradeClosed, code
		return b.keep("closed", entry)
	}
	if balance := b.account(entry.Account).Balance; balance != nil {
		*balance -= entry.Amount
	}
	entry.State, entry.At = TradeCollected, now
	entry.Collected++
	return b.keep("collected", entry)
}

func (b *tradeBook) keep(event string, entry *TradeEntry) error {
	return b.journal.append(tradeEvent{Event: event, Entry: *entry})
}

// list gives every entry as of now, oldest first.
func (b *tradeBook) list() ([]TradeEntry, error) {
	now := b.clock()
	b.mu.Lock()
	defer b.mu.Unlock()
	entries := make([]TradeEntry, 0, len(b.entries))
	for _, entry := range b.entries {
		if err := b.settle(entry, now); err != nil {
			return nil, err
		}
		entries = append(entries, *entry)
	}
	slices.SortFunc(entries, func(x, y TradeEntry) int {
		return cmp.Or(x.FirstAt.Compare(y.FirstAt), cmp.Compare(x.TradeNo, y.TradeNo))
	})
	return entries, nil
}

func (b *tradeBook) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.journal.close()
}

// TradeBook gives every debit the rail keeps, oldest first.
func (s *Server) TradeBook() ([]TradeEntry, error) { return s.core.trades.list() }

// TradeSummary adds the book of debits up.
func (s *Server) TradeSummary() (TradeSummary, error) {
	entries, err := s.TradeBook()
	sum := TradeSummary{Trades: len(entries)}
	for _, entry := range entries {
		sum.Collected += entry.Collected
		sum.Doubled += max(entry.Collected-1, 0)
		sum.Conflicts += entry.Conflicts
		sum.Amount += entry.Amount * money.Amount(entry.Collected)
	}
	b := s.core.trades
	b.mu.Lock()
	defer b.mu.Unlock()
	sum.RefusedNow = b.refused
	return sum, err
}

// SetPayer says what the rail knows of an account that may be debited. It is
// not kept over a restart.
func (s *Server) SetPayer(number string, account PayerAccount) {
	b := s.core.trades
	b.mu.Lock()
	defer b.mu.Unlock()
	b.accounts[number] = &account
}

// ForgeTrade books another collection of a reference, which a rail must never
// do; tests show that it is found.
func (s *Server) ForgeTrade(outTradeNo string) error {
	b := s.core.trades
	b.mu.Lock()
	defer b.mu.Unlock()
	entry, ok := b.entries[outTradeNo]
	if !ok {
		return fmt.Errorf("no trade %q", outTradeNo)
	}
	entry.Collected++
	return b.keep("collected", entry)
}
