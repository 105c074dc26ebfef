package scoring_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"loan310/app/money"
	"loan310/scoring"
	"loan310/scoring/evidence"
)

// ahead replaces a stamp that lies after the moment by another one that does;
// stamps up to the moment stay.
func ahead(stamp *time.Time, add time.Duration) {
	if stamp.After(asOf) {
		*stamp = asOf.Add(add)
	}
}

// changeFuture rewrites everything a bundle says of the time after the moment:
// when later stamps lie, and all of rows that are later altogether.
func changeFuture(m *merchant, add time.Duration, amount money.Amount) {
	for i := range m.orders {
		o := &m.orders[i]
		if o.CreatedAt.After(asOf) {
			o.Amount, o.ReviewScore, o.Category, o.BuyerID = amount, 1, "future", "future"
		}
		if o.RefundedAt.After(asOf) && o.Status != evidence.OrderRefunded {
			o.Refund = amount
		}
		for _, stamp := range []*time.Time{&o.CreatedAt, &o.PaidAt, &o.ShippedAt, &o.DeliveredAt, &o.RefundedAt} {
			ahead(stamp, add)
		}
	}
	for i := range m.waybills {
		w := &m.waybills[i]
		if w.CreatedAt.After(asOf) {
			w.Destination, w.WeightGrams, w.Freight = "future", 1, amount
		}
		for _, stamp := range []*time.Time{&w.CreatedAt, &w.PickedUpAt, &w.SignedAt} {
			ahead(stamp, add)
		}
	}
	for i := range m.transactions {
		row := &m.transactions[i]
		if row.BookedAt.After(asOf) {
			row.Amount, row.Balance, row.Kind, row.CounterpartyID = amount, new(-amount), evidence.TxPenalty, "future"
		}
		ahead(&row.BookedAt, add)
	}
	for i := range m.bills {
		bill := &m.bills[i]
		if bill.PeriodEnd.After(asOf) {
			bill.Quantity, bill.Amount = int64(amount), amount
		}
		for _, stamp := range []*time.Time{&bill.PeriodEnd, &bill.DueAt, &bill.PaidAt} {
			ahead(stamp, add)
		}
	}
	ahead(&m.registry.ChangedAt, add)
	ahead(&m.bureau.OldestOpenedAt, add)
	ahead(&m.applicant.FirstLoanAt, add)
}

// Everything dated after the moment may say anything at all: the verdict is
// the same bit for bit, features of every source among it.
func TestWhatTheFutureSaysChangesNothing(t *testing.T) {
	t.Parallel()
	loaded := engine(t)
	decide := func(t *rapid.T, m *merchant) string {
		got, err := loaded.Decide(m.input())
		require.NoError(t, err)
		written, err := json.Marshal(got)
		require.NoError(t, err)
		return string(written)
	}
	rapid.Check(t, func(t *rapid.T) {
		days := rapid.Float64Range(0.01, 20).Draw(t, "how much of it lies ahead")
		stamped := rapid.SampledFrom([]evidence.OrderStatus{evidence.OrderCompleted, evidence.OrderShipped, evidence.OrderRefunded, evidence.OrderCancelled}).Draw(t, "status")
		build := func() *merchant {
			m := established()
			for i := range m.orders { // the newest rows slide past the moment, whole or in part
				o, w := &m.orders[i], &m.waybills[i]
				for _, stamp := range []*time.Time{&o.CreatedAt, &o.PaidAt, &o.ShippedAt, &o.DeliveredAt, &w.CreatedAt, &w.PickedUpAt, &w.SignedAt} {
					*stamp = stamp.Add(time.Duration(days * 24 * float64(time.Hour)))
				}
				if i%7 == 0 {
					o.RefundedAt, o.Refund, o.Status = o.DeliveredAt.Add(48*time.Hour), 20_000, stamped
				}
			}
			for i := range m.transactions {
				m.transactions[i].BookedAt = m.transactions[i].BookedAt.Add(time.Duration(days * 24 * float64(time.Hour)))
			}
			for i := range m.bills {
				m.bills[i].PaidAt = m.bills[i].PaidAt.Add(time.Duration(days * 24 * float64(time.Hour)))
			}
			m.registry.ChangedAt, m.bureau.OldestOpenedAt, m.applicant.FirstLoanAt = ago(5-days), ago(9-days), ago(3-days)
			return m
		}
		plain, changed := build(), build()
		changeFuture(changed, time.Duration(rapid.Int64Range(1, int64(400*24*time.Hour)).Draw(t, "when")), money.Amount(rapid.Int64Range(-9e9, 9e9).Draw(t, "amount")))
		require.Equal(t, decide(t, plain), decide(t, changed))
	})
}

func TestFirstLoanIsPartOfWhoBorrowed(t *testing.T) {
	t.Parallel()
	m := established()
	m.applicant.FirstLoanAt = ago(40)
	require.Equal(t, int64(40), feature(t, m.decide(t), "own_first_loan_days").Value)
	require.Equal(t, scoring.FeatureKnown, feature(t, m.decide(t), "own_worst_dpd_days").State)
}
