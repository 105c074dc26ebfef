package loan_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"loan310/app/money"
	"loan310/app/servicing/loan"
)

// model is the plain way: a loan walked day by day, line by line, without
// early repayment.
type model struct {
	contract *loan.Contract
	lines    []modelLine
	credit   money.Amount
	dpd      int
}

type modelLine struct {
	due        loan.Date
	owed, paid loan.Amounts
	fenDays    int64
	late       int // days past due that count
}

func newModel(t require.TestingT, c *loan.Contract) *model {
	quote, err := c.Quote()
	require.NoError(t, err)
	m := &model{contract: c}
	for _, line := range quote.Lines {
		m.lines = append(m.lines, modelLine{due: line.DueOn, owed: line.Owed})
	}
	return m
}

// day ages the lines by one day, then takes the money of that day.
func (m *model) day(on loan.Date, paused bool, moneyIn []money.Amount) {
	penalty := m.contract.Product.Penalty
	for k := range m.lines {
		line := &m.lines[k]
		base := line.owed.Principal - line.paid.Principal
		if penalty.OnInterest {
			base += line.owed.Interest - line.paid.Interest
		}
		if line.due >= on || paused {
			continue
		}
		line.late++
		line.fenDays += int64(base)
		if base > 0 && line.late > penalty.GraceDays {
			raised := int64(m.contract.RateBps) * (10_000 + int64(penalty.MarkupBps))
			parts := 100_000_000 * int64(m.contract.Product.DayCountBase)
			if penalty.MarkupBps > 0 {
				line.owed.Penalty = money.MulDiv(money.Amount(line.fenDays), raised, parts)
			}
		}
	}
	m.pay(on)
	for _, amount := range moneyIn {
		m.credit += amount
		m.pay(on)
	}
	m.dpd = 0
	for _, line := range m.lines {
		if line.due <= on && line.owed != line.paid {
			m.dpd = max(m.dpd, line.late)
		}
	}
}

// pay spends the credit on what is due, oldest line first.
func (m *model) pay(on loan.Date) {
	for k := range m.lines {
		line := &m.lines[k]
		if line.due > on {
			return
		}
		for _, part := range []struct{ owed, paid *money.Amount }{
			{&line.owed.Penalty, &line.paid.Penalty},
			{&line.owed.Fee, &line.paid.Fee},
			{&line.owed.Interest, &line.paid.Interest},
			{&line.owed.Principal, &line.paid.Principal},
		} {
			amount := min(*part.owed-*part.paid, m.credit)
			*part.paid += amount
			m.credit -= amount
		}
	}
}

func TestReplayAgreesWithWalkingEveryDay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := anyContract(t)
		c.Product.Allocation = loan.Allocation{By: loan.ByInstalment, Order: []loan.Component{loan.Penalty, loan.Fee, loan.Interest, loan.Principal}}
		c.Product.NonPerforming, c.Product.Excess = nil, loan.Hold
		var events []loan.Event
		arrived := map[loan.Date][]money.Amount{}
		for i := range rapid.IntRange(0, 12).Draw(t, "repayments") {
			on := c.Due(rapid.IntRange(1, c.TenorMonths).Draw(t, "line")) + loan.Date(rapid.IntRange(-10, 45).Draw(t, "days late"))
			on = max(on, c.DisbursedOn)
			amount := c.Principal/money.Amount(c.TenorMonths) + money.Amount(rapid.Int64Range(1, 50_000).Draw(t, "more"))
			events = append(events, loan.Event{ID: fmt.Sprintf("e%02d", i), Kind: loan.Repayment, On: on, Amount: amount})
			arrived[on] = append(arrived[on], amount)
		}
		pause := loan.Event{ID: "p", Kind: loan.Paused, On: c.Due(1) + loan.Date(rapid.IntRange(-20, 60).Draw(t, "pause"))}
		pause.On = max(pause.On, c.DisbursedOn)
		pause.Until = pause.On + loan.Date(rapid.IntRange(1, 60).Draw(t, "pause days"))
		events = append(events, pause)
		through := c.DisbursedOn + loan.Date(rapid.IntRange(0, 600).Draw(t, "through"))
		m := newModel(t, &c)
		for on := c.DisbursedOn; on <= through; on++ {
			m.day(on, pause.On <= on && on < pause.Until, arrived[on])
		}
		p, _ := replayed(t, c, events, through)
		require.Equal(t, m.credit, p.Credit)
		require.Equal(t, m.dpd, p.DPD)
		for k, line := range m.lines {
			require.Equal(t, line.owed, p.Instalments[k].Owed, "line %d", k+1)
			require.Equal(t, line.paid, p.Instalments[k].Paid, "line %d", k+1)
		}
	})
}
