package e2e_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/adapters/dossier"
	"loan310/adapters/sandbox"
	"loan310/app/apiclient"
	"loan310/app/audit"
	"loan310/app/drawdown"
	"loan310/app/ident"
	"loan310/app/underwriting"
	"loan310/scoring/evidence"
)

// killing is one way to lose the worker in the middle of a draw.
type killing struct {
	name       string
	crashAt    string
	loseAnswer bool           // the rail pays, and its answer to the first call never comes
	left       drawdown.State // where the dead worker leaves the draw
	calls      int            // pay calls it had counted
	railPaid   int            // payments in the rail's book at its death
}

func killings() []killing {
	return []killing{
		{name: "reserved, the rail not called", crashAt: drawdown.ReachedReserved, left: drawdown.Paying},
		{name: "call counted, the rail not called", crashAt: drawdown.ReachedCalling, left: drawdown.Paying, calls: 1},
		{name: "the rail has paid, nothing stored of it", crashAt: drawdown.ReachedAnswered, left: drawdown.Paying, calls: 1, railPaid: 1},
		{name: "the rail has paid, its answer is lost", crashAt: drawdown.ReachedAnswered, loseAnswer: true, left: drawdown.Paying, calls: 1, railPaid: 1},
		{name: "all settled, Temporal not told", crashAt: drawdown.ReachedSettled, left: drawdown.Paid, calls: 1, railPaid: 1},
	}
}

// TestWorkerKilledAtEveryStepOfADrawdown kills the worker by SIGKILL at each
// step that is durable and lets another one go on: the rail must have paid
// once, and our books must say what the rail's say.
func TestWorkerKilledAtEveryStepOfADrawdown(t *testing.T) {
	t.Parallel()
	w := begin(t, func(s *settings) { s.options.NoWorker = true })
	cases := killings()
	healthy := w.worker(t)
	lines := make([]credit, len(cases)+1)
	for i := range lines {
		lines[i] = w.credit(t)
	}
	healthy.stop(t)
	for i, c := range cases { //nolint:paralleltest // a worker that crashes takes the first draw that comes
		t.Run(c.name, func(t *testing.T) { w.killed(t, c, lines[i]) })
	}
	t.Run("stored, its workflow never started", func(t *testing.T) { w.neverStarted(t, lines[len(cases)]) }) //nolint:paralleltest // as above
	t.Run("while gathering evidence", w.killedWhileGathering)                                                //nolint:paralleltest // as above
	t.Run("while a registration step is checked", w.killedWhileRegistering)                                  //nolint:paralleltest // as above
	w.requireSound(t)
}

func (w *world) killed(t *testing.T, c killing, on credit) {
	t.Helper()
	if c.loseAnswer {
		require.NoError(t, w.Sandbox.SetFaults(sandbox.Payout, sandbox.Faults{LostAnswerShare: 1, ForRequests: 1}))
		defer w.Sandbox.ClearFaults(sandbox.Payout)
	}
	doomed := w.worker(t, "--crash-at", c.crashAt)
	drawn := w.draw(t, on, "killed", on.part(60))
	doomed.requireKilled(t)

	left, err := w.Stack.Drawdowns.Drawdown(t.Context(), drawn.ID)
	require.NoError(t, err)
	require.Equal(t, c.left, left.State)
	payout, err := w.Stack.DB.Drawdowns().Payout(t.Context(), drawn.ID)
	require.NoError(t, err)
	require.Equal(t, c.calls, payout.Calls)
	entry, _ := w.rail(t, drawn.ID)
	require.Equal(t, c.railPaid, entry.Paid)
	w.requireUsed(t, on.ID, drawn.AmountFen)
	w.requireSound(t)

	w.finish(t, on, drawn)
}

// finish lets a healthy worker end a draw and looks at all books.
func (w *world) finish(t *testing.T, on credit, drawn apiclient.Drawdown) {
	t.Helper()
	healthy := w.worker(t)
	drawn = w.end(t, drawn.ID)
	w.requirePaidOnce(t, drawn)
	w.requireUsed(t, on.ID, drawn.AmountFen)
	w.requireWorkflowEnded(t, "drawdown/"+drawn.ID)
	w.requireSound(t)
	healthy.stop(t)
}

