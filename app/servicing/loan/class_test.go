package loan_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/app/servicing/loan"
	"loan310/scoring/verdict"
)

func TestDaysPastDueBucketAndClass(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		days   int
		bucket string
		class  loan.Class
	}{
		{0, "current", loan.Normal},
		{1, "1-3", loan.SpecialMention},
		{3, "1-3", loan.SpecialMention},
		{4, "4-30", loan.SpecialMention},
		{30, "4-30", loan.SpecialMention},
		{31, "31-60", loan.SpecialMention},
		{60, "31-60", loan.SpecialMention},
		{61, "61-90", loan.SpecialMention},
		{90, "61-90", loan.SpecialMention},
		{91, "91-180", loan.Substandard},
		{181, "181-270", loan.Substandard},
		{270, "181-270", loan.Substandard},
		{271, "271-360", loan.Doubtful},
		{360, "271-360", loan.Doubtful},
		{361, "361+", loan.Loss},
		{5_000, "361+", loan.Loss},
	} {
		c := golden(t, verdict.EqualInstalments)
		on := c.Due(1) + loan.Date(row.days)
		p, _ := replayed(t, c, nil, on)
		require.Equal(t, row.days, p.DPD)
		require.Equal(t, row.days, p.WorstDPD)
		require.Equal(t, row.bucket, p.Bucket, "%d days", row.days)
		require.Equal(t, row.class, p.Class, "%d days", row.days)
		require.Equal(t, row.class.Rank() >= 3, p.Class.NonPerforming())
		// Paid that very day: nothing is overdue any more, whatever it was before.
		p, _ = replayed(t, c, []loan.Event{{ID: "a", Kind: loan.Repayment, On: on, Amount: p.Due.Total()}}, on)
		require.Zero(t, p.DPD)
		require.Equal(t, loan.Normal, p.Class)
		require.Equal(t, row.days, p.WorstDPD)
	}
	buckets := loan.Buckets()
	for i, bucket := range buckets {
		require.Equal(t, bucket.Name, loan.BucketOf(bucket.First))
		if i == len(buckets)-1 {
			require.Equal(t, -1, bucket.Last)
			continue
		}
		require.Equal(t, bucket.Name, loan.BucketOf(bucket.Last))
		require.Equal(t, bucket.Last+1, buckets[i+1].First)
	}
}

func TestPausedDaysAreNotCounted(t *testing.T) {
	t.Parallel()
	c := golden(t, verdict.EqualInstalments)
	due := c.Due(1)
	pause := func(id string, on, until int) loan.Event {
		event := loan.Event{ID: id, Kind: loan.Paused, On: due + loan.Date(on)}
		if until != 0 {
			event.Until = due + loan.Date(until)
		}
		return event
	}
	for name, row := range map[string]struct {
		events []loan.Event
		on     int
		dpd    int
		paused bool
	}{
		"thirty days from the second on":             {[]loan.Event{pause("a", 2, 32)}, 40, 10, false},
		"while it lasts the count stands":            {[]loan.Event{pause("a", 2, 32)}, 20, 1, true},
		"the day it ends counts again":               {[]loan.Event{pause("a", 2, 32)}, 32, 2, false},
		"before the due date nothing is taken":       {[]loan.Event{pause("a", -20, -5)}, 7, 7, false},
		"the due date itself is no day past due":     {[]loan.Event{pause("a", -20, 1)}, 7, 7, false},
		"open until resumed":                         {[]loan.Event{pause("a", 1, 0), {ID: "b", Kind: loan.Resumed, On: due + 61}}, 70, 10, false},
		"open and never resumed":                     {[]loan.Event{pause("a", 1, 0)}, 400, 0, true},
		"overlapping pauses count once":              {[]loan.Event{pause("a", 1, 21), pause("b", 11, 31)}, 31, 1, false},
		"two pauses":                                 {[]loan.Event{pause("a", 1, 11), pause("b", 21, 31)}, 100, 80, false},
		"a hundred days less ten are not ninety-one": {[]loan.Event{pause("a", 1, 11)}, 100, 90, false},
		"a reversed pause never was":                 {[]loan.Event{pause("a", 1, 31), {ID: "r", Kind: loan.Reversal, On: due + 40, ReversesID: "a"}}, 40, 40, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, _ := replayed(t, c, row.events, due+loan.Date(row.on))
			require.Equal(t, row.dpd, p.DPD)
			require.Equal(t, row.paused, p.Paused)
			require.Equal(t, loan.ClassOfDPD(row.dpd), p.Class)
		})
	}
}

func TestABorrowerHasOneClassOverAllLoans(t *testing.T) {
	t.Parallel()
	sound := loan.Standing{Open: true, Class: loan.Normal}
	late := loan.Standing{Open: true, DPD: 91, WorstDPD: 91, Class: loan.Substandard}
	repaid := loan.Standing{WorstDPD: 400, Class: loan.Normal}
	observed := loan.Standing{Open: true, Class: loan.SpecialMention}
	off := loan.Standing{Open: true, DPD: 10, WorstDPD: 10, Class: loan.Loss}
	for name, row := range map[string]struct {
		loans []loan.Standing
		want  loan.Borrower
	}{
		"no loans":                         {nil, loan.Borrower{Class: loan.Normal}},
		"the worst makes all":              {[]loan.Standing{sound, late, sound}, loan.Borrower{Class: loan.Substandard, DPD: 91, WorstDPD: 91}},
		"repaid loans count for the past":  {[]loan.Standing{sound, repaid}, loan.Borrower{Class: loan.Normal, WorstDPD: 400}},
		"observation holds":                {[]loan.Standing{sound, observed}, loan.Borrower{Class: loan.SpecialMention}},
		"what is charged off is a loss":    {[]loan.Standing{off, sound}, loan.Borrower{Class: loan.Loss, DPD: 10, WorstDPD: 10}},
		"cured: nothing overdue any more":  {[]loan.Standing{sound, {Open: true, WorstDPD: 91, Class: loan.Normal}}, loan.Borrower{Class: loan.Normal, WorstDPD: 91}},
		"a stale class does not hide days": {[]loan.Standing{{Open: true, DPD: 361, WorstDPD: 361, Class: loan.Normal}}, loan.Borrower{Class: loan.Loss, DPD: 361, WorstDPD: 361}},
	} {
		require.Equal(t, row.want, loan.ClassifyBorrower(row.loans), name)
	}
}
