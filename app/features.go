package main

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"loan310/app/backtest"
	"loan310/app/clock"
	"loan310/app/stack"
	"loan310/scoring/features"
)

type dossierFeaturesCommand struct {
	Dir      string `arg:"" help:"Folder of the dossier." type:"existingdir"`
	Out      string `help:"CSV file to write: one row an application, every feature, and the outcome where it is known." required:"" placeholder:"FILE"`
	Strategy string `help:"Strategy file whose cross-check, relations and freshness are used, and by which earlier applications were answered; default: the one built in." type:"existingfile" placeholder:"FILE"`
	Lane     string `help:"Only applications judged in this lane: standard or thin_file." enum:",standard,thin_file" default:""`
	Passed   bool   `help:"Only applications that no rule declines whatever the score: those a card decides about."`
	Workers  int    `help:"Merchants computed at once; 0 = one a processor." default:"0"`
	Whole    bool   `help:"Load the dossier whole, whatever the order of its rows."`
}

// Run computes the features as of each application and writes them.
func (c *dossierFeaturesCommand) Run(e *env) error {
	engine, err := engineOf(c.Strategy)
	if err != nil {
		return err
	}
	// Nothing is priced here; the economics must merely be possible.
	options := backtest.Options{Champion: engine, Workers: c.Workers, Economics: backtest.Economics{Utilisation: 10_000}}
	if options.Workers <= 0 {
		options.Workers = runtime.GOMAXPROCS(0)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // as backtest does
	started := clock.System()
	rows, err := c.write(e, options, c.Whole)
	if errors.Is(err, stack.ErrScattered) {
		fmt.Fprintf(e.stderr, "\n%v; loading it whole, which takes memory for all its rows\n", err)
		rows, err = c.write(e, options, true)
	}
	if err != nil {
		return placed(err)
	}
	took := clock.System().Sub(started)
	fmt.Fprintf(e.stdout, "%d applications with %d features each written to %s\n", rows, int(features.Count), c.Out)
	fmt.Fprintf(e.stderr, "%.1f s: %.0f applications per second with %d workers\n", took.Seconds(), float64(rows)/max(took.Seconds(), 1e-9), options.Workers)
	return nil
}

// write makes the whole file, or none.
func (c *dossierFeaturesCommand) write(e *env, options backtest.Options, whole bool) (rows int, err error) {
	open := stack.BacktestBook
	if whole {
		open = stack.WholeBook
	}
	book, err := open(e.ctx, c.Dir)
	if err != nil {
		return 0, err
	}
	progress := newCounter(e.stderr, "computed")
	defer progress.end()
	options.Progress = progress.show
	err = writeWhole(c.Out, func(out io.Writer) error {
		table := backtest.NewFeatureTable(out, book.About().Outcomes > 0, backtest.Wanted{Lane: c.Lane, Passed: c.Passed}, options.Champion.Strategy().Rules)
		options.Judged = table.Take
		if _, err := backtest.Decide(e.ctx, book, options); err != nil {
			return err
		}
		rows, err = table.Close()
		return err
	})
	return rows, err
}
