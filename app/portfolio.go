package main

import (
	"encoding/csv"
	"fmt"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"

	"loan310/app/audit"
	"loan310/app/clock"
	"loan310/app/fault"
	"loan310/app/money"
	"loan310/app/portfolio"
)

type portfolioCommands struct {
	Vintages   portfolioVintagesCommand   `cmd:"" help:"Print how each month's loans do by months on book."`
	Rolls      portfolioRollsCommand      `cmd:"" help:"Print where balances roll from month to month."`
	Quality    portfolioQualityCommand    `cmd:"" help:"Print 30+, 90+, NPL and the bad-debt rate, with its definition."`
	Provisions portfolioProvisionsCommand `cmd:"" help:"Print what must be provided, and book the difference."`
	Cost       portfolioCostCommand       `cmd:"" help:"Print what a loan costs, against the target."`
}

// portfolioFlags are what the reports share.
type portfolioFlags struct {
	Connection connectionFlags `embed:""`
	Month      string          `help:"Month, such as 2026-11; absent: the newest with snapshots, for cost the running one." placeholder:"MONTH"`
	CSV        bool            `name:"csv" help:"Print CSV, amounts in fen and rates in basis points, instead of a table."`
}

// open opens the database and reads the month, the newest with snapshots when
// none is asked for. The month is over when it is not the running one.
func (f portfolioFlags) open(e *env) (books portfolio.Store, month portfolio.Month, over bool, done func(), err error) {
	done = func() {}
	db, err := f.Connection.open(e)
	if err != nil {
		return nil, 0, false, done, err
	}
	done = func() { _ = db.Close() }
	books = db.Portfolio(clock.Lender())
	if f.Month != "" {
		month, err = portfolio.ParseMonth(f.Month)
	} else {
		month, err = books.LastMonth(e.ctx)
	}
	return books, month, month < portfolio.MonthOf(clock.System().In(clock.Lender())), done, err
}

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

type portfolioVintagesCommand struct {
	portfolioFlags `embed:""`
}

// Run prints a row per cohort and month on book.
func (c *portfolioVintagesCommand) Run(e *env) error {
	books, month, over, done, err := c.open(e)
	defer done()
	if err != nil {
		return err
	}
	vintages, err := portfolio.Vintages(books.Snapshots(e.ctx, month), month, over)
	if err != nil {
		return err
	}
	g := &grid{csv: c.CSV}
	g.add("cohort", "loans", "disbursed", "on_book", "balance", "over30", "over90", "lost", "bad_debt", "mature")
	for _, v := range vintages {
		for at, cell := range v.Cells {
			g.add(v.Cohort.String(), strconv.Itoa(v.Loans), g.amount(v.Disbursed), strconv.Itoa(at), g.amount(cell.Balance), g.rate(v.Over30Rate(at)),
				g.rate(v.Over90Rate(at)), g.rate(v.LostRate(at)), g.rate(v.BadDebtRate(at)), strconv.FormatBool(cell.Mature))
		}
	}
	return g.print(e)
}

type portfolioRollsCommand struct {
	portfolioFlags `embed:""`
}

// Run prints a row per month and bucket.
func (c *portfolioRollsCommand) Run(e *env) error {
	books, month, _, done, err := c.open(e)
	defer done()
	if err != nil {
		return err
	}
	rolls, err := portfolio.Rolls(books.Snapshots(e.ctx, month))
	if err != nil {
		return err
	}
	g := &grid{csv: c.CSV}
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
	return g.print(e)
}

type portfolioQualityCommand struct {
	portfolioFlags `embed:""`
}

// Run prints the whole book beside its mature cohorts.
func (c *portfolioQualityCommand) Run(e *env) error {
	books, month, _, done, err := c.open(e)
	defer done()
	if err != nil {
		return err
	}
	q, err := portfolio.QualityOf(books.Snapshots(e.ctx, month), month)
	if err != nil {
		return err
	}
	g := &grid{csv: c.CSV}
	g.add("month", "cohorts", "loans", "outstanding", "over30", "over90", "npl", "bad_debt", "lost")
	g.quality(q.Month, "all", q.All)
	g.quality(q.Month, "mature", q.Mature)
	if err := g.print(e); err != nil || c.CSV {
		return err
	}
	fmt.Fprintf(e.stdout, "%s\nover30, over90: share of outstanding principal 30, 90 or more days past due; lost: charged off and not recovered, of all ever paid out\nmature: cohorts of %d months on book or more\n",
		portfolio.BadDebtDefinition, portfolio.MatureAfter)
	return nil
}

func (g *grid) quality(month portfolio.Month, name string, b portfolio.Book) {
	g.add(month.String(), name, strconv.Itoa(b.Loans), g.amount(b.Outstanding), g.rate(b.Over(portfolio.Days30)), g.rate(b.Over(portfolio.Days90)),
		g.amount(b.NPL()), g.rate(b.BadDebtRate()), g.rate(b.LostRate()))
}

type portfolioProvisionsCommand struct {
	portfolioFlags `embed:""`
	Book           bool `help:"Book the difference between what is required and the allowance on the books."`
}

