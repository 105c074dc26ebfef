package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/app/cost"
	"loan310/app/fault"
	"loan310/app/ledger"
	"loan310/app/money"
	"loan310/app/portfolio"
	"loan310/scoring"
	"loan310/scoring/evidence"
)

func zone() *time.Location { return time.FixedZone("CST", 8*60*60) }

func TestSnapshotsAreKeptPerLoanAndMonth(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		books := s.Portfolio(zone())
		_, err := books.LastMonth(t.Context())
		requireFault(t, err, fault.NotFound, fault.CodeNotFound)
		cohort := portfolio.MonthOf(now())
		row := func(loan string, month int, outstanding money.Amount) portfolio.Snapshot {
			return portfolio.Snapshot{
				LoanID: loan, Month: cohort + portfolio.Month(month), Cohort: cohort, OnDay: 20_000 + month, Disbursed: 1000_00, Outstanding: outstanding,
				DPD: month, Class: portfolio.Normal, State: portfolio.Active, ChargedOff: 1, Recovered: 2,
			}
		}
		var many []portfolio.Snapshot
		for _, loan := range []string{"b", "a"} {
			for month := range 300 { // more than one statement holds
				many = append(many, row(loan, month, 500_00))
			}
		}
		require.NoError(t, books.SaveSnapshots(t.Context(), many))
		again := row("a", 1, 400_00)
		require.NoError(t, books.SaveSnapshots(t.Context(), []portfolio.Snapshot{again}), "the running month is stored every day")
		last, err := books.LastMonth(t.Context())
		require.NoError(t, err)
		require.Equal(t, cohort+299, last)

		var walked []portfolio.Snapshot
		for r, err := range books.Snapshots(t.Context(), cohort+1) {
			require.NoError(t, err)
			walked = append(walked, r)
		}
		require.Equal(t, []portfolio.Snapshot{row("a", 0, 500_00), again, row("b", 0, 500_00), row("b", 1, 500_00)}, walked)
		for _, err := range books.Snapshots(t.Context(), last) {
			require.NoError(t, err)
			break // a walk may be left early
		}
		bad := row("c", 0, 1)
		bad.Class = "fine"
		requireFault(t, books.SaveSnapshots(t.Context(), []portfolio.Snapshot{bad}), fault.Conflict, fault.CodeConstraint)
	})
}

func TestProvisionsAreBookedByDifferenceOnce(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		books := s.Portfolio(zone())
		required := func(normal, loss money.Amount) portfolio.Provision {
			return portfolio.Provision{Month: portfolio.MonthOf(now()), Lines: []portfolio.ProvisionLine{
				{Class: portfolio.Normal, Required: normal}, {Class: portfolio.Loss, Required: loss},
			}}
		}
		provide := func(p portfolio.Provision) map[portfolio.Class]money.Amount {
			before, err := books.Provide(t.Context(), p, now(), entry("provision.booked", "provision/2026-11"))
			require.NoError(t, err)
			return before
		}
		answers := inParallel(16, func(int) (map[portfolio.Class]money.Amount, error) {
			return books.Provide(t.Context(), required(100_00, 200_00), now(), entry("provision.booked", "provision/2026-11"))
		})
		for _, answer := range answers {
			require.NoError(t, answer.err)
		}
		allowances, err := books.Allowances(t.Context())
		require.NoError(t, err)
		first := map[portfolio.Class]money.Amount{portfolio.Normal: 100_00, portfolio.Loss: 200_00}
		require.Equal(t, first, allowances, "16 at once book 300 once")
		require.Equal(t, first, provide(required(100_00, 150_00)), "50 are set free")
		second := map[portfolio.Class]money.Amount{portfolio.Normal: 100_00, portfolio.Loss: 150_00}
		require.Equal(t, second, provide(required(100_00, 150_00)), "nothing left to book")
		journals, err := s.Ledger().Journals(t.Context(), "provision/loss")
		require.NoError(t, err)
		require.Len(t, journals, 2)
		keys := map[string][]ledger.Posting{}
		for _, j := range journals {
			keys[j.Key] = j.Postings
		}
		require.Equal(t, []ledger.Posting{{Account: ledger.ProvisionExpense, Amount: -50_00}, {Account: ledger.ProvisionAllowance, Amount: 50_00}}, keys["provision:2026-11:loss:2"])
		journals, err = s.Ledger().Journals(t.Context(), "provision/normal")
		require.NoError(t, err)
		require.Len(t, journals, 1)
		s.sound(t)
	})
}

