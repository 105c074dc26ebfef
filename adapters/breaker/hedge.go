package breaker

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/hedgepolicy"
)

// hedge runs fn and, when it has not ended after the delay, a second time
// beside it. The loser's context is cancelled inside this call, so the breaker
// outside sees one call and one outcome.
func hedge[T any](ctx context.Context, delay time.Duration, fn func(context.Context) (T, error)) (T, error) {
	var begun atomic.Int32
	policy := hedgepolicy.NewBuilderWithDelay[T](delay).
		CancelIf(func(_ T, err error) bool {
			// A lone failure ends the call; beside a second attempt it waits
			// for the other's word.
			return err == nil || isAnswer(err) || begun.Load() < 2
		}).
		Build()
	return failsafe.With[T](policy).WithContext(ctx).GetWithExecution(func(exec failsafe.Execution[T]) (T, error) {
		begun.Add(1)
		return fn(exec.Context())
	})
}
