package loan

import (
	"cmp"
	"slices"
	"strconv"

	"loan310/app/fault"
	"loan310/app/ledger"
	"loan310/app/money"
	"loan310/scoring/pricing"
	"loan310/scoring/verdict"
)

// CodeEvents marks a set of events that no replay can be made of.
const CodeEvents fault.Code = "loan_events_invalid"

// Replay gives the position at the end of a day and every entry up to it, from
// the contract and all events of the loan in any order; those after the day
// are not looked at. It is pure: the same set gives the same answer.
//
// Events and what follows from the contract are taken by day and, within a
// day, in this order: demands, fees, penalty, pauses, repayments, refunds,
// waivers, restructuring, charge-off, recoveries, write-back; events of one
// kind by id. A reversal and what it reverses are taken out first.
//
// Replay trusts that Admit let each event in. It refuses with CodeEvents
// (fault.Internal) what cannot be read at all: ids that are empty or there
// twice, unknown kinds, reversals of nothing; and a contract that no schedule
// can be made of with CodeContract.
func Replay(contract Contract, events []Event, through Date) (Position, []Entry, error) {
	var r replay
	if err := r.begin(&contract, events, through); err != nil {
		return Position{}, nil, err
	}
	for _, index := range r.order {
		event := &events[index]
		if event.On > through {
			break
		}
		r.advance(event.On)
		if err := r.apply(event); err != nil {
			return Position{}, nil, err
		}
	}
	r.advance(through)
	return r.position(through), r.keyed(), nil
}

// line is an instalment while the replay runs.
type line struct {
	number    int
	from, due Date
	rate      money.BasisPoints // at which it was laid
	owed      Amounts           // penalty: as far as it is booked
	paid      Amounts
	waived    Amounts
	interest  money.Amount // booked of owed.Interest
	fee       money.Amount // booked of owed.Fee
	carried   money.Amount // penalty brought over by a restructuring
	fenDays   int64        // overdue fen times days, up to since
	since     Date
	paidOn    Date
}

func (l *line) unpaid() Amounts { return l.owed.Minus(l.paid).Minus(l.waived) }

// replay is one run. Lines before next are demanded; undue is the principal of
// the others.
type replay struct {
	contract *Contract
	product  *Product
	daily    bool // interest by actual days, not by month
	order    []int
	pauses   []span

	lines []line
	next  int
	undue money.Amount
	rate  money.BasisPoints
	// The running period is that of lines[next]: fixed is its interest up to
	// seg, the rest follows from undue.
	fixed money.Amount
	seg   Date
	stub  bool         // it is counted by its days though the product counts months
	level money.Amount // what a line pays (equal instalments) or repays (equal principal)

	due        Amounts // demanded, booked, unpaid
	credit     money.Amount
	refunded   money.Amount
	prepaid    money.Amount
	prepayFees money.Amount
	monthEnd   Date // the next one at which penalty is booked
	closedOn   Date
	worstDPD   int

	capitalised  money.Amount
	chargedOffOn Date         // 0 = on the books
	everOff      Date         // the last time
	offPrincipal money.Amount // ever, less what was written back
	recovered    money.Amount
	gotPrincipal money.Amount // of offPrincipal
	watch        observation

	entries []Entry
	keys    []byte // of the entries, one after another
	ends    []int
	arena   []ledger.Posting
	opened  int // where the open entry's postings start
}

