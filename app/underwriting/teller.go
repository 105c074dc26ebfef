package underwriting

import (
	"context"
	"sync"
	"time"
)

// How long telling may take: one transaction, and the wait for the last one.
const (
	tellWithin = 2 * time.Second
	toldWithin = time.Second
)

// teller stores what is told of one application in its order, in the
// background: at once when nothing is being stored, together in the next
// transaction what comes meanwhile. The screen is not worth failing or
// delaying a decision for: what cannot be stored is lost.
type teller struct {
	service *Service
	ctx     context.Context // without its end: a source's time may be over
	id      string

	mu      sync.Mutex
	waiting []Event
	storing chan struct{} // closed when what waits is stored; nil = nothing does
}

func (s *Service) newTeller(ctx context.Context, applicationID string) *teller {
	return &teller{service: s, ctx: context.WithoutCancel(ctx), id: applicationID}
}

// tell stores events soon and returns at once.
func (t *teller) tell(events ...Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, event := range events {
		event.ApplicationID, event.At = t.id, t.service.deps.Now()
		t.waiting = append(t.waiting, event)
	}
	if len(t.waiting) > 0 && t.storing == nil {
		t.storing = make(chan struct{})
		go t.store(t.storing)
	}
}

// store stores until nothing waits.
func (t *teller) store(done chan struct{}) {
	defer close(done)
	for {
		t.mu.Lock()
		events := t.waiting
		t.waiting = nil
		if len(events) == 0 {
			t.storing = nil
			t.mu.Unlock()
			return
		}
		t.mu.Unlock()
		ctx, cancel := context.WithTimeout(t.ctx, tellWithin)
		if _, err := t.service.deps.Progress.Append(ctx, events...); err != nil {
			t.service.deps.Logger.WarnContext(ctx, "progress not stored", "application_id", t.id, "error", err)
		}
		cancel()
	}
}

// end waits, not for long, until everything told is stored, so that what is
// told next stands after it.
func (t *teller) end() {
	t.mu.Lock()
	storing := t.storing
	t.mu.Unlock()
	if storing == nil {
		return
	}
	timer := time.NewTimer(toldWithin)
	defer timer.Stop()
	select {
	case <-storing:
	case <-timer.C:
	}
}
