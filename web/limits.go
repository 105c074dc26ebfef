package web

import (
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxCallers bounds how many callers a limiter remembers.
const maxCallers = 20_000

// limits are the limiters of the sign-in endpoints.
type limits struct {
	codesCaller, codesPhone, sessions, logins, loginsPerson *limiter
}

func newLimits(l Limits) limits {
	return limits{
		codesCaller: newLimiter(l.CodesPerCaller, 60, 30), codesPhone: newLimiter(l.CodesPerPhone, 2, 3),
		sessions: newLimiter(l.SessionsPerIP, 120, 60), logins: newLimiter(l.LoginsPerIP, 20, 10), loginsPerson: newLimiter(l.LoginsPerPerson, 6, 5),
	}
}

// limiter keeps a token bucket for each caller, in two generations: when the
// young one is full it becomes the old one, and who was in neither starts
// anew. That bounds memory without a clock of its own.
type limiter struct {
	perSecond  rate.Limit
	burst      int
	mu         sync.Mutex
	young, old map[string]*rate.Limiter
}

func newLimiter(r Rate, perMinute float64, burst int) *limiter {
	if r.PerMinute <= 0 {
		r.PerMinute = perMinute
	}
	if r.Burst <= 0 {
		r.Burst = burst
	}
	return &limiter{perSecond: rate.Limit(r.PerMinute / 60), burst: r.Burst, young: map[string]*rate.Limiter{}}
}

// take takes a token of a caller; without one it says how long to wait.
func (l *limiter) take(caller string, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	bucket, ok := l.young[caller]
	if !ok {
		if bucket, ok = l.old[caller]; !ok {
			bucket = rate.NewLimiter(l.perSecond, l.burst)
		}
		if len(l.young) >= maxCallers/2 {
			l.young, l.old = map[string]*rate.Limiter{}, l.young
		}
		l.young[caller] = bucket
	}
	reservation := bucket.ReserveN(now, 1)
	wait := reservation.DelayFrom(now)
	if wait <= 0 {
		return nil
	}
	reservation.CancelAt(now)
	problem := newProblem(http.StatusTooManyRequests, CodeTooOften, "Too many attempts. Wait as long as Retry-After says, then try again.")
	problem.wait = wait
	return problem
}
