package stack

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"loan310/adapters/breaker"
	"loan310/adapters/store"
	"loan310/app/clock"
	"loan310/app/fault"
	"loan310/app/ident"
	"loan310/web"
)

const (
	// boardEvery is how often a process stores what it sees of its providers.
	boardEvery = 2 * time.Second
	// boardFresh is how long a stored board counts: a process that has been
	// silent for longer is taken for dead.
	boardFresh = 15 * time.Second
	// boardForget bounds the removal of a board when its process stops.
	boardForget = 3 * time.Second
)

// Board is what one process sees of its providers.
type Board struct {
	Process  string
	Kind     string // web, worker, or all for both in one
	Host     string
	SeenAt   time.Time
	Statuses []breaker.Status
}

// publisher stores the board of its process for others to read.
type publisher struct {
	store  *store.Boards
	guards *breaker.Board
	now    clock.Clock
	logger *slog.Logger
	self   Board // without statuses and time
}

func (s *Stack) newPublisher() *publisher {
	kind := "all"
	switch {
	case !s.config.Web:
		kind = "worker"
	case !s.config.Worker:
		kind = "web"
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return &publisher{
		store: s.DB.Boards(), guards: s.Board, now: clock.System, logger: s.config.Logger,
		self: Board{Process: ident.NewID(), Kind: kind, Host: host},
	}
}

// run stores the board until ctx ends, then removes it. A database that
// refuses is logged when that begins and when it is over.
func (p *publisher) run(ctx context.Context) {
	ticker := time.NewTicker(boardEvery)
	defer ticker.Stop()
	var before error
	for {
		err := p.put(ctx)
		if ctx.Err() != nil {
			break
		}
		if (err == nil) != (before == nil) || fault.CodeOf(err) != fault.CodeOf(before) {
			p.report(ctx, err)
		}
		before = err
		select {
		case <-ctx.Done():
		case <-ticker.C:
			continue
		}
		break
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), boardForget)
	defer cancel()
	if err := p.store.Forget(ctx, p.self.Process); err != nil {
		p.report(ctx, err)
	}
}

func (p *publisher) report(ctx context.Context, err error) {
	if err == nil {
		p.logger.InfoContext(ctx, "board of providers is stored again", slog.String("process", p.self.Process))
		return
	}
	p.logger.WarnContext(ctx, "board of providers is not stored", slog.String("process", p.self.Process), slog.Any("error", err))
}

func (p *publisher) put(ctx context.Context) error {
	board := p.live()
	statuses, err := json.Marshal(board.Statuses)
	if err != nil {
		return fmt.Errorf("encode the board of providers: %w", err)
	}
	return p.store.Put(ctx, store.Board{
		Process: board.Process, Kind: board.Kind, Host: board.Host, Statuses: statuses, SeenAt: board.SeenAt,
	})
}

// live is this process's board as it is now.
func (p *publisher) live() Board {
	board := p.self
	board.SeenAt, board.Statuses = p.now(), p.guards.Statuses()
	return board
}

// all gives this process's board and those of all others seen lately.
func (p *publisher) all(ctx context.Context) ([]Board, error) {
	stored, err := p.store.Recent(ctx, p.now().Add(-boardFresh))
	if err != nil {
		return nil, err
	}
	boards := []Board{p.live()}
	for _, other := range stored {
		if other.Process == p.self.Process {
			continue
		}
		board := Board{Process: other.Process, Kind: other.Kind, Host: other.Host, SeenAt: other.SeenAt}
		if err := json.Unmarshal(other.Statuses, &board.Statuses); err != nil {
			return nil, fmt.Errorf("read the board of process %s: %w", other.Process, err)
		}
		boards = append(boards, board)
	}
	return boards, nil
}

// providers shows the boards of all processes to operators.
func (s *Stack) providers(ctx context.Context) ([]web.ProviderStatus, error) {
	boards, err := s.boards.all(ctx)
	if err != nil {
		return nil, err
	}
	return MergeBoards(boards), nil
}

// MergeBoards sums what processes see of each provider, by name: the worst
// state, the sum of counts, the longest latencies and consecutive failures,
// the latest error and change. Each process's own view comes with it.
func MergeBoards(boards []Board) []web.ProviderStatus {
	merged := map[string]*web.ProviderStatus{}
	for _, board := range boards {
		for _, status := range board.Statuses {
			into, ok := merged[status.Name]
			if !ok {
				into = &web.ProviderStatus{Name: status.Name, State: string(breaker.Closed)}
				merged[status.Name] = into
			}
			view := processStatus(board, status)
			add(into, &view)
			into.Processes = append(into.Processes, view)
		}
	}
	items := make([]web.ProviderStatus, 0, len(merged))
	for _, name := range slices.Sorted(maps.Keys(merged)) {
		item := merged[name]
		slices.SortFunc(item.Processes, func(a, b web.ProcessStatus) int {
			return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.Process, b.Process))
		})
		items = append(items, *item)
	}
	return items
}

// add counts one process's view in.
func add(into *web.ProviderStatus, view *web.ProcessStatus) {
	if severity(view.State) > severity(into.State) {
		into.State = view.State
	}
	into.Requests += view.Requests
	into.Successes += view.Successes
	into.Failures += view.Failures
	into.Rejected += view.Rejected
	into.InFlight += view.InFlight
	into.ConsecutiveFailures = max(into.ConsecutiveFailures, view.ConsecutiveFailures)
	into.P50MS, into.P95MS = max(into.P50MS, view.P50MS), max(into.P95MS, view.P95MS)
	if view.LastErrorAt.After(into.LastErrorAt) {
		into.LastError, into.LastErrorAt = view.LastError, view.LastErrorAt
	}
	if view.LastChangeAt.After(into.LastChangeAt) {
		into.LastChangeAt = view.LastChangeAt
	}
}

func severity(state string) int {
	return map[string]int{string(breaker.HalfOpen): 1, string(breaker.Open): 2}[state]
}

func processStatus(board Board, status breaker.Status) web.ProcessStatus {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return web.ProcessStatus{
		Process: board.Process, Kind: board.Kind, Host: board.Host, SeenAt: board.SeenAt,
		State: string(status.State), Requests: status.Requests, Successes: status.Successes,
		Failures: status.Failures, Rejected: status.Rejected, ConsecutiveFailures: status.ConsecutiveFailures,
		P50MS: ms(status.P50), P95MS: ms(status.P95), InFlight: status.InFlight,
		LastError: string(status.LastError), LastErrorAt: status.LastErrorAt, LastChangeAt: status.LastStateChange,
	}
}
