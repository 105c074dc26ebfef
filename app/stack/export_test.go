package stack

import "time"

// HedgeAfter shows the tests what a kind's guard gets.
func (p Providers) HedgeAfter(kind string) time.Duration { return p.guard(kind).HedgeAfter }
