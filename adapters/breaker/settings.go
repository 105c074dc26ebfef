package breaker

import (
	"time"

	"github.com/sony/gobreaker/v2"
)

// Settings are one provider's limits. Every zero value has a meaning, given
// with its field.
type Settings struct {
	// Name of the provider on the board and in metrics; required.
	Name string

	// Window is the span of the rolling count of requests and failures.
	// Zero means 30 seconds.
	Window time.Duration
	// Bucket is the step in which the window rolls. Zero means a tenth of
	// Window.
	Bucket time.Duration
	// MinRequests is how many requests the window must hold before the ratio
	// counts. Zero means 10.
	MinRequests uint32
	// FailureRatio (0..1) of the window's requests that opens the breaker.
	// Zero means 0.5.
	FailureRatio float64
	// Consecutive failures that open the breaker whatever the ratio. Zero
	// means 5.
	Consecutive uint32
	// OpenFor is how long the breaker stays open before it lets probes
	// through. Zero means 5 seconds.
	OpenFor time.Duration
	// MaxRequests is how many probes may pass while half open, all of which
	// must succeed to close it. Zero means 1.
	MaxRequests uint32

	// Budget is the longest one call may take, waiting for the bulkhead and
	// reading the body included. Zero means 5 seconds. Callers' own deadlines
	// should lie above it: a call its caller gave up is not counted.
	Budget time.Duration

	// MaxConcurrent calls in flight. Zero means 64.
	MaxConcurrent uint
	// MaxWait for a free place. Zero means not to wait.
	MaxWait time.Duration

	// HedgeAfter starts a second attempt of a HedgedRead that has not been
	// answered by then. Zero means never.
	HedgeAfter time.Duration
}

// Or gives the settings with a name, a budget and a number of places where
// they have none of their own.
func (s Settings) Or(name string, budget time.Duration, places uint) Settings {
	setDefault(&s.Name, name)
	Default(&s.Budget, budget)
	setDefault(&s.MaxConcurrent, places)
	return s
}

// Default fills in a limit that is not set, which any but a positive one is.
func Default[T int | time.Duration](limit *T, otherwise T) {
	if *limit <= 0 {
		*limit = otherwise
	}
}

// withDefaults fills in what zero values stand for.
func (s Settings) withDefaults() Settings {
	setDefault(&s.Window, 30*time.Second)
	setDefault(&s.Bucket, s.Window/10)
	setDefault(&s.MinRequests, 10)
	setDefault(&s.FailureRatio, 0.5)
	setDefault(&s.Consecutive, 5)
	setDefault(&s.OpenFor, 5*time.Second)
	setDefault(&s.MaxRequests, 1)
	setDefault(&s.Budget, 5*time.Second)
	setDefault(&s.MaxConcurrent, 64)
	return s
}

func setDefault[T comparable](value *T, otherwise T) {
	var zero T
	if *value == zero {
		*value = otherwise
	}
}

// trips tells whether the counts open a closed breaker.
func (s Settings) trips(counts gobreaker.Counts) bool {
	if counts.ConsecutiveFailures >= s.Consecutive {
		return true
	}
	finished := counts.TotalSuccesses + counts.TotalFailures
	return finished >= s.MinRequests &&
		float64(counts.TotalFailures) >= s.FailureRatio*float64(finished)
}
