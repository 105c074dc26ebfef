package reconciliation

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"loan310/app/audit"
	"loan310/app/clock"
	"loan310/app/fault"
	"loan310/app/ident"
	"loan310/app/ledger"
	"loan310/app/money"
)

// maxBreaks bounds the breaks of one run that are kept: a statement of
// another account would make one of every line.
const maxBreaks = 10_000

// Deps are what a Service stands on; all are required but Returned and Arrived.
type Deps struct {
	Store   Store
	Sources map[string]Source         // by rail
	Account map[string]ledger.Account // of our money, by rail
	Now     clock.Clock
	Logger  *slog.Logger
	// Returned is told of a payout that the rail shows as come back and we
	// hold as paid. Nil means that a person sees to it.
	Returned func(ctx context.Context, key string, amount money.Amount) error
	// Arrived is told of a debit of ours that the rail shows as collected and
	// we do not. Nil means that a person sees to it.
	Arrived func(ctx context.Context, key string, amount money.Amount) error
}

// Service reconciles.
type Service struct{ deps Deps }

// NewService makes a Service.
func NewService(deps Deps) *Service { return &Service{deps: deps} }

// Rails lists what can be reconciled.
func (s *Service) Rails() []string { return slices.Sorted(maps.Keys(s.deps.Sources)) }

// Today gives the lender's civil day, as statements have it.
func (s *Service) Today() string { return s.deps.Now().In(clock.Lender()).Format(time.DateOnly) }

// dayOf reads a day such as 2026-11-11.
func (s *Service) dayOf(day string) (window, error) {
	from, err := time.ParseInLocation(time.DateOnly, day, clock.Lender())
	if err != nil || from.After(s.deps.Now()) {
		return window{}, fault.Field("date", CodeDay, "Write a day that has begun as 2026-11-11.")
	}
	return window{day, from, from.AddDate(0, 0, 1)}, nil
}

// Run reads a rail's statement of a day and matches it. Running it again
// replaces what it found. A day with open breaks before it is matched again,
// for what came late. A statement that is cut changes nothing.
func (s *Service) Run(ctx context.Context, rail, day string) (Run, error) {
	source, ok := s.deps.Sources[rail]
	if !ok {
		return Run{}, fault.Field("rail", CodeUnknownRail, "There are the rails %s.", strings.Join(s.Rails(), ", "))
	}
	w, err := s.dayOf(day)
	if err != nil {
		return Run{}, err
	}
	hash := ""
	totals, err := s.deps.Store.Import(ctx, rail, day, func(each func(Line) error) (err error) {
		hash, err = source.Statement(ctx, day, each)
		return err
	})
	if fault.CodeOf(err) == CodeNoStatement {
		totals, err = s.idle(ctx, rail, w, err)
	}
	if err != nil {
		return Run{}, err
	}
	run, err := s.match(ctx, rail, w, hash, totals)
	if err != nil {
		return Run{}, err
	}
	before := window{w.from.AddDate(0, 0, -1).Format(time.DateOnly), w.from.AddDate(0, 0, -1), w.from}
	earlier, err := s.deps.Store.Imported(ctx, rail, before.day)
	if fault.KindOf(err) == fault.NotFound {
		return run, nil
	}
	if err == nil {
		_, err = s.match(ctx, rail, before, "", earlier)
	}
	return run, err
}

// idle takes a day without a statement for one without movements, where we
// moved nothing either.
func (s *Service) idle(ctx context.Context, rail string, w window, missing error) (Totals, error) {
	ours, err := s.deps.Store.Moved(ctx, rail, w.from, w.to)
	if err != nil {
		return Totals{}, err
	}
	if ours.Count > 0 {
		return Totals{}, missing
	}
	return s.deps.Store.Import(ctx, rail, w.day, func(func(Line) error) error { return nil })
}

