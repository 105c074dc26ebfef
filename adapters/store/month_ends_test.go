package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/app/audit"
	"loan310/app/fault"
	"loan310/app/money"
	"loan310/app/portfolio"
	"loan310/app/servicing"
	"loan310/app/servicing/loan"
)

// ends are the rows kept, by loan and month.
func (s *suite) ends(tb testing.TB) map[string]map[portfolio.Month]portfolio.Snapshot {
	tb.Helper()
	found := map[string]map[portfolio.Month]portfolio.Snapshot{}
	for row, err := range s.Portfolio(zone()).Snapshots(context.WithoutCancel(tb.Context()), 1<<20) {
		require.NoError(tb, err)
		if found[row.LoanID] == nil {
			found[row.LoanID] = map[portfolio.Month]portfolio.Snapshot{}
		}
		found[row.LoanID][row.Month] = row
	}
	return found
}

// asReplayed requires of every row kept that it is what a replay of the loan's
// events says of that day.
func (s *suite) asReplayed(tb testing.TB, ends map[string]map[portfolio.Month]portfolio.Snapshot) {
	tb.Helper()
	for id, months := range ends {
		record, err := s.Servicing().Record(tb.Context(), id)
		require.NoError(tb, err)
		for _, row := range months {
			l, err := servicing.StoodOn(&record, loan.Date(row.OnDay))
			require.NoError(tb, err)
			require.Equal(tb, l.Outstanding, row.Outstanding, "%s %s", id, row.Month)
			require.Equal(tb, l.DPD, row.DPD)
			require.Equal(tb, l.ChargedOff, row.ChargedOff)
			require.Equal(tb, l.RecoveredPrincipal, row.Recovered)
		}
	}
}

// The last day of a month keeps how each loan stood then, in the class of its
// borrower, also when it is closed months later and money came since.
func TestMonthsEndsAreKept(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx := t.Context()
		nov := portfolio.MonthOf(now().In(zone()))
		line := s.line(t, 10_000_00)
		good, bad := s.loan(t, line, 100_00), s.loan(t, line, 100_00) // of one borrower, due on 2026-12-11 and so on
		other := s.line(t, 10_000_00)
		quick, lost, gone := s.loan(t, other, 100_00), s.loan(t, other, 100_00), s.loan(t, other, 100_00)
		for k := range 3 {
			_, err := s.servicing(30+31*k).Repay(ctx, repayment(good.ID, fmt.Sprint("k", k), 17_26, 0))
			require.NoError(t, err)
		}
		// Between the end of January, which is not closed yet, and that of February:
		_, err := s.servicing(86).Repay(ctx, repayment(quick.ID, "all", 200_00, 0))
		require.NoError(t, err)
		p, err := s.servicing(86).ProposeChargeOff(ctx, withReason(command(lost.ID, "off"), "fled"))
		require.NoError(t, err)
		_, _, err = s.servicing(86).DecideChargeOff(ctx, p.ID, true, audit.Actor{Kind: "person", ID: "s-2"})
		require.NoError(t, err)
		_, err = s.servicing(87).Recover(ctx, moved(lost.ID, "back", 30_00, 0))
		require.NoError(t, err)
		_, err = s.Drawdowns().SettleReversed(ctx, gone.ID, gone.ID+":payout", "AC04", later(87)(), entry("drawdown.reversed", "drawdown/"+gone.ID))
		require.NoError(t, err)

		var closed []string
		closing := s.closing(111, "a") // 2027-03-02
		closing.MonthClosed = func(_ context.Context, day loan.Date) error { closed = append(closed, day.String()); return nil }
		whole, err := closing.Run(ctx, loan.NewDate(2026, 11, 29))
		require.NoError(t, err)
		require.True(t, whole)
		require.Empty(t, s.ends(t), "the month is not over")
		whole, err = closing.Run(ctx, loan.NewDate(2027, 3, 1))
		require.NoError(t, err)
		require.True(t, whole)
		require.Equal(t, []string{"2026-11-30", "2026-12-31", "2027-01-31", "2027-02-28"}, closed)

		ends := s.ends(t)
		s.asReplayed(t, ends)
		require.NotContains(t, ends, gone.ID, "it never was")
		require.Len(t, ends[good.ID], 4)
		row := ends[bad.ID][nov+2]
		require.Equal(t, portfolio.Snapshot{
			LoanID: bad.ID, Month: nov + 2, Cohort: nov, OnDay: int(loan.NewDate(2027, 1, 31)), Disbursed: 100_00, Outstanding: 100_00, DPD: 51,
			Class: portfolio.SpecialMention, State: portfolio.Active,
		}, row, "due on 2026-12-11: 51 days")
		require.Equal(t, portfolio.Normal, ends[good.ID][nov].Class)
		require.Zero(t, ends[good.ID][nov+2].DPD)
		require.Equal(t, portfolio.SpecialMention, ends[good.ID][nov+2].Class, "the class is the borrower's")
		require.Equal(t, portfolio.Active, ends[quick.ID][nov+2].State, "it was repaid in February")
		require.Equal(t, portfolio.Settled, ends[quick.ID][nov+3].State)
		require.Equal(t, portfolio.Active, ends[lost.ID][nov+2].State)
		february := ends[lost.ID][nov+3]
		require.Equal(t, portfolio.ChargedOff, february.State)
		require.Equal(t, money.Amount(100_00), february.ChargedOff)
		require.Equal(t, money.Amount(30_00), february.Recovered, "of a loan charged off, principal comes first")
		require.Equal(t, portfolio.Loss, february.Class)

		status, err := s.Days().Days(ctx, 2)
		require.NoError(t, err)
		require.Equal(t, []int64{0, 4}, []int64{status[0].Kept, status[1].Kept})
		last, err := s.Portfolio(zone()).LastMonth(ctx)
		require.NoError(t, err)
		require.Equal(t, nov+3, last)

		// March: what was settled needs no row; what was charged off does.
		whole, err = s.closing(142, "b").Run(ctx, loan.NewDate(2027, 3, 31))
		require.NoError(t, err)
		require.True(t, whole)
		ends = s.ends(t)
		s.asReplayed(t, ends)
		require.NotContains(t, ends[quick.ID], nov+4)
		require.Equal(t, money.Amount(30_00), ends[lost.ID][nov+4].Recovered)
		s.sound(t)
	})
}

