package portfolio_test

import (
	"errors"
	"iter"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"loan310/app/fault"
	"loan310/app/money"
	"loan310/app/portfolio"
)

const jan = portfolio.Month(56 * 12) // 2026-01

func rows(all ...portfolio.Snapshot) iter.Seq2[portfolio.Snapshot, error] {
	return func(yield func(portfolio.Snapshot, error) bool) {
		for _, r := range all {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// life gives a loan's rows from its cohort on: pairs of outstanding and days.
func life(id string, cohort portfolio.Month, disbursed money.Amount, months ...portfolio.Snapshot) []portfolio.Snapshot {
	for i := range months {
		m := &months[i]
		m.LoanID, m.Cohort, m.Month, m.Disbursed = id, cohort, cohort+portfolio.Month(i), disbursed
		if m.State == "" {
			m.State = portfolio.Active
		}
		if m.Class == "" {
			m.Class = portfolio.Normal
		}
	}
	return months
}

// book is four loans, in yuan x 100:
//
//	a Jan 1000: 1000, 800, 600 on time
//	b Jan 1000: 1000, 1000 at 31 days, 1000 at 61
//	c Jan  500: 500, 500 at 91 days (substandard), charged off with 100 recovered later unseen
//	d Feb 2000: 2000, settled
func book() iter.Seq2[portfolio.Snapshot, error] {
	var all []portfolio.Snapshot
	all = append(all, life("a", jan, 1000_00, portfolio.Snapshot{Outstanding: 1000_00}, portfolio.Snapshot{Outstanding: 800_00}, portfolio.Snapshot{Outstanding: 600_00})...)
	all = append(all, life("b", jan, 1000_00, portfolio.Snapshot{Outstanding: 1000_00},
		portfolio.Snapshot{Outstanding: 1000_00, DPD: 31, Class: portfolio.SpecialMention}, portfolio.Snapshot{Outstanding: 1000_00, DPD: 61, Class: portfolio.SpecialMention})...)
	all = append(all, life("c", jan, 500_00, portfolio.Snapshot{Outstanding: 500_00, DPD: 91, Class: portfolio.Substandard},
		portfolio.Snapshot{State: portfolio.ChargedOff, ChargedOff: 500_00, Recovered: 100_00})...)
	all = append(all, life("d", jan+1, 2000_00, portfolio.Snapshot{Outstanding: 2000_00}, portfolio.Snapshot{State: portfolio.Settled})...)
	return rows(all...)
}

func TestVintagesByHand(t *testing.T) {
	t.Parallel()
	vintages, err := portfolio.Vintages(book(), jan+2, false)
	require.NoError(t, err)
	require.Len(t, vintages, 2)
	v := vintages[0]
	require.Equal(t, "2026-01", v.Cohort.String())
	require.Equal(t, 3, v.Loans)
	require.Equal(t, money.Amount(2500_00), v.Disbursed, "1,000 + 1,000 + 500")
	require.Equal(t, portfolio.Cell{Balance: 2500_00, Over30: 500_00, Over90: 500_00, NPL: 500_00, Mature: true}, v.Cells[0])
	require.Equal(t, portfolio.Cell{Balance: 1800_00, Over30: 1000_00, ChargedOff: 500_00, Recovered: 100_00, Mature: true}, v.Cells[1])
	require.Equal(t, portfolio.Cell{Balance: 1600_00, Over30: 1000_00, ChargedOff: 500_00, Recovered: 100_00}, v.Cells[2], "c has no row any more, its loss stays; March is running")
	require.Equal(t, "20.00%", v.Over30Rate(0).String(), "500 / 2,500")
	require.Equal(t, "40.00%", v.Over30Rate(1).String(), "1,000 / 2,500")
	require.Equal(t, "16.00%", v.LostRate(2).String(), "(500 - 100) / 2,500")
	require.Equal(t, "20.00%", v.BadDebtRate(0).String(), "500 / 2,500")
	require.Equal(t, "-", vintages[1].BadDebtRate(1).String(), "settled: nothing outstanding")
	over, err := portfolio.Vintages(book(), jan+2, true)
	require.NoError(t, err)
	require.True(t, over[0].Cells[2].Mature)
}

func TestRollsByHand(t *testing.T) {
	t.Parallel()
	rolls, err := portfolio.Rolls(book())
	require.NoError(t, err)
	require.Len(t, rolls, 2)
	feb, mar := rolls[0], rolls[1]
	require.Equal(t, money.Amount(2000_00), feb.From(portfolio.Current), "a and b")
	require.Equal(t, "50.00%", feb.Rate(portfolio.Current).String(), "b of a and b rolls to 30-59")
	require.Equal(t, money.Amount(1000_00), feb.Moved[portfolio.Current][portfolio.Days30])
	require.Equal(t, "100.00%", feb.Rate(portfolio.Days90).String(), "c is charged off")
	require.Equal(t, "100.00%", mar.Rate(portfolio.Days30).String(), "b rolls to 60-89")
	require.Equal(t, "0.00%", mar.Rate(portfolio.Current).String(), "a stays, d is repaid")
	require.Equal(t, money.Amount(2000_00), mar.Moved[portfolio.Current][portfolio.Repaid])
	require.Equal(t, "-", mar.Rate(portfolio.Days60).String())
}

func TestQualityAndProvisionsByHand(t *testing.T) {
	t.Parallel()
	q, err := portfolio.QualityOf(book(), jan)
	require.NoError(t, err)
	require.Equal(t, 3, q.All.Loans)
	require.Equal(t, "20.00%", q.All.BadDebtRate().String(), "500 of 2,500 are substandard")
	require.Equal(t, "20.00%", q.All.Over(portfolio.Days30).String())
	require.Zero(t, q.Mature.Loans, "nothing is six months old")
	p := portfolio.Provide(q, standardRates(t))
	require.Equal(t, money.Amount(170_00), p.Required, "1% of 2,000 + 30% of 500 = 20 + 150")
	p = p.On(map[portfolio.Class]money.Amount{portfolio.Normal: 50_00, portfolio.Substandard: 150_00})
	require.Equal(t, money.Amount(50_00), p.Lines[0].Booked)
	require.Equal(t, money.Amount(-30_00), p.Difference(), "30 are set free")

	q, err = portfolio.QualityOf(book(), jan+2)
	require.NoError(t, err)
	require.Equal(t, 2, q.All.Loans, "a and b")
	require.Equal(t, "0.00%", q.All.BadDebtRate().String())
	require.Equal(t, "62.50%", q.All.Over(portfolio.Days30).String(), "1,000 / 1,600")
	require.Equal(t, "8.89%", q.All.LostRate().String(), "(500 - 100) / 4,500 = 8.888...")
	q, err = portfolio.QualityOf(book(), jan+1)
	require.NoError(t, err)
	require.Equal(t, money.Amount(3800_00), q.All.Outstanding, "800 + 1,000 + 2,000")
}

func TestProvisionRatesAreChecked(t *testing.T) {
	t.Parallel()
	require.NoError(t, standardRates(t).Check())
	for name, c := range map[string]struct {
		spoil func(portfolio.ProvisionRates)
		field string
	}{
		"a class is missing": {func(r portfolio.ProvisionRates) { delete(r, portfolio.Loss) }, "rates_bps.loss"},
		"a worse class less": {func(r portfolio.ProvisionRates) { r[portfolio.Doubtful] = 1 }, "rates_bps.doubtful"},
		"over 100 %":         {func(r portfolio.ProvisionRates) { r[portfolio.Loss] = 10_001 }, "rates_bps.loss"},
		"another class":      {func(r portfolio.ProvisionRates) { r["lost"] = 10_000 }, "rates_bps.lost"},
	} {
		rates := standardRates(t)
		c.spoil(rates)
		err := rates.Check()
		require.Equal(t, fault.Invalid, fault.KindOf(err), name)
		require.ErrorContains(t, err, c.field, name)
	}
}

// A file of rates is refused with the place of what is wrong.
func TestProvisionRatesAreRead(t *testing.T) {
	t.Parallel()
	const good = `{"name": "ours", "rates_bps": {"normal": 0, "special_mention": 200, "substandard": 2500, "doubtful": 5000, "loss": 10000}}`
	rates, err := portfolio.ParseProvisionRates([]byte(good))
	require.NoError(t, err)
	require.Equal(t, money.BasisPoints(2500), rates[portfolio.Substandard])
	for name, c := range map[string]struct{ text, says string }{
		"no JSON":         {"{\n  nothing}", "line 2, column 4"},
		"a word":          {"{\"name\": \"x\",\n \"rates_bps\": {\"normal\": \"one\"}}", "line 2, column 31"},
		"another field":   {`{"name": "x", "rates": {}}`, "unknown field"},
		"more after it":   {good + "{}", "more after the table"},
		"no name":         {strings.Replace(good, "ours", "", 1), "give the table one"},
		"a null":          {strings.Replace(good, "2500", "null", 1), "rates_bps.substandard is null"},
		"nothing":         {"", "line 1, column 1"},
		"a missing class": {strings.Replace(good, `"doubtful": 5000,`, "", 1), "rates_bps.doubtful is missing"},
	} {
		_, err := portfolio.ParseProvisionRates([]byte(c.text))
		require.Equal(t, fault.Invalid, fault.KindOf(err), name)
		require.ErrorContains(t, err, c.says, name)
	}
}

func FuzzProvisionRates(f *testing.F) {
	f.Add(`{"name": "ours", "rates_bps": {"normal": 0, "special_mention": 200, "substandard": 2500, "doubtful": 5000, "loss": 10000}}`)
	f.Fuzz(func(t *testing.T, text string) {
		if rates, err := portfolio.ParseProvisionRates([]byte(text)); err == nil {
			require.NoError(t, rates.Check())
		}
	})
}

func standardRates(tb testing.TB) portfolio.ProvisionRates {
	tb.Helper()
	rates, err := portfolio.StandardProvisionRates()
	require.NoError(tb, err)
	return rates
}

func TestBrokenWalksAreErrors(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	failing := func(yield func(portfolio.Snapshot, error) bool) { yield(portfolio.Snapshot{}, broken) }
	_, err := portfolio.Vintages(failing, jan, true)
	require.ErrorIs(t, err, broken)
	_, err = portfolio.Rolls(failing)
	require.ErrorIs(t, err, broken)
	_, err = portfolio.QualityOf(failing, jan)
	require.ErrorIs(t, err, broken)
}

// The three reports agree on any book: the vintages' last cells sum to the
// book, and what rolls from a month is what was outstanding and went on.
func TestReportsAgree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		var all []portfolio.Snapshot
		const last = 4
		for i := range rapid.IntRange(1, 20).Draw(r, "loans") {
			cohort := rapid.IntRange(0, last).Draw(r, "cohort")
			months := make([]portfolio.Snapshot, last-cohort+1)
			for m := range months {
				months[m] = portfolio.Snapshot{
					Outstanding: money.Amount(rapid.Int64Range(0, 100_000).Draw(r, "outstanding")), DPD: rapid.IntRange(0, 120).Draw(r, "days"),
					Class: rapid.SampledFrom(portfolio.Classes[:]).Draw(r, "class"),
				}
			}
			all = append(all, life(string(rune('a'+i)), jan+portfolio.Month(cohort), 100_000, months...)...)
		}
		vintages, err := portfolio.Vintages(rows(all...), jan+last, true)
		require.NoError(r, err)
		q, err := portfolio.QualityOf(rows(all...), jan+last)
		require.NoError(r, err)
		rolls, err := portfolio.Rolls(rows(all...))
		require.NoError(r, err)
		var balance, npl, disbursed money.Amount
		for _, v := range vintages {
			balance += v.Cells[len(v.Cells)-1].Balance
			npl += v.Cells[len(v.Cells)-1].NPL
			disbursed += v.Disbursed
		}
		require.Equal(r, q.All.Outstanding, balance)
		require.Equal(r, q.All.NPL(), npl)
		require.Equal(r, q.All.Disbursed, disbursed)
		for _, roll := range rolls {
			var from, want money.Amount
			for b := portfolio.Current; b <= portfolio.Days90; b++ {
				from += roll.From(b)
			}
			for _, row := range all {
				if row.Month == roll.Month-1 {
					want += row.Outstanding
				}
			}
			require.Equal(r, want, from)
		}
	})
}

