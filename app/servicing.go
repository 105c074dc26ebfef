package main

import (
	"fmt"

	"loan310/app/stack"
)

type servicingCommands struct {
	EOD    eodCommand    `cmd:"" name:"eod" help:"Close the days that are over: demands, late interest, days past due and classes of every loan."`
	Debit  debitCommand  `cmd:"" help:"Collect what is due now from merchants' accounts, as the plans say; workers do so by themselves."`
	Remind remindCommand `cmd:"" help:"Send today's reminders, within the hours of contact; workers do so by themselves."`
}

type debitCommand struct {
	Connection connectionFlags `embed:""`
}

// Run opens debits and calls the rail once for each.
func (c *debitCommand) Run(e *env) (err error) {
	collector, end, err := c.Connection.collector(e)
	if err != nil {
		return err
	}
	defer func() {
		if closed := end(); err == nil {
			err = closed
		}
	}()
	round, err := collector.Debit(e.ctx, func(r stack.CollectionRound) {
		fmt.Fprintf(e.stderr, "%d loans looked at, %d debits made\n", r.Looked, r.Opened)
	})
	fmt.Fprintf(e.stdout, "loans=%d debits=%d collected=%d failed=%d open=%d\n", round.Looked, round.Opened, round.Collected, round.Failed, round.Open)
	return err
}

type remindCommand struct {
	Connection connectionFlags `embed:""`
}

// Run sends reminders.
func (c *remindCommand) Run(e *env) (err error) {
	collector, end, err := c.Connection.collector(e)
	if err != nil {
		return err
	}
	defer func() {
		if closed := end(); err == nil {
			err = closed
		}
	}()
	round, err := collector.Remind(e.ctx)
	fmt.Fprintf(e.stdout, "planned=%d sent=%d dropped=%d\n", round.Reminded.Planned, round.Reminded.Sent, round.Reminded.Dropped)
	return err
}

// collector opens what collects; the caller ends it.
func (c connectionFlags) collector(e *env) (*stack.Collector, func() error, error) {
	config, err := c.config(e)
	if err != nil {
		return nil, nil, err
	}
	return stack.OnDemand(e.ctx, config)
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
		fmt.Fprintf(e.stdout, "day=%s parts=%d/%d loans=%d journals=%d kept=%d failed=%d\n", d.Day, d.Done, d.Parts, d.Loans, d.Journals, d.Kept, d.Failed)
	}
	for _, p := range closed.Provisions {
		fmt.Fprintf(e.stdout, "month=%s provisions=%s booked=%s\n", p.Month, p.Required, p.Difference())
	}
	if closed.Through != "" {
		fmt.Fprintf(e.stdout, "through=%s loans_made=%d closed=%t\n", closed.Through, closed.Made, err == nil)
	}
	return err
}
