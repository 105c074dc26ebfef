package backtest_test

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/app/backtest"
	"loan310/app/money"
	"loan310/scoring"
	"loan310/scoring/evidence"
	"loan310/scoring/pricing"
	"loan310/scoring/relations"
	"loan310/scoring/verdict"
)

// fakeEngine answers by a function and is otherwise the built-in strategy.
type fakeEngine struct {
	*scoring.Engine
	decide func(scoring.Input) (scoring.Verdict, error)
}

func (f fakeEngine) Decide(in scoring.Input) (scoring.Verdict, error) { return f.decide(in) }

func builtIn(t *testing.T) *scoring.Engine {
	t.Helper()
	engine, err := scoring.Load(scoring.Default())
	require.NoError(t, err)
	return engine
}

// approve offers a limit at 12 % with a probability of default.
func approve(limit money.Amount, pd int64) scoring.Verdict {
	return scoring.Verdict{
		Outcome: scoring.Approved, PDPpm: pd, Score: 700 - pd/1000, Versions: scoring.Versions{Lane: "standard"}, Reasons: []scoring.Reason{{Code: pricing.CodeWanted}},
		Terms: &verdict.Terms{Limit: limit, AnnualRateBps: 1_200, IRRBps: 1_268, DayCountBase: 365, TenorMonths: []int{3, 6, 12}, Repayment: []verdict.RepaymentType{verdict.EqualInstalments}},
	}
}

func decline(code string) scoring.Verdict {
	return scoring.Verdict{Outcome: scoring.Declined, PDPpm: 90_000, Reasons: []scoring.Reason{{Code: code}}, Versions: scoring.Versions{Lane: "thin_file"}}
}

// fakeBook is folders in memory.
type fakeBook struct {
	folders  []*backtest.Folder
	outcomes map[string]backtest.Outcome
}

func (b fakeBook) About() backtest.About {
	about := backtest.About{Name: "fake", Hash: "00", Outcomes: len(b.outcomes)}
	for _, folder := range b.folders {
		about.Merchants++
		about.Applications += len(folder.Applications)
	}
	for _, outcome := range b.outcomes {
		if outcome.ObservedAt.After(about.LastOutcome) {
			about.LastOutcome = outcome.ObservedAt
		}
	}
	return about
}

func (b fakeBook) Outcome(id string) (backtest.Outcome, bool) {
	outcome, known := b.outcomes[id]
	return outcome, known
}

func (b fakeBook) Folders(_ context.Context, each func(*backtest.Folder) error) error {
	for _, folder := range b.folders {
		if err := each(folder); err != nil {
			return err
		}
	}
	return nil
}

func noRows() (backtest.Rows, error) { return backtest.Rows{}, nil }

func at(day int) time.Time { return time.Date(2025, 1, 1, 12, 0, 0, 0, time.UTC).AddDate(0, 0, day) }

func application(place int, merchant string, day int) backtest.Application {
	return backtest.Application{Place: place, ID: fmt.Sprintf("A%d", place), MerchantID: merchant, AppliedAt: at(day), Amount: 100_000, TenorMonths: 6}
}

