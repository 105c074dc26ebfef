package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"loan310/adapters/dossier"
	"loan310/adapters/sandbox"
	"loan310/app/audit"
	"loan310/app/clock"
	"loan310/app/fault"
	"loan310/app/security"
)

// Demo credentials, made by Dev and refused in production.
const (
	DemoOperator = "operator@demo.loan310"
	DemoAnalyst  = "analyst@demo.loan310"
	DemoPassword = "demo-password-310"
	DemoAPIKey   = "l310_demo_key_for_local_use_only" //nolint:gosec // public by design
	DemoPlatform = "demo-platform"
)

// Ports of a development environment; 0 picks free ones.
type Ports struct {
	Web, Temporal, TemporalUI, Sandbox int // Sandbox is the first of ten: control, then each provider
}

// DefaultPorts are those of `loan310 dev`.
var DefaultPorts = Ports{Web: 3100, Temporal: 3101, TemporalUI: 3102, Sandbox: 3110}

// DevOptions say how everything runs on one machine.
type DevOptions struct {
	Dir   string // keeps databases, keys and the sandbox's books; required
	Host  string // default 127.0.0.1
	Ports Ports
	// Book is what the sandbox serves; required.
	Book dossier.Book
	// Database replaces the SQLite file in Dir; TemporalPostgres likewise.
	Database, TemporalPostgres string
	TemporalBinary             string
	// Products are what loans are made of; the zero value = the standard ones.
	Products Products
	NoUI     bool // no Temporal web UI
	// NoWorker leaves the worker to another process.
	NoWorker     bool
	SourceBudget time.Duration
	PayoutGrace  time.Duration
	SweepEvery   time.Duration
	Version      string
	Logger       *slog.Logger
	TemporalLog  io.Writer
}

// Dev is the whole product on one machine: Temporal, sandbox, web and worker.
type Dev struct {
	Stack    *Stack
	Temporal *TemporalServer
	Sandbox  *sandbox.Server
	// Config is the stack's, for other processes to join with.
	Config Config
}

// StartDev starts everything and returns when it serves.
func StartDev(ctx context.Context, options DevOptions) (*Dev, error) {
	if options.Host == "" {
		options.Host = "127.0.0.1"
	}
	if err := os.MkdirAll(options.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make %s: %w", options.Dir, err)
	}
	if err := portsFree(ctx, options); err != nil {
		return nil, err
	}
	dev := &Dev{}
	if err := dev.start(ctx, options); err != nil {
		return nil, errors.Join(err, dev.Stop())
	}
	return dev, nil
}

func (d *Dev) start(ctx context.Context, options DevOptions) error {
	var err error
	uiPort := options.Ports.TemporalUI
	if !options.NoUI && uiPort == 0 {
		if uiPort, err = freePort(ctx, options.Host); err != nil {
			return err
		}
	}
	if options.NoUI {
		uiPort = 0
	}
	d.Temporal, err = StartTemporal(ctx, TemporalOptions{
		Binary: options.TemporalBinary, Database: filepath.Join(options.Dir, "temporal.db"), Postgres: options.TemporalPostgres,
		Host: options.Host, Port: options.Ports.Temporal, UIPort: uiPort, Log: options.TemporalLog,
	})
	if err != nil {
		return err
	}
	var providers Providers
	d.Sandbox, providers, err = StartSandbox(ctx, filepath.Join(options.Dir, "sandbox"), options.Host, options.Ports.Sandbox, options.Book, options.Logger)
	if err != nil {
		return err
	}
	if d.Config, err = devConfig(options, d.Temporal.Address, providers); err != nil {
		return err
	}
	if d.Stack, err = New(ctx, d.Config); err != nil {
		return err
	}
	if err := demoLogins(ctx, d.Stack.Security); err != nil {
		return err
	}
	return d.Stack.Start(ctx)
}

