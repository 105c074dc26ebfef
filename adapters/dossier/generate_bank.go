package dossier

import (
	"time"

	"loan310/app/money"
	"loan310/scoring/evidence"
)

// settlementDays is how long after delivery the platform pays the merchant.
const settlementDays = 3

// cash is what one day brings to the account, apart from the fixed dates.
type cash struct {
	settled money.Amount             // sales paid out by the platform
	honest  money.Amount             // the part of settled with real buyers
	circled [ringPayers]money.Amount // paid back to a ring's payers
	bills   []evidence.UtilityBill   // utility bills paid
}

// account walks a merchant's bank rows by time; visit returns false to stop.
func (g *Generated) account(p *profile, visit func(*evidence.Transaction) bool) {
	flows := g.flows(p)
	book := &bookkeeper{g: g, p: p, d: g.dice("bank", p.index), visit: visit, flows: flows, account: pseudonym('a', g.hash("account", p.index))}
	book.rent, book.wages = p.fixedCosts()
	book.debt = g.monthlyDebt(p)
	book.balance = money.Amount(p.monthly() * book.d.between(0.5, 1.2))
	for i := range flows {
		if !book.day(i) {
			return
		}
	}
}

// fixedCosts are rent and wages a month: shares of what the merchant sold in
// its first quarter, so that falling sales hurt.
func (p *profile) fixedCosts() (rent, wages money.Amount) {
	level := p.monthly()
	if p.seat.archetype == ArchetypeDefaulting {
		level *= 2.4
	}
	return money.Amount(level * 0.06).FloorTo(10_000), money.Amount(level * 0.09).FloorTo(10_000)
}

// flows gathers what each day settles from one walk of the orders.
func (g *Generated) flows(p *profile) []cash {
	flows := make([]cash, p.days)
	dayOf := func(moment time.Time) int { return int(moment.Sub(p.start) / days(1)) }
	payers := map[string]int{}
	for i := range ringPayers {
		payers[g.ringPayer(p, i)] = i
	}
	g.sales(p, func(s *sale) bool {
		o := &s.order
		if s.fabricated && !o.PaidAt.IsZero() {
			// The owner hands the payer the money the day before.
			if day := max(0, dayOf(o.PaidAt)-1); day < len(flows) {
				flows[day].circled[payers[o.PayerID]] += o.Amount.Share(10_250)
			}
		}
		if o.DeliveredAt.IsZero() {
			return true
		}
		due := o.DeliveredAt.Add(days(settlementDays))
		if o.RefundedAt.After(due) {
			due = o.RefundedAt.Add(days(1))
		}
		if day := dayOf(due); day < len(flows) {
			flows[day].settled += o.Amount - o.Refund
			if !s.fabricated {
				flows[day].honest += o.Amount - o.Refund
			}
		}
		return true
	})
	for _, bill := range g.bills(p) {
		if day := dayOf(bill.PaidAt); !bill.PaidAt.IsZero() && day >= 0 && day < len(flows) {
			flows[day].bills = append(flows[day].bills, bill)
		}
	}
	return flows
}

// bookkeeper books a merchant's days.
type bookkeeper struct {
	g       *Generated
	p       *profile
	d       dice
	visit   func(*evidence.Transaction) bool
	flows   []cash
	account string
	balance money.Amount
	rent    money.Amount
	wages   money.Amount
	debt    money.Amount // loan payments elsewhere, a month
	owed    money.Amount // to suppliers
	month   money.Amount // sales settled this month
	today   time.Time
	number  int
	stopped bool
}

// book adds a row at an hour of the day and keeps the balance.
func (b *bookkeeper) book(hour float64, amount money.Amount, kind evidence.TxKind, counterparty, text string) {
	if amount == 0 || b.stopped {
		return
	}
	if amount < 0 && b.balance+amount < 0 && !b.failing() {
		// The owner pays in before an honest account would be overdrawn.
		b.book(hour, (-amount-b.balance).FloorTo(1_000_000)+1_000_000, evidence.TxCash, b.other("owner"), "店主存入")
		if b.stopped {
			return
		}
	}
	b.number++
	b.balance += amount
	balance := b.balance
	row := evidence.Transaction{
		ID: label("T", 6, b.p.index+1, b.number), AccountID: b.account, BookedAt: b.today.Add(hours(hour)), Amount: amount,
		Balance: &balance, Kind: kind, CounterpartyID: counterparty, Description: text,
	}
	if b.d.chance(0.01) {
		row.Balance = nil
	}
	b.stopped = !b.visit(&row)
}

