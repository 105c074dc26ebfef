package store

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// pollPage is how many applications are looked up at a time.
const pollPage = 500

// hub tells watchers of records that there is something to read. While
// anybody watches, one goroutine looks in the database for what other
// processes wrote, for all that is watched together.
type hub struct {
	latest func(ctx context.Context, ids []string) (map[string]int64, error)
	every  time.Duration
	logger *slog.Logger

	mu      sync.Mutex
	watched map[string]*topic
	stop    context.CancelFunc // of the running poller; nil = none
	closed  bool
	pollers sync.WaitGroup
}

// topic is one watched record.
type topic struct {
	seen     int64 // highest number signalled: of an event, or a version
	watchers map[chan struct{}]struct{}
}

func newHub(latest func(context.Context, []string) (map[string]int64, error), every time.Duration, logger *slog.Logger) *hub {
	return &hub{latest: latest, every: every, logger: logger, watched: map[string]*topic{}}
}

// watch gives a channel of capacity one and the function that ends it.
func (h *hub) watch(id string) (<-chan struct{}, func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	signals := make(chan struct{}, 1)
	if h.closed {
		return signals, func() {}
	}
	if h.watched[id] == nil {
		h.watched[id] = &topic{watchers: map[chan struct{}]struct{}{}}
	}
	h.watched[id].watchers[signals] = struct{}{}
	if h.stop == nil {
		ctx, stop := context.WithCancel(context.Background())
		h.stop = stop
		h.pollers.Go(func() { h.poll(ctx) })
	}
	return signals, sync.OnceFunc(func() { h.leave(id, signals) })
}

// leave forgets a watcher; after the last one the poller ends.
func (h *hub) leave(id string, signals chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	watched := h.watched[id]
	if watched == nil {
		return
	}
	delete(watched.watchers, signals)
	if len(watched.watchers) == 0 {
		delete(h.watched, id)
	}
	if len(h.watched) == 0 && h.stop != nil {
		h.stop()
		h.stop = nil
	}
}

// signal wakes the watchers of a record up to a number.
func (h *hub) signal(id string, seq int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	watched := h.watched[id]
	if watched == nil || seq <= watched.seen {
		return
	}
	watched.seen = seq
	watched.wake()
}

// touch wakes the watchers of a record whose new number is not known here.
func (h *hub) touch(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if watched := h.watched[id]; watched != nil {
		watched.wake()
	}
}

func (t *topic) wake() {
	for signals := range t.watchers {
		select {
		case signals <- struct{}{}:
		default: // one is waiting already
		}
	}
}

// poll looks for what other processes wrote until ctx ends.
func (h *hub) poll(ctx context.Context) {
	troubled := false
	for wait(ctx, h.every) == nil {
		h.mu.Lock()
		ids := make([]string, 0, len(h.watched))
		for id := range h.watched {
			ids = append(ids, id)
		}
		h.mu.Unlock()
		for some := range slices.Chunk(ids, pollPage) {
			latest, err := h.latest(ctx, some)
			if err != nil {
				if !troubled && ctx.Err() == nil {
					h.logger.WarnContext(ctx, "changes cannot be polled", slog.Any("error", err))
				}
				troubled = true
				break
			}
			troubled = false
			for id, seq := range latest {
				h.signal(id, seq)
			}
		}
	}
}

// close ends the poller and waits for it.
func (h *hub) close() {
	h.mu.Lock()
	h.closed = true
	clear(h.watched)
	if h.stop != nil {
		h.stop()
		h.stop = nil
	}
	h.mu.Unlock()
	h.pollers.Wait()
}

// versionsOf gives what reads the versions of records of a table. Every change
// of a record's state raises its version.
func (db *DB) versionsOf(table, id string) func(context.Context, []string) (map[string]int64, error) {
	type versionRow struct {
		ID      string
		Version int64
	}
	statement := "SELECT " + id + " AS id, version FROM " + table + " WHERE " + id + " IN ?"
	return func(ctx context.Context, ids []string) (map[string]int64, error) {
		rows, err := query[versionRow](ctx, db.engine.reader(), statement, ids)
		versions := make(map[string]int64, len(rows))
		for _, row := range rows {
			versions[row.ID] = row.Version
		}
		return versions, failed("looking for changes", err)
	}
}
