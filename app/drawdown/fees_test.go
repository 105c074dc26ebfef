package drawdown_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/app/audit"
	"loan310/app/drawdown"
	"loan310/app/fault"
	"loan310/app/ledger"
	"loan310/app/money"
	"loan310/app/servicing/loan"
)

// balance sums an account over everything booked about a draw and its loan.
func (w *world) balance(t *testing.T, id string, account ledger.Account) money.Amount {
	t.Helper()
	var sum money.Amount
	for _, subject := range []string{"drawdown/" + id, "loan/" + id} {
		journals, err := w.db.Ledger().Journals(t.Context(), subject)
		require.NoError(t, err)
		for i := range journals {
			for _, p := range journals[i].Postings {
				if p.Account == account {
					sum += p.Amount
				}
			}
		}
	}
	return sum
}

// TestUpfrontFeeIsKeptBackAtPayout: 6,000 drawn, 1 % kept back, 5,940 paid out,
// 6,000 owed.
func TestUpfrontFeeIsKeptBackAtPayout(t *testing.T) {
	t.Parallel()
	var sent money.Amount
	w := newWorldOf(t, func(r *rail, told drawdown.Instruction) (drawdown.Receipt, error) {
		sent = told.Amount
		return r.accept(told), nil
	}, withUpfrontFee(t, 100))
	d := w.open(t, "k1", 6_000)
	require.Equal(t, 60*money.Yuan, d.Fee)
	require.Equal(t, 5_940*money.Yuan, d.PaidOut())
	require.Equal(t, drawdown.Paid, w.pay(t, d.ID))
	require.Equal(t, 5_940*money.Yuan, sent)
	w.sound(t, 6_000)
	opened, err := w.db.Servicing().Record(t.Context(), d.ID)
	require.NoError(t, err)
	require.Equal(t, 6_000*money.Yuan, opened.Loan.Outstanding)
	quote, err := opened.Loan.Contract.Quote()
	require.NoError(t, err)
	require.Equal(t, 60*money.Yuan, quote.Fees)
	require.Greater(t, quote.IRRBps, money.BasisPoints(1_350), "12 %, and 1 % of the amount over half a year on average")
	for account, want := range map[ledger.Account]money.Amount{
		ledger.PrincipalReceivable: 6_000 * money.Yuan, ledger.Settlement: -5_940 * money.Yuan, ledger.FeeIncome: -60 * money.Yuan, ledger.PayoutInTransit: 0,
	} {
		require.Equal(t, want, w.balance(t, d.ID, account), account)
	}

	// The payout comes back: what reached the merchant, and the fee never was.
	reversed, err := w.service.Returned(t.Context(), drawdown.Return{Key: drawdown.PayoutKey(d.ID), Amount: d.PaidOut(), Code: "AC04"})
	require.NoError(t, err)
	require.Equal(t, drawdown.Reversed, reversed.State)
	w.sound(t, 0)
	for _, account := range []ledger.Account{ledger.PrincipalReceivable, ledger.Settlement, ledger.FeeIncome, ledger.PayoutInTransit} {
		require.Zero(t, w.balance(t, d.ID, account), account)
	}

	// Refused by the rail: the line has the whole amount again.
	w.rail.onPay = refuses
	require.Equal(t, drawdown.Failed, w.pay(t, w.open(t, "k2", 6_000).ID))
	w.sound(t, 0)
}

// TestPriceAboveTheCapIsRefusedBeforeADrawIsOnRecord: 12 % a year and 8 % kept
// back is an all-in IRR of over 24 %.
func TestPriceAboveTheCapIsRefusedBeforeADrawIsOnRecord(t *testing.T) {
	t.Parallel()
	w := newWorldOf(t, answers, withUpfrontFee(t, 800))
	_, err := w.service.Open(t.Context(), w.request("k1", 6_000), audit.System("test"))
	require.Equal(t, loan.CodeIRRCap, fault.CodeOf(err))
	list, _, err := w.service.Drawdowns(t.Context(), "", w.line.ID, drawdown.Page{})
	require.NoError(t, err)
	require.Empty(t, list)
}

// TestReturnThatCannotBeBookedGoesToAPerson: the line was made to have less
// drawn than the draw that comes back, by whatever went wrong.
func TestReturnThatCannotBeBookedGoesToAPerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t, answers)
	d := w.open(t, "k1", 6_000)
	require.Equal(t, drawdown.Paid, w.pay(t, d.ID))
	w.exec(t, "UPDATE lines SET used_fen = 0")
	for range 2 {
		_, err := w.service.Returned(t.Context(), drawdown.Return{Key: drawdown.PayoutKey(d.ID), Amount: d.Amount, Code: "AC04"})
		require.NoError(t, err, "it is acknowledged to the rail, not tried for ever")
	}
	stands, err := w.service.Drawdown(t.Context(), d.ID)
	require.NoError(t, err)
	require.Equal(t, drawdown.Paid, stands.State)
	cases, err := w.service.Cases(t.Context(), 10)
	require.NoError(t, err)
	require.Len(t, cases, 1)
	require.Equal(t, drawdown.CaseReturn, cases[0].Reason)
}
