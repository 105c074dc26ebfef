package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestScorecardCommands(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	data, model, scores := filepath.Join(dir, "loans.csv"), filepath.Join(dir, "model.json"), filepath.Join(dir, "scores.csv.gz")
	var b strings.Builder
	b.WriteString("debt,term,bad\n")
	for i := range 1_200 {
		debt := i * 7919 % 1000
		bad := 0
		if debt > 500 && i%2 == 0 || i%10 == 0 {
			bad = 1
		}
		fmt.Fprintf(&b, "%d,%d,%d\n", debt, 12*(1+i%3)-5*bad, bad)
	}
	require.NoError(t, os.WriteFile(data, []byte(b.String()), 0o600))
	call := func(args ...string) (int, string) {
		var out strings.Builder
		return run(t.Context(), append([]string{"scorecard"}, args...), &out, &out), out.String()
	}
	code, text := call("train", "--data", data, "--target", "bad", "--out", model)
	require.Equal(t, exitRefused, code, text)
	require.Contains(t, text, "term: alone it reaches an AUC of 1.000", "the term was cut short by the default")
	require.NoFileExists(t, model)

	code, text = call("train", "--data", data, "--target", "bad", "--out", model, "--allow-leak", "term", "--author", "test")
	require.Equal(t, exitOK, code, text)
	code, text = call("score", "--data", data, "--model", model, "--out", scores)
	require.Equal(t, exitOK, code, text)
	require.FileExists(t, scores)
	code, text = call("validate", "--data", data, "--model", model, "--target", "bad")
	require.Equal(t, exitOK, code, text)
	require.Contains(t, text, "AUC 0.80")
	code, text = call("engine", "--model", model, "--card-version", "2", "--out", filepath.Join(dir, "card.json"))
	require.Equal(t, exitRefused, code, text)
	require.Contains(t, text, "is no feature of the engine")
}
