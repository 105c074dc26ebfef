package features

import "loan310/scoring/evidence"

type flow struct{ in, out int64 }

// bankSums gathers booked rows of all accounts.
type bankSums struct {
	rows, oldest     int64
	inflow, outflow  int64 // of 180 days
	sales, sales90   int64
	debtService      int64
	months           [6]int64
	between          map[string]flow // by named counterparty, of 180 days
	monthsBetween    map[string][6]int64
	accounts         map[string]bool
	balances, rowsIn int64 // sum and number of balances said
	lowest           int64
	negative         [balanceDays]bool
	penalties        int64
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
	}
	if at >= balanceDays {
		return
	}
	sums.addBalance(row, at)
	if sums.accounts == nil {
		sums.accounts, sums.between, sums.monthsBetween = map[string]bool{}, map[string]flow{}, map[string][6]int64{}
	}
	sums.accounts[row.AccountID] = true
	amount := int64(row.Amount)
	if amount < 0 {
		sums.outflow -= amount
		if row.Kind == evidence.TxLoanOut {
			sums.debtService -= amount
		}
		if row.CounterpartyID != "" {
			with := sums.between[row.CounterpartyID]
			with.out -= amount
			sums.between[row.CounterpartyID] = with
		}
		return
	}
	if row.Kind == evidence.TxLoanIn || row.Kind == evidence.TxRefund {
		return
	}
	sums.inflow += amount
	sums.months[at/30] += amount
	if row.Kind == evidence.TxSales {
		sums.sales += amount
		if at < 90 {
			sums.sales90 += amount
		}
	}
	if row.CounterpartyID != "" {
		with := sums.between[row.CounterpartyID]
		with.in += amount
		sums.between[row.CounterpartyID] = with
		months := sums.monthsBetween[row.CounterpartyID]
		months[at/30] += amount
		sums.monthsBetween[row.CounterpartyID] = months
	}
}

func (s *bankSums) addBalance(row *evidence.Transaction, at int64) {
	if row.Balance == nil {
		return
	}
	balance := int64(*row.Balance)
	if s.rowsIn == 0 || balance < s.lowest {
		s.lowest = balance
	}
	s.balances += balance
	s.rowsIn++
	if balance < 0 {
		s.negative[at] = true
	}
}

func (s *bankSums) write(out writer) {
	out.setIf(s.rows > 0, BankHistory, s.oldest)
	// Money moved between the merchant's own accounts is neither in nor out.
	inflow, outflow, months := s.inflow, s.outflow, s.months
	var top, named int64
	for id, with := range s.between {
		if s.accounts[id] {
			inflow -= with.in
			outflow -= with.out
			for k, amount := range s.monthsBetween[id] {
				months[k] -= amount
			}
			continue
		}
		top, named = max(top, with.in), named+with.in
	}
	days := min(max(s.oldest, 30), balanceDays)
	out.set(Inflow, monthly(inflow, days))
	out.set(Outflow, monthly(outflow, days))
	out.set(NetFlow, monthly(inflow-outflow, days))
	out.set(SalesInflow, monthly(s.sales, days))
	out.setIf(s.oldest >= balanceDays && inflow > 0, InflowVolatility, volatility(months[:]))
	out.setIf(s.rowsIn > 0, BalanceAvg, s.balances/max(s.rowsIn, 1))
	out.setIf(s.rowsIn > 0, BalanceMin, s.lowest)
	var negative int64
	for _, below := range s.negative {
		if below {
			negative++
		}
	}
	out.setIf(s.rowsIn > 0, NegativeDays, negative)
	out.set(PenaltyCount, s.penalties)
	out.set(DebtService, monthly(s.debtService, days))
	out.setIf(inflow > 0, DebtServiceShare, ratio(s.debtService, max(inflow, 1)))
	out.setIf(named > 0, TopPayer, ratio(top, max(named, 1)))
}
