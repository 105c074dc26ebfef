package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"

	"loan310/adapters/sandbox"
	"loan310/app/apiclient"
	"loan310/app/audit"
	"loan310/app/drawdown"
	"loan310/app/money"
	"loan310/app/security"
	"loan310/app/servicing"
	"loan310/app/servicing/loan"
	"loan310/app/stack"
)

// fewKilled is how many draws and repayments together the usual run of a
// storm has; LOAN310_KILL_CALLS asks for another number.
const fewKilled = 240

// storm is draws and repayments while the processes they need are killed.
type storm struct {
	*world
	calls     int
	seed      uint64
	processes map[string]*kept
	log       *journal
	lines     []credit
	done      chan struct{} // closed when all callers have their answers

	mu      sync.Mutex
	news    chan struct{} // closed, and made anew, when a call is answered
	came    int           // calls answered
	random  *rand.Rand
	drawn   map[string]apiclient.Drawdown // by key
	events  map[string][]string           // by loan: ids of the events answered, in order
	answers map[string]int                // refusals seen, by status and code
}

// TestKilledAtRandom kills web, worker, Temporal and the database at random
// while callers draw and repay against a rail that loses answers; each caller
// repeats its request with the same key until it is answered. Afterwards all
// books must agree and nothing may be stuck.
func TestKilledAtRandom(t *testing.T) {
	t.Parallel()
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		database := newCluster(t)
		s := newStorm(t, database.url())
		s.processes["database"] = &kept{
			command: database.command, ready: database.answers,
			signals: []syscall.Signal{syscall.SIGQUIT, syscall.SIGKILL}, // as pg_ctl stop -m immediate, and worse
		}
		s.run(t)
	})
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		s := newStorm(t, "sqlite://"+filepath.Join(t.TempDir(), "loan310.db"))
		s.run(t)
	})
}

// newStorm makes what is not killed: the rails, and the folder.
func newStorm(t *testing.T, database string) *storm {
	t.Helper()
	environments <- struct{}{}
	t.Cleanup(func() { <-environments })
	s := &storm{
		world: &world{Dev: &stack.Dev{}, dir: t.TempDir(), log: &journal{}, cast: newCast(population(60))}, calls: fewKilled, seed: uint64(time.Now().UnixNano()),
		processes: map[string]*kept{}, log: &journal{}, done: make(chan struct{}), news: make(chan struct{}),
		drawn: map[string]apiclient.Drawdown{}, events: map[string][]string{}, answers: map[string]int{},
	}
	for name, into := range map[string]func(uint64){
		"LOAN310_KILL_CALLS": func(n uint64) { s.calls = int(n) }, "LOAN310_KILL_SEED": func(n uint64) { s.seed = n },
	} {
		if text := os.Getenv(name); text != "" {
			n, err := strconv.ParseUint(text, 10, 64)
			require.NoError(t, err, name)
			into(n)
		}
	}
	t.Logf("LOAN310_KILL_CALLS=%d LOAN310_KILL_SEED=%d", s.calls, s.seed)
	s.random = rand.New(rand.NewPCG(s.seed, 310))
	logger := slog.New(slog.NewTextHandler(s.world.log, nil))
	var err error
	var providers stack.Providers
	s.Sandbox, providers, err = stack.StartSandbox(context.WithoutCancel(t.Context()), filepath.Join(s.dir, "sandbox"), "127.0.0.1", 0, population(60), logger)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Sandbox.Close() })
	keys, err := stack.GenerateKeys(true)
	require.NoError(t, err)
	s.Config = stack.Config{
		Database: database, Temporal: freeAddress(t), Namespace: stack.Namespace, Keys: keys, Providers: providers, Version: "e2e", Logger: logger,
		PayoutGrace: 2 * time.Second,
	}
	return s
}

// pause is a random time up to most.
func (s *storm) pause(most time.Duration) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Duration(s.random.Int64N(int64(most)))
}

// one draws a number below n.
func (s *storm) one(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.random.IntN(n)
}

