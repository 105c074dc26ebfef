package main

import (
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"

	"loan310/app/money"
	"loan310/app/portfolio"
)

// grid is a report as rows: printed for people or as CSV.
type grid struct {
	csv  bool
	rows [][]string
}

func (g *grid) add(cells ...string) { g.rows = append(g.rows, cells) }

// print prints the rows, the first being the header.
func (g *grid) print(e *env) error {
	if g.csv {
		if err := csv.NewWriter(e.stdout).WriteAll(g.rows); err != nil {
			return fmt.Errorf("print the report: %w", err)
		}
		return nil
	}
	table := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, row := range g.rows {
		fmt.Fprintln(table, strings.Join(row, "\t")+"\t")
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	return nil
}

// rate gives a rate for the reader: a percentage, or basis points.
func (g *grid) rate(r portfolio.Rate) string {
	switch {
	case !g.csv:
		return r.String()
	case !r.Known:
		return ""
	}
	return strconv.FormatInt(int64(r.Bps), 10)
}

// amount gives money: in yuan, or in fen.
func (g *grid) amount(a money.Amount) string {
	if g.csv {
		return strconv.FormatInt(int64(a), 10)
	}
	return a.String()
}

// vintages adds a row per cohort and month on book.
func (g *grid) vintages(vintages []portfolio.Vintage) {
	g.add("cohort", "loans", "disbursed", "on_book", "balance", "over30", "over90", "lost", "bad_debt", "mature")
	for _, v := range vintages {
		for at, cell := range v.Cells {
			g.add(v.Cohort.String(), strconv.Itoa(v.Loans), g.amount(v.Disbursed), strconv.Itoa(at), g.amount(cell.Balance), g.rate(v.Over30Rate(at)),
				g.rate(v.Over90Rate(at)), g.rate(v.LostRate(at)), g.rate(v.BadDebtRate(at)), strconv.FormatBool(cell.Mature))
		}
	}
}

// rolls adds a row per month and bucket.
func (g *grid) rolls(rolls []portfolio.Roll) {
	g.add("month", "from", "balance", "rolled", "cured", "to_current", "to_1_29", "to_30_59", "to_60_89", "to_90", "charged_off", "settled")
	for _, r := range rolls {
		for from := portfolio.Current; from <= portfolio.Days90; from++ {
			cells := []string{r.Month.String(), from.String(), g.amount(r.From(from)), g.rate(r.Rate(from)), g.rate(r.Cured(from))}
			for to := portfolio.Current; to <= portfolio.Repaid; to++ {
				cells = append(cells, g.amount(r.Moved[from][to]))
			}
			g.add(cells...)
		}
	}
}

// qualities adds the whole book and its mature cohorts.
func (g *grid) qualities(q portfolio.Quality) {
	g.add("month", "cohorts", "loans", "outstanding", "over30", "over90", "npl", "bad_debt", "lost")
	g.quality(q.Month, "all", q.All)
	g.quality(q.Month, "mature", q.Mature)
}

func (g *grid) quality(month portfolio.Month, name string, b portfolio.Book) {
	g.add(month.String(), name, strconv.Itoa(b.Loans), g.amount(b.Outstanding), g.rate(b.Over(portfolio.Days30)), g.rate(b.Over(portfolio.Days90)),
		g.amount(b.NPL()), g.rate(b.BadDebtRate()), g.rate(b.LostRate()))
}

// provisions adds a row per class.
func (g *grid) provisions(p portfolio.Provision) {
	g.add("month", "class", "outstanding", "rate", "required", "on_books_before")
	for _, line := range p.Lines {
		g.add(p.Month.String(), string(line.Class), g.amount(line.Outstanding), g.rate(portfolio.Rate{Bps: line.Rate, Known: true}),
			g.amount(line.Required), g.amount(line.Booked))
	}
}

// costs adds a row per item and purpose, and the sum.
func (g *grid) costs(cost portfolio.Cost) {
	g.add("item", "quantity", "yuan")
	for _, item := range cost.Items {
		g.add(item.Item, strconv.FormatInt(item.Quantity, 10), item.Amount.String())
	}
	for _, purpose := range portfolio.Purposes {
		g.add("for "+string(purpose), "", cost.Purposes[purpose].String())
	}
	g.add("total", strconv.FormatInt(cost.Loans, 10)+" loans", cost.Total.String())
}
