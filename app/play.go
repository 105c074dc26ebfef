package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"loan310/app/clock"
	"loan310/app/demo"
	"loan310/app/fault"
	"loan310/app/stack"
)

type demoCommand struct {
	Memory      memoryFlags     `embed:""`
	Population  populationFlags `embed:""`
	Faults      string          `help:"Faults of the simulated providers while it plays." enum:"none,hostile" default:"none"`
	Concurrency int             `help:"Merchants under way at once." default:"8"`
	Patience    time.Duration   `help:"How long deferrals and payouts may take to end once the faults are off." default:"3m"`
	Keep        string          `help:"Keep databases and logs in this folder instead of a temporary one." placeholder:"DIR"`
	Quiet       bool            `help:"Print the closing line only."`
}

// Run plays the population and exits non-zero when an invariant breaks.
func (c *demoCommand) Run(e *env) error {
	c.Memory.apply()
	book, err := c.Population.book()
	if err != nil {
		return err
	}
	dir, done, err := workFolder(c.Keep)
	if err != nil {
		return err
	}
	defer done()
	fmt.Fprintln(e.stderr, "loan310 demo: starting Temporal, sandbox providers, web and worker on free ports …")
	dev, err := startQuietly(e, dir, stack.DevOptions{Book: book, NoUI: true})
	if err != nil {
		return err
	}
	result, err := demo.Run(e.ctx, dev, demo.Options{
		Book: book, Concurrency: c.Concurrency, Hostile: c.Faults == "hostile", Patience: c.Patience, Progress: e.stderr, Now: clock.System,
	})
	if stopped := dev.Stop(); err == nil {
		err = stopped
	}
	if err != nil {
		return err
	}
	return c.print(e, &result)
}

func (c *demoCommand) print(e *env, result *demo.Result) error {
	if !c.Quiet {
		if err := result.Table(e.stdout); err != nil {
			return fmt.Errorf("print table: %w", err)
		}
		fmt.Fprintf(e.stdout, "\n%d decisions replayed bit for bit; slowest answer %d ms; still waiting %d; refused by the rail %d; %.1f s in all\n",
			result.Replayed, result.Slowest.Milliseconds(), result.Waiting, result.Failed, result.Took.Seconds())
		fmt.Fprintln(e.stdout, "breakers when the last draw was asked for:")
		for _, status := range result.Breakers {
			fmt.Fprintf(e.stdout, "  %-12s %-9s requests=%d failures=%d rejected=%d\n", status.Name, status.State, status.Requests, status.Failures, status.Rejected)
		}
	}
	for _, broken := range result.Broken {
		fmt.Fprintln(e.stdout, "BROKEN:", broken)
	}
	fmt.Fprintln(e.stdout, result.Line())
	if len(result.Broken) > 0 {
		return errReported
	}
	return nil
}

// workFolder gives a folder for one run and a function that cleans up.
func workFolder(keep string) (string, func(), error) {
	if keep != "" {
		if err := os.MkdirAll(keep, 0o700); err != nil {
			return "", nil, fmt.Errorf("make %s: %w", keep, err)
		}
		if entries, err := os.ReadDir(keep); err != nil || len(entries) > 0 {
			return "", nil, fault.New(fault.Invalid, fault.CodeInvalid, "%s is not empty; give a new folder", keep)
		}
		return keep, func() {}, nil
	}
	dir, err := os.MkdirTemp("", "loan310-")
	if err != nil {
		return "", nil, fmt.Errorf("make a temporary folder: %w", err)
	}
	return dir, func() { _ = os.RemoveAll(dir) }, nil
}

// startQuietly starts everything on free ports with the Temporal server's log
// in the folder.
func startQuietly(e *env, dir string, options stack.DevOptions) (*stack.Dev, error) {
	log, err := os.OpenFile(filepath.Join(dir, "temporal.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the Temporal server's log: %w", err)
	}
	options.Dir, options.TemporalLog, options.Version = dir, log, e.version
	if options.Logger == nil {
		options.Logger = e.logger
	}
	return stack.StartDev(e.ctx, options)
}