// TestStanding: what we would have known ourselves of a merchant who comes
// again, at each date and not before.
func TestStanding(t *testing.T) {
	t.Parallel()
	folder := &backtest.Folder{MerchantID: "M", Read: noRows, Applications: []backtest.Application{
		application(0, "M", 0),   // declined
		application(1, "M", 10),  // approved, good, observed on day 190
		application(2, "M", 100), // the loan of A1 is owed
		application(3, "M", 191), // A1 is repaid; A2 (approved, bad on day 300) is owed
		application(4, "M", 301), // A2 has defaulted
	}}
	var seen []scoring.Applicant
	engine := fakeEngine{builtIn(t), func(in scoring.Input) (scoring.Verdict, error) {
		seen = append(seen, in.Applicant)
		if len(seen) == 1 || len(seen) >= 4 {
			return decline("x"), nil
		}
		return approve(50_000, 10_000), nil
	}}
	book := fakeBook{[]*backtest.Folder{folder}, map[string]backtest.Outcome{"A1": {ObservedAt: at(190)}, "A2": {Bad: true, ObservedAt: at(300)}}}
	_, err := backtest.Decide(t.Context(), book, backtest.Options{Champion: engine, Economics: backtest.DefaultEconomics()})
	require.NoError(t, err)
	require.Len(t, seen, 5)
	require.Zero(t, seen[0].DeclinedRecents+seen[0].LoansRepaid+int64(seen[0].OpenExposure))
	require.Equal(t, at(0), seen[3].RegisteredAt)
	require.EqualValues(t, 1, seen[1].DeclinedRecents, "declined ten days before")
	require.EqualValues(t, 0, seen[2].DeclinedRecents, "declined a hundred days before")
	require.EqualValues(t, 50_000, seen[2].OpenExposure)
	require.EqualValues(t, 0, seen[2].LoansRepaid)
	require.EqualValues(t, 1, seen[3].LoansRepaid)
	require.EqualValues(t, 50_000, seen[3].OpenExposure)
	require.EqualValues(t, 0, seen[3].CurrentDPD)
	require.EqualValues(t, 91, seen[4].CurrentDPD)
	require.EqualValues(t, 0, seen[4].OpenExposure)
}

// TestNoLookAhead: records written after an application do not reach its
// decision and are counted.
func TestNoLookAhead(t *testing.T) {
	t.Parallel()
	folder := &backtest.Folder{
		MerchantID: "M", Read: noRows, Applications: []backtest.Application{application(0, "M", 0), application(1, "M", 20)},
		Bureau:   &evidence.BureauReport{ReportID: "R", PulledAt: at(10), Found: true},
		Registry: &evidence.RegistryRecord{LicenceNumber: "L", Status: evidence.RegistryRevoked, ChangedAt: at(15)},
	}
	var bundles []evidence.Bundle
	engine := fakeEngine{builtIn(t), func(in scoring.Input) (scoring.Verdict, error) {
		bundles = append(bundles, in.Evidence)
		return decline("x"), nil
	}}
	run, err := backtest.Decide(t.Context(), fakeBook{[]*backtest.Folder{folder}, nil}, backtest.Options{
		Champion: engine, Assume: map[evidence.Source]evidence.State{evidence.Utility: evidence.Withheld},
	})
	require.NoError(t, err)
	require.Equal(t, at(0), bundles[0].AsOf)
	require.Nil(t, bundles[0].Bureau)
	require.Equal(t, evidence.Empty, bundles[0].State(evidence.Bureau))
	require.Nil(t, bundles[0].Registry)
	require.Equal(t, evidence.Down, bundles[0].State(evidence.Registry))
	require.NotNil(t, bundles[1].Bureau)
	require.Equal(t, at(10), bundles[1].Meta[evidence.Bureau].DataAsOf, "a report is as old as it is")
	require.Equal(t, evidence.Known, bundles[1].State(evidence.Registry))
	require.Equal(t, evidence.Withheld, bundles[1].State(evidence.Utility))
	require.Equal(t, backtest.Later{Bureau: 1, Registry: 1}, run.Later)
}

// TestRelationsAsTheyWere: an application knows who shared a phone with it
// before, nobody who comes later, and a default from the day it was observed.
func TestRelationsAsTheyWere(t *testing.T) {
	t.Parallel()
	phone := []relations.Found{{Kind: evidence.LinkPhone, Value: "+8613800000000"}}
	var folders []*backtest.Folder
	for i, day := range []int{40, 0, 20} {
		merchant := fmt.Sprintf("M%d", i)
		folders = append(folders, &backtest.Folder{MerchantID: merchant, Read: noRows, Identifiers: phone, Applications: []backtest.Application{application(i, merchant, day)}})
	}
	book := fakeBook{folders, map[string]backtest.Outcome{"A1": {Bad: true, ObservedAt: at(30)}}}
	var mutex sync.Mutex
	seen := map[time.Time]*evidence.Relations{}
	engine := fakeEngine{builtIn(t), func(in scoring.Input) (scoring.Verdict, error) {
		mutex.Lock()
		defer mutex.Unlock()
		seen[in.Evidence.AsOf] = in.Evidence.Relations
		return decline("x"), nil
	}}
	_, err := backtest.Decide(t.Context(), book, backtest.Options{Champion: engine, Relations: true, Workers: 2})
	require.NoError(t, err)
	known := func(day int) (merchants int, defaults int64) {
		for _, merchant := range seen[at(day)].Merchants {
			merchants++
			defaults += merchant.Defaults
		}
		return merchants, defaults
	}
	for day, want := range map[int][2]int64{0: {1, 0}, 20: {2, 0}, 40: {3, 1}} {
		merchants, defaults := known(day)
		require.Equal(t, want, [2]int64{int64(merchants), defaults}, "day %d", day)
	}
}

