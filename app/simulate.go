package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"loan310/app/clock"
	"loan310/app/fault"
	"loan310/app/portfolio"
	"loan310/app/simulate"
)

type simulateCommand struct {
	Memory memoryFlags `embed:""`

	Loans   int    `help:"Draws asked for, spread evenly over the months." default:"2000"`
	Months  int    `help:"Months of virtual time." default:"12"`
	Seed    uint64 `help:"The same seed gives the same life." default:"310"`
	Bad     int    `help:"Borrowers in a thousand who stop paying before long." default:"40"`
	DSN     string `name:"dsn" help:"An empty PostgreSQL or SQLite database instead of a SQLite file that is thrown away." placeholder:"DSN"`
	Callers int    `help:"How many borrowers act at once; it never shows in what comes out." default:"16"`
	CSV     bool   `name:"csv" help:"Print the tables as CSV, amounts in fen and rates in basis points."`
}

// Run lives a portfolio's life, prints how it did and exits non-zero when an
// invariant broke.
func (c *simulateCommand) Run(e *env) error {
	c.Memory.apply()
	options := simulate.Options{Loans: c.Loans, Months: c.Months, Seed: c.Seed, Bad: c.Bad, DSN: c.DSN, Callers: c.Callers, Logger: e.logger}
	if err := options.Check(); err != nil {
		return err
	}
	if c.Callers < 1 || c.Callers > 256 {
		return fault.Field("callers", fault.CodeInvalid, "--callers %d: want 1 to 256", c.Callers)
	}
	if c.DSN == "" {
		folder, err := os.MkdirTemp("", "loan310-simulate-")
		if err != nil {
			return fmt.Errorf("make a folder for the database: %w", err)
		}
		defer func() { _ = os.RemoveAll(folder) }()
		options.DSN = "sqlite://" + filepath.Join(folder, "simulation.db") + "?synchronous=normal"
		fmt.Fprintf(e.stderr, "database in %s, thrown away at the end; synchronous=normal, so no commit waits for the disk\n", folder)
	}
	fmt.Fprintf(e.stderr, "making %d borrowers …\n", max(c.Loans/7, 1))
	progress := simulateProgress{out: e.stderr, started: clock.System()}
	options.Told = progress.show
	result, err := simulate.Run(e.ctx, options)
	progress.end()
	if err != nil && (e.ctx.Err() == nil || result.Took == 0) {
		return err
	}
	if printed := c.print(e, &result); printed != nil {
		return printed
	}
	if err != nil {
		fmt.Fprintf(e.stderr, "loan310: stopped after %d of %d months; what was lived is above\n", result.Months, c.Months)
		return errors.Join(errReported, err)
	}
	if !result.Sound() {
		return errReported
	}
	return nil
}

// print prints the tables, what broke, and the line it ends with.
func (c *simulateCommand) print(e *env, r *simulate.Result) error {
	happened := &grid{csv: c.CSV}
	happened.add("happened", "times")
	for _, count := range r.Counts {
		happened.add(count.What, strconv.Itoa(count.N))
	}
	vintages, rolls, quality, provisions, costs := &grid{csv: c.CSV}, &grid{csv: c.CSV}, &grid{csv: c.CSV}, &grid{csv: c.CSV}, &grid{csv: c.CSV}
	vintages.vintages(r.Vintages)
	rolls.rolls(r.Rolls)
	if len(r.Vintages) > 0 {
		quality.qualities(r.Quality)
		provisions.provisions(r.Provision)
		costs.costs(r.Cost)
	}
	for _, table := range []struct {
		name string
		rows *grid
	}{{"What happened", happened}, {"Vintages", vintages}, {"Roll rates", rolls}, {"The book", quality}, {"Provisions", provisions}, {"Cost", costs}} {
		if len(table.rows.rows) == 0 {
			continue
		}
		fmt.Fprintf(e.stdout, "# %s\n", table.name)
		if err := table.rows.print(e); err != nil {
			return err
		}
		fmt.Fprintln(e.stdout)
	}
	if len(r.Vintages) > 0 {
		fmt.Fprintf(e.stdout, "%s\nprices: %s, per loan %s of %s\n", portfolio.BadDebtDefinition, r.Cost.Prices, r.Cost.PerLoan, r.Cost.Target)
	}
	for _, b := range r.Breaches {
		fmt.Fprintf(e.stdout, "broken: %s\n", b)
	}
	minutes := max(r.Took.Minutes(), 1e-9)
	fmt.Fprintf(e.stderr, "%.0f loan-months in %.1f s: %.0f a minute; borrowers made in %.1f s; all books recomputed %d times\n",
		r.LoanMonths, r.Took.Seconds(), r.LoanMonths/minutes, r.Prepared.Seconds(), r.Verified)
	fmt.Fprintln(e.stdout, r)
	return nil
}

// simulateProgress shows how far the simulation is.
type simulateProgress struct {
	out     io.Writer
	started time.Time
	last    time.Time
	shown   bool
}

func (p *simulateProgress) show(at simulate.Progress) {
	now := clock.System()
	if at.Done == 1 {
		p.started = now // the borrowers are made
	}
	if now.Sub(p.last) < 200*time.Millisecond {
		return
	}
	p.last, p.shown = now, true
	rate := float64(at.Done) / max(now.Sub(p.started).Seconds(), 0.01)
	left := time.Duration(float64(at.Days-at.Done) / rate * float64(time.Second)).Round(time.Second)
	fmt.Fprintf(p.out, "\r%s  day %d of %d, %.1f days a second, about %s left; %d loans paid out, %d open   ", at.Day, at.Done, at.Days, rate, left, at.Loans, at.Open)
}

func (p *simulateProgress) end() {
	if p.shown {
		fmt.Fprint(p.out, "\r"+strings.Repeat(" ", 110)+"\r")
	}
}
