package scoring_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/scoring"
)

// cpu gives the processor time this process has used: on a shared machine the
// clock on the wall measures the neighbours.
func cpu() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

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
			start := cpu()
			for b.Loop() {
				sum += what.do()
			}
			b.ReportMetric(float64((cpu()-start).Nanoseconds())/float64(b.N), "cpu-ns/op")
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
