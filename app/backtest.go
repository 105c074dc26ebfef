package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"loan310/adapters/dossier"
	"loan310/app/backtest"
	"loan310/app/backtest/page"
	"loan310/app/clock"
	"loan310/app/fault"
	"loan310/app/money"
	"loan310/app/stack"
	"loan310/scoring"
	"loan310/scoring/evidence"
)

type backtestCommand struct {
	Dossier   string            `help:"Folder of the dossier to decide." required:"" type:"existingdir" placeholder:"DIR"`
	Strategy  string            `help:"Challenger: a strategy file held against the champion." type:"existingfile" placeholder:"FILE"`
	Champion  string            `help:"Champion: a strategy file instead of the one built in." type:"existingfile" placeholder:"FILE"`
	Out       string            `help:"Write the decisions: .csv, or .jsonl for one JSON object a line." placeholder:"FILE"`
	HTML      string            `name:"html" help:"Write the report with charts as one HTML file." placeholder:"FILE"`
	Lang      string            `help:"Language of the report." enum:"en,zh-CN" default:"en"`
	Assume    map[string]string `help:"Decide as if a source were in a state: utility=withheld. States: known, stale, empty, down, withheld." placeholder:"SOURCE=STATE"`
	Window    int               `name:"window-days" help:"Days a loan is watched before its outcome counts." default:"365"`
	Until     string            `help:"Day up to which outcomes are known; default: the newest observation." placeholder:"YYYY-MM-DD"`
	Workers   int               `help:"Merchants decided at once; 0 = one a processor." default:"0"`
	Relations bool              `help:"See who was connected with whom at each application; reads the dossier twice." default:"true" negatable:""`
	Whole     bool              `help:"Load the dossier whole, whatever the order of its rows."`

	LGD         int64 `name:"lgd-bps" help:"Assumed loss given default, basis points of the principal owed." default:"7500"`
	Funds       int64 `name:"funds-bps" help:"Assumed cost of funds a year, basis points." default:"350"`
	Utilisation int64 `name:"utilisation-bps" help:"Assumed share of the limit that is drawn, basis points." default:"10000"`
	CostPerLoan int64 `name:"cost-fen" help:"Assumed cost of one loan, fen." default:"100"`
}

// backtestMemory is from how many bytes on a back-test collects garbage as
// often as it must, so that a large one stays under a gigabyte.
const backtestMemory = 640 << 20

// Run decides the dossier, prints the report and writes the files asked for.
func (c *backtestCommand) Run(e *env) error {
	options, err := c.options()
	if err != nil {
		return err
	}
	// Rows come and go by the million while little stays: collecting less often
	// costs some tens of megabytes and saves a fifth of the time.
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	if os.Getenv("GOMEMLIMIT") == "" { // but not where much stays
		defer debug.SetMemoryLimit(debug.SetMemoryLimit(backtestMemory))
	}
	started := clock.System()
	looking, progress := newCounter(e.stderr, "looking for connections"), newCounter(e.stderr, "decided")
	options.Looking, options.Progress = looking.show, progress.show
	run, err := c.decide(e, options)
	progress.end()
	if err != nil {
		return placed(err)
	}
	took := clock.System().Sub(started)
	document := page.Build(backtest.Measure(run, e.version), c.Lang)
	if err := document.Text(e.stdout); err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	for path, write := range map[string]func(io.Writer) error{c.HTML: document.HTML, c.Out: c.writer(run)} {
		if path == "" {
			continue
		}
		if err := writeWhole(path, write); err != nil {
			return err
		}
	}
	fmt.Fprintf(e.stderr, "%d applications in %.1f s: %.0f per second with %d workers\n",
		len(run.Cases), took.Seconds(), float64(len(run.Cases))/max(took.Seconds(), 1e-9), options.Workers)
	return nil
}

// decide reads the dossier on the way and, where its rows are scattered,
// begins again with the dossier loaded whole.
func (c *backtestCommand) decide(e *env, options backtest.Options) (*backtest.Run, error) {
	if !c.Whole {
		book, err := stack.BacktestBook(e.ctx, c.Dossier)
		if err != nil {
			return nil, err
		}
		run, err := backtest.Decide(e.ctx, book, options)
		if !errors.Is(err, stack.ErrScattered) {
			return run, err
		}
		fmt.Fprintf(e.stderr, "\n%v; loading it whole, which takes memory for all its rows\n", err)
	}
	book, err := stack.WholeBook(e.ctx, c.Dossier)
	if err != nil {
		return nil, err
	}
	return backtest.Decide(e.ctx, book, options)
}

