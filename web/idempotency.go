package web

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"loan310/app/fault"
	"loan310/app/ident"
	"loan310/app/security"
)

// keepWithin bounds storing an answer; it goes on when the caller has left.
const keepWithin = 5 * time.Second

// keepSignIn is how long an answer that signs somebody in is kept: as long as
// its code would have been good, and encrypted like all others.
const keepSignIn = security.CodeLife

// idempotent answers a repeated write with its first answer. What is kept is
// every answer below 500, save 401 and 429; others free the key.
func (s *server) idempotent(c *gin.Context) {
	if !writes(c.Request.Method) {
		c.Next()
		return
	}
	key := c.GetHeader("Idempotency-Key")
	if !visibleASCII(key) {
		s.refuse(c, newProblem(http.StatusBadRequest, CodeKeyRequired, "Send an Idempotency-Key header: 1 to 128 visible ASCII characters, such as a UUID drawn for this one thing. Repeat it only when repeating the request."))
		return
	}
	ctx := c.Request.Context()
	known := requestOf(ctx)
	known.scope = scopeOf(c, known)
	known.key = key
	kept, err := s.Idempotency.Begin(ctx, known.scope, key, s.hashBody(c.Request), s.Now())
	switch {
	case err != nil:
		s.refuse(c, keyRefusal(err))
	case kept != nil:
		if kept.Location != "" {
			c.Header("Location", kept.Location)
		}
		if kept.SetCookie != "" {
			c.Header("Set-Cookie", kept.SetCookie)
		}
		c.Header("Idempotency-Replayed", "true")
		c.Abort()
		c.Data(kept.Status, kept.ContentType, kept.Body)
	default:
		s.answerOnce(c, known)
	}
}

// scopeOf names who does what to which record, so that a key means something
// only there. Who signs in is not known yet, and comes with another cookie or
// none when the answer was lost: there a key is bound by its body alone.
func scopeOf(c *gin.Context, known *request) string {
	who := known.who
	if strings.HasPrefix(known.route, authPrefix) && c.Request.Method == http.MethodPost && who.Kind != KindPlatform {
		who = Principal{}
	}
	parts := []string{who.scope(), c.Request.Method, known.route}
	for _, param := range c.Params {
		parts = append(parts, param.Value)
	}
	return strings.Join(parts, " ")
}

// keyRefusal says what to do about a key that cannot be used.
func keyRefusal(err error) error {
	switch fault.KindOf(err) {
	case fault.Conflict:
		problem := newProblem(http.StatusConflict, CodeKeyInUse, "A request with this Idempotency-Key is being answered. Send it again in a second for its answer.")
		problem.wait = time.Second
		return problem
	case fault.Mismatch:
		return newProblem(http.StatusUnprocessableEntity, fault.CodeKeyReused, "This Idempotency-Key was used with another body. Draw a new key for a new request.")
	default:
		return err
	}
}

// answerOnce runs the request and keeps its answer before sending it, so that
// an answer the caller has seen is never another one later.
func (s *server) answerOnce(c *gin.Context, known *request) {
	held := &heldWriter{ResponseWriter: c.Writer, status: http.StatusOK}
	original := c.Writer
	c.Writer = held
	answered := false
	defer s.hold(c.Request.Context(), known)()
	defer func() {
		c.Writer = original
		if !answered { // panicked
			s.abandon(c.Request.Context(), known)
		}
	}()
	c.Next()
	answered = true
	c.Writer = original
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request.Context()), keepWithin)
	defer cancel()
	if held.status >= http.StatusInternalServerError || held.status == http.StatusUnauthorized || held.status == http.StatusTooManyRequests {
		s.abandon(ctx, known)
	} else if err := s.Idempotency.Finish(ctx, known.scope, known.key, s.keep(held, original.Header())); err != nil { // the answer still stands; a repeat finds the same records by their derived ids
		s.Logger.LogAttrs(ctx, slog.LevelWarn, "answer not kept", slog.String("request_id", known.id), slog.Any("error", err))
	}
	original.WriteHeader(held.status)
	original.WriteHeaderNow()
	_, _ = original.Write(held.body.Bytes())
}

// renewEvery is how often the key of a request that takes long is held anew:
// well within the lease, after which a dead process's key is free.
const renewEvery = 5 * time.Second

// hold holds a request's key while it is answered, until what is given is called.
func (s *server) hold(ctx context.Context, known *request) func() {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	var holder sync.WaitGroup
	holder.Go(func() {
		ticker := time.NewTicker(renewEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			if err := s.Idempotency.Renew(ctx, known.scope, known.key, s.Now()); err != nil && ctx.Err() == nil {
				s.Logger.LogAttrs(ctx, slog.LevelWarn, "idempotency key not held", slog.String("request_id", known.id), slog.Any("error", err))
			}
		}
	})
	return func() {
		stop()
		holder.Wait()
	}
}

// keep gives what is kept of an answer. One with a session's cookie is kept
// for a short time.
func (s *server) keep(held *heldWriter, header http.Header) StoredResponse {
	kept := StoredResponse{
		Status: held.status, ContentType: header.Get("Content-Type"), Body: held.body.Bytes(),
		Location: header.Get("Location"), SetCookie: header.Get("Set-Cookie"),
	}
	if kept.SetCookie != "" {
		kept.KeepUntil = s.Now().Add(keepSignIn)
	}
	return kept
}

func (s *server) abandon(ctx context.Context, known *request) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepWithin)
	defer cancel()
	if err := s.Idempotency.Abandon(ctx, known.scope, known.key); err != nil {
		s.Logger.LogAttrs(ctx, slog.LevelWarn, "idempotency key not freed", slog.String("request_id", known.id), slog.Any("error", err))
	}
}

// derived gives the id of what this request makes: the same for every repeat
// of it, even where the kept answer was lost.
func derived(ctx context.Context, thing string) string {
	known := requestOf(ctx)
	return ident.DerivedID(thing, known.scope, known.key)
}

func visibleASCII(key string) bool {
	if key == "" || len(key) > 128 {
		return false
	}
	for i := range len(key) {
		if key[i] <= ' ' || key[i] > '~' {
			return false
		}
	}
	return true
}

func (s *server) hashBody(r *http.Request) string {
	var text []byte
	if held, ok := r.Body.(heldBody); ok {
		text = held.text
	}
	sum := hmac.New(sha256.New, s.BodyKey)
	_, _ = sum.Write(text)
	return hex.EncodeToString(sum.Sum(nil))
}

// heldWriter keeps an answer back until it is stored.
type heldWriter struct {
	gin.ResponseWriter
	body    bytes.Buffer
	status  int
	written bool
}

// Write keeps bytes of the body.
func (w *heldWriter) Write(text []byte) (int, error) {
	w.written = true
	return w.body.Write(text)
}

// WriteString keeps bytes of the body.
func (w *heldWriter) WriteString(text string) (int, error) {
	w.written = true
	return w.body.WriteString(text)
}

// WriteHeader keeps the status.
func (w *heldWriter) WriteHeader(status int) { w.status = status }

// WriteHeaderNow does nothing: headers leave with the body.
func (w *heldWriter) WriteHeaderNow() { w.written = true }

// Status gives the status kept.
func (w *heldWriter) Status() int { return w.status }

// Size gives the bytes kept.
func (w *heldWriter) Size() int { return w.body.Len() }

// Written tells whether anything was.
func (w *heldWriter) Written() bool { return w.written }

// Flush does nothing: what is kept leaves at once.
func (w *heldWriter) Flush() {}
