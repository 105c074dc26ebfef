package relationstudy_test

import (
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/adapters/dossier"
	"loan310/app/relationstudy"
	"loan310/scoring"
	"loan310/scoring/evidence"
	"loan310/scoring/relations"
)

// population is a synthetic set with known truth, as cases.
func population(t *testing.T, merchants int, seed uint64) (*dossier.Generated, []relationstudy.Case) {
	t.Helper()
	g := dossier.Generate(dossier.GenerateOptions{Merchants: merchants, Seed: seed, Spread: 60 * 24 * time.Hour, OrdersScale: 0.5})
	var cases []relationstudy.Case
	applications := g.Applications()
	for i, m := range g.Merchants() {
		a := applications[i]
		person := relationstudy.Person{Identity: m.IdentityNumber, Phone: m.Phone, Account: m.PayoutAccount, Address: m.Address, Device: a.DeviceID, IP: a.IP}
		one := relationstudy.Case{
			Application: a.ID, Merchant: m.ID, At: a.AppliedAt, Found: person.Own(), Group: m.Ring, Ring: m.Archetype == dossier.ArchetypeBrushingRing,
			Pattern: relations.Pattern(a.Amount, a.Purpose, m.Industry, m.Region),
		}
		require.NoError(t, one.Learn(g.Orders(m.ID), g.Bills(m.ID)))
		cases = append(cases, one)
	}
	return g, cases
}

func engine(t *testing.T) *scoring.Engine {
	t.Helper()
	loaded, err := scoring.Load(scoring.Default())
	require.NoError(t, err)
	return loaded
}

// Synthetic, with known truth: of each group all but the first to apply are to
// be found at their application, and nobody else is put with anybody.
func TestGroupsOfSyntheticPopulationsAreFoundAsTheyForm(t *testing.T) {
	t.Parallel()
	rules := engine(t).Strategy().Relations
	var sum relationstudy.Report
	for seed := range uint64(5) {
		_, cases := population(t, 200, 310+seed)
		report, err := relationstudy.Scan(rules, cases, nil)
		require.NoError(t, err)
		t.Logf("synthetic, seed %d: %+v", 310+seed, report)
		for _, pair := range [][2]*relationstudy.Hit{{&sum.Related, &report.Related}, {&sum.Brushing, &report.Brushing}} {
			pair[0].Truth += pair[1].Truth
			pair[0].Found += pair[1].Found
			pair[0].Mixed += pair[1].Mixed
		}
		sum.Alone, sum.FalseGroups, sum.FalseRings = sum.Alone+report.Alone, sum.FalseGroups+report.FalseGroups, sum.FalseRings+report.FalseRings
		sum.FalseBursts += report.FalseBursts
	}
	t.Logf("synthetic, five seeds: %+v", sum)
	require.GreaterOrEqual(t, sum.Related.Found*100, sum.Related.Truth*90)
	require.GreaterOrEqual(t, sum.Brushing.Found*100, sum.Brushing.Truth*90)
	require.LessOrEqual(t, sum.FalseGroups*100, sum.Alone)
	require.Zero(t, sum.FalseRings)
	require.Zero(t, sum.FalseBursts)
}

// What relations change in the decisions of a synthetic population: no family
// is declined for being one, and no more bad loans are made.
func TestRelationsDeclineNoFamilyOfASyntheticPopulation(t *testing.T) {
	t.Parallel()
	decider := engine(t)
	var approved, bad [2]int
	for _, seed := range []uint64{310, 311} {
		g, cases := population(t, 200, seed)
		around := map[string]*evidence.Relations{}
		_, err := relationstudy.Scan(decider.Strategy().Relations, cases, func(a relationstudy.Answer) error {
			around[a.Merchant] = a.Around
			return nil
		})
		require.NoError(t, err)
		applications, outcomes := g.Applications(), g.Outcomes()
		for i, m := range g.Merchants() {
			in := inputOf(g, m, applications[i])
			for with := range 2 {
				if with == 1 {
					in.Evidence.Relations = around[m.ID]
				}
				verdict, err := decider.Decide(in)
				require.NoError(t, err)
				if verdict.Outcome == scoring.Approved {
					approved[with]++
					if outcomes[i].Bad {
						bad[with]++
					}
				}
				if with == 1 && m.Archetype == dossier.ArchetypeRelated && verdict.Outcome == scoring.Declined {
					for _, rule := range verdict.Rules {
						require.NotContains(t, []string{"ring_closed", "ring_defaulted", "burst_defaulted"}, rule, "a family is declined for being one")
					}
				}
			}
		}
	}
	t.Logf("synthetic: without relations %d approved, %d bad; with them %d approved, %d bad", approved[0], bad[0], approved[1], bad[1])
	require.LessOrEqual(t, bad[1], bad[0])
}

func inputOf(g *dossier.Generated, m dossier.Merchant, a dossier.Application) scoring.Input {
	in := scoring.Input{
		Applicant: scoring.Applicant{
			AppliedAt: a.AppliedAt, AmountWanted: a.Amount, Purpose: a.Purpose, Region: m.Region, Industry: m.Industry,
			MerchantActive: true, ConsentsValid: true, RegisteredAt: a.AppliedAt,
		},
		Final: true,
	}
	known := map[evidence.Source]evidence.Meta{}
	for _, source := range evidence.Sources {
		known[source] = evidence.Meta{Source: source, State: evidence.Known, DataAsOf: a.AppliedAt}
	}
	in.Evidence = evidence.Bundle{
		AsOf: a.AppliedAt, Meta: maps.Clone(known), Orders: g.Orders(m.ID), Waybills: g.Waybills(m.ID), Transactions: g.Transactions(m.ID), Bills: g.Bills(m.ID),
	}
	if report, there := g.Bureau(m.ID); there {
		in.Evidence.Bureau = &report
	}
	if record, there := g.Registry(m.LicenceNumber); there {
		in.Evidence.Registry = &record
	}
	return in
}
