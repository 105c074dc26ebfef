package underwriting_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/adapters/store"
	"loan310/app/audit"
	"loan310/app/fault"
	"loan310/app/ident"
	"loan310/app/merchant"
	"loan310/app/money"
	"loan310/app/underwriting"
	"loan310/scoring"
	"loan310/scoring/evidence"
)

var start = time.Date(2026, 11, 11, 0, 0, 0, 0, time.UTC)

// feed is one source under the test's control.
type feed[T any] struct {
	rows  []T
	found bool
	err   error
	hang  bool
	calls int
}

func (f *feed[T]) Fetch(ctx context.Context, _ underwriting.Query, emit func(*T) error) (underwriting.Fetched, error) {
	f.calls++
	if f.hang {
		<-ctx.Done()
		return underwriting.Fetched{}, ctx.Err()
	}
	if f.err != nil {
		return underwriting.Fetched{}, f.err
	}
	for i := range f.rows {
		if err := emit(&f.rows[i]); err != nil {
			return underwriting.Fetched{}, err
		}
	}
	return underwriting.Fetched{Found: f.found, DataAsOf: start}, nil
}

// engine approves what it can read and tells how many orders it saw and
// whether a waybill counts.
type engine struct {
	knockOut bool
	suspect  string
	broken   bool
}

func (e *engine) KnockOut(scoring.Applicant) []scoring.Reason {
	if e.knockOut {
		return []scoring.Reason{{Code: "merchant_not_active"}}
	}
	return nil
}

func (e *engine) Versions() scoring.Versions {
	return scoring.Versions{Strategy: "test@1", StrategyHash: "abc"}
}

func (e *engine) Decide(in scoring.Input) (scoring.Verdict, error) {
	if e.broken {
		return scoring.Verdict{}, errors.New("broken")
	}
	verdict := scoring.Verdict{Outcome: scoring.Approved, Versions: e.Versions(), Reasons: []scoring.Reason{}, Features: []scoring.FeatureValue{}}
	for order, err := range in.Evidence.Orders {
		if err != nil {
			return scoring.Verdict{}, err
		}
		verdict.Authenticity.ClaimedRevenue += order.Amount
	}
	for waybill, err := range in.Evidence.Waybills {
		if err != nil {
			return scoring.Verdict{}, err
		}
		if waybill.Status == evidence.WaybillCancelled {
			verdict.Authenticity.FlaggedOrders++
		} else if waybill.No == e.suspect {
			verdict.Authenticity.SuspectWaybills = append(verdict.Authenticity.SuspectWaybills, waybill.No)
		}
	}
	if in.Evidence.State(evidence.Registry) == evidence.Down && !in.Final {
		verdict.Outcome, verdict.WaitFor = scoring.Deferred, []evidence.Source{evidence.Registry}
		return verdict, nil
	}
	verdict.Terms = &scoring.Terms{
		Limit: 5_000 * money.Yuan, AnnualRateBps: 1200, IRRBps: 1217, DayCountBase: 360, TenorMonths: []int{12},
		Repayment: []scoring.RepaymentType{scoring.EqualInstalments}, ValidDays: 7,
	}
	return verdict, nil
}

// carrier answers spot checks.
type carrier struct{ asked []string }

func (c *carrier) SpotCheck(_ context.Context, _, number, by string) (evidence.Waybill, error) {
	c.asked = append(c.asked, by+":"+number)
	return evidence.Waybill{}, fault.Missing("waybill")
}

type world struct {
	db       *store.DB
	service  *underwriting.Service
	engine   *engine
	carrier  *carrier
	orders   *feed[evidence.Order]
	waybills *feed[evidence.Waybill]
	bank     *feed[evidence.Transaction]
	registry *feed[evidence.RegistryRecord]
	merchant string
}

