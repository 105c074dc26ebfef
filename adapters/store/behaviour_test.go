package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/app/servicing"
	"loan310/app/servicing/loan"
	"loan310/app/underwriting"
	"loan310/scoring"
	"loan310/scoring/evidence"
	"loan310/scoring/relations"
)

// applicantAt reads what is known of a merchant so many days after the payouts.
func (s *suite) applicantAt(tb testing.TB, merchantID string, days int) scoring.Applicant {
	tb.Helper()
	standing, err := s.Underwriting().Standing(tb.Context(), merchantID, "", later(days)())
	require.NoError(tb, err)
	return standing.Applicant
}

// 600.00 over six months: the first line falls due on day 30. What is recorded
// or dated after a moment changes nothing of it, backdated or not.
func TestStandingTellsWhatAMerchantDidWithItsLoansAsOfAMoment(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx := t.Context()
		line := s.line(t, 3_000_00)
		first, second := s.loan(t, line, 600_00), s.loan(t, line, 600_00)
		behaviour := func(days int) [5]int64 {
			a := s.applicantAt(t, line.MerchantID, days)
			return [5]int64{a.LoansRepaid, a.CurrentDPD, a.WorstDPD, a.LoansRestructured, a.LoansChargedOff}
		}
		require.Equal(t, [5]int64{}, behaviour(30), "on the due date nothing is late")
		require.Equal(t, [5]int64{0, 5, 5, 0, 0}, behaviour(35), "though no end of day has run")
		before := s.applicantAt(t, line.MerchantID, 35)

		payoff, err := s.servicing(40).Payoff(ctx, first.ID, 0)
		require.NoError(t, err)
		_, err = s.servicing(40).Repay(ctx, repayment(first.ID, "all", payoff.Amount, 0))
		require.NoError(t, err)
		_, err = s.servicing(41).Repay(ctx, repayment(second.ID, "backdated", 110_00, second.NextDue))
		require.NoError(t, err)
		require.Equal(t, [5]int64{0, 5, 5, 0, 0}, behaviour(35), "neither the money of day 40 nor what was recorded later of day 30")
		require.Equal(t, [5]int64{1, 10, 10, 0, 0}, behaviour(40), "one repaid, the other still late as was known then")
		require.Equal(t, [5]int64{1, 0, 10, 0, 0}, behaviour(42), "the first was ten days late once")
		after := s.applicantAt(t, line.MerchantID, 35)
		after.OpenExposure = before.OpenExposure // what is drawn is read as of now
		require.Equal(t, before, after, "bit for bit")

		third := s.loan(t, line, 600_00)
		_, err = s.servicing(50).Restructure(ctx, command(third.ID, "hardship"), loan.Restructuring{TenorMonths: 12, RateBps: 1200, FirstDue: third.Contract.DisbursedOn + 80})
		require.NoError(t, err)
		require.Equal(t, int64(0), behaviour(49)[3])
		require.Equal(t, int64(1), behaviour(50)[3])
		payoff, err = s.servicing(60).Payoff(ctx, third.ID, 0)
		require.NoError(t, err)
		_, err = s.servicing(60).Repay(ctx, repayment(third.ID, "all", payoff.Amount, 0))
		require.NoError(t, err)
		require.Equal(t, int64(1), behaviour(60)[0], "a restructured loan was not repaid as agreed")

		fourth := s.loan(t, line, 600_00)
		gone := command(fourth.ID, "gone")
		gone.Reason = "closed for good"
		proposal, err := s.servicing(130).ProposeChargeOff(ctx, gone)
		require.NoError(t, err)
		other := command("", "").Actor
		other.ID = "s-2"
		_, _, err = s.servicing(130).DecideChargeOff(ctx, proposal.ID, true, other)
		require.NoError(t, err)
		require.Equal(t, int64(0), behaviour(129)[4])
		require.Equal(t, int64(1), behaviour(130)[4])
		require.Equal(t, int64(100), behaviour(130)[1])
		payoff, err = s.servicing(140).Payoff(ctx, fourth.ID, 0)
		require.NoError(t, err)
		_, err = s.servicing(140).Recover(ctx, moved(fourth.ID, "won", payoff.Amount, 0))
		require.NoError(t, err)
		won := behaviour(140)
		require.Equal(t, [3]int64{1, 1, 1}, [3]int64{won[0], won[3], won[4]}, "what was recovered was not repaid")

		s.requireReplayed(t, line.MerchantID, 150)
	})
}

