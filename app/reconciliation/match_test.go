package reconciliation_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/app/money"
	"loan310/app/reconciliation"
)

func TestEveryDifferenceHasItsReason(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 11, 10, 16, 0, 0, 0, time.UTC) // midnight in China
	to := from.AddDate(0, 0, 1)
	noon, before := from.Add(12*time.Hour), from.Add(-time.Second)
	out := func(fen money.Amount) reconciliation.Line {
		return reconciliation.Line{Key: "K", Direction: reconciliation.Out, Amount: fen, At: noon}
	}
	back := reconciliation.Line{Key: "K", Direction: reconciliation.In, Return: true, Amount: 100, At: noon}
	ours := func(state reconciliation.MovementState, at time.Time) *reconciliation.Movement {
		return &reconciliation.Movement{Key: "K", Direction: reconciliation.Out, Amount: 100, State: state, SettledAt: at, Subject: "drawdown/1"}
	}
	in := func(state reconciliation.MovementState) *reconciliation.Movement {
		m := ours(state, noon)
		m.Direction = reconciliation.In
		return m
	}
	type lines = []reconciliation.Line
	for name, c := range map[string]struct {
		today   lines
		earlier int
		ours    *reconciliation.Movement
		want    []reconciliation.Reason
	}{
		"both sides":                       {lines{out(100)}, 0, ours(reconciliation.Moved, noon), nil},
		"the rail lacks it":                {nil, 0, ours(reconciliation.Moved, noon), []reconciliation.Reason{reconciliation.MissingAtRail}},
		"the rail had it the day before":   {nil, 1, ours(reconciliation.Moved, noon), []reconciliation.Reason{reconciliation.Late}},
		"we had it the day before":         {lines{out(100)}, 0, ours(reconciliation.Moved, before), []reconciliation.Reason{reconciliation.Late}},
		"we know nothing of it":            {lines{out(100)}, 0, nil, []reconciliation.Reason{reconciliation.MissingHere}},
		"we hold it as failed":             {lines{out(100)}, 0, ours(reconciliation.NotMoved, noon), []reconciliation.Reason{reconciliation.MissingHere}},
		"failed, paid and came back":       {lines{out(100), back}, 0, ours(reconciliation.NotMoved, noon), nil},
		"we do not know yet":               {lines{out(100)}, 0, ours(reconciliation.Open, time.Time{}), []reconciliation.Reason{reconciliation.UnknownHere}},
		"99 is not 100":                    {lines{out(99)}, 0, ours(reconciliation.Moved, noon), []reconciliation.Reason{reconciliation.AmountDiffers}},
		"twice in a day":                   {lines{out(100), out(100)}, 0, ours(reconciliation.Moved, noon), []reconciliation.Reason{reconciliation.TwiceAtRail}},
		"once more on another day":         {lines{out(100)}, 1, ours(reconciliation.Moved, noon), []reconciliation.Reason{reconciliation.TwiceAtRail}},
		"came back, we do not know":        {lines{out(100), back}, 0, ours(reconciliation.Moved, noon), []reconciliation.Reason{reconciliation.ReversedThere}},
		"came back, we know":               {lines{out(100), back}, 0, ours(reconciliation.Undone, noon), nil},
		"collected on both sides":          {lines{back}, 0, in(reconciliation.Moved), nil},
		"collected twice":                  {lines{back, back}, 0, in(reconciliation.Moved), []reconciliation.Reason{reconciliation.TwiceAtRail}},
		"collected once more another day":  {lines{back}, 1, in(reconciliation.Moved), []reconciliation.Reason{reconciliation.TwiceAtRail}},
		"collected the day before there":   {nil, 1, in(reconciliation.Moved), []reconciliation.Reason{reconciliation.Late}},
		"collected, the rail lacks it":     {nil, 0, in(reconciliation.Moved), []reconciliation.Reason{reconciliation.MissingAtRail}},
		"collected, not known yet":         {lines{back}, 0, in(reconciliation.Open), []reconciliation.Reason{reconciliation.UnknownHere}},
		"collected and given back there":   {lines{back, out(100)}, 0, in(reconciliation.Moved), []reconciliation.Reason{reconciliation.ReversedThere}},
		"collected, we hold it as refused": {lines{back}, 0, in(reconciliation.NotMoved), []reconciliation.Reason{reconciliation.MissingHere}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var reasons []reconciliation.Reason
			for _, b := range reconciliation.Judge("wallet", "2026-11-11", from, to, reconciliation.Pair{Key: "K", Today: c.today, Earlier: c.earlier, Ours: c.ours}) {
				reasons = append(reasons, b.Reason)
				require.NotEmpty(t, b.ID)
				require.Equal(t, b.Reason == reconciliation.Late, b.State == reconciliation.BreakClosed)
			}
			require.Equal(t, c.want, reasons)
		})
	}
}
