package main

import (
	"fmt"

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
	closed, err := stack.CloseDays(e.ctx, config, e.logger, c.Date, func(day string, done, parts int) {
		fmt.Fprintf(e.stderr, "%s: %d of %d parts\n", day, done, parts)
	})
	for _, d := range closed.Days {
		fmt.Fprintf(e.stdout, "day=%s parts=%d/%d loans=%d journals=%d failed=%d\n", d.Day, d.Done, d.Parts, d.Loans, d.Journals, d.Failed)
	}
	if closed.Through != "" {
		fmt.Fprintf(e.stdout, "through=%s loans_made=%d closed=%t\n", closed.Through, closed.Made, err == nil)
	}
	return err
}