func newWorld(t *testing.T, consents ...evidence.Source) *world {
	t.Helper()
	text, err := store.GenerateKeys()
	require.NoError(t, err)
	keys, err := store.ParseKeys(text)
	require.NoError(t, err)
	now := func() time.Time { return start }
	db, err := store.Open(t.Context(), store.Config{DSN: "sqlite://" + filepath.Join(t.TempDir(), "test.db") + "?synchronous=normal", Keys: keys, Clock: now})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	require.NoError(t, db.Migrate(t.Context()))
	w := &world{
		db: db, engine: &engine{}, carrier: &carrier{},
		orders:   &feed[evidence.Order]{found: true},
		waybills: &feed[evidence.Waybill]{found: true, rows: []evidence.Waybill{{No: "W1", Carrier: "yuantong", Status: evidence.WaybillSigned}}},
		bank:     &feed[evidence.Transaction]{found: true},
		registry: &feed[evidence.RegistryRecord]{found: true, rows: []evidence.RegistryRecord{{LicenceNumber: "91350100M000100Y43"}}},
	}
	for i := range 1000 {
		w.orders.rows = append(w.orders.rows, evidence.Order{ID: fmt.Sprint(i), Amount: 100})
	}
	w.service = underwriting.NewService(underwriting.Deps{
		Store: db.Underwriting(), Evidence: db.Evidence(), Progress: db.Progress(), Spots: w.carrier, Engine: w.engine, Strategy: []byte("{}"),
		Feeds: underwriting.Feeds{
			Orders: w.orders, Waybills: w.waybills, Transactions: w.bank, Bills: &feed[evidence.UtilityBill]{},
			Bureau: &feed[evidence.BureauReport]{}, Registry: w.registry,
		},
		LoadEngine: func([]byte) (underwriting.Engine, error) { return w.engine, nil },
		Now:        now, NewID: ident.NewID, Logger: slog.New(slog.DiscardHandler),
		Budgets: underwriting.Budgets{Default: 300 * time.Millisecond},
	})
	require.NoError(t, w.service.Start(t.Context()))
	m := merchant.Merchant{
		ID: ident.NewID(), Version: 1, State: merchant.Active, Language: "en", Phone: "+8613800138000", CreatedAt: start, ActivatedAt: start,
		Licence: merchant.Licence{Number: "91350100M000100Y43"}, Payout: merchant.PayoutAccount{Rail: "wallet", Number: "6123451234567893"},
		Steps: map[merchant.Step]merchant.Progress{},
	}
	for _, source := range consents {
		m.Consents = append(m.Consents, merchant.Consent{Source: source, Version: "1", Language: "en", GivenAt: start})
	}
	require.NoError(t, db.Merchants().Create(t.Context(), m, audit.Entry{At: start, Actor: audit.System("test"), Action: "test", Subject: "test"}))
	w.merchant = m.ID
	return w
}

// apply submits and gathers.
func (w *world) apply(t *testing.T) (string, []evidence.Meta) {
	t.Helper()
	id := ident.NewID()
	_, err := w.service.Submit(t.Context(), id, w.merchant, 10_000*money.Yuan, "stock", underwriting.Origin{}, audit.System("test"))
	require.NoError(t, err)
	metas, err := w.service.Gather(t.Context(), id, nil)
	require.NoError(t, err)
	return id, metas
}

func state(metas []evidence.Meta, source evidence.Source) evidence.State {
	for _, meta := range metas {
		if meta.Source == source {
			return meta.State
		}
	}
	return ""
}

func TestHangingAndFailingSourcesAreDownWithinTheirBudget(t *testing.T) {
	t.Parallel()
	w := newWorld(t, evidence.Sources[:]...)
	w.orders.hang = true
	w.bank.err = fault.New(fault.Unavailable, "breaker_open", "open")
	_, metas := w.apply(t)
	require.Equal(t, evidence.Down, state(metas, evidence.Marketplace))
	require.Equal(t, evidence.Down, state(metas, evidence.Bank))
	require.Equal(t, evidence.Known, state(metas, evidence.Logistics))
	require.Equal(t, evidence.Empty, state(metas, evidence.Utility))
	require.Equal(t, "budget_exceeded", metas[0].Cause)
	require.Equal(t, "breaker_open", metas[2].Cause)
}

func TestSourceWithoutConsentIsNeverAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, evidence.Registry, evidence.Bureau)
	_, metas := w.apply(t)
	require.Equal(t, evidence.Withheld, state(metas, evidence.Marketplace))
	require.Zero(t, w.orders.calls+w.waybills.calls+w.bank.calls)
}

func TestGatheringAgainKeepsWhatWasReadAndReadsWhatIsAwaited(t *testing.T) {
	t.Parallel()
	w := newWorld(t, evidence.Sources[:]...)
	w.bank.err = fault.New(fault.Unavailable, fault.CodeProviderDown, "down")
	id, first := w.apply(t)
	w.bank.err = nil
	second, err := w.service.Gather(t.Context(), id, []evidence.Source{evidence.Registry})
	require.NoError(t, err)
	require.Equal(t, evidence.Known, state(second, evidence.Bank))
	require.Equal(t, first[0].Ref, second[0].Ref)
	require.Equal(t, 1, w.orders.calls)
	require.Equal(t, 2, w.registry.calls)
}

func TestDecisionReplaysFromItsEvidenceBitForBit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, evidence.Sources[:]...)
	id, metas := w.apply(t)
	d, err := w.service.Decide(t.Context(), id, 1, metas, false)
	require.NoError(t, err)
	require.Equal(t, money.Amount(100_000), d.Verdict.Authenticity.ClaimedRevenue)
	again, err := w.service.Decide(t.Context(), id, 1, metas, false)
	require.NoError(t, err)
	require.Equal(t, d.ID, again.ID)
	replay, err := w.service.Replay(t.Context(), d.ID)
	require.NoError(t, err)
	require.True(t, replay.Same)
	w.engine.suspect = "W1" // another engine decides otherwise, and the replay says so
	replay, err = w.service.Replay(t.Context(), d.ID)
	require.NoError(t, err)
	require.False(t, replay.Same)
}