// match holds the statement kept against our movements and the ledger. What
// the rail shows as come back, or as collected after all, is booked, and
// matched once more.
func (s *Service) match(ctx context.Context, rail string, w window, hash string, totals Totals) (Run, error) {
	run, found, err := s.compare(ctx, rail, w)
	if err != nil {
		return Run{}, err
	}
	booked, err := s.bookNews(ctx, found)
	if err != nil {
		return Run{}, err
	}
	if booked {
		if run, found, err = s.compare(ctx, rail, w); err != nil {
			return Run{}, err
		}
	}
	run.Hash, run.Statement, run.RanAt = hash, totals, s.deps.Now()
	if run.Ours, err = s.deps.Store.Moved(ctx, rail, w.from, w.to); err != nil {
		return Run{}, err
	}
	if run.Ledger, err = s.deps.Store.Booked(ctx, s.deps.Account[rail], w.from, w.to); err != nil {
		return Run{}, err
	}
	if want := run.Ours.In - run.Ours.Out; run.Ledger != want {
		found = append(found, Break{
			ID: ident.DerivedID("break", rail, w.day, "", string(LedgerDiffers)), Rail: rail, Day: w.day, Reason: LedgerDiffers,
			Rails: run.Ledger, Ours: want, State: BreakOpen,
		})
	}
	now := s.deps.Now()
	for i := range found {
		found[i].OpenedAt = now
		if found[i].State == BreakClosed {
			found[i].ClosedAt = now
		}
	}
	return s.deps.Store.Record(ctx, run, found, audit.Entry{
		At: now, Actor: audit.System("reconciliation"), Action: "reconciliation.ran", Subject: "reconciliation/" + rail + "/" + w.day,
	})
}

// compare judges every key.
func (s *Service) compare(ctx context.Context, rail string, w window) (Run, []Break, error) {
	run := Run{Rail: rail, Day: w.day}
	var found []Break
	err := s.deps.Store.Pairs(ctx, rail, w.day, w.from, w.to, func(p Pair) error {
		breaks := Judge(rail, w.day, w.from, w.to, p)
		if len(breaks) == 0 {
			run.Matched++
		}
		if len(found)+len(breaks) > maxBreaks {
			return fault.New(fault.Invalid, CodePartial, "more than %d differences: is this the statement of our account at rail %s on %s?", maxBreaks, rail, w.day)
		}
		found = append(found, breaks...)
		return nil
	})
	return run, found, err
}

// bookNews tells of what came back, and of what was collected without us
// knowing.
func (s *Service) bookNews(ctx context.Context, found []Break) (bool, error) {
	booked := false
	for _, b := range found {
		tell := s.deps.Returned
		switch {
		case b.Reason == ReversedThere && !b.Collects && b.Rails == b.Ours:
		case (b.Reason == UnknownHere || b.Reason == MissingHere) && b.Collects:
			tell = s.deps.Arrived
		default:
			continue
		}
		if tell == nil {
			continue
		}
		if err := tell(ctx, b.Key, b.Rails); err != nil {
			return false, err
		}
		booked = true
	}
	return booked, nil
}

// Since gives when our first movement was made; zero = none yet.
func (s *Service) Since(ctx context.Context) (time.Time, error) { return s.deps.Store.Since(ctx) }

// Runs lists the latest, newest day first.
func (s *Service) Runs(ctx context.Context, limit int) ([]Run, error) {
	return s.deps.Store.Runs(ctx, limit)
}

// Breaks lists open ones, oldest first; with closed also those.
func (s *Service) Breaks(ctx context.Context, closed bool, limit int) ([]Break, error) {
	return s.deps.Store.Breaks(ctx, closed, limit)
}

// Break gives one with its history.
func (s *Service) Break(ctx context.Context, id string) (Break, []Event, error) {
	return s.deps.Store.Break(ctx, id)
}

// Handle takes a break on, with a note, and closes it where close says so. A
// note is needed to close.
func (s *Service) Handle(ctx context.Context, id, note string, closing bool, by audit.Actor) (Break, error) {
	b, _, err := s.deps.Store.Break(ctx, id)
	if err != nil {
		return Break{}, err
	}
	if b.State == BreakClosed {
		return Break{}, fault.New(fault.Conflict, fault.CodeWrongState, "the break is closed")
	}
	note = strings.TrimSpace(note)
	if closing && note == "" {
		return Break{}, fault.Field("note", fault.CodeInvalid, "Say how the break was settled.")
	}
	now := s.deps.Now()
	event := Event{At: now, By: by.ID, What: "owned", Note: note}
	b.Owner = by.ID
	if closing {
		b.State, b.ClosedAt, event.What = BreakClosed, now, "closed"
	}
	return b, s.deps.Store.ChangeBreak(ctx, b, event, audit.Entry{At: now, Actor: by, Action: "break." + event.What, Subject: "break/" + id, Detail: string(b.Reason)})
}
