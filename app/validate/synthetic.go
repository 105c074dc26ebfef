package validate

import (
	"fmt"
	"runtime"

	"loan310/adapters/dossier"
	"loan310/app/backtest"
	"loan310/app/stack"
	"loan310/scoring"
)

// The synthetic population: enough for intervals, decided in seconds.
const (
	syntheticMerchants = 2_000
	syntheticSeed      = 7
	syntheticOrders    = 0.5
)

func synthetic(r *runner, set *Set) error {
	set.Title = "SYNTHETIC: the generated population"
	set.Protocol = []string{
		fmt.Sprintf("%d generated merchants, seed %d, half the usual number of orders, decided by the strategy built in as of their applications (`loan310 backtest` does the same from files).", syntheticMerchants, syntheticSeed),
		"Truth is known because we made it: these figures test that the parts work together. They say nothing about real merchants.",
	}
	population := dossier.Generate(dossier.GenerateOptions{Merchants: syntheticMerchants, Seed: syntheticSeed, OrdersScale: syntheticOrders})
	book := stack.BookOf(population, "synthetic", fmt.Sprintf("generated, seed %d", syntheticSeed))
	var archetypes [6]archetype
	kinds := map[string]int{}
	for i, name := range []string{
		dossier.ArchetypeEstablished, dossier.ArchetypeSeasonal, dossier.ArchetypeThinFile, dossier.ArchetypeRelated, dossier.ArchetypeDefaulting, dossier.ArchetypeBrushingRing,
	} {
		archetypes[i].name, kinds[name] = name, i
	}
	of := map[string]int{}
	for _, merchant := range population.Merchants() {
		of[merchant.ID] = kinds[merchant.Archetype]
	}
	report, err := r.backtest(set, "the engine on the population", book, func(c *backtest.Case) {
		a := &archetypes[of[c.MerchantID]]
		a.count++
		if c.Champion.Approved() {
			a.approved++
			if c.Outcome.Bad {
				a.bad++
			}
		}
	})
	if err != nil {
		return err
	}
	set.Tables = append(set.Tables, engineTable("SYNTHETIC: the strategy built in", report))
	table := Table{Title: "SYNTHETIC: by known kind of merchant", Head: []string{"kind", "merchants", "approved", "share", "bad of the approved"}}
	for _, a := range archetypes {
		table.Rows = append(table.Rows, []string{a.name, fmt.Sprint(a.count), fmt.Sprint(a.approved), percent(float64(a.approved)/float64(max(a.count, 1)), 1), fmt.Sprint(a.bad)})
	}
	set.Tables = append(set.Tables, table)
	ring := &archetypes[kinds[dossier.ArchetypeBrushingRing]]
	caught := 1 - float64(ring.approved)/float64(max(ring.count, 1))
	set.atLeast("SYNTHETIC: share of merchants in brushing rings that are declined", caught, 0.9)
	return nil
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
