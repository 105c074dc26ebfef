package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"loan310/adapters/dossier"
	"loan310/app/clock"
	"loan310/app/stack"
)

// populationFlags choose whom the sandbox knows.
type populationFlags struct {
	DossierDir string `name:"dossier" help:"Serve this dossier instead of a generated population." type:"existingdir" env:"LOAN310_DOSSIER"`
	Merchants  int    `help:"Size of the generated population." default:"60" env:"LOAN310_MERCHANTS"`
	Seed       uint64 `help:"Seed of the generated population." default:"310" env:"LOAN310_SEED"`
}

// book gives the population with each history moved to now.
func (p populationFlags) book() (dossier.Book, error) {
	now := clock.System()
	if p.DossierDir != "" {
		read, err := dossier.Open(p.DossierDir)
		if err != nil {
			return nil, err
		}
		return dossier.Rebase(read, now), nil
	}
	return dossier.Rebase(dossier.Generate(dossier.GenerateOptions{Merchants: p.Merchants, Seed: p.Seed}), now), nil
}

type devCommand struct {
	Memory     memoryFlags     `embed:""`
	Population populationFlags `embed:""`

	Dir              string        `help:"Folder that keeps databases and keys." default:"data" env:"LOAN310_DIR"`
	Host             string        `help:"Address to listen on." default:"127.0.0.1" env:"LOAN310_HOST"`
	Port             int           `help:"Port of API and pages." default:"3100" env:"LOAN310_PORT"`
	TemporalPort     int           `help:"Port of the Temporal server." default:"3101" env:"LOAN310_TEMPORAL_PORT"`
	TemporalUIPort   int           `name:"temporal-ui-port" help:"Port of the Temporal web UI." default:"3102" env:"LOAN310_TEMPORAL_UI_PORT"`
	SandboxPort      int           `help:"First of the sandbox's ten ports: control, then each provider." default:"3110" env:"LOAN310_SANDBOX_PORT"`
	FreePorts        bool          `help:"Take free ports instead, for a second instance." env:"LOAN310_FREE_PORTS"`
	Database         string        `help:"PostgreSQL DSN instead of the SQLite file." env:"LOAN310_DATABASE"`
	TemporalPostgres string        `help:"PostgreSQL DSN for Temporal instead of its SQLite file." env:"LOAN310_TEMPORAL_POSTGRES"`
	NoWorker         bool          `help:"Leave the worker to another process."`
	Products         string        `help:"Folder of product files (see docs/lending.md) instead of the standard products." placeholder:"FOLDER" env:"LOAN310_PRODUCTS"`
	Join             string        `help:"Write what another process needs to join (secrets included) to this file." placeholder:"FILE"`
	PayoutGrace      time.Duration `help:"How long a rail's 'no record' is not believed after a payout call." default:"15s"`
}

// Run starts everything and waits for Ctrl-C.
func (c *devCommand) Run(e *env) error {
	c.Memory.apply()
	book, err := c.Population.book()
	if err != nil {
		return err
	}
	ports := stack.Ports{Web: c.Port, Temporal: c.TemporalPort, TemporalUI: c.TemporalUIPort, Sandbox: c.SandboxPort}
	if c.FreePorts {
		ports = stack.Ports{}
	}
	fmt.Fprintln(e.stderr, "loan310: starting Temporal, sandbox providers, web and worker …")
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return fmt.Errorf("make %s: %w", c.Dir, err)
	}
	log, err := os.OpenFile(filepath.Join(c.Dir, "temporal.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the Temporal server's log: %w", err)
	}
	defer func() { _ = log.Close() }()
	var products stack.Products
	if c.Products != "" {
		if products, err = stack.ReadProducts(c.Products); err != nil {
			return err
		}
	}
	dev, err := stack.StartDev(e.ctx, stack.DevOptions{
		Dir: c.Dir, Products: products, Host: c.Host, Ports: ports, Book: book, Database: c.Database, TemporalPostgres: c.TemporalPostgres,
		NoWorker: c.NoWorker, PayoutGrace: c.PayoutGrace, Version: e.version, Logger: e.logger, TemporalLog: log,
	})
	if err != nil {
		return err
	}
	if c.Join != "" {
		if err := writeJoin(c.Join, dev.Config); err != nil {
			return fmt.Errorf("%w (stop: %w)", err, dev.Stop())
		}
	}
	c.announce(e.stdout, dev, book)
	waited := dev.Wait(e.ctx)
	fmt.Fprintln(e.stderr, "\nloan310: stopping …")
	if err := dev.Stop(); err != nil && waited == nil {
		waited = err
	}
	return waited
}

