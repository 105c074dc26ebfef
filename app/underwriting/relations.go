package underwriting

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"loan310/app/fault"
	"loan310/app/ident"
	"loan310/scoring/evidence"
	"loan310/scoring/relations"
)

// CodeGroupChanged marks a decision that may not be stored: connected
// merchants have meanwhile taken what it counted on.
const CodeGroupChanged fault.Code = "group_changed"

// Origin is where an application came from.
type Origin = ident.Origin

// RelationBook keeps who carries which identifier.
type RelationBook interface {
	// NoteCustomers replaces a merchant's identifiers of these kinds;
	// customers were counted over so many orders.
	NoteCustomers(ctx context.Context, merchantID string, kinds []evidence.IdentifierKind, found []relations.Found, orders int64, at time.Time) error
	// Around reads a merchant's neighbourhood as of a moment; the application
	// named is left out of what is committed.
	Around(ctx context.Context, merchantID, applicationID string, asOf time.Time) (*evidence.Relations, error)
}

// groupTries is how often a decision is made again because connected
// merchants were decided meanwhile. Each time one of them was, so that none
// waits for ever.
const groupTries = 12

// readRelations reads the neighbourhood and stores it as evidence, so that
// the decision replays from it. One that cannot be read is down, which is an
// answer: the features of it are missing.
func (s *Service) readRelations(ctx context.Context, application Application, asOf time.Time) (evidence.Meta, []string) {
	var meta evidence.Meta
	around, err := s.deps.Relations.Around(ctx, application.MerchantID, application.ID, asOf)
	if err == nil {
		meta, err = s.storeRelations(ctx, application.ID, around, asOf)
	}
	if err != nil {
		s.deps.Logger.WarnContext(ctx, "relations not read", "application_id", application.ID, "error", err)
		return evidence.Meta{Source: evidence.OwnRelations, State: evidence.Down, FetchedAt: s.deps.Now(), Cause: string(fault.CodeOf(err))}, nil
	}
	near := make([]string, len(around.Merchants))
	for i := range around.Merchants {
		near[i] = around.Merchants[i].ID
	}
	if around.Truncated {
		near = nil
	}
	return meta, near
}

func (s *Service) storeRelations(ctx context.Context, applicationID string, around *evidence.Relations, asOf time.Time) (evidence.Meta, error) {
	sink, err := s.deps.Evidence.Begin(ctx, applicationID, evidence.OwnRelations)
	if err != nil {
		return evidence.Meta{}, fmt.Errorf("begin relations: %w", err)
	}
	defer func() { _ = sink.Abort(context.WithoutCancel(ctx)) }()
	if err := json.NewEncoder(sink).Encode(around); err != nil {
		return evidence.Meta{}, fmt.Errorf("write relations: %w", err)
	}
	return sink.Commit(ctx, evidence.Meta{Source: evidence.OwnRelations, State: evidence.Known, Rows: 1, DataAsOf: asOf, FetchedAt: s.deps.Now()})
}

// noted passes a source's rows on and notes, before they are committed, what
// a sketch of them found: who the customers are, whose the meters. Losing the
// note is not worth failing the source for.
func noted[T any](s *Service, feed Feed[T], kinds []evidence.IdentifierKind, add func(*relations.Sketch, *T)) Feed[T] {
	if s.deps.Relations == nil {
		return feed
	}
	return feedFunc[T](func(ctx context.Context, query Query, emit func(*T) error) (Fetched, error) {
		sketch := relations.NewSketch(query.Until)
		fetched, err := feed.Fetch(ctx, query, func(row *T) error {
			add(sketch, row)
			return emit(row)
		})
		if err != nil {
			return fetched, err
		}
		if err := s.deps.Relations.NoteCustomers(ctx, query.MerchantID, kinds, sketch.Found(), sketch.Orders(), query.Until); err != nil {
			s.deps.Logger.WarnContext(ctx, "customers not noted", "application_id", query.ApplicationID, "error", err)
		}
		return fetched, nil
	})
}

// feedFunc is a Feed made of a function.
type feedFunc[T any] func(ctx context.Context, query Query, emit func(*T) error) (Fetched, error)

// Fetch calls the function.
func (f feedFunc[T]) Fetch(ctx context.Context, query Query, emit func(*T) error) (Fetched, error) {
	return f(ctx, query, emit)
}

// orderKinds and billKinds are what a sketch finds in orders and in bills.
func orderKinds() []evidence.IdentifierKind {
	return []evidence.IdentifierKind{evidence.LinkBuyer, evidence.LinkPayer, evidence.LinkOrderDevice, evidence.LinkOrderIP}
}

func billKinds() []evidence.IdentifierKind { return []evidence.IdentifierKind{evidence.LinkMeter} }
