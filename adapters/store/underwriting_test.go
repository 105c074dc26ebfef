package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/app/fault"
	"loan310/app/money"
	"loan310/app/underwriting"
	"loan310/scoring"
	"loan310/scoring/evidence"
)

func TestApplicationLife(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx, u := t.Context(), s.Underwriting()
		a := s.application(t)
		stored, err := u.Application(ctx, a.ID)
		require.NoError(t, err)
		require.Equal(t, a, stored)

		deferred := newDecision(a, 1, scoring.Deferred)
		first, err := u.Decide(ctx, deferred, entry("decision.made", "application/"+a.ID))
		require.NoError(t, err)
		require.Equal(t, deferred, first)
		approved := newDecision(a, 2, scoring.Approved)
		approved.DecidedAt = now().Add(time.Hour)
		_, err = u.Decide(ctx, approved, entry("decision.made", "application/"+a.ID))
		require.NoError(t, err)

		stored, err = u.Application(ctx, a.ID)
		require.NoError(t, err)
		require.Equal(t, underwriting.Approved, stored.State)
		require.Equal(t, approved.ID, stored.DecisionID)
		require.Equal(t, deferred.DecidedAt, stored.DecidedAt, "the first decision's time stays")
		require.Equal(t, int64(3), stored.Version)

		decisions, err := u.DecisionsOf(ctx, a.ID)
		require.NoError(t, err)
		require.Equal(t, []underwriting.Decision{deferred, approved}, decisions)
		one, err := u.Decision(ctx, approved.ID)
		require.NoError(t, err)
		require.Equal(t, approved, one)

		line := newLine(approved, 5_000_00)
		accepted, err := u.Accept(ctx, line, entry("offer.accepted", "application/"+a.ID))
		require.NoError(t, err)
		require.Equal(t, line, accepted)
		read, err := u.Line(ctx, line.ID)
		require.NoError(t, err)
		require.Equal(t, line, read)
		lines, err := u.LinesOf(ctx, a.MerchantID)
		require.NoError(t, err)
		require.Equal(t, []underwriting.Line{line}, lines)
		trail, err := s.Audit(ctx, "application/"+a.ID)
		require.NoError(t, err)
		require.Len(t, trail, 4)
	})
}

func TestDecidingOrAcceptingAgainGivesWhatIsStored(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx, u := t.Context(), s.Underwriting()
		a := s.application(t)
		d := newDecision(a, 1, scoring.Approved)
		_, err := u.Decide(ctx, d, entry("decision.made", "application/"+a.ID))
		require.NoError(t, err)
		again := newDecision(a, 1, scoring.Declined)
		stored, err := u.Decide(ctx, again, entry("decision.made", "application/"+a.ID))
		require.NoError(t, err)
		require.Equal(t, d, stored)

		line, err := u.Accept(ctx, newLine(d, 100), entry("offer.accepted", "application/"+a.ID))
		require.NoError(t, err)
		twice, err := u.Accept(ctx, newLine(d, 200), entry("offer.accepted", "application/"+a.ID))
		require.NoError(t, err)
		require.Equal(t, line, twice)
		trail, err := s.Audit(ctx, "application/"+a.ID)
		require.NoError(t, err)
		require.Len(t, trail, 3, "submitted, decided, accepted: repeats are not acts")
	})
}

func TestUnderwritingErrors(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx, u := t.Context(), s.Underwriting()
		a := s.application(t)
		about := "application/" + a.ID

		err := u.Submit(ctx, newApplication(a.MerchantID), entry("application.submitted", about))
		requireFault(t, err, fault.Conflict, underwriting.CodeOpenExists)
		err = u.Submit(ctx, newApplication("nobody"), entry("application.submitted", about))
		requireFault(t, err, fault.NotFound, fault.CodeNotFound)
		_, err = u.Application(ctx, "none")
		requireFault(t, err, fault.NotFound, fault.CodeNotFound)
		_, err = u.Decision(ctx, "none")
		requireFault(t, err, fault.NotFound, fault.CodeNotFound)
		_, err = u.Line(ctx, "none")
		requireFault(t, err, fault.NotFound, fault.CodeNotFound)
		_, err = u.Standing(ctx, "none", "", now())
		requireFault(t, err, fault.NotFound, fault.CodeNotFound)
		_, err = u.Strategy(ctx, "none")
		requireFault(t, err, fault.NotFound, fault.CodeNotFound)
		_, err = u.Decide(ctx, newDecision(underwriting.Application{ID: "none", MerchantID: a.MerchantID}, 1, scoring.Declined), entry("decision.made", about))
		requireFault(t, err, fault.NotFound, fault.CodeNotFound)

		early := newDecision(a, 1, scoring.Approved)
		_, err = u.Accept(ctx, newLine(early, 100), entry("offer.accepted", about))
		requireFault(t, err, fault.NotFound, fault.CodeNotFound)
		declined := newDecision(a, 1, scoring.Declined)
		_, err = u.Decide(ctx, declined, entry("decision.made", about))
		require.NoError(t, err)
		_, err = u.Accept(ctx, newLine(declined, 100), entry("offer.accepted", about))
		requireFault(t, err, fault.Conflict, fault.CodeWrongState)
		_, err = u.Decide(ctx, newDecision(a, 2, scoring.Approved), entry("decision.made", about))
		requireFault(t, err, fault.Conflict, fault.CodeWrongState)
		decisions, err := u.DecisionsOf(ctx, a.ID)
		require.NoError(t, err)
		require.Len(t, decisions, 1, "a refused decision is not stored")

		_, _, err = u.Applications(ctx, "", underwriting.Page{Cursor: "not ours"})
		requireFault(t, err, fault.Invalid, fault.CodeInvalid)
	})
}