// run is the storm, and the calm after it.
func (s *storm) run(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	s.start(t, ctx)
	t.Cleanup(func() {
		stop()
		for _, name := range []string{"worker", "web", "temporal", "database"} {
			if k := s.processes[name]; k != nil && k.done != nil {
				<-k.done
			}
		}
		if t.Failed() {
			t.Log("internal errors:\n" + s.log.having(": internal:", 10))
			t.Log("last words of the processes:\n" + s.log.tail(12_000))
		}
	})
	s.lines = append(s.lines, s.creditOver(t, drawdown.RailBank))
	for range min(16, 2+s.calls/100) {
		s.lines = append(s.lines, s.credit(t))
	}
	require.NoError(t, s.Sandbox.SetFaults(sandbox.Payout, sandbox.Faults{
		LostAnswerShare: 0.2, PendingShare: 0.1, PendingMS: 1_500, RefuseShare: 0.05, Error5xxShare: 0.05, Seed: s.seed,
	}))
	began := time.Now()
	killed := make(chan struct{})
	go func() { defer close(killed); s.rage(ctx) }()
	s.call(t)
	close(s.done)
	<-killed
	raged := time.Since(began)
	for name, k := range s.processes {
		require.NoError(t, k.awaitUp(within(t, patience)), name)
	}
	s.calm(t)
	t.Logf("%d calls in %s, books agreed after %s; refusals on the way: %v", s.calls, raged.Round(time.Second), time.Since(began).Round(time.Second), s.answers)
	for name, k := range s.processes {
		t.Logf("%s: killed %d times, %d starts in vain", name, k.kills, k.failed)
		require.Positive(t, k.kills, "%s was never killed", name)
	}
}

// start starts the processes that are to be killed.
func (s *storm) start(t *testing.T, ctx context.Context) { //nolint:revive // the test first, as everywhere here
	t.Helper()
	program := binary(t)
	keep := func(name string, k *kept) {
		k.name, k.log = name, s.log
		k.pause = func() time.Duration { return s.pause(time.Second) }
		s.processes[name] = k
		k.keep(ctx)
		require.NoError(t, k.awaitUp(within(t, patience)), "%s does not start\n%s", name, s.log.tail(4000))
	}
	if k := s.processes["database"]; k != nil {
		keep("database", k)
	}
	host, port, err := net.SplitHostPort(s.Config.Temporal)
	require.NoError(t, err)
	keep("temporal", &kept{says: "temporal ready ", command: func() *exec.Cmd {
		return s.process(temporalBinary(t), "--exit-with-parent", "--ip", host, "--port", port, "--ui-port", "0",
			"--namespace", stack.Namespace, "--db", filepath.Join(s.dir, "temporal.db"))
	}})
	db, err := stack.OpenDatabase(t.Context(), s.Config)
	require.NoError(t, err)
	people := stack.SecurityOf(db)
	_, err = people.AddStaff(t.Context(), stack.DemoOperator, "Operator", stack.DemoPassword, security.RoleOperator, true, audit.System("e2e"))
	require.NoError(t, err)
	_, err = people.AddAPIKey(t.Context(), stack.DemoPlatform, stack.DemoAPIKey, audit.System("e2e"))
	require.NoError(t, err)
	require.NoError(t, db.Close())
	join, listen := s.join(t), freeAddress(t)
	keep("web", &kept{says: "loan310 web ready", command: func() *exec.Cmd {
		return s.process(program, "serve", "--join", join, "--listen", listen)
	}})
	keep("worker", &kept{says: "loan310 worker ready", command: func() *exec.Cmd {
		return s.process(program, "worker", "--join", join, "--payout-grace", "2s", "--listen", "")
	}})
	s.client = apiclient.New("http://"+listen, stack.DemoAPIKey)
	t.Cleanup(s.client.Close)
}

func (s *storm) process(program string, args ...string) *exec.Cmd {
	command := exec.Command(program, args...) //nolint:noctx // our own program; killed by the test itself
	command.Env, command.Dir = cleanEnvironment(), s.dir
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return command
}

