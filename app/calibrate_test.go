package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/scoring"
)

// outcomesOf writes features of applications of which those with inquiries
// turn bad more often: one in five instead of one in fifty.
func outcomesOf(t *testing.T, strategy *scoring.Strategy) string {
	t.Helper()
	var head, row []string
	for _, attribute := range strategy.Standard.Card.Attributes {
		head = append(head, attribute.Feature)
		cell := ""
		if attribute.Feature == "bureau_inquiries_90d" {
			cell = "%d"
		}
		row = append(row, cell)
	}
	lines := []string{strings.Join(head, ",") + ",stale,bad"}
	for i := range 4_000 {
		inquiries, bad := i%2*4, 0
		if i%100 < 2 || inquiries > 0 && i/2%5 == 0 {
			bad = 1
		}
		lines = append(lines, fmt.Sprintf(strings.Join(row, ",")+",,%d", inquiries, bad))
	}
	path := filepath.Join(t.TempDir(), "features.csv")
	require.NoError(t, os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	return path
}

func TestCalibrateWritesAStrategyWithNewProbabilities(t *testing.T) {
	t.Parallel()
	engine, err := scoring.Load(scoring.Default())
	require.NoError(t, err)
	before := engine.Strategy()
	data, out := outcomesOf(t, &before), filepath.Join(t.TempDir(), "new.json")
	code, said, told := execute(t, "scorecard", "calibrate", "--lane", "standard", "--data", data, "--out", out, "--new-version", "next")
	require.Equal(t, exitOK, code, told)
	require.Regexp(t, `(?m)^ *\d+ to \d+ +\d+ +2000 +\d+ +2\d\.\d\d % `, said)
	body, err := os.ReadFile(out)
	require.NoError(t, err)
	engine, err = scoring.Load(body)
	require.NoError(t, err)
	after := engine.Strategy()
	require.Equal(t, "standard@next", engine.Versions().Strategy)
	require.NotEqual(t, before.Standard.Card.PDTable, after.Standard.Card.PDTable)
	require.Equal(t, before.Standard.Card.Attributes, after.Standard.Card.Attributes, "points stay")
	require.Equal(t, before.ThinFile, after.ThinFile)
}

func TestCalibrateRefusesWithThePlace(t *testing.T) {
	t.Parallel()
	code, _, told := execute(t, "scorecard", "calibrate", "--lane", "standard", "--data", "none.csv", "--out", "x.json")
	require.NotEqual(t, exitOK, code)
	require.Contains(t, told, "--new-version")
	engine, err := scoring.Load(scoring.Default())
	require.NoError(t, err)
	strategy := engine.Strategy()
	path := outcomesOf(t, &strategy)
	body, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(body), ",,1\n", ",,maybe\n", 1)), 0o600))
	code, _, told = execute(t, "scorecard", "calibrate", "--lane", "standard", "--data", path)
	require.Equal(t, exitRefused, code)
	require.Contains(t, told, `features.csv:2 (bad): outcome "maybe": want 0, 1 or nothing`)
}
