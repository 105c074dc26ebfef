package simulate

import (
	"context"
	"maps"
	"slices"

	"loan310/app/clock"
	"loan310/app/drawdown"
	"loan310/app/fault"
	"loan310/app/portfolio"
)

// report sums up what was lived, by the product's own reports.
func (w *world) report(ctx context.Context, days int) error {
	r := &w.result
	counts := map[string]int{}
	loanDays := 0
	for _, c := range w.circles {
		r.Loans += c.paidOut
		loanDays += c.loanDays
		for what, n := range c.counts {
			counts[what] += n
		}
	}
	for _, name := range []string{drawdown.RailWallet, drawdown.RailBank} {
		for what, n := range w.rails[name].counted {
			counts["rail "+name+": "+what] += n
		}
	}
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		r.Counts = append(r.Counts, Count{what, counts[what]})
	}
	r.LoanMonths = float64(loanDays) / 30
	for r.Months = 0; r.Months < w.o.Months && int(w.first.AddMonths(r.Months+1)-w.first) <= days; {
		r.Months++
	}
	month, err := w.books.LastMonth(ctx)
	if fault.KindOf(err) == fault.NotFound {
		return nil // not a month was lived
	}
	if err != nil {
		return err
	}
	if r.Vintages, err = portfolio.Vintages(w.books.Snapshots(ctx, month), month, true); err != nil {
		return err
	}
	if r.Rolls, err = portfolio.Rolls(w.books.Snapshots(ctx, month)); err != nil {
		return err
	}
	if r.Quality, err = portfolio.QualityOf(w.books.Snapshots(ctx, month), month); err != nil {
		return err
	}
	prices, err := portfolio.ExamplePrices()
	if err != nil {
		return err
	}
	usage, err := w.books.Usage(ctx, portfolio.MonthOf(w.first.Time()).Start(clock.Lender()), (month + 1).Start(clock.Lender()))
	if err != nil {
		return err
	}
	r.Cost = portfolio.CostOf(usage, prices)
	return nil
}