func (c *backtestCommand) options() (backtest.Options, error) {
	options := backtest.Options{
		Workers: c.Workers, Relations: c.Relations, Window: time.Duration(c.Window) * 24 * time.Hour, Assume: map[evidence.Source]evidence.State{},
		Economics: backtest.Economics{
			LossGivenDefault: money.BasisPoints(c.LGD), CostOfFunds: money.BasisPoints(c.Funds),
			Utilisation: money.BasisPoints(c.Utilisation), CostPerLoan: money.Amount(c.CostPerLoan),
		},
	}
	if options.Workers <= 0 {
		options.Workers = runtime.GOMAXPROCS(0)
	}
	if c.Window < 1 {
		return options, fault.Field("window-days", fault.CodeInvalid, "--window-days must be at least 1")
	}
	if err := options.Economics.Validate(); err != nil {
		return options, fault.Field("economics", fault.CodeInvalid, "%s", err.Error())
	}
	if c.Out != "" && !slices.Contains([]string{".csv", ".jsonl", ".json"}, filepath.Ext(c.Out)) {
		return options, fault.Field("out", fault.CodeInvalid, "--out %s: the name must end in .csv or .jsonl", c.Out)
	}
	if c.Until != "" {
		day, err := time.Parse(time.DateOnly, c.Until)
		if err != nil {
			return options, fault.Field("until", fault.CodeInvalid, "--until %q is not a day such as 2026-11-30", c.Until)
		}
		options.Until = day.AddDate(0, 0, 1).Add(-time.Second)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Assume)) {
		source, state := evidence.Source(name), evidence.State(c.Assume[name])
		if !slices.Contains(evidence.Sources[:], source) {
			return options, fault.Field("assume", fault.CodeInvalid, "--assume: no source %q; there are marketplace, logistics, bank, utility, bureau, registry", name)
		}
		if !slices.Contains([]evidence.State{evidence.Known, evidence.Stale, evidence.Empty, evidence.Down, evidence.Withheld}, state) {
			return options, fault.Field("assume", fault.CodeInvalid, "--assume %s=%s: no such state; there are known, stale, empty, down, withheld", name, state)
		}
		options.Assume[source] = state
	}
	var err error
	if options.Champion, err = engineOf(c.Champion); err != nil {
		return options, err
	}
	if c.Strategy != "" {
		options.Challenger, err = engineOf(c.Strategy)
	}
	return options, err
}

// engineOf loads a strategy file; "" is the one built in.
func engineOf(path string) (*scoring.Engine, error) {
	text := scoring.Default()
	if path != "" {
		var err error
		if text, err = os.ReadFile(path); err != nil {
			return nil, fmt.Errorf("read strategy: %w", err)
		}
	}
	engine, err := scoring.Load(text)
	if err != nil {
		return nil, fault.New(fault.Invalid, fault.CodeInvalid, "%s: %s", path, strategyPlace(text, err))
	}
	return engine, nil
}

func (c *backtestCommand) writer(run *backtest.Run) func(io.Writer) error {
	if filepath.Ext(c.Out) == ".csv" {
		return run.WriteCSV
	}
	return run.WriteJSON
}

// placed keeps the place of a broken row in what people are told.
func placed(err error) error {
	if bad, ok := errors.AsType[*dossier.RowError](err); ok {
		return fault.New(fault.Invalid, bad.Code, "%s", bad.Error())
	}
	return err
}

// writeWhole writes a file beside its name and moves it there when complete.
func writeWhole(path string, write func(io.Writer) error) error {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	buffered := bufio.NewWriter(file)
	err = errors.Join(write(buffered), buffered.Flush(), file.Chmod(0o644), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(file.Name()))
	}
	return nil
}

// counter shows how far a command is, at most five times a second.
type counter struct {
	out     io.Writer
	what    string
	started time.Time
	last    time.Time
	shown   bool
}

func newCounter(out io.Writer, what string) *counter {
	now := clock.System()
	return &counter{out: out, what: what, started: now, last: now}
}

// show tells how many of how many are done; of is 0 where nobody knows.
func (c *counter) show(done, of int) {
	now := clock.System()
	if now.Sub(c.last) < 200*time.Millisecond {
		return
	}
	c.last, c.shown = now, true
	total := ""
	if of > 0 {
		total = fmt.Sprintf(" / %d", of)
	}
	fmt.Fprintf(c.out, "\r%s %d%s, %.0f per second ", c.what, done, total, float64(done)/now.Sub(c.started).Seconds())
}

func (c *counter) end() {
	if c.shown {
		fmt.Fprint(c.out, "\r"+strings.Repeat(" ", 60)+"\r")
	}
}
