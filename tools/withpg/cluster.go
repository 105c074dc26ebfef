package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

const (
	readyTimeout = 60 * time.Second
	stopTimeout  = 10 * time.Second
	portAttempts = 5
)

// cluster is a running server with its own data folder, socket folder and port.
type cluster struct {
	dir    string
	port   int
	cmd    *exec.Cmd
	exited chan struct{} // closed when the server is gone
}

func startCluster(ctx context.Context, bin string) (*cluster, error) {
	credential, err := unprivileged()
	if err != nil {
		return nil, err
	}
	// Not under TMPDIR: a socket's path may have 107 characters at most, and some temporary folders are longer.
	dir, err := os.MkdirTemp("/tmp", "withpg-")
	if err != nil {
		return nil, fmt.Errorf("make cluster folder: %w", err)
	}
	c := &cluster{dir: dir}
	if err := c.start(ctx, bin, credential); err != nil {
		return nil, errors.Join(err, c.stop(false))
	}
	return c, nil
}

func (c *cluster) start(ctx context.Context, bin string, credential *syscall.Credential) error {
	if credential != nil {
		if err := os.Chown(c.dir, int(credential.Uid), int(credential.Gid)); err != nil {
			return fmt.Errorf("hand over cluster folder: %w", err)
		}
	}
	initdb := exec.CommandContext(ctx, filepath.Join(bin, "initdb"),
		"--pgdata="+c.data(), "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
	initdb.SysProcAttr = attributes(credential)
	initdb.Dir = c.dir
	if output, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, bytes.TrimSpace(output))
	}
	// Another process may take the free port before the server does.
	var err error
	for range portAttempts {
		if err = c.startServer(ctx, bin, credential); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}

func (c *cluster) startServer(ctx context.Context, bin string, credential *syscall.Credential) error {
	port, err := freePort(ctx)
	if err != nil {
		return err
	}
	logs, err := os.Create(filepath.Join(c.dir, "log"))
	if err != nil {
		return fmt.Errorf("create log: %w", err)
	}
	defer func() { _ = logs.Close() }()

	// A signal reaches the command first: it gets its time to end before the server does.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), filepath.Join(bin, "postgres"), "-D", c.data(),
		"-c", "listen_addresses=127.0.0.1",
		"-c", "port="+strconv.Itoa(port),
		"-c", "unix_socket_directories="+c.dir,
		"-c", "max_connections=300",
		"-c", "shared_buffers=128MB",
		"-c", "fsync=off",
		"-c", "synchronous_commit=off",
		"-c", "full_page_writes=off",
		"-c", "timezone=UTC",
		// Parallel queries want more of /dev/shm than small containers have.
		"-c", "max_parallel_workers_per_gather=0",
	)
	cmd.SysProcAttr = attributes(credential)
	cmd.Dir = c.dir
	cmd.Stdout, cmd.Stderr = logs, logs
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start postgres: %w", err)
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = cmd.Wait()
	}()
	c.port, c.cmd, c.exited = port, cmd, exited
	return c.awaitReady(ctx)
}

// awaitReady waits for the last line of postmaster.pid, which the server sets once it takes connections.
func (c *cluster) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		pid, err := os.ReadFile(filepath.Join(c.data(), "postmaster.pid"))
		if err == nil && bytes.HasSuffix(bytes.TrimSpace(pid), []byte("ready")) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for postgres: %w: %s", ctx.Err(), c.log())
		case <-c.exited:
			return fmt.Errorf("postgres ended while starting: %s", c.log())
		case <-ticker.C:
		}
	}
}

// stop ends the server and removes its files, unless they are to be kept.
func (c *cluster) stop(keep bool) error {
	if c.cmd != nil {
		// A fast shutdown drops the connections that are left; what is slower than that may as well be killed.
		_ = c.cmd.Process.Signal(syscall.SIGINT)
		select {
		case <-c.exited:
		case <-time.After(stopTimeout):
			_ = c.cmd.Process.Signal(syscall.SIGQUIT)
			<-c.exited
		}
	}
	if keep {
		return nil
	}
	if err := os.RemoveAll(c.dir); err != nil {
		return fmt.Errorf("remove cluster folder: %w", err)
	}
	return nil
}

// url connects over TCP: not every driver takes a socket folder in a URL.
func (c *cluster) url() string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", c.port)
}

func (c *cluster) data() string { return filepath.Join(c.dir, "data") }

func (c *cluster) log() []byte {
	text, _ := os.ReadFile(filepath.Join(c.dir, "log"))
	return bytes.TrimSpace(text)
}

// unprivileged says as whom to run: PostgreSQL refuses to run as root. Nil means as ourselves.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		account, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(account.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(account.Gid, 10, 32)
		if err := errors.Join(uidErr, gidErr); err != nil {
			return nil, fmt.Errorf("read ids of user %s: %w", name, err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("running as root, and neither user postgres nor nobody exists to run PostgreSQL as")
}

// attributes keep the terminal's Ctrl-C from the server: the command needs it to the end.
func attributes(credential *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: credential, Setpgid: true}
}

func freePort(ctx context.Context) (int, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		return 0, errors.Join(errors.New("find a free port: not a TCP address"), listener.Close())
	}
	return address.Port, listener.Close()
}
