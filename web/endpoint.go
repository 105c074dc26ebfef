package web

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"
)

// ByID names one record in the path.
type ByID struct {
	ID string `path:"id" maxLength:"64" doc:"The record's id." example:"0192f0c4-7a10-7c3e-9d2b-5f6a7b8c9d0e"`
}

// Keyed asks for the idempotency key of a write. The middleware has checked
// it before a handler runs.
type Keyed struct {
	IdempotencyKey string `header:"Idempotency-Key" required:"true" minLength:"1" maxLength:"128" doc:"Makes sending the request twice the same as once: the same key with the same body gives the first answer again, with another body 422. 1 to 128 visible ASCII characters; draw a new one (a UUID) for each thing you want done." example:"6f1c1f0e-5f0c-4d6e-9f0e-1c2d3e4f5a6b"`
}

// Paged asks for part of a list.
type Paged struct {
	Cursor string `query:"cursor" maxLength:"256" doc:"Where to go on: next_cursor of the answer before. Empty starts from the newest."`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"How many at most."`
}

// Spoken asks for texts in a language.
type Spoken struct {
	Language string `header:"Accept-Language" doc:"zh-CN (default) or en." example:"en"`
}

// answer carries a body, and a header where to look for more.
type answer[T any] struct {
	Location string `header:"Location"`
	Body     T
}

// body carries a body alone.
type body[T any] struct{ Body T }

func newAPI(engine *gin.Engine, group *gin.RouterGroup, version string) huma.API {
	session := &huma.SecurityScheme{Type: "apiKey", In: "cookie", Name: cookieName, Description: "Set by POST /api/auth/sessions (merchants) and POST /api/auth/staff-sessions. Writes must come from our own pages: Sec-Fetch-Site same-origin, or an Origin that is the host."}
	key := &huma.SecurityScheme{Type: "http", Scheme: "bearer", Description: "A platform's API key: `Authorization: Bearer l310_…`. It reaches the merchants that the platform registered."}
	return humagin.NewWithGroup(engine, group, huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info:    &huma.Info{Title: "loan310", Version: version, Description: apiDescription},
			Tags: []*huma.Tag{
				{Name: "auth", Description: "Who is calling: merchants by one-time code, staff by password, platforms by API key."},
				{Name: "registration", Description: "From a phone number to a merchant that may borrow."},
				{Name: "applications", Description: "From an application to a decision and an accepted credit line."},
				{Name: "lines", Description: "Credit lines and what a draw would cost."},
				{Name: "drawdowns", Description: "Draws on a line and their payout."},
				{Name: "loans", Description: "Loans after their payout: schedule, repayments, corrections and decisions."},
				{Name: "ops", Description: "For operators: providers and books."},
			},
			Components: &huma.Components{
				Schemas:         huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{"session": session, "apiKey": key},
			},
		},
		Formats: map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		// No OpenAPIPath: the document is served by s.plain, made once.
		DefaultFormat: "application/json",
	})
}

const apiDescription = "Underwriting, credit lines and draws for small merchants.\n\n" +
	"Money is in integer fen (1/100 yuan), rates in basis points, times in RFC 3339. " +
	"Every refusal is `application/problem+json` with a `code` for machines and a `detail` for people; values you sent are never echoed. " +
	"Every POST, PUT and DELETE needs an `Idempotency-Key`. " +
	"Records of others answer 404."

// endpoint registers one operation. Who may call it comes from the table of
// permissions; what it can refuse with follows from its shape.
func endpoint[I, O any](s *server, op huma.Operation, handle func(ctx context.Context, who Principal, in *I) (*O, error)) {
	allowed := s.table[op.OperationID]
	op.Errors = append(op.Errors, refusals(op, allowed)...)
	op.Security = securityOf(allowed)
	s.rules[op.Method+" "+ginPath(op.Path)] = allowed
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, principalOf(ctx), in)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return out, nil
	})
}

func refusals(op huma.Operation, allowed []caller) []int {
	out := []int{http.StatusInternalServerError, http.StatusServiceUnavailable}
	if !slices.Contains(allowed, anyone) {
		out = append(out, http.StatusUnauthorized, http.StatusForbidden)
	}
	if strings.Contains(op.Path, "{") {
		out = append(out, http.StatusNotFound)
	}
	if op.Method != http.MethodGet {
		out = append(out, http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity)
	}
	slices.Sort(out)
	return out
}

func securityOf(allowed []caller) []map[string][]string {
	var out []map[string][]string
	if slices.ContainsFunc(allowed, func(c caller) bool { return c != anyone && c != platformCaller }) {
		out = append(out, map[string][]string{"session": {}})
	}
	if slices.Contains(allowed, platformCaller) {
		out = append(out, map[string][]string{"apiKey": {}})
	}
	return out
}

func ginPath(path string) string {
	return strings.ReplaceAll(strings.ReplaceAll(path, "{", ":"), "}", "")
}

// documentKeys adds to the document what the middlewares answer.
func documentKeys(api *huma.OpenAPI) {
	for _, item := range api.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Delete} {
			if op == nil {
				continue
			}
			for status, response := range op.Responses {
				document(status, response, op.Method != http.MethodGet)
			}
		}
	}
}

func document(status string, response *huma.Response, keyed bool) {
	if response.Headers == nil {
		response.Headers = map[string]*huma.Header{}
	}
	response.Headers["X-Request-Id"] = &huma.Header{Description: "Names this request in our logs.", Schema: &huma.Schema{Type: huma.TypeString}}
	code, err := strconv.Atoi(status)
	if err != nil {
		return
	}
	if keyed && code < http.StatusBadRequest {
		response.Headers["Idempotency-Replayed"] = &huma.Header{Description: "true where this answer was given before.", Schema: &huma.Schema{Type: huma.TypeString}}
	}
	if code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable {
		response.Headers["Retry-After"] = &huma.Header{Description: "Seconds to wait.", Schema: &huma.Schema{Type: huma.TypeInteger}}
	}
}
