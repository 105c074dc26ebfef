package web

import (
	"net/http"
	"sync"
	"time"
)

// How many streams a caller may hold open: a merchant has a few screens,
// others watch for many merchants.
const (
	streamsOfMerchant = 8
	streamsOfOthers   = 2_000
)

// streams counts the open streams of each caller.
type streams struct {
	mu   sync.Mutex
	open map[string]int
}

// enter counts a stream until the function it gives is called.
func (s *streams) enter(who Principal) (func(), error) {
	most := streamsOfOthers
	if who.Kind == KindMerchant {
		most = streamsOfMerchant
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name := who.scope()
	if s.open[name] >= most {
		problem := newProblem(http.StatusTooManyRequests, CodeTooOften, "Too many streams are open. Close one, then try again.")
		problem.wait = 5 * time.Second
		return nil, problem
	}
	s.open[name]++
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.open[name]--; s.open[name] == 0 {
			delete(s.open, name)
		}
	}), nil
}
