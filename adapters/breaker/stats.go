package breaker

import (
	"slices"
	"sync"
	"time"

	"loan310/app/fault"
)

// samples is how many latencies a guard remembers.
const samples = 512

// stats are a guard's counters since the start of the process.
type stats struct {
	mu                                                 sync.Mutex
	requests, successes, failures, rejected, cancelled int64
	consecutive, inFlight                              int64
	took                                               [samples]time.Duration
	taken                                              int
	lastError                                          fault.Code
	lastErrorAt, lastChange                            time.Time
}

func (s *stats) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	s.inFlight++
}

func (s *stats) changed(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastChange = at
}

func (s *stats) end(v *verdict, took time.Duration, reached bool, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight--
	if reached {
		s.took[s.taken%samples] = took
		s.taken++
	}
	switch {
	case v == nil || v.class == classAnswered:
		s.successes++
		s.consecutive = 0
		return
	case v.class == classFailed:
		s.failures++
		s.consecutive++
	case v.result == resultOpen || v.result == resultFull:
		s.rejected++
	default:
		s.cancelled++
		return
	}
	s.lastError, s.lastErrorAt = fault.CodeOf(v.err), at
}

// Status gives the guard's status now.
func (g *Guard) Status() Status {
	state := stateOf(g.circuit.State()) // before our lock: gobreaker calls changed under its own
	s := &g.stats
	s.mu.Lock()
	defer s.mu.Unlock()
	recent := slices.Clone(s.took[:min(s.taken, samples)])
	slices.Sort(recent)
	return Status{
		Name: g.Name(), State: state,
		Requests: s.requests, Successes: s.successes, Failures: s.failures,
		Rejected: s.rejected, Cancelled: s.cancelled,
		ConsecutiveFailures: s.consecutive, InFlight: s.inFlight,
		P50: quantile(recent, 50), P95: quantile(recent, 95),
		LastError: s.lastError, LastErrorAt: s.lastErrorAt, LastStateChange: s.lastChange,
	}
}

// quantile gives the nearest-rank percentile of sorted values, zero of none.
func quantile(sorted []time.Duration, percent int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := (len(sorted)*percent + 99) / 100
	return sorted[max(rank-1, 0)]
}
