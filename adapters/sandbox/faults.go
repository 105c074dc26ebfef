package sandbox

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"loan310/app/clock"
)

// Faults are what goes wrong at one provider. Shares lie between 0 and 1 and
// are drawn for each request from a generator seeded with Seed, so a run can
// be repeated. The zero value is a healthy provider.
type Faults struct {
	// LatencyMS is added to every request, and up to JitterMS more.
	LatencyMS int `json:"latency_ms,omitempty"`
	JitterMS  int `json:"jitter_ms,omitempty"`
	// TimeoutShare hangs, without doing anything, until the client gives up.
	TimeoutShare float64 `json:"timeout_share,omitempty"`
	// Error5xxShare and Error429Share are answered without doing anything.
	Error5xxShare float64 `json:"error_5xx_share,omitempty"`
	Error429Share float64 `json:"error_429_share,omitempty"`
	// MalformedShare does the work and answers with a cut, garbled body.
	MalformedShare float64 `json:"malformed_share,omitempty"`
	// SlowStreamBytesPerS throttles bodies.
	SlowStreamBytesPerS int `json:"slow_stream_bytes_per_s,omitempty"`
	// StaleDays moves the data-as-of moment back.
	StaleDays int `json:"stale_days,omitempty"`
	// Down closes connections without an answer.
	Down bool `json:"down,omitempty"`
	// Seed of the draws.
	Seed uint64 `json:"seed,omitempty"`
	// ForRequests heals the provider after so many requests; 0 = never.
	ForRequests int `json:"for_requests,omitempty"`

	// LostAnswerShare books and pays a transfer, then drops the connection.
	// This and the next three are for the payout rail only.
	LostAnswerShare float64 `json:"lost_answer_share,omitempty"`
	// PendingShare of new transfers stay pending for PendingMS (0 = 2000).
	PendingShare float64 `json:"pending_share,omitempty"`
	PendingMS    int     `json:"pending_ms,omitempty"`
	// RefuseShare of new transfers fail for good.
	RefuseShare float64 `json:"refuse_share,omitempty"`
	// RefuseCode is the code they fail with. Empty means PAYEE_CARD_INFO_ERROR.
	RefuseCode string `json:"refuse_code,omitempty"`
}

// check refuses values out of range, and the rail's faults elsewhere.
func (f Faults) check(kind string) error {
	for name, share := range map[string]float64{
		"timeout_share": f.TimeoutShare, "error_5xx_share": f.Error5xxShare,
		"error_429_share": f.Error429Share, "malformed_share": f.MalformedShare,
		"lost_answer_share": f.LostAnswerShare, "pending_share": f.PendingShare, "refuse_share": f.RefuseShare,
	} {
		if !(share >= 0 && share <= 1) {
			return fmt.Errorf("%s must lie between 0 and 1", name)
		}
	}
	for name, count := range map[string]int{
		"latency_ms": f.LatencyMS, "jitter_ms": f.JitterMS, "slow_stream_bytes_per_s": f.SlowStreamBytesPerS,
		"stale_days": f.StaleDays, "for_requests": f.ForRequests, "pending_ms": f.PendingMS,
	} {
		if count < 0 || count > 100_000_000 {
			return fmt.Errorf("%s is out of range", name)
		}
	}
	if kind != Payout && (f.LostAnswerShare > 0 || f.PendingShare > 0 || f.PendingMS > 0 || f.RefuseShare > 0) {
		return fmt.Errorf("lost answers, pending and refused transfers are for %s only", Payout)
	}
	return nil
}

// draw is what happens to one request.
type draw struct {
	latency        time.Duration
	down, hang     bool
	status         int // 0 = none
	malformedAfter int // bytes; -1 = well formed
	bytesPerSecond int
	staleDays      int
	loseAnswer     bool
	pendingFor     time.Duration
	refuse         bool
	refuseCode     string
}

// faultEngine decides what happens to each request of each kind.
type faultEngine struct {
	clock   clock.Clock
	kinds   map[string]*kindFaults // fixed after newFaultEngine
	profile atomic.Pointer[profile]
}

// kindFaults is one provider's state.
type kindFaults struct {
	place    int // in Kinds
	received atomic.Int64
	active   atomic.Bool // set is not nil; spares healthy providers the lock

	mu   sync.Mutex
	set  *Faults
	left int // requests until set expires; 0 = never
	rng  *rand.Rand
}

func newFaultEngine(now clock.Clock) *faultEngine {
	engine := &faultEngine{clock: now, kinds: map[string]*kindFaults{}}
	for place, kind := range Kinds() {
		engine.kinds[kind] = &kindFaults{place: place, rng: newRand(0, place)}
	}
	return engine
}

func newRand(seed uint64, place int) *rand.Rand {
	return rand.New(rand.NewPCG(seed, uint64(place))) //nolint:gosec // repeatable on purpose
}

func (e *faultEngine) requests(kind string) int64 {
	if k, ok := e.kinds[kind]; ok {
		return k.received.Load()
	}
	return 0
}