// rage kills in random order, each kind before any comes a second time, until
// all callers have their answers and every kind was killed.
func (s *storm) rage(ctx context.Context) {
	names := []string{"web", "worker", "temporal"}
	if s.processes["database"] != nil {
		names = append(names, "database")
	}
	for round := 0; ; round++ {
		for _, i := range rand.New(rand.NewPCG(s.seed, uint64(round))).Perm(len(names)) {
			select {
			case <-ctx.Done():
				return
			case <-s.after(1 + s.one(16)):
			}
			if round > 0 && s.over() {
				return
			}
			k := s.processes[names[i]]
			if k.awaitUp(ctx) != nil {
				return
			}
			k.kill()
			if s.one(4) == 0 { // two at once
				s.processes[names[(i+1)%len(names)]].kill()
			}
		}
	}
}

// over tells whether all callers have their answers.
func (s *storm) over() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// after gives a channel that is closed when so many more calls are answered,
// or none was for long: who kills by the clock lets a slow machine do nothing
// but start.
func (s *storm) after(calls int) <-chan struct{} {
	enough := make(chan struct{})
	go func() {
		defer close(enough)
		s.mu.Lock()
		until, news := s.came+calls, s.news
		s.mu.Unlock()
		for long := time.After(20 * time.Second); ; {
			select {
			case <-long:
				return
			case <-s.done:
				return
			case <-news:
			}
			s.mu.Lock()
			came := s.came
			news = s.news
			s.mu.Unlock()
			if came >= until {
				return
			}
		}
	}()
	return enough
}

