// Package ledger is double entry: a journal is a set of postings that sums to
// zero and is never changed, only reversed by another journal. It is a leaf,
// so that what moves money is stored in one transaction with its journal.
package ledger

import (
	"slices"
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
	CollectionInTransit Account = "collection_in_transit" // debits the rail has collected, on their way to a loan's books: nothing, but where a repayment was reversed
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

// Known tells whether an account is of the chart.
func Known(account Account) bool { return slices.Contains(Accounts[:], account) }

// KindReversal is the kind of every journal that undoes another.
const KindReversal = "reversal"

// Codes of what a journal is refused for.
const (
	CodeUnbalanced     fault.Code = "journal_unbalanced"      // its postings do not sum to zero
	CodeUnknownAccount fault.Code = "journal_unknown_account" // it posts to an account outside the chart
	CodeReversal       fault.Code = "journal_is_reversal"     // a reversal is not reversed: book anew instead
	CodeOtherJournal   fault.Code = "journal_key_reused"      // its key is booked with other content
)

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

// Check reports a journal that has no key, fewer than two postings, a posting
// of zero or to an account outside the chart, or does not sum to zero.
func (j Journal) Check() error {
	if j.Key == "" || len(j.Postings) < 2 {
		return fault.New(fault.Internal, CodeUnbalanced, "a journal needs a key and at least two postings")
	}
	var sum money.Amount
	for _, posting := range j.Postings {
		if posting.Amount == 0 {
			return fault.New(fault.Internal, CodeUnbalanced, "journal %s posts nothing to %s", j.Key, posting.Account)
		}
		if !Known(posting.Account) {
			return fault.New(fault.Internal, CodeUnknownAccount, "journal %s posts to %q, which the chart does not have", j.Key, posting.Account)
		}
		sum += posting.Amount
	}
	if sum != 0 {
		return fault.New(fault.Internal, CodeUnbalanced, "journal %s is off by %s", j.Key, sum)
	}
	return nil
}

// Same tells whether two journals book the same: everything but id and moment.
func (j Journal) Same(other Journal) bool {
	return j.Key == other.Key && j.Subject == other.Subject && j.Kind == other.Kind && j.ReversesID == other.ReversesID &&
		slices.Equal(j.Postings, other.Postings)
}

// Undoes tells whether j is the reversal of original: names it, is about the
// same subject, and posts the opposite of each of its postings.
func (j Journal) Undoes(original Journal) bool {
	if j.ReversesID != original.ID || original.ReversesID != "" || j.Subject != original.Subject {
		return false
	}
	return slices.EqualFunc(j.Postings, original.Postings, func(a, b Posting) bool { return a.Account == b.Account && a.Amount == -b.Amount })
}

// Reverse gives the journal that undoes j, keyed on j so that it can be
// booked once only.
func (j Journal) Reverse(id string, at time.Time) Journal {
	postings := make([]Posting, len(j.Postings))
	for i, posting := range j.Postings {
		postings[i] = Posting{Account: posting.Account, Amount: -posting.Amount}
	}
	return Journal{ID: id, Key: j.Key + ":reversed", Subject: j.Subject, Kind: KindReversal, ReversesID: j.ID, BookedAt: at, Postings: postings}
}

// Balance is an account's sum over journals.
type Balance struct {
	Account Account
	Amount  money.Amount
	Count   int64 // postings
}

// Filter chooses journals; what is empty chooses all.
type Filter struct {
	Subject string
	Account Account   // that post to it
	Kind    string    // of this kind
	From    time.Time // booked at or after
	Before  time.Time // booked before
}
