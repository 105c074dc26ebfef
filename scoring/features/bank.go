package features

import (
	"time"

	"loan310/scoring/evidence"
)

// counterparty is what flowed between the merchant and one named other.
type counterparty struct {
	in, out   int64
	transfers int64 // of out
	months    [6]int64
	newest    time.Time // of what came in
}

// bankSums gathers booked rows of all accounts: fixed arrays, and one entry a
// named counterparty.
type bankSums struct {
	rows, oldest    int64
	inflow, outflow int64 // of 180 days
	sales, sales90  int64
	debtService     int64
	months          [6]int64
	between         map[string]*counterparty // of 180 days
	newest          time.Time                // of what came in unnamed
	accounts        map[string]bool
	balances        balances
	costs           costs
	penalties       int64
	penalties90     int64
	loans, cash     int64
	transfers       int64
	salesByWeek     [shippingDays / 7]int64
	inflowOn        [90]bool
}

// AddTransaction takes one booked row.
func (c *Collector) AddTransaction(row *evidence.Transaction) {
	at, known := c.days(row.BookedAt)
	if !known {
		return
	}
	sums := &c.bank
	sums.rows++
	sums.oldest = max(sums.oldest, at)
	if row.Kind == evidence.TxPenalty && at < yearDays {
		sums.penalties++
		if at < 90 {
			sums.penalties90++
		}
	}
	if at >= balanceDays {
		return
	}
	if sums.accounts == nil {
		sums.accounts, sums.between = map[string]bool{}, map[string]*counterparty{}
	}
	if !sums.accounts[row.AccountID] {
		sums.accounts[row.AccountID] = true
	}
	if row.Balance != nil {
		sums.balances.add(int64(*row.Balance), at, row.BookedAt, c.asOf)
	}
	if row.Amount < 0 {
		sums.debit(row, at)
		return
	}
	sums.credit(row, at)
}

// with gives the entry of a row's counterparty, nil when it names none.
func (s *bankSums) with(row *evidence.Transaction) *counterparty {
	if row.CounterpartyID == "" {
		return nil
	}
	entry, known := s.between[row.CounterpartyID]
	if !known {
		entry = &counterparty{}
		s.between[row.CounterpartyID] = entry
	}
	return entry
}

func (s *bankSums) debit(row *evidence.Transaction, at int64) {
	amount := -int64(row.Amount)
	s.outflow += amount
	s.costs.add(row.Kind, amount, at)
	if row.Kind == evidence.TxLoanOut {
		s.debtService += amount
	}
	transfer := row.Kind == evidence.TxTransfer
	if transfer {
		s.transfers += amount
	}
	if entry := s.with(row); entry != nil {
		entry.out += amount
		if transfer {
			entry.transfers += amount
		}
	}
}

func (s *bankSums) credit(row *evidence.Transaction, at int64) {
	amount := int64(row.Amount)
	switch row.Kind {
	case evidence.TxLoanIn:
		s.loans += amount
		return
	case evidence.TxRefund:
		return
	case evidence.TxCash:
		s.cash += amount
	case evidence.TxSales:
		s.sales += amount
		if at < 90 {
			s.sales90 += amount
		}
		if at < shippingDays {
			s.salesByWeek[at/7] += amount
		}
	}
	s.inflow += amount
	s.months[at/30] += amount
	if at < int64(len(s.inflowOn)) {
		s.inflowOn[at] = true
	}
	entry := s.with(row)
	if entry == nil {
		s.newest = later(s.newest, row.BookedAt)
		return
	}
	entry.in += amount
	entry.months[at/30] += amount
	entry.newest = later(entry.newest, row.BookedAt)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// foreign is what is left of the sums without the merchant's own accounts:
// money moved between them is neither in nor out.
type foreign struct {
	inflow, outflow, transfers int64
	months                     [6]int64
	newest                     time.Time
	payers, named, top, round  int64
	index                      concentration
}

func (s *bankSums) foreign() foreign {
	out := foreign{inflow: s.inflow, outflow: s.outflow, transfers: s.transfers, months: s.months, newest: s.newest}
	for id, with := range s.between {
		if s.accounts[id] {
			out.inflow -= with.in
			out.outflow -= with.out
			out.transfers -= with.transfers
			for k, amount := range with.months {
				out.months[k] -= amount
			}
			continue
		}
		out.newest = later(out.newest, with.newest)
		out.round += min(with.in, with.out)
		out.top, out.named = max(out.top, with.in), out.named+with.in
		if with.in > 0 {
			out.payers++
		}
	}
	out.index.total = out.named
	for id, with := range s.between {
		if !s.accounts[id] {
			out.index.add(with.in)
		}
	}
	return out
}

func (s *bankSums) write(out writer, vouched time.Time) {
	out.setIf(s.rows > 0, BankHistory, s.oldest)
	flow := s.foreign()
	days := min(max(s.oldest, 30), balanceDays)
	out.set(Inflow, monthly(flow.inflow, days))
	out.set(Outflow, monthly(flow.outflow, days))
	out.set(NetFlow, monthly(flow.inflow-flow.outflow, days))
	out.set(SalesInflow, monthly(s.sales, days))
	out.set(PenaltyCount, s.penalties)
	out.set(Penalty90, s.penalties90)
	out.set(DebtService, monthly(s.debtService, days))
	out.set(LoanInflow, s.loans)
	out.setIf(!flow.newest.IsZero(), SinceInflow, max(0, int64(vouched.Sub(flow.newest)/(24*time.Hour))))
	var active int64
	for _, on := range s.inflowOn {
		if on {
			active++
		}
	}
	out.set(InflowDays, active)
	if whole := flow.inflow; whole > 0 {
		out.setIf(s.oldest >= balanceDays, InflowVolatility, volatility(flow.months[:]))
		out.set(DebtServiceShare, ratio(s.debtService, whole))
		out.set(OutflowShare, ratio(flow.outflow, whole))
		out.set(CashShare, ratio(s.cash, whole))
		out.set(RoundTrip, ratio(flow.round, whole))
	}
	out.setIf(flow.outflow > 0, TransferShare, ratio(flow.transfers, max(flow.outflow, 1)))
	last, before := flow.months[0]+flow.months[1]+flow.months[2], flow.months[3]+flow.months[4]+flow.months[5]
	out.setIf(s.oldest >= balanceDays && before > 0, InflowTrend, ratio(last, max(before, 1)))
	var sold int64
	for _, week := range s.salesByWeek {
		sold += week
	}
	out.setIf(s.oldest >= shippingDays && sold > 0, SalesVolatility, volatility(s.salesByWeek[:]))
	if flow.named > 0 {
		out.set(TopPayer, ratio(flow.top, flow.named))
		out.set(Payers, flow.payers)
		out.set(PayerHHI, flow.index.bps())
	}
	s.balances.write(out, scaled(flow.outflow, 7, days))
	s.costs.write(out, days)
}
