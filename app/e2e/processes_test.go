package e2e_test

import (
	"bufio"
	"context"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// kept is a program that is started again whenever it ends, as a supervisor
// does in production.
type kept struct {
	name    string
	command func() *exec.Cmd
	ready   func(context.Context) error // beside saying so; nil = saying so is enough
	says    string                      // what a line of its output begins with once it is up; empty = nothing
	log     *journal
	pause   func() time.Duration // before it is started again
	signals []syscall.Signal     // it is killed by, in turns; nil = SIGKILL

	mu     sync.Mutex
	proc   *exec.Cmd // nil = not up
	kills  int
	failed int // starts that came to nothing
	done   chan struct{}
}

// keep starts the program and starts it again until ctx ends, when it is
// stopped politely.
func (k *kept) keep(ctx context.Context) {
	k.done = make(chan struct{})
	go func() {
		defer close(k.done)
		for ctx.Err() == nil {
			if !k.once(ctx) {
				k.mu.Lock()
				k.failed++
				k.mu.Unlock()
			}
			select {
			case <-ctx.Done():
			case <-time.After(k.pause()):
			}
		}
	}()
}

// once runs the program to its end and tells whether it ever was up.
func (k *kept) once(ctx context.Context) bool {
	command := k.command()
	command.Stderr = k.log
	said, err := command.StdoutPipe()
	var stdin io.Closer
	if err == nil {
		stdin, err = command.StdinPipe() // Temporal watches it and ends when we do
	}
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		return false
	}
	up, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		told := false
		for lines := bufio.NewScanner(said); lines.Scan(); {
			if !told && k.says != "" && strings.HasPrefix(lines.Text(), k.says) {
				told = true
				close(up)
			}
		}
		_ = command.Wait()
		_ = stdin.Close()
	}()
	starting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if k.ready != nil {
		go func() {
			<-gone
			cancel()
		}()
		if k.ready(starting) == nil {
			close(up)
		}
	}
	was := false
	select {
	case <-up:
		was = true
		k.set(command)
		select {
		case <-gone:
		case <-ctx.Done():
		}
		k.set(nil)
	case <-gone:
	case <-starting.Done():
	}
	k.end(command, gone, ctx.Err() != nil && was)
	return was
}

// end makes sure that the program is gone.
func (k *kept) end(command *exec.Cmd, gone <-chan struct{}, politely bool) {
	if politely {
		_ = command.Process.Signal(syscall.SIGTERM)
		select {
		case <-gone:
			return
		case <-time.After(30 * time.Second):
		}
	}
	_ = command.Process.Kill()
	<-gone
}

func (k *kept) set(command *exec.Cmd) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.proc = command
}

// up tells whether the program is.
func (k *kept) up() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.proc != nil
}

// kill ends the program as a power cut would, where it is up.
func (k *kept) kill() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.proc == nil {
		return false
	}
	signal := syscall.SIGKILL
	if len(k.signals) > 0 {
		signal = k.signals[k.kills%len(k.signals)]
	}
	k.kills++
	_ = k.proc.Process.Signal(signal)
	k.proc = nil
	return true
}

// awaitUp waits until the program is up.
func (k *kept) awaitUp(ctx context.Context) error {
	for !k.up() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}
