package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"loan310/app/audit"
	"loan310/app/stack"
)

type payoutsCommands struct {
	List   payoutsListCommand   `cmd:"" help:"List the rails, the payouts a person must look at, and payouts."`
	Show   payoutsShowCommand   `cmd:"" help:"Show a payout by its key."`
	Settle payoutsSettleCommand `cmd:"" help:"Say what became of a payout that stayed unknown, or approve what a colleague said."`
	Stop   payoutsStopCommand   `cmd:"" help:"Keep a rail, or all, from sending; draws wait."`
	Resume payoutsResumeCommand `cmd:"" help:"Let a rail, or all, send again."`
}

// person is who acts: their staff login and password.
type person struct {
	As       string `help:"Your staff login." required:"" placeholder:"LOGIN"`
	Password string `help:"Your password." required:"" env:"LOAN310_STAFF_PASSWORD"`
}

// payouts runs fn on the payouts of a database.
func payouts(e *env, connection connectionFlags, fn func(desk stack.Payouts) error) error {
	db, err := connection.open(e)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	return fn(stack.Payouts{Service: stack.PayoutsOf(db, e.logger), Staff: stack.SecurityOf(db)})
}

func (p person) actor(ctx context.Context, desk stack.Payouts) (audit.Actor, error) {
	return desk.Operator(ctx, p.As, p.Password)
}

type payoutsListCommand struct {
	Connection connectionFlags `embed:""`
	State      string          `help:"Only payouts in this state." enum:",requested,sent,unknown,paid,failed,reversed" default:""`
	Limit      int             `help:"How many payouts at most." default:"20"`
}

// Run prints three tables.
func (c *payoutsListCommand) Run(e *env) error {
	return payouts(e, c.Connection, func(desk stack.Payouts) error {
		stops, err := desk.Stops(e.ctx)
		if err != nil {
			return err
		}
		for _, stop := range stops {
			fmt.Fprintf(e.stdout, "STOPPED %s since %s by %s: %s\n", stop.Rail, stop.At.Format(time.RFC3339), stop.By, stop.Reason)
		}
		cases, err := desk.Cases(e.ctx, 200)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "CASE\tPAYOUT\tREASON\tSTATE\tSINCE\tOWNER\tPROPOSED")
		for _, k := range cases {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.PayoutKey, k.Reason, k.State, k.OpenedAt.Format(time.RFC3339), k.Owner, k.Outcome)
		}
		list, err := desk.List(e.ctx, c.State, c.Limit)
		if err != nil {
			return err
		}
		fmt.Fprintln(table, "\nPAYOUT\tRAIL\tSTATE\tYUAN\tCALLS\tWAITS FOR\tCREATED")
		for _, p := range list {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", p.Key, p.Rail, p.State, p.Amount, p.Calls, p.WaitsFor, p.CreatedAt.Format(time.RFC3339))
		}
		if err := table.Flush(); err != nil {
			return err
		}
		fmt.Fprintf(e.stdout, "cases=%d stopped=%d\n", len(cases), len(stops))
		return nil
	})
}

type payoutsShowCommand struct {
	Connection connectionFlags `embed:""`
	Key        string          `arg:"" help:"Key of the payout."`
}

// Run prints one payout.
func (c *payoutsShowCommand) Run(e *env) error {
	return payouts(e, c.Connection, func(desk stack.Payouts) error {
		p, err := desk.PayoutByKey(e.ctx, c.Key)
		if err != nil {
			return err
		}
		fmt.Fprintf(e.stdout, "payout      %s\ndrawdown    %s, attempt %d\nrail        %s %s\nstate       %s %s\nyuan        %s\ncalls       %d, %d of them never left, %d asks\n",
			p.Key, p.DrawdownID, p.Attempt, p.Rail, p.RailRef, p.State, p.FailureCode, p.Amount, p.Calls, p.Unsent, p.Asks)
		for _, at := range []struct {
			what string
			at   time.Time
		}{{"created", p.CreatedAt}, {"first call", p.FirstCallAt}, {"last call", p.LastCallAt}, {"settled", p.SettledAt}, {"reversed", p.ReversedAt}} {
			if !at.at.IsZero() {
				fmt.Fprintf(e.stdout, "%-11s %s\n", at.what, at.at.Format(time.RFC3339))
			}
		}
		return nil
	})
}

