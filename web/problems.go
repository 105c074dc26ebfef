package web

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"loan310/app/fault"
)

// Codes of requests refused before a use case sees them.
const (
	CodeMalformed    fault.Code = "malformed_request"
	CodeUnreadable   fault.Code = "invalid_request"
	CodeMediaType    fault.Code = "media_type_unsupported"
	CodeTooLarge     fault.Code = "body_too_large"
	CodeNoRoute      fault.Code = "no_such_path"
	CodeMethod       fault.Code = "method_not_allowed"
	CodeSignIn       fault.Code = "sign_in_required"
	CodeNotAllowed   fault.Code = "not_allowed"
	CodeCrossSite    fault.Code = "cross_site_request"
	CodeTooOften     fault.Code = "too_many_requests"
	CodeKeyRequired  fault.Code = "idempotency_key_required"
	CodeKeyInUse     fault.Code = "idempotency_key_in_use"
	CodeElsewhere    fault.Code = "registered_elsewhere"
	CodeTimeout      fault.Code = "timed_out"
	CodeFilterNeeded fault.Code = "merchant_id_required"
)

// Problem is what every refusal looks like (RFC 9457). It never holds a value
// the caller sent.
type Problem struct {
	Type      string         `json:"type" doc:"Names the kind of problem by its code." example:"urn:loan310:problem:licence_number_invalid"`
	Title     string         `json:"title" doc:"The status in words." example:"Unprocessable Entity"`
	Status    int            `json:"status" example:"422"`
	Detail    string         `json:"detail" doc:"What is wrong and what to do, for people." example:"A unified social credit code has 18 characters; this has 17."`
	Code      string         `json:"code" doc:"What is wrong, for machines." example:"licence_number_invalid"`
	Field     string         `json:"field,omitempty" doc:"The field at fault." example:"licence_number"`
	Errors    []FieldProblem `json:"errors,omitempty" doc:"One entry for each field at fault, where the request could not be read."`
	RequestID string         `json:"request_id" doc:"Quote it when asking for help." example:"0192f0c4-7a10-7c3e-9d2b-5f6a7b8c9d0e"`
	wait      time.Duration  // Retry-After
}

// FieldProblem is one field of a request that could not be read.
type FieldProblem struct {
	Field  string `json:"field" example:"body.amount_fen"`
	Detail string `json:"detail" example:"expected integer"`
}

// Error gives code and detail.
func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

// GetStatus gives the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is RFC 9457's.
func (*Problem) ContentType(string) string { return "application/problem+json" }

// GetHeaders gives Retry-After where waiting helps.
func (p *Problem) GetHeaders() http.Header {
	if p.wait <= 0 {
		return nil
	}
	return http.Header{"Retry-After": {strconv.FormatInt(int64((p.wait+time.Second-1)/time.Second), 10)}}
}

// answerTo is what a kind of fault becomes.
type answerTo struct {
	status int
	wait   time.Duration
}

// kindAnswers is the one table from faults to HTTP.
func kindAnswers(kind fault.Kind) answerTo {
	switch kind {
	case fault.Invalid:
		return answerTo{status: http.StatusUnprocessableEntity}
	case fault.Unauthorized:
		return answerTo{status: http.StatusUnauthorized}
	case fault.Forbidden:
		return answerTo{status: http.StatusForbidden}
	case fault.NotFound:
		return answerTo{status: http.StatusNotFound}
	case fault.Conflict:
		return answerTo{status: http.StatusConflict}
	case fault.Mismatch:
		return answerTo{status: http.StatusUnprocessableEntity}
	case fault.Limited:
		return answerTo{status: http.StatusTooManyRequests, wait: time.Minute}
	case fault.Unavailable:
		return answerTo{status: http.StatusServiceUnavailable, wait: 2 * time.Second}
	default:
		return answerTo{status: http.StatusInternalServerError}
	}
}

// problemOf translates an error without logging it.
func problemOf(err error) *Problem {
	if known, ok := errors.AsType[*Problem](err); ok {
		return known
	}
	found, ok := errors.AsType[*fault.Error](err)
	if !ok && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)) {
		found, ok = fault.New(fault.Unavailable, CodeTimeout, "This took too long. Nothing is lost; send the same request again."), true
	}
	if !ok || kindAnswers(found.Kind).status == http.StatusInternalServerError {
		return newProblem(http.StatusInternalServerError, fault.CodeInternal, "Something went wrong on our side. It has been recorded; try again in a moment.")
	}
	answer := kindAnswers(found.Kind)
	problem := newProblem(answer.status, found.Code, found.Message)
	problem.Field, problem.wait = found.Field, answer.wait
	return problem
}

