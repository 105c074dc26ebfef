package stack

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.temporal.io/sdk/client"
	temporallog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"

	"loan310/adapters/breaker"
	"loan310/adapters/httpx"
	"loan310/adapters/store"
	"loan310/app/clock"
	"loan310/app/drawdown"
	"loan310/app/fault"
	"loan310/app/ident"
	"loan310/app/merchant"
	"loan310/app/portfolio"
	"loan310/app/reconciliation"
	"loan310/app/security"
	"loan310/app/servicing"
	"loan310/app/servicing/collection"
	"loan310/app/underwriting"
	"loan310/scoring"
	"loan310/web"
	"loan310/workflows"
)

// Stack is one process of the product: use cases over their adapters, with
// web, worker or both.
type Stack struct {
	DB           *store.DB
	Board        *breaker.Board
	Merchants    *merchant.Service
	Underwriting *underwriting.Service
	Drawdowns    *drawdown.Service
	Security     *security.Service
	Reconciler   *reconciliation.Service
	Servicing    *servicing.Service
	Collections  *collection.Service
	Chain        *workflows.Client
	Temporal     client.Client

	config  Config
	bodyKey []byte // of what binds idempotency keys to bodies
	boards  *publisher
	costs   *metering
	prices  portfolio.Prices
	outside *outside
	handler http.Handler
	server  *http.Server
	worker  worker.Worker
	address string
	stop    context.CancelFunc
	running sync.WaitGroup
	failed  chan error
}