// Run prints a row per class and, when asked, books.
func (c *portfolioProvisionsCommand) Run(e *env) error {
	books, month, _, done, err := c.open(e)
	defer done()
	if err != nil {
		return err
	}
	rates := portfolio.DefaultProvisionRates()
	q, err := portfolio.QualityOf(books.Snapshots(e.ctx, month), month)
	if err != nil {
		return err
	}
	p := portfolio.Provide(q, rates)
	if p.Booked, err = books.Allowance(e.ctx); err != nil {
		return err
	}
	g := &grid{csv: c.CSV}
	g.add("month", "class", "outstanding", "rate", "required")
	for _, line := range p.Lines {
		g.add(month.String(), string(line.Class), g.amount(line.Outstanding), g.rate(portfolio.Rate{Bps: line.Rate, Known: true}), g.amount(line.Required))
	}
	if err := g.print(e); err != nil {
		return err
	}
	if c.Book {
		now := clock.System()
		p.Booked, err = books.Provide(e.ctx, month, p.Required, now, audit.Entry{
			At: now, Actor: audit.System("portfolio"), Action: "provision.booked", Subject: "provision/" + month.String(), Detail: p.Required.String(),
		})
		if err != nil {
			return err
		}
	}
	if !c.CSV {
		fmt.Fprintf(e.stdout, "required %s, on the books before %s, difference %s, booked now: %t\n", p.Required, p.Booked, p.Difference(), c.Book)
	}
	return nil
}

type portfolioCostCommand struct {
	portfolioFlags `embed:""`
	Loan           string `help:"What this loan (draw) cost, instead of a month." placeholder:"ID"`
	Prices         string `help:"Price list as JSON instead of the built-in example." placeholder:"FILE"`
}

// Run prints the cost of a month's loans, or of one, and exits non-zero when
// it is above the target.
func (c *portfolioCostCommand) Run(e *env) error {
	if c.Month == "" {
		c.Month = portfolio.MonthOf(clock.System().In(clock.Lender())).String()
	}
	books, month, _, done, err := c.open(e)
	defer done()
	if err != nil {
		return err
	}
	prices, err := c.prices()
	if err != nil {
		return err
	}
	if c.Loan != "" {
		return c.one(e, books, prices)
	}
	usage, err := books.Usage(e.ctx, month.Start(clock.Lender()), (month + 1).Start(clock.Lender()))
	if err != nil {
		return err
	}
	cost := portfolio.CostOf(usage, prices)
	g := &grid{csv: c.CSV}
	g.add("item", "quantity", "yuan")
	for _, item := range cost.Items {
		g.add(item.Item, strconv.FormatInt(item.Quantity, 10), item.Amount.String())
	}
	for _, purpose := range portfolio.Purposes {
		g.add("for "+string(purpose), "", cost.Purposes[purpose].String())
	}
	g.add("total", strconv.FormatInt(cost.Loans, 10)+" loans", cost.Total.String())
	if err := g.print(e); err != nil {
		return err
	}
	if len(cost.Unpriced) > 0 {
		fmt.Fprintf(e.stderr, "loan310: no price for %s\n", strings.Join(cost.Unpriced, ", "))
	}
	if !c.CSV {
		fmt.Fprintf(e.stdout, "%s\nprices: %s\n", portfolio.SharingRule, cost.Prices)
	}
	fmt.Fprintf(e.stderr, "month=%s loans=%d approved=%d declined=%d per_loan=%s target=%s within=%t\n",
		month, cost.Loans, cost.Approved, cost.Declined, cost.PerLoan, cost.Target, cost.Within())
	if !cost.Within() {
		return errReported
	}
	return nil
}

// one prints a single loan's cost.
func (c *portfolioCostCommand) one(e *env, books portfolio.Store, prices portfolio.Prices) error {
	own, err := books.UsageOf(e.ctx, c.Loan)
	if err != nil {
		return err
	}
	usage, err := books.Usage(e.ctx, own.Month.Start(clock.Lender()), (own.Month + 1).Start(clock.Lender()))
	if err != nil {
		return err
	}
	cost := portfolio.CostOfLoan(own, usage, prices)
	g := &grid{csv: c.CSV}
	g.add("part", "yuan")
	g.add("payout", cost.Payout.String())
	g.add("application", cost.Application.String())
	g.add("registration", cost.Registration.String())
	g.add("shared", cost.Shared.String())
	g.add("total", cost.Total.String())
	if err := g.print(e); err != nil || c.CSV {
		return err
	}
	fmt.Fprintf(e.stdout, "%s\nloan=%s application=%s draws=%d target=%s\n", portfolio.LoanSharingRule, own.LoanID, own.ApplicationID, own.Draws, cost.Target)
	return nil
}

func (c *portfolioCostCommand) prices() (portfolio.Prices, error) {
	if c.Prices == "" {
		return portfolio.ExamplePrices()
	}
	text, err := os.ReadFile(c.Prices)
	if err != nil {
		return portfolio.Prices{}, fault.Field("prices", fault.CodeInvalid, "%s cannot be read: %v", c.Prices, err)
	}
	return portfolio.ParsePrices(text)
}
