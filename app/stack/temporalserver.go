package stack

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"loan310/app/fault"
)

// CodeTemporal marks a Temporal server that could not be started.
const CodeTemporal fault.Code = "temporal_not_started"

// Namespace is Temporal's on one machine, and the default of production.
const Namespace = "loan310"

// TemporalOptions say how the embedded Temporal server runs as a child.
type TemporalOptions struct {
	Binary   string // path of tools/temporal's binary; empty = searched, see FindTemporal
	Database string // SQLite file, or :memory:
	Postgres string // DSN instead of SQLite
	Host     string
	Port     int // 0 = free
	UIPort   int // 0 = no UI
	Log      io.Writer
}

// TemporalServer is a running child.
type TemporalServer struct {
	Address string // host:port of the frontend
	UI      string // URL, empty when off
	command *exec.Cmd
	stdin   io.Closer
	done    chan struct{}
	err     error
}

// FindTemporal gives the path of the Temporal server's binary: the given one,
// LOAN310_TEMPORAL_BIN, beside this program, or .bin below the working
// directory.
func FindTemporal(given string) (string, error) {
	candidates := []string{given, os.Getenv("LOAN310_TEMPORAL_BIN")}
	if self, err := os.Executable(); err == nil {
		candidates = append(candidates, filepath.Join(filepath.Dir(self), "temporal-server"))
	}
	candidates = append(candidates, filepath.Join(".bin", "temporal-server"))
	for _, path := range candidates {
		if path == "" {
			continue
		}
		if info, err := os.Stat(path); err == nil && !info.IsDir() { //nolint:gosec // the operator names the program to run
			return path, nil
		}
	}
	return "", fault.New(fault.Unavailable, CodeTemporal, "the Temporal server is not built: run `go tool task temporal` (3 to 6 minutes the first time)")
}

// StartTemporal starts the server and waits until it serves. The child ends
// when this process ends, however it ends: it watches its standard input.
func StartTemporal(ctx context.Context, options TemporalOptions) (*TemporalServer, error) {
	binary, err := FindTemporal(options.Binary)
	if err != nil {
		return nil, err
	}
	args := []string{
		"--exit-with-parent", "--ip", options.Host, "--port", strconv.Itoa(options.Port), "--ui-port", strconv.Itoa(options.UIPort),
		"--namespace", Namespace,
	}
	if options.Postgres != "" {
		args = append(args, "--postgres", options.Postgres)
	} else {
		args = append(args, "--db", options.Database)
	}
	command := exec.Command(binary, args...) //nolint:gosec,noctx // our own binary; it is stopped by Stop, politely, not by a context's kill
	command.Env = seldomCollecting(withoutTemporal(os.Environ()))
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C in the terminal is ours to pass on, after the worker has stopped
	stdin, err := command.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("open the Temporal server's input: %w", err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("open the Temporal server's output: %w", err)
	}
	tail := &lastLines{to: options.Log}
	command.Stderr = tail
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start the Temporal server: %w", err)
	}
	server := &TemporalServer{command: command, stdin: stdin, done: make(chan struct{})}
	ready := make(chan string, 1)
	go func() {
		scanner := bufio.NewScanner(stdout)
		for scanner.Scan() {
			if line := scanner.Text(); strings.HasPrefix(line, "temporal ready ") {
				ready <- line
			}
		}
		server.err = command.Wait()
		close(server.done)
	}()
	select {
	case line := <-ready:
		server.read(line)
		return server, nil
	case <-server.done:
		return nil, fault.New(fault.Unavailable, CodeTemporal, "%s", tail.last())
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), server.Stop())
	case <-time.After(90 * time.Second):
		return nil, errors.Join(fault.New(fault.Unavailable, CodeTemporal, "the Temporal server did not come up in 90 s: %s", tail.last()), server.Stop())
	}
}

// withoutTemporal is an environment without the variables that stand for the
// server's flags: what they name, such as a PostgreSQL, is meant for another
// server than the one started here.
func withoutTemporal(environment []string) []string {
	return slices.DeleteFunc(environment, func(variable string) bool { return strings.HasPrefix(variable, "LOAN310_TEMPORAL_") })
}

// seldomCollecting is an environment in which the server, whose live heap is
// small, collects garbage less often, in bounded memory, where the operator
// has not said otherwise.
func seldomCollecting(environment []string) []string {
	for name, value := range map[string]string{"GOGC": "400", "GOMEMLIMIT": "1GiB"} {
		if os.Getenv(name) == "" {
			environment = append(environment, name+"="+value)
		}
	}
	return environment
}

// read takes the addresses from the ready line.
func (s *TemporalServer) read(line string) {
	for word := range strings.FieldsSeq(line) {
		if address, ok := strings.CutPrefix(word, "grpc="); ok {
			s.Address = address
		}
		if url, ok := strings.CutPrefix(word, "ui="); ok {
			s.UI = url
		}
	}
}

// PID gives the child's process id.
func (s *TemporalServer) PID() int { return s.command.Process.Pid }

// Done is closed when the child has ended.
func (s *TemporalServer) Done() <-chan struct{} { return s.done }

// Stop asks the child to end and waits; after 20 s it is killed.
func (s *TemporalServer) Stop() error {
	_ = s.stdin.Close()
	_ = s.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.done:
	case <-time.After(20 * time.Second):
		_ = s.command.Process.Kill()
		<-s.done
		return fault.New(fault.Internal, CodeTemporal, "the Temporal server did not stop in 20 s and was killed")
	}
	return nil
}

// lastLines passes output on and remembers its last line, to be told when the
// child fails.
type lastLines struct {
	to   io.Writer
	line []byte
}

func (l *lastLines) Write(p []byte) (int, error) {
	if text := strings.TrimSpace(string(p)); text != "" {
		lines := strings.Split(text, "\n")
		l.line = []byte(lines[len(lines)-1])
	}
	if l.to != nil {
		return l.to.Write(p)
	}
	return len(p), nil
}

func (l *lastLines) last() string { return string(l.line) }
