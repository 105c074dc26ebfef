// Command temporal runs the real Temporal server and its web UI in one process, on SQLite or PostgreSQL, for loan310.
//
// It is a module of its own because the server's pinned dependencies do not compile beside the application's;
// the application reaches it over the wire only. It prints one line to stdout, when it serves; logs go to stderr.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

const (
	exitFailure = 1
	exitUsage   = 2

	startTimeout = 60 * time.Second
	stopTimeout  = 15 * time.Second
)

func main() {
	os.Exit(run(os.Args[1:], os.LookupEnv, os.Stdin, os.Stdout, os.Stderr))
}

// run is main without the process: it returns the exit code.
func run(args []string, lookupEnv func(string) (string, bool), stdin io.Reader, stdout, stderr io.Writer) int {
	opts, err := parseOptions(args, lookupEnv, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return report(stderr, err)
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if opts.ExitWithParent {
		ctx = untilEOF(ctx, stdin)
	}
	if err := serve(ctx, opts, stdout); err != nil {
		return report(stderr, err)
	}
	return 0
}

// serve runs the server until ctx ends. A stop asked for while starting is a clean stop too.
func serve(ctx context.Context, opts options, stdout io.Writer) error {
	level := zap.NewAtomicLevelAt(opts.LogLevel)
	if opts.LogLevel == zapcore.WarnLevel {
		// A healthy start warns of what this command leaves out on purpose, such as the HTTP API.
		level.SetLevel(zapcore.ErrorLevel)
	}
	logger := newLogger(level)
	if !opts.IP.IsLoopback() {
		logger.Error("Temporal has no authentication: anyone who reaches this address controls every workflow")
	}

	// Connections that break because we are leaving are no news.
	mute := func() { level.SetLevel(zapcore.ErrorLevel + 1) }
	context.AfterFunc(ctx, mute)

	startCtx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	server, err := start(startCtx, opts, logger)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	fmt.Fprintln(stdout, server.readyLine())
	level.SetLevel(opts.LogLevel)

	<-ctx.Done()
	mute()
	return server.stop(stopTimeout)
}

// untilEOF ends the returned context when stdin does: the kernel closes the pipe even when the parent dies by SIGKILL.
func untilEOF(ctx context.Context, stdin io.Reader) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, stdin)
	}()
	return ctx
}

// report prints err on one line and returns the exit code that belongs to it.
func report(stderr io.Writer, err error) int {
	fmt.Fprintf(stderr, "temporal: %v\n", err)
	if usage := (usageError{}); errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailure
}

// usageError is a mistake in flags, or a port that is taken: starting again the same way cannot help.
type usageError struct{ message string }

// Error implements error.
func (e usageError) Error() string { return e.message }

func usagef(format string, args ...any) error {
	return usageError{message: fmt.Sprintf(format, args...)}
}