// requireWorkflowEnded waits until Temporal knows the end, too: what is
// settled in our books only would be taken up again for ever.
func (w *world) requireWorkflowEnded(t *testing.T, id string) {
	t.Helper()
	require.NoError(t, w.Stack.Temporal.GetWorkflow(within(t, patience), id, "").Get(within(t, patience), nil))
}

// neverStarted stores a draw as the web server does and dies before starting
// its workflow: the sweeper of the next worker starts it.
func (w *world) neverStarted(t *testing.T, on credit) {
	t.Helper()
	w.finish(t, on, apiclient.Drawdown{ID: w.orphan(t, on, on.part(60))})
}

// killedWhileGathering kills the worker while a slow source is being read; and
// with it goes an application whose workflow was never started. Both have
// their answers in time.
func (w *world) killedWhileGathering(t *testing.T) {
	first := w.worker(t)
	slow, orphan := w.cast.next(t, dossier.ArchetypeEstablished), w.cast.next(t, dossier.ArchetypeEstablished)
	slowID, orphanID := w.register(t, slow), w.register(t, orphan)
	require.NoError(t, w.Sandbox.SetFaults(sandbox.Bureau, sandbox.Faults{LatencyMS: 3_000}))
	defer w.Sandbox.ClearFaults(sandbox.Bureau)

	application := w.apply(t, slowID, slow)
	w.awaitEvent(t, application.ID, func(e underwriting.Event) bool { return e.Kind == "source_arrived" && e.Source != evidence.Bureau })
	first.kill()
	never, err := w.Stack.Underwriting.Submit(t.Context(), ident.NewID(), orphanID, w.cast.wanted[orphan.ID].Amount, "stock", underwriting.Origin{}, audit.System("e2e"))
	require.NoError(t, err)

	second := w.worker(t)
	for _, id := range []string{application.ID, never.ID} {
		answered := w.answer(t, id, settled)
		requireJudged(t, answered)
		require.Equal(t, 1, answered.Decision.Seq)
		require.LessOrEqual(t, answered.DecidedAt.Sub(answered.SubmittedAt), underwriting.Within)
		w.requireWorkflowEnded(t, "underwriting/"+id)
	}
	second.stop(t)
}

// killedWhileRegistering kills the worker while it asks about a licence: the
// merchant waits a little longer and need not hand it in again.
func (w *world) killedWhileRegistering(t *testing.T) {
	first := w.worker(t)
	m := w.cast.next(t, dossier.ArchetypeEstablished)
	id := w.prove(t, m)
	require.NoError(t, w.Sandbox.SetFaults(sandbox.Registry, sandbox.Faults{LatencyMS: 2_000}))
	defer w.Sandbox.ClearFaults(sandbox.Registry)
	asked, ctx := w.Sandbox.Requests(sandbox.Registry), within(t, patience)
	licence := steps(m)[0]
	handed := make(chan error, 1)
	go func() {
		_, err := w.client.PutStep(ctx, id, licence.path, "licence", licence.body)
		handed <- err
	}()
	for w.Sandbox.Requests(sandbox.Registry) == asked {
		require.NoError(t, ctx.Err(), "the registry was never asked")
		time.Sleep(10 * time.Millisecond)
	}
	first.kill()
	second := w.worker(t)
	require.NoError(t, <-handed)
	registered, err := w.client.Merchant(ctx, id)
	require.NoError(t, err)
	require.Equal(t, "legal_representative", registered.NextStep)
	second.stop(t)
}

// awaitEvent waits for one step of an application's progress.
func (w *world) awaitEvent(t *testing.T, id string, wanted func(underwriting.Event) bool) {
	t.Helper()
	_, err := apiclient.Await(within(t, patience), func(ctx context.Context) ([]underwriting.Event, error) {
		return w.Stack.Underwriting.Events(ctx, id, 0)
	}, func(events []underwriting.Event) bool {
		return slices.ContainsFunc(events, wanted)
	}, 20*time.Millisecond)
	require.NoError(t, err, "the event did not come")
}