func TestAnExpiredOfferDoesNotKeepAMerchantFromApplying(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx, u := t.Context(), s.Underwriting()
		a := s.application(t)
		d := newDecision(a, 1, scoring.Approved) // expires in 7 days
		_, err := u.Decide(ctx, d, entry("decision.made", "application/"+a.ID))
		require.NoError(t, err)
		next := newApplication(a.MerchantID)
		next.SubmittedAt = now().AddDate(0, 0, 6)
		err = u.Submit(ctx, next, entry("application.submitted", "application/"+next.ID))
		requireFault(t, err, fault.Conflict, underwriting.CodeOpenExists)
		next.SubmittedAt = now().AddDate(0, 0, 7)
		require.NoError(t, u.Submit(ctx, next, entry("application.submitted", "application/"+next.ID)))
		old, err := u.Application(ctx, a.ID)
		require.NoError(t, err)
		require.Equal(t, underwriting.Expired, old.State)
		_, err = u.Accept(ctx, newLine(d, 100), entry("offer.accepted", "application/"+a.ID))
		requireFault(t, err, fault.Conflict, fault.CodeWrongState)
	})
}

func TestApplicationsArePagedNewestFirst(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx, u := t.Context(), s.Underwriting()
		var newest []string
		for i := range 7 {
			a := newApplication(s.merchant(t).ID)
			a.SubmittedAt = now().Add(time.Duration(i/2) * time.Minute) // pairs share a moment
			require.NoError(t, u.Submit(ctx, a, entry("application.submitted", "application/"+a.ID)))
			newest = append([]string{a.ID}, newest...)
		}
		var seen []string
		page := underwriting.Page{Limit: 3}
		for rounds := 0; ; rounds++ {
			require.Less(t, rounds, 4)
			list, next, err := u.Applications(ctx, "", page)
			require.NoError(t, err)
			for _, a := range list {
				seen = append(seen, a.ID)
			}
			if next == "" {
				break
			}
			page.Cursor = next
		}
		require.Equal(t, newest, seen)

		undecided, err := u.Undecided(ctx, now().Add(time.Minute), 10)
		require.NoError(t, err)
		require.Equal(t, []string{newest[6], newest[5]}, undecided)
		undecided, err = u.Undecided(ctx, now().Add(time.Hour), 1)
		require.NoError(t, err)
		require.Equal(t, newest[6:], undecided)

		one, err := u.Application(ctx, newest[0])
		require.NoError(t, err)
		mine, _, err := u.Applications(ctx, one.MerchantID, underwriting.Page{})
		require.NoError(t, err)
		require.Equal(t, []underwriting.Application{one}, mine)
	})
}

