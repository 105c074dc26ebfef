// Package loan is the life of one loan after its payout, as a pure function:
// a contract, a set of events and a day give the position and the accounting
// entries. The one rule: nothing is carried forward. Every answer is a replay
// of all events in one canonical order, so a backdated repayment or a reversal
// is one more event, and the order in which events arrive never shows.
//
// Money is integer fen, rates are basis points, days are civil days in the
// lender's zone. docs/lending.md states the rules in plain words.
package loan
