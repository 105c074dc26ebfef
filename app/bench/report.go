package bench

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Memory is what two processes hold, in bytes.
type Memory struct {
	When     string
	Ours     int64 // web, worker, sandbox and this benchmark in one process
	Temporal int64
}

func (b *bench) remember(r *Result, when string) {
	r.Memory = append(r.Memory, Memory{When: when, Ours: resident(os.Getpid()), Temporal: resident(b.dev.Temporal.PID())})
}

// resident gives a process's resident memory in bytes (VmRSS of
// /proc/PID/status), 0 where there is no /proc.
func resident(pid int) int64 {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kilobytes, _ := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			return kilobytes << 10
		}
	}
	return 0
}

func median(values []time.Duration) time.Duration {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[(len(values)-1)/2]
}

// Print writes the figures with their ratios to the floor.
func (r Result) Print(w io.Writer) {
	floor := (r.FloorBefore.PerSecond() + r.FloorAfter.PerSecond()) / 2
	fmt.Fprintf(w, "\n%-44s %9s %9s %7s %s\n", "what", "per s", "/ floor", "aim", "done (failed)")
	row := func(what string, rate Rate, aim string) {
		fmt.Fprintf(w, "%-44s %9.1f %9.2f %7s %d (%d)\n", what, rate.PerSecond(), rate.PerSecond()/floor, aim, rate.Done, rate.Failed)
	}
	row("empty workflow, before (floor)", r.FloorBefore, "")
	row("empty workflow, after (floor)", r.FloorAfter, "")
	row("draw, request to paid", r.Draws, "0.50")
	row("first loan, application to paid", r.Loans, "0.25")
	fmt.Fprintf(w, "\n%-44s %9s %9s %7s\n", "decision", "median ms", "more ms", "aim")
	for _, latency := range r.Latencies {
		fmt.Fprintf(w, "%-44s %9.1f %9.1f %7s\n", fmt.Sprintf("slowest provider takes %s more", latency.Provider),
			ms(latency.Decision), ms(latency.Decision-latency.Provider), "50")
	}
	fmt.Fprintf(w, "\n%-44s %9s %9s\n", "resident memory", "ours MB", "Temporal")
	for _, memory := range r.Memory {
		fmt.Fprintf(w, "%-44s %9d %9d\n", memory.When, memory.Ours>>20, memory.Temporal>>20)
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