// begin lays the contract's schedule and orders the events.
func (r *replay) begin(contract *Contract, events []Event, through Date) error {
	r.contract, r.product = contract, &contract.Product
	r.daily = contract.Product.Repayment == verdict.AnyTime
	r.rate = contract.RateBps
	if err := r.sort(events); err != nil {
		return err
	}
	if contract.TenorMonths < 1 || contract.TenorMonths > pricing.MaxTenor {
		return fault.Field("tenor_months", CodeContract, "want 1 to %d, not %d", pricing.MaxTenor, contract.TenorMonths)
	}
	r.lines = make([]line, contract.TenorMonths, contract.TenorMonths+1)
	r.entries = make([]Entry, 0, len(r.lines)+2*len(events)+4) // late interest may come before each event
	r.keys = make([]byte, 0, 20*cap(r.entries))
	r.ends = make([]int, 0, cap(r.entries))
	r.arena = make([]ledger.Posting, 0, 3*cap(r.entries))
	from := contract.DisbursedOn
	for k := range r.lines {
		due := contract.Due(k + 1)
		r.lines[k] = line{number: k + 1, from: from, due: due, since: due}
		from = due
	}
	r.undue, r.seg = contract.Principal, contract.DisbursedOn
	r.stub = r.product.Stub == ActualDays && contract.Due(1) != contract.DisbursedOn.AddMonths(1)
	if err := r.lay(); err != nil {
		return fault.New(fault.Invalid, CodeContract, "%v", err)
	}
	if through < contract.DisbursedOn {
		return nil
	}
	if fee := contract.UpfrontFee(); fee > 0 {
		r.open()
		r.post(ledger.PrincipalReceivable, fee)
		r.post(ledger.FeeIncome, -fee)
		r.book("disbursement", name{}, contract.DisbursedOn)
	}
	return nil
}

// sort takes reversals and what they reverse out, orders the rest and gathers
// the pauses.
func (r *replay) sort(events []Event) error {
	r.order = make([]int, 0, len(events))
	var gone map[string]bool
	for i := range events {
		event := &events[i]
		if event.ID == "" || event.Kind.rank() == 0 {
			return fault.New(fault.Internal, CodeEvents, "event %q of kind %q", event.ID, event.Kind)
		}
		if event.Kind == Reversal {
			if gone == nil {
				gone = make(map[string]bool, 2)
			}
			gone[event.ReversesID] = true
		}
	}
	found := 0
	for i := range events {
		if events[i].Kind == Reversal {
			continue
		}
		if gone[events[i].ID] {
			found++
			continue
		}
		r.order = append(r.order, i)
	}
	if found != len(gone) {
		return fault.New(fault.Internal, CodeEvents, "a reversal of an event that is not there, or is a reversal")
	}
	slices.SortFunc(r.order, func(a, b int) int {
		x, y := &events[a], &events[b]
		if x.On != y.On {
			return cmp.Compare(x.On, y.On)
		}
		if first := cmp.Compare(x.Kind.rank(), y.Kind.rank()); first != 0 {
			return first
		}
		if x.Excess != y.Excess && (x.Excess == Hold || y.Excess == Hold) { // money that is only to pay what is due comes last
			return cmp.Compare(x.Excess.rank(), y.Excess.rank())
		}
		return cmp.Compare(x.ID, y.ID)
	})
	for n, i := range r.order {
		if n > 0 && events[r.order[n-1]].ID == events[i].ID {
			return fault.New(fault.Internal, CodeEvents, "event %q is there twice", events[i].ID)
		}
		r.pause(&events[i])
	}
	return nil
}

// advance makes the demands and month-ends up to the end of a day.
func (r *replay) advance(to Date) {
	for {
		due, end := to+1, to+1
		if r.chargedOffOn == 0 && r.next < len(r.lines) {
			due = r.lines[r.next].due
		}
		if r.monthEnd != 0 && r.penalised() {
			end = r.monthEnd
		}
		switch {
		case min(due, end) > to:
			return
		case due <= end:
			r.demand()
		default:
			r.penalty(end)
			r.monthEnd = (end + 1).MonthEnd()
		}
	}
}

