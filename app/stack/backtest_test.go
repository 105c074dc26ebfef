package stack_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/adapters/dossier"
	"loan310/app/backtest"
	"loan310/app/stack"
	"loan310/scoring"
)

func engine(tb testing.TB) *scoring.Engine {
	tb.Helper()
	engine, err := scoring.Load(scoring.Default())
	require.NoError(tb, err)
	return engine
}

func population(tb testing.TB, merchants int, gz bool) string {
	tb.Helper()
	dir := filepath.Join(tb.TempDir(), "population")
	_, err := dossier.Write(dir, dossier.Generate(dossier.GenerateOptions{Merchants: merchants, Seed: 7, OrdersScale: 0.2}), gz)
	require.NoError(tb, err)
	return dir
}

// TestBookStreamed holds what is read on the way against the same dossier in
// memory: every verdict is the same.
func TestBookStreamed(t *testing.T) {
	t.Parallel()
	dir := population(t, 40, true)
	streamed, err := stack.BacktestBook(t.Context(), dir)
	require.NoError(t, err)
	whole, err := stack.WholeBook(t.Context(), dir)
	require.NoError(t, err)
	require.Equal(t, whole.About(), streamed.About())
	require.Equal(t, 40, streamed.About().Synthetic)
	options := backtest.Options{Champion: engine(t), Workers: 3, Economics: backtest.DefaultEconomics()}
	a, err := backtest.Decide(t.Context(), streamed, options)
	require.NoError(t, err)
	options.Workers = 1
	b, err := backtest.Decide(t.Context(), whole, options)
	require.NoError(t, err)
	require.Equal(t, b.Cases, a.Cases)
	require.Equal(t, b.Features, a.Features)
}

// TestBookScattered: rows out of the merchants' order are told apart from
// broken ones, and the whole book still decides.
func TestBookScattered(t *testing.T) {
	t.Parallel()
	dir := population(t, 6, false)
	path := filepath.Join(dir, "transactions.csv")
	body, err := os.ReadFile(path)
	require.NoError(t, err)
	lines := splitLines(body)
	lines[1], lines[len(lines)-1] = lines[len(lines)-1], lines[1]
	require.NoError(t, os.WriteFile(path, joinLines(lines), 0o600))
	streamed, err := stack.BacktestBook(t.Context(), dir)
	require.NoError(t, err)
	options := backtest.Options{Champion: engine(t), Workers: 2, Economics: backtest.DefaultEconomics()}
	_, err = backtest.Decide(t.Context(), streamed, options)
	require.ErrorIs(t, err, stack.ErrScattered)
	require.ErrorContains(t, err, "transactions.csv:3: merchant_id")
	whole, err := stack.WholeBook(t.Context(), dir)
	require.NoError(t, err)
	run, err := backtest.Decide(t.Context(), whole, options)
	require.NoError(t, err)
	require.Len(t, run.Cases, 6)
}

// TestBookNoLookAhead: rows dated after an application change no verdict, bit
// for bit.
func TestBookNoLookAhead(t *testing.T) {
	t.Parallel()
	dir := population(t, 5, false)
	decide := func() *backtest.Run {
		book, err := stack.BacktestBook(t.Context(), dir)
		require.NoError(t, err)
		run, err := backtest.Decide(t.Context(), book, backtest.Options{Champion: engine(t), Workers: 2, Economics: backtest.DefaultEconomics()})
		require.NoError(t, err)
		return run
	}
	before := decide()
	book, err := dossier.Open(dir)
	require.NoError(t, err)
	for file, column := range map[string]int{"orders.csv": 1, "transactions.csv": 1} {
		path := filepath.Join(dir, file)
		body, err := os.ReadFile(path)
		require.NoError(t, err)
		last := book.Merchants()[4].ID
		line := ""
		for _, text := range splitLines(body) {
			if strings.HasPrefix(text, last+",") {
				line = text
			}
		}
		require.NotEmpty(t, line)
		fields := strings.Split(line, ",")
		fields[column] = "LATER"
		for i := range fields {
			if len(fields[i]) == len("2026-01-01T00:00:00Z") && strings.HasSuffix(fields[i], "Z") {
				fields[i] = "2027-03-04T05:06:07Z"
			}
		}
		require.NoError(t, os.WriteFile(path, append(body, strings.Join(fields, ",")...), 0o600))
	}
	after := decide()
	require.Equal(t, before.Cases, after.Cases)
}

func splitLines(body []byte) []string {
	var lines []string
	start := 0
	for i, b := range body {
		if b == '\n' {
			lines = append(lines, string(body[start:i+1]))
			start = i + 1
		}
	}
	return lines
}

func joinLines(lines []string) []byte {
	var body []byte
	for _, line := range lines {
		body = append(body, line...)
	}
	return body
}

// BenchmarkBacktest decides a generated dossier from its files, beside the floor
// of reading and checking the same rows. LOAN310_BENCH_APPLICATIONS sets the
// size (default 200), LOAN310_BENCH_SCALE the orders of a merchant (default 1:
// 150 to 700 a year).
func BenchmarkBacktest(b *testing.B) {
	size, scale := 200, 1.0
	if text := os.Getenv("LOAN310_BENCH_APPLICATIONS"); text != "" {
		var err error
		size, err = strconv.Atoi(text)
		require.NoError(b, err)
	}
	if text := os.Getenv("LOAN310_BENCH_SCALE"); text != "" {
		var err error
		scale, err = strconv.ParseFloat(text, 64)
		require.NoError(b, err)
	}
	dir := filepath.Join(b.TempDir(), "population")
	counts, err := dossier.Write(dir, dossier.Generate(dossier.GenerateOptions{Merchants: size, Seed: 7, OrdersScale: scale}), false)
	require.NoError(b, err)
	rate := func(b *testing.B, took time.Duration) {
		b.Helper()
		b.ReportMetric(float64(size*b.N)/took.Seconds(), "applications/s")
		b.ReportMetric(float64(counts.Rows()*int64(b.N))/took.Seconds(), "rows/s")
	}
	b.Run("floor=read", func(b *testing.B) {
		for b.Loop() {
			stream, err := dossier.OpenStream(b.Context(), dir)
			require.NoError(b, err)
			require.NoError(b, stream.Each(b.Context(), func(_ int, piles *dossier.Piles) error {
				_, err := piles.Read()
				return err
			}))
		}
		rate(b, b.Elapsed())
	})
	champion := engine(b)
	b.Run("decide", func(b *testing.B) {
		for b.Loop() {
			book, err := stack.BacktestBook(b.Context(), dir)
			require.NoError(b, err)
			_, err = backtest.Decide(b.Context(), book, backtest.Options{Champion: champion, Workers: runtime.GOMAXPROCS(0), Economics: backtest.DefaultEconomics()})
			require.NoError(b, err)
		}
		rate(b, b.Elapsed())
	})
}
