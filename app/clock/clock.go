// Package clock is the one place that reads the wall clock; everything else
// takes a Clock.
package clock

import "time"

// Clock tells the time. Implementations are safe for concurrent use.
type Clock func() time.Time

// System is the machine's clock in UTC, cut to microseconds, the resolution
// both databases keep.
func System() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// Lender is the zone whose civil days contracts, limits and statements count:
// China has one and no summer time.
func Lender() *time.Location { return time.FixedZone("CST", 8*60*60) }

// Fixed is a clock that stands still, for tests and replays.
func Fixed(at time.Time) Clock { return func() time.Time { return at } }