// TestLoneCustomersConnectNobody: what is left out of the book to save room,
// customers that nobody else has, changes no neighbourhood; what two merchants
// share stays, a device in both its roles too.
func TestLoneCustomersConnectNobody(t *testing.T) {
	t.Parallel()
	var folders []*backtest.Folder
	tracker, want := relations.NewTracker(), map[time.Time]*evidence.Relations{}
	for i := range 30 {
		merchant := fmt.Sprintf("M%02d", i)
		found := []relations.Found{
			{Kind: evidence.LinkPhone, Value: fmt.Sprintf("phone %d", i/2)},
			{Kind: evidence.LinkDevice, Value: fmt.Sprintf("device %d", i)},
			{Kind: evidence.LinkBuyer, Value: "lone " + merchant, Orders: 9},
			{Kind: evidence.LinkBuyer, Value: fmt.Sprintf("buyer %d", i/3), Orders: 4},
			{Kind: evidence.LinkOrderDevice, Value: fmt.Sprintf("device %d", (i+1)%30), Orders: 3},
			{Kind: evidence.LinkOrderIP, Value: "lone " + merchant, Orders: 5},
		}
		one := application(i, merchant, i)
		folders = append(folders, &backtest.Folder{MerchantID: merchant, Read: noRows, Identifiers: found, Applications: []backtest.Application{one}})
		around, err := tracker.Apply(relations.Application{Merchant: merchant, At: one.AppliedAt, Found: found, Pattern: relations.Pattern(one.Amount, one.Purpose, "", "")})
		require.NoError(t, err)
		want[one.AppliedAt] = around
	}
	var mutex sync.Mutex
	seen := map[time.Time]*evidence.Relations{}
	engine := fakeEngine{builtIn(t), func(in scoring.Input) (scoring.Verdict, error) {
		mutex.Lock()
		defer mutex.Unlock()
		seen[in.Evidence.AsOf] = in.Evidence.Relations
		return decline("x"), nil
	}}
	_, err := backtest.Decide(t.Context(), fakeBook{folders, nil}, backtest.Options{Champion: engine, Relations: true, Workers: 2})
	require.NoError(t, err)
	require.Equal(t, want, seen)
}

// TestDeferralAnswered: a deferral is decided again as final.
func TestDeferralAnswered(t *testing.T) {
	t.Parallel()
	engine := fakeEngine{builtIn(t), func(in scoring.Input) (scoring.Verdict, error) {
		if !in.Final {
			return scoring.Verdict{Outcome: scoring.Deferred}, nil
		}
		return decline("x"), nil
	}}
	folder := &backtest.Folder{MerchantID: "M", Read: noRows, Applications: []backtest.Application{application(0, "M", 0)}}
	run, err := backtest.Decide(t.Context(), fakeBook{[]*backtest.Folder{folder}, nil}, backtest.Options{Champion: engine})
	require.NoError(t, err)
	require.True(t, run.Cases[0].Champion.Waited)
	require.Equal(t, scoring.Declined, run.Cases[0].Champion.Outcome)
}

