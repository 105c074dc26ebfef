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
	Memory memoryFlags `embed:""`

	Merchants int    `help:"Merchants of the population; established and seasonal ones that qualify are timed as loans, the others as decisions." default:"480"`
	BigOrders int    `help:"Orders of one big merchant, decided while the heap is watched; 0 = none." default:"100000"`
	Draws     int    `help:"Draws that are timed." default:"1200"`
	Workflows int    `help:"Empty workflows of the floor." default:"1600"`
	Rounds    int    `help:"Rounds of loans and draws, with part of the floor before each and after the last." default:"3"`
	Clients   int    `help:"Callers at once." default:"32"`
	Seed      uint64 `help:"Seed of the population." default:"310"`
	Postgres  string `help:"PostgreSQL DSN instead of SQLite."`
	Profile   string `help:"Write a CPU profile of this process while the first loans of the first round are made." placeholder:"FILE"`
}

// Run measures on free ports in a temporary folder and prints the figures.
func (c *benchCommand) Run(e *env) error {
	c.Memory.apply()
	dir, done, err := workFolder("")
	if err != nil {
		return err
	}
	defer done()
	book := dossier.NewHeld(dossier.Rebase(dossier.Generate(dossier.GenerateOptions{
		Merchants: c.Merchants, Seed: c.Seed, BigMerchantOrders: c.BigOrders,
	}), clock.System()))
	dev, err := startQuietly(e, dir, stack.DevOptions{Book: book, NoUI: true, Database: c.Postgres})
	if err != nil {
		return err
	}
	begin, finish, err := profile(c.Profile)
	if err != nil {
		return errors.Join(err, dev.Stop())
	}
	result, err := bench.Run(e.ctx, dev, bench.Options{
		Book: book, BigOrders: c.BigOrders, Workflows: c.Workflows, Draws: c.Draws, Clients: c.Clients,
		Rounds: max(c.Rounds, 1), Progress: e.stderr, Now: clock.System, Loans: begin,
	})
	err = errors.Join(err, finish())
	if stopped := dev.Stop(); err == nil {
		err = stopped
	}
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	result.Print(e.stdout)
	return nil
}

// profile gives what begins a CPU profile into a file, which in turn gives
// what ends it, and what closes the file; no path, no profile.
func profile(path string) (begin func() func(), finish func() error, err error) {
	if path == "" {
		return nil, func() error { return nil }, nil
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, nil, fmt.Errorf("create %s: %w", path, err)
	}
	var started error
	begin = func() func() {
		started = pprof.StartCPUProfile(file)
		return pprof.StopCPUProfile
	}
	return begin, func() error { return errors.Join(started, file.Close()) }, nil
}
