package demo

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"loan310/adapters/breaker"
	"loan310/app/ident"
	"loan310/app/reconciliation"
	"loan310/app/underwriting"
	"loan310/scoring"
)

// Result is what a run came to. Lost and DoublePaid are what the
// reconciliation of both rails' statements says.
type Result struct {
	Journeys   []*Journey
	Registered int
	Decided    int // answered: approved, declined or deferred
	Approved   int
	Declined   int
	Deferred   int // first answered by a deferral
	Waiting    int // still deferred at the end
	Paid       int
	Failed     int // draws the rail refused
	Lost       int // money on one side of the books only, or a draw without an end
	DoublePaid int
	Replayed   int // decisions decided again with the same result
	P50, P99   time.Duration
	Slowest    time.Duration
	Breakers   []breaker.Status
	Took       time.Duration
	Broken     []string // invariants that do not hold
}

// breakers gives the state of every provider's guard.
func (p *player) breakers() []breaker.Status { return p.dev.Stack.Board.Statuses() }

// audit counts and checks.
func (p *player) audit(ctx context.Context, journeys []*Journey, breakers []breaker.Status, took time.Duration) (Result, error) {
	result := Result{Journeys: journeys, Breakers: breakers, Took: took}
	result.count()
	if err := p.auditMoney(ctx, &result); err != nil {
		return Result{}, err
	}
	return result, p.auditDecisions(ctx, &result)
}

// count sums the journeys up.
func (r *Result) count() {
	var latencies []time.Duration
	for _, j := range r.Journeys {
		if j.Err != nil {
			r.broken("%s: %v", masked(j), j.Err)
		}
		if j.Registered {
			r.Registered++
		}
		if !j.Application.Decided() {
			continue
		}
		r.Decided++
		latencies = append(latencies, j.First)
		if j.First > underwriting.Within {
			r.broken("%s: answered after %s", masked(j), j.First)
		}
		if j.Deferred {
			r.Deferred++
		}
		switch j.Decision.Outcome {
		case "approved":
			r.Approved++
		case "declined":
			r.Declined++
		default:
			r.Waiting++
		}
		switch j.Drawdown.State {
		case "paid":
			r.Paid++
		case "failed":
			r.Failed++
		}
	}
	if len(latencies) > 0 {
		slices.Sort(latencies)
		r.P50, r.P99 = rank(latencies, 50), rank(latencies, 99)
		r.Slowest = latencies[len(latencies)-1]
	}
}

// rank gives the nearest-rank percentile of sorted values.
func rank(sorted []time.Duration, percent int) time.Duration {
	return sorted[(len(sorted)*percent+99)/100-1]
}

func (r *Result) broken(format string, args ...any) {
	r.Broken = append(r.Broken, fmt.Sprintf(format, args...))
}

// auditMoney verifies the ledger and reconciles both rails.
func (p *player) auditMoney(ctx context.Context, r *Result) error {
	report, err := p.dev.Stack.DB.Ledger().Verify(ctx)
	if err != nil {
		return fmt.Errorf("verify ledger: %w", err)
	}
	for _, wrong := range report.Faults {
		r.broken("ledger: %v", wrong)
	}
	days := []string{p.began}
	if today := p.dev.Stack.Reconciler.Today(); today != p.began { // midnight came
		days = append(days, today)
	}
	for _, day := range days {
		for _, rail := range p.dev.Stack.Reconciler.Rails() {
			if err := p.reconcile(ctx, r, rail, day); err != nil {
				return err
			}
		}
	}
	return nil
}

// reconcile takes lost and double paid from the reconciliation of a rail's
// day. A bank writes its statement a moment after it booked, so that a
// difference is looked at again for a while.
func (p *player) reconcile(ctx context.Context, r *Result, rail, day string) error {
	var run reconciliation.Run
	var err error
	for range 20 {
		run, err = p.dev.Stack.Reconciler.Run(ctx, rail, day)
		if err == nil && run.Breaks == 0 {
			return nil
		}
		if pause(ctx, 500*time.Millisecond) != nil {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("reconcile rail %s on %s: %w", rail, day, err)
	}
	r.Lost += run.Lost
	r.DoublePaid += run.DoublePaid
	if run.Breaks > 0 {
		r.broken("rail %s on %s: %d breaks, lost=%d double_paid=%d", rail, day, run.Breaks, run.Lost, run.DoublePaid)
	}
	return nil
}

// auditDecisions replays every decision of the run.
func (p *player) auditDecisions(ctx context.Context, r *Result) error {
	for _, j := range r.Journeys {
		if !j.Application.Decided() {
			continue
		}
		decisions, err := p.dev.Stack.Underwriting.DecisionsOf(ctx, j.Application.ID)
		if err != nil {
			return fmt.Errorf("read decisions: %w", err)
		}
		for _, decision := range decisions {
			if decision.Verdict.Reasons != nil && decision.Verdict.Reasons[0].Code == scoring.ReasonUnjudged {
				continue
			}
			replay, err := p.dev.Stack.Underwriting.Replay(ctx, decision.ID)
			if err != nil {
				return fmt.Errorf("replay %s: %w", decision.ID, err)
			}
			if !replay.Same {
				r.broken("decision %s does not replay", decision.ID)
				continue
			}
			r.Replayed++
		}
	}
	return nil
}

func masked(j *Journey) string {
	return ident.Mask(j.Merchant.Name, 2, 2)
}

// Table prints one row a merchant.
func (r *Result) Table(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "merchant\tkind\tverdict\tlimit\tIRR\tpaid out\tanswer ms\tmain reasons")
	for _, j := range r.Journeys {
		verdict, limit, price, paid := j.Decision.Outcome, "", "", ""
		if j.Deferred && verdict != "deferred" {
			verdict += " (was deferred)"
		}
		if terms := j.Decision.Terms; terms != nil {
			limit = fmt.Sprintf("%d.%02d", terms.LimitFen/100, terms.LimitFen%100)
			price = fmt.Sprintf("%d.%02d%%", terms.IRRBps/100, terms.IRRBps%100)
		}
		if j.Drawdown.ID != "" {
			paid = fmt.Sprintf("%d.%02d %s", j.Drawdown.AmountFen/100, j.Drawdown.AmountFen%100, j.Drawdown.State)
		}
		var reasons []string
		for _, reason := range j.Decision.Reasons[:min(3, len(j.Decision.Reasons))] {
			reasons = append(reasons, reason.Code)
		}
		if j.Refused != "" {
			verdict, reasons = "not registered", []string{j.Refused}
		}
		if j.Err != nil {
			reasons = append(reasons, "stopped: "+j.Err.Error())
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", masked(j), j.Merchant.Archetype, verdict, limit, price, paid, j.First.Milliseconds(), strings.Join(reasons, ", "))
	}
	return table.Flush()
}

// Line is the closing line.
func (r *Result) Line() string {
	return fmt.Sprintf("registered=%d decided=%d approved=%d declined=%d deferred=%d paid=%d lost=%d double_paid=%d decision_p50_ms=%d decision_p99_ms=%d",
		r.Registered, r.Decided, r.Approved, r.Declined, r.Deferred, r.Paid, r.Lost, r.DoublePaid, r.P50.Milliseconds(), r.P99.Milliseconds())
}