// TestMaturity: an outcome counts when the window has passed by the end of the
// observation, and not before; one observed later is not known.
func TestMaturity(t *testing.T) {
	t.Parallel()
	folder := func(place, day int) *backtest.Folder {
		return &backtest.Folder{MerchantID: fmt.Sprint(place), Read: noRows, Applications: []backtest.Application{application(place, fmt.Sprint(place), day)}}
	}
	book := fakeBook{
		[]*backtest.Folder{folder(0, 0), folder(1, 100), folder(2, 0), folder(3, 0)},
		map[string]backtest.Outcome{"A0": {ObservedAt: at(150)}, "A1": {Bad: true, ObservedAt: at(199)}, "A2": {Bad: true, ObservedAt: at(201)}},
	}
	engine := fakeEngine{builtIn(t), func(scoring.Input) (scoring.Verdict, error) { return approve(100_000, 10_000), nil }}
	run, err := backtest.Decide(t.Context(), book, backtest.Options{
		Champion: engine, Until: at(200), Window: 180 * 24 * time.Hour, Economics: backtest.DefaultEconomics(),
	})
	require.NoError(t, err)
	var mature []bool
	for _, c := range run.Cases {
		mature = append(mature, c.Mature)
	}
	require.Equal(t, []bool{true, false, false, false}, mature)
	report := backtest.Measure(run, "test")
	require.Equal(t, backtest.Counts{Applications: 4, NoOutcome: 2, Immature: 1, Mature: 1}, report.Counts)
	rate, known := report.Main.BadRate()
	require.True(t, known)
	require.Zero(t, rate, "the immature bad one is left out")
	require.Nil(t, report.Main.Discrimination, "one kind of outcome cannot be told apart")
}

// TestEconomics holds profit against arithmetic: 1,000.00 yuan at 12 % over six
// months, equal instalments of 172.55.
func TestEconomics(t *testing.T) {
	t.Parallel()
	lines, err := pricing.Schedule(verdict.EqualInstalments, 100_000, 1_200, 6, at(0).AddDate(0, 1, 0))
	require.NoError(t, err)
	var interest, funds money.Amount
	owed := money.Amount(100_000)
	for _, line := range lines {
		interest += line.Interest
		funds += money.MulDiv(owed, 350, 120_000)
		owed = line.Remaining
	}
	tests := []struct {
		name    string
		outcome backtest.Outcome
		want    backtest.Money
	}{
		{"a good loan pays every line", backtest.Outcome{ObservedAt: at(181)}, backtest.Money{Lent: 100_000, Interest: interest, Funds: funds, Cost: 100}},
		{
			// Default seen on day 150, so the last payment is the line due on 1
			// February (day 31) of those due by day 60 (1 March is day 59: paid).
			"a bad loan pays until 90 days before its default",
			backtest.Outcome{Bad: true, ObservedAt: at(150)},
			backtest.Money{
				Lent: 100_000, LentBad: 100_000, Interest: lines[0].Interest + lines[1].Interest, Cost: 100,
				Funds: money.MulDiv(100_000, 350, 120_000) + money.MulDiv(lines[0].Remaining, 350, 120_000) + 3*money.MulDiv(lines[1].Remaining, 350, 120_000),
				Loss:  lines[1].Remaining.Share(7_500),
			},
		},
		{
			"a bad loan never pays its last line",
			backtest.Outcome{Bad: true, ObservedAt: at(400)},
			backtest.Money{
				Lent: 100_000, LentBad: 100_000, Interest: interest - lines[5].Interest, Funds: funds, Cost: 100, Loss: lines[4].Remaining.Share(7_500),
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			engine := fakeEngine{builtIn(t), func(scoring.Input) (scoring.Verdict, error) { return approve(100_000, 10_000), nil }}
			folder := &backtest.Folder{MerchantID: "M", Read: noRows, Applications: []backtest.Application{application(0, "M", 0)}}
			run, err := backtest.Decide(t.Context(), fakeBook{[]*backtest.Folder{folder}, map[string]backtest.Outcome{"A0": test.outcome}}, backtest.Options{
				Champion: engine, Until: at(500), Economics: backtest.DefaultEconomics(),
			})
			require.NoError(t, err)
			require.Equal(t, test.want, run.Cases[0].Champion.Money)
		})
	}
	require.Error(t, backtest.Economics{LossGivenDefault: 10_001, Utilisation: 1}.Validate())
	require.NoError(t, backtest.DefaultEconomics().Validate())
}

