package drawdown_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"loan310/app/audit"
	"loan310/app/drawdown"
	"loan310/app/fault"
	"loan310/app/money"
)

// refusesForItself fails for want of our own money there.
func refusesForItself(*rail, drawdown.Instruction) (drawdown.Receipt, error) {
	return drawdown.Receipt{State: drawdown.RailFailed, Code: "PAYER_BALANCE_NOT_ENOUGH", RailSide: true}, nil
}

func person(name string) audit.Actor { return audit.Actor{Kind: "person", ID: "staff/" + name} }

func TestCallThatDiedBeforeItWasTakenBackCountsAsMade(t *testing.T) {
	t.Parallel()
	w := newWorld(t, neverHears)
	d := w.open(t, "k1", 6_000)
	payout, err := w.db.Drawdowns().Payout(t.Context(), d.ID)
	require.NoError(t, err)
	_, err = w.db.Drawdowns().BeginCall(t.Context(), payout, w.now(), "2026-11-11", drawdown.Limit{}) // and the process dies
	require.NoError(t, err)
	w.rail.onPay = answers
	require.Equal(t, drawdown.Unknown, w.pay(t, d.ID))
	require.Zero(t, w.rail.pays)
	w.pass(15 * time.Second)
	require.Equal(t, drawdown.Paid, w.pay(t, d.ID))
	w.sound(t, 6_000)
}

func TestUnsentCallAfterALostOneKeepsTheGraceOfTheLostOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t, neverHears)
	d := w.open(t, "k1", 6_000)
	require.Equal(t, drawdown.Unknown, w.pay(t, d.ID)) // call 1 may have left
	w.pass(15 * time.Second)
	w.rail.onPay = isUnreachable
	require.Equal(t, drawdown.Unknown, w.pay(t, d.ID)) // call 2 did not
	w.rail.onPay = answers
	require.Equal(t, drawdown.Paid, w.pay(t, d.ID)) // the grace of call 1 is over already
	require.Equal(t, 2, w.rail.asks)
	w.sound(t, 6_000)
}

func TestFailureOnTheRailsSideIsPaidByTheOtherRailOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, refusesForItself)
	d := w.open(t, "k1", 6_000)
	require.Equal(t, drawdown.Paying, w.pay(t, d.ID))
	w.sound(t, 6_000)
	require.Equal(t, drawdown.Paid, w.pay(t, d.ID))
	require.Equal(t, drawdown.Paid, w.pay(t, d.ID))
	require.Equal(t, 1, w.rail.pays)
	require.Equal(t, 1, w.bank.pays)
	require.Equal(t, map[string]int{drawdown.AttemptKey(d.ID, 2): 1}, w.bank.paid)
	w.sound(t, 6_000)
}

func TestPayeesFailureDoesNotFailOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, refuses)
	d := w.open(t, "k1", 6_000)
	require.Equal(t, drawdown.Failed, w.pay(t, d.ID))
	require.Zero(t, w.bank.pays)
}

func TestRefusalAfterALostCallDoesNotFailOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, neverHears)
	d := w.open(t, "k1", 6_000)
	require.Equal(t, drawdown.Unknown, w.pay(t, d.ID))
	w.pass(15 * time.Second)
	w.rail.onPay = refusesForItself // of the second call; the first may still arrive
	require.Equal(t, drawdown.Failed, w.pay(t, d.ID))
	require.Zero(t, w.bank.pays)
	w.sound(t, 0)
}

// saysFailed is a rail whose book has one of our calls as failed.
type saysFailed struct{ *rail }

func (saysFailed) Query(context.Context, string) (drawdown.Receipt, error) {
	return drawdown.Receipt{State: drawdown.RailFailed, Code: "PAYER_BALANCE_NOT_ENOUGH", RailSide: true}, nil
}

