package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"loan310/app/fault"
	"loan310/web"
)

// readyWithin bounds the readiness checks of a worker.
const readyWithin = 3 * time.Second

// checks are what a process needs to be ready.
func (s *Stack) checks() []web.Check {
	return []web.Check{
		{Name: "database", Check: s.DB.Ping},
		{Name: "temporal", Check: s.Chain.Ping},
	}
}

// startHealth gives a worker, which has no API, an address of its own for
// /livez, /readyz and /metrics.
func (s *Stack) startHealth(ctx context.Context) error {
	_, metrics := s.metrics()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"status": "ok", "version": s.config.Version})
	})
	mux.HandleFunc("GET /readyz", s.ready(s.checks()))
	mux.Handle("GET /metrics", metrics)
	return s.listen(ctx, s.config.Health, "--listen or LOAN310_WORKER_LISTEN", mux)
}

// ready answers as web's /readyz does: each check by name, with ok or its
// fault code.
func (s *Stack) ready(checks []web.Check) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readyWithin)
		defer cancel()
		results := make([]string, len(checks))
		var group sync.WaitGroup
		for i, check := range checks {
			group.Go(func() {
				results[i] = "ok"
				if err := check.Check(ctx); err != nil {
					results[i] = string(fault.CodeOf(err))
				}
			})
		}
		group.Wait()
		status, word, named := http.StatusOK, "ok", map[string]string{}
		for i, check := range checks {
			named[check.Name] = results[i]
			if results[i] != "ok" {
				status, word = http.StatusServiceUnavailable, "unavailable"
			}
		}
		answer(w, status, map[string]any{"status": word, "version": s.config.Version, "checks": named})
	}
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // who asked has gone
}

// listen serves a handler until Stop; flag names what chooses the address.
func (s *Stack) listen(ctx context.Context, address, flag string, handler http.Handler) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return ListenError(address, flag, err)
	}
	s.address = "http://" + listener.Addr().String()
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    slog.NewLogLogger(s.config.Logger.Handler(), slog.LevelWarn),
	}
	s.server = server
	s.running.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- fmt.Errorf("web server: %w", err)
		}
	})
	return nil
}
