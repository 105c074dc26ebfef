package bench

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"loan310/app/demo"
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

// used gives a process's processor time (utime and stime of /proc/PID/stat,
// in hundredths of a second), 0 where there is no /proc.
func used(pid int) time.Duration {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), ") ") // the name may hold spaces
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond
}

// collectEvery is how often garbage is collected while a big merchant is
// decided, so that what is left is what reading it holds.
const collectEvery = 100 * time.Millisecond

// big decides on the merchant with many orders while the heap is watched.
func (b *bench) big(ctx context.Context, j *demo.Journey) (Big, error) {
	b.say("decision on a merchant with %d orders", b.options.BigOrders)
	before, most := held(), int64(0)
	stop := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		ticker := time.NewTicker(collectEvery)
		defer ticker.Stop()
		for {
			select {
			case <-stop:
				return
			case <-ticker.C:
				most = max(most, held())
			}
		}
	})
	application, err := b.decide(ctx, j)
	close(stop)
	watching.Wait()
	if err != nil {
		return Big{}, err
	}
	return Big{Orders: b.options.BigOrders, Decision: application.DecidedAt.Sub(application.SubmittedAt), Heap: max(most-before, 0)}, nil
}

// held collects garbage and gives the bytes of objects still in use.
func held() int64 {
	runtime.GC()
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return int64(min(sample[0].Value.Uint64(), math.MaxInt64))
}

func median(values []time.Duration) time.Duration {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[(len(values)-1)/2]
}

// sum adds up rates measured one after another.
func sum(rates []Rate) Rate {
	var all Rate
	for _, rate := range rates {
		all.Done, all.Failed, all.Took = all.Done+rate.Done, all.Failed+rate.Failed, all.Took+rate.Took
		all.Ours, all.Temporal = all.Ours+rate.Ours, all.Temporal+rate.Temporal
	}
	return all
}

// Print writes the figures with their ratios to the floor, and those of each
// round to the floors around it.
func (r Result) Print(w io.Writer) {
	floor := sum(r.Floors)
	fmt.Fprintf(w, "\n%-44s %9s %9s %7s %8s %8s %s\n", "what", "per s", "/ floor", "aim", "ours ms", "Temporal", "done (failed)")
	row := func(what string, rate, floor Rate, aim string) {
		fmt.Fprintf(w, "%-44s %9.1f %9.2f %7s %8.1f %8.1f %d (%d)\n", what, rate.PerSecond(), rate.PerSecond()/floor.PerSecond(), aim,
			ms(rate.Ours)/float64(rate.Done), ms(rate.Temporal)/float64(rate.Done), rate.Done, rate.Failed)
	}
	row("empty workflow (floor)", floor, floor, "")
	row("draw, request to paid", sum(r.Draws), floor, "0.50")
	row("first loan, application to paid", sum(r.Loans), floor, "0.25")
	for i := range r.Loans {
		around := sum(r.Floors[i : i+2])
		row(fmt.Sprintf("  round %d: floors before and after", i+1), around, around, "")
		row("    draws", r.Draws[i], around, "")
		row("    first loans", r.Loans[i], around, "")
	}
	fmt.Fprintf(w, "\n%-44s %9s %9s %7s\n", "decision", "median ms", "more ms", "aim")
	for _, latency := range r.Latencies {
		fmt.Fprintf(w, "%-44s %9.1f %9.1f %7s\n", fmt.Sprintf("slowest provider takes %s more", latency.Provider),
			ms(latency.Decision), ms(latency.Decision-latency.Provider), "50")
	}
	if r.Big.Orders > 0 {
		fmt.Fprintf(w, "%-44s %9.1f\n", fmt.Sprintf("merchant with %d orders", r.Big.Orders), ms(r.Big.Decision))
		fmt.Fprintf(w, "%-44s %9d\n", "  held above that before, MB", r.Big.Heap>>20)
	}
	fmt.Fprintf(w, "\n%-44s %9s %9s\n", "resident memory", "ours MB", "Temporal")
	for _, memory := range r.Memory {
		fmt.Fprintf(w, "%-44s %9d %9d\n", memory.When, memory.Ours>>20, memory.Temporal>>20)
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