// announce prints addresses and demo logins.
func (c *devCommand) announce(w io.Writer, dev *stack.Dev, book dossier.Book) {
	url := dev.Stack.URL()
	fmt.Fprintf(w, `
loan310 is up. Data in %s; Ctrl-C stops it, the next start goes on where it was.

  API              %s/api
  API docs         %s/docs
  Temporal UI      %s
  Sandbox control  %s/control/providers
  Sandbox inbox    %s/control/inbox   (one-time codes arrive here)

Demo logins (this machine only)
  Operator         %s / %s
  Analyst          %s / %s
  Platform API key %s
`, c.Dir, url, url, dev.Temporal.UI, dev.Sandbox.URLs()["control"], dev.Sandbox.URLs()["control"],
		stack.DemoOperator, stack.DemoPassword, stack.DemoAnalyst, stack.DemoPassword, stack.DemoAPIKey)
	if merchants := book.Merchants(); len(merchants) > 0 {
		m := merchants[0]
		fmt.Fprintf(w, `
A merchant of the sandbox to register
  phone %s   licence %s
  legal representative %s   identity number %s   account %s

`, m.Phone, m.LicenceNumber, m.LegalRep, m.IdentityNumber, m.PayoutAccount)
	}
}

// join is what another process needs to work with a development environment.
type join struct {
	Database  string          `json:"database"`
	Temporal  string          `json:"temporal"`
	Namespace string          `json:"namespace"`
	Keys      stack.Keys      `json:"keys"`
	Providers stack.Providers `json:"providers"`
}

func writeJoin(path string, config stack.Config) error {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("replace %s: %w", path, err)
	}
	return stack.WriteFile(path, join{config.Database, config.Temporal, config.Namespace, config.Keys, config.Providers})
}

// connectionFlags are what web and worker share.
type connectionFlags struct {
	Database  string `help:"sqlite:///path/file.db or a PostgreSQL DSN." env:"LOAN310_DATABASE"`
	Temporal  string `help:"Address of the Temporal frontend." default:"127.0.0.1:7233" env:"LOAN310_TEMPORAL"`
	Namespace string `help:"Temporal namespace." default:"loan310" env:"LOAN310_NAMESPACE"`

	TemporalTLS    bool   `name:"temporal-tls" help:"Encrypt the connection to Temporal; the next four do so too." env:"LOAN310_TEMPORAL_TLS"`
	TemporalCA     string `name:"temporal-ca" help:"PEM file of the authorities that vouch for Temporal, instead of the system's." placeholder:"FILE" env:"LOAN310_TEMPORAL_CA"`
	TemporalCert   string `help:"PEM file of our certificate for Temporal." placeholder:"FILE" env:"LOAN310_TEMPORAL_CERT"`
	TemporalKey    string `help:"PEM file of its key." placeholder:"FILE" env:"LOAN310_TEMPORAL_KEY"`
	TemporalAPIKey string `name:"temporal-api-key" help:"API key of a hosted Temporal." placeholder:"KEY" env:"LOAN310_TEMPORAL_API_KEY"`

	Keys      string `help:"Keys file, see 'loan310 keys generate'." placeholder:"FILE" env:"LOAN310_KEYS"`
	Providers string `help:"JSON file with addresses and credentials of the providers." placeholder:"FILE" env:"LOAN310_PROVIDERS"`
	Join      string `help:"File written by 'loan310 dev --join', instead of all of these; allows demo secrets and the sandbox." placeholder:"FILE"`

	Products       string `help:"Folder of product files (see docs/lending.md) instead of the standard products." placeholder:"FOLDER" env:"LOAN310_PRODUCTS"`
	ProvisionRates string `help:"JSON file of what is provided for each class of loans at a month's end, instead of 1, 3, 30, 60 and 100 %." placeholder:"FILE" env:"LOAN310_PROVISION_RATES"`

	PayoutGrace time.Duration `help:"How long a rail's 'no record' is not believed after a payout call." default:"15s" env:"LOAN310_PAYOUT_GRACE"`
}

// open opens the database the flags name; the caller closes it.
func (c connectionFlags) open(e *env) (*stack.Database, error) {
	config, err := c.config(e)
	if err != nil {
		return nil, err
	}
	return stack.OpenDatabase(e.ctx, config)
}