// TestSwapSet: who is swapped in and out, and what it costs.
func TestSwapSet(t *testing.T) {
	t.Parallel()
	book := fakeBook{outcomes: map[string]backtest.Outcome{}}
	for i := range 8 {
		book.folders = append(book.folders, &backtest.Folder{MerchantID: fmt.Sprint(i), Read: noRows, Applications: []backtest.Application{application(i, fmt.Sprint(i), 0)}})
		book.outcomes[fmt.Sprintf("A%d", i)] = backtest.Outcome{Bad: i%4 == 3, ObservedAt: at(200)}
	}
	by := func(yes func(i int) bool) fakeEngine {
		return fakeEngine{builtIn(t), func(in scoring.Input) (scoring.Verdict, error) {
			i := int(in.Applicant.AmountWanted)
			if yes(i) {
				return approve(100_000, int64(i)*10_000), nil
			}
			return decline("bureau_overdue"), nil
		}}
	}
	for i, folder := range book.folders {
		folder.Applications[0].Amount = money.Amount(i)
	}
	options := backtest.Options{
		Champion: by(func(i int) bool { return i < 4 }), Challenger: by(func(i int) bool { return i%2 == 0 }), Until: at(500), Workers: 3, Economics: backtest.DefaultEconomics(),
	}
	run, err := backtest.Decide(t.Context(), book, options)
	require.NoError(t, err)
	report := backtest.Measure(run, "test")
	require.True(t, report.Compared)
	counts := [4][3]int{}
	for i, cell := range report.Swap {
		counts[i] = [3]int{cell.Count, cell.Mature, cell.Bad}
	}
	// in/in: 0 2; in/out: 1 3 (3 is bad); out/in: 4 6; out/out: 5 7 (7 is bad).
	require.Equal(t, [4][3]int{{2, 2, 0}, {2, 2, 1}, {2, 2, 0}, {2, 2, 1}}, counts)
	require.Equal(t, 4, report.Main.Approved)
	require.Equal(t, 4, report.Base.Approved)
	require.Equal(t, 1, report.Base.Bad)
	require.Equal(t, []backtest.ReasonCount{{Code: "bureau_overdue", First: 4, Any: 4}}, report.Declines)

	var table, lines strings.Builder
	require.NoError(t, run.WriteCSV(&table))
	require.NoError(t, run.WriteJSON(&lines))
	rows, err := csv.NewReader(strings.NewReader(table.String())).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 9)
	require.Equal(t, "A1", rows[2][0])
	require.Equal(t, "declined", rows[2][3])
	require.Empty(t, rows[2][5], "no limit is no zero")
	require.Equal(t, "approved", rows[2][17])
	require.Equal(t, 8, strings.Count(lines.String(), "\n"))
	require.NotContains(t, strings.Split(lines.String(), "\n")[1], "limit_fen")
}

// TestFirstFailure: the error told is that of the first merchant in the book's
// order, whatever the number of workers.
func TestFirstFailure(t *testing.T) {
	t.Parallel()
	for workers := range 5 {
		book := fakeBook{}
		for i := range 30 {
			folder := &backtest.Folder{MerchantID: fmt.Sprint(i), Applications: []backtest.Application{application(i, fmt.Sprint(i), 0)}, Read: noRows}
			if i >= 7 {
				folder.Read = func() (backtest.Rows, error) { return backtest.Rows{}, errors.New("broken") }
			}
			book.folders = append(book.folders, folder)
		}
		engine := fakeEngine{builtIn(t), func(scoring.Input) (scoring.Verdict, error) { return decline("x"), nil }}
		_, err := backtest.Decide(t.Context(), book, backtest.Options{Champion: engine, Workers: workers})
		require.EqualError(t, err, "merchant 7: broken")
	}
}

// TestWilson: 5 of 100, published as 2.15 % to 11.18 %.
func TestWilson(t *testing.T) {
	t.Parallel()
	low, high := backtest.Wilson(5, 100)
	require.InDelta(t, 0.0215, low, 0.0001)
	require.InDelta(t, 0.1118, high, 0.0001)
}
