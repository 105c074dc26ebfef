// Package servertest_test starts the built binary the way the application does, on SQLite and on PostgreSQL.
package servertest_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

const (
	namespace = "loan310"
	taskQueue = "test"
)

// server is one running binary.
type server struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	grpc   string
	ui     string
	stderr *strings.Builder
}

// start returns when the ready line is there.
func start(t *testing.T, args ...string) *server {
	t.Helper()
	s := &server{stderr: new(strings.Builder)}
	s.cmd = exec.CommandContext(t.Context(), binary(t), append(args, "--exit-with-parent")...)
	// The process must be gone before the test's folder is.
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(syscall.SIGTERM) }
	s.cmd.Stderr = s.stderr
	stdout, err := s.cmd.StdoutPipe()
	require.NoError(t, err)
	s.stdin, err = s.cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, s.cmd.Start())
	t.Cleanup(func() { _ = s.cmd.Wait() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err, "no ready line: %s", s.stderr)
	fields := strings.Fields(line)
	require.Equal(t, []string{"temporal", "ready"}, fields[:2])
	for _, field := range fields[2:] {
		switch key, value, _ := strings.Cut(field, "="); key {
		case "grpc":
			s.grpc = value
		case "ui":
			s.ui = value
		}
	}
	return s
}

// binary is the built server; building it here would cost minutes on a cold cache.
func binary(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("LOAN310_TEMPORAL_BIN"); path != "" {
		return path
	}
	path, err := filepath.Abs("../../../.bin/temporal-server")
	require.NoError(t, err)
	require.FileExists(t, path, "run `go tool task temporal` first")
	return path
}

// stop ends the server as Ctrl-C does.
func (s *server) stop(t *testing.T) {
	t.Helper()
	require.NoError(t, s.cmd.Process.Signal(os.Interrupt))
	require.NoError(t, s.cmd.Wait(), s.stderr.String())
	require.Empty(t, s.stderr.String(), "a clean run has nothing to say")
}

func (s *server) dial(t *testing.T) client.Client {
	t.Helper()
	c, err := client.Dial(client.Options{HostPort: s.grpc, Namespace: namespace, Logger: quiet{}})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// quiet keeps the SDK's own log out of the test's output.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}

var _ sdklog.Logger = quiet{}

func greet(ctx workflow.Context, name string) (string, error) {
	return "hello " + name, workflow.Sleep(ctx, 10*time.Millisecond)
}

// runWorkflow runs one workflow with a search attribute and an eager start on a worker of its own.
func runWorkflow(t *testing.T, s *server, id string) {
	t.Helper()
	c := s.dial(t)
	w := worker.New(c, taskQueue, worker.Options{})
	w.RegisterWorkflow(greet)
	require.NoError(t, w.Start())
	defer w.Stop()
	run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
		ID:                    id,
		TaskQueue:             taskQueue,
		EnableEagerStart:      true,
		TypedSearchAttributes: temporal.NewSearchAttributes(temporal.NewSearchAttributeKeyKeyword("MerchantId").ValueSet("m-1")),
	}, greet, id)
	require.NoError(t, err)
	requireResult(t, run, id)
}

func requireResult(t *testing.T, run client.WorkflowRun, id string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var greeting string
	require.NoError(t, run.Get(ctx, &greeting))
	require.Equal(t, "hello "+id, greeting)
}

func TestSQLiteKeepsWorkflowsOverARestart(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "temporal.db")
	first := start(t, "--db", db, "--port", "0", "--no-ui")
	runWorkflow(t, first, "kept")
	first.stop(t)

	second := start(t, "--db", db, "--port", "0", "--no-ui")
	requireResult(t, second.dial(t).GetWorkflow(t.Context(), "kept", ""), "kept")
	runWorkflow(t, second, "new")
	second.stop(t)
}

func TestPostgresKeepsWorkflowsOverARestart(t *testing.T) {
	t.Parallel()
	dsn := os.Getenv("LOAN310_TEST_POSTGRES")
	if dsn == "" {
		require.Empty(t, os.Getenv("LOAN310_REQUIRE_POSTGRES"), "LOAN310_TEST_POSTGRES is not set")
		t.Skip("LOAN310_TEST_POSTGRES is not set")
	}
	// A name that must be quoted.
	dsn = strings.Replace(dsn, "/postgres?", "/Temporal-"+strconv.Itoa(os.Getpid())+"?", 1)
	first := start(t, "--postgres", dsn, "--port", "0", "--no-ui")
	runWorkflow(t, first, "kept")
	first.stop(t)

	second := start(t, "--postgres", dsn, "--port", "0", "--no-ui")
	requireResult(t, second.dial(t).GetWorkflow(t.Context(), "kept", ""), "kept")
	second.stop(t)
}

func TestTwoInstancesAtOnce(t *testing.T) {
	t.Parallel()
	one := start(t, "--db", ":memory:", "--port", "0", "--no-ui")
	two := start(t, "--db", ":memory:", "--port", "0", "--no-ui")
	require.NotEqual(t, one.grpc, two.grpc)
	runWorkflow(t, one, "only here")
	found, err := two.dial(t).CountWorkflow(t.Context(), &workflowservice.CountWorkflowExecutionsRequest{Query: "MerchantId = 'm-1'"})
	require.NoError(t, err)
	require.Zero(t, found.GetCount())
	one.stop(t)
	two.stop(t)
}

func TestStopsWhenStdinEnds(t *testing.T) {
	t.Parallel()
	s := start(t, "--db", ":memory:", "--port", "0", "--no-ui")
	require.NoError(t, s.stdin.Close())
	require.NoError(t, s.cmd.Wait())
}

func TestUIListensOnTheGivenAddressOnly(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	s := start(t, "--db", ":memory:", "--port", "0", "--ui-port", port)
	require.Equal(t, "http://127.0.0.1:"+port, s.ui)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.ui+"/namespaces/"+namespace+"/workflows", http.NoBody)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	page, err := io.ReadAll(response.Body)
	require.NoError(t, errors.Join(err, response.Body.Close()))
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Contains(t, string(page), "<html")

	// The whole of 127.0.0.0/8 is this machine: the next address stands for another interface.
	_, err = new(net.Dialer).DialContext(t.Context(), "tcp", "127.0.0.2:"+port)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	s.stop(t)
}

func TestMistakesEndWithCodeTwoAndOneLine(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	_, taken, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)

	tests := map[string]struct {
		args []string
		want string
	}{
		"taken port":            {[]string{"--db", ":memory:", "--port", taken}, "127.0.0.1:" + taken + ", choose another with --port"},
		"taken UI port":         {[]string{"--db", ":memory:", "--port", "0", "--ui-port", taken}, "127.0.0.1:" + taken + ", choose another with --ui-port"},
		"unknown flag":          {[]string{"--nonsense"}, "-nonsense"},
		"missing folder":        {[]string{"--db", "/nonexistent/temporal.db"}, "/nonexistent"},
		"short retention":       {[]string{"--retention", "1h"}, "--retention"},
		"password not repeated": {[]string{"--postgres", "mysql://user:hunter2@host/db"}, "postgres://user:password@host"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			output, err := exec.CommandContext(t.Context(), binary(t), test.args...).CombinedOutput()
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit)
			require.Equal(t, 2, exit.ExitCode())
			require.Equal(t, 1, strings.Count(string(output), "\n"), "%s", output)
			require.Contains(t, string(output), test.want)
			require.NotContains(t, string(output), "hunter2")
		})
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, errors.Join(err, listener.Close()))
	return port
}
