// Package bench measures whole loans beside empty workflows on the same
// Temporal server in the same run, so that a figure says what the product
// costs and not what the machine is.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"loan310/adapters/dossier"
	"loan310/adapters/sandbox"
	"loan310/app/apiclient"
	"loan310/app/demo"
	"loan310/app/stack"
)

// Options say how much is measured.
type Options struct {
	Book      *dossier.Held
	BigOrders int // orders of the first merchant, when it has many; 0 = it has not
	Workflows int // empty workflows of the floor
	Draws     int
	Clients   int // callers at once
	Rounds    int // of loans and draws, a floor before each and after the last; 0 = 1
	Progress  io.Writer
	Now       func() time.Time
	// Loans is called when the first loans of the first round begin and what it
	// gives when they have ended, to profile them alone; nil = nobody is.
	Loans func() (ended func())
}

// Rate is a measured throughput.
type Rate struct {
	Done   int
	Took   time.Duration
	Failed int
	// Ours and Temporal are the processor time of this process (sandbox included) and of the
	// Temporal server; without it, a throughput on a busy machine says little.
	Ours, Temporal time.Duration
}

// PerSecond gives the throughput.
func (r Rate) PerSecond() float64 { return float64(r.Done) / r.Took.Seconds() }

// Latency compares decisions with the slowest provider they wait for.
type Latency struct {
	Provider time.Duration // latency given to every call of one provider with one call
	Decision time.Duration // median from submission to decision
}

// Result is what was measured.
type Result struct {
	Floors    []Rate // empty workflows, before each round and after the last
	Loans     []Rate // first loans of each round, application to paid
	Draws     []Rate // of each round, acceptance to paid
	Latencies []Latency
	Big       Big
	Memory    []Memory
}

// Big is the decision on a merchant with many orders.
type Big struct {
	Orders   int
	Decision time.Duration // from submission
	Heap     int64         // most heap held above that before, in bytes, without garbage; sandbox included
}

// Run measures on a running environment whose book nobody has used yet. What
// is timed takes turns with the floor, since machines have moods.
func Run(ctx context.Context, dev *stack.Dev, options Options) (Result, error) {
	b := &bench{dev: dev, options: options, client: apiclient.New(dev.Stack.URL(), stack.DemoAPIKey)}
	defer b.client.Close()
	b.options.Rounds = max(options.Rounds, 1)
	var result Result
	b.remember(&result, "idle")
	b.say("registering %d merchants", len(options.Book.Merchants()))
	journeys, err := demo.Register(ctx, dev, options.Book, options.Clients)
	if err != nil {
		return Result{}, err
	}
	if b.options.BigOrders > 0 {
		if result.Big, err = b.big(ctx, journeys[0]); err != nil {
			return Result{}, err
		}
		journeys = journeys[1:]
	}
	borrowers, others, err := b.qualified(journeys)
	if err != nil {
		return Result{}, err
	}
	if result.Latencies, err = b.latencies(ctx, others); err != nil {
		return Result{}, err
	}
	for round := range b.options.Rounds {
		from, to := round*len(borrowers)/b.options.Rounds, (round+1)*len(borrowers)/b.options.Rounds
		if err := b.round(ctx, &result, round, borrowers[from:to]); err != nil {
			return Result{}, err
		}
	}
	last, err := b.floor(ctx)
	result.Floors = append(result.Floors, last)
	return result, err
}

// round times the floor, first loans, and draws on their lines.
func (b *bench) round(ctx context.Context, result *Result, round int, borrowers []*demo.Journey) error {
	floor, err := b.floor(ctx)
	if err != nil {
		return err
	}
	lines, loans, err := b.loans(ctx, borrowers)
	b.options.Book.Release()
	if err != nil {
		return err
	}
	b.remember(result, fmt.Sprintf("after first loans, round %d", round+1))
	draws, err := b.draws(ctx, lines, round)
	if err != nil {
		return err
	}
	b.remember(result, fmt.Sprintf("after draws, round %d", round+1))
	result.Floors, result.Loans, result.Draws = append(result.Floors, floor), append(result.Loans, loans), append(result.Draws, draws)
	return nil
}

