package stack_test

import (
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/app/fault"
	"loan310/app/stack"
)

func TestListenErrorSaysWhy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		err  error
		code fault.Code
		kind fault.Kind
		says string
	}{
		{"taken", syscall.EADDRINUSE, stack.CodePort, fault.Unavailable, "h:1 is taken by another program: stop it, or choose another with --listen"},
		{"not permitted", syscall.EACCES, stack.CodePortDenied, fault.Invalid, "h:1 needs a permission this program does not have"},
		{"not ours", syscall.EADDRNOTAVAIL, stack.CodeNoAddress, fault.Invalid, "h:1 is no address of this machine: choose one that is with --listen"},
		{"anything else", syscall.EMFILE, fault.CodeInternal, fault.Internal, "listen on h:1 (--listen): listen tcp"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cause := &net.OpError{Op: "listen", Net: "tcp", Err: os.NewSyscallError("bind", c.err)}
			err := stack.ListenError("h:1", "--listen", cause)
			require.ErrorContains(t, err, c.says)
			require.Equal(t, c.code, fault.CodeOf(err))
			require.Equal(t, c.kind, fault.KindOf(err))
			require.ErrorIs(t, err, c.err, "the cause stays")
		})
	}
	t.Run("as the system says it", func(t *testing.T) {
		t.Parallel()
		listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer func() { require.NoError(t, listener.Close()) }()
		_, err = new(net.ListenConfig).Listen(t.Context(), "tcp", listener.Addr().String())
		require.Equal(t, stack.CodePort, fault.CodeOf(stack.ListenError("a", "f", err)))
		_, err = new(net.ListenConfig).Listen(t.Context(), "tcp", "192.0.2.1:0") // TEST-NET-1 is nobody's
		require.Equal(t, stack.CodeNoAddress, fault.CodeOf(stack.ListenError("a", "f", err)))
	})
}
