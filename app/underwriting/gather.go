package underwriting

import (
	"bufio"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"loan310/app/cost"
	"loan310/app/fault"
	"loan310/scoring/evidence"
	"loan310/scoring/relations"
)

// Window is how far back rows are read; a year and a month, so that a month
// can be held against the same one a year before.
const Window = 400 * 24 * time.Hour

// Gather reads every source the merchant consented to, in parallel, each
// within its own budget and all of them early enough to decide in time. What
// was read before for this application is kept, so that Gather can be
// repeated after a crash; sources in again, those a deferral waits for, are
// read anew. A source that cannot be read is Down, which is an answer, not an
// error.
func (s *Service) Gather(ctx context.Context, applicationID string, again []evidence.Source) ([]evidence.Meta, error) {
	ctx = cost.About(ctx, "application/"+applicationID)
	application, err := s.deps.Store.Application(ctx, applicationID)
	if err != nil {
		return nil, err
	}
	standing, err := s.deps.Store.Standing(ctx, application.MerchantID, applicationID, s.deps.Now())
	if err != nil {
		return nil, err
	}
	had, err := s.deps.Evidence.Latest(ctx, applicationID)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.gatherBudget(application))
	defer cancel()
	until := s.deps.Now()
	query := Query{
		ApplicationID: applicationID, MerchantID: application.MerchantID, LicenceNumber: standing.LicenceNumber,
		LegalRep: standing.LegalRep, Identity: standing.Identity, AccountNumber: standing.AccountNumber,
		Since: until.Add(-Window), Until: until,
	}
	metas := make([]evidence.Meta, len(evidence.Sources))
	teller := s.newTeller(ctx, applicationID)
	var asked []int
	for i, source := range evidence.Sources {
		if kept := latest(had, source); kept.Ref != "" && !slices.Contains(again, source) {
			metas[i] = kept
			continue
		}
		if !slices.Contains(standing.Consents, source) {
			metas[i] = evidence.Meta{Source: source, State: evidence.Withheld}
			continue
		}
		asked = append(asked, i)
	}
	var started []Event
	for _, i := range asked {
		started = append(started, Event{Kind: "source_started", Source: evidence.Sources[i]})
	}
	teller.tell(started...)
	var group sync.WaitGroup
	for _, i := range asked {
		group.Go(func() {
			meta := s.gatherOne(ctx, evidence.Sources[i], query)
			teller.tell(Event{Kind: "source_arrived", Source: meta.Source, State: meta.State, Rows: meta.Rows})
			metas[i] = meta
		})
	}
	group.Wait()
	teller.end()
	return metas, nil
}

// gatherBudget is what is left before the decision must be made; a deferred
// application, decided once already, gets a fresh budget.
func (s *Service) gatherBudget(application Application) time.Duration {
	if !application.DecidedAt.IsZero() {
		return Within / 2
	}
	left := application.DecideBy.Sub(s.deps.Now()) - s.deps.Budgets.reserve() - s.deps.Budgets.spot()
	return max(left, time.Second)
}

func latest(metas []evidence.Meta, source evidence.Source) evidence.Meta {
	for _, meta := range metas {
		if meta.Source == source {
			return meta
		}
	}
	return evidence.Meta{}
}

func (s *Service) gatherOne(ctx context.Context, source evidence.Source, query Query) evidence.Meta {
	budget, cancel := context.WithTimeout(ctx, s.deps.Budgets.source(source))
	defer cancel()
	meta, err := s.read(budget, source, query)
	if err != nil {
		meta = evidence.Meta{Source: source, State: evidence.Down, FetchedAt: s.deps.Now(), Cause: string(fault.CodeOf(err))}
		if budget.Err() != nil {
			meta.Cause = "budget_exceeded"
		}
		s.deps.Logger.WarnContext(ctx, "source down", "application_id", query.ApplicationID, "source", string(source), "cause", meta.Cause)
	}
	return meta
}

func (s *Service) read(ctx context.Context, source evidence.Source, query Query) (evidence.Meta, error) {
	switch source {
	case evidence.Marketplace:
		return pull(ctx, s, source, query, noted(s, s.deps.Feeds.Orders, orderKinds(), (*relations.Sketch).AddOrder))
	case evidence.Logistics:
		return pull(ctx, s, source, query, s.deps.Feeds.Waybills)
	case evidence.Bank:
		return pull(ctx, s, source, query, s.deps.Feeds.Transactions)
	case evidence.Utility:
		return pull(ctx, s, source, query, noted(s, s.deps.Feeds.Bills, billKinds(), (*relations.Sketch).AddBill))
	case evidence.Bureau:
		return pull(ctx, s, source, query, s.deps.Feeds.Bureau)
	case evidence.Registry:
		return pull(ctx, s, source, query, s.deps.Feeds.Registry)
	default:
		return evidence.Meta{}, fault.New(fault.Internal, fault.CodeInternal, "no feed for source %s", source)
	}
}

// pull streams one source into the evidence store as JSON lines. Up to
// freshRows rows are held for the decision; of a source that has more, none.
func pull[T any](ctx context.Context, s *Service, source evidence.Source, query Query, feed Feed[T]) (evidence.Meta, error) {
	sink, err := s.deps.Evidence.Begin(ctx, query.ApplicationID, source)
	if err != nil {
		return evidence.Meta{}, fmt.Errorf("begin evidence: %w", err)
	}
	defer func() { _ = sink.Abort(context.WithoutCancel(ctx)) }()
	buffered := bufio.NewWriterSize(sink, 16<<10)
	var rows int64
	var kept []T
	fetched, err := feed.Fetch(ctx, query, func(row *T) error {
		rows++
		switch known := settled(row); {
		case known && rows <= freshRows:
			kept = append(kept, *row)
		case known:
			kept = nil
		}
		return s.deps.EncodeRow(buffered, row)
	})
	if err != nil {
		return evidence.Meta{}, err
	}
	if err := buffered.Flush(); err != nil {
		return evidence.Meta{}, fmt.Errorf("write evidence: %w", err)
	}
	meta := evidence.Meta{Source: source, State: evidence.Known, Rows: rows, DataAsOf: fetched.DataAsOf, FetchedAt: s.deps.Now()}
	if !fetched.Found {
		meta.State = evidence.Empty
	}
	meta, err = sink.Commit(ctx, meta)
	if err != nil {
		return evidence.Meta{}, fmt.Errorf("commit evidence: %w", err)
	}
	if len(kept) > 0 {
		s.fresh.keep(meta.Ref, kept, len(kept))
	}
	return meta, nil
}
