package store_test

import (
	"context"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/adapters/store"
	"loan310/app/clock"
	"loan310/app/drawdown"
	"loan310/app/fault"
	"loan310/app/money"
	"loan310/app/underwriting"
)

// The environment that turns TestDrawInAChildProcess into the child.
const (
	childDSN  = "LOAN310_STORE_CHILD_DSN"
	childKeys = "LOAN310_STORE_CHILD_KEYS"
	childLine = "LOAN310_STORE_CHILD_LINE"
)

// childDraws is how many drawdowns of 30 each process tries.
const childDraws = 25

// Several processes draw on one line at once: together they never exceed it.
func TestProcessesShareADatabase(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		line := s.line(t, 1_000_00)
		self, err := os.Executable()
		require.NoError(t, err)
		answers := inParallel(3, func(int) (string, error) {
			child := exec.CommandContext(t.Context(), self, "-test.run=^TestDrawInAChildProcess$", "-test.count=1")
			child.Env = append(os.Environ(), childDSN+"="+s.config.DSN, childKeys+"="+string(s.keys), childLine+"="+line.ID)
			output, err := child.CombinedOutput()
			return string(output), err
		})
		for _, answer := range answers {
			require.NoError(t, answer.err, answer.value)
		}
		view, err := s.Drawdowns().Line(t.Context(), line.ID)
		require.NoError(t, err)
		require.Equal(t, money.Amount(990_00), view.Used, "75 draws of 30 on 1,000: 33 fit")
		s.sound(t)
	})
}

// TestDrawInAChildProcess is the other end of TestProcessesShareADatabase.
func TestDrawInAChildProcess(t *testing.T) {
	t.Parallel()
	if os.Getenv(childDSN) == "" {
		t.Skip("runs only as a child of TestProcessesShareADatabase")
	}
	keys, err := store.ParseKeys([]byte(os.Getenv(childKeys)))
	require.NoError(t, err)
	s := &suite{config: store.Config{DSN: os.Getenv(childDSN), Keys: keys, Clock: clock.Fixed(now())}}
	s.DB = s.open(t)
	view, err := s.Drawdowns().Line(t.Context(), os.Getenv(childLine))
	require.NoError(t, err)
	line := underwriting.Line{ID: view.ID, MerchantID: view.MerchantID}
	for range childDraws {
		d := s.drawdown(t, line, 30_00)
		stored, _ := s.reserve(t, d)
		require.Contains(t, []drawdown.State{drawdown.Paying, drawdown.Failed}, stored.State)
	}
}

// While another process writes to the file, callers wait as long as they
// want to, and no longer.
func TestSQLiteWaitsForAnotherWriter(t *testing.T) {
	t.Parallel()
	s := onSQLite(t, "")
	require.NoError(t, s.Migrate(t.Context()))
	line := s.line(t, 1_000_00)
	other, err := s.pool(t).Conn(t.Context())
	require.NoError(t, err)
	_, err = other.ExecContext(t.Context(), "BEGIN IMMEDIATE")
	require.NoError(t, err)

	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	d := newDrawdown(line, 100)
	_, err = s.Drawdowns().Create(ctx, d, entry("drawdown.requested", "drawdown/"+d.ID))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = s.Drawdowns().Line(t.Context(), line.ID)
	require.NoError(t, err, "readers do not wait")

	waiting := make(chan error, 1)
	go func() {
		_, err := s.Drawdowns().Create(t.Context(), d, entry("drawdown.requested", "drawdown/"+d.ID))
		waiting <- err
	}()
	select {
	case err := <-waiting:
		require.Fail(t, "did not wait", "%v", err)
	case <-time.After(50 * time.Millisecond):
	}
	_, err = other.ExecContext(t.Context(), "ROLLBACK")
	require.NoError(t, err)
	require.NoError(t, <-waiting)
	require.NoError(t, other.Close())
}

// A deadlock with somebody who locks in another order is survived.
func TestPostgresDeadlockIsRetried(t *testing.T) {
	t.Parallel()
	s := onPostgres(t)
	require.NoError(t, s.Migrate(t.Context()))
	line := s.line(t, 1_000_00)
	d := s.drawdown(t, line, 100)
	other, err := s.pool(t).BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = other.ExecContext(t.Context(), "UPDATE lines SET version = version WHERE id = $1", line.ID)
	require.NoError(t, err)
	reserved := make(chan error, 1)
	go func() {
		_, _, err := s.Drawdowns().Reserve(t.Context(), d.ID, newPayout(d), promised(d), entry("drawdown.reserved", "drawdown/"+d.ID))
		reserved <- err
	}()
	time.Sleep(100 * time.Millisecond)                                                                  // it holds the drawdown now
	_, _ = other.ExecContext(t.Context(), "UPDATE drawdowns SET version = version WHERE id = $1", d.ID) // one of us is the victim
	require.NoError(t, other.Rollback())
	require.NoError(t, <-reserved)
	s.sound(t)
}

// A panic inside a transaction is its caller's error and nobody else's.
func TestSQLiteSurvivesAPanicInATransaction(t *testing.T) {
	t.Parallel()
	s := onSQLite(t, "")
	require.NoError(t, s.Migrate(t.Context()))
	var armed atomic.Bool
	s.config.Clock = func() time.Time {
		if armed.Load() {
			panic("the clock broke")
		}
		return now()
	}
	db := s.open(t)
	_, err := db.Idempotency().Begin(t.Context(), "s", "k", "h", now())
	require.NoError(t, err)
	armed.Store(true)
	err = db.Idempotency().Finish(t.Context(), "s", "k", store.StoredResponse{Status: 200})
	requireFault(t, err, fault.Internal, fault.CodeInternal)
	armed.Store(false)
	require.NoError(t, db.Idempotency().Finish(t.Context(), "s", "k", store.StoredResponse{Status: 201}))
	stored, err := db.Idempotency().Begin(t.Context(), "s", "k", "h", now())
	require.NoError(t, err)
	require.Equal(t, 201, stored.Status)
}
