package dossier

import (
	"fmt"
	"iter"
	"sync"

	"loan310/scoring/evidence"
)

// Held is a book that holds the rows of chosen merchants in memory. A book
// that makes its rows up does so once then, and not whenever it is asked: a
// real provider has its data.
type Held struct {
	Book
	mu   sync.RWMutex
	rows map[string]*history // by merchant
}

type history struct {
	orders       []evidence.Order
	waybills     []evidence.Waybill
	transactions []evidence.Transaction
	bills        []evidence.UtilityBill
}

// NewHeld gives a book that holds nothing yet.
func NewHeld(book Book) *Held { return &Held{Book: book, rows: map[string]*history{}} }

// Hold reads all rows of a merchant into memory. Of a merchant with 100,000
// orders they are tens of megabytes.
func (h *Held) Hold(merchantID string) error {
	var read history
	for _, err := range []error{
		keep(&read.orders, h.Book.Orders(merchantID)), keep(&read.waybills, h.Book.Waybills(merchantID)),
		keep(&read.transactions, h.Book.Transactions(merchantID)), keep(&read.bills, h.Book.Bills(merchantID)),
	} {
		if err != nil {
			return fmt.Errorf("read merchant %s: %w", merchantID, err)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rows[merchantID] = &read
	return nil
}

// Release lets go of everything held.
func (h *Held) Release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.rows)
}

func keep[T any](into *[]T, rows iter.Seq2[*T, error]) error {
	for row, err := range rows {
		if err != nil {
			return err
		}
		*into = append(*into, *row)
	}
	return nil
}

func (h *Held) held(merchantID string) *history {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.rows[merchantID]
}

// heldRows walks rows; as in every book, a row is valid for one step.
func heldRows[T any](rows []T) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		var row T
		for i := range rows {
			row = rows[i]
			if !yield(&row, nil) {
				return
			}
		}
	}
}

// Orders walks a merchant's orders by time of creation.
func (h *Held) Orders(merchantID string) iter.Seq2[*evidence.Order, error] {
	if held := h.held(merchantID); held != nil {
		return heldRows(held.orders)
	}
	return h.Book.Orders(merchantID)
}

// Waybills walks a merchant's parcels in the order the carrier gave them.
func (h *Held) Waybills(merchantID string) iter.Seq2[*evidence.Waybill, error] {
	if held := h.held(merchantID); held != nil {
		return heldRows(held.waybills)
	}
	return h.Book.Waybills(merchantID)
}

// Transactions walks a merchant's bank rows by time of booking.
func (h *Held) Transactions(merchantID string) iter.Seq2[*evidence.Transaction, error] {
	if held := h.held(merchantID); held != nil {
		return heldRows(held.transactions)
	}
	return h.Book.Transactions(merchantID)
}

// Bills walks a merchant's utility bills by start of period.
func (h *Held) Bills(merchantID string) iter.Seq2[*evidence.UtilityBill, error] {
	if held := h.held(merchantID); held != nil {
		return heldRows(held.bills)
	}
	return h.Book.Bills(merchantID)
}