// StartSandbox starts the simulated providers on ten ports from first (0 =
// free ones) and gives how to reach them.
func StartSandbox(ctx context.Context, dir, host string, first int, book dossier.Book, logger *slog.Logger) (*sandbox.Server, Providers, error) {
	secrets, err := sandbox.LoadSecrets(dir)
	if err != nil {
		return nil, Providers{}, err
	}
	bank, err := filepath.Abs(filepath.Join(dir, "bank"))
	if err != nil {
		return nil, Providers{}, fmt.Errorf("find %s: %w", dir, err)
	}
	server, err := sandbox.Start(ctx, sandbox.Options{
		Book: book, Host: host, Ports: sandboxPorts(first), Dir: dir, BankDir: bank, Clock: clock.System, Secrets: secrets, Logger: logger,
	})
	if err != nil {
		return nil, Providers{}, err
	}
	providers := SandboxProviders(server.URLs(), secrets)
	providers.BankRail = &BankRailProvider{Dir: bank, DebtorName: "loan310", DebtorAccount: "3100000000000001", ClearingMember: "310310310310"}
	return server, providers, nil
}

func devConfig(options DevOptions, temporal string, providers Providers) (Config, error) {
	keys, err := DemoKeys(options.Dir)
	if err != nil {
		return Config{}, err
	}
	database := options.Database
	if database == "" {
		path, err := filepath.Abs(filepath.Join(options.Dir, "loan310.db"))
		if err != nil {
			return Config{}, fmt.Errorf("find %s: %w", options.Dir, err)
		}
		database = "sqlite://" + path
	}
	return Config{
		Database: database, Listen: net.JoinHostPort(options.Host, strconv.Itoa(options.Ports.Web)),
		Temporal: temporal, Namespace: Namespace, Keys: keys, Providers: providers, Web: true, Worker: !options.NoWorker,
		SourceBudget: options.SourceBudget, PayoutGrace: options.PayoutGrace, Products: options.Products, SweepEvery: options.SweepEvery,
		Version: options.Version, Logger: options.Logger,
	}, nil
}

// demoLogins makes one person of each kind and a platform's key.
func demoLogins(ctx context.Context, service *security.Service) error {
	had, err := service.HasDemo(ctx)
	if err != nil || had {
		return err
	}
	actor := audit.System("dev")
	if _, err := service.AddStaff(ctx, DemoOperator, "Demo operator", DemoPassword, security.RoleOperator, true, actor); err != nil {
		return fmt.Errorf("make demo operator: %w", err)
	}
	if _, err := service.AddStaff(ctx, DemoAnalyst, "Demo analyst", DemoPassword, security.RoleAnalyst, true, actor); err != nil {
		return fmt.Errorf("make demo analyst: %w", err)
	}
	if _, err := service.AddAPIKey(ctx, DemoPlatform, DemoAPIKey, actor); err != nil {
		return fmt.Errorf("make demo API key: %w", err)
	}
	return nil
}

// Wait blocks until ctx ends or a part that must run has ended by itself.
func (d *Dev) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-d.Stack.Failed():
		return err
	case <-d.Temporal.Done():
		return fault.New(fault.Unavailable, CodeTemporal, "the Temporal server ended by itself; its last words are in the log")
	}
}

// Stop ends everything, the worker before what it stands on.
func (d *Dev) Stop() error {
	var problems []error
	if d.Stack != nil {
		problems = append(problems, d.Stack.Stop())
	}
	if d.Sandbox != nil {
		problems = append(problems, d.Sandbox.Close())
	}
	if d.Temporal != nil {
		problems = append(problems, d.Temporal.Stop())
	}
	return errors.Join(problems...)
}

func sandboxPorts(first int) map[string]int {
	ports := map[string]int{}
	if first == 0 {
		return ports
	}
	ports[sandbox.Control] = first
	for i, kind := range sandbox.Kinds() {
		ports[kind] = first + 1 + i
	}
	return ports
}

// portsFree finds a taken port before anything is started.
func portsFree(ctx context.Context, options DevOptions) error {
	flags := map[int]string{
		options.Ports.Web: "--port", options.Ports.Temporal: "--temporal-port", options.Ports.TemporalUI: "--temporal-ui-port",
	}
	for _, port := range sandboxPorts(options.Ports.Sandbox) {
		flags[port] = "--sandbox-port (the first of ten)"
	}
	delete(flags, 0)
	for port, flag := range flags {
		address := net.JoinHostPort(options.Host, strconv.Itoa(port))
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
		if err != nil {
			if errors.Is(err, syscall.EADDRNOTAVAIL) {
				return ListenError(address, "--host", err)
			}
			return ListenError(address, flag+", or all of them with --free-ports", err)
		}
		if err := listener.Close(); err != nil {
			return fmt.Errorf("try port %d: %w", port, err)
		}
	}
	return nil
}

func freePort(ctx context.Context, host string) (int, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	return port, listener.Close()
}
