// Package demo takes a population through the whole life of a first loan over
// the HTTP API and checks every promise against the books: our own and, apart
// from them, the payout rail's.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"loan310/adapters/dossier"
	"loan310/app/apiclient"
	"loan310/app/fault"
	"loan310/app/merchant"
	"loan310/app/stack"
	"loan310/app/underwriting"
)

// Options say what is played.
type Options struct {
	Book        dossier.Book
	Concurrency int           // merchants under way at once
	Hostile     bool          // every provider failing or slow in turn
	Patience    time.Duration // how long deferrals and payouts may take to end once the faults are off
	Progress    io.Writer     // nil = none
	Now         func() time.Time
}

// Codes of merchants whose journey broke off.
const (
	CodeNoMessage fault.Code = "one_time_code_not_received"
	CodeBroken    fault.Code = "invariant_broken"
)

// Journey is what became of one merchant.
type Journey struct {
	Merchant    dossier.Merchant
	Wanted      dossier.Application
	ID          string // merchant id with us
	Registered  bool
	Application apiclient.Application
	Decision    apiclient.Decision
	First       time.Duration // from submission to the first answer
	Deferred    bool          // the first answer was a deferral
	Drawdown    apiclient.Drawdown
	Refused     string // why the registration was refused: a result, not an error
	Err         error
}

// Run plays everything and gives the journeys in the book's order.
func Run(ctx context.Context, dev *stack.Dev, options Options) (Result, error) {
	player := &player{dev: dev, options: options, client: apiclient.New(dev.Stack.URL(), stack.DemoAPIKey), began: dev.Stack.Reconciler.Today()}
	defer player.client.Close()
	journeys := player.journeys()
	if options.Hostile {
		if err := dev.Sandbox.UseProfile("hostile", 0); err != nil {
			return Result{}, fmt.Errorf("turn faults on: %w", err)
		}
	}
	started := options.Now()
	if err := player.each(ctx, journeys, "registered and decided", player.toAnswer); err != nil {
		return Result{}, err
	}
	if err := player.each(ctx, journeys, "accepted and drawn", player.toDraw); err != nil {
		return Result{}, err
	}
	breakers := player.breakers()
	if options.Hostile {
		if err := dev.Sandbox.UseProfile("none", 0); err != nil {
			return Result{}, fmt.Errorf("turn faults off: %w", err)
		}
	}
	if err := player.each(ctx, journeys, "settled", player.toEnd); err != nil {
		return Result{}, err
	}
	return player.audit(ctx, journeys, breakers, options.Now().Sub(started))
}

type player struct {
	dev     *stack.Dev
	options Options
	client  *apiclient.Client
	began   string // civil day
}

// journeys pairs each merchant with its latest application.
func (p *player) journeys() []*Journey {
	wanted := map[string]dossier.Application{}
	for _, application := range p.options.Book.Applications() {
		if had, ok := wanted[application.MerchantID]; !ok || application.AppliedAt.After(had.AppliedAt) {
			wanted[application.MerchantID] = application
		}
	}
	var out []*Journey
	for _, merchant := range p.options.Book.Merchants() {
		if application, ok := wanted[merchant.ID]; ok {
			out = append(out, &Journey{Merchant: merchant, Wanted: application})
		}
	}
	return out
}

// each runs one part of all journeys, a number of them at once, and shows how
// far it is.
func (p *player) each(ctx context.Context, journeys []*Journey, what string, part func(context.Context, *Journey) error) error {
	var done atomic.Int64
	stop := p.show(what, &done, len(journeys))
	defer stop()
	places := make(chan struct{}, max(p.options.Concurrency, 1))
	var group sync.WaitGroup
	for _, journey := range journeys {
		if ctx.Err() != nil {
			break
		}
		if journey.Err != nil || journey.Refused != "" {
			done.Add(1)
			continue
		}
		places <- struct{}{}
		group.Go(func() {
			defer func() { <-places; done.Add(1) }()
			journey.Err = part(ctx, journey)
		})
	}
	group.Wait()
	return ctx.Err()
}

