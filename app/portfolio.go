package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"loan310/app/audit"
	"loan310/app/clock"
	"loan310/app/fault"
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
	g.vintages(vintages)
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
	g.rolls(rolls)
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
	g.qualities(q)
	if err := g.print(e); err != nil || c.CSV {
		return err
	}
	fmt.Fprintf(e.stdout, "%s\nover30, over90: share of outstanding principal 30, 90 or more days past due; lost: charged off and not recovered, of all ever paid out\nmature: cohorts of %d months on book or more\n",
		portfolio.BadDebtDefinition, portfolio.MatureAfter)
	return nil
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
	rates, err := provisionRates(c.Connection.ProvisionRates)
	if err != nil {
		return err
	}
	q, err := portfolio.QualityOf(books.Snapshots(e.ctx, month), month)
	if err != nil {
		return err
	}
	allowances, err := books.Allowances(e.ctx)
	if err != nil {
		return err
	}
	p := portfolio.Provide(q, rates).On(allowances)
	if c.Book {
		p, err = portfolio.BookProvisions(e.ctx, books, month, rates, clock.System(), audit.System("portfolio"))
		if err != nil {
			return err
		}
	}
	g := &grid{csv: c.CSV}
	g.provisions(p)
	if err := g.print(e); err != nil {
		return err
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
	g.costs(cost)
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

// provisionRates reads the rates of a file, the built-in ones where none is
// named. Errors name the file.
func provisionRates(path string) (portfolio.ProvisionRates, error) {
	if path == "" {
		return portfolio.StandardProvisionRates()
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.Field("provision-rates", fault.CodeInvalid, "--provision-rates %s cannot be read: %v", path, err)
	}
	rates, err := portfolio.ParseProvisionRates(text)
	if known, ok := errors.AsType[*fault.Error](err); ok {
		return nil, fault.Field("provision-rates", fault.CodeInvalid, "--provision-rates %s: %s", path, known.Message)
	}
	return rates, err
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
