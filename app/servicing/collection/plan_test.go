package collection_test

import (
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"loan310/app/fault"
	"loan310/app/money"
	"loan310/app/servicing"
	"loan310/app/servicing/collection"
	"loan310/app/servicing/loan"
)

func plan(tb testing.TB) *collection.Plan {
	tb.Helper()
	plans, err := collection.StandardPlans()
	require.NoError(tb, err)
	return plans.For("equal-instalments")
}

// at is a moment of China.
func at(day, hour, minute int) time.Time {
	return time.Date(2026, 12, day, hour, minute, 0, 0, time.FixedZone("CST", 8*3600))
}

// owing is a position with one line due on the 11th and so much unpaid.
func owing(amount money.Amount, on int) *loan.Position {
	return &loan.Position{
		On: loan.NewDate(2026, 12, on), Due: loan.Amounts{Principal: amount}, DPD: max(0, on-11),
		Instalments: []loan.Instalment{{Number: 3, DueOn: loan.NewDate(2026, 12, 11), Demanded: true, Unpaid: amount}},
	}
}

// tried is an attempt of the plan for line 3.
func tried(when time.Time, failure collection.Failure) collection.Debit {
	return collection.Debit{
		Origin: collection.Scheduled, Line: 3, State: collection.Failed, Failure: failure, Calls: 1, CreatedAt: when, FirstCallAt: when, LastCallAt: when,
	}
}

func TestWhatThePlanWants(t *testing.T) {
	t.Parallel()
	short := collection.Shortfall
	tests := map[string]struct {
		now      time.Time
		standing collection.Standing
		change   func(*loan.Position)
		want     collection.Wish
	}{
		"all that is due, at eight": {now: at(11, 8, 0), want: collection.Wish{Why: collection.Collect, Amount: 1000_00, Line: 3}},
		"before eight":              {now: at(11, 7, 59), want: collection.Wish{Why: collection.OutsideHours, LookAt: at(11, 8, 0)}},
		"from eight in the evening": {now: at(11, 20, 0), want: collection.Wish{Why: collection.OutsideHours, LookAt: at(12, 8, 0)}},
		"not what credit covers": {
			now: at(11, 9, 0), change: func(p *loan.Position) { p.Credit = 400_00 },
			want: collection.Wish{Why: collection.Collect, Amount: 600_00, Line: 3},
		},
		"nothing where credit covers all": {
			now: at(11, 9, 0), change: func(p *loan.Position) { p.Credit = 1000_00 },
			want: collection.Wish{Why: collection.NothingDue, LookAt: at(12, 8, 0)},
		},
		"half after a shortfall, four hours later": {
			now: at(11, 13, 0), standing: collection.Standing{Debits: []collection.Debit{tried(at(11, 9, 0), short)}},
			want: collection.Wish{Why: collection.Collect, Amount: 500_00, Line: 3},
		},
		"a quarter after two, the next day": {
			now: at(12, 9, 0), standing: collection.Standing{Debits: []collection.Debit{tried(at(11, 9, 0), short), tried(at(11, 14, 0), short)}},
			want: collection.Wish{Why: collection.Collect, Amount: 250_00, Line: 3},
		},
		"not within four hours": {
			now: at(11, 12, 59), standing: collection.Standing{Debits: []collection.Debit{tried(at(11, 9, 0), short)}},
			want: collection.Wish{Why: collection.Spaced, LookAt: at(11, 13, 0)},
		},
		"twice a day": {
			now: at(11, 19, 0), standing: collection.Standing{Debits: []collection.Debit{tried(at(11, 9, 0), short), tried(at(11, 14, 0), short)}},
			want: collection.Wish{Why: collection.DaySpent, LookAt: at(12, 8, 0)},
		},
		"what never left does not count": {
			now: at(11, 9, 0), standing: collection.Standing{Debits: []collection.Debit{{Origin: collection.Scheduled, Line: 3, State: collection.Failed, Failure: collection.Dropped, CreatedAt: at(11, 9, 0)}}},
			want: collection.Wish{Why: collection.Collect, Amount: 1000_00, Line: 3},
		},
		"a closed account is left alone for a week": {
			now: at(12, 9, 0), standing: collection.Standing{Debits: []collection.Debit{tried(at(11, 9, 0), collection.Blocked)}},
			want: collection.Wish{Why: collection.AccountShut, LookAt: at(18, 8, 0)},
		},
		"paused":            {now: at(11, 9, 0), change: func(p *loan.Position) { p.Paused = true }, want: collection.Wish{Why: collection.Paused, LookAt: at(12, 8, 0)}},
		"held":              {now: at(11, 9, 0), standing: collection.Standing{HeldUntil: loan.NewDate(2026, 12, 15)}, want: collection.Wish{Why: collection.Held, LookAt: at(15, 8, 0)}},
		"held until today":  {now: at(11, 9, 0), standing: collection.Standing{HeldUntil: loan.NewDate(2026, 12, 11)}, want: collection.Wish{Why: collection.Collect, Amount: 1000_00, Line: 3}},
		"consent withdrawn": {now: at(11, 9, 0), standing: collection.Standing{Withdrawn: true}, want: collection.Wish{Why: collection.NoConsent, LookAt: at(12, 8, 0)}},
		"charged off":       {now: at(11, 9, 0), change: func(p *loan.Position) { p.OffBooks = true }, want: collection.Wish{Why: collection.NothingDue, LookAt: at(12, 8, 0)}},
		"cancelled": {
			now: at(11, 9, 0), standing: collection.Standing{Record: servicing.Record{Loan: servicing.Loan{State: servicing.StateCancelled}}},
			want: collection.Wish{Why: collection.NothingDue, LookAt: at(12, 8, 0)},
		},
		"91 days late": {now: at(11, 9, 0), change: func(p *loan.Position) { p.DPD = 91 }, want: collection.Wish{Why: collection.TooLate, LookAt: at(12, 8, 0)}},
		"one under way": {
			now: at(11, 9, 0), standing: collection.Standing{Debits: []collection.Debit{{State: collection.Unknown}}},
			want: collection.Wish{Why: collection.UnderWay, LookAt: at(12, 8, 0)},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			position := owing(1000_00, test.now.Day())
			if test.change != nil {
				test.change(position)
			}
			got := plan(t).Next(&test.standing, position, test.now.UTC())
			require.True(t, test.want.LookAt.Equal(got.LookAt), "look at %s, want %s", got.LookAt, test.want.LookAt)
			got.LookAt = test.want.LookAt
			require.Equal(t, test.want, got)
		})
	}
}

