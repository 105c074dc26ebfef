package boost_test

import (
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/scoring/boost"
)

// cpu is the processor time used so far, which other programs on the machine do not lengthen much.
func cpu() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// wide is as many rows as Give Me Some Credit with twice the columns.
func wide() *boost.Matrix {
	d := dice(1)
	data := madeUp(105_000, 1)
	for i := range 15 {
		column := boost.Column{Name: string(rune('a' + i)), Values: make([]float64, 105_000)}
		for row := range column.Values {
			column.Values[row] = d.float() + data.Columns[i%3].Values[row]/10
		}
		data.Columns = append(data.Columns, column)
	}
	return data
}

// 105,000 rows of 20 columns, 300 trees of 31 leaves, without stopping.
func BenchmarkTrain105k(b *testing.B) {
	data := wide()
	params := boost.Defaults()
	params.Trees, params.EarlyStop, params.MaxLeaves, params.MaxDepth = 300, 0, 31, 8
	trees, start := 0, cpu()
	for b.Loop() {
		model, err := boost.Train(b.Context(), data, boost.Options{Params: params})
		require.NoError(b, err)
		trees += len(model.Trees)
	}
	used := (cpu() - start).Seconds()
	b.ReportMetric(used/float64(b.N), "cpu-s/op")
	b.ReportMetric(float64(trees)/used, "trees/cpu-s")
}

// The defaults with early stopping and the refit, on real data.
func BenchmarkFitGiveMeSomeCredit(b *testing.B) {
	data := realData(b, gmscFile, gmscTarget, "1", "id")
	trees, start := 0, cpu()
	for b.Loop() {
		model, err := boost.Fit(b.Context(), data, boost.Options{Params: boost.Defaults()})
		require.NoError(b, err)
		trees = len(model.Trees)
	}
	b.ReportMetric((cpu()-start).Seconds()/float64(b.N), "cpu-s/op")
	b.ReportMetric(float64(trees), "trees")
}

// One pass over a byte, a gradient and a hessian per row and column, as plain
// code on one core. A tree of five levels needs about three such passes over
// its rows and columns: the root, and the smaller half of each level below.
func BenchmarkFloorOnePass(b *testing.B) {
	const rows, columns = 105_000, 20
	bins := make([]uint8, rows*columns)
	d := dice(1)
	for i := range bins {
		bins[i] = uint8(256 * d.float())
	}
	gradients := make([][2]float64, rows)
	start := cpu()
	for b.Loop() {
		for column := range columns {
			var sums [256][2]float64
			of := bins[column*rows : (column+1)*rows]
			for row := range gradients {
				sum := &sums[of[row]]
				sum[0] += gradients[row][0]
				sum[1] += gradients[row][1]
			}
		}
	}
	b.ReportMetric((cpu()-start).Seconds()/float64(b.N), "cpu-s/op")
	b.ReportMetric(rows*columns*float64(b.N)/(cpu()-start).Seconds(), "cells/cpu-s")
}

// bigModel is 300 trees of 31 leaves, and rows to score.
func bigModel(b *testing.B, columns int) (*boost.Scorer, [][]float64) {
	b.Helper()
	data := madeUp(20_000, 1)
	data.Columns = data.Columns[:columns]
	params := boost.Defaults()
	params.Trees, params.EarlyStop, params.MaxLeaves, params.MaxDepth = 300, 0, 31, 8
	scorer := trained(b, data, params)
	binding, err := scorer.Bind(data)
	require.NoError(b, err)
	rows := make([][]float64, binding.Rows())
	for i := range rows {
		rows[i] = make([]float64, columns)
		binding.Row(i, rows[i])
	}
	return scorer, rows
}

// perSecond reports how many rows a core does in a second.
func perSecond(b *testing.B, rows int, start time.Duration) {
	b.Helper()
	b.ReportMetric(float64(rows)/(cpu()-start).Seconds(), "rows/cpu-s")
}

func BenchmarkLogit(b *testing.B) {
	for name, columns := range map[string]int{"numeric": 4, "categories": 5} {
		b.Run(name, func(b *testing.B) {
			scorer, rows := bigModel(b, columns)
			done, total, start := 0, 0.0, cpu()
			for b.Loop() {
				total += scorer.Logit(rows[done%len(rows)])
				done++
			}
			perSecond(b, done, start)
			runtime.KeepAlive(total)
		})
	}
}

func BenchmarkExplain(b *testing.B) {
	scorer, rows := bigModel(b, 5)
	explainer := scorer.Explainer()
	parts := make([]float64, 5)
	done, start := 0, cpu()
	for b.Loop() {
		explainer.Explain(rows[done%len(rows)], parts)
		done++
	}
	perSecond(b, done, start)
}

// What a row of 300 trees costs at least, walked eight abreast six levels deep:
// a load, a comparison and an addition per level, all in the first cache, no
// missing values, no categories.
func BenchmarkFloorLogit(b *testing.B) {
	type split struct {
		threshold float64
		kids      [2]int32
	}
	d := dice(1)
	var splits [1024]split
	for i := range splits {
		splits[i] = split{d.float(), [2]int32{int32(1024 * d.float()), int32(1024 * d.float())}}
	}
	values := [4]float64{d.float(), d.float(), d.float(), d.float()}
	var at [8]int32
	done, start := 0, cpu()
	for b.Loop() {
		for level := range 300 / 8 * 6 {
			for i := range at {
				s := &splits[at[i]]
				side := 1
				if values[level%4] <= s.threshold {
					side = 0
				}
				at[i] = s.kids[side]
			}
		}
		done++
	}
	perSecond(b, done, start)
	runtime.KeepAlive(at)
}

func BenchmarkLoad(b *testing.B) {
	scorer, _ := bigModel(b, 5)
	saved := save(b, scorer.Model())
	start := cpu()
	for b.Loop() {
		_, err := boost.Load(saved)
		require.NoError(b, err)
	}
	b.ReportMetric(float64(len(saved))*float64(b.N)/(cpu()-start).Seconds()/1e6, "MB/cpu-s")
	b.ReportMetric(float64(len(saved))/1e6, "MB")
}
