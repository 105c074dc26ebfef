package dossier_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/adapters/dossier"
)

func TestGeneratedPopulationValidatesWithoutABadRow(t *testing.T) {
	t.Parallel()
	for _, merchants := range []int{1, 7, 23, 120} {
		g := dossier.Generate(dossier.GenerateOptions{Merchants: merchants, Seed: 7})
		dir := t.TempDir()
		counts, err := dossier.Write(dir, g, false)
		require.NoError(t, err)
		var listing bytes.Buffer
		report, err := dossier.Validate(t.Context(), dir, &listing)
		require.NoError(t, err)
		require.Empty(t, listing.String())
		require.Zero(t, report.Bad())
		require.Equal(t, counts.Rows(), report.Rows())
	}
}