// Months at virtual time, looking when the plan says and at other times, on a
// rail that refuses as it likes: never outside the hours, never more than the
// limits, never more than is due; and the plan always says a later moment to
// look again.
func TestThePlanKeepsItsLimits(t *testing.T) {
	t.Parallel()
	p := plan(t)
	zone := time.FixedZone("CST", 8*3600)
	rapid.Check(t, func(r *rapid.T) {
		now := at(11, 0, 0).Add(time.Duration(rapid.IntRange(0, 24*60).Draw(r, "start")) * time.Minute)
		due := money.Amount(rapid.Int64Range(1, 5000_00).Draw(r, "due"))
		var standing collection.Standing
		var made []collection.Debit
		for range rapid.IntRange(1, 60).Draw(r, "looks") {
			position := owing(due, 11)
			wish := p.Next(&standing, position, now)
			if wish.Why == collection.Collect {
				local := now.In(zone)
				require.GreaterOrEqual(r, local.Hour(), 8)
				require.Less(r, local.Hour(), 20)
				require.Positive(r, wish.Amount)
				require.LessOrEqual(r, wish.Amount, due)
				require.True(r, wish.Amount == due || wish.Amount >= p.Debit.MinFen)
				d := tried(now, rapid.SampledFrom([]collection.Failure{collection.Shortfall, collection.Blocked, collection.Refused, collection.NoFailure}).Draw(r, "failure"))
				d.Amount = wish.Amount
				if d.Failure == collection.NoFailure {
					d.State = collection.Collected
					due -= d.Amount
				}
				if n := len(made); n > 0 {
					require.GreaterOrEqual(r, now.Sub(made[n-1].CreatedAt), 4*time.Hour)
				}
				made = append(made, d)
				standing.Debits = append(standing.Debits, d)
				day, week := 0, 0
				for _, each := range made {
					if loan.DateOf(each.CreatedAt, zone) == loan.DateOf(now, zone) {
						day++
					}
					if loan.DateOf(each.CreatedAt, zone) > loan.DateOf(now, zone)-7 {
						week++
					}
				}
				require.LessOrEqual(r, day, p.Debit.PerDay)
				require.LessOrEqual(r, week, p.Debit.PerWeek)
				require.LessOrEqual(r, len(made), p.Debit.PerLine)
			} else {
				require.True(r, wish.LookAt.After(now), "%s looks at %s, now is %s", wish.Why, wish.LookAt, now)
			}
			if wish.Why != collection.Collect && rapid.Bool().Draw(r, "as told") {
				now = wish.LookAt
			} else {
				now = now.Add(time.Duration(rapid.IntRange(1, 30*60).Draw(r, "minutes")) * time.Minute)
			}
		}
	})
}

func TestPlansAreChecked(t *testing.T) {
	t.Parallel()
	const good = `{"id":"a","version":1,"products":[],"debit":{"hours":{"from":8,"to":20},"per_line":1,"per_day":1,"per_week":1,"spacing_minutes":1,"min_fen":1,"max_days_past_due":0,"blocked_days":1,"asked_per_day":1},"contact":{"from":8,"to":22},"reminders":[]}`
	_, err := collection.ParsePlan([]byte(good))
	require.NoError(t, err)
	tests := map[string]struct{ text, field string }{
		"unknown field":     {`{"id":"a","colour":1}`, ""},
		"not JSON":          {"{\n  \"id\" 1}", ""},
		"more text":         {good + "x", ""},
		"no id":             {`{"version":1}`, "id"},
		"hours upside down": {`{"id":"a","version":1,"debit":{"hours":{"from":20,"to":8}}}`, "debit.hours"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := collection.ParsePlan([]byte(test.text))
			require.Equal(t, collection.CodePlan, fault.CodeOf(err))
			known := new(fault.Error)
			require.ErrorAs(t, err, &known)
			require.Equal(t, test.field, known.Field)
		})
	}
	_, err = collection.ReadPlans(fstest.MapFS{"a.json": {Data: []byte(good)}, "b.json": {Data: []byte(good)}})
	require.ErrorContains(t, err, "b.json")
	_, err = collection.ReadPlans(fstest.MapFS{})
	require.Equal(t, collection.CodePlan, fault.CodeOf(err))
}
