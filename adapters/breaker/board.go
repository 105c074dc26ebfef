package breaker

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sony/gobreaker/v2"

	"loan310/app/clock"
	"loan310/app/fault"
)

// State is where a breaker stands.
type State string

// Breaker states.
const (
	Closed   State = "closed"
	HalfOpen State = "half_open"
	Open     State = "open"
)

func stateOf(state gobreaker.State) State {
	switch state {
	case gobreaker.StateOpen:
		return Open
	case gobreaker.StateHalfOpen:
		return HalfOpen
	default:
		return Closed
	}
}

// Status is one provider as an operator sees it. Counts run since the start
// of the process; latencies cover the last 512 calls that reached the
// provider. It holds no personal data.
type Status struct {
	Name                string
	State               State
	Requests            int64 // Successes + Failures + Rejected + Cancelled, once ended
	Successes           int64 // business answers included
	Failures            int64
	Rejected            int64 // breaker open or bulkhead full: never sent
	Cancelled           int64 // given up by the caller
	ConsecutiveFailures int64
	InFlight            int64
	P50, P95            time.Duration
	LastError           fault.Code // empty: none yet
	LastErrorAt         time.Time
	LastStateChange     time.Time // zero: never changed
}

// Board lists the guards of one process and counts their calls. It is a
// prometheus.Collector; register it once.
type Board struct {
	clock    clock.Clock
	logger   *slog.Logger
	requests *prometheus.CounterVec
	latency  *prometheus.HistogramVec
	state    *prometheus.Desc
	inFlight *prometheus.Desc

	meter Meter

	mu     sync.Mutex
	guards []*Guard
}

// Meter counts what is asked of providers, for what the context says.
type Meter interface {
	// Count counts an item, provider and op with a dot between them, once.
	Count(ctx context.Context, item string)
}

// Metered has every request that reaches a provider counted. It is called
// before the first guard is used.
func (b *Board) Metered(meter Meter) { b.meter = meter }

var _ prometheus.Collector = (*Board)(nil)

// NewBoard makes an empty board. The clock also measures latencies; state
// changes are logged.
func NewBoard(now clock.Clock, logger *slog.Logger) *Board {
	return &Board{
		clock:  now,
		logger: logger,
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "loan310_provider_requests_total",
			Help: "Calls to outside providers by outcome.",
		}, []string{"provider", "op", "result"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "loan310_provider_latency_seconds",
			Help:    "Time of calls that reached the provider.",
			Buckets: []float64{.002, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"provider", "op"}),
		state: prometheus.NewDesc("loan310_provider_breaker_state",
			"Breaker state: 0 closed, 1 half open, 2 open.", []string{"provider"}, nil),
		inFlight: prometheus.NewDesc("loan310_provider_in_flight",
			"Calls in flight.", []string{"provider"}, nil),
	}
}

// Statuses gives every guard's status, by name.
func (b *Board) Statuses() []Status {
	guards := b.list()
	statuses := make([]Status, 0, len(guards))
	for _, guard := range guards {
		statuses = append(statuses, guard.Status())
	}
	return statuses
}

// Describe sends the descriptions of the board's metrics.
func (b *Board) Describe(out chan<- *prometheus.Desc) {
	b.requests.Describe(out)
	b.latency.Describe(out)
	out <- b.state
	out <- b.inFlight
}

// Collect sends the board's metrics.
func (b *Board) Collect(out chan<- prometheus.Metric) {
	b.requests.Collect(out)
	b.latency.Collect(out)
	for _, guard := range b.list() {
		status := guard.Status()
		level := map[State]float64{Closed: 0, HalfOpen: 1, Open: 2}[status.State]
		out <- prometheus.MustNewConstMetric(b.state, prometheus.GaugeValue, level, status.Name)
		out <- prometheus.MustNewConstMetric(b.inFlight, prometheus.GaugeValue, float64(status.InFlight), status.Name)
	}
}

func (b *Board) list() []*Guard {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.guards)
}

func (b *Board) add(guard *Guard) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at, found := slices.BinarySearchFunc(b.guards, guard.Name(), func(g *Guard, name string) int {
		switch {
		case g.Name() < name:
			return -1
		case g.Name() > name:
			return 1
		default:
			return 0
		}
	})
	if found {
		b.guards[at] = guard
		return
	}
	b.guards = slices.Insert(b.guards, at, guard)
}

// changed runs under gobreaker's lock and must not call back into it.
func (b *Board) changed(name string, from, to gobreaker.State) {
	b.logger.Warn("provider breaker changed state",
		slog.String("provider", name),
		slog.String("from_state", string(stateOf(from))),
		slog.String("to_state", string(stateOf(to))))
}

// record counts one ended call.
func (b *Board) record(g *Guard, op string, v *verdict, begun time.Time) {
	now := b.clock()
	result, reached := resultOK, true
	if v != nil {
		result = v.result
		reached = v.class == classAnswered || v.class == classFailed
	}
	took := max(now.Sub(begun), 0)
	g.stats.end(v, took, reached, now)
	b.requests.WithLabelValues(g.Name(), op, result).Inc()
	if reached {
		b.latency.WithLabelValues(g.Name(), op).Observe(took.Seconds())
	}
}
