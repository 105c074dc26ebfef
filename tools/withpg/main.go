// Command withpg runs a command beside a private, throw-away PostgreSQL cluster whose URL it gives the command in
// LOAN310_TEST_POSTGRES, and in LOAN310_TEST_POSTGRES_BIN the folder of PostgreSQL's programs, for tests that kill a
// server of their own.
//
// The cluster trusts every connection and skips every sync: it must never hold anything worth keeping.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// The environment variables through which the command learns the cluster's URL and where PostgreSQL's programs are.
const (
	urlVariable = "LOAN310_TEST_POSTGRES"
	binVariable = "LOAN310_TEST_POSTGRES_BIN"
)

const (
	exitFailure = 1
	exitUsage   = 2
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run returns the command's exit code, or one of its own when the command never ran.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("withpg", flag.ContinueOnError)
	flags.SetOutput(stderr)
	keep := flags.Bool("keep", false, "leave the stopped cluster's files behind and say where")
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: withpg [--keep] -- CMD ARGS...")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return exitUsage
	}
	if flags.NArg() == 0 {
		flags.Usage()
		return exitUsage
	}

	// Caught before the cluster starts, so that no signal can leave it behind. A second one changes nothing: stopping is quick.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	logger := slog.New(slog.NewTextHandler(stderr, nil))
	code, err := withCluster(ctx, logger, *keep, func(url, bin string) (int, error) {
		return runChild(ctx, flags.Args(), []string{urlVariable + "=" + url, binVariable + "=" + bin}, stdin, stdout, stderr)
	})
	if err != nil {
		fmt.Fprintf(stderr, "withpg: %v\n", err)
		return max(code, exitFailure)
	}
	return code
}

// withCluster starts a cluster for the time of use, and takes it down whatever use returns.
func withCluster(ctx context.Context, logger *slog.Logger, keep bool, use func(url, bin string) (int, error)) (code int, err error) {
	bin, err := findOrInstall(ctx, logger)
	if err != nil {
		return exitFailure, err
	}
	cluster, err := startCluster(ctx, bin)
	if err != nil {
		return exitFailure, err
	}
	defer func() {
		err = errors.Join(err, cluster.stop(keep))
		if keep {
			logger.Info("kept the cluster's files", "dir", cluster.dir)
		}
	}()
	return use(cluster.url(), bin)
}

// runChild passes a signal on and waits, so that the command can clean up before its database goes.
func runChild(ctx context.Context, args, environment []string, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.Env = append(os.Environ(), environment...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr

	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
	case err == nil || cmd.ProcessState != nil && cmd.ProcessState.Success():
		return 0, nil
	default:
		return exitFailure, fmt.Errorf("run command: %w", err)
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		// The shell's convention for a command ended by a signal.
		return 128 + int(status.Signal()), nil
	}
	return exit.ExitCode(), nil
}