func withReason(c servicing.Command, reason string) servicing.Command {
	c.Reason = reason
	return c
}

// A month's end that is broken off is kept again from the start of the part,
// and is not shown as kept before all of it is; a loan that cannot be replayed
// is left out.
func TestAMonthsEndGoesOn(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx := t.Context()
		line := s.line(t, 10_000_00)
		var loans []servicing.Loan
		for range 6 {
			loans = append(loans, s.loan(t, line, 100_00))
		}
		day := loan.NewDate(2026, 11, 30)
		for i, l := range loans { // all in one part
			s.raw(t, fmt.Sprintf("UPDATE loans SET part = 5, through_on = through_on + %d WHERE id = '%s'", 100*(i%2), l.ID))
		}
		at := later(20)()
		require.NoError(t, s.Days().BeginDay(ctx, day, at))
		part := servicing.DayPart{Day: day, Part: 5, Owner: "first"}
		_, err := s.Days().Keep(ctx, part, "", 4, at, at, servicingStood(day))
		requireFault(t, err, fault.Conflict, servicing.CodeLeaseLost)
		require.Empty(t, s.ends(t), "nothing is kept of a part that is another's")
		for n := range servicing.Parts {
			held, leased, _, err := s.Days().Lease(ctx, day, "first", at, at.Add(time.Minute))
			require.NoError(t, err)
			require.True(t, leased)
			if n != part.Part {
				require.NoError(t, s.Days().FinishPart(ctx, held, at))
			}
		}
		kept, err := s.Days().Keep(ctx, part, "", 4, at, at.Add(time.Minute), servicingStood(day))
		require.NoError(t, err)
		require.Equal(t, []any{4, 0, true}, []any{kept.Loans, kept.Failed, kept.More})
		_, err = s.Portfolio(zone()).LastMonth(ctx)
		requireFault(t, err, fault.NotFound, fault.CodeNotFound)

		s.raw(t, fmt.Sprintf("UPDATE loans SET contract = REPLACE(contract, '\"tenor_months\":6', '\"tenor_months\":0') WHERE id = '%s'", loans[1].ID))
		whole, err := s.closing(21, "second").Run(ctx, day)
		require.NoError(t, err)
		require.True(t, whole)
		require.Len(t, s.ends(t), 6, "the one that fails now was kept before")
		status, err := s.Days().Days(ctx, 1)
		require.NoError(t, err)
		require.Equal(t, int64(4+5), status[0].Kept)
		require.Equal(t, int64(1), status[0].Failed)
		require.Contains(t, status[0].Error, loans[1].ID)
		_, err = s.Portfolio(zone()).LastMonth(ctx)
		require.NoError(t, err)
	})
}

func servicingStood(day loan.Date) func(*servicing.Record) (servicing.Loan, error) {
	return func(record *servicing.Record) (servicing.Loan, error) { return servicing.StoodOn(record, day) }
}
