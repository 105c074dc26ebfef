// Command loan310 is the micro-loan underwriting service and its tools.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"

	"loan310/app/fault"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailed  = 1
	exitRefused = 2 // the input or the configuration is at fault
)

// env is what commands run in.
type env struct {
	ctx     context.Context //nolint:containedctx // kong hands commands values, not arguments
	stdout  io.Writer
	stderr  io.Writer
	logger  *slog.Logger
	version string
}

// commands is the command line.
type commands struct {
	LogLevel  string           `help:"Least level logged: debug, info, warn or error." enum:"debug,info,warn,error" default:"warn" env:"LOAN310_LOG_LEVEL"`
	LogFormat string           `help:"Logs as text or json." enum:"text,json" default:"text" env:"LOAN310_LOG_FORMAT"`
	Version   kong.VersionFlag `help:"Print the version."`

	Dev       devCommand        `cmd:"" help:"Run everything on this machine: Temporal, sandbox providers, web and worker."`
	Serve     serveCommand      `cmd:"" help:"Run the web server."`
	Worker    workerCommand     `cmd:"" help:"Run the workflow worker."`
	Migrate   migrateCommand    `cmd:"" help:"Bring the database to this version's schema."`
	Sandbox   sandboxCommand    `cmd:"" help:"Run the simulated providers alone."`
	Keys      keysCommands      `cmd:"" help:"Make the secrets of an installation."`
	Staff     staffCommands     `cmd:"" help:"Make, list and disable staff logins."`
	Platform  platformCommands  `cmd:"" help:"Make, list and revoke platforms' API keys."`
	Scorecard scorecardCommands `cmd:"" help:"Train, apply and validate scorecards and boosted models on CSV files."`
	Dossier   dossierCommands   `cmd:"" help:"Check, generate and convert dossiers of merchants."`
	Demo      demoCommand       `cmd:"" help:"Take a population from registration to money and check every promise."`
	Bench     benchCommand      `cmd:"" help:"Measure loans against empty workflows on the same server."`
	Validate  validateCommand   `cmd:"" help:"Measure the models on public data of real loans and write the report."`
	Backtest  backtestCommand   `cmd:"" help:"Decide a whole dossier as of each application's date and report what would have come of it."`
	Decision  decisionCommand   `cmd:"" help:"Replay decisions."`
	Ledger    ledgerCommands    `cmd:"" help:"Check, print, export and close the books."`
	Portfolio portfolioCommands `cmd:"" help:"How the loans as a whole do, and what one costs."`
	Payouts   payoutsCommands   `cmd:"" help:"List, settle, stop and resume payouts."`
	Reconcile reconcileCommand  `cmd:"" help:"Hold the rails' statements of a day against our books."`
	Servicing servicingCommands `cmd:"" help:"Close the days of loans."`
	Simulate  simulateCommand   `cmd:"" help:"Live a portfolio's life at virtual time, and check every promise after every day."`
	Openapi   openapiCommand    `cmd:"" help:"Print the API's OpenAPI document."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is main with everything it touches passed in.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var line commands
	exited := -1
	parser, err := kong.New(&line, kong.Name("loan310"),
		kong.Description("Micro-loans for small merchants: 3 minutes to register, 1 minute to a decision, 0 to the money."),
		kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exited = code }), kong.Vars{"version": version()})
	if err != nil {
		fmt.Fprintln(stderr, "loan310:", err)
		return exitFailed
	}
	command, err := parser.Parse(args)
	if exited >= 0 { // help or version was printed
		return exited
	}
	if err != nil {
		parser.FatalIfErrorf(err)
		return exitRefused
	}
	environment := &env{ctx: ctx, stdout: stdout, stderr: stderr, logger: logger(line, stderr), version: version()}
	return report(stderr, command.Run(environment))
}

// report says what went wrong, in the words meant for people where there are
// some, and gives the exit code.
func report(stderr io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	if errors.Is(err, errReported) {
		return exitFailed
	}
	if known, ok := errors.AsType[*fault.Error](err); ok {
		fmt.Fprintf(stderr, "loan310: %s (%s)\n", known.Message, known.Code)
		if known.Kind == fault.Internal {
			fmt.Fprintln(stderr, "loan310:", err)
			return exitFailed
		}
		return exitRefused
	}
	fmt.Fprintln(stderr, "loan310:", err)
	return exitFailed
}

// errReported ends a command whose output has said already what is wrong.
var errReported = errors.New("reported")

func logger(line commands, stderr io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(line.LogLevel)) // kong allows valid levels only
	options := &slog.HandlerOptions{Level: level}
	if line.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(stderr, options))
	}
	return slog.New(slog.NewTextHandler(stderr, options))
}

// version is the module's version or the commit it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" && len(setting.Value) >= 12 {
			return setting.Value[:12]
		}
	}
	if info.Main.Version != "" {
		return info.Main.Version
	}
	return "devel"
}
