package main

import (
	"errors"
	"fmt"
	"os"
	"runtime/pprof"

	"loan310/adapters/dossier"
	"loan310/app/bench"
	"loan310/app/clock"
	"loan310/app/stack"
)

type benchCommand struct {
	Merchants int    `help:"Merchants of the population; those likely to be approved are timed as loans, the others as decisions." default:"160"`
	BigOrders int    `help:"Orders of one big merchant, decided while the heap is watched; 0 = none." default:"100000"`
	Draws     int    `help:"Draws that are timed." default:"800"`
	Workflows int    `help:"Empty workflows of the floor." default:"800"`
	Clients   int    `help:"Callers at once." default:"32"`
	Seed      uint64 `help:"Seed of the population." default:"310"`
	Postgres  string `help:"PostgreSQL DSN instead of SQLite."`
	Profile   string `help:"Write a CPU profile of this process." placeholder:"FILE"`
}

// Run measures on free ports in a temporary folder and prints the figures.
func (c *benchCommand) Run(e *env) error {
	dir, done, err := workFolder("")
	if err != nil {
		return err
	}
	defer done()
	book := dossier.Rebase(dossier.Generate(dossier.GenerateOptions{
		Merchants: c.Merchants, Seed: c.Seed, BigMerchantOrders: c.BigOrders,
	}), clock.System())
	dev, err := startQuietly(e, dir, stack.DevOptions{Book: book, NoUI: true, Database: c.Postgres})
	if err != nil {
		return err
	}
	profiled, err := profile(c.Profile)
	if err != nil {
		return errors.Join(err, dev.Stop())
	}
	result, err := bench.Run(e.ctx, dev, bench.Options{
		Book: book, BigOrders: c.BigOrders, Workflows: c.Workflows, Draws: c.Draws, Clients: c.Clients, Progress: e.stderr, Now: clock.System,
	})
	profiled()
	if stopped := dev.Stop(); err == nil {
		err = stopped
	}
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	result.Print(e.stdout)
	return nil
}

// profile starts a CPU profile and gives what ends it; no file, no profile.
func profile(path string) (func(), error) {
	if path == "" {
		return func() {}, nil
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, fmt.Errorf("start profile: %w", err)
	}
	return func() {
		pprof.StopCPUProfile()
		_ = file.Close()
	}, nil
}
