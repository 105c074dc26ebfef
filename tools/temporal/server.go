package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	uiserver "github.com/temporalio/ui-server/v2/server"
	uiconfig "github.com/temporalio/ui-server/v2/server/config"
	uioptions "github.com/temporalio/ui-server/v2/server/server_options"
	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/temporal"
)

// instance is a running server with its UI.
type instance struct {
	opts     options
	ports    ports
	temporal temporal.Server
	ui       *uiserver.Server // nil when turned off
}

// start returns once clients can use the namespace and browsers the UI.
func start(ctx context.Context, opts options, logger log.Logger) (*instance, error) {
	p, err := pickPorts(ctx, opts)
	if err != nil {
		return nil, err
	}
	store, err := openStorage(ctx, opts, logger)
	if err != nil {
		return nil, err
	}
	if err := createNamespace(opts, store); err != nil {
		return nil, err
	}
	server, err := temporal.NewServer(
		temporal.WithConfig(serverConfig(opts, p, store)),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithStaticHosts(staticHosts(opts, p)),
		temporal.WithDynamicConfigClient(tuning(store)),
		temporal.WithLogger(logger),
		temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper { return authorization.NewNoopClaimMapper() }),
	)
	if err != nil {
		return nil, fmt.Errorf("assemble server: %w", err)
	}
	if err := server.Start(); err != nil {
		return nil, fmt.Errorf("start server: %w", err)
	}
	i := &instance{opts: opts, ports: p, temporal: server}
	if err := i.becomeReady(ctx); err != nil {
		return nil, errors.Join(err, i.stop(stopTimeout))
	}
	return i, nil
}

func openStorage(ctx context.Context, opts options, logger log.Logger) (storage, error) {
	if opts.Postgres != "" {
		return openPostgres(ctx, opts.Postgres, logger)
	}
	return openSQLite(opts.DB)
}

func (i *instance) becomeReady(ctx context.Context) error {
	if err := awaitNamespace(ctx, i.grpcAddress(), i.opts); err != nil {
		return fmt.Errorf("wait for namespace %s: %w", i.opts.Namespace, err)
	}
	if i.ports.ui == 0 {
		return nil
	}
	i.ui = newUI(i.opts, i.ports, i.grpcAddress())
	go func() {
		// Start never returns an error: it ends the process when it cannot listen.
		_ = i.ui.Start()
	}()
	if err := awaitUI(ctx, i.uiURL()); err != nil {
		return fmt.Errorf("wait for the web UI: %w", err)
	}
	return nil
}

// stop gives up after timeout: the server's own limit is five minutes a service.
func (i *instance) stop(timeout time.Duration) error {
	if i.ui != nil {
		i.ui.Stop()
	}
	stopped := make(chan error, 1)
	go func() { stopped <- i.temporal.Stop() }()
	select {
	case err := <-stopped:
		if err != nil {
			return fmt.Errorf("stop server: %w", err)
		}
		return nil
	case <-time.After(timeout):
		return fmt.Errorf("server did not stop within %s", timeout)
	}
}

func (i *instance) grpcAddress() string { return hostPort(dialable(i.opts.IP), i.ports.frontend) }

func (i *instance) uiURL() string { return "http://" + hostPort(dialable(i.opts.IP), i.ports.ui) }

// readyLine is the contract with the parent process: key=value pairs after "temporal ready".
func (i *instance) readyLine() string {
	line := "temporal ready grpc=" + i.grpcAddress()
	if i.ports.ui != 0 {
		line += " ui=" + i.uiURL()
	}
	return line
}

func newUI(opts options, p ports, grpcAddress string) *uiserver.Server {
	return uiserver.NewServer(uioptions.WithConfigProvider(&uiconfig.Config{
		Host:                bracketed(opts.IP),
		Port:                p.ui,
		TemporalGRPCAddress: grpcAddress,
		DefaultNamespace:    opts.Namespace,
		EnableUI:            true,
		// Served over plain HTTP: a cookie for HTTPS only would never come back.
		CORS:             uiconfig.CORS{CookieInsecure: true},
		DisableNewsFetch: true,
		HideLogs:         true,
	}))
}

// bracketed is how an IPv6 address is written in front of a port; the UI joins the two as plain text.
func bracketed(ip netip.Addr) string {
	return strings.TrimSuffix(hostPort(ip, 0), ":0")
}

func awaitUI(ctx context.Context, url string) error {
	return poll(ctx, func() error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/healthz", http.NoBody)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		if err := response.Body.Close(); err != nil {
			return err
		}
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("health check answered %s", response.Status)
		}
		return nil
	})
}

// poll repeats try until it succeeds; when ctx ends first, the last error says what was missing.
func poll(ctx context.Context, try func() error) error {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-ticker.C:
		}
	}
}
