package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/adapters/dossier"
	"loan310/scoring"
)

func playBacktest(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errors bytes.Buffer
	code = run(t.Context(), append([]string{"backtest"}, args...), &out, &errors)
	return code, out.String(), errors.String()
}

func smallDossier(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "small")
	_, err := dossier.Write(dir, dossier.Generate(dossier.GenerateOptions{Merchants: 30, Seed: 3, OrdersScale: 0.1}), true)
	require.NoError(t, err)
	return dir
}

// TestBacktestCoresAlike: one worker and many give the same bytes.
func TestBacktestCoresAlike(t *testing.T) {
	t.Parallel()
	dir, out := smallDossier(t), t.TempDir()
	var texts, decisions, pages []string
	for _, workers := range []string{"1", "4"} {
		html, lines := filepath.Join(out, workers+".html"), filepath.Join(out, workers+".jsonl")
		code, stdout, stderr := playBacktest(t, "--dossier", dir, "--workers", workers, "--html", html, "--out", lines, "--lang", "zh-CN")
		require.Equal(t, exitOK, code, stderr)
		page, err := os.ReadFile(html)
		require.NoError(t, err)
		body, err := os.ReadFile(lines)
		require.NoError(t, err)
		texts, decisions, pages = append(texts, stdout), append(decisions, string(body)), append(pages, string(page))
	}
	require.Equal(t, texts[0], texts[1])
	require.Equal(t, decisions[0], decisions[1])
	require.Equal(t, pages[0], pages[1])
	require.Contains(t, texts[0], "合成数据")
	require.Equal(t, 30, strings.Count(decisions[0], `"verdict_hash"`))
}

// TestBacktestRefuses: what cannot be used is refused with place and reason.
func TestBacktestRefuses(t *testing.T) {
	t.Parallel()
	dir := smallDossier(t)
	text := string(scoring.Default())
	write := func(body string) string {
		path := filepath.Join(t.TempDir(), "strategy.json")
		require.NoError(t, os.WriteFile(path, []byte(body), 0o600))
		return path
	}
	cut := strings.Index(text, `"lanes"`)
	before, after, _ := strings.Cut(text, `"withheld"`)
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"broken JSON", []string{"--strategy", write(text[:cut] + "]" + text[cut:])}, "line 7, column 3"},
		{"a wrong type", []string{"--strategy", write(strings.Replace(text, `"min_orders_365d": 30`, `"min_orders_365d": "many"`, 1))}, "line 7"},
		{"a missing matrix cell", []string{"--champion", write(before + `"withholt"` + after)}, "strategy.matrix"},
		{"a rule that is no CEL", []string{"--strategy", write(strings.Replace(text, `"when": "`, `"when": "((`, 1))}, "strategy.rules"},
		{"a source there is not", []string{"--assume", "moon=down"}, `no source "moon"`},
		{"a state there is not", []string{"--assume", "bank=asleep"}, "no such state"},
		{"a day there is not", []string{"--until", "tomorrow"}, "not a day"},
		{"an ending there is not", []string{"--out", "x.parquet"}, "must end in .csv or .jsonl"},
		{"an impossible loss", []string{"--lgd-bps", "20000"}, "loss given default"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			code, _, stderr := playBacktest(t, append([]string{"--dossier", dir}, test.args...)...)
			require.Equal(t, exitRefused, code)
			require.Contains(t, stderr, test.want)
		})
	}
}

// TestBacktestRefusesDossier: a broken file is named with its line.
func TestBacktestRefusesDossier(t *testing.T) {
	t.Parallel()
	dir := smallDossier(t)
	path := filepath.Join(dir, "bureau.csv.gz")
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.WriteFile(strings.TrimSuffix(path, ".gz"), []byte("merchant_id\nM000001\n"), 0o600))
	code, _, stderr := playBacktest(t, "--dossier", dir)
	require.Equal(t, exitRefused, code)
	require.Contains(t, stderr, "bureau.csv:1: header")
}
