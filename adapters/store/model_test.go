package store_test

import (
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"loan310/app/drawdown"
	"loan310/app/fault"
	"loan310/app/money"
	"loan310/app/underwriting"
)

// TestMain makes rapid's default number of checks fit for a database behind
// each step; -rapid.checks asks for more.
func TestMain(m *testing.M) {
	flag.Parse()
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		if err := checks.Value.Set("30"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

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
	onBoth(t, func(s *suite) {
		t := s.t
		rapid.Check(t, func(r *rapid.T) {
			w := &world{s: s}
			for range rapid.IntRange(1, 3).Draw(r, "lines") {
				limit := money.Amount(rapid.Int64Range(0, 1000).Draw(r, "limit"))
				w.lines = append(w.lines, &modelLine{stored: s.line(t, limit)})
			}
			r.Repeat(map[string]func(*rapid.T){
				"create":  w.create,
				"repeat":  w.repeat,
				"reserve": w.reserve,
				"call":    w.call,
				"unknown": w.unknown,
				"paid":    func(r *rapid.T) { w.settle(r, drawdown.Paid) },
				"failed":  func(r *rapid.T) { w.settle(r, drawdown.Failed) },
				"":        w.checkLines,
			})
			w.checkDraws(r)
			s.sound(t)
		})
	})
}

func (w *world) create(r *rapid.T) {
	line := rapid.SampledFrom(w.lines).Draw(r, "line")
	d := newDrawdown(line.stored, money.Amount(rapid.Int64Range(1, 600).Draw(r, "amount")))
	stored, err := w.s.Drawdowns().Create(w.s.t.Context(), d, entry("drawdown.requested", "drawdown/"+d.ID))
	require.NoError(r, err)
	require.Equal(r, d, stored)
	w.draws = append(w.draws, &modelDraw{Drawdown: d, line: line})
}

func (w *world) pick(r *rapid.T) *modelDraw {
	if len(w.draws) == 0 {
		r.Skip("nothing drawn yet")
	}
	return rapid.SampledFrom(w.draws).Draw(r, "drawdown")
}

// repeat sends the same key again, with the same or another payload.
func (w *world) repeat(r *rapid.T) {
	d := w.pick(r)
	twin := newDrawdown(d.line.stored, d.Amount)
	twin.Key = d.Key
	if rapid.Bool().Draw(r, "other payload") {
		twin.PayloadHash = "other"
		_, err := w.s.Drawdowns().Create(w.s.t.Context(), twin, entry("drawdown.requested", "drawdown/"+twin.ID))
		requireFault(r, err, fault.Mismatch, fault.CodeKeyReused)
		return
	}
	stored, err := w.s.Drawdowns().Create(w.s.t.Context(), twin, entry("drawdown.requested", "drawdown/"+twin.ID))
	require.NoError(r, err)
	require.Equal(r, d.ID, stored.ID)
	require.Equal(r, d.State, stored.State)
}

func (w *world) reserve(r *rapid.T) {
	d := w.pick(r)
	stored, _ := w.s.reserve(w.s.t, d.Drawdown)
	if d.State == drawdown.Requested {
		d.State = drawdown.Failed
		if d.line.used+d.Amount <= d.line.stored.Limit {
			d.State = drawdown.Paying
			d.line.used += d.Amount
		}
	}
	require.Equal(r, d.State, stored.State)
}

func (w *world) call(r *rapid.T) {
	d := w.pick(r)
	payout, err := w.s.Drawdowns().Payout(w.s.t.Context(), d.ID)
	if err != nil {
		requireFault(r, err, fault.NotFound, fault.CodeNotFound)
		return
	}
	_, err = w.s.Drawdowns().BeginCall(w.s.t.Context(), payout, now(), "2026-11-11", drawdown.Limit{})
	if d.State.Final() {
		requireFault(r, err, fault.Conflict, fault.CodeStale)
		return
	}
	require.NoError(r, err)
	d.calls++
}

func (w *world) unknown(r *rapid.T) {
	d := w.pick(r)
	_, err := w.s.Drawdowns().MarkUnknown(w.s.t.Context(), d.ID, now())
	if d.State == drawdown.Paying || d.State == drawdown.Unknown {
		d.State = drawdown.Unknown
		d.asks++
		require.NoError(r, err)
	}
}

func (w *world) settle(r *rapid.T, to drawdown.State) {
	d := w.pick(r)
	about := entry("drawdown.settled", "drawdown/"+d.ID)
	var stored drawdown.Drawdown
	var err error
	if to == drawdown.Paid {
		stored, err = w.s.Drawdowns().SettlePaid(w.s.t.Context(), d.ID, d.ID+":payout", "ref", paid(d.Drawdown), about)
	} else {
		stored, err = w.s.Drawdowns().SettleFailed(w.s.t.Context(), d.ID, d.ID+":payout", "x", "", now(), about)
	}
	switch d.State {
	case to:
		require.NoError(r, err)
	case drawdown.Paying, drawdown.Unknown:
		require.NoError(r, err)
		if to == drawdown.Failed {
			d.line.used -= d.Amount
		}
		d.State = to
	default:
		requireFault(r, err, fault.Conflict, fault.CodeWrongState)
		return
	}
	require.Equal(r, d.State, stored.State)
}

// checkLines compares every line with the model.
func (w *world) checkLines(r *rapid.T) {
	for _, line := range w.lines {
		view, err := w.s.Drawdowns().Line(w.s.t.Context(), line.stored.ID)
		require.NoError(r, err)
		require.Equal(r, line.used, view.Used)
		require.LessOrEqual(r, view.Used, view.Limit)
	}
}

// checkDraws compares every drawdown and payout with the model.
func (w *world) checkDraws(r *rapid.T) {
	for _, d := range w.draws {
		stored, err := w.s.Drawdowns().Drawdown(w.s.t.Context(), d.ID)
		require.NoError(r, err)
		require.Equal(r, d.State, stored.State)
		payout, err := w.s.Drawdowns().Payout(w.s.t.Context(), d.ID)
		if err != nil {
			requireFault(r, err, fault.NotFound, fault.CodeNotFound)
		}
		require.Equal(r, d.calls, payout.Calls)
		require.Equal(r, d.asks, payout.Asks)
	}
}
