package crosscheck

import (
	"slices"
	"strings"

	"loan310/app/money"
	"loan310/scoring/evidence"
)

// flow is money out that may come back.
type flow struct {
	amount int64
	age    int32
	id     string
}

// counterparty is what is kept of one the merchant paid: the sum of transfers
// to it and the last payments, whatever they were for.
type counterparty struct {
	sent  int64
	last  [4]flow
	next  int
	first string // id of the first transfer
	funds bool   // a payer who pays with what the merchant sent
}

// bank gathers the account's rows. It keeps a few payments a counterparty, never
// the rows.
type bank struct {
	seen           set
	accounts       set // the merchant's own, hashed
	index          table
	list           []counterparty
	oldest, newest int32
	sales          int64 // sales inflow in the window

	trips    int64 // payments that came back as sales
	returned int64 // their sum
	shown    []string
}

// AddTransaction takes one row of the bank account, in the order of booking.
// Rows dated after the moment are not there, a repeated id counts once, and
// rows older than the window are left out.
func (j *Join) AddTransaction(row *evidence.Transaction) {
	age := j.age(row.BookedAt)
	if age == unknown || int64(age) >= j.options.Rules.WindowDays*dayMinutes {
		return
	}
	if key := hash(row.ID); key != 0 && !j.bank.seen.add(key) {
		return
	}
	b := &j.bank
	if b.oldest == unknown {
		b.newest = age
	}
	b.oldest, b.newest = max(b.oldest, age), min(b.newest, age)
	if key := hash(row.AccountID); key != 0 {
		b.accounts.add(key)
	}
	amount, party := int64(row.Amount), hash(row.CounterpartyID)
	if row.Kind == evidence.TxSales && amount > 0 {
		b.sales += amount
		if party != 0 {
			j.comeBack(party, amount, age, row.ID)
		}
	}
	if amount < 0 && party != 0 {
		b.pay(party, -amount, age, row)
	}
}

// pay keeps a payment. What is owed by law or contract, or undoes a sale, is
// no payment that comes back.
func (b *bank) pay(party uint64, amount int64, age int32, row *evidence.Transaction) {
	switch row.Kind {
	case evidence.TxRefund, evidence.TxFee, evidence.TxTax, evidence.TxSalary, evidence.TxRent, evidence.TxUtility,
		evidence.TxLoanIn, evidence.TxLoanOut, evidence.TxInterest, evidence.TxPenalty, evidence.TxInsurance:
		return
	}
	at, fresh := b.index.put(party, int32(len(b.list))) //nolint:gosec // bounded by memory, far below 2^31
	if fresh {
		b.list = append(b.list, counterparty{})
	}
	with := &b.list[at]
	if row.Kind != evidence.TxSupplier {
		if with.sent == 0 {
			with.first = strings.Clone(row.ID)
		}
		with.sent += amount
	}
	with.last[with.next%len(with.last)] = flow{amount: amount, age: age, id: strings.Clone(row.ID)}
	with.next++
}

// comeBack matches a sales inflow with a payment to the same counterparty a
// few days before, of about the same amount. Each payment is matched once.
func (j *Join) comeBack(party uint64, amount int64, age int32, id string) {
	rules := &j.options.Rules
	at := j.bank.index.find(party)
	if at == unknown {
		return
	}
	slack := int64(money.Amount(amount).Share(rules.RoundSlack))
	for i := range j.bank.list[at].last {
		out := &j.bank.list[at].last[i]
		if out.amount == 0 || out.age < age || int64(out.age-age) > rules.RoundDays*dayMinutes {
			continue
		}
		if out.amount < amount-slack || out.amount > amount+slack {
			continue
		}
		j.bank.trips++
		j.bank.returned += amount
		if len(j.bank.shown)+1 < evidenceRows {
			j.bank.shown = append(j.bank.shown, out.id, strings.Clone(id))
		}
		*out = flow{}
		return
	}
}

// funder marks the sales of payers whom the merchant pays: its own accounts,
// and those to whom it sent at least half of what they paid, over three orders
// or more.
type funder struct {
	join   *Join
	funded []bool // of the part's payers
	paid   []int64
}

// look goes through one part of the payers.
func (f *funder) look(part []member, groups []int32, keys []uint64, known []group) {
	b := &f.join.bank
	f.funded = slices.Grow(f.funded[:0], len(keys))[:len(keys)]
	f.paid = slices.Grow(f.paid[:0], len(keys))[:len(keys)]
	asked, found := false, false
	for i, key := range keys {
		f.funded[i] = b.accounts.has(key)
		f.paid[i] = unknown
		found = found || f.funded[i]
		if at := b.index.find(key); at != unknown && b.list[at].sent > 0 && known[i].orders >= 3 {
			f.paid[i], asked = 0, true
		}
	}
	if asked {
		for i := range part {
			if f.paid[groups[i]] != unknown {
				f.paid[groups[i]] += f.join.sales[part[i].row].amount
			}
		}
		for i, key := range keys {
			if f.paid[i] == unknown {
				continue
			}
			if with := &b.list[b.index.find(key)]; with.sent*2 >= f.paid[i] {
				with.funds, f.funded[i], found = true, true, true
			}
		}
	}
	if !found {
		return
	}
	for i := range part {
		if f.funded[groups[i]] {
			f.join.sales[part[i].row].findings |= findFunded
		}
	}
}

// transfers gives the ids of some transfers to those who paid with them.
func (b *bank) transfers() (shown []string) {
	for i := range b.index.slots {
		slot := &b.index.slots[i]
		if slot.key() == 0 || len(shown) == evidenceRows {
			continue
		}
		if with := &b.list[slot.value]; with.funds && with.first != "" {
			shown = append(shown, with.first)
		}
	}
	return shown
}

// bankDays is how long both books must overlap before they are compared.
const bankDays = 60

// unbanked gives the part of the claimed sales of the account's time that the
// account did not receive; false where that cannot be said: too short a time,
// or no row that is called sales.
func (j *Join) unbanked() (part money.BasisPoints, claimed int64, known bool) {
	b := &j.bank
	if b.oldest == unknown || b.sales == 0 || b.oldest-b.newest < bankDays*dayMinutes {
		return 0, 0, false
	}
	for at := b.newest / dayMinutes; at <= min(b.oldest/dayMinutes, historyDays-1); at++ {
		claimed += j.days[at].gross
	}
	if claimed <= 0 {
		return 0, 0, false
	}
	return 10_000 - money.BasisPoints(min(10_000, money.MulDiv(10_000, b.sales, claimed))), claimed, true
}
