package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDossierCrosscheckFindsBrushersAndStudiesForgeries(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	code, _, said := execute(t, "dossier", "generate", "--merchants", "30", "--seed", "7", "--out", dir, "--no-gzip")
	require.Zero(t, code, said)
	table, peers := filepath.Join(dir, "found.csv"), filepath.Join(dir, "peers.json")
	code, out, said := execute(t, "dossier", "crosscheck", dir, "--out", table)
	require.Zero(t, code, said)
	require.Regexp(t, `merchants=30 flagged=[1-9]\d* claimed_fen=\d+ verified_fen=\d+\n$`, out)
	text, err := os.ReadFile(table)
	require.NoError(t, err)
	require.Len(t, strings.Split(strings.TrimSpace(string(text)), "\n"), 31)

	code, _, said = execute(t, "dossier", "peers", dir, "--out", peers)
	require.Zero(t, code, said)
	code, out, said = execute(t, "dossier", "crosscheck", dir, "--peers", peers, "--inject", "no_waybill,reused", "--seeds", "1")
	require.Zero(t, code, said)
	require.Contains(t, out, "10 % fabricated orders injected into half of the merchants, 1 seeds:")
	require.Regexp(t, `pooled +\d+ +\d+ +[01]\.\d{3}`, out)

	require.NoError(t, os.WriteFile(peers, []byte(`{"peers":[{"name":"x","categories":["y"],"honest_ppm":{"luck":1}}]}`), 0o600))
	code, _, said = execute(t, "dossier", "crosscheck", dir, "--peers", peers)
	require.NotZero(t, code)
	require.Contains(t, said, "peers[0] (x): honest_ppm.luck: no such test")
	code, _, said = execute(t, "dossier", "crosscheck", dir, "--inject", "luck")
	require.Equal(t, exitRefused, code)
	require.Contains(t, said, `no such kind of fabrication: "luck"`)
}