func TestCostsAreSummedByPurpose(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		books := s.Portfolio(zone())
		line := s.line(t, 1_000_00) // an application accepted
		declined := s.application(t)
		d := newDecision(declined, 1, scoring.Declined)
		_, err := s.Underwriting().Decide(t.Context(), d, entry("decision.made", "application/"+declined.ID))
		require.NoError(t, err)
		open := s.application(t)
		s.collect(t, line.ApplicationID, evidence.Bank, make([]byte, 3000), 1)
		draws := []string{}
		for range 2 {
			draw := s.drawdown(t, line, 100_00)
			s.reserve(t, draw)
			_, err := s.Drawdowns().SettlePaid(t.Context(), draw.ID, newPayout(draw).Key, "ref", paid(draw), entry("drawdown.paid", "drawdown/"+draw.ID))
			require.NoError(t, err)
			draws = append(draws, draw.ID)
		}
		day := cost.Day(now(), zone())
		used := []cost.Usage{
			{Subject: "application/" + line.ApplicationID, Item: "bureau.report", Day: day, Quantity: 1},
			{Subject: "application/" + declined.ID, Item: "bureau.report", Day: day, Quantity: 2},
			{Subject: "application/" + open.ID, Item: "bank.list", Day: day, Quantity: 3},
			{Subject: "merchant/" + line.MerchantID, Item: "identity.match", Day: day, Quantity: 4},
			{Subject: "", Item: "notify.send", Day: day, Quantity: 5},
			{Subject: "", Item: "notify.send", Day: day - 40, Quantity: 6},
		}
		for range 2 {
			require.NoError(t, s.SaveCosts(t.Context(), "batch", used), "the same batch again is no second one")
		}
		require.NoError(t, s.SaveCosts(t.Context(), "nothing", nil))
		s.refuses(t, "DELETE FROM cost_entries", "append-only")

		month := portfolio.MonthOf(now().In(zone()))
		usage, err := books.Usage(t.Context(), month.Start(zone()), (month + 1).Start(zone()))
		require.NoError(t, err)
		require.Equal(t, []int64{2, 1, 1}, []int64{usage.Loans, usage.Approved, usage.Declined})
		sums := map[string]int64{}
		for _, l := range usage.Lines {
			sums[l.Item+" "+string(l.Purpose)] += l.Quantity
		}
		require.Equal(t, map[string]int64{
			"bureau.report approved": 1, "bureau.report declined": 2, "bank.list open": 3, "identity.match registration": 4, "notify.send nobody": 5,
			"payout.paid payout": 2, "compute.drawdown payout": 2, "compute.decision approved": 1, "compute.decision declined": 1,
			"storage.evidence_kib approved": 3,
		}, sums)

		own, err := books.UsageOf(t.Context(), draws[0])
		require.NoError(t, err)
		require.Equal(t, line.ApplicationID, own.ApplicationID)
		require.Equal(t, []int64{2, 2}, []int64{own.Draws, own.MerchantDraws})
		require.Equal(t, month, own.Month)
		sums = map[string]int64{}
		for _, l := range own.Lines {
			sums[l.Item+" "+string(l.Purpose)] += l.Quantity
		}
		require.Equal(t, map[string]int64{
			"bureau.report approved": 1, "identity.match registration": 4, "payout.paid payout": 1, "compute.drawdown payout": 1,
			"compute.decision approved": 1, "storage.evidence_kib approved": 3,
		}, sums)
		_, err = books.UsageOf(t.Context(), "none")
		requireFault(t, err, fault.NotFound, fault.CodeNotFound)
	})
}
