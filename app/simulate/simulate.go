// Package simulate lives a portfolio's life at virtual time, through the real
// use cases on the real store: draws over rails that fail, lose answers and
// return money, repayments of every kind, arrears, restructurings,
// charge-offs, ends of days and reconciliation. The rule: what the simulation
// knows of money it learns from its rails and from what its borrowers did,
// never from our books, and after every day it holds our books against that.
//
// The same seed gives the same life on any number of cores.
package simulate

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"loan310/adapters/store"
	"loan310/app/fault"
	"loan310/app/money"
	"loan310/app/portfolio"
)

// Options say what is simulated.
type Options struct {
	Loans  int    // draws asked for, spread evenly over the months
	Months int    // of virtual time
	Seed   uint64 // the same seed gives the same life
	Bad    int    // borrowers in a thousand who stop paying before long
	// DSN is an empty database: sqlite://… or postgres://….
	DSN string
	// Callers is how many borrowers act at once; it never shows in what comes
	// out. 0 = 16.
	Callers int
	// Told hears after each day; nil = nobody does.
	Told func(Progress)
	// AfterDay is called before a day is checked, to break the books in tests;
	// nil = nothing is.
	AfterDay func(day string)
	Logger   *slog.Logger
}

// Progress is how far the simulation is.
type Progress struct {
	Day        string // such as 2025-03-31
	Done, Days int
	Loans      int // paid out so far
	Open       int // of them, something is owed
}

// Bounds of Options.
const (
	MaxLoans  = 1_000_000
	MaxMonths = 120
)

// Check refuses what cannot be simulated, naming the flag.
func (o Options) Check() error {
	switch {
	case o.Loans < 1 || o.Loans > MaxLoans:
		return fault.Field("loans", fault.CodeInvalid, "--loans %d: want 1 to %d", o.Loans, MaxLoans)
	case o.Bad < 0 || o.Bad > 1000:
		return fault.Field("bad", fault.CodeInvalid, "--bad %d: want 0 to 1000, of a thousand borrowers", o.Bad)
	case o.Months < 1 || o.Months > MaxMonths:
		return fault.Field("months", fault.CodeInvalid, "--months %d: want 1 to %d", o.Months, MaxMonths)
	default:
		return nil
	}
}

// Breach is an invariant that does not hold.
type Breach struct {
	Day  string
	Rule string
	What string
}

func (b Breach) String() string { return b.Day + " " + b.Rule + ": " + b.What }

// Result is what a simulation came to.
type Result struct {
	Loans      int     // paid out
	Months     int     // of virtual time, whole ones
	LoanMonths float64 // days on which a loan was owed, over 30
	Lost       int     // by reconciliation and by the rails' own books
	DoublePaid int
	Unbalanced int // journals
	Breaches   []Breach
	Verified   int // times all books were recomputed
	Counts     []Count
	Vintages   []portfolio.Vintage
	Rolls      []portfolio.Roll
	Quality    portfolio.Quality
	Provision  portfolio.Provision
	Cost       portfolio.Cost
	Took       time.Duration // without making the merchants
	Prepared   time.Duration // making them
}

// Sound tells whether every invariant held on every day.
func (r *Result) Sound() bool {
	return r.Lost == 0 && r.DoublePaid == 0 && r.Unbalanced == 0 && len(r.Breaches) == 0
}

// String gives the line a simulation ends with.
func (r *Result) String() string {
	return fmt.Sprintf("loans=%d months=%d lost=%d double_paid=%d unbalanced=%d", r.Loans, r.Months, r.Lost, r.DoublePaid, r.Unbalanced)
}

// Count is how often something happened.
type Count struct {
	What string
	N    int
}

// Run simulates. An error is about the machine or the input; what the
// simulation found is in the result. When ctx ends it stops after the day it
// is at and gives what there is, with the context's error.
func Run(ctx context.Context, o Options) (Result, error) {
	if err := o.Check(); err != nil {
		return Result{}, err
	}
	if o.Callers <= 0 {
		o.Callers = 16
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	w, err := newWorld(ctx, o)
	if err != nil {
		return Result{}, err
	}
	result, err := w.live(ctx)
	if closing := w.db.Close(); err == nil {
		err = closing
	}
	return result, err
}

// open opens and migrates an empty database, with keys that nobody keeps.
func open(ctx context.Context, o Options, now func() time.Time) (*store.DB, error) {
	text, err := store.GenerateKeys()
	if err != nil {
		return nil, err
	}
	keys, err := store.ParseKeys(text)
	if err != nil {
		return nil, err
	}
	db, err := store.Open(ctx, store.Config{DSN: o.DSN, Keys: keys, Clock: now, Logger: o.Logger, MaxOpen: 2*o.Callers + 4})
	if err != nil {
		return nil, fault.Field("dsn", fault.CodeInvalid, "the database cannot be used (%v); give an empty one, for what is simulated is encrypted with keys that nobody keeps", err)
	}
	return db, db.Migrate(ctx)
}

// cash is money that rails and borrowers moved, by our account.
type cash struct{ settlement, bank money.Amount }