// New makes a stack. It opens the database and connects to Temporal, but
// serves nothing before Start.
func New(ctx context.Context, config Config) (*Stack, error) {
	if err := config.Check(); err != nil {
		return nil, err
	}
	s := &Stack{config: config, Board: breaker.NewBoard(clock.System, config.Logger), failed: make(chan error, 2)}
	if err := s.build(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Stack) build(ctx context.Context) error {
	if err := s.openStore(ctx); err != nil {
		return err
	}
	if err := s.dialTemporal(ctx); err != nil {
		return err
	}
	pepper, err := s.config.Keys.pepper()
	if err != nil {
		return err
	}
	if s.bodyKey, err = hkdf.Key(sha256.New, pepper, nil, "loan310 idempotency bodies", 32); err != nil {
		return fmt.Errorf("derive the key of bodies: %w", err)
	}
	if s.prices, err = portfolio.ExamplePrices(); err != nil {
		return fmt.Errorf("read the price list: %w", err)
	}
	s.costs = newMetering(s.DB, s.config.Logger)
	s.Board.Metered(s.costs.meter)
	if s.outside, err = connect(s.config.Providers, s.Board, clock.System, pepper, s.config.Logger); err != nil {
		return fmt.Errorf("connect providers: %w", err)
	}
	if err := s.makeUseCases(ctx, pepper); err != nil {
		return err
	}
	s.boards = s.newPublisher()
	return s.refuseDemo(ctx)
}

func (s *Stack) openStore(ctx context.Context) error {
	keys, err := store.ParseKeys(s.config.Keys.Store)
	if err != nil {
		return fmt.Errorf("read data keys: %w", err)
	}
	s.DB, err = store.Open(ctx, store.Config{DSN: s.config.Database, Keys: keys, Clock: clock.System, Logger: s.config.Logger, Products: s.config.Products})
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	if err := s.DB.Migrate(ctx); err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	return nil
}

func (s *Stack) dialTemporal(ctx context.Context) error {
	cipher, err := payloadCipher(s.config.Keys.Payload)
	if err != nil {
		return err
	}
	data, failure := workflows.Converters(cipher)
	options := client.Options{
		HostPort: s.config.Temporal, Namespace: s.config.Namespace, DataConverter: data, FailureConverter: failure,
		Logger: temporallog.NewStructuredLogger(s.config.Logger),
		// What is sent is mostly encrypted: compressing it costs and gains nothing.
		ConnectionOptions: client.ConnectionOptions{GrpcCompression: &client.GrpcCompressionNone{}},
	}
	if err := s.config.TemporalAccess.apply(&options); err != nil {
		return err
	}
	s.Temporal, err = client.DialContext(ctx, options)
	if err != nil {
		return fault.New(fault.Unavailable, workflows.CodeChainDown, "no Temporal server answers at %s", s.config.Temporal).Wrap(err)
	}
	s.Chain = workflows.NewClient(s.Temporal)
	return nil
}

func (s *Stack) makeUseCases(ctx context.Context, pepper []byte) error {
	strategy := scoring.Default()
	engine, err := scoring.Load(strategy)
	if err != nil {
		return fmt.Errorf("load strategy: %w", err)
	}
	s.Merchants = merchant.NewService(merchant.Deps{
		Store: s.DB.Merchants(), Registry: s.outside.registry, Identity: s.outside.identity, Notifier: s.outside.notifier,
		Now: clock.System, NewID: ident.NewID,
	})
	s.Security = security.NewService(security.Deps{
		Store: s.DB.Security(), Sender: codes{s.outside.notifier}, Now: clock.System, NewID: ident.NewID, Pepper: pepper,
	})
	s.Underwriting = underwriting.NewService(underwriting.Deps{
		Store: s.DB.Underwriting(), Evidence: s.DB.Evidence(), Progress: s.DB.Progress(), Relations: s.DB.Relations(), Feeds: s.outside.feeds, Spots: s.outside.spots,
		Groups: s.DB.Groups(), GroupRules: engine.Strategy().Relations,
		Engine: engine, Strategy: strategy, Now: clock.System, NewID: ident.NewID, Logger: s.config.Logger,
		LoadEngine: func(text []byte) (underwriting.Engine, error) { return scoring.Load(text) },
		Budgets:    underwriting.Budgets{Default: s.config.SourceBudget},
		DecodeRow:  httpx.RowDecoder(), EncodeRow: httpx.RowEncoder(),
	})
	s.Drawdowns = s.makeDrawdowns()
	s.Servicing = servicing.NewService(servicing.Deps{Store: s.DB.Servicing(), Now: clock.System, Logger: s.config.Logger, Products: s.DB.Products()})
	if s.Collections, err = s.makeCollections(); err != nil {
		return err
	}
	s.Reconciler = s.makeReconciler()
	return s.Underwriting.Start(ctx)
}

// codes sends one-time codes as messages.
type codes struct{ notifier merchant.Notifier }

func (c codes) SendCode(ctx context.Context, phone, code, language, key string) error {
	return c.notifier.Send(ctx, merchant.Message{
		Phone: phone, Template: "one_time_code", Language: language, Args: map[string]string{"code": code}, Key: key,
	})
}

// refuseDemo keeps demo logins out of production.
func (s *Stack) refuseDemo(ctx context.Context) error {
	if !s.config.Production {
		return nil
	}
	demo, err := s.Security.HasDemo(ctx)
	if err != nil {
		return err
	}
	if demo {
		return fault.New(fault.Invalid, CodeUnsafe, "will not start: the database holds demo logins; use a database that `loan310 dev` never touched")
	}
	return nil
}

// Start serves what the configuration asks for.
func (s *Stack) Start(ctx context.Context) error {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	if s.config.Health != "" && !s.config.Web {
		if err := s.startHealth(running); err != nil {
			return err
		}
	}
	if s.config.Worker {
		if err := s.startWorker(running); err != nil {
			return err
		}
	}
	s.running.Go(func() { s.boards.run(running) })
	s.running.Go(func() { s.costs.run(running) })
	if s.config.Web {
		return s.startWeb(running)
	}
	return nil
}

func (s *Stack) startWorker(ctx context.Context) error {
	s.worker = worker.New(s.Temporal, workflows.TaskQueue, worker.Options{
		MaxConcurrentLocalActivityExecutionSize: 200,
		WorkerStopTimeout:                       10 * time.Second,
		OnFatalError:                            func(err error) { s.failed <- fmt.Errorf("worker: %w", err) },
	})
	workflows.Register(s.worker, &workflows.Activities{Merchants: s.Merchants, Underwriting: s.Underwriting, Drawdowns: s.Drawdowns, Reconciler: s.Reconciler, Collections: s.Collections})
	if err := s.worker.Start(); err != nil {
		return fmt.Errorf("start worker: %w", err)
	}
	sweeper := &workflows.Sweeper{
		Client: s.Chain, Underwriting: s.Underwriting, Drawdowns: s.Drawdowns, Collections: s.Collections, Now: clock.System, Logger: s.config.Logger, Every: s.config.SweepEvery,
	}
	s.running.Go(func() { sweeper.Run(ctx) })
	s.running.Go(func() { s.sweepReturns(ctx) })
	daily := &workflows.Daily{Client: s.Chain, Reconciler: s.Reconciler, Now: clock.System, Logger: s.config.Logger}
	s.running.Go(func() { daily.Run(ctx) })
	janitor := Janitor{Sweep: s.DB.Sweep, Logger: s.config.Logger}
	s.running.Go(func() { janitor.Run(ctx) })
	collecting := &workflows.Collecting{Client: s.Chain, Collections: s.Collections, Logger: s.config.Logger, Every: s.config.CollectEvery}
	s.running.Go(func() { collecting.Run(ctx) })
	s.running.Go(func() { s.reviewGroups(ctx) })
	closing, err := newDaily(s.DB, s.Servicing, s.config.Provisions, s.config.Logger)
	if err != nil {
		return err
	}
	s.running.Go(func() { closing.run(ctx) })
	return nil
}

func (s *Stack) startWeb(ctx context.Context) error {
	return s.listen(ctx, s.config.Listen, "--listen or LOAN310_LISTEN", s.Handler())
}

// Handler gives the HTTP API, made at first use.
func (s *Stack) Handler() http.Handler {
	if s.handler == nil {
		s.handler, _ = web.New(s.webDeps())
	}
	return s.handler
}

// metrics gives the process's and the providers' metrics.
func (s *Stack) metrics() (*prometheus.Registry, http.Handler) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(s.Board, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return registry, promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

// URL gives the address of the web server, or of a worker's health endpoints,
// once it listens.
func (s *Stack) URL() string { return s.address }

// Failed tells when a part that must run has ended by itself.
func (s *Stack) Failed() <-chan error { return s.failed }

// Stop ends web and worker, lets what is under way finish for a while, and
// closes everything. It may be called more than once.
func (s *Stack) Stop() error {
	var problems []error
	if s.server != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if s.stop != nil {
			s.stop() // ends event streams, which Shutdown would wait for
		}
		if err := s.server.Shutdown(ctx); err != nil {
			problems = append(problems, s.server.Close())
		}
		s.server = nil
	}
	if s.stop != nil {
		s.stop()
	}
	if s.worker != nil {
		s.worker.Stop()
		s.worker = nil
	}
	s.running.Wait()
	if s.Temporal != nil {
		s.Temporal.Close()
		s.Temporal = nil
	}
	if s.outside != nil {
		s.outside.close()
		s.outside = nil
	}
	if s.DB != nil {
		if s.costs != nil {
			s.costs.end()
		}
		problems = append(problems, s.DB.Close())
		s.DB = nil
	}
	return errors.Join(problems...)
}