func TestStandingTellsWhatWeKnow(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx := t.Context()
		line := s.line(t, 1_000_00)
		d := s.drawdown(t, line, 300_00)
		s.reserve(t, d)
		declined := newApplication(line.MerchantID)
		require.NoError(t, s.Underwriting().Submit(ctx, declined, entry("application.submitted", "application/x")))
		_, err := s.Underwriting().Decide(ctx, newDecision(declined, 1, scoring.Declined), entry("decision.made", "application/x"))
		require.NoError(t, err)
		open := newApplication(line.MerchantID)
		require.NoError(t, s.Underwriting().Submit(ctx, open, entry("application.submitted", "application/y")))
		m, err := s.Merchants().Merchant(ctx, line.MerchantID)
		require.NoError(t, err)
		m.Consents[1].WithdrawnAt = now()
		_, err = s.Merchants().Update(ctx, m, entry("consent.withdrawn", "merchant/"+m.ID))
		require.NoError(t, err)

		standing, err := s.Underwriting().Standing(ctx, line.MerchantID, "", now().Add(time.Minute))
		require.NoError(t, err)
		require.Zero(t, standing.Applicant.FirstLoanAt, "reserved is not paid out")
		settled, err := s.Drawdowns().SettlePaid(ctx, d.ID, d.ID+":payout", "rail-1", paid(d), entry("drawdown.paid", "drawdown/"+d.ID))
		require.NoError(t, err)
		standing, err = s.Underwriting().Standing(ctx, line.MerchantID, "", now().Add(time.Minute))
		require.NoError(t, err)
		require.Equal(t, scoring.Applicant{
			FirstLoanAt: settled.SettledAt,
			Region:      "350100", Industry: "5219", MerchantActive: true, ConsentsValid: true, RegisteredAt: m.CreatedAt,
			OpenExposure: 300_00, OtherOpen: 1, DeclinedRecents: 1,
		}, standing.Applicant)
		require.Equal(t, plainIdentity, standing.Identity)
		require.Equal(t, plainAccount, standing.AccountNumber)
		require.Equal(t, plainName, standing.LegalRep)
		require.Equal(t, m.Licence.Number, standing.LicenceNumber)
		require.Equal(t, m.Phone.Reveal(), standing.Phone)
		require.Equal(t, "zh-CN", standing.Language)
		require.Equal(t, []evidence.Source{evidence.Marketplace, evidence.Bank, evidence.Utility, evidence.Bureau, evidence.Registry}, standing.Consents)

		earlier, err := s.Underwriting().Standing(ctx, line.MerchantID, "", now().Add(-time.Second))
		require.NoError(t, err)
		require.Zero(t, earlier.Applicant.DeclinedRecents, "declined later")
		require.Zero(t, earlier.Applicant.FirstLoanAt, "paid out later")

		deciding, err := s.Underwriting().Standing(ctx, line.MerchantID, open.ID, now().Add(time.Minute))
		require.NoError(t, err)
		require.Zero(t, deciding.Applicant.OtherOpen)
	})
}

func TestStrategyIsStoredOnce(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		require.NoError(t, s.Underwriting().SaveStrategy(t.Context(), "h", []byte("body"), now()))
		require.NoError(t, s.Underwriting().SaveStrategy(t.Context(), "h", []byte("other"), now()))
		body, err := s.Underwriting().Strategy(t.Context(), "h")
		require.NoError(t, err)
		require.Equal(t, "body", string(body))
	})
}

func TestOnlyOneOfManyDecidersDecides(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		a := s.application(t)
		outcomes := []scoring.Outcome{scoring.Approved, scoring.Declined, scoring.Deferred}
		ids := inParallel(32, func(i int) (string, error) {
			d, err := s.Underwriting().Decide(t.Context(), newDecision(a, 1, outcomes[i%3]), entry("decision.made", "application/"+a.ID))
			return d.ID, err
		})
		for _, id := range ids {
			require.NoError(t, id.err)
			require.Equal(t, ids[0].value, id.value)
		}
		stored, err := s.Underwriting().Application(t.Context(), a.ID)
		require.NoError(t, err)
		require.Equal(t, ids[0].value, stored.DecisionID)
		require.Equal(t, int64(2), stored.Version)
	})
}

func TestOnlyOneApplicationOfAMerchantIsOpen(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		m := s.merchant(t)
		answers := inParallel(16, func(int) (string, error) {
			a := newApplication(m.ID)
			return a.ID, s.Underwriting().Submit(t.Context(), a, entry("application.submitted", "application/"+a.ID))
		})
		stored := 0
		for _, answer := range answers {
			if answer.err == nil {
				stored++
				continue
			}
			requireFault(t, answer.err, fault.Conflict, underwriting.CodeOpenExists)
		}
		require.Equal(t, 1, stored)
	})
}

func TestALineTakesNoNegativeMoney(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		for _, limit := range []money.Amount{-1, -100} {
			a := s.application(t)
			d := newDecision(a, 1, scoring.Approved)
			_, err := s.Underwriting().Decide(t.Context(), d, entry("decision.made", "application/"+a.ID))
			require.NoError(t, err)
			_, err = s.Underwriting().Accept(t.Context(), newLine(d, limit), entry("offer.accepted", "application/"+a.ID))
			requireFault(t, err, fault.Conflict, fault.CodeConstraint)
		}
	})
}