func (p *player) show(what string, done *atomic.Int64, of int) func() {
	if p.options.Progress == nil {
		return func() {}
	}
	stop := make(chan struct{})
	var group sync.WaitGroup
	line := func() { fmt.Fprintf(p.options.Progress, "\r%-24s %5d / %d ", what, done.Load(), of) }
	group.Go(func() {
		ticker := time.NewTicker(500 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-stop:
				return
			case <-ticker.C:
				line()
			}
		}
	})
	return func() {
		close(stop)
		group.Wait()
		line()
		fmt.Fprintln(p.options.Progress)
	}
}

// toAnswer registers a merchant, applies, and waits for the first answer.
func (p *player) toAnswer(ctx context.Context, j *Journey) error {
	ctx, cancel := context.WithTimeout(ctx, p.options.Patience+5*time.Minute)
	defer cancel()
	if err := p.enrol(ctx, j); err != nil || j.Refused != "" {
		return err
	}
	wanted := min(max(j.Wanted.Amount, underwriting.MinWanted), underwriting.MaxWanted) // other times and currencies ask for other sums
	application, err := p.client.Apply(ctx, j.ID, "apply-"+j.ID, apiclient.Wish{
		AmountFen: int64(wanted), Purpose: purpose(j.Wanted), DeviceID: j.Wanted.DeviceID, IP: j.Wanted.IP,
	})
	if err != nil {
		return fmt.Errorf("apply: %w", err)
	}
	j.Application, err = apiclient.Await(ctx, func(ctx context.Context) (apiclient.Application, error) {
		return p.client.FollowApplication(ctx, application.ID)
	}, apiclient.Application.Decided, 100*time.Millisecond)
	if err != nil {
		return fmt.Errorf("await answer: %w", err)
	}
	j.First = j.Application.DecidedAt.Sub(j.Application.SubmittedAt)
	j.take(j.Application)
	j.Deferred = j.Decision.Outcome == "deferred" || j.Decision.Seq > 1
	return nil
}

func (j *Journey) take(application apiclient.Application) {
	j.Application = application
	if application.Decision != nil {
		j.Decision = *application.Decision
	}
}

func purpose(a dossier.Application) string {
	if a.Purpose == "" {
		return "stock"
	}
	return a.Purpose
}

// enrol registers a merchant; a licence or a person that the sources refuse
// is a result.
func (p *player) enrol(ctx context.Context, j *Journey) error {
	err := p.register(ctx, j)
	if problem, ok := errors.AsType[*apiclient.Problem](err); ok && problem.Status == http.StatusUnprocessableEntity {
		j.Refused = problem.Code
		return nil
	}
	if err != nil {
		if j.Refused = p.rejected(ctx, j.ID); j.Refused != "" {
			return nil
		}
		return fmt.Errorf("register: %w", err)
	}
	j.Registered = true
	return nil
}

// rejected gives why a source refused a step after it had been taken on, when
// one did.
func (p *player) rejected(ctx context.Context, merchantID string) string {
	if merchantID == "" {
		return ""
	}
	m, err := p.client.Merchant(ctx, merchantID)
	if err != nil {
		return ""
	}
	for _, step := range m.Steps {
		if step.State == string(merchant.StepRejected) {
			return step.Code
		}
	}
	return ""
}

// register goes through every step as a merchant would.
func (p *player) register(ctx context.Context, j *Journey) error {
	if err := p.prove(ctx, j); err != nil {
		return err
	}
	steps := []struct {
		path string
		body any
	}{
		{"licence", map[string]string{"licence_number": j.Merchant.LicenceNumber}},
		{"legal-representative", map[string]string{"name": j.Merchant.LegalRep, "identity_number": j.Merchant.IdentityNumber}},
		{"payout-account", map[string]string{"rail": "wallet", "account_number": j.Merchant.PayoutAccount}},
		{"consents", map[string]any{
			"version": merchant.ConsentVersion, "language": "zh-CN",
			"sources": []string{"marketplace", "logistics", "bank", "utility", "bureau", "registry"},
		}},
	}
	for _, step := range steps {
		if _, err := p.client.PutStep(ctx, j.ID, step.path, step.path+"-"+j.ID, step.body); err != nil {
			return fmt.Errorf("%s: %w", step.path, err)
		}
	}
	m, err := apiclient.Await(ctx, func(ctx context.Context) (apiclient.Merchant, error) {
		return p.client.Merchant(ctx, j.ID)
	}, func(m apiclient.Merchant) bool { return m.State == "active" || m.NextStep != "" }, 250*time.Millisecond)
	if err == nil && m.State != "active" {
		return fault.New(fault.Conflict, fault.CodeWrongState, "registration stopped at %s", m.NextStep)
	}
	return err
}

