package boost_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/scoring/boost"
)

// wide is the size of Give Me Some Credit, doubled in columns.
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
	trees := 0
	for b.Loop() {
		model, err := boost.Train(b.Context(), data, boost.Options{Params: params})
		require.NoError(b, err)
		trees += len(model.Trees)
	}
	b.ReportMetric(float64(trees)/b.Elapsed().Seconds(), "trees/s")
}

// The defaults with early stopping and the refit, on real data.
func BenchmarkFitGiveMeSomeCredit(b *testing.B) {
	data := realData(b, gmscFile, gmscTarget, "1", "id")
	for b.Loop() {
		model, err := boost.Fit(b.Context(), data, boost.Options{Params: boost.Defaults()})
		require.NoError(b, err)
		b.ReportMetric(float64(len(model.Trees)), "trees")
	}
}

// What cannot be beaten without skipping work: one pass over a byte, a gradient
// and a hessian per row and column, as plain code, on one core; at least the
// root and half of each level below must be read for each tree.
func BenchmarkFloorOnePass(b *testing.B) {
	const rows, columns = 105_000, 20
	bins := make([]uint8, rows*columns)
	d := dice(1)
	for i := range bins {
		bins[i] = uint8(256 * d.float())
	}
	gradients := make([][2]float64, rows)
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
	b.ReportMetric(rows*columns*float64(b.N)/b.Elapsed().Seconds(), "cells/s")
}

// bigModel is 300 trees of 31 leaves.
func bigModel(b *testing.B) (*boost.Scorer, [][]float64) {
	b.Helper()
	data := madeUp(20_000, 1)
	params := boost.Defaults()
	params.Trees, params.EarlyStop, params.MaxLeaves, params.MaxDepth = 300, 0, 31, 8
	scorer := trained(b, data, params)
	binding, err := scorer.Bind(data)
	require.NoError(b, err)
	rows := make([][]float64, binding.Rows())
	for i := range rows {
		rows[i] = make([]float64, 5)
		binding.Row(i, rows[i])
	}
	return scorer, rows
}

func perSecond(b *testing.B, rows int) {
	b.Helper()
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkLogit(b *testing.B) {
	scorer, rows := bigModel(b)
	done, total := 0, 0.0
	for b.Loop() {
		total += scorer.Logit(rows[done%len(rows)])
		done++
	}
	perSecond(b, done)
	runtime.KeepAlive(total)
}

func BenchmarkExplain(b *testing.B) {
	scorer, rows := bigModel(b)
	explainer := scorer.Explainer()
	parts := make([]float64, 5)
	done := 0
	for b.Loop() {
		explainer.Explain(rows[done%len(rows)], parts)
		done++
	}
	perSecond(b, done)
}

// A dependent load, a comparison and an addition per split on the way, with
// everything in the first cache: what a row of 300 trees of depth 6 costs at least.
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
	at, done := int32(0), 0
	for b.Loop() {
		for range 300 * 6 {
			s := &splits[at]
			side := 1
			if d.float() <= s.threshold {
				side = 0
			}
			at = s.kids[side]
		}
		done++
	}
	perSecond(b, done)
	runtime.KeepAlive(at)
}

func BenchmarkLoad(b *testing.B) {
	scorer, _ := bigModel(b)
	saved := save(b, scorer.Model())
	start := time.Now()
	for b.Loop() {
		_, err := boost.Load(saved)
		require.NoError(b, err)
	}
	b.ReportMetric(float64(len(saved))*float64(b.N)/time.Since(start).Seconds()/1e6, "MB/s")
	b.ReportMetric(float64(len(saved))/1e6, "MB")
}
