package stack_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/adapters/dossier"
	"loan310/app/backtest"
	"loan310/app/money"
	"loan310/app/stack"
	"loan310/scoring"
)

// TestTheStrategyOnSyntheticPopulations decides five whole populations of
// known truth, seeing who is connected with whom as a live decision does: of
// what is approved, less than 2 % turns bad by count and by limit over all of
// them, half of all are approved, some thin files get their chance at small
// limits, and no ring gets through. Figures of synthetic data say nothing of real merchants.
func TestTheStrategyOnSyntheticPopulations(t *testing.T) {
	t.Parallel()
	engine, err := scoring.Load(scoring.Default())
	require.NoError(t, err)
	var all, approved, bad, thin, thinApproved int
	var lent, lost money.Amount
	for _, seed := range []uint64{7, 11, 23, 310, 1} {
		book := dossier.Generate(dossier.GenerateOptions{Merchants: 300, Seed: seed})
		kinds := map[string]string{}
		for _, merchant := range book.Merchants() {
			kinds[merchant.ID] = merchant.Archetype
		}
		run, err := backtest.Decide(t.Context(), stack.BookOf(book, fmt.Sprint(seed), ""), backtest.Options{
			Champion: engine, Workers: 2, Relations: true, Economics: backtest.Economics{Utilisation: 10_000},
		})
		require.NoError(t, err)
		for i := range run.Cases {
			c := &run.Cases[i]
			kind := kinds[c.MerchantID]
			all++
			if kind == dossier.ArchetypeThinFile {
				thin++
			}
			if !c.Champion.Approved() {
				continue
			}
			approved++
			lent += c.Champion.Limit
			require.NotEqual(t, dossier.ArchetypeBrushingRing, kind, "a ring got through: %s of %d", c.MerchantID, seed)
			if kind == dossier.ArchetypeThinFile {
				thinApproved++
				require.LessOrEqual(t, c.Champion.Limit, money.Amount(500_000), "a first limit is small")
			}
			if c.Outcome.Bad {
				bad++
				lost += c.Champion.Limit
			}
		}
	}
	t.Logf("approved %d of %d, thin files %d of %d, bad %d, by limit %d of %d fen", approved, all, thinApproved, thin, bad, lost, lent)
	require.Greater(t, approved*100, all*50)
	require.Greater(t, thinApproved*100, thin*12)
	require.Less(t, bad*100, approved*2)
	require.Less(t, lost*100, lent*2)
}
