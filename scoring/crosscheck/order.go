package crosscheck

import (
	"time"

	"loan310/app/money"
	"loan310/scoring/evidence"
)

// Paid says whether an order counts as revenue as of a moment: paid by then
// (a source that gives no time of payment is taken by its status) and not
// cancelled.
func Paid(order *evidence.Order, asOf time.Time) bool {
	if !order.PaidAt.IsZero() {
		return !order.PaidAt.After(asOf) && order.Status != evidence.OrderCancelled
	}
	switch order.Status {
	case evidence.OrderPaid, evidence.OrderShipped, evidence.OrderDelivered, evidence.OrderCompleted, evidence.OrderRefunded:
		return true
	default:
		return false
	}
}

// RefundAt gives what was paid back by a moment, at most the order's amount.
// A refunded order that names no sum was refunded whole.
func RefundAt(order *evidence.Order, asOf time.Time) money.Amount {
	if order.Refund <= 0 && order.Status != evidence.OrderRefunded || order.RefundedAt.After(asOf) {
		return 0
	}
	refund := order.Refund
	if refund <= 0 && order.Status == evidence.OrderRefunded {
		refund = order.Amount
	}
	return min(max(refund, 0), max(order.Amount, 0))
}

// unread says whether parcels could not be looked at, so that a missing one
// proves nothing.
func (j *Join) unread() bool {
	switch j.options.Logistics {
	case evidence.Known, evidence.Stale, evidence.Empty:
		return false
	default:
		return true
	}
}
