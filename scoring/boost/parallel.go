package boost

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// block is how many rows are summed up at once. Sums of floats are added
// block by block in order, so that they are the same on any number of cores.
const block = 8192

// parallel does n pieces of work on all cores and returns when all are done.
// A piece must write to its own place only.
func parallel(n int, work func(i int)) {
	workers := min(runtime.GOMAXPROCS(0), n)
	if workers <= 1 {
		for i := range n {
			work(i)
		}
		return
	}
	var next atomic.Int64
	var group sync.WaitGroup
	run := func() {
		for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
			work(i)
		}
	}
	for range workers - 1 {
		group.Go(run)
	}
	run()
	group.Wait()
}

// blocks does work on stretches of rows.
func blocks(rows int, work func(piece, first, last int)) {
	parallel(pieces(rows), func(i int) { work(i, i*block, min((i+1)*block, rows)) })
}

func pieces(rows int) int { return (rows + block - 1) / block }
