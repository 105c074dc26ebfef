package scoring_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/scoring"
)

func TestTheShippedStrategyLoads(t *testing.T) {
	t.Parallel()
	engine, err := scoring.Load(scoring.Default())
	require.NoError(t, err)
	require.Equal(t, "standard@1", engine.Versions().Strategy)
}
