package stack_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/app/stack"
)

// TestTemporalServerIsToldByFlagsAlone starts a stand-in that notes what it is
// told: variables meant for another server must not reach this one.
func TestTemporalServerIsToldByFlagsAlone(t *testing.T) {
	for _, name := range []string{"POSTGRES", "NAMESPACE", "NO_UI", "DB", "PORT"} {
		t.Setenv("LOAN310_TEMPORAL_"+name, "another")
	}
	t.Setenv("LOAN310_LOG_LEVEL", "debug")
	dir := t.TempDir()
	standIn := filepath.Join(dir, "temporal-server")
	script := "#!/bin/sh\nenv > " + dir + "/env\necho \"$@\" > " + dir + "/args\necho temporal ready grpc=127.0.0.1:1 ui=\ncat > /dev/null\n"
	require.NoError(t, os.WriteFile(standIn, []byte(script), 0o700))
	server, err := stack.StartTemporal(t.Context(), stack.TemporalOptions{Binary: standIn, Database: "file.db", Host: "127.0.0.1", Port: 7, UIPort: 8})
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:1", server.Address)
	require.NoError(t, server.Stop())

	environment, err := os.ReadFile(filepath.Join(dir, "env"))
	require.NoError(t, err)
	require.NotContains(t, string(environment), "LOAN310_TEMPORAL_")
	require.Contains(t, string(environment), "LOAN310_LOG_LEVEL=debug")
	require.Contains(t, string(environment), "PATH=")
	args, err := os.ReadFile(filepath.Join(dir, "args"))
	require.NoError(t, err)
	require.Equal(t, "--exit-with-parent --ip 127.0.0.1 --port 7 --ui-port 8 --namespace loan310 --db file.db", strings.TrimSpace(string(args)))
}
