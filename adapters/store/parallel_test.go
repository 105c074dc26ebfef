package store_test

import "sync"

// answer is what one of several callers got.
type answer[T any] struct {
	value T
	err   error
}

// inParallel calls do n times at once and gives the answers in order.
func inParallel[T any](n int, do func(i int) (T, error)) []answer[T] {
	answers := make([]answer[T], n)
	start := make(chan struct{})
	var callers sync.WaitGroup
	for i := range n {
		callers.Go(func() {
			<-start
			value, err := do(i)
			answers[i] = answer[T]{value, err}
		})
	}
	close(start)
	callers.Wait()
	return answers
}
