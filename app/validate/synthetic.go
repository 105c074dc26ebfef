package validate

import (
	"fmt"
	"runtime"

	"loan310/adapters/dossier"
	"loan310/app/backtest"
	"loan310/app/stack"
	"loan310/scoring"
)

// The synthetic populations: seeds that nothing was trained, calibrated or
// tuned on, enough of them for intervals, decided in some minutes.
const (
	syntheticMerchants = 2_000 // a seed
	syntheticFirst     = 5_101
	syntheticSeeds     = 10
	syntheticSmaller   = 0.5 // orders of the second population
)

func synthetic(r *runner, set *Set) error {
	merchants := r.options.Synthetic
	if merchants <= 0 {
		merchants = syntheticMerchants
	}
	set.Title = "SYNTHETIC: the generated population"
	set.Protocol = []string{
		fmt.Sprintf("%d generated merchants of each of the seeds %d to %d, on which nothing was trained, calibrated or tuned, decided by the strategy built in as of their applications, connected merchants seen (`loan310 dossier generate` and `loan310 backtest` do the same by files).",
			merchants, syntheticFirst, syntheticFirst+syntheticSeeds-1),
		"Truth is known because we made it: these figures test that the parts work together. They say nothing about real merchants.",
	}
	kinds := newArchetypes()
	seeds := Table{Title: "SYNTHETIC: by seed", Head: []string{"seed", "approved", "bad of the approved", "by limit"}}
	all, err := r.populations(set, 1, merchants, &seeds, kinds)
	if err != nil {
		return err
	}
	pooled := backtest.Measure(all, "")
	set.Tables = append(set.Tables, syntheticTable("SYNTHETIC: the strategy built in, all seeds together", all, pooled), seeds, kinds.table())
	ring := kinds.of(dossier.ArchetypeBrushingRing)
	set.atLeast("SYNTHETIC: share of merchants in brushing rings that are declined", 1-float64(ring.approved)/float64(max(ring.count, 1)), 0.9)
	if r.options.Synthetic <= 0 { // a smaller population says too little
		rate, _ := pooled.Main.BadRate()
		balance, _ := pooled.Main.BadBalance()
		set.atMost("SYNTHETIC: bad of the approved, by count", rate, 0.02)
		set.atMost("SYNTHETIC: bad of the approved, by limit", balance, 0.02)
	}
	seeds.Rows = nil
	smaller, err := r.populations(set, syntheticSmaller, merchants, &seeds, newArchetypes())
	if err != nil {
		return err
	}
	set.Tables = append(set.Tables, syntheticTable("SYNTHETIC: the same seeds with half the orders a merchant, a population of higher risk (small shops ask for more against their sales)", smaller, backtest.Measure(smaller, "")))
	return nil
}

// syntheticTable adds what was expected of the approved.
func syntheticTable(title string, run *backtest.Run, report *backtest.Report) Table {
	table := engineTable(title, report)
	var expected, approved float64
	for i := range run.Cases {
		if answer := &run.Cases[i].Champion; answer.Approved() {
			expected += float64(answer.PDPpm) / 1e6
			approved++
		}
	}
	rate, _ := report.Main.BadRate()
	table.Rows = append(table.Rows, []string{"expected against observed, of the approved", percent(expected/max(approved, 1), 2) + " against " + percent(rate, 2)})
	return table
}

// populations decides the seeds' populations, adds a row for each, and gives
// all of their cases together.
func (r *runner) populations(set *Set, scale float64, merchants int, seeds *Table, kinds archetypes) (*backtest.Run, error) {
	engine, err := scoring.Load(scoring.Default())
	if err != nil {
		return nil, err
	}
	var all *backtest.Run
	for seed := uint64(syntheticFirst); seed < syntheticFirst+syntheticSeeds; seed++ {
		what := fmt.Sprintf("the engine on seed %d, orders x %g", seed, scale)
		r.say("%s: %s", set.ID, what)
		population := dossier.Generate(dossier.GenerateOptions{Merchants: merchants, Seed: seed, OrdersScale: scale})
		started := r.options.Now()
		run, err := backtest.Decide(r.ctx, stack.BookOf(population, "synthetic", fmt.Sprintf("generated, seed %d", seed)), backtest.Options{
			Champion: engine, Workers: runtime.GOMAXPROCS(0), Relations: true, Economics: backtest.DefaultEconomics(),
		})
		if err != nil {
			return nil, err
		}
		set.Timings = append(set.Timings, Timing{what, r.options.Now().Sub(started)})
		kinds.count(population, run)
		main := backtest.Measure(run, "").Main
		approval, _ := main.ApprovalRate()
		rate, _ := main.BadRate()
		balance, _ := main.BadBalance()
		seeds.Rows = append(seeds.Rows, []string{
			fmt.Sprint(seed), fmt.Sprintf("%d (%s)", main.Approved, percent(approval, 1)), fmt.Sprintf("%d: %s", main.Bad, percent(rate, 2)), percent(balance, 2),
		})
		if all == nil {
			all = run
		} else {
			all.Cases = append(all.Cases, run.Cases...)
		}
	}
	return all, nil
}

// archetypes counts the kinds of generated merchants, in the order of report.
type archetypes []*archetype

func newArchetypes() (kinds archetypes) {
	for _, name := range []string{
		dossier.ArchetypeEstablished, dossier.ArchetypeSeasonal, dossier.ArchetypeThinFile, dossier.ArchetypeRelated, dossier.ArchetypeDefaulting, dossier.ArchetypeBrushingRing,
	} {
		kinds = append(kinds, &archetype{name: name})
	}
	return kinds
}

func (k archetypes) of(name string) *archetype {
	for _, kind := range k {
		if kind.name == name {
			return kind
		}
	}
	return &archetype{name: name}
}

func (k archetypes) count(population *dossier.Generated, run *backtest.Run) {
	of := map[string]*archetype{}
	for _, merchant := range population.Merchants() {
		of[merchant.ID] = k.of(merchant.Archetype)
	}
	for i := range run.Cases {
		c := &run.Cases[i]
		kind := of[c.MerchantID]
		kind.count++
		if c.Champion.Approved() {
			kind.approved++
			if c.Outcome.Bad {
				kind.bad++
			}
		}
	}
}

func (k archetypes) table() Table {
	table := Table{Title: "SYNTHETIC: by known kind of merchant", Head: []string{"kind", "merchants", "approved", "share", "bad of the approved"}}
	for _, a := range k {
		table.Rows = append(table.Rows, []string{a.name, fmt.Sprint(a.count), fmt.Sprint(a.approved), percent(float64(a.approved)/float64(max(a.count, 1)), 1), fmt.Sprint(a.bad)})
	}
	return table
}

// archetype counts one kind of generated merchant.
type archetype struct {
	name                 string
	count, approved, bad int
}

// backtest decides a book by the strategy built in and hands over every case.
func (r *runner) backtest(set *Set, what string, book backtest.Book, each func(*backtest.Case)) (*backtest.Report, error) {
	r.say("%s: %s", set.ID, what)
	engine, err := scoring.Load(scoring.Default())
	if err != nil {
		return nil, err
	}
	started := r.options.Now()
	run, err := backtest.Decide(r.ctx, book, backtest.Options{Champion: engine, Workers: runtime.GOMAXPROCS(0), Economics: backtest.DefaultEconomics()})
	if err != nil {
		return nil, err
	}
	set.Timings = append(set.Timings, Timing{what, r.options.Now().Sub(started)})
	for i := range run.Cases {
		each(&run.Cases[i])
	}
	return backtest.Measure(run, ""), nil
}