// config reads the files. Without --join it is production.
func (c connectionFlags) config(e *env) (stack.Config, error) {
	config := stack.Config{
		Database: c.Database, Temporal: c.Temporal, Namespace: c.Namespace, Production: true,
		PayoutGrace: c.PayoutGrace, Version: e.version, Logger: e.logger,
		TemporalAccess: stack.TemporalAccess{TLS: c.TemporalTLS, CA: c.TemporalCA, Cert: c.TemporalCert, Key: c.TemporalKey, APIKey: c.TemporalAPIKey},
	}
	if c.Products != "" {
		var err error
		if config.Products, err = stack.ReadProducts(c.Products); err != nil {
			return stack.Config{}, err
		}
	}
	var err error
	if config.Provisions, err = provisionRates(c.ProvisionRates); err != nil {
		return stack.Config{}, err
	}
	if c.Join != "" {
		var joined join
		if err := stack.ReadFile(c.Join, &joined); err != nil {
			return stack.Config{}, err
		}
		config.Database, config.Temporal, config.Namespace = joined.Database, joined.Temporal, joined.Namespace
		config.Keys, config.Providers, config.Production = joined.Keys, joined.Providers, false
		config.TemporalAccess = stack.TemporalAccess{}
		return config, nil
	}
	if c.Keys != "" {
		if err := stack.ReadFile(c.Keys, &config.Keys); err != nil {
			return stack.Config{}, err
		}
	}
	if c.Providers != "" {
		if err := stack.ReadFile(c.Providers, &config.Providers); err != nil {
			return stack.Config{}, err
		}
	}
	return config, nil
}

type serveCommand struct {
	Memory         memoryFlags     `embed:""`
	Connection     connectionFlags `embed:""`
	Listen         string          `help:"Address of the web server." default:"127.0.0.1:3100" env:"LOAN310_LISTEN"`
	TrustedProxies []string        `help:"Addresses (CIDR) whose X-Forwarded-For is believed." env:"LOAN310_TRUSTED_PROXIES"`
}

// Run serves until Ctrl-C.
func (c *serveCommand) Run(e *env) error {
	c.Memory.apply()
	config, err := c.Connection.config(e)
	if err != nil {
		return err
	}
	config.Web, config.Listen, config.TrustedProxies = true, c.Listen, c.TrustedProxies
	return serve(e, config, "web")
}

type workerCommand struct {
	Memory     memoryFlags     `embed:""`
	Connection connectionFlags `embed:""`
	Listen     string          `help:"Address of /livez, /readyz and /metrics; empty for none." default:"127.0.0.1:3103" env:"LOAN310_WORKER_LISTEN"`
	CrashAt    string          `help:"Kill this process by SIGKILL when a drawdown or a debit reaches this step (kill tests; needs --join)." enum:"none,reserved,calling,answered,settled,debit_requested,debit_calling,debit_answered,debit_settled" default:"none"`
}

// Run works until Ctrl-C.
func (c *workerCommand) Run(e *env) error {
	c.Memory.apply()
	config, err := c.Connection.config(e)
	if err != nil {
		return err
	}
	config.Worker, config.Health = true, c.Listen
	if c.CrashAt != "none" {
		config.Reached = func(step, _ string) {
			if step == c.CrashAt {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {} // no further instruction of ours runs
			}
		}
	}
	return serve(e, config, "worker")
}

func serve(e *env, config stack.Config, what string) error {
	s, err := stack.New(e.ctx, config)
	if err != nil {
		return err
	}
	if err := s.Start(e.ctx); err != nil {
		return fmt.Errorf("%w (stop: %w)", err, s.Stop())
	}
	fmt.Fprintf(e.stdout, "loan310 %s ready %s\n", what, s.URL())
	var failed error
	select {
	case <-e.ctx.Done():
	case failed = <-s.Failed():
	}
	if err := s.Stop(); err != nil && failed == nil {
		failed = err
	}
	return failed
}

type sandboxCommand struct {
	Population populationFlags `embed:""`
	Dir        string          `help:"Folder that keeps credentials, the rail's book and the inbox." default:"data/sandbox" env:"LOAN310_SANDBOX_DIR"`
	Host       string          `help:"Address to listen on." default:"127.0.0.1" env:"LOAN310_HOST"`
	Port       int             `help:"First of ten ports: control, then each provider." default:"3110" env:"LOAN310_SANDBOX_PORT"`
	Providers  string          `help:"Write addresses and credentials to this file." placeholder:"FILE"`
}

// Run serves the providers until Ctrl-C.
func (c *sandboxCommand) Run(e *env) error {
	book, err := c.Population.book()
	if err != nil {
		return err
	}
	server, providers, err := stack.StartSandbox(e.ctx, c.Dir, c.Host, c.Port, book, e.logger)
	if err != nil {
		return err
	}
	for kind, url := range server.URLs() {
		fmt.Fprintf(e.stdout, "%-12s %s\n", kind, url)
	}
	if c.Providers != "" {
		if err := os.Remove(c.Providers); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("replace %s: %w", c.Providers, err)
		}
		if err := stack.WriteFile(c.Providers, providers); err != nil {
			return err
		}
	}
	<-e.ctx.Done()
	return server.Close()
}
