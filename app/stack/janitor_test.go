package stack_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/adapters/store"
	"loan310/app/stack"
)

func TestJanitorSweepsFromTimeToTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var at []time.Duration
		var log bytes.Buffer
		janitor := stack.Janitor{
			Logger: slog.New(slog.NewTextHandler(&log, nil)),
			Sweep: func(ctx context.Context) (store.Swept, error) {
				at = append(at, time.Since(began))
				switch len(at) {
				case 1:
					return store.Swept{}, nil
				case 2: // a database that hangs
					<-ctx.Done()
					return store.Swept{Sessions: 500}, errors.New("too slow")
				default:
					return store.Swept{Answers: 7}, nil
				}
			},
		}
		ctx, cancel := context.WithCancel(t.Context())
		go janitor.Run(ctx)
		time.Sleep(24 * time.Minute)
		cancel()
		synctest.Wait()
		require.Equal(t, []time.Duration{1 * time.Minute, 11 * time.Minute, (11 + 2 + 10) * time.Minute}, at)
		require.Equal(t, 2, bytes.Count(log.Bytes(), []byte("\n")), "nothing swept is nothing to say:\n%s", log.String())
		require.Contains(t, log.String(), `level=WARN msg="sweep of the database not ended" sessions=500`)
		require.Contains(t, log.String(), `level=INFO msg="database swept" sessions=0 challenges=0 answers=7`)
	})
}
