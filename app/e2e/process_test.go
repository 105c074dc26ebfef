package e2e_test

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/app/stack"
)

// built is the command under test, linked once for all tests of a run.
var built struct {
	sync.Once
	path string
	err  error
}

// binary builds the command. It stays beside the other built things: a kill
// test needs the real program, not this one. LOAN310_E2E_BIN names one that is
// built already.
func binary(t *testing.T) string {
	t.Helper()
	if given := os.Getenv("LOAN310_E2E_BIN"); given != "" {
		return given
	}
	here := root(t)
	built.Do(func() {
		built.path = filepath.Join(here, ".bin", "loan310-e2e")
		build := exec.Command("go", "build", "-buildvcs=false", "-o", built.path, "./app") //nolint:noctx // shared by all tests, so bound to none
		build.Dir = here
		if said, err := build.CombinedOutput(); err != nil {
			built.err = errors.New("build the command: " + err.Error() + "\n" + string(said))
		}
	})
	require.NoError(t, built.err)
	return built.path
}

// cleanEnvironment is this process's without what would configure the command.
func cleanEnvironment() []string {
	var kept []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "LOAN310_") {
			kept = append(kept, variable)
		}
	}
	return kept
}

// run runs the command to its end.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	command := exec.CommandContext(within(t, patience), binary(t), args...)
	var out, problems bytes.Buffer
	command.Env, command.Dir, command.Stdout, command.Stderr = cleanEnvironment(), t.TempDir(), &out, &problems
	err := command.Run()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return command.ProcessState.ExitCode(), out.String(), problems.String()
}

// laborer is a worker in a process of its own.
type laborer struct {
	command *exec.Cmd
	said    *journal
	ended   chan struct{}
}

// join writes what a worker process needs to know.
func (w *world) join(t *testing.T) string {
	t.Helper()
	path := filepath.Join(w.dir, "join.json")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	c := w.Config
	require.NoError(t, stack.WriteFile(path, map[string]any{
		"database": c.Database, "temporal": c.Temporal, "namespace": c.Namespace, "keys": c.Keys, "providers": c.Providers,
	}))
	return path
}

// worker starts a worker process and waits until it works.
func (w *world) worker(t *testing.T, args ...string) *laborer {
	t.Helper()
	l := &laborer{said: &journal{}, ended: make(chan struct{})}
	all := append([]string{"worker", "--join", w.join(t), "--payout-grace", "1s", "--listen", ""}, args...)
	l.command = exec.Command(binary(t), all...) //nolint:noctx // killed by the test itself
	l.command.Env, l.command.Dir, l.command.Stderr = cleanEnvironment(), w.dir, l.said
	out, err := l.command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, l.command.Start())
	ready := make(chan struct{})
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "loan310 worker ready") {
				close(ready)
			}
		}
		_ = l.command.Wait()
		close(l.ended)
	}()
	t.Cleanup(func() { l.kill() })
	select {
	case <-ready:
	case <-l.ended:
		require.FailNow(t, "the worker ended before it worked", l.said.String())
	case <-time.After(patience):
		require.FailNow(t, "the worker does not start")
	}
	return l
}

// kill ends the process as a power cut would.
func (l *laborer) kill() {
	_ = l.command.Process.Kill()
	<-l.ended
}

// stop ends the process politely.
func (l *laborer) stop(t *testing.T) {
	t.Helper()
	require.NoError(t, l.command.Process.Signal(syscall.SIGTERM))
	select {
	case <-l.ended:
		require.True(t, l.command.ProcessState.Success(), "%s\n%s", l.command.ProcessState, l.said)
	case <-time.After(patience):
		require.FailNow(t, "the worker does not stop")
	}
}

// requireKilled waits until the process has been killed by a signal.
func (l *laborer) requireKilled(t *testing.T) {
	t.Helper()
	select {
	case <-l.ended:
	case <-time.After(patience):
		require.FailNow(t, "the worker was not killed")
	}
	status, ok := l.command.ProcessState.Sys().(syscall.WaitStatus)
	require.True(t, ok)
	require.True(t, status.Signaled(), "the worker ended otherwise: %s\n%s", l.command.ProcessState, l.said)
	require.Equal(t, syscall.SIGKILL, status.Signal())
}
