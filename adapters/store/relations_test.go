package store_test

import (
	"context"
	"fmt"
	"log/slog"
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
	"loan310/scoring/relations"
)

// stranger stores a merchant that shares nothing with the others.
func (s *suite) stranger(tb testing.TB) merchant.Merchant {
	tb.Helper()
	m := newMerchant()
	m.LegalRep.IdentityNumber = merchant.Secret("id " + m.ID)
	m.Payout.Number = merchant.Secret("account " + m.ID)
	require.NoError(tb, s.Merchants().Create(tb.Context(), m, entry("merchant.registered", "merchant/"+m.ID)))
	return m
}

// applyFrom submits an application from a place.
func (s *suite) applyFrom(tb testing.TB, merchantID string, origin underwriting.Origin) underwriting.Application {
	tb.Helper()
	a := newApplication(merchantID)
	a.Origin = origin
	require.NoError(tb, s.Underwriting().Submit(tb.Context(), a, entry("application.submitted", "application/"+a.ID)))
	return a
}

func kindsOf(around *evidence.Relations) map[evidence.IdentifierKind]int64 {
	degrees := map[evidence.IdentifierKind]int64{}
	for _, shared := range around.Shared {
		degrees[shared.Kind] = max(degrees[shared.Kind], shared.Degree)
	}
	return degrees
}

func TestWhatConnectsMerchantsIsFoundByKeyedHash(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx := t.Context()
		a, b, alone := s.merchant(t), s.merchant(t), s.stranger(t)
		from := underwriting.Origin{DeviceID: "device-1", IP: "115.236.4.7"}
		first := s.applyFrom(t, a.ID, from)
		s.applyFrom(t, b.ID, from)
		s.applyFrom(t, alone.ID, underwriting.Origin{DeviceID: "device-2", IP: "10.0.0.7"}) // private: names nobody
		customers := []relations.Found{
			{Kind: evidence.LinkBuyer, Value: "b1", Orders: 5}, {Kind: evidence.LinkOrderDevice, Value: "device-1", Orders: 3},
		}
		kinds := []evidence.IdentifierKind{evidence.LinkBuyer, evidence.LinkOrderDevice}
		require.NoError(t, s.Relations().NoteCustomers(ctx, a.ID, kinds, append(customers, relations.Found{Kind: evidence.LinkBuyer, Value: "old", Orders: 2}), 90, now()))
		require.NoError(t, s.Relations().NoteCustomers(ctx, a.ID, kinds, customers, 100, now()))
		require.NoError(t, s.Relations().NoteCustomers(ctx, b.ID, kinds, customers[:1], 50, now()))
		requireFault(t, s.Relations().NoteCustomers(ctx, "nobody", kinds, customers, 1, now()), fault.NotFound, fault.CodeNotFound)

		around, err := s.Relations().Around(ctx, a.ID, first.ID, now())
		require.NoError(t, err)
		require.Len(t, around.Merchants, 2)
		require.Equal(t, map[evidence.IdentifierKind]int64{
			evidence.LinkPerson: 2, evidence.LinkAccount: 2, evidence.LinkDevice: 2, evidence.LinkIP: 2, evidence.LinkBuyer: 2,
			evidence.LinkOrderDevice: 1, evidence.LinkPattern: 3,
		}, kindsOf(around))
		require.Equal(t, evidence.BookRate{Applied72H: 3, Applied90D: 3}, around.Book)
		for _, shared := range around.Shared {
			require.NotContains(t, shared.Key, "device-1")
			if shared.Kind == evidence.LinkIP {
				require.Equal(t, int64(2), shared.Applied72H)
			}
		}
		for _, m := range around.Merchants {
			require.Equal(t, map[string]int64{a.ID: 100, b.ID: 50}[m.ID], m.Orders)
		}
		lone, err := s.Relations().Around(ctx, alone.ID, "", now())
		require.NoError(t, err)
		require.Len(t, lone.Merchants, 1)
		again, err := s.Relations().Around(ctx, a.ID, first.ID, now())
		require.NoError(t, err)
		require.Equal(t, around, again)
	})
}

func TestANewPayoutAccountConnectsToo(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		a, b := s.stranger(t), s.stranger(t)
		b.Payout.Number = a.Payout.Number
		_, err := s.Merchants().Update(t.Context(), b, entry("merchant.changed", "merchant/"+b.ID))
		require.NoError(t, err)
		around, err := s.Relations().Around(t.Context(), a.ID, "", now())
		require.NoError(t, err)
		require.Len(t, around.Merchants, 2)
	})
}

func TestAHubIsReadUpToItsBound(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		var last merchant.Merchant
		for range evidence.MaxHolders + 6 {
			last = s.stranger(t)
			s.applyFrom(t, last.ID, underwriting.Origin{IP: "115.236.4.7"})
		}
		around, err := s.Relations().Around(t.Context(), last.ID, "", now())
		require.NoError(t, err)
		require.Len(t, around.Merchants, 1)
		require.Equal(t, int64(evidence.MaxHolders+1), kindsOf(around)[evidence.LinkIP])
		for _, shared := range around.Shared {
			require.Empty(t, shared.Holders)
			require.Equal(t, int64(evidence.MaxHolders+6), shared.Applied72H)
		}
	})
}

