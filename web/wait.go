package web

import (
	"context"
	"strings"
	"time"

	"loan310/app/fault"
)

// LongestWait bounds how long an answer is held back for news.
const LongestWait = 30 * time.Second

const (
	lookAgain = 5 * time.Second // should a signal be lost
	answerIn  = 5 * time.Second // after the wait was cut short by our own end
)

// Waiting asks for an answer to be held back until there is news.
type Waiting struct {
	Wait string `query:"wait" maxLength:"8" pattern:"^[0-9]{1,5}(ms|s)?$" doc:"Hold the answer back until the record says something new, at most this long: seconds, or with a unit (10s, 1500ms); more than 30s counts as 30s. A record that is final answers at once, one that did not change answers as it is." example:"10s"`
}

// patience gives how long to wait; 0 = not at all.
func (w Waiting) patience() (time.Duration, error) {
	text := w.Wait
	if text == "" {
		return 0, nil
	}
	if !strings.HasSuffix(text, "s") {
		text += "s"
	}
	wait, err := time.ParseDuration(text)
	if err != nil {
		return 0, fault.Field("wait", fault.CodeInvalid, "Write the wait as seconds or with a unit: 10, 10s or 1500ms.")
	}
	return min(wait, LongestWait), nil
}

// held is a record that is read now and, where wait says so, again until it
// is news. Read tells whether the caller may see it, before any waiting.
type held[T any] struct {
	wait  time.Duration
	read  func(context.Context) (T, error)
	over  func(T) bool             // nothing is to be waited for
	news  func(before, now T) bool // worth answering
	watch func() (<-chan struct{}, func())
}

// get gives the record and a context that is good for showing it: when the
// server ends while it waits, the caller still gets the record as it is.
func get[T any](ctx context.Context, s *server, who Principal, h held[T]) (T, context.Context, func(), error) {
	none := func() {}
	if h.wait <= 0 {
		found, err := h.read(ctx)
		return found, ctx, none, err
	}
	signal, stop := h.watch() // before reading, so that nothing falls between
	defer stop()
	first, err := h.read(ctx)
	if err != nil || h.over(first) {
		return first, ctx, none, err
	}
	leave, err := s.streams.enter(who)
	if err != nil {
		return first, ctx, none, err
	}
	defer leave()
	latest := first
	until, look := time.NewTimer(h.wait), time.NewTicker(lookAgain)
	defer until.Stop()
	defer look.Stop()
	for {
		select {
		case <-until.C:
			return latest, ctx, none, nil
		case <-ctx.Done(): // the caller has left, or the server ends
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerIn)
			return latest, ctx, cancel, nil
		case <-signal:
		case <-look.C:
		}
		now, err := h.read(ctx)
		if err != nil && ctx.Err() == nil {
			return latest, ctx, none, err
		}
		if err == nil && (h.over(now) || h.news(first, now)) {
			return now, ctx, none, nil
		}
		if err == nil {
			latest = now
		}
	}
}
