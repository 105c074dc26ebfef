package main

import (
	"math"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMemoryFlags changes the settings of the runtime: nothing may run beside it.
func TestMemoryFlags(t *testing.T) { //nolint:paralleltest // it changes the runtime
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(math.MaxInt64)
	t.Cleanup(func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	})
	settings := func() (int, int64) {
		percent := debug.SetGCPercent(100)
		debug.SetGCPercent(percent)
		return percent, debug.SetMemoryLimit(-1)
	}
	for _, c := range []struct {
		rule            string
		gogc, gomemory  string
		flags           memoryFlags
		percent, megabs int64
	}{
		{"the flags hold", "", "", memoryFlags{300, 512}, 300, 512},
		{"the runtime's own variables go before them", "150", "64MiB", memoryFlags{300, 512}, 100, math.MaxInt64 >> 20},
		{"no limit", "", "", memoryFlags{300, 0}, 300, math.MaxInt64 >> 20},
	} {
		t.Setenv("GOGC", c.gogc)
		t.Setenv("GOMEMLIMIT", c.gomemory)
		debug.SetGCPercent(100)
		debug.SetMemoryLimit(math.MaxInt64)
		c.flags.apply()
		percent, limit := settings()
		require.Equal(t, int(c.percent), percent, c.rule)
		require.Equal(t, c.megabs, limit>>20, c.rule)
	}
}