// demand makes the next line due: its interest and periodic fee become income.
func (r *replay) demand() {
	at := &r.lines[r.next]
	r.note(at.due)
	r.open()
	r.post(ledger.InterestReceivable, at.owed.Interest-at.interest)
	r.post(ledger.FeeReceivable, at.owed.Fee-at.fee)
	r.post(ledger.InterestIncome, at.interest-at.owed.Interest)
	r.post(ledger.FeeIncome, at.fee-at.owed.Fee)
	r.book("demand", name{number: at.number}, at.due)
	at.interest, at.fee = at.owed.Interest, at.owed.Fee
	unpaid := at.unpaid()
	r.due = r.due.Plus(unpaid)
	r.undue -= at.owed.Principal
	r.next++
	r.fixed, r.seg, r.stub = 0, at.due, false
	if r.monthEnd < at.due {
		r.monthEnd = at.due.MonthEnd()
	}
	if unpaid.Total() == 0 {
		at.paidOn = at.due
	}
	r.useCredit("credit", name{number: at.number}, at.due)
	r.ended(r.seg)
}

// apply takes one event, on its day.
func (r *replay) apply(event *Event) error {
	r.note(event.On)
	arrears := r.arrears(event.On)
	switch event.Kind {
	case FeeCharged:
		r.charge(event)
	case Repayment, Recovered:
		r.receive(event)
	case Refund:
		r.refund(event)
	case Waiver:
		r.waive(event)
	case Restructured:
		if err := r.restructure(event); err != nil {
			return err
		}
	case ChargedOff:
		r.chargeOff(event)
	case WrittenBack:
		r.writeBack(event)
	}
	r.watch.cured(arrears, r.arrears(event.On), event.On)
	r.ended(event.On)
	return nil
}

// ended notes the day from which nothing is owed.
func (r *replay) ended(on Date) {
	switch {
	case !r.nothingOwed():
		r.closedOn = 0
	case r.closedOn == 0:
		r.closedOn = on
	}
}

// nothingOwed tells whether the loan, on or off the books, is repaid.
func (r *replay) nothingOwed() bool {
	if r.undue != 0 || r.due.Total() != 0 {
		return false
	}
	return r.next == len(r.lines) || r.pending().Total() == 0
}

// pending is what lines[next] owes already though it is not due: fees charged
// and what a restructuring brought over.
func (r *replay) pending() Amounts {
	if r.next == len(r.lines) {
		return Amounts{}
	}
	at := &r.lines[r.next]
	booked := Amounts{Interest: at.interest, Penalty: at.owed.Penalty, Fee: at.fee}
	booked = booked.Minus(at.paid).Minus(at.waived)
	booked.Principal = 0
	return booked
}

// open starts an entry.
func (r *replay) open() { r.opened = len(r.arena) }

// post adds to the open entry, one posting an account; nothing posts nothing.
func (r *replay) post(account ledger.Account, amount money.Amount) {
	if amount == 0 {
		return
	}
	for i := r.opened; i < len(r.arena); i++ {
		if r.arena[i].Account == account {
			r.arena[i].Amount += amount
			return
		}
	}
	r.arena = append(r.arena, ledger.Posting{Account: account, Amount: amount})
}

// name is what a key has after its colon: one of the three.
type name struct {
	id     string
	number int
	day    Date
}

// book ends the open entry; one without postings is none.
func (r *replay) book(kind string, of name, on Date) {
	postings := slices.DeleteFunc(r.arena[r.opened:], func(p ledger.Posting) bool { return p.Amount == 0 })
	r.arena = r.arena[:r.opened+len(postings)]
	if len(postings) == 0 {
		return
	}
	r.keys = append(r.keys, kind...)
	switch {
	case of.id != "":
		r.keys = append(append(r.keys, ':'), of.id...)
	case of.number != 0:
		r.keys = strconv.AppendInt(append(r.keys, ':'), int64(of.number), 10)
	case of.day != 0:
		r.keys = of.day.append(append(r.keys, ':'))
	}
	r.ends = append(r.ends, len(r.keys))
	r.entries = append(r.entries, Entry{On: on, Kind: kind, Postings: slices.Clip(postings)})
}

// keyed gives the entries, their keys cut from one string.
func (r *replay) keyed() []Entry {
	all := string(r.keys)
	start := 0
	for i, end := range r.ends {
		r.entries[i].Key = all[start:end]
		start = end
	}
	return r.entries
}
