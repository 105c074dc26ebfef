// Package sandbox plays every outside provider over real HTTP: the adapters
// talk to it as they would to the real thing, and a control API makes it
// slow, failing or forgetful (docs/sandbox.md). The one rule: it answers from
// a dossier.Book and keeps its own books, so that what was really paid or sent
// can be counted independently of what the product believes.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"loan310/adapters/dossier"
	"loan310/app/clock"
)

// Kinds of provider, each a server of its own.
const (
	Marketplace = "marketplace"
	Logistics   = "logistics"
	Bank        = "bank"
	Utility     = "utility"
	Bureau      = "bureau"
	Registry    = "registry"
	Identity    = "identity"
	Payout      = "payout"
	Notify      = "notify"
	Control     = "control" // the control API, not a provider
)

// Kinds gives the provider kinds in a fixed order, without Control.
func Kinds() []string {
	return []string{Marketplace, Logistics, Bank, Utility, Bureau, Registry, Identity, Payout, Notify}
}

// Payees says which accounts the payout rail pays to.
type Payees string

// Payee rules.
const (
	PayeesLuhn Payees = "luhn" // any card number with a valid check digit; holders of the book must match
	PayeesBook Payees = "book" // payout accounts of the book only
)

// Options configure a sandbox.
type Options struct {
	// Book is what the providers know; required.
	Book dossier.Book
	// Host to listen on. Empty means 127.0.0.1.
	Host string
	// Ports by kind, Control included. Missing or 0 means a free port.
	Ports map[string]int
	// Dir keeps the rail's book and the inbox as append-only JSONL, read again
	// at the next start. Empty means memory only.
	Dir string
	// BankDir holds the outbox and the inbox of the bank that takes transfers
	// as files. Empty means no such bank.
	BankDir string
	// Clock tells the providers the time. Nil means the system's.
	Clock clock.Clock
	// Secrets are the credentials the providers expect; required.
	Secrets Secrets
	// Logger gets one line per start and stop. Nil means none.
	Logger *slog.Logger
	// Payees is the rail's payee rule. Empty means PayeesLuhn.
	Payees Payees
}

// Server is a running sandbox.
type Server struct {
	core    *core
	urls    map[string]string
	servers []*http.Server
	serving sync.WaitGroup
	stop    func() bool
	closing sync.Once
	closed  error
}

// provider is one server to start.
type provider struct {
	kind    string
	handler http.Handler
}

// Start opens every server and returns when all listen. They run until ctx
// ends or Close is called.
func Start(ctx context.Context, options Options) (*Server, error) {
	core, err := newCore(options)
	if err != nil {
		return nil, err
	}
	host := options.Host
	if host == "" {
		host = "127.0.0.1"
	}
	server := &Server{core: core, urls: map[string]string{}}
	for _, p := range server.providers() {
		if err := server.listen(ctx, host, options.Ports[p.kind], p); err != nil {
			return nil, errors.Join(err, server.Close())
		}
	}
	server.stop = context.AfterFunc(ctx, func() { _ = server.Close() })
	core.logger.Info("sandbox providers are up", slog.Int("providers", len(Kinds())))
	return server, nil
}

// providers lists what to serve; each kind's handler is in its own file.
func (s *Server) providers() []provider {
	c := s.core
	return []provider{
		{Marketplace, c.faulty(Marketplace, newMarketplace(c))},
		{Logistics, c.faulty(Logistics, newLogistics(c))},
		{Bank, c.faulty(Bank, newBank(c))},
		{Utility, c.faulty(Utility, newUtility(c))},
		{Bureau, c.faulty(Bureau, newBureau(c))},
		{Registry, c.faulty(Registry, newRegistry(c))},
		{Identity, c.faulty(Identity, newIdentity(c))},
		{Payout, c.faulty(Payout, newRail(c))},
		{Notify, c.faulty(Notify, newNotify(c))},
		{Control, newControl(s)},
	}
}

func (s *Server) listen(ctx context.Context, host string, port int, p provider) error {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return fmt.Errorf("listening for %s: %w", p.kind, err)
	}
	s.urls[p.kind] = address(listener.Addr())
	server := &http.Server{
		Handler:           p.handler,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // broken connections are its trade
	}
	s.servers = append(s.servers, server)
	s.serving.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.core.logger.Error("sandbox provider ended", slog.String("provider", p.kind), slog.Any("error", err))
		}
	})
	return nil
}

// address gives a URL a client on this machine can use.
func address(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return "http://" + addr.String()
	}
	host := tcp.IP.String()
	if tcp.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, strconv.Itoa(tcp.Port))
}

// URLs gives the base address of each kind, Control included.
func (s *Server) URLs() map[string]string {
	return maps.Clone(s.urls)
}

// Requests gives how many requests a kind has received.
func (s *Server) Requests(kind string) int64 { return s.core.faults.requests(kind) }

// Close ends every server and every hung request and waits for them. It may
// be called more than once.
func (s *Server) Close() error {
	s.closing.Do(func() {
		if s.stop != nil {
			s.stop()
		}
		s.core.shut()
		var problems []error
		for _, server := range s.servers {
			problems = append(problems, server.Close())
		}
		s.serving.Wait()
		s.core.active.Wait()
		problems = append(problems, s.core.close())
		s.closed = errors.Join(problems...)
		s.core.logger.Info("sandbox providers are down")
	})
	return s.closed
}

// ensureDir makes the directory of the JSONL files.
func ensureDir(dir string) error {
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the sandbox directory: %w", err)
	}
	return nil
}