// day books one day in the order of its hours and says whether to go on.
func (b *bookkeeper) day(i int) bool {
	b.today = b.p.start.AddDate(0, 0, i)
	flow := &b.flows[i]
	date, weekday := b.today.Day(), b.today.Weekday()
	lastOfMonth := b.today.AddDate(0, 0, 1).Day() == 1
	b.month += flow.settled
	b.owed += money.Amount(float64(flow.honest) * b.p.trade.goods)
	b.book(1, flow.settled, evidence.TxSales, "platform", "平台结算 "+b.today.Format("2006-01-02"))
	for n, bill := range flow.bills {
		b.book(2+float64(n)/10, -bill.Amount, evidence.TxUtility, "grid", "水电燃气 "+bill.ID)
	}
	switch date {
	case 2:
		b.book(3, -b.rent, evidence.TxRent, b.other("landlord"), "房租")
	case 5:
		b.book(3, -b.debt, evidence.TxLoanOut, b.other("lender"), "贷款还款")
	case 10:
		b.payWages()
	}
	if weekday == time.Monday {
		b.paySuppliers()
	}
	for n, amount := range flow.circled {
		b.book(5+float64(n)/10, -amount, evidence.TxTransfer, b.payer(n), "转账")
	}
	if lastOfMonth {
		b.closeMonth()
	}
	return !b.stopped
}

func (b *bookkeeper) other(role string) string {
	return pseudonym('a', b.g.hash(role, b.p.index))
}

func (b *bookkeeper) payer(n int) string { return b.g.ringPayer(b.p, n) }

// failing merchants run out of money; the others never overdraw.
func (b *bookkeeper) failing() bool { return b.p.seat.archetype == ArchetypeDefaulting }

// floor is how far a failing merchant's bank lets it go.
func (b *bookkeeper) floor() money.Amount { return -money.Amount(b.p.monthly() * 0.8) }

func (b *bookkeeper) payWages() {
	if b.wages < 100_000 {
		return // the owner works alone
	}
	if b.failing() && b.balance-b.wages < b.floor() {
		return
	}
	b.book(3, -b.wages, evidence.TxSalary, b.other("staff"), "工资")
}

func (b *bookkeeper) paySuppliers() {
	free := b.balance - b.rent
	if b.failing() {
		free = b.balance - b.floor()
	}
	pay := min(b.owed, free)
	if pay <= 0 {
		return
	}
	b.owed -= pay
	b.book(4, -pay, evidence.TxSupplier, pseudonym('a', b.g.hash("supplier", b.p.index, b.d.IntN(4))), "货款")
}

// closeMonth books the platform's fee, taxes and interest by the quarter, what
// the owner takes out, and what a negative balance costs.
func (b *bookkeeper) closeMonth() {
	b.book(6, -b.month.Share(60), evidence.TxFee, "platform", "平台服务费")
	if b.today.Month()%3 == 0 {
		b.book(6.1, -(b.month * 3).Share(100), evidence.TxTax, "tax", "增值税")
		if b.balance > 0 {
			b.book(6.2, b.balance.Share(5), evidence.TxInterest, "bank", "结息")
		}
	}
	b.month = 0
	if b.balance < 0 {
		b.book(6.3, b.balance.Share(150), evidence.TxPenalty, "bank", "透支罚息")
	}
	if b.p.seat.archetype == ArchetypeRelated && b.balance > 0 {
		b.book(6.4, -b.balance.Share(money.BasisPoints(b.d.whole(300, 1200))), evidence.TxTransfer, pseudonym('a', b.g.hash("pool", b.p.seat.lead)), "往来款")
	}
	reserve := money.Amount(b.p.monthly() * 0.6)
	if b.failing() {
		reserve /= 3
	}
	if draw := (b.balance - reserve).FloorTo(10_000); draw > 0 {
		b.book(6.5, -draw, evidence.TxTransfer, b.other("owner"), "店主提现")
	}
}