type bench struct {
	dev     *stack.Dev
	options Options
	client  *apiclient.Client
}

func (b *bench) say(format string, args ...any) {
	if b.options.Progress != nil {
		fmt.Fprintf(b.options.Progress, "bench: "+format+"\n", args...)
	}
}

// emptyName is the workflow of the floor: it does nothing.
const emptyName = "BenchEmpty"

func empty(workflow.Context) error { return nil }

// floor runs empty workflows as the product starts its own: eagerly, payloads
// encrypted, the caller waiting for the end.
func (b *bench) floor(ctx context.Context) (Rate, error) {
	const queue = "loan310-bench"
	w := worker.New(b.dev.Stack.Temporal, queue, worker.Options{})
	w.RegisterWorkflowWithOptions(empty, workflow.RegisterOptions{Name: emptyName})
	if err := w.Start(); err != nil {
		return Rate{}, fmt.Errorf("start the floor's worker: %w", err)
	}
	defer w.Stop()
	tasks := b.options.Workflows / (b.options.Rounds + 1)
	b.say("floor: %d empty workflows, %d callers", tasks, b.options.Clients)
	return b.rate(ctx, tasks, func(ctx context.Context, _ int) error {
		run, err := b.dev.Stack.Temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{TaskQueue: queue, EnableEagerStart: true}, emptyName)
		if err != nil {
			return err
		}
		return run.Get(ctx, nil)
	})
}

// rate runs a number of tasks from a number of callers and times them all.
func (b *bench) rate(ctx context.Context, tasks int, task func(ctx context.Context, i int) error) (Rate, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	var next, done, failed atomic.Int64
	var first sync.Once
	var cause error
	started, ours, temporal := b.options.Now(), used(os.Getpid()), used(b.dev.Temporal.PID())
	var group sync.WaitGroup
	for range b.options.Clients {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < tasks && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				if err := task(ctx, i); err != nil {
					failed.Add(1)
					first.Do(func() { cause = err })
					continue
				}
				done.Add(1)
			}
		})
	}
	group.Wait()
	rate := Rate{Done: int(done.Load()), Took: b.options.Now().Sub(started), Failed: int(failed.Load())}
	rate.Ours, rate.Temporal = used(os.Getpid())-ours, used(b.dev.Temporal.PID())-temporal
	if rate.Done == 0 {
		return rate, errors.Join(errors.New("nothing succeeded"), cause, ctx.Err())
	}
	return rate, nil
}

// line is a credit line that draws can be made on.
type line struct {
	id        string
	tenor     int
	repayment string
	free      int64 // fen
}

// loans takes registered merchants from application to paid.
func (b *bench) loans(ctx context.Context, journeys []*demo.Journey) ([]line, Rate, error) {
	for _, j := range journeys { // what the providers know is not made up while they are timed
		if err := b.options.Book.Hold(j.Merchant.ID); err != nil {
			return nil, Rate{}, err
		}
	}
	b.say("first loans: %d applications", len(journeys))
	var mu sync.Mutex
	var lines []line
	var declined atomic.Int64
	ended := func() {}
	if b.options.Loans != nil {
		ended = b.options.Loans()
		b.options.Loans = nil
	}
	rate, err := b.rate(ctx, len(journeys), func(ctx context.Context, i int) error {
		application, err := b.decide(ctx, journeys[i])
		if err != nil {
			return err
		}
		if application.State != "approved" {
			declined.Add(1)
			return nil
		}
		made, err := b.firstDraw(ctx, application)
		if err != nil {
			return err
		}
		mu.Lock()
		lines = append(lines, made)
		mu.Unlock()
		return nil
	})
	ended()
	if n := declined.Load(); n > 0 {
		b.say("first loans: %d of %d declined after all; their time counts, they do not", n, len(journeys))
		rate.Done -= int(n) // a decline is no loan
	}
	return lines, rate, err
}