func newProblem(status int, code fault.Code, detail string) *Problem {
	return &Problem{Type: "urn:loan310:problem:" + string(code), Title: http.StatusText(status), Status: status, Detail: detail, Code: string(code)}
}

// problem translates an error for the request of ctx; errors of ours end
// here and are logged.
func (s *server) problem(ctx context.Context, err error) *Problem {
	problem := problemOf(err)
	problem.RequestID = requestOf(ctx).id
	if problem.Status >= http.StatusInternalServerError {
		level := slog.LevelError
		if problem.Status == http.StatusServiceUnavailable {
			level = slog.LevelWarn
		}
		s.Logger.LogAttrs(ctx, level, "request failed", slog.String("request_id", problem.RequestID),
			slog.String("route", requestOf(ctx).route), slog.Any("error", err))
	}
	return problem
}

// refuse ends a request from a middleware.
func (s *server) refuse(c *gin.Context, err error) {
	problem := s.problem(c.Request.Context(), err)
	maps.Copy(c.Writer.Header(), problem.GetHeaders())
	text, err := json.Marshal(problem)
	if err != nil { // a struct of strings and numbers
		text = nil
	}
	c.Abort()
	c.Data(problem.Status, problem.ContentType(""), text)
}

func notFoundRoute() *Problem {
	return newProblem(http.StatusNotFound, CodeNoRoute, "There is nothing here. The API is described at /docs.")
}

func methodNotAllowed() *Problem {
	return newProblem(http.StatusMethodNotAllowed, CodeMethod, "This path does not take that method. The API is described at /docs.")
}

// installErrors makes huma speak Problem instead of its own model, which
// echoes what was sent. They are package variables of huma's, read while
// operations are registered, so they are set once for the process. So is
// strict casing: encoding/json would read "Amount_Fen" as amount_fen unseen
// by the validation.
func installErrors() {
	once.Do(func() {
		huma.ValidateStrictCasing = true
		huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
			return unread("", status, message, errs)
		}
		huma.NewErrorWithContext = func(ctx huma.Context, status int, message string, errs ...error) huma.StatusError {
			return unread(requestOf(ctx.Context()).id, status, message, errs)
		}
	})
}

// once guards huma's package variables; see installErrors.
var once sync.Once

// unread is the problem of a request huma could not read.
func unread(requestID string, status int, message string, errs []error) *Problem {
	problem := newProblem(status, CodeUnreadable, "The request does not have the form that is asked for; see errors.")
	switch status {
	case http.StatusBadRequest:
		problem = newProblem(status, CodeMalformed, "The body is not JSON.")
		if message == "request body is required" {
			problem.Detail = "The request needs a body."
		}
	case http.StatusUnsupportedMediaType:
		problem = newProblem(status, CodeMediaType, "Send the body as application/json.")
	case http.StatusRequestEntityTooLarge:
		problem = newProblem(status, CodeTooLarge, "The body is too large.")
	case http.StatusUnprocessableEntity:
		for _, err := range errs {
			if detail, ok := errors.AsType[*huma.ErrorDetail](err); ok {
				problem.Errors = append(problem.Errors, FieldProblem{Field: fieldName(detail), Detail: fieldMessage(detail.Message)})
			}
		}
		if len(problem.Errors) == 1 {
			problem.Field = problem.Errors[0].Field[strings.LastIndexByte(problem.Errors[0].Field, '.')+1:]
		}
	default:
		if status >= http.StatusInternalServerError {
			problem = newProblem(status, fault.CodeInternal, "Something went wrong on our side. Try again in a moment.")
		}
	}
	problem.RequestID = requestID
	return problem
}

// fieldName gives a location without names the caller made up.
func fieldName(detail *huma.ErrorDetail) string {
	if strings.HasPrefix(detail.Message, "unexpected property") || strings.HasPrefix(detail.Message, "unknown query") {
		location := detail.Location
		name := location[strings.LastIndexByte(location, '.')+1:]
		if len(name) > 40 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") != "" {
			return location[:max(len(location)-len(name)-1, 0)]
		}
	}
	return detail.Location
}

// fieldMessage lets only messages pass that are made of our own schema.
func fieldMessage(message string) string {
	for _, ours := range []string{"expected ", "unexpected property", "unknown query parameter", "required ", "invalid integer", "invalid boolean"} {
		if strings.HasPrefix(message, ours) {
			if strings.HasPrefix(message, "expected string to be RFC") {
				message, _, _ = strings.Cut(message, ":")
			}
			return message
		}
	}
	return "cannot be read as what is asked for"
}