func TestFailureIsNotBelievedWhileALaterCallMayBeUnderWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, neverHears)
	d := w.open(t, "k1", 6_000)
	require.Equal(t, drawdown.Unknown, w.pay(t, d.ID))
	w.pass(15 * time.Second)
	require.Equal(t, drawdown.Unknown, w.pay(t, d.ID)) // the second call, lost as well
	require.Equal(t, 2, w.rail.pays)
	w.rails["wallet"] = saysFailed{w.rail} // the word is on the first
	require.Equal(t, drawdown.Unknown, w.pay(t, d.ID))
	require.Zero(t, w.bank.pays)
	w.pass(15 * time.Second)
	require.Equal(t, drawdown.Paying, w.pay(t, d.ID), "failed over")
	require.Equal(t, drawdown.Paid, w.pay(t, d.ID))
	require.Equal(t, 1, w.bank.pays)
	w.sound(t, 6_000)
}

func TestRailThatIsNotReachedForLongIsFailedOverAndUnknownNeverIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, isUnreachable)
	d := w.open(t, "k1", 2_000)
	require.Equal(t, drawdown.Paying, w.pay(t, d.ID))
	w.pass(2*time.Minute - time.Second)
	require.Equal(t, drawdown.Paying, w.pay(t, d.ID))
	require.Zero(t, w.bank.pays)
	w.pass(time.Second)
	require.Equal(t, drawdown.Paying, w.pay(t, d.ID))
	require.Equal(t, drawdown.Paid, w.pay(t, d.ID))
	require.Equal(t, 1, w.bank.pays)

	w.rail.onPay = neverHears
	d = w.open(t, "k2", 2_000)
	require.Equal(t, drawdown.Unknown, w.pay(t, d.ID))
	w.pass(30 * time.Hour)
	require.Equal(t, drawdown.Unknown, w.pay(t, d.ID))
	require.Equal(t, 1, w.bank.pays)
	w.sound(t, 4_000)
}

func TestUnknownIsHandedToAPersonAndSettledByTwo(t *testing.T) {
	t.Parallel()
	for outcome, used := range map[drawdown.Outcome]money.Amount{drawdown.OutcomePaid: 6_000, drawdown.OutcomeFailed: 0} {
		w := newWorld(t, neverHears)
		d := w.open(t, "k1", 6_000)
		require.Equal(t, drawdown.Unknown, w.pay(t, d.ID))
		w.pass(20*time.Hour - time.Second)
		require.Equal(t, drawdown.Unknown, w.pay(t, d.ID))
		none, err := w.service.Cases(t.Context(), 10)
		require.NoError(t, err)
		require.Empty(t, none)
		w.pass(time.Second)
		for range 2 {
			require.Equal(t, drawdown.Unknown, w.pay(t, d.ID))
		}
		cases, err := w.service.Cases(t.Context(), 10)
		require.NoError(t, err)
		require.Len(t, cases, 1)
		require.Equal(t, drawdown.CaseUnknown, cases[0].Reason)
		id := cases[0].ID

		_, err = w.service.Approve(t.Context(), id, person("a"))
		require.Equal(t, drawdown.CodeNotProposed, fault.CodeOf(err))
		_, err = w.service.Propose(t.Context(), drawdown.Resolution{CaseID: id, Outcome: outcome}, person("a"))
		require.Equal(t, fault.CodeInvalid, fault.CodeOf(err)) // no evidence
		_, err = w.service.Propose(t.Context(), drawdown.Resolution{CaseID: id, Outcome: outcome, Reference: "statement 310, line 7"}, person("a"))
		require.NoError(t, err)
		_, err = w.service.Approve(t.Context(), id, person("a"))
		require.Equal(t, drawdown.CodeTwoPairsOfEyes, fault.CodeOf(err))
		require.Equal(t, drawdown.Unknown, w.pay(t, d.ID))
		closed, err := w.service.Approve(t.Context(), id, person("b"))
		require.NoError(t, err)
		require.Equal(t, drawdown.CaseClosed, closed.State)
		require.Equal(t, string(outcome), string(w.pay(t, d.ID)))
		require.Equal(t, 2, w.rail.pays) // before it was handed over, under one key; none after
		w.sound(t, used)
	}
}

