package dossier

import (
	"iter"
	"time"

	"loan310/scoring/evidence"
)

// week keeps weekdays and times of day when a history is moved.
const week = 7 * 24 * time.Hour

// Rebase moves every merchant's history by whole weeks, so that its last
// application falls on the last such moment not after now. A population of
// another year can then be applied for today, each merchant as of its own
// application date. A merchant without an application is moved as the book's
// AsOf. Rows stay the same but for their times; seasons of the year move too.
func Rebase(book Book, now time.Time) Book {
	moved := rebased{Book: book, now: now, shift: map[string]time.Duration{}, licences: map[string]string{}}
	moved.rest = weeks(now.Sub(book.AsOf()))
	for _, application := range book.Applications() {
		shift := weeks(now.Sub(application.AppliedAt))
		if kept, ok := moved.shift[application.MerchantID]; !ok || shift < kept {
			moved.shift[application.MerchantID] = shift
		}
	}
	for _, merchant := range book.Merchants() {
		moved.licences[merchant.LicenceNumber] = merchant.ID
	}
	return moved
}

// weeks rounds down to whole weeks, also below zero, so that nothing is moved
// into the future.
func weeks(d time.Duration) time.Duration {
	whole := d / week * week
	if whole > d {
		whole -= week
	}
	return whole
}

type rebased struct {
	Book
	now      time.Time
	rest     time.Duration
	shift    map[string]time.Duration
	licences map[string]string // licence number to merchant id
}

func (r rebased) by(merchantID string) time.Duration {
	if shift, ok := r.shift[merchantID]; ok {
		return shift
	}
	return r.rest
}

// AsOf is the moment the histories were moved to.
func (r rebased) AsOf() time.Time { return r.now }

// Merchants gives the merchants with their dates moved.
func (r rebased) Merchants() []Merchant {
	merchants := append([]Merchant(nil), r.Book.Merchants()...)
	for i := range merchants {
		move(r.by(merchants[i].ID), &merchants[i].ShopOpenedAt)
	}
	return merchants
}

// Applications gives the applications with their dates moved.
func (r rebased) Applications() []Application {
	applications := append([]Application(nil), r.Book.Applications()...)
	for i := range applications {
		move(r.by(applications[i].MerchantID), &applications[i].AppliedAt)
	}
	return applications
}

// Outcomes gives the outcomes with their dates moved as their applications'.
func (r rebased) Outcomes() []Outcome {
	merchants := map[string]string{}
	for _, application := range r.Book.Applications() {
		merchants[application.ID] = application.MerchantID
	}
	outcomes := append([]Outcome(nil), r.Book.Outcomes()...)
	for i := range outcomes {
		move(r.by(merchants[outcomes[i].ApplicationID]), &outcomes[i].ObservedAt)
	}
	return outcomes
}

func (r rebased) Orders(merchantID string) iter.Seq2[*evidence.Order, error] {
	shift := r.by(merchantID)
	return moveEach(r.Book.Orders(merchantID), func(o *evidence.Order) {
		move(shift, &o.CreatedAt, &o.PaidAt, &o.ShippedAt, &o.DeliveredAt, &o.RefundedAt, &o.BuyerSince)
	})
}

func (r rebased) Waybills(merchantID string) iter.Seq2[*evidence.Waybill, error] {
	shift := r.by(merchantID)
	return moveEach(r.Book.Waybills(merchantID), func(w *evidence.Waybill) {
		move(shift, &w.CreatedAt, &w.PickedUpAt, &w.SignedAt)
	})
}

func (r rebased) Transactions(merchantID string) iter.Seq2[*evidence.Transaction, error] {
	shift := r.by(merchantID)
	return moveEach(r.Book.Transactions(merchantID), func(t *evidence.Transaction) { move(shift, &t.BookedAt) })
}

func (r rebased) Bills(merchantID string) iter.Seq2[*evidence.UtilityBill, error] {
	shift := r.by(merchantID)
	return moveEach(r.Book.Bills(merchantID), func(b *evidence.UtilityBill) {
		move(shift, &b.PeriodStart, &b.PeriodEnd, &b.DueAt, &b.PaidAt)
	})
}

func (r rebased) Bureau(merchantID string) (evidence.BureauReport, bool) {
	report, ok := r.Book.Bureau(merchantID)
	move(r.by(merchantID), &report.PulledAt, &report.OldestOpenedAt)
	return report, ok
}

func (r rebased) Registry(licence string) (evidence.RegistryRecord, bool) {
	record, ok := r.Book.Registry(licence)
	move(r.by(r.licences[licence]), &record.EstablishedAt, &record.ExpiresAt, &record.ChangedAt)
	return record, ok
}

// move shifts times that are known; a missing time stays missing.
func move(shift time.Duration, times ...*time.Time) {
	for _, at := range times {
		if !at.IsZero() {
			*at = at.Add(shift)
		}
	}
}

// moveEach changes a copy of each row, since a book may keep its rows.
func moveEach[T any](rows iter.Seq2[*T, error], change func(*T)) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		for row, err := range rows {
			if err != nil {
				yield(nil, err)
				return
			}
			moved := *row
			change(&moved)
			if !yield(&moved, nil) {
				return
			}
		}
	}
}