// answered repeats a request until it is answered by anything but the storm.
func (s *storm) answered(ctx context.Context, do func() error) error {
	for {
		err := do()
		if err == nil {
			s.mu.Lock()
			s.came++
			close(s.news)
			s.news = make(chan struct{})
			s.mu.Unlock()
		}
		problem, refused := errors.AsType[*apiclient.Problem](err)
		if err == nil || ctx.Err() != nil {
			return err
		}
		s.mu.Lock()
		if refused {
			s.answers[fmt.Sprintf("%d %s", problem.Status, problem.Code)]++
		} else {
			s.answers["no answer"]++
		}
		s.mu.Unlock()
		if refused && problem.Status < http.StatusInternalServerError && problem.Status != http.StatusTooManyRequests && problem.Code != "idempotency_key_in_use" {
			return err
		}
		if refused && problem.Status == http.StatusInternalServerError {
			return fmt.Errorf("an outage is no internal error: %w", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(100*time.Millisecond + s.pause(200*time.Millisecond)):
		}
	}
}

// call makes all calls: draws, and for each draw that is paid a repayment.
func (s *storm) call(t *testing.T) {
	t.Helper()
	ctx := within(t, 10*time.Minute+time.Duration(s.calls)*2*time.Second)
	desk := s.desk(t, ctx)
	var group sync.WaitGroup
	next := make(chan int)
	problems := make(chan error, s.calls)
	for range 12 {
		group.Go(func() {
			for i := range next {
				if err := s.borrow(ctx, desk, i); err != nil {
					problems <- fmt.Errorf("call %d: %w", i, err)
				}
			}
		})
	}
	for i := range s.calls / 2 {
		next <- i
	}
	close(next)
	group.Wait()
	close(problems)
	for err := range problems {
		t.Error(err)
	}
	require.False(t, t.Failed())
}

// borrow draws once, and repays what was paid out in one of several ways.
func (s *storm) borrow(ctx context.Context, desk *teller, i int) error {
	on, client := s.lines[i%len(s.lines)], s.client.Once()
	key, amount := fmt.Sprintf("draw-%d", i), int64(100_00+100*s.one(200))
	var d apiclient.Drawdown
	if err := s.answered(ctx, func() (err error) {
		d, err = client.Draw(ctx, on.ID, key, amount, on.tenor, on.repayment)
		return err
	}); err != nil {
		return err
	}
	id := d.ID
	for !d.Final() {
		if err := s.answered(ctx, func() (err error) { d, err = client.FollowDrawdown(ctx, id); return err }); err != nil {
			return fmt.Errorf("follow %s: %w", id, err)
		}
	}
	s.mu.Lock()
	s.drawn[key] = d
	s.mu.Unlock()
	if d.State != "paid" {
		return nil
	}
	repaid := map[int]int64{0: d.AmountFen / 3, 1: d.AmountFen, 2: d.AmountFen + 100_00, 3: d.AmountFen / 2}[s.one(4)]
	event, err := desk.change(ctx, id, "repayments", fmt.Sprintf("repay-%d", i), map[string]any{"amount_fen": repaid, "rail": "wallet"})
	if err != nil {
		return err
	}
	s.happened(id, event)
	if s.one(6) > 0 {
		return nil
	}
	undone, err := desk.change(ctx, id, "reversals", fmt.Sprintf("reverse-%d", i), map[string]any{"event_id": event, "reason": "bounced"})
	if err != nil {
		return err
	}
	s.happened(id, undone)
	return nil
}

func (s *storm) happened(id, event string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events[id] = append(s.events[id], event)
}

// teller is a person of ours at the staff API who repeats what is not
// answered.
type teller struct {
	storm *storm
	base  string
	http  *http.Client
}

// desk signs an operator in.
func (s *storm) desk(t *testing.T, ctx context.Context) *teller { //nolint:revive // the test first, as everywhere here
	t.Helper()
	jar, _ := cookiejar.New(nil)
	d := &teller{storm: s, base: s.client.Base(), http: &http.Client{Jar: jar, Timeout: 60 * time.Second}}
	require.NoError(t, s.answered(ctx, func() error {
		return d.once(ctx, "/api/auth/staff-sessions", "desk", map[string]string{"login": stack.DemoOperator, "password": stack.DemoPassword}, nil)
	}))
	return d
}

// change posts a change of a loan until it is answered, and gives the id of
// the event that it became.
func (d *teller) change(ctx context.Context, loanID, what, key string, in any) (string, error) {
	var out struct {
		Event struct{ ID string }
	}
	err := d.storm.answered(ctx, func() error { return d.once(ctx, "/api/loans/"+loanID+"/"+what, key, in, &out) })
	if err != nil {
		return "", fmt.Errorf("%s of %s: %w", what, loanID, err)
	}
	return out.Event.ID, nil
}

// once posts once.
func (d *teller) once(ctx context.Context, path, key string, in, out any) error {
	text, err := json.Marshal(in)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, d.base+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", key)
	response, err := d.http.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= http.StatusBadRequest {
		problem := &apiclient.Problem{Status: response.StatusCode}
		_ = json.Unmarshal(answer, problem)
		return problem
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}

// calm holds all books against each other.
func (s *storm) calm(t *testing.T) {
	t.Helper()
	require.Len(t, s.drawn, s.calls/2)
	s.Sandbox.ClearFaults(sandbox.Payout) // the statement comes from there, too
	looking := s.Config
	looking.Web, looking.Worker = false, false
	var err error
	s.Stack, err = stack.New(t.Context(), looking)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Stack.Stop() })

	s.requireSound(t)
	s.requireRailAgrees(t)
	s.requireReconciled(t)
	s.requireLoans(t)
	s.requireNothingStuck(t)
}

// requireRailAgrees holds both rails' books against the draws, both ways.
func (s *storm) requireRailAgrees(t *testing.T) {
	t.Helper()
	book, err := s.Sandbox.RailBook()
	require.NoError(t, err)
	paid := map[string]money.Amount{}
	for _, entry := range book {
		require.LessOrEqual(t, entry.Paid, 1, "%s was paid %d times", entry.OutBizNo, entry.Paid)
		require.Zero(t, entry.Conflicts, entry.OutBizNo)
		if entry.Paid == 1 {
			paid[entry.OutBizNo] = entry.Amount
		}
	}
	for _, entry := range s.Sandbox.BankBook() {
		require.LessOrEqual(t, entry.Paid, 1, "%s was paid %d times", entry.EndToEndID, entry.Paid)
		if entry.Paid == 1 {
			paid[entry.EndToEndID] = entry.Amount
		}
	}
	ours, ends := map[string]money.Amount{}, map[string]int{}
	for _, d := range s.drawn {
		ends[d.State+d.FailureCode]++
		if d.State == "paid" {
			ours[drawdown.PayoutKey(d.ID)] = money.Amount(d.AmountFen)
		}
	}
	t.Logf("draws: %v", ends)
	require.Equal(t, paid, ours)
	require.NotEmpty(t, book)
	require.NotEmpty(t, s.Sandbox.BankBook())
}

