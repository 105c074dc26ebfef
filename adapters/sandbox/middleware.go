package sandbox

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"time"
)

// maxRequestBody bounds what a provider reads.
const maxRequestBody = 1 << 20

type drawKey struct{}

// drawOf gives what was drawn for a request; healthy when nothing was.
func drawOf(request *http.Request) draw {
	if drawn, ok := request.Context().Value(drawKey{}).(*draw); ok {
		return *drawn
	}
	return draw{malformedAfter: -1}
}

func rewound(body []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(body)) }

// enter counts a request in, unless the sandbox is closing.
func (c *core) enter() bool {
	c.gate.Lock()
	defer c.gate.Unlock()
	if c.closing {
		return false
	}
	c.active.Add(1)
	return true
}

// shut closes the gate: requests being served end, no further one begins.
func (c *core) shut() {
	c.gate.Lock()
	c.closing = true
	c.gate.Unlock()
	close(c.done)
}

// faulty counts a kind's requests and lets what is drawn happen to them.
func (c *core) faulty(kind string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if !c.enter() {
			drop(w)
			return
		}
		defer c.active.Done()
		drawn := c.faults.next(kind)
		// Reading the body to its end lets net/http notice that the client
		// went away.
		body, err := io.ReadAll(io.LimitReader(request.Body, maxRequestBody+1))
		if err != nil || len(body) > maxRequestBody {
			problem(w, http.StatusRequestEntityTooLarge, "body_too_large")
			return
		}
		request.Body = rewound(body)
		if drawn == nil {
			next.ServeHTTP(w, request)
			return
		}
		c.happen(drawn, w, request.WithContext(context.WithValue(request.Context(), drawKey{}, drawn)), next)
	})
}

func (c *core) happen(drawn *draw, w http.ResponseWriter, request *http.Request, next http.Handler) {
	if drawn.down {
		drop(w)
		return
	}
	if drawn.hang {
		select {
		case <-request.Context().Done():
		case <-c.done:
		}
		drop(w)
		return
	}
	if !c.pause(request, drawn.latency) {
		return
	}
	if drawn.status != 0 {
		if drawn.status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "1")
		}
		problem(w, drawn.status, "sandbox_fault")
		return
	}
	if drawn.bytesPerSecond > 0 {
		w = &slowWriter{ResponseWriter: w, core: c, request: request, perSecond: drawn.bytesPerSecond}
	}
	if drawn.malformedAfter >= 0 {
		garbled := &garblingWriter{ResponseWriter: w, left: drawn.malformedAfter}
		next.ServeHTTP(garbled, request)
		garbled.finish()
		return
	}
	next.ServeHTTP(w, request)
}

// pause waits, and tells whether the request is still wanted.
func (c *core) pause(request *http.Request, wait time.Duration) bool {
	if wait <= 0 {
		return true
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-request.Context().Done():
		return false
	case <-c.done:
		return false
	}
}

// drop closes the connection without an answer.
func drop(w http.ResponseWriter) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable) // HTTP/2 has no connection to give
		return
	}
	_ = connection.Close()
}

// slowWriter lets a body trickle.
type slowWriter struct {
	http.ResponseWriter
	core      *core
	request   *http.Request
	perSecond int
}

// Unwrap gives the writer below, for http.ResponseController.
func (w *slowWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Write passes a tenth of a second's worth of bytes at a time.
func (w *slowWriter) Write(text []byte) (int, error) {
	share := max(w.perSecond/10, 1)
	written := 0
	for chunk := range chunks(text, share) {
		n, err := w.ResponseWriter.Write(chunk)
		written += n
		if err != nil {
			return written, err
		}
		_ = http.NewResponseController(w.ResponseWriter).Flush()
		if !w.core.pause(w.request, time.Duration(len(chunk))*time.Second/time.Duration(w.perSecond)) {
			return written, io.ErrClosedPipe
		}
	}
	return written, nil
}

func chunks(text []byte, size int) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(text) > 0 {
			n := min(size, len(text))
			if !yield(text[:n]) {
				return
			}
			text = text[n:]
		}
	}
}

// garblingWriter passes some bytes on, then garbage, then nothing. No format
// in use here takes the result for whole.
type garblingWriter struct {
	http.ResponseWriter
	left     int
	finished bool
}

// Unwrap gives the writer below, for http.ResponseController.
func (w *garblingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader drops the length, which is no longer true.
func (w *garblingWriter) WriteHeader(status int) {
	w.Header().Del("Content-Length")
	w.ResponseWriter.WriteHeader(status)
}

// Write takes everything and passes little of it on.
func (w *garblingWriter) Write(text []byte) (int, error) {
	if w.left > 0 {
		pass := text[:min(w.left, len(text))]
		if _, err := w.ResponseWriter.Write(pass); err != nil {
			return 0, err
		}
		w.left -= len(pass)
	}
	if w.left == 0 {
		w.finish()
	}
	return len(text), nil
}

func (w *garblingWriter) finish() {
	if !w.finished {
		w.finished = true
		_, _ = w.ResponseWriter.Write([]byte("\x00<garbled " + strconv.Itoa(w.left)))
	}
}
