package backtest

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"loan310/scoring"
)

// Decide answers every application of a book. Merchants are decided in
// parallel, each merchant's applications in the order of time; what it gives
// does not depend on the number of workers. The error is the first one in the
// order of the book, or that of ctx.
func Decide(ctx context.Context, book Book, options Options) (*Run, error) {
	about := book.About()
	run := &runner{book: book, options: options, about: about, cases: make([]Case, about.Applications)}
	run.champion = options.Champion.Strategy()
	if options.Challenger != nil {
		run.challenger = options.Challenger.Strategy()
	}
	if run.options.Window <= 0 {
		run.options.Window = DefaultWindow
	}
	if run.options.Until.IsZero() {
		run.options.Until = about.LastOutcome
	}
	if options.Relations {
		var err error
		if run.connections, err = run.connect(ctx); err != nil {
			return nil, err
		}
	}
	if err := run.decideAll(ctx); err != nil {
		return nil, err
	}
	result := &Run{About: about, Options: run.options, Cases: run.cases}
	for _, count := range run.counts {
		result.merge(count)
	}
	return result, nil
}

// runner is one Decide under way.
type runner struct {
	book       Book
	options    Options
	about      About
	champion   scoring.Strategy
	challenger scoring.Strategy
	cases      []Case // each worker writes places of its own
	counts     []*counts
	// connections are nil where relations are not read.
	connections connections

	mutex   sync.Mutex
	decided int
	failed  map[int]error // by place of the merchant in the book
}

// counts are one worker's own.
type counts struct {
	features []FeatureStates
	later    Later
}

// task is one merchant to decide.
type task struct {
	place  int
	folder *Folder
}

func (r *runner) decideAll(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	workers := max(r.options.Workers, 1)
	tasks := make(chan task, workers)
	r.failed = map[int]error{}
	var group sync.WaitGroup
	for range workers {
		own := &counts{}
		r.counts = append(r.counts, own)
		group.Go(func() {
			for t := range tasks {
				r.work(t, own, stop)
			}
		})
	}
	err := r.hand(ctx, tasks)
	group.Wait()
	return cmp.Or(firstFailure(r.failed), err)
}

// hand gives every merchant to the workers, in the order of the book, and
// closes the channel.
func (r *runner) hand(ctx context.Context, tasks chan<- task) error {
	defer close(tasks)
	place := 0
	return r.book.Folders(ctx, func(folder *Folder) error {
		select {
		case tasks <- task{place, folder}:
			place++
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
}

// firstFailure is the failure of the first merchant in the book's order.
// Merchants are handed out in order, so every one before a failed one was
// tried: it is the same however many workers there are.
func firstFailure(failed map[int]error) error {
	first := -1
	for at := range failed {
		if first < 0 || at < first {
			first = at
		}
	}
	return failed[first] // nil when there is none
}

func (r *runner) work(t task, own *counts, stop context.CancelCauseFunc) {
	err := r.decide(t, own)
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if err != nil {
		r.failed[t.place] = err
		stop(err)
		return
	}
	r.decided += len(t.folder.Applications)
	if r.options.Progress != nil {
		r.options.Progress(r.decided, r.about.Applications)
	}
}

// decide answers one merchant's applications by both strategies.
func (r *runner) decide(t task, own *counts) error {
	folder := t.folder
	var judged []Judged
	rows, err := folder.Read()
	if err != nil {
		return fmt.Errorf("merchant %s: %w", folder.MerchantID, err)
	}
	champion := &judge{engine: r.options.Champion, options: &r.options, connections: r.connections}
	challenger := &judge{engine: r.options.Challenger, options: &r.options, connections: r.connections}
	for _, application := range folder.Applications {
		c := &r.cases[application.Place]
		c.Application = application
		c.Outcome, c.Known = r.book.Outcome(application.ID)
		c.Known = c.Known && !c.Outcome.ObservedAt.After(r.options.Until)
		c.Mature = c.Known && !application.AppliedAt.Add(r.options.Window).After(r.options.Until)
		own.note(folder, application.AppliedAt)
		var verdict scoring.Verdict
		if c.Champion, verdict, err = champion.decide(folder, &rows, application); err != nil {
			return err
		}
		if err := r.options.Economics.priced(&r.champion, c, &c.Champion); err != nil {
			return err
		}
		if r.options.Judged != nil {
			judged = append(judged, Judged{c, verdict})
		}
		champion.past = append(champion.past, past{application, &c.Champion, c.Outcome, c.Known})
		if r.options.Challenger == nil {
			c.Challenger = c.Champion
			own.count(&verdict)
			continue
		}
		if c.Challenger, verdict, err = challenger.decide(folder, &rows, application); err != nil {
			return err
		}
		if err := r.options.Economics.priced(&r.challenger, c, &c.Challenger); err != nil {
			return err
		}
		challenger.past = append(challenger.past, past{application, &c.Challenger, c.Outcome, c.Known})
		own.count(&verdict)
	}
	if r.options.Judged != nil {
		r.options.Judged(t.place, judged)
	}
	return nil
}

// note counts what the set holds that lies after the application.
func (c *counts) note(folder *Folder, at time.Time) {
	if bureauLater(folder, at) {
		c.later.Bureau++
	}
	if registryLater(folder, at) {
		c.later.Registry++
	}
}

func (c *counts) count(verdict *scoring.Verdict) {
	if c.features == nil {
		c.features = make([]FeatureStates, len(verdict.Features))
	}
	for i := range verdict.Features {
		feature := &verdict.Features[i]
		if i >= len(c.features) {
			break
		}
		c.features[i].Name = feature.Name
		switch feature.State {
		case scoring.FeatureKnown:
			c.features[i].Known++
		case scoring.FeatureStale:
			c.features[i].Stale++
		case scoring.FeatureMissing:
			c.features[i].Missing++
		}
	}
}

// merge adds a worker's counts.
func (r *Run) merge(own *counts) {
	r.Later.Bureau += own.later.Bureau
	r.Later.Registry += own.later.Registry
	if own.features == nil {
		return // this worker got nothing to do
	}
	if r.Features == nil {
		r.Features = make([]FeatureStates, len(own.features))
	}
	for i := range own.features {
		into, from := &r.Features[i], &own.features[i]
		into.Name = from.Name
		into.Known, into.Stale, into.Missing = into.Known+from.Known, into.Stale+from.Stale, into.Missing+from.Missing
	}
}
