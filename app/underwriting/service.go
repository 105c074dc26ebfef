package underwriting

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"time"

	"loan310/app/audit"
	"loan310/app/clock"
	"loan310/app/fault"
	"loan310/app/money"
	"loan310/scoring"
	"loan310/scoring/evidence"
	"loan310/scoring/relations"
)

// Amounts a merchant may ask for.
const (
	MinWanted = 1_000 * money.Yuan
	MaxWanted = 3_000_000 * money.Yuan
)

// Engine decides. *scoring.Engine is the one in use.
type Engine interface {
	KnockOut(applicant scoring.Applicant) []scoring.Reason
	Decide(input scoring.Input) (scoring.Verdict, error)
	Versions() scoring.Versions
}

// SpotChecker asks the carrier about one waybill. fault.NotFound: the carrier
// does not know it. fault.Limited: the pull budget is used up.
type SpotChecker interface {
	SpotCheck(ctx context.Context, applicationID, waybillNo, carrier string) (evidence.Waybill, error)
}

// Deps are what a Service stands on; all but Relations, Groups and DecodeRow are required.
type Deps struct {
	Store    Store
	Evidence EvidenceStore
	Progress ProgressLog
	// Relations keeps who is connected with whom; nil = nobody asks.
	Relations RelationBook
	// Groups holds merchants found connected after they hold lines to what
	// GroupRules allow a group; nil = nobody looks.
	Groups     Groups
	GroupRules *relations.Rules
	Feeds      Feeds
	Spots      SpotChecker
	Engine     Engine
	// LoadEngine makes an engine of stored strategy bytes, for replays.
	LoadEngine func(strategy []byte) (Engine, error)
	// Strategy is the text Engine was made of.
	Strategy []byte
	Now      clock.Clock
	NewID    func() string
	Logger   *slog.Logger
	Budgets  Budgets
	// DecodeRow reads one stored row (JSON) and keeps nothing of the bytes;
	// nil = encoding/json. Most of a decision's time goes into it.
	DecodeRow func(line []byte, row any) error
	// EncodeRow writes one row as a line of JSON; nil = encoding/json.
	EncodeRow func(into io.Writer, row any) error
}

// Budgets bound the time each part may take. Zero fields take the defaults.
type Budgets struct {
	Default time.Duration                     // of a source with none of its own; default DefaultSourceBudget
	Source  map[evidence.Source]time.Duration // default DefaultSourceBudget
	Spot    time.Duration                     // all spot checks together; default 4 s
	Reserve time.Duration                     // kept for deciding and storing; default 8 s
}

// DefaultSourceBudget bounds a source that has no budget of its own.
const DefaultSourceBudget = 12 * time.Second

func (b Budgets) source(source evidence.Source) time.Duration {
	if budget, ok := b.Source[source]; ok && budget > 0 {
		return budget
	}
	return or(b.Default, DefaultSourceBudget)
}

func (b Budgets) spot() time.Duration { return or(b.Spot, 4*time.Second) }

func (b Budgets) reserve() time.Duration { return or(b.Reserve, 8*time.Second) }

func or(value, fallback time.Duration) time.Duration {
	if value > 0 {
		return value
	}
	return fallback
}

// Service underwrites applications.
type Service struct {
	deps  Deps
	fresh *fresh
}

// NewService makes a Service.
func NewService(deps Deps) *Service {
	if deps.DecodeRow == nil {
		deps.DecodeRow = json.Unmarshal
	}
	if deps.EncodeRow == nil {
		deps.EncodeRow = func(into io.Writer, row any) error { return json.NewEncoder(into).Encode(row) }
	}
	return &Service{deps: deps, fresh: newFresh()}
}

// Start stores the strategy in force, so that its decisions can be replayed.
func (s *Service) Start(ctx context.Context) error {
	hash := s.deps.Engine.Versions().StrategyHash
	if err := s.deps.Store.SaveStrategy(ctx, hash, s.deps.Strategy, s.deps.Now()); err != nil {
		return fmt.Errorf("store strategy %s: %w", hash, err)
	}
	return nil
}

// Submit opens an application. The merchant must be active, the amount within
// MinWanted..MaxWanted, and no other application open.
func (s *Service) Submit(ctx context.Context, id, merchantID string, wanted money.Amount, purpose string, origin Origin, actor audit.Actor) (Application, error) {
	if wanted < MinWanted || wanted > MaxWanted {
		return Application{}, fault.Field("amount_fen", CodeAmount, "Ask for an amount from %s to %s yuan.", MinWanted, MaxWanted)
	}
	standing, err := s.deps.Store.Standing(ctx, merchantID, "", s.deps.Now())
	if err != nil {
		return Application{}, err
	}
	if !standing.Applicant.MerchantActive {
		return Application{}, fault.New(fault.Conflict, CodeNotActive, "The registration is not complete; finish it first.")
	}
	now := s.deps.Now()
	application := Application{
		ID: id, MerchantID: merchantID, State: Submitted, AmountWanted: wanted, Purpose: purpose,
		SubmittedAt: now, DecideBy: now.Add(Within), Origin: origin,
	}
	told := Event{ApplicationID: id, Kind: "submitted", At: now}
	if err := s.deps.Store.Submit(ctx, application, s.entry(actor, "application.submitted", id, ""), told); err != nil {
		return Application{}, err
	}
	return application, nil
}

// Application gives one.
func (s *Service) Application(ctx context.Context, id string) (Application, error) {
	return s.deps.Store.Application(ctx, id)
}

// Applications lists newest first; merchantID empty = all.
func (s *Service) Applications(ctx context.Context, merchantID string, page Page) ([]Application, string, error) {
	return s.deps.Store.Applications(ctx, merchantID, page)
}

// Decision gives one.
func (s *Service) Decision(ctx context.Context, id string) (Decision, error) {
	return s.deps.Store.Decision(ctx, id)
}

// DecisionsOf lists an application's decisions, first to last.
func (s *Service) DecisionsOf(ctx context.Context, applicationID string) ([]Decision, error) {
	return s.deps.Store.DecisionsOf(ctx, applicationID)
}

// Line gives one credit line.
func (s *Service) Line(ctx context.Context, id string) (Line, error) {
	return s.deps.Store.Line(ctx, id)
}

// LinesOf lists a merchant's lines, newest first.
func (s *Service) LinesOf(ctx context.Context, merchantID string) ([]Line, error) {
	return s.deps.Store.LinesOf(ctx, merchantID)
}

// Events lists an application's progress after a sequence number.
func (s *Service) Events(ctx context.Context, applicationID string, after int64) ([]Event, error) {
	return s.deps.Progress.After(ctx, applicationID, after)
}

// Watch signals when events may have been added.
func (s *Service) Watch(applicationID string) (<-chan struct{}, func()) {
	return s.deps.Progress.Watch(applicationID)
}

// WatchState signals when an application may stand otherwise than before: at
// once where this process moved it, soon where another did.
func (s *Service) WatchState(applicationID string) (<-chan struct{}, func()) {
	return s.deps.Store.Watch(applicationID)
}

// Undecided lists applications that may have lost their workflow.
func (s *Service) Undecided(ctx context.Context, before time.Time, limit int) ([]string, error) {
	return s.deps.Store.Undecided(ctx, before, limit)
}

func (s *Service) entry(actor audit.Actor, action, applicationID, detail string) audit.Entry {
	return audit.Entry{At: s.deps.Now(), Actor: actor, Action: action, Subject: "application/" + applicationID, Detail: detail}
}
