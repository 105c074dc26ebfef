package backtest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"loan310/app/money"
	"loan310/scoring"
	"loan310/scoring/pricing"
)

// Economics are assumptions about what a loan earns and costs; the set of
// applications does not say them. docs/risk-analyst.md states the formula.
type Economics struct {
	LossGivenDefault money.BasisPoints `json:"loss_given_default_bps"` // of the principal owed at default
	CostOfFunds      money.BasisPoints `json:"cost_of_funds_bps"`      // annual, of the principal outstanding
	Utilisation      money.BasisPoints `json:"utilisation_bps"`        // of the limit that is drawn, once, at once
	CostPerLoan      money.Amount      `json:"cost_per_loan_fen"`      // of deciding, paying and servicing
}

// DefaultEconomics are the assumptions taken where none are given: figures of
// judgement for unsecured micro-loans, to be replaced by one's own.
func DefaultEconomics() Economics {
	return Economics{LossGivenDefault: 7_500, CostOfFunds: 350, Utilisation: 10_000, CostPerLoan: 100}
}

// Validate refuses impossible assumptions, naming the field.
func (e Economics) Validate() error {
	switch {
	case e.LossGivenDefault < 0 || e.LossGivenDefault > 10_000:
		return errors.New("loss given default: want 0 to 10000 bps")
	case e.CostOfFunds < 0 || e.CostOfFunds > 10_000:
		return errors.New("cost of funds: want 0 to 10000 bps a year")
	case e.Utilisation <= 0 || e.Utilisation > 10_000:
		return errors.New("utilisation: want 1 to 10000 bps of the limit")
	case e.CostPerLoan < 0:
		return errors.New("cost per loan: want 0 fen or more")
	}
	return nil
}

// Money is what one or many loans come to, fen.
type Money struct {
	Lent     money.Amount `json:"lent_fen"`
	Interest money.Amount `json:"interest_fen"` // of the instalments that were paid
	Fees     money.Amount `json:"fees_fen"`
	Funds    money.Amount `json:"funds_fen"` // cost of funds on what was outstanding
	Loss     money.Amount `json:"loss_fen"`
	Cost     money.Amount `json:"cost_fen"`
	LentBad  money.Amount `json:"lent_bad_fen"` // part of Lent that turned bad
}

// Profit is what is earned less what is lost and paid.
func (m Money) Profit() money.Amount { return m.Interest + m.Fees - m.Funds - m.Loss - m.Cost }

// Add sums.
func (m Money) Add(o Money) Money {
	return Money{
		Lent: m.Lent + o.Lent, Interest: m.Interest + o.Interest, Fees: m.Fees + o.Fees,
		Funds: m.Funds + o.Funds, Loss: m.Loss + o.Loss, Cost: m.Cost + o.Cost, LentBad: m.LentBad + o.LentBad,
	}
}

// days90 is how long a borrower is in arrears before the loan counts as bad:
// the last instalment paid lies this long before the outcome was observed.
const days90 = 90 * 24 * time.Hour

// arrearsMonths is how many instalments are missed until then.
const arrearsMonths = 3

// price follows one loan to its end. It is drawn at once, up to the
// utilisation, for the offered tenor nearest to the one asked for, repaid the
// first way on offer. A good loan pays every line. A bad one pays the lines due
// up to 90 days before its default was observed; the loss given default is
// taken of what is owed then, and funds cost until the default.
func (e Economics) price(product *pricing.Product, application Application, answer *Answer, outcome Outcome) (Money, error) {
	borrowed := answer.Limit.Share(e.Utilisation)
	kind, tenor := product.Repayment[0], tenorOf(product.TenorMonths, application.TenorMonths)
	lines, err := pricing.ScheduleDayCount(kind, borrowed, answer.RateBps, tenor, application.AppliedAt.AddDate(0, 1, 0), product.DayCountBase)
	if err != nil {
		return Money{}, fmt.Errorf("price application %s: %w", application.ID, err)
	}
	paid, funded := len(lines), len(lines)
	result := Money{Lent: borrowed, Fees: borrowed.Share(product.Fee), Cost: e.CostPerLoan}
	if outcome.Bad {
		stopped := outcome.ObservedAt.Add(-days90)
		// The last line is never paid by a loan that turned bad.
		for paid = 0; paid < len(lines)-1 && !lines[paid].Due.After(stopped); {
			paid++
		}
		funded = min(paid+arrearsMonths, len(lines))
		result.Loss = owedAfter(lines, paid, borrowed).Share(e.LossGivenDefault)
		result.LentBad = borrowed
	}
	for i := range lines[:paid] {
		result.Interest += lines[i].Interest
	}
	for month := range funded {
		owed := owedAfter(lines, min(month, paid), borrowed)
		result.Funds += money.MulDiv(owed, int64(e.CostOfFunds), 120_000)
	}
	return result, nil
}

// owedAfter is the principal outstanding after so many lines were paid.
func owedAfter(lines []pricing.Line, paid int, borrowed money.Amount) money.Amount {
	if paid == 0 {
		return borrowed
	}
	return lines[paid-1].Remaining
}

// tenorOf is the longest tenor on offer that is not longer than the one asked
// for, else the shortest.
func tenorOf(offered []int, wanted int) int {
	best := slices.Min(offered)
	for _, tenor := range offered {
		if tenor <= wanted {
			best = max(best, tenor)
		}
	}
	return best
}

// priced fills in what an approved, mature application comes to.
func (e Economics) priced(strategy *scoring.Strategy, c *Case, answer *Answer) error {
	if !c.Mature || !answer.Approved() {
		return nil
	}
	var err error
	answer.Money, err = e.price(&strategy.Product, c.Application, answer, c.Outcome)
	return err
}