// prove asks for a code and reads it where it is sent; a message that does
// not come is asked for again.
func (p *player) prove(ctx context.Context, j *Journey) error {
	for range 6 {
		challenge, err := p.client.RequestCode(ctx, j.Merchant.Phone)
		if err != nil {
			if pause(ctx, time.Second) != nil {
				return err
			}
			continue
		}
		for _, message := range p.dev.Sandbox.Inbox(j.Merchant.Phone) {
			if message.Key != challenge {
				continue
			}
			if j.ID, err = p.client.ProveCode(ctx, challenge, message.Args["code"]); err == nil {
				return nil
			}
		}
		if pause(ctx, time.Second) != nil {
			break
		}
	}
	return fault.New(fault.Unavailable, CodeNoMessage, "no one-time code arrived")
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// toDraw accepts an approved offer and asks for three fifths of the limit.
func (p *player) toDraw(ctx context.Context, j *Journey) error {
	if j.Decision.Outcome != "approved" || j.Decision.Terms == nil || j.Drawdown.ID != "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	line, err := p.client.Accept(ctx, j.Application.ID, "accept-"+j.Application.ID, j.Decision.ContractHash)
	if err != nil {
		return fmt.Errorf("accept: %w", err)
	}
	amount := max(line.LimitFen*3/5/10_000*10_000, 10_000)
	terms := j.Decision.Terms
	j.Drawdown, err = p.client.Draw(ctx, line.ID, "draw-"+line.ID, amount, terms.TenorMonths[len(terms.TenorMonths)-1], terms.Repayment[0])
	if err != nil {
		return fmt.Errorf("draw: %w", err)
	}
	return nil
}

// toEnd waits until a deferral has its decision and a draw its end.
func (p *player) toEnd(ctx context.Context, j *Journey) error {
	ctx, cancel := context.WithTimeout(ctx, p.options.Patience)
	defer cancel()
	if j.Decision.Outcome == "deferred" {
		application, err := apiclient.Await(ctx, func(ctx context.Context) (apiclient.Application, error) {
			return p.client.FollowApplication(ctx, j.Application.ID)
		}, func(a apiclient.Application) bool { return a.State != "deferred" && a.State != "submitted" }, time.Second)
		if err == nil {
			j.take(application)
			if err := p.toDraw(ctx, j); err != nil {
				return err
			}
		}
	}
	if j.Drawdown.ID == "" {
		return nil
	}
	var err error
	j.Drawdown, err = apiclient.Await(ctx, func(ctx context.Context) (apiclient.Drawdown, error) {
		return p.client.FollowDrawdown(ctx, j.Drawdown.ID)
	}, apiclient.Drawdown.Final, time.Second)
	if err != nil {
		return fmt.Errorf("await payout: %w", err)
	}
	return nil
}

// Register takes every merchant of a book through its registration only and
// gives those that were let in.
func Register(ctx context.Context, dev *stack.Dev, book dossier.Book, concurrency int) ([]*Journey, error) {
	player := &player{dev: dev, options: Options{Book: book, Concurrency: concurrency, Patience: time.Minute}, client: apiclient.New(dev.Stack.URL(), stack.DemoAPIKey)}
	defer player.client.Close()
	journeys := player.journeys()
	if err := player.each(ctx, journeys, "registered", player.enrol); err != nil {
		return nil, err
	}
	for _, j := range journeys {
		if j.Err != nil {
			return nil, fmt.Errorf("%s: %w", masked(j), j.Err)
		}
	}
	return slices.DeleteFunc(journeys, func(j *Journey) bool { return j.Refused != "" }), nil
}
