package main

import (
	"fmt"

	"loan310/app/fault"
	"loan310/app/servicing"
	"loan310/app/servicing/loan"
	"loan310/app/stack"
)

type servicingCommands struct {
	EOD eodCommand `cmd:"" name:"eod" help:"Close the days that are over: demands, late interest, days past due and classes of every loan."`
}

type eodCommand struct {
	Connection connectionFlags `embed:""`
	Date       string          `help:"The last day to close, such as 2026-11-21; the day before today when absent. Missed days are closed first." placeholder:"DAY"`
}

// Run closes days, tells how far it is, and ends with one line per day.
func (c *eodCommand) Run(e *env) error {
	config, err := c.Connection.config(e)
	if err != nil {
		return err
	}
	db, err := stack.OpenDatabase(e.ctx, config)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	closing := stack.EndOfDayOf(db, e.logger)
	through := closing.Service.Today() - 1
	if c.Date != "" {
		if through, err = loan.ParseDate(c.Date); err != nil {
			return err
		}
	}
	made, err := closing.Service.CatchUp(e.ctx)
	if err != nil {
		return err
	}
	closing.Told = func(day loan.Date, done int) {
		fmt.Fprintf(e.stderr, "%s: %d of %d parts\n", day, done, servicing.Parts)
	}
	before, err := db.Days().LastDay(e.ctx)
	if err != nil {
		return err
	}
	closed, err := closing.Run(e.ctx, through)
	if err != nil {
		return err
	}
	found, err := db.Days().Days(e.ctx, 400)
	if err != nil {
		return err
	}
	for i := len(found) - 1; i >= 0; i-- {
		if d := found[i]; d.Day > before && d.Day <= through {
			fmt.Fprintf(e.stdout, "day=%s parts=%d/%d loans=%d journals=%d failed=%d\n", d.Day, d.Done, d.Parts, d.Loans, d.Journals, d.Failed)
		}
	}
	fmt.Fprintf(e.stdout, "through=%s loans_made=%d closed=%t\n", through, made, closed)
	if !closed {
		return fault.New(fault.Conflict, servicing.CodeLeaseLost, "another process holds parts of the day; run it again in two minutes")
	}
	return nil
}
