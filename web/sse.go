package web

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"loan310/app/underwriting"
	"loan310/scoring"
)

// How a stream of events behaves.
const (
	beatEvery     = 10 * time.Second // should a signal be lost, it is also when to look
	lastEventIn   = 2 * time.Second  // after the state that it tells
	writeWithin   = 15 * time.Second // for one write to the client
	streamAtMost  = 15 * time.Minute // then the client comes back by itself
	reconnectHint = "retry: 1000\n\n"
)

type streamRequest struct {
	ByID
	LastEventID string `header:"Last-Event-ID" maxLength:"20" pattern:"^[0-9]*$" doc:"Go on after this event; a browser's EventSource sends it by itself."`
}

func streamOperation(schemas huma.Registry) huma.Operation {
	event := schemas.Schema(reflect.TypeFor[underwriting.Event](), true, "Event")
	return huma.Operation{
		OperationID: "stream-application", Method: http.MethodGet, Path: "/api/applications/{id}/events", Tags: []string{"applications"},
		Summary: "Follow an application live",
		Description: "Server-sent events. Each step is `event: progress` with the step as JSON in `data` and its seq as `id`. " +
			"A comment comes every 10 s. After the answer (approved or declined) or the acceptance comes `event: end` with the state, and the stream ends; " +
			"coming back after that answers 204, which tells EventSource to stop. Resume with Last-Event-ID.",
		Errors: []int{http.StatusTooManyRequests},
		Responses: map[string]*huma.Response{
			"200": {Description: "Steps as they happen.", Content: map[string]*huma.MediaType{"text/event-stream": {Schema: event}}},
			"204": {Description: "Nothing more will happen."},
		},
	}
}

func (s *server) streamApplication(ctx context.Context, who Principal, in *streamRequest) (*huma.StreamResponse, error) {
	application, err := s.applicationFor(ctx, who, in.ID)
	if err != nil {
		return nil, err
	}
	leave, err := s.streams.enter(who)
	if err != nil {
		return nil, err
	}
	response, err := s.openStream(ctx, application, in, leave)
	if err != nil {
		leave()
	}
	return response, err
}

// openStream makes the answer that follows an application; leave is called
// when it ends.
func (s *server) openStream(ctx context.Context, application underwriting.Application, in *streamRequest, leave func()) (*huma.StreamResponse, error) {
	after, _ := strconv.ParseInt(in.LastEventID, 10, 64) // its form is checked; a number too large is the end of all events
	signal, stopEvents := s.Underwriting.Watch(in.ID)
	state, stopState := s.Underwriting.WatchState(in.ID)
	stop := func() {
		stopEvents()
		stopState()
	}
	events, err := s.Underwriting.Events(ctx, in.ID, after)
	if err != nil {
		stop()
		return nil, err
	}
	if after > 0 && len(events) == 0 && answered(application.State) {
		stop()
		leave()
		return &huma.StreamResponse{Body: func(hc huma.Context) { hc.SetStatus(http.StatusNoContent) }}, nil
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer leave()
		defer stop()
		c := humagin.Unwrap(hc)
		stream := &stream{server: s, id: in.ID, after: after, writer: c.Writer, control: http.NewResponseController(underneath(c.Writer))}
		header := c.Writer.Header()
		header.Set("Content-Type", "text/event-stream; charset=utf-8")
		header.Set("X-Accel-Buffering", "no")
		c.Status(http.StatusOK)
		if err := stream.run(hc.Context(), signal, state, events); err != nil && hc.Context().Err() == nil {
			s.Logger.LogAttrs(hc.Context(), slog.LevelWarn, "stream broke off", slog.String("request_id", requestOf(hc.Context()).id),
				slog.String("application_id", in.ID), slog.Any("error", err))
		}
	}}, nil
}

// answered tells whether the stream has nothing more to tell.
func answered(state underwriting.State) bool {
	return state != underwriting.Submitted && state != underwriting.Deferred
}

// last tells whether an event ends the stream.
func last(event underwriting.Event) bool {
	return event.Kind == "accepted" || event.Kind == "decided" && event.Outcome != scoring.Deferred
}

// stream is one client following one application.
type stream struct {
	server  *server
	id      string
	after   int64
	writer  http.ResponseWriter
	control *http.ResponseController
}

// run sends the events at hand and those to come until the last one, the
// client's leaving, or the time a stream may last. The state is looked at when
// it may have changed: a lost last event must not leave the stream open.
func (s *stream) run(ctx context.Context, signal, state <-chan struct{}, events []underwriting.Event) error {
	beat, lost := time.NewTicker(beatEvery), time.NewTimer(streamAtMost)
	defer beat.Stop()
	defer lost.Stop()
	over := time.NewTimer(streamAtMost)
	defer over.Stop()
	if err := s.write(reconnectHint); err != nil {
		return err
	}
	settled := false // the state said so; what is left is read once more
	for {
		ended, err := s.send(events)
		if err != nil {
			return err
		}
		if ended || settled && len(events) == 0 {
			return s.end(ctx)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-over.C:
			return nil
		case <-signal:
		case <-state:
			if err := s.watchEnd(ctx, lost); err != nil {
				return err
			}
		case <-beat.C:
			if err := s.write(": still here\n\n"); err != nil {
				return err
			}
			if err := s.watchEnd(ctx, lost); err != nil {
				return err
			}
		case <-lost.C:
			settled = true
		}
		if events, err = s.server.Underwriting.Events(ctx, s.id, s.after); err != nil {
			return err
		}
	}
}

// watchEnd gives the last event, stored after the state it tells, some time to
// come once the application has its answer.
func (s *stream) watchEnd(ctx context.Context, lost *time.Timer) error {
	application, err := s.server.Underwriting.Application(ctx, s.id)
	if err == nil && answered(application.State) {
		lost.Reset(lastEventIn)
	}
	return err
}

// send writes events; true after the last one there will be.
func (s *stream) send(events []underwriting.Event) (bool, error) {
	for _, event := range events {
		text, err := json.Marshal(event)
		if err != nil {
			return false, fmt.Errorf("write event: %w", err)
		}
		if err := s.write("id: " + strconv.FormatInt(event.Seq, 10) + "\nevent: progress\ndata: " + string(text) + "\n\n"); err != nil {
			return false, err
		}
		s.after = event.Seq
		if last(event) {
			return true, nil
		}
	}
	return false, nil
}

// end tells the client that this was all.
func (s *stream) end(ctx context.Context) error {
	application, err := s.server.Underwriting.Application(ctx, s.id)
	if err != nil {
		return err
	}
	return s.write("event: end\ndata: {\"state\":\"" + string(application.State) + "\"}\n\n")
}

func (s *stream) write(text string) error {
	// A recorder in tests has no deadlines; a server's connection has.
	_ = s.control.SetWriteDeadline(s.server.Now().Add(writeWithin))
	if _, err := s.writer.Write([]byte(text)); err != nil {
		return fmt.Errorf("write to the client: %w", err)
	}
	if err := s.control.Flush(); err != nil {
		return fmt.Errorf("flush to the client: %w", err)
	}
	return nil
}

// underneath gives the server's own writer: gin's flushes only where what it
// stands on is an http.Flusher itself, and panics elsewhere.
func underneath(w http.ResponseWriter) http.ResponseWriter {
	if wrapper, ok := w.(interface{ Unwrap() http.ResponseWriter }); ok {
		return wrapper.Unwrap()
	}
	return w
}
