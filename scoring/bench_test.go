package scoring_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/scoring"
)

// BenchmarkDecideFromFeatures measures a decision whose features are there,
// beside the card alone and the floor: reading every feature once.
func BenchmarkDecideFromFeatures(b *testing.B) {
	loaded := engine(b)
	ready, err := loaded.Prepare(established().input())
	require.NoError(b, err)
	require.Equal(b, scoring.Approved, loaded.DecideReady(&ready).Outcome)
	for _, what := range []struct {
		name string
		do   func() int64
	}{
		{"whole", func() int64 { return loaded.DecideReady(&ready).Score }},
		{"card", func() int64 { return loaded.ScoreReady(&ready) }},
		{"floor", ready.SumReady},
	} {
		b.Run(what.name, func(b *testing.B) {
			b.ReportAllocs()
			var sum int64
			for b.Loop() {
				sum += what.do()
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "decisions/s")
			_ = sum
		})
	}
}

func TestAReadyDecisionIsTheWholeOne(t *testing.T) {
	t.Parallel()
	loaded, m := engine(t), established()
	ready, err := loaded.Prepare(m.input())
	require.NoError(t, err)
	require.Equal(t, m.decide(t), loaded.DecideReady(&ready))
	first := ready.SumReady()
	loaded.DecideReady(&ready)
	require.Equal(t, first, ready.SumReady(), "deciding changes no feature")
}