func TestAnApprovalThatPassesTheGroupsLimitIsNotStored(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx, u := t.Context(), s.Underwriting()
		a, b := s.application(t), s.application(t)
		approval := func(of underwriting.Application, limit money.Amount, near ...string) underwriting.Decision {
			d := newDecision(of, 1, scoring.Approved)
			d.Verdict.Terms.Limit = limit
			d.Verdict.Relations = &scoring.Relations{Size: 2, Members: []string{a.MerchantID, b.MerchantID}, Limit: 100_000}
			d.Near = near
			return d
		}
		_, err := u.Decide(ctx, approval(a, 60_000, b.MerchantID), entry("decision.made", "application/"+a.ID))
		require.NoError(t, err)
		_, err = u.Decide(ctx, approval(b, 40_001, a.MerchantID), entry("decision.made", "application/"+b.ID))
		requireFault(t, err, fault.Conflict, underwriting.CodeGroupChanged)
		stored, err := u.Application(ctx, b.ID)
		require.NoError(t, err)
		require.Equal(t, underwriting.Submitted, stored.State)
		_, err = u.Decide(ctx, approval(b, 40_000, "somebody"), entry("decision.made", "application/"+b.ID))
		requireFault(t, err, fault.Conflict, underwriting.CodeGroupChanged) // it did not know of the other
		_, err = u.Decide(ctx, approval(b, 40_000, a.MerchantID), entry("decision.made", "application/"+b.ID))
		require.NoError(t, err)
	})
}

// grouped grants what is wanted as far as the group's limit goes.
type grouped struct{ limit money.Amount }

func (grouped) KnockOut(scoring.Applicant) []scoring.Reason { return nil }

func (grouped) Versions() scoring.Versions {
	return scoring.Versions{Strategy: "test@1", StrategyHash: "ab"}
}

func (g grouped) Decide(in scoring.Input) (scoring.Verdict, error) {
	rules := relations.Rules{JoinWeight: 500, Kinds: map[evidence.IdentifierKind]relations.KindRule{
		evidence.LinkPerson: {Weight: 1000, FreeDegree: 50, MaxDegree: 64},
	}, Ring: relations.RingRule{MinShared: 3, FullBps: 2000, MinOrders: 20}, Burst: relations.BurstRule{Min: 99, MinIP: 99, MinPattern: 99, Times: 1}}
	verdict := scoring.Verdict{Outcome: scoring.Approved, Reasons: []scoring.Reason{}, Features: []scoring.FeatureValue{}, Versions: g.Versions()}
	verdict.Relations = relations.Assess(&rules, in.Evidence.Relations)
	terms := newTerms()
	terms.Limit = in.Applicant.AmountWanted
	if verdict.Relations != nil && verdict.Relations.Size > 1 {
		verdict.Relations.Limit = g.limit
		terms.Limit = min(terms.Limit, g.limit-verdict.Relations.Exposure)
	}
	if terms.Limit <= 0 {
		verdict.Outcome = scoring.Declined
		return verdict, nil
	}
	verdict.Terms = &terms
	return verdict, nil
}

// none is a source that has nothing.
type none[T any] struct{}

func (none[T]) Fetch(context.Context, underwriting.Query, func(*T) error) (underwriting.Fetched, error) {
	return underwriting.Fetched{}, nil
}

func decider(db *store.DB) *underwriting.Service { return deciderAt(db, now) }

// deciderAt is an underwriting that runs by another clock than the store.
func deciderAt(db *store.DB, clock func() time.Time) *underwriting.Service {
	return underwriting.NewService(deciderDeps(db, clock))
}

func deciderDeps(db *store.DB, clock func() time.Time) underwriting.Deps {
	return underwriting.Deps{
		Store: db.Underwriting(), Evidence: db.Evidence(), Progress: db.Progress(), Relations: db.Relations(), Engine: grouped{1_000_000 * money.Yuan},
		Strategy: []byte("{}"), Now: clock, NewID: ident.NewID, Logger: slog.New(slog.DiscardHandler),
		Feeds: underwriting.Feeds{
			Orders: none[evidence.Order]{}, Waybills: none[evidence.Waybill]{}, Transactions: none[evidence.Transaction]{},
			Bills: none[evidence.UtilityBill]{}, Bureau: none[evidence.BureauReport]{}, Registry: none[evidence.RegistryRecord]{},
		},
		LoadEngine: func([]byte) (underwriting.Engine, error) { return grouped{1_000_000 * money.Yuan}, nil },
	}
}

// Thirty-two shops of one owner apply at once for 100,000.00 each, in two
// processes: together they get 1,000,000.00 and not a fen more.
func TestConnectedMerchantsThatApplyAtOnceShareOneLimit(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		services := []*underwriting.Service{decider(s.DB), decider(s.open(t))}
		require.NoError(t, services[0].Start(t.Context()))
		merchants := make([]string, 32)
		for i := range merchants {
			merchants[i] = s.merchant(t).ID
		}
		answers := inParallel(len(merchants), func(i int) (underwriting.Decision, error) {
			service, id := services[i%2], ident.NewID()
			_, err := service.Submit(t.Context(), id, merchants[i], 100_000*money.Yuan, fmt.Sprint("stock ", i), underwriting.Origin{}, audit.System("test"))
			if err != nil {
				return underwriting.Decision{}, err
			}
			metas, err := service.Gather(t.Context(), id, nil)
			if err != nil {
				return underwriting.Decision{}, err
			}
			return service.Decide(t.Context(), id, 1, metas, false)
		})
		var granted money.Amount
		for _, answer := range answers {
			require.NoError(t, answer.err)
			if answer.value.Verdict.Terms != nil {
				granted += answer.value.Verdict.Terms.Limit
			}
			replay, err := services[0].Replay(t.Context(), answer.value.ID)
			require.NoError(t, err)
			require.True(t, replay.Same)
		}
		require.Equal(t, 1_000_000*money.Yuan, granted)
	})
}
