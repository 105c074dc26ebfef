package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.uber.org/zap/zapcore"
)

// inMemory as the value of --db keeps everything in memory: a restart starts empty.
const inMemory = ":memory:"

// envPrefix starts the name of the environment variable that stands in for a flag: --ui-port is LOAN310_TEMPORAL_UI_PORT.
const envPrefix = "LOAN310_TEMPORAL_"

// options are the command's flags. Flags win over the environment.
type options struct {
	DB             string        // SQLite file, or inMemory; unused when Postgres is set
	Postgres       string        // DSN; empty means SQLite
	IP             netip.Addr    // address of the frontend and of the UI
	Port           int           // frontend gRPC; 0 picks a free one
	UIPort         int           // 0 means no UI
	Namespace      string        // registered at start
	Retention      time.Duration // how long closed workflows stay visible
	LogLevel       zapcore.Level
	ExitWithParent bool
}

func parseOptions(args []string, lookupEnv func(string) (string, bool), stderr io.Writer) (options, error) {
	var (
		opts  options
		ip    string
		level string
		noUI  bool
		flags = flag.NewFlagSet("temporal", flag.ContinueOnError)
	)
	flags.SetOutput(io.Discard)
	flags.StringVar(&opts.DB, "db", "./temporal.db", "SQLite `file`, created when missing; "+inMemory+" keeps nothing")
	flags.StringVar(&opts.Postgres, "postgres", "", "PostgreSQL `DSN` instead of SQLite; names Temporal's own database, created when missing beside NAME_visibility")
	flags.StringVar(&ip, "ip", "127.0.0.1", "`address` that the frontend and the UI listen on")
	flags.IntVar(&opts.Port, "port", 7233, "gRPC `port` of the frontend; 0 picks a free one")
	flags.IntVar(&opts.UIPort, "ui-port", 8233, "`port` of the web UI; 0 turns it off")
	flags.BoolVar(&noUI, "no-ui", false, "turn the web UI off")
	flags.StringVar(&opts.Namespace, "namespace", "loan310", "`namespace` registered at start")
	flags.DurationVar(&opts.Retention, "retention", 7*24*time.Hour, "how long closed workflows are kept, at least 24h")
	flags.StringVar(&level, "log-level", "warn", "least `level` logged to stderr: debug, info, warn, error")
	flags.BoolVar(&opts.ExitWithParent, "exit-with-parent", false, "stop when stdin ends")

	if err := fromEnv(flags, lookupEnv); err != nil {
		return options{}, err
	}
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			flags.SetOutput(stderr)
			flags.Usage()
			return options{}, err
		}
		return options{}, usagef("%v", err)
	}
	if flags.NArg() > 0 {
		return options{}, usagef("unexpected argument %q", flags.Arg(0))
	}
	if noUI {
		opts.UIPort = 0
	}
	return opts.complete(ip, level)
}

// fromEnv sets each flag whose environment variable is set and not empty.
func fromEnv(flags *flag.FlagSet, lookupEnv func(string) (string, bool)) error {
	var err error
	flags.VisitAll(func(f *flag.Flag) {
		name := envPrefix + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value, ok := lookupEnv(name)
		if !ok || value == "" || err != nil {
			return
		}
		if setErr := flags.Set(f.Name, value); setErr != nil {
			err = usagef("invalid value %q in %s: %v", value, name, setErr)
		}
	})
	return err
}

// complete checks what the flag package cannot.
func (o options) complete(ip, level string) (options, error) {
	if ip == "localhost" {
		ip = "127.0.0.1"
	}
	var err error
	if o.IP, err = netip.ParseAddr(ip); err != nil {
		return options{}, usagef("--ip wants an address, not %q", ip)
	}
	if o.LogLevel, err = zapcore.ParseLevel(level); err != nil {
		return options{}, usagef("--log-level wants debug, info, warn or error, not %q", level)
	}
	for name, port := range map[string]int{"--port": o.Port, "--ui-port": o.UIPort} {
		if port < 0 || port > 65535 {
			return options{}, usagef("%s wants a port from 0 to 65535, not %d", name, port)
		}
	}
	if o.Port != 0 && o.Port == o.UIPort {
		return options{}, usagef("--port and --ui-port are both %d", o.Port)
	}
	if o.Namespace == "" {
		return options{}, usagef("--namespace is empty")
	}
	if o.Retention < 24*time.Hour {
		return options{}, usagef("--retention is %s, the server takes 24h at least", o.Retention)
	}
	if o.Postgres != "" {
		return o, nil
	}
	return o.completeSQLite()
}

func (o options) completeSQLite() (options, error) {
	if o.DB == "" {
		return options{}, usagef("--db is empty")
	}
	if o.DB == inMemory {
		return o, nil
	}
	path, err := filepath.Abs(o.DB)
	if err != nil {
		return options{}, fmt.Errorf("resolve --db: %w", err)
	}
	// The driver takes the path as a URI and would read the rest as parameters.
	if strings.ContainsAny(path, "?#%") {
		return options{}, usagef("--db must not contain ?, # or %%: %q", path)
	}
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return options{}, usagef("--db is in a folder that does not exist: %s", filepath.Dir(path))
	}
	o.DB = path
	return o, nil
}
