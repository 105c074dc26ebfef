package web

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
)

// maxBody is the largest body that is read.
const maxBody = 1 << 20

// request is what is known of a request wherever its context goes.
type request struct {
	id    string
	route string // path template
	who   Principal
	scope string // of the idempotency key
	key   string
	ip    string
}

type requestKey struct{}

// requestOf gives the request of a context; an empty one outside requests.
func requestOf(ctx context.Context) *request {
	if found, ok := ctx.Value(requestKey{}).(*request); ok {
		return found
	}
	return &request{}
}

// metrics count requests by path template.
type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
}

func newMetrics(registry prometheus.Registerer) metrics {
	labels := []string{"method", "route", "status"}
	return metrics{
		requests: registered(registry, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "loan310_http_requests_total", Help: "HTTP requests by path template and status.",
		}, labels)),
		duration: registered(registry, prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "loan310_http_request_seconds", Help: "Time to the end of the answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, labels[:2])),
		inFlight: registered(registry, prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "loan310_http_in_flight", Help: "Requests being answered, streams included.",
		})),
	}
}

// registered gives the collector of that name the registry already has, or
// registers this one.
func registered[C prometheus.Collector](registry prometheus.Registerer, collector C) C {
	if registry == nil {
		return collector
	}
	if already, ok := errors.AsType[prometheus.AlreadyRegisteredError](registry.Register(collector)); ok {
		if existing, ok := already.ExistingCollector.(C); ok {
			return existing
		}
	}
	return collector
}

// observe names the request, counts it, and writes the access log: never a
// path, address or body, for those can be personal.
func (s *server) observe(m metrics) gin.HandlerFunc {
	return func(c *gin.Context) {
		began := s.Now()
		route := c.FullPath()
		if route == "" {
			route = "unmatched"
		}
		known := &request{id: s.NewID(), route: route, ip: c.ClientIP()}
		c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), requestKey{}, known))
		c.Header("X-Request-Id", known.id)
		m.inFlight.Inc()
		defer m.inFlight.Dec()
		c.Next()
		took := s.Now().Sub(began)
		method := methodLabel(c.Request.Method)
		m.requests.WithLabelValues(method, route, strconv.Itoa(c.Writer.Status())).Inc()
		m.duration.WithLabelValues(method, route).Observe(took.Seconds())
		level := slog.LevelInfo
		if route == "/livez" || route == "/readyz" || route == "/metrics" {
			level = slog.LevelDebug
		}
		s.Logger.LogAttrs(c.Request.Context(), level, "http request",
			slog.String("request_id", known.id), slog.String("method", method), slog.String("route", route),
			slog.Int("status", c.Writer.Status()), slog.Int("bytes", max(c.Writer.Size(), 0)),
			slog.Float64("duration_ms", float64(took.Microseconds())/1000), slog.String("caller", string(known.who.Kind)))
	}
}

func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodPatch:
		return method
	default:
		return "other"
	}
}

// recovered turns a panic into a 500, logged with its stack.
func (s *server) recovered(c *gin.Context) {
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		if cause == http.ErrAbortHandler { //nolint:errorlint // the server compares it so too
			panic(cause)
		}
		ctx := c.Request.Context()
		s.Logger.LogAttrs(ctx, slog.LevelError, "request panicked", slog.String("request_id", requestOf(ctx).id),
			slog.String("route", requestOf(ctx).route), slog.Any("cause", cause), slog.String("stack", string(debug.Stack())))
		if c.Writer.Written() {
			c.Abort()
			return
		}
		problem := problemOf(errPanic)
		problem.RequestID = requestOf(ctx).id
		c.Abort()
		c.Header("Content-Type", problem.ContentType(""))
		c.JSON(problem.Status, problem)
	}()
	c.Next()
}

// errPanic stands for a panic, whose own words are for the log only.
var errPanic = errors.New("panic")

// headers are those every answer carries.
func (s *server) headers(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if s.SecureCookies {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
	if s.Demo {
		h.Set("X-Loan310-Demo", "true")
	}
	if strings.HasPrefix(c.Request.URL.Path, "/api/") {
		h.Set("Cache-Control", "no-store")
	}
	c.Next()
}

// bounded reads the body of a write into memory, at most maxBody of it.
func (s *server) bounded(c *gin.Context) {
	if !writes(c.Request.Method) || c.Request.Body == nil {
		c.Next()
		return
	}
	text, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, maxBody))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			s.refuse(c, newProblem(http.StatusRequestEntityTooLarge, CodeTooLarge, "The body is larger than 1 MB."))
			return
		}
		s.refuse(c, newProblem(http.StatusBadRequest, CodeMalformed, "The body could not be read to its end."))
		return
	}
	c.Request.Body = heldBody{Reader: bytes.NewReader(text), text: text}
	c.Next()
}

// heldBody is a body that was read before.
type heldBody struct {
	*bytes.Reader
	text []byte
}

// Close does nothing.
func (heldBody) Close() error { return nil }

func writes(method string) bool {
	return method != http.MethodGet && method != http.MethodHead && method != http.MethodOptions
}