func prices(t *testing.T) portfolio.Prices {
	t.Helper()
	list, err := portfolio.ParsePrices([]byte(`{"name": "test", "target_micro_yuan": 1000000, "prices": [
		{"item": "bureau", "from": "1970-01-01", "micro_yuan": 100000}, {"item": "bureau.report", "from": "1970-01-11", "micro_yuan": 200000},
		{"item": "notify", "from": "1970-01-01", "micro_yuan": 40000}, {"item": "payout.paid", "from": "1970-01-01", "micro_yuan": 100000}]}`))
	require.NoError(t, err)
	return list
}

func TestCostsByHand(t *testing.T) {
	t.Parallel()
	month := portfolio.Usage{Loans: 4, Approved: 2, Declined: 1, Lines: []portfolio.UsageLine{
		{Item: "bureau.report", Purpose: portfolio.ForApproved, Day: 9, Quantity: 1},  // 0.10: the provider's price
		{Item: "bureau.report", Purpose: portfolio.ForApproved, Day: 10, Quantity: 1}, // 0.20: its own from day 10
		{Item: "bureau.report", Purpose: portfolio.ForDeclined, Day: 20, Quantity: 1}, // 0.20
		{Item: "notify.send", Purpose: portfolio.ForNobody, Day: 20, Quantity: 5},     // 0.20
		{Item: "payout.paid", Purpose: portfolio.ForPayout, Day: 20, Quantity: 4},     // 0.40
	}}
	c := portfolio.CostOf(month, prices(t))
	require.Equal(t, portfolio.Micro(1_100_000), c.Total, "0.10 + 0.20 + 0.20 + 0.20 + 0.40")
	require.Equal(t, "0.2750", c.PerLoan.String(), "1.10 / 4")
	require.True(t, c.Within())
	require.Equal(t, []portfolio.ItemCost{{"bureau.report", 3, 500_000}, {"payout.paid", 4, 400_000}, {"notify.send", 5, 200_000}}, c.Items)
	month.Lines = append(month.Lines, portfolio.UsageLine{Item: "new.call", Purpose: portfolio.ForNobody, Quantity: 1})
	c = portfolio.CostOf(month, prices(t))
	require.Equal(t, []string{"new.call"}, c.Unpriced)
	require.False(t, c.Within(), "what has no price is never within the target")

	own := portfolio.LoanUsage{Draws: 2, MerchantDraws: 4, Lines: []portfolio.UsageLine{
		{Item: "bureau.report", Purpose: portfolio.ForApproved, Day: 10, Quantity: 1},
		{Item: "payout.paid", Purpose: portfolio.ForPayout, Day: 20, Quantity: 1},
		{Item: "notify.send", Purpose: portfolio.ForRegistration, Day: 20, Quantity: 1},
	}}
	one := portfolio.CostOfLoan(own, month, prices(t))
	require.Equal(t, portfolio.Micro(100_000), one.Payout)
	require.Equal(t, portfolio.Micro(100_000), one.Application, "0.20 over two draws")
	require.Equal(t, portfolio.Micro(10_000), one.Registration, "0.04 over four draws")
	require.Equal(t, portfolio.Micro(100_000), one.Shared, "(0.20 + 0.20) over two approved, two draws")
	require.Equal(t, portfolio.Micro(310_000), one.Total)
	require.False(t, portfolio.CostOf(portfolio.Usage{Lines: month.Lines}, prices(t)).Within(), "costs without loans")
}