type payoutsSettleCommand struct {
	Connection connectionFlags `embed:""`
	Person     person          `embed:""`
	Case       string          `arg:"" help:"Id of the case, see 'payouts list'."`
	Outcome    string          `help:"What the rail's statement shows: paid or failed; noted where nothing is left to settle." enum:",paid,failed,noted" default:""`
	Reference  string          `help:"The entry of the rail's statement: the evidence."`
	Note       string          `help:"Anything else."`
	Approve    bool            `help:"Approve what another person proposed."`
}

// Run proposes or approves.
func (c *payoutsSettleCommand) Run(e *env) error {
	return payouts(e, c.Connection, func(desk stack.Payouts) error {
		by, err := c.Person.actor(e.ctx, desk)
		if err != nil {
			return err
		}
		done, err := desk.Settle(e.ctx, stack.Settlement{Case: c.Case, Outcome: c.Outcome, Reference: c.Reference, Note: c.Note, Approve: c.Approve}, by)
		if err != nil {
			return err
		}
		fmt.Fprintf(e.stdout, "case %s is %s: %s, %s\n", done.ID, done.State, done.Outcome, done.Reference)
		return nil
	})
}

type payoutsStopCommand struct {
	Connection connectionFlags `embed:""`
	Person     person          `embed:""`
	Rail       string          `arg:"" help:"wallet, bank or all." enum:"wallet,bank,all"`
	Reason     string          `help:"Why." required:""`
}

// Run stops a rail.
func (c *payoutsStopCommand) Run(e *env) error {
	return payouts(e, c.Connection, func(desk stack.Payouts) error {
		by, err := c.Person.actor(e.ctx, desk)
		if err != nil {
			return err
		}
		return desk.StopRail(e.ctx, railOf(c.Rail), c.Reason, by)
	})
}

type payoutsResumeCommand struct {
	Connection connectionFlags `embed:""`
	Person     person          `embed:""`
	Rail       string          `arg:"" help:"wallet, bank or all." enum:"wallet,bank,all"`
}

// Run lets a rail send again.
func (c *payoutsResumeCommand) Run(e *env) error {
	return payouts(e, c.Connection, func(desk stack.Payouts) error {
		by, err := c.Person.actor(e.ctx, desk)
		if err != nil {
			return err
		}
		return desk.ResumeRail(e.ctx, railOf(c.Rail), by)
	})
}

func railOf(word string) string {
	if word == "all" {
		return "*"
	}
	return word
}

type reconcileCommand struct {
	Connection connectionFlags `embed:""`
	Date       string          `help:"Civil day in China, such as 2026-11-11; default yesterday." placeholder:"DAY"`
	Rail       string          `help:"Only this rail." enum:",wallet,bank" default:""`
}

// Run reconciles each rail's day, prints its breaks and one line that sums
// up, and exits non-zero when money is lost or paid twice.
func (c *reconcileCommand) Run(e *env) error {
	config, err := c.Connection.config(e)
	if err != nil {
		return err
	}
	service, stop, err := stack.Reconciling(e.ctx, config)
	if err != nil {
		return err
	}
	defer func() { _ = stop() }()
	day := c.Date
	if day == "" {
		day = stack.Yesterday()
	}
	lost, double := 0, 0
	for _, rail := range service.Rails() {
		if c.Rail != "" && c.Rail != rail {
			continue
		}
		fmt.Fprintf(e.stderr, "loan310: reading the statement of rail %s of %s …\n", rail, day)
		run, err := service.Run(e.ctx, rail, day)
		if err != nil {
			return err
		}
		fmt.Fprintf(e.stdout, "%s %s statement=%d/%s ours=%d/%s ledger=%s matched=%d breaks=%d\n", rail, day,
			run.Statement.Count, run.Statement.Out, run.Ours.Count, run.Ours.Out, run.Ledger, run.Matched, run.Breaks)
		lost, double = lost+run.Lost, double+run.DoublePaid
	}
	breaks, err := service.Breaks(e.ctx, false, 100)
	if err != nil {
		return err
	}
	for _, b := range breaks {
		fmt.Fprintf(e.stdout, "break %s %s %s %s rail=%s ours=%s since=%s owner=%s\n", b.ID, b.Rail, b.Reason, b.Key, b.Rails, b.Ours, b.OpenedAt.Format(time.RFC3339), b.Owner)
	}
	fmt.Fprintf(e.stdout, "lost=%d double_paid=%d\n", lost, double)
	if lost > 0 || double > 0 {
		return errReported
	}
	return nil
}
