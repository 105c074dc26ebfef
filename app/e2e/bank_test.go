package e2e_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/adapters/sandbox"
	"loan310/app/drawdown"
	"loan310/app/ledger"
	"loan310/app/money"
)

// TestMerchantOfTheBankIsPaidByTheBank is a draw of a merchant whose own rail
// is the bank: a pain.001 file into the watched folder, its answer, the money
// in the bank's book and on its statement. The wallet hears nothing of it.
func TestMerchantOfTheBankIsPaidByTheBank(t *testing.T) {
	t.Parallel()
	w := begin(t)
	on := w.creditOver(t, drawdown.RailBank)
	d := w.end(t, w.draw(t, on, "bank", on.part(30)).ID)
	require.Equal(t, "paid", d.State, d.FailureCode)
	payout, err := w.Stack.DB.Drawdowns().Payout(t.Context(), d.ID)
	require.NoError(t, err)
	require.Equal(t, drawdown.RailBank, payout.Rail)
	require.Equal(t, 1, payout.Attempt, "its own rail, no fail-over")
	book := w.Sandbox.BankBook()
	require.Len(t, book, 1)
	require.Equal(t, drawdown.PayoutKey(d.ID), book[0].EndToEndID)
	require.Equal(t, 1, book[0].Paid)
	require.Equal(t, d.AmountFen, int64(book[0].Amount))
	require.Equal(t, on.merchant.PayoutAccount, book[0].Account)
	_, known := w.rail(t, d.ID)
	require.False(t, known, "the wallet was told of it")
	journals, err := w.Stack.DB.Ledger().Journals(t.Context(), "drawdown/"+d.ID)
	require.NoError(t, err)
	require.Len(t, journals, 2)
	require.Contains(t, journals[1].Postings, ledger.Posting{Account: ledger.SettlementBank, Amount: -money.Amount(d.AmountFen)})
	opened, err := w.Stack.Servicing.Loan(t.Context(), d.ID)
	require.NoError(t, err)
	require.Equal(t, d.AmountFen, int64(opened.Outstanding))

	// Rejected for good: nothing was paid, the line has it again, and the
	// wallet, which cannot know the account, is not tried.
	require.NoError(t, w.Sandbox.SetBankFaults(sandbox.BankFaults{RejectShare: 1}))
	require.Equal(t, "failed", w.end(t, w.draw(t, on, "rejected", on.part(20)).ID).State)
	w.requireUsed(t, on.ID, d.AmountFen)
	w.requireSound(t)
	w.reconciled(t)
}
