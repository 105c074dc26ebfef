package store_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/app/fault"
	"loan310/app/money"
	"loan310/app/servicing"
	"loan310/app/servicing/loan"
)

// closing is the end of day run by an owner at a day.
func (s *suite) closing(days int, owner string) *servicing.EndOfDay {
	return &servicing.EndOfDay{Days: s.Days(), Service: s.servicing(days), Owner: owner, Workers: 2}
}

// A day closes once however many processes close it; loans that have nothing
// to do are not touched; days missed are made up for in order.
func TestTheEndOfDay(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx := t.Context()
		line := s.line(t, 10_000_00)
		var loans []servicing.Loan
		for range 20 {
			loans = append(loans, s.loan(t, line, 100_00))
		}
		due := loans[0].NextDue // 30 days after the payout
		_, err := s.closing(29, "a").Run(ctx, due-1)
		requireFault(t, err, fault.Invalid, fault.CodeInvalid)

		closed, err := s.closing(30, "a").Run(ctx, due-1)
		require.NoError(t, err)
		require.True(t, closed)
		status, err := s.Days().Days(ctx, 10)
		require.NoError(t, err)
		require.Len(t, status, 1)
		require.Zero(t, status[0].Loans, "nothing was due")
		require.Equal(t, servicing.Parts, status[0].Done)

		// One is repaid on the due day, one later than the days that were missed.
		_, err = s.servicing(30).Repay(ctx, repayment(loans[0].ID, "k", 17_26, 0))
		require.NoError(t, err)
		_, err = s.servicing(33).Repay(ctx, repayment(loans[1].ID, "k", 1_00, 0))
		require.NoError(t, err)
		answers := inParallel(4, func(i int) (bool, error) { return s.closing(35, fmt.Sprint("p", i)).Run(ctx, due+4) })
		for _, answer := range answers {
			require.NoError(t, answer.err)
		}
		closed, err = s.closing(35, "last").Run(ctx, due+4)
		require.NoError(t, err)
		require.True(t, closed)
		status, err = s.Days().Days(ctx, 10)
		require.NoError(t, err)
		require.Len(t, status, 6)
		require.Equal(t, due+4, status[0].Day)
		require.Equal(t, int64(19), status[0].Loans, "all but the one that paid")
		require.Equal(t, int64(18), status[4].Loans, "the due day: one was brought through it by its payment, one beyond it")
		require.Equal(t, int64(18), status[4].Journals, "a demand each")
		for i, l := range loans {
			stored, err := s.Servicing().Loan(ctx, l.ID)
			require.NoError(t, err)
			want := 4
			if i == 0 {
				want = 0
			}
			require.Equal(t, want, stored.DPD, "loan %d", i)
			if i < 3 {
				s.recomputed(t, l.ID)
			}
		}
		borrower, err := s.Servicing().Borrower(ctx, line.MerchantID)
		require.NoError(t, err)
		require.Equal(t, loan.SpecialMention, borrower.Class)
		require.Equal(t, 4, borrower.DPD)
	})
}

// A process that dies in the middle holds its part no longer than its lease,
// and a loan that cannot be replayed holds up nobody else.
func TestTheEndOfDayGoesOn(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx := t.Context()
		line := s.line(t, 10_000_00)
		good, bad := s.loan(t, line, 100_00), s.loan(t, line, 100_00)
		due := good.NextDue
		s.raw(t, fmt.Sprintf("UPDATE loans SET contract = REPLACE(contract, '\"tenor_months\":6', '\"tenor_months\":0') WHERE id = '%s'", bad.ID))
		at := later(31)()
		require.NoError(t, s.Days().BeginDay(ctx, due, at))
		dead, leased, _, err := s.Days().Lease(ctx, due, "dead", at, at.Add(60e9))
		require.NoError(t, err)
		require.True(t, leased)

		closed, err := s.closing(31, "alive").Run(ctx, due)
		require.NoError(t, err)
		require.False(t, closed, "one part is held")
		part, leased, _, err := s.Days().Lease(ctx, due, "second", at.Add(120e9), at.Add(240e9))
		require.NoError(t, err)
		require.True(t, leased)
		require.Equal(t, dead.Part, part.Part)
		_, err = s.Days().Age(ctx, dead, "", 1, at, at, func(servicing.Record) (servicing.Update, error) {
			return servicing.Update{}, errors.New("planned by the dead")
		})
		requireFault(t, err, fault.Conflict, servicing.CodeLeaseLost)
		require.NoError(t, s.Days().FinishPart(ctx, dead, at)) // no longer its to finish
		last, err := s.Days().LastDay(ctx)
		require.NoError(t, err)
		require.Zero(t, last)
		require.NoError(t, s.Days().FinishPart(ctx, part, at))
		last, err = s.Days().LastDay(ctx)
		require.NoError(t, err)
		require.Equal(t, due, last)

		closed, err = s.closing(32, "alive").Run(ctx, due+1)
		require.NoError(t, err)
		require.True(t, closed)
		stored, err := s.Servicing().Loan(ctx, good.ID)
		require.NoError(t, err)
		require.Equal(t, 1, stored.DPD)
		status, err := s.Days().Days(ctx, 1)
		require.NoError(t, err)
		require.Positive(t, status[0].Failed)
		require.Contains(t, status[0].Error, bad.ID)
		require.Equal(t, money.Amount(100_00), stored.Outstanding)
	})
}
