// Package ledger is double entry: a journal is a set of postings that sums to
// zero and is never changed, only reversed by another journal. It is a leaf,
// so that what moves money is stored in one transaction with its journal.
package ledger

import (
	"time"

	"loan310/app/fault"
	"loan310/app/money"
)

// Account is one account of the chart.
type Account string

// The chart of accounts. Debit balances are positive.
const (
	PrincipalReceivable Account = "principal_receivable"  // owed to us by merchants
	InterestReceivable  Account = "interest_receivable"   // interest due and not paid
	PenaltyReceivable   Account = "penalty_receivable"    // late interest not paid
	FeeReceivable       Account = "fee_receivable"        // fees due and not paid
	PayoutInTransit     Account = "payout_in_transit"     // promised to merchants, not yet confirmed by a rail
	CollectionInTransit Account = "collection_in_transit" // debits a rail has taken on, not yet confirmed
	Settlement          Account = "settlement"            // our money at the wallet rail
	SettlementBank      Account = "settlement_bank"       // our money at the bank rail
	BorrowerCredit      Account = "borrower_credit"       // paid too much, owed back to merchants
	InterestIncome      Account = "interest_income"
	PenaltyIncome       Account = "penalty_income"
	FeeIncome           Account = "fee_income"
	CampaignSubsidy     Account = "campaign_subsidy"    // interest a campaign pays for the merchant
	WriteOff            Account = "write_off"           // receivables given up
	Recovery            Account = "recovery"            // money received on what was given up
	ProvisionExpense    Account = "provision_expense"   // change of the allowance
	ProvisionAllowance  Account = "provision_allowance" // expected losses on receivables
	Suspense            Account = "suspense"            // money a rail reports that we cannot place
)

// Accounts lists the chart in report order.
var Accounts = [...]Account{
	PrincipalReceivable, InterestReceivable, PenaltyReceivable, FeeReceivable, PayoutInTransit, CollectionInTransit,
	Settlement, SettlementBank, BorrowerCredit, InterestIncome, PenaltyIncome, FeeIncome, CampaignSubsidy,
	WriteOff, Recovery, ProvisionExpense, ProvisionAllowance, Suspense,
}

// CodeUnbalanced marks a journal whose postings do not sum to zero.
const CodeUnbalanced fault.Code = "journal_unbalanced"

// Posting is one line of a journal: positive debits the account, negative
// credits it.
type Posting struct {
	Account Account
	Amount  money.Amount
}

// Journal is one booked event. Key is unique: booking the same key again is
// no second booking.
type Journal struct {
	ID         string
	Key        string // subject id + step, such as 0192…:reserve
	Subject    string // what it is about, such as drawdown/0192…
	Kind       string // disbursement_promised, disbursement_paid, reversal
	ReversesID string // id of the journal this one reverses; unique
	BookedAt   time.Time
	Postings   []Posting
}

// Check reports a journal that has fewer than two postings, a zero posting,
// or does not sum to zero.
func (j Journal) Check() error {
	if j.Key == "" || len(j.Postings) < 2 {
		return fault.New(fault.Internal, CodeUnbalanced, "a journal needs a key and at least two postings")
	}
	var sum money.Amount
	for _, posting := range j.Postings {
		if posting.Amount == 0 {
			return fault.New(fault.Internal, CodeUnbalanced, "journal %s posts nothing to %s", j.Key, posting.Account)
		}
		sum += posting.Amount
	}
	if sum != 0 {
		return fault.New(fault.Internal, CodeUnbalanced, "journal %s is off by %s", j.Key, sum)
	}
	return nil
}

// Reverse gives the journal that undoes j, keyed on j so that it can be
// booked once only.
func (j Journal) Reverse(id string, at time.Time) Journal {
	postings := make([]Posting, len(j.Postings))
	for i, posting := range j.Postings {
		postings[i] = Posting{Account: posting.Account, Amount: -posting.Amount}
	}
	return Journal{ID: id, Key: j.Key + ":reversed", Subject: j.Subject, Kind: "reversal", ReversesID: j.ID, BookedAt: at, Postings: postings}
}

// Balance is an account's sum over all journals.
type Balance struct {
	Account Account
	Amount  money.Amount
	Count   int64 // postings
}