// requireReconciled reads the rails' statements: nothing lost, nothing paid
// twice, no break.
func (s *storm) requireReconciled(t *testing.T) {
	t.Helper()
	s.reconciled(t) // the bank's statement takes a moment
	for _, rail := range s.Stack.Reconciler.Rails() {
		run, err := s.Stack.Reconciler.Run(t.Context(), rail, s.Stack.Reconciler.Today())
		require.NoError(t, err)
		require.Zero(t, run.Lost, rail)
		require.Zero(t, run.DoublePaid, rail)
		require.Zero(t, run.Breaks, rail)
	}
	breaks, err := s.Stack.Reconciler.Breaks(t.Context(), false, 10)
	require.NoError(t, err)
	require.Empty(t, breaks)
}

// requireLoans holds each loan's events against what its caller was told, and
// each line against the loans on it.
func (s *storm) requireLoans(t *testing.T) {
	t.Helper()
	used, count := map[string]money.Amount{}, 0
	for _, d := range s.drawn {
		if d.State != "paid" {
			continue
		}
		view, err := s.Stack.Servicing.View(t.Context(), d.ID)
		require.NoError(t, err)
		var events []string
		for i := range view.Events {
			events = append(events, view.Events[i].ID)
		}
		require.Equal(t, s.events[d.ID], events, "loan %s", d.ID)
		count += len(events)
		require.Equal(t, view.Position.Outstanding.Principal, view.Loan.Outstanding)
		require.Equal(t, loan.Normal, view.Position.Class)
		// A repayment that was reversed takes as much from its line as there is room for.
		require.GreaterOrEqual(t, view.Loan.Released, servicing.Headroom(&view.Loan))
		used[d.LineID] += money.Amount(d.AmountFen) - view.Loan.Released
	}
	for _, on := range s.lines {
		s.requireUsed(t, on.ID, int64(used[on.ID]))
	}
	t.Logf("loans: %d, their events: %d", len(s.events), count)
}

// requireNothingStuck looks for what waits for ever.
func (s *storm) requireNothingStuck(t *testing.T) {
	t.Helper()
	unsettled, err := s.Stack.Drawdowns.Unsettled(t.Context(), time.Now().Add(time.Hour), 10)
	require.NoError(t, err)
	require.Empty(t, unsettled)
	for _, state := range []drawdown.PayoutState{drawdown.PayoutRequested, drawdown.PayoutSent, drawdown.PayoutUnknown} {
		open, _, err := s.Stack.Drawdowns.Payouts(t.Context(), drawdown.PayoutFilter{State: state}, drawdown.Page{})
		require.NoError(t, err)
		require.Empty(t, open)
	}
	cases, err := s.Stack.Drawdowns.Cases(t.Context(), 10)
	require.NoError(t, err)
	require.Empty(t, cases)
	var left []string
	require.Eventually(t, func() bool {
		listed, err := s.Stack.Temporal.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{
			Namespace: stack.Namespace, Query: "ExecutionStatus = 'Running'",
		})
		if err != nil {
			return false
		}
		left = nil
		for _, execution := range listed.GetExecutions() {
			left = append(left, execution.GetExecution().GetWorkflowId())
		}
		return len(left) == 0
	}, patience, 250*time.Millisecond, "workflows still run: %s", &listOf{&left})
}

// listOf shows a list as it is when it is shown.
type listOf struct{ of *[]string }

// String gives the list.
func (l *listOf) String() string { return strings.Join(*l.of, ", ") }
