package e2e_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// cluster is a PostgreSQL server of the test's own that may be killed: unlike
// that of withpg it hands every commit to the kernel before it says so.
type cluster struct {
	bin, dir, port string
	as             *syscall.Credential
}

// newCluster makes the server's files. withpg says where its programs are.
func newCluster(t *testing.T) *cluster {
	t.Helper()
	bin := os.Getenv("LOAN310_TEST_POSTGRES_BIN")
	if bin == "" {
		require.NotEqual(t, "1", os.Getenv("LOAN310_REQUIRE_POSTGRES"), "LOAN310_TEST_POSTGRES_BIN is not set: run under .bin/withpg")
		t.Skip("no PostgreSQL to kill: run under .bin/withpg")
	}
	dir, err := os.MkdirTemp("/tmp", "loan310-killed-") //nolint:usetesting // another user must reach it, and test folders are closed to others
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	c := &cluster{bin: bin, dir: dir, as: unprivileged(t)}
	if c.as != nil {
		require.NoError(t, os.Chown(dir, int(c.as.Uid), int(c.as.Gid)))
	}
	initdb := exec.CommandContext(t.Context(), filepath.Join(bin, "initdb"), "--pgdata="+filepath.Join(dir, "data"),
		"--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
	initdb.SysProcAttr, initdb.Dir = &syscall.SysProcAttr{Credential: c.as}, dir
	said, err := initdb.CombinedOutput()
	require.NoError(t, err, "%s", said)
	_, c.port, err = net.SplitHostPort(freeAddress(t))
	require.NoError(t, err)
	return c
}

// unprivileged is whom PostgreSQL runs as where we are root, which it refuses.
func unprivileged(t *testing.T) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		account, err = user.Lookup("nobody")
	}
	require.NoError(t, err)
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	require.NoError(t, err)
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	require.NoError(t, err)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func (c *cluster) url() string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%s/postgres?sslmode=disable", c.port)
}

// command gives the server, to be started.
func (c *cluster) command() *exec.Cmd {
	command := exec.Command(filepath.Join(c.bin, "postgres"), "-D", filepath.Join(c.dir, "data"), //nolint:noctx // killed by the test itself
		"-c", "listen_addresses=127.0.0.1", "-c", "port="+c.port, "-c", "unix_socket_directories=", "-c", "max_connections=100",
		"-c", "shared_buffers=32MB", "-c", "fsync=off", "-c", "timezone=UTC", "-c", "max_parallel_workers_per_gather=0")
	command.SysProcAttr = &syscall.SysProcAttr{Credential: c.as, Setpgid: true}
	command.Dir = c.dir
	return command
}

// answers waits until the server takes a query; it recovers first.
func (c *cluster) answers(ctx context.Context) error {
	for {
		conn, err := pgx.Connect(ctx, c.url())
		if err == nil {
			_, err = conn.Exec(ctx, "SELECT 1")
			_ = conn.Close(ctx)
		}
		if err == nil || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}
