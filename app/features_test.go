package main

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/scoring/features"
)

// TestFeaturesOfADossier: one row an application, an empty field for missing,
// the outcome last, and the same bytes with one worker and with many.
func TestFeaturesOfADossier(t *testing.T) {
	t.Parallel()
	dir, out := smallDossier(t), t.TempDir()
	var bodies []string
	for _, workers := range []string{"1", "4"} {
		path := filepath.Join(out, workers+".csv")
		var stdout, stderr bytes.Buffer
		require.Equal(t, exitOK, run(t.Context(), []string{"dossier", "features", dir, "--out", path, "--workers", workers}, &stdout, &stderr), stderr.String())
		body, err := os.ReadFile(path)
		require.NoError(t, err)
		bodies = append(bodies, string(body))
	}
	require.Equal(t, bodies[0], bodies[1])
	rows, err := csv.NewReader(bytes.NewBufferString(bodies[0])).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 31)
	header := rows[0]
	require.Equal(t, []string{"application_id", "merchant_id", "as_of", features.All()[0].Name}, header[:4])
	require.Equal(t, []string{"stale", "bad"}, header[len(header)-2:])
	require.Len(t, header, int(features.Count)+5)
	column := func(row []string, name string) string { return row[slices.Index(header, name)] }
	bad, missing := 0, 0
	for _, row := range rows[1:] {
		if column(row, "bureau_outstanding_fen") == "" {
			missing++
			require.Equal(t, "0", column(row, "bureau_found"), "no file: nothing known of debts")
		}
		require.Empty(t, column(row, "group_size"), "a dossier has no relations: missing, not zero")
		require.Equal(t, "0", column(row, "own_loans_repaid"))
		require.Contains(t, []string{"0", "1"}, column(row, "bad"))
		if column(row, "bad") == "1" {
			bad++
		}
	}
	require.Positive(t, missing)
	require.Positive(t, bad)
}

func TestFeaturesSayWhereADossierIsBroken(t *testing.T) {
	t.Parallel()
	dir := smallDossier(t)
	require.NoError(t, os.Remove(filepath.Join(dir, "applications.csv.gz")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "applications.csv"), []byte("application_id\nx\n"), 0o600))
	var stdout, stderr bytes.Buffer
	out := filepath.Join(t.TempDir(), "f.csv")
	require.Equal(t, exitRefused, run(t.Context(), []string{"dossier", "features", dir, "--out", out}, &stdout, &stderr))
	require.Contains(t, stderr.String(), "applications.csv")
	require.NoFileExists(t, out)
}

// TestFeaturesOfALane: the lanes share the applications out, and those that
// passed are some of each.
func TestFeaturesOfALane(t *testing.T) {
	t.Parallel()
	dir, out := smallDossier(t), t.TempDir()
	ids := func(args ...string) []string {
		path := filepath.Join(out, "f.csv")
		code, _, said := execute(t, append([]string{"dossier", "features", dir, "--out", path}, args...)...)
		require.Equal(t, exitOK, code, said)
		body, err := os.ReadFile(path)
		require.NoError(t, err)
		rows, err := csv.NewReader(bytes.NewReader(body)).ReadAll()
		require.NoError(t, err)
		var list []string
		for _, row := range rows[1:] {
			list = append(list, row[0])
		}
		return list
	}
	standard, thin := ids("--lane", "standard"), ids("--lane", "thin_file")
	require.NotEmpty(t, standard)
	require.NotEmpty(t, thin)
	require.ElementsMatch(t, ids(), slices.Concat(standard, thin))
	passed := ids("--lane", "standard", "--passed")
	require.NotEmpty(t, passed)
	require.Less(t, len(passed), len(standard), "rings and defaulting merchants are declined by rules")
	require.Subset(t, standard, passed)
}