// requireReplayed requires that what the store tells of each day is what a
// replay of every loan gives, the ends of days run or not.
func (s *suite) requireReplayed(tb testing.TB, merchantID string, days int) {
	tb.Helper()
	var records []servicing.Record
	list, _, err := s.Servicing().LoansOf(tb.Context(), merchantID, servicing.Page{Limit: 100})
	require.NoError(tb, err)
	for i := range list {
		record, err := s.Servicing().Record(tb.Context(), list[i].ID)
		require.NoError(tb, err)
		records = append(records, record)
	}
	for day := 0; day <= days; day += 5 {
		var want servicing.Behaviour
		for i := range records {
			require.NoError(tb, want.Add(&records[i], later(day)()))
		}
		got := s.applicantAt(tb, merchantID, day)
		require.Equal(tb, [5]int64{int64(want.Repaid), int64(want.DPD), int64(want.WorstDPD), int64(want.Restructured), int64(want.ChargedOff)},
			[5]int64{got.LoansRepaid, got.CurrentDPD, got.WorstDPD, got.LoansRestructured, got.LoansChargedOff}, "day %d", day)
	}
}

// An arrear of a connected merchant is the group's, from its day on.
func TestArrearsOfConnectedMerchantsAreTheGroups(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx := t.Context()
		line := s.line(t, 1_000_00)
		late := s.loan(t, line, 600_00)
		connected := s.merchant(t) // the same legal representative and account
		of := func(days int) evidence.RelatedMerchant {
			around, err := s.Relations().Around(ctx, connected.ID, "", later(days)())
			require.NoError(t, err)
			for _, m := range around.Merchants {
				if m.ID == line.MerchantID {
					return m
				}
			}
			require.Fail(t, "not connected")
			return evidence.RelatedMerchant{}
		}
		require.Equal(t, evidence.RelatedMerchant{ID: line.MerchantID, Committed: 1_000_00, Borrowed: true}, of(30))
		require.Equal(t, evidence.RelatedMerchant{ID: line.MerchantID, Committed: 1_000_00, Borrowed: true, CurrentDPD: 3, WorstDPD: 3}, of(33))
		require.Equal(t, int64(1), of(121).Defaults, "more than 90 days")
		payoff, err := s.servicing(34).Payoff(ctx, late.ID, 0)
		require.NoError(t, err)
		_, err = s.servicing(34).Repay(ctx, repayment(late.ID, "all", payoff.Amount, 0))
		require.NoError(t, err)
		require.Equal(t, evidence.RelatedMerchant{ID: line.MerchantID, Committed: 1_000_00, Borrowed: true, WorstDPD: 4}, of(121), "repaid, though once late")
		require.Equal(t, int64(3), of(33).CurrentDPD, "as of that day it is late for ever")

		around, err := s.Relations().Around(ctx, connected.ID, "", later(33)())
		require.NoError(t, err)
		engine, err := scoring.Load(scoring.Default())
		require.NoError(t, err)
		group := relations.Assess(engine.Strategy().Relations, around)
		require.Equal(t, int64(1), group.Arrears)
		require.EqualValues(t, 1_000_00, group.Exposure)
	})
}

// A decision keeps the standing it was made on: what happens to the loans
// later does not change its replay.
func TestADecisionOnBehaviourReplaysBitForBit(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx := t.Context()
		line := s.line(t, 3_000_00)
		l := s.loan(t, line, 600_00)
		payoff, err := s.servicing(20).Payoff(ctx, l.ID, 0)
		require.NoError(t, err)
		_, err = s.servicing(20).Repay(ctx, repayment(l.ID, "all", payoff.Amount, 0))
		require.NoError(t, err)
		late := s.loan(t, line, 600_00)
		decides := deciderAt(s.DB, later(33))
		require.NoError(t, decides.Start(ctx))
		application, err := decides.Submit(ctx, "again", line.MerchantID, 2_000*100, "stock", underwriting.Origin{}, entry("", "").Actor)
		require.NoError(t, err)
		metas, err := decides.Gather(ctx, application.ID, nil)
		require.NoError(t, err)
		decision, err := decides.Decide(ctx, application.ID, 1, metas, true)
		require.NoError(t, err)
		require.Equal(t, int64(1), decision.Snapshot.Applicant.LoansRepaid)
		require.Equal(t, int64(3), decision.Snapshot.Applicant.CurrentDPD)
		require.Equal(t, later(33)(), decision.Snapshot.AsOf)

		_, err = s.servicing(40).Repay(ctx, repayment(late.ID, "backdated", 300_00, late.NextDue))
		require.NoError(t, err)
		replay, err := decides.Replay(ctx, decision.ID)
		require.NoError(t, err)
		require.True(t, replay.Same)
		require.Equal(t, decision.Verdict, replay.Replayed)
	})
}
