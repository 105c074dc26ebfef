package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"loan310/app/drawdown"
	"loan310/app/fault"
	"loan310/app/money"
	"loan310/app/underwriting"
)

// world is what the store must hold: the lines and their drawdowns in memory.
type world struct {
	s     *suite
	lines []*modelLine
	draws []*modelDraw
}

type modelLine struct {
	stored underwriting.Line
	used   money.Amount
}

type modelDraw struct {
	drawdown.Drawdown
	line  *modelLine
	calls int
	asks  int
}

// Any order of steps, sensible or not, leaves what the model says.
func TestAnyOrderOfStepsKeepsTheBooks(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *suite) {
		rapid.Check(t, func(r *rapid.T) {
			w := &world{s: s}
			for range rapid.IntRange(1, 3).Draw(r, "lines") {
				limit := money.Amount(rapid.Int64Range(0, 1000).Draw(r, "limit"))
				w.lines = append(w.lines, &modelLine{stored: s.line(t, limit)})
			}
			r.Repeat(map[string]func(*rapid.T){
				"create":  func(r *rapid.T) { w.create(t, r) },
				"repeat":  func(r *rapid.T) { w.repeat(t, r) },
				"reserve": func(r *rapid.T) { w.reserve(t, r) },
				"call":    func(r *rapid.T) { w.call(t, r) },
				"unknown": func(r *rapid.T) { w.unknown(t, r) },
				"paid":    func(r *rapid.T) { w.settle(t, r, drawdown.Paid) },
				"failed":  func(r *rapid.T) { w.settle(t, r, drawdown.Failed) },
				"":        func(*rapid.T) { w.checkLines(t) },
			})
			w.checkDraws(t)
			s.sound(t)
		})
	})
}

func (w *world) create(t *testing.T, r *rapid.T) {
	line := rapid.SampledFrom(w.lines).Draw(r, "line")
	d := newDrawdown(line.stored, money.Amount(rapid.Int64Range(1, 600).Draw(r, "amount")))
	stored, err := w.s.Drawdowns().Create(t.Context(), d, entry("drawdown.requested", "drawdown/"+d.ID))
	require.NoError(t, err)
	require.Equal(t, d, stored)
	w.draws = append(w.draws, &modelDraw{Drawdown: d, line: line})
}

func (w *world) pick(r *rapid.T) *modelDraw {
	if len(w.draws) == 0 {
		r.Skip("nothing drawn yet")
	}
	return rapid.SampledFrom(w.draws).Draw(r, "drawdown")
}

// repeat sends the same key again, with the same or another payload.
func (w *world) repeat(t *testing.T, r *rapid.T) {
	d := w.pick(r)
	twin := newDrawdown(d.line.stored, d.Amount)
	twin.Key = d.Key
	if rapid.Bool().Draw(r, "other payload") {
		twin.PayloadHash = "other"
		_, err := w.s.Drawdowns().Create(t.Context(), twin, entry("drawdown.requested", "drawdown/"+twin.ID))
		requireFault(t, err, fault.Mismatch, fault.CodeKeyReused)
		return
	}
	stored, err := w.s.Drawdowns().Create(t.Context(), twin, entry("drawdown.requested", "drawdown/"+twin.ID))
	require.NoError(t, err)
	require.Equal(t, d.ID, stored.ID)
	require.Equal(t, d.State, stored.State)
}

func (w *world) reserve(t *testing.T, r *rapid.T) {
	d := w.pick(r)
	stored, _ := w.s.reserve(t, d.Drawdown)
	if d.State == drawdown.Requested {
		d.State = drawdown.Failed
		if d.line.used+d.Amount <= d.line.stored.Limit {
			d.State = drawdown.Paying
			d.line.used += d.Amount
		}
	}
	require.Equal(t, d.State, stored.State)
}

func (w *world) call(t *testing.T, r *rapid.T) {
	d := w.pick(r)
	payout, err := w.s.Drawdowns().Payout(t.Context(), d.ID)
	if err != nil {
		requireFault(t, err, fault.NotFound, fault.CodeNotFound)
		return
	}
	_, err = w.s.Drawdowns().BeginCall(t.Context(), payout, now())
	if d.State.Final() {
		requireFault(t, err, fault.Conflict, fault.CodeStale)
		return
	}
	require.NoError(t, err)
	d.calls++
}

func (w *world) unknown(t *testing.T, r *rapid.T) {
	d := w.pick(r)
	_, err := w.s.Drawdowns().MarkUnknown(t.Context(), d.ID, now())
	if d.State == drawdown.Paying || d.State == drawdown.Unknown {
		d.State = drawdown.Unknown
		d.asks++
		require.NoError(t, err)
	}
}

func (w *world) settle(t *testing.T, r *rapid.T, to drawdown.State) {
	d := w.pick(r)
	about := entry("drawdown.settled", "drawdown/"+d.ID)
	var stored drawdown.Drawdown
	var err error
	if to == drawdown.Paid {
		stored, err = w.s.Drawdowns().SettlePaid(t.Context(), d.ID, "ref", paid(d.Drawdown), about)
	} else {
		stored, err = w.s.Drawdowns().SettleFailed(t.Context(), d.ID, "x", "", now(), about)
	}
	switch d.State {
	case to:
		require.NoError(t, err)
	case drawdown.Paying, drawdown.Unknown:
		require.NoError(t, err)
		if to == drawdown.Failed {
			d.line.used -= d.Amount
		}
		d.State = to
	default:
		requireFault(t, err, fault.Conflict, fault.CodeWrongState)
		return
	}
	require.Equal(t, d.State, stored.State)
}

// checkLines compares every line with the model.
func (w *world) checkLines(t *testing.T) {
	for _, line := range w.lines {
		view, err := w.s.Drawdowns().Line(t.Context(), line.stored.ID)
		require.NoError(t, err)
		require.Equal(t, line.used, view.Used)
		require.LessOrEqual(t, view.Used, view.Limit)
	}
}

// checkDraws compares every drawdown and payout with the model.
func (w *world) checkDraws(t *testing.T) {
	for _, d := range w.draws {
		stored, err := w.s.Drawdowns().Drawdown(t.Context(), d.ID)
		require.NoError(t, err)
		require.Equal(t, d.State, stored.State)
		payout, err := w.s.Drawdowns().Payout(t.Context(), d.ID)
		if err != nil {
			requireFault(t, err, fault.NotFound, fault.CodeNotFound)
		}
		require.Equal(t, d.calls, payout.Calls)
		require.Equal(t, d.asks, payout.Asks)
	}
}
