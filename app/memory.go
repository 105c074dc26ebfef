package main

import (
	"os"
	"runtime/debug"
)

// memoryFlags are what the commands that serve share: they have a small live
// heap and much short-lived data, so that collecting half as often or less
// saves processor time for little memory, which the soft limit bounds.
type memoryFlags struct {
	GCPercent   int `name:"gc-percent" help:"How much the heap may grow between two garbage collections, in percent of what is in use. GOGC goes before it." default:"400" env:"LOAN310_GC_PERCENT"`
	MemoryLimit int `help:"Memory in MiB from which garbage is collected more often, whatever --gc-percent says; 0 = none. GOMEMLIMIT goes before it." default:"1024" env:"LOAN310_MEMORY_LIMIT"`
}

// apply sets the runtime's garbage collection, where the operator has not set
// it by the runtime's own variables.
func (m memoryFlags) apply() {
	if os.Getenv("GOGC") == "" && m.GCPercent > 0 {
		debug.SetGCPercent(m.GCPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" && m.MemoryLimit > 0 {
		debug.SetMemoryLimit(int64(m.MemoryLimit) << 20)
	}
}