// put sets a kind's faults and restarts its draws.
func (e *faultEngine) put(kind string, faults Faults) error {
	k, ok := e.kinds[kind]
	if !ok {
		return fmt.Errorf("no provider of that kind; there are %v", Kinds())
	}
	if err := faults.check(kind); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.set, k.left, k.rng = &faults, faults.ForRequests, newRand(faults.Seed, k.place)
	k.active.Store(true)
	return nil
}

// clear heals one kind, or all of them when kind is empty.
func (e *faultEngine) clear(kind string) {
	for name, k := range e.kinds {
		if kind != "" && kind != name {
			continue
		}
		k.mu.Lock()
		k.set, k.left = nil, 0
		k.active.Store(false)
		k.mu.Unlock()
	}
}

// current gives the faults in force by kind, a profile's included.
func (e *faultEngine) current() map[string]Faults {
	current := map[string]Faults{}
	for name, k := range e.kinds {
		k.mu.Lock()
		if set := e.inForce(k); set != nil {
			current[name] = *set
		}
		k.mu.Unlock()
	}
	return current
}

// inForce gives a kind's own faults, else the profile's; k.mu is held.
func (e *faultEngine) inForce(k *kindFaults) *Faults {
	if k.set != nil {
		return k.set
	}
	if p := e.profile.Load(); p != nil {
		faults := p.at(k.place, e.clock())
		return &faults
	}
	return nil
}

// next draws what happens to the next request of a kind; nil is nothing.
func (e *faultEngine) next(kind string) *draw {
	k := e.kinds[kind]
	k.received.Add(1)
	if !k.active.Load() && e.profile.Load() == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	set := e.inForce(k)
	if set == nil {
		return nil
	}
	drawn := set.draw(k.rng)
	if k.set != nil && k.left > 0 {
		if k.left--; k.left == 0 {
			k.set = nil
			k.active.Store(false)
		}
	}
	return drawn
}

// draw always takes the same number of draws, so that one fault's share does
// not shift another's.
func (f Faults) draw(rng *rand.Rand) *draw {
	hit := func(share float64) bool { return rng.Float64() < share }
	jitter := time.Duration(rng.Float64() * float64(f.JitterMS) * float64(time.Millisecond))
	drawn := &draw{
		latency:        time.Duration(f.LatencyMS)*time.Millisecond + jitter,
		down:           f.Down,
		hang:           hit(f.TimeoutShare),
		malformedAfter: -1,
		bytesPerSecond: f.SlowStreamBytesPerS,
		staleDays:      f.StaleDays,
	}
	failed, limited := hit(f.Error5xxShare), hit(f.Error429Share)
	status := []int{500, 502, 503}[rng.IntN(3)]
	switch {
	case failed:
		drawn.status = status
	case limited:
		drawn.status = 429
	}
	if after := rng.IntN(48); hit(f.MalformedShare) {
		drawn.malformedAfter = after
	}
	drawn.loseAnswer = hit(f.LostAnswerShare)
	if hit(f.PendingShare) {
		drawn.pendingFor = time.Duration(f.PendingMS) * time.Millisecond
		if f.PendingMS == 0 {
			drawn.pendingFor = 2 * time.Second
		}
	}
	drawn.refuse, drawn.refuseCode = hit(f.RefuseShare), f.RefuseCode
	return drawn
}

// profile is a set of faults for all kinds that changes with time.
type profile struct {
	name  string
	since time.Time
	step  time.Duration
}

// Profiles of the control API.
const (
	ProfileNone    = "none"
	ProfileHostile = "hostile"
)

// at gives a kind's faults at a moment: the modes come around in turn, each
// kind one mode further than the one before it.
func (p *profile) at(place int, now time.Time) Faults {
	phase := int(max(now.Sub(p.since), 0) / p.step)
	modes := []Faults{
		{LatencyMS: 300, JitterMS: 1200},
		{},
		{Error5xxShare: 0.5},
		{TimeoutShare: 0.3},
		{},
		{Error429Share: 0.4, LatencyMS: 100},
		{MalformedShare: 0.3, StaleDays: 60},
		{Down: true},
		{SlowStreamBytesPerS: 16_384, JitterMS: 500},
	}
	faults := modes[(phase+place)%len(modes)]
	if place == slices.Index(Kinds(), Payout) {
		faults.LostAnswerShare, faults.PendingShare, faults.PendingMS, faults.RefuseShare = 0.25, 0.2, 1500, 0.05
	}
	return faults
}

// use switches to a profile.
func (e *faultEngine) use(name string, step time.Duration) error {
	switch name {
	case ProfileNone:
		e.profile.Store(nil)
	case ProfileHostile:
		if step <= 0 {
			step = 5 * time.Second
		}
		e.profile.Store(&profile{name: name, since: e.clock(), step: step})
	default:
		return fmt.Errorf("no such profile; there are %s and %s", ProfileHostile, ProfileNone)
	}
	return nil
}
