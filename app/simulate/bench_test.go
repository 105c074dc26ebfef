package simulate_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/app/simulate"
)

// BenchmarkSimulate lives half a year of a thousand loans.
func BenchmarkSimulate(b *testing.B) {
	var months float64
	for b.Loop() {
		result, err := simulate.Run(b.Context(), simulate.Options{
			Loans: 6000, Months: 5, Seed: 310, DSN: "sqlite://" + filepath.Join(b.TempDir(), "simulation.db") + "?synchronous=normal",
		})
		require.NoError(b, err)
		require.True(b, result.Sound(), "%v", result.Breaches)
		months += result.LoanMonths
	}
	b.ReportMetric(months/b.Elapsed().Minutes(), "loan-months/min")
}