func TestWaybillTheCarrierDoesNotKnowCountsAsCancelled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, evidence.Sources[:]...)
	w.engine.suspect = "W1"
	id, metas := w.apply(t)
	d, err := w.service.Decide(t.Context(), id, 1, metas, false)
	require.NoError(t, err)
	require.Equal(t, []string{"yuantong:W1"}, w.carrier.asked)
	require.Equal(t, int64(1), d.Verdict.Authenticity.FlaggedOrders)
	replay, err := w.service.Replay(t.Context(), d.ID)
	require.NoError(t, err)
	require.True(t, replay.Same)
	require.Len(t, w.carrier.asked, 1) // a replay asks nobody
}

func TestDeferralIsFollowedByTheDecision(t *testing.T) {
	t.Parallel()
	w := newWorld(t, evidence.Sources[:]...)
	w.registry.err = fault.New(fault.Unavailable, fault.CodeProviderDown, "down")
	id, metas := w.apply(t)
	d, err := w.service.Decide(t.Context(), id, 1, metas, false)
	require.NoError(t, err)
	require.Equal(t, scoring.Deferred, d.Verdict.Outcome)
	w.registry.err = nil
	metas, err = w.service.Gather(t.Context(), id, d.Verdict.WaitFor)
	require.NoError(t, err)
	d, err = w.service.Decide(t.Context(), id, 2, metas, false)
	require.NoError(t, err)
	require.Equal(t, scoring.Approved, d.Verdict.Outcome)
	require.Equal(t, 2, d.Seq)
}

func TestUnjudgedApplicationIsDeferredOnceAndDeclinedAtTheEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, evidence.Sources[:]...)
	w.engine.broken = true
	id, metas := w.apply(t)
	_, err := w.service.Decide(t.Context(), id, 1, metas, false)
	require.Error(t, err)
	for i, want := range []bool{true, false, false} {
		made, err := w.service.AnswerUnjudged(t.Context(), id, 1, metas, false)
		require.NoError(t, err)
		require.Equal(t, want, made, i)
	}
	made, err := w.service.AnswerUnjudged(t.Context(), id, 2, metas, true)
	require.NoError(t, err)
	require.True(t, made)
	decisions, err := w.service.DecisionsOf(t.Context(), id)
	require.NoError(t, err)
	require.Len(t, decisions, 2)
	require.Equal(t, scoring.Declined, decisions[1].Verdict.Outcome)
}

func TestKnockOutAsksNoSource(t *testing.T) {
	t.Parallel()
	w := newWorld(t, evidence.Sources[:]...)
	w.engine.knockOut = true
	id := ident.NewID()
	_, err := w.service.Submit(t.Context(), id, w.merchant, 10_000*money.Yuan, "stock", underwriting.Origin{}, audit.System("test"))
	require.NoError(t, err)
	d, declined, err := w.service.KnockOut(t.Context(), id)
	require.NoError(t, err)
	require.True(t, declined)
	require.Zero(t, w.orders.calls)
	replay, err := w.service.Replay(t.Context(), d.ID)
	require.NoError(t, err)
	require.True(t, replay.Same)
}

func TestOfferIsAcceptedOnceByTheContractThatWasShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, evidence.Sources[:]...)
	id, metas := w.apply(t)
	_, err := w.service.Accept(t.Context(), id, "", audit.System("test"))
	require.Equal(t, underwriting.CodeNotApproved, fault.CodeOf(err))
	d, err := w.service.Decide(t.Context(), id, 1, metas, false)
	require.NoError(t, err)
	_, err = w.service.Accept(t.Context(), id, "another", audit.System("test"))
	require.Equal(t, underwriting.CodeContract, fault.CodeOf(err))
	line, err := w.service.Accept(t.Context(), id, d.ContractHash, audit.System("test"))
	require.NoError(t, err)
	again, err := w.service.Accept(t.Context(), id, d.ContractHash, audit.System("test"))
	require.NoError(t, err)
	require.Equal(t, line.ID, again.ID)
	require.Contains(t, underwriting.Contract(d, "en"), "12.17%")
	require.Contains(t, underwriting.Contract(d, "zh-CN"), "等额本息")
}

func TestApplicationIsCheckedBeforeItIsStored(t *testing.T) {
	t.Parallel()
	w := newWorld(t, evidence.Sources[:]...)
	for _, amount := range []money.Amount{0, -1, 999_99, 3_000_000_01} {
		_, err := w.service.Submit(t.Context(), ident.NewID(), w.merchant, amount, "stock", underwriting.Origin{}, audit.System("test"))
		require.Equal(t, underwriting.CodeAmount, fault.CodeOf(err), amount)
	}
	w.apply(t)
	_, err := w.service.Submit(t.Context(), ident.NewID(), w.merchant, 10_000*money.Yuan, "stock", underwriting.Origin{}, audit.System("test"))
	require.Equal(t, underwriting.CodeOpenExists, fault.CodeOf(err))
}