func TestRailThatAnswersAfterAllClosesTheCase(t *testing.T) {
	t.Parallel()
	w := newWorld(t, neverHears)
	d := w.open(t, "k1", 6_000)
	w.pay(t, d.ID)
	w.pass(21 * time.Hour)
	w.pay(t, d.ID)
	w.rail.paid[drawdown.PayoutKey(d.ID)] = 1
	require.Equal(t, drawdown.Paid, w.pay(t, d.ID))
	cases, err := w.service.Cases(t.Context(), 10)
	require.NoError(t, err)
	require.Empty(t, cases)
	w.sound(t, 6_000)
}

func TestStoppedRailLetsDrawsWait(t *testing.T) {
	t.Parallel()
	for _, rail := range []string{drawdown.RailWallet, drawdown.AllRails} {
		w := newWorld(t, answers)
		require.Error(t, w.service.StopRail(t.Context(), rail, " ", person("a")))
		require.NoError(t, w.service.StopRail(t.Context(), rail, "rehearsal", person("a")))
		d := w.open(t, "k1", 6_000)
		require.Equal(t, drawdown.Paying, w.pay(t, d.ID))
		w.pass(time.Hour)
		require.Equal(t, drawdown.Paying, w.pay(t, d.ID))
		require.Zero(t, w.rail.pays+w.bank.pays)
		payout, err := w.service.PayoutByKey(t.Context(), drawdown.PayoutKey(d.ID))
		require.NoError(t, err)
		require.Equal(t, drawdown.WaitsForResume, payout.WaitsFor)
		require.Equal(t, w.now().Add(-time.Hour), payout.WaitsSince)
		require.NoError(t, w.service.ResumeRail(t.Context(), rail, person("a")))
		require.Equal(t, drawdown.Paid, w.pay(t, d.ID))
		w.sound(t, 6_000)
	}
}

func TestLimitOfTheDayLetsDrawsWaitForTheNext(t *testing.T) {
	t.Parallel()
	for _, limit := range []drawdown.Limit{{Amount: 5_000 * money.Yuan}, {Count: 1}} {
		w := newWorld(t, answers)
		w.limits["wallet"] = limit
		first, second := w.open(t, "k1", 3_000), w.open(t, "k2", 3_000)
		require.Equal(t, drawdown.Paid, w.pay(t, first.ID))
		require.Equal(t, drawdown.Paying, w.pay(t, second.ID)) // 3,000 + 3,000 > 5,000; 2 > 1
		require.Equal(t, 1, w.rail.pays)
		w.pass(24 * time.Hour)
		require.Equal(t, drawdown.Paid, w.pay(t, second.ID))
		w.sound(t, 6_000)
	}
}

func TestReturnedPayoutIsReversedForGood(t *testing.T) {
	t.Parallel()
	w := newWorld(t, answers)
	d := w.open(t, "k1", 6_000)
	require.Equal(t, drawdown.Paid, w.pay(t, d.ID))
	key := drawdown.PayoutKey(d.ID)
	_, err := w.service.Returned(t.Context(), drawdown.Return{Key: key, Amount: 1, Code: "AC04"})
	require.NoError(t, err) // a part of it: a person's matter
	cases, err := w.service.Cases(t.Context(), 10)
	require.NoError(t, err)
	require.Len(t, cases, 1)
	w.sound(t, 6_000)
	for range 2 {
		reversed, err := w.service.Returned(t.Context(), drawdown.Return{Key: key, Amount: d.Amount, Code: "AC04"})
		require.NoError(t, err)
		require.Equal(t, drawdown.Reversed, reversed.State)
		require.Equal(t, drawdown.CodeReturned, reversed.FailureCode)
	}
	w.sound(t, 0)
	require.Equal(t, drawdown.Reversed, w.pay(t, d.ID)) // the rail still says paid
	require.Equal(t, 1, w.rail.pays)
	untold, err := w.db.PayoutDesk().Untold(t.Context(), 10)
	require.NoError(t, err)
	require.Equal(t, []string{d.ID}, untold)
	w.open(t, "k2", 10_000) // the headroom is there again
	w.sound(t, 10_000)
}