func TestPriceListsAreChecked(t *testing.T) {
	t.Parallel()
	_, err := portfolio.ExamplePrices()
	require.NoError(t, err)
	for text, field := range map[string]string{
		`[]`: "", `{"name": "x", "target_micro_yuan": 0}`: "", `{"name": "x", "target_micro_yuan": 1, "price": []}`: "",
		`{"name": "x", "target_micro_yuan": 1, "prices": [{"item": "", "from": "2026-01-01", "micro_yuan": 1}]}`:                                                        "prices[0].item",
		`{"name": "x", "target_micro_yuan": 1, "prices": [{"item": "a", "from": "1.1.2026", "micro_yuan": 1}]}`:                                                         "prices[0].from",
		`{"name": "x", "target_micro_yuan": 1, "prices": [{"item": "a", "from": "2026-01-01"}]}`:                                                                        "prices[0].micro_yuan",
		`{"name": "x", "target_micro_yuan": 1, "prices": [{"item": "a", "from": "2026-01-01", "micro_yuan": 1}, {"item": "a", "from": "2026-01-01", "micro_yuan": 2}]}`: "prices[1].from",
	} {
		_, err := portfolio.ParsePrices([]byte(text))
		refused, ok := errors.AsType[*fault.Error](err)
		require.True(t, ok, text)
		require.Equal(t, field, refused.Field, text)
	}
	month, err := portfolio.ParseMonth("2026-01")
	require.NoError(t, err)
	require.Equal(t, jan, month)
	_, err = portfolio.ParseMonth("January")
	require.Error(t, err)
}