func (b *bench) decide(ctx context.Context, j *demo.Journey) (apiclient.Application, error) {
	application, err := b.client.Apply(ctx, j.ID, "bench-"+j.ID, apiclient.Wish{AmountFen: int64(j.Wanted.Amount), Purpose: "stock"})
	if err != nil {
		return application, err
	}
	return apiclient.Await(ctx, func(ctx context.Context) (apiclient.Application, error) {
		return b.client.FollowApplication(ctx, application.ID)
	}, apiclient.Application.Decided, 100*time.Millisecond)
}

func (b *bench) firstDraw(ctx context.Context, application apiclient.Application) (line, error) {
	accepted, err := b.client.Accept(ctx, application.ID, "accept-"+application.ID, application.Decision.ContractHash)
	if err != nil {
		return line{}, err
	}
	terms := application.Decision.Terms
	made := line{id: accepted.ID, tenor: terms.TenorMonths[0], repayment: terms.Repayment[0], free: accepted.LimitFen - smallest}
	return made, b.draw(ctx, made, "first-"+accepted.ID)
}

// smallest is the smallest draw, in fen.
const smallest = 10_000

func (b *bench) draw(ctx context.Context, on line, key string) error {
	drawn, err := b.client.Draw(ctx, on.id, key, smallest, on.tenor, on.repayment)
	if err != nil {
		return err
	}
	ended, err := apiclient.Await(ctx, func(ctx context.Context) (apiclient.Drawdown, error) {
		return b.client.FollowDrawdown(ctx, drawn.ID)
	}, apiclient.Drawdown.Final, 100*time.Millisecond)
	if err == nil && ended.State != "paid" {
		err = fmt.Errorf("draw %s: %s", ended.State, ended.FailureCode)
	}
	return err
}

// draws makes a round's small draws over its lines in turn.
func (b *bench) draws(ctx context.Context, lines []line, round int) (Rate, error) {
	var plan []line
	most := b.options.Draws / b.options.Rounds
	for len(plan) < most {
		before := len(plan)
		for i := range lines {
			if lines[i].free >= smallest && len(plan) < most {
				lines[i].free -= smallest
				plan = append(plan, lines[i])
			}
		}
		if len(plan) == before {
			break
		}
	}
	b.say("draws: %d on %d lines", len(plan), len(lines))
	return b.rate(ctx, len(plan), func(ctx context.Context, i int) error {
		return b.draw(ctx, plan[i], fmt.Sprintf("bench-%d-%d", round, i))
	})
}

// latencySample is how many decisions are timed for each latency, at most.
const latencySample = 20

// latencies decides one application at a time while one provider that takes
// one call is given a latency.
func (b *bench) latencies(ctx context.Context, journeys []*demo.Journey) ([]Latency, error) {
	given := []time.Duration{0, 250 * time.Millisecond, time.Second}
	journeys = journeys[:min(len(journeys), len(given)*latencySample)]
	var out []Latency
	for i, latency := range given {
		b.say("decision latency with a provider of %s", latency)
		if err := b.dev.Sandbox.SetFaults(sandbox.Bureau, sandbox.Faults{LatencyMS: int(latency.Milliseconds())}); err != nil {
			return nil, err
		}
		var took []time.Duration
		for _, j := range journeys[i*len(journeys)/len(given) : (i+1)*len(journeys)/len(given)] {
			application, err := b.decide(ctx, j)
			if err != nil {
				return nil, err
			}
			took = append(took, application.DecidedAt.Sub(application.SubmittedAt))
		}
		out = append(out, Latency{Provider: latency, Decision: median(took)})
	}
	b.dev.Sandbox.ClearFaults(sandbox.Bureau)
	return out, nil
}