// TestAnyInterleavingPaysOnce drives one draw through lost answers, refusals
// on both sides, unreachable rails, crashes between the steps, stops and time,
// and holds both rails' books against the draw.
func TestAnyInterleavingPaysOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, answers)
	behaviours := map[string]func(*rail, drawdown.Instruction) (drawdown.Receipt, error){
		"answers": answers, "loses": losesTheAnswer, "never hears": neverHears, "unreachable": isUnreachable,
		"refuses the payee": refuses, "refuses for itself": refusesForItself,
	}
	names := []string{"answers", "loses", "never hears", "unreachable", "refuses the payee", "refuses for itself"}
	n := 0
	rapid.Check(t, func(r *rapid.T) {
		n++
		d := w.open(t, "k"+rapid.StringMatching("[a-z]{12}").Draw(r, "key")+string(rune('a'+n%26))+time.Duration(n).String(), 100)
		require.Equal(r, drawdown.Paying, d.State)
		for range rapid.IntRange(1, 12).Draw(r, "steps") {
			w.rail.onPay = behaviours[rapid.SampledFrom(names).Draw(r, "wallet")]
			w.bank.onPay = behaviours[rapid.SampledFrom(names).Draw(r, "bank")]
			switch rapid.IntRange(0, 5).Draw(r, "what") {
			case 0:
				w.pass(time.Duration(rapid.IntRange(1, 200).Draw(r, "seconds")) * time.Second)
			case 1: // a process counts a call and dies
				if payout, err := w.db.Drawdowns().Payout(t.Context(), d.ID); err == nil {
					_, _ = w.db.Drawdowns().BeginCall(t.Context(), payout, w.now(), "2026-11-11", drawdown.Limit{})
				}
			default:
				_, err := w.service.Pay(t.Context(), d.ID)
				require.True(r, err == nil || fault.KindOf(err) == fault.Conflict, "%v", err)
			}
			paid := w.paidFor(d.ID)
			require.LessOrEqual(r, paid, 1)
		}
		w.rail.onPay, w.bank.onPay = answers, answers
		for range 8 {
			w.pass(20 * time.Second)
			d, _ = w.service.Pay(t.Context(), d.ID)
		}
		require.True(r, d.State.Final(), "%s", d.State)
		require.Equal(r, d.State == drawdown.Paid, w.paidFor(d.ID) == 1)
		if d.State == drawdown.Paid { // the line is for the next round
			payout, err := w.db.Drawdowns().Payout(t.Context(), d.ID)
			require.NoError(r, err)
			_, err = w.service.Returned(t.Context(), drawdown.Return{Key: payout.Key, Amount: payout.Amount, Code: "AC04"})
			require.NoError(r, err)
		}
	})
	w.sound(t, 0)
}

// paidFor counts what both rails' books hold as paid for a draw.
func (w *world) paidFor(id string) int {
	paid := 0
	for n := 1; n <= 3; n++ {
		paid += w.rail.paid[drawdown.AttemptKey(id, n)] + w.bank.paid[drawdown.AttemptKey(id, n)]
	}
	return paid
}

func TestReturnOfWhatWeDoNotKnowIsNotFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, answers)
	_, err := w.service.Returned(t.Context(), drawdown.Return{Key: "nothing", Amount: 1})
	require.Equal(t, fault.NotFound, fault.KindOf(err))
}
