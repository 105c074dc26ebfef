package e2e_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/adapters/dossier"
	"loan310/app/apiclient"
	"loan310/app/clock"
	"loan310/app/stack"
)

// patience bounds every wait for something that takes milliseconds on an idle
// machine: the tests share two cores with others.
const patience = 90 * time.Second

// environments bounds how many run at once, whatever -parallel says: each has
// a Temporal server of its own.
var environments = make(chan struct{}, 2)

// world is one environment with a population that tests take merchants from.
type world struct {
	*stack.Dev
	dir    string
	client *apiclient.Client // of the demo platform
	log    *journal
	cast   *cast
}

// settings say how a world differs from the usual one.
type settings struct {
	options stack.DevOptions
	keys    *stack.Keys // instead of fresh ones
}

// begin starts an environment of the test's own, stopped when the test ends.
func begin(t *testing.T, change ...func(*settings)) *world {
	t.Helper()
	environments <- struct{}{}
	t.Cleanup(func() { <-environments })
	w, stop := start(t, t.TempDir(), change...)
	t.Cleanup(stop)
	return w
}

// start starts an environment in dir and gives what stops it. Stopping twice
// is stopping once.
func start(t *testing.T, dir string, change ...func(*settings)) (*world, func()) {
	t.Helper()
	log := &journal{}
	s := settings{options: stack.DevOptions{
		Dir: dir, NoUI: true, TemporalBinary: temporalBinary(t), Book: population(40), PayoutGrace: time.Second, Version: "e2e",
		Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})), TemporalLog: log,
	}}
	for _, apply := range change {
		apply(&s)
	}
	if s.keys != nil {
		require.NoError(t, stack.WriteFile(filepath.Join(dir, "keys.json"), *s.keys))
	}
	dev, err := stack.StartDev(context.WithoutCancel(t.Context()), s.options)
	require.NoError(t, err)
	w := &world{
		Dev: dev, dir: dir, client: apiclient.New(dev.Stack.URL(), stack.DemoAPIKey), log: log, cast: newCast(s.options.Book),
	}
	stop := sync.OnceFunc(func() {
		w.client.Close()
		if err := dev.Stop(); err != nil {
			t.Errorf("stop the environment: %v", err)
		}
		if t.Failed() {
			t.Log("the environment's last words:\n" + log.tail(6_000))
		}
	})
	return w, stop
}

// common is the environment that cheap tests share. It lives from the first
// that asks for it to the last that ends, and is started again when another
// comes later.
var common struct {
	sync.Mutex
	*world
	users int
	stop  func()
}

// share gives the common environment. Tests on it inject no faults.
func share(t *testing.T) *world {
	t.Helper()
	common.Lock()
	defer common.Unlock()
	if common.users == 0 {
		environments <- struct{}{}
		dir, err := os.MkdirTemp("", "loan310-e2e-") //nolint:usetesting // it outlives this test when another uses it
		require.NoError(t, err)
		w, stop := start(t, dir)
		common.world = w
		common.stop = func() { stop(); _ = os.RemoveAll(dir); <-environments }
	}
	common.users++
	t.Cleanup(func() {
		common.Lock()
		defer common.Unlock()
		if common.users--; common.users == 0 {
			common.stop()
		}
	})
	return common.world
}

// population is the synthetic merchants of a world, applying now.
func population(merchants int) dossier.Book {
	return dossier.Rebase(dossier.Generate(dossier.GenerateOptions{Merchants: merchants, Seed: 310}), clock.System())
}

// cast hands out merchants, each once.
type cast struct {
	mu     sync.Mutex
	people map[string][]dossier.Merchant // by archetype
	wanted map[string]dossier.Application
}

func newCast(book dossier.Book) *cast {
	c := &cast{people: map[string][]dossier.Merchant{}, wanted: map[string]dossier.Application{}}
	for _, m := range book.Merchants() {
		c.people[m.Archetype] = append(c.people[m.Archetype], m)
	}
	for _, a := range book.Applications() {
		c.wanted[a.MerchantID] = a
	}
	return c
}

// next gives a merchant of an archetype that nobody has played yet.
func (c *cast) next(t *testing.T, archetype string) dossier.Merchant {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	left := c.people[archetype]
	require.NotEmpty(t, left, "no %s merchant is left: make the population larger", archetype)
	c.people[archetype] = left[1:]
	return left[0]
}

// root is the repository's.
func root(t *testing.T) string {
	t.Helper()
	_, here, _, ok := runtime.Caller(0)
	require.True(t, ok)
	return filepath.Dir(filepath.Dir(filepath.Dir(here)))
}

// temporalBinary finds the Temporal server. Without it nothing here means
// anything, so that its absence is a failure, not a skip.
func temporalBinary(t *testing.T) string {
	t.Helper()
	for _, path := range []string{os.Getenv("LOAN310_TEMPORAL_BIN"), filepath.Join(root(t), ".bin", "temporal-server")} {
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			return path
		}
	}
	require.FailNow(t, "the Temporal server is not built: run `go tool task temporal` (3 to 6 minutes the first time)")
	return ""
}

// journal keeps what was logged.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// having gives the first so many lines that have a text in them.
func (j *journal) having(text string, most int) string {
	var found []byte
	for line := range bytes.Lines([]byte(j.String())) {
		if most > 0 && bytes.Contains(line, []byte(text)) {
			found = append(found, line...)
			most--
		}
	}
	return string(found)
}

// tail gives the last so many bytes of warnings and errors.
func (j *journal) tail(most int) string {
	var kept []byte
	for line := range bytes.Lines([]byte(j.String())) {
		if bytes.Contains(line, []byte("level=WARN")) || bytes.Contains(line, []byte("level=ERROR")) {
			kept = append(kept, line...)
		}
	}
	return string(kept[max(0, len(kept)-most):])
}
