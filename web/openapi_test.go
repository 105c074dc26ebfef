package web_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
)

// operationOf finds the documented operation of a path.
func (s *site) operationOf(method, path string) *openapi3.Operation {
	path, _, _ = strings.Cut(path, "?")
	parts := strings.Split(path, "/")
	var found *openapi3.Operation
	for template, item := range s.document.Paths.Map() {
		wanted := strings.Split(template, "/")
		if len(wanted) != len(parts) {
			continue
		}
		fits := true
		for i := range wanted {
			fits = fits && (wanted[i] == parts[i] || strings.HasPrefix(wanted[i], "{"))
		}
		if fits && item.GetOperation(method) != nil {
			found = item.GetOperation(method)
		}
	}
	return found
}

// requireDocumented holds an answer against the OpenAPI document: its status
// is named there and its body fits the schema.
func (s *site) requireDocumented(method, path string, got reply) {
	s.t.Helper()
	op := s.operationOf(method, path)
	if op == nil || got.status == http.StatusMethodNotAllowed {
		return
	}
	documented := op.Responses.Value(strconv.Itoa(got.status))
	require.NotNil(s.t, documented, "%s %s answers %d, which is not documented: %s", method, path, got.status, got.text)
	kind, _, _ := strings.Cut(got.header.Get("Content-Type"), ";")
	if len(documented.Value.Content) == 0 || !strings.HasSuffix(kind, "json") {
		return
	}
	content := documented.Value.Content[kind]
	require.NotNil(s.t, content, "%s %s answers with %s", method, path, kind)
	var value any
	require.NoError(s.t, json.Unmarshal([]byte(got.text), &value))
	require.NoError(s.t, content.Schema.Value.VisitJSON(value, openapi3.EnableJSONSchema2020()), "%s %s: %s", method, path, got.text)
}

func TestDocument(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	c := s.nobody()

	t.Run("is valid OpenAPI 3.1", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, "3.1.0", s.document.OpenAPI)
		require.NoError(t, s.document.Validate(t.Context(), openapi3.IsOpenAPI31OrLater(), openapi3.EnableExamplesValidation()))
	})
	t.Run("is served as JSON and YAML", func(t *testing.T) {
		t.Parallel()
		for _, path := range []string{"/api/openapi.json", "/api/openapi.yaml"} {
			got := c.call(http.MethodGet, path, nil)
			require.Equal(t, http.StatusOK, got.status)
			loaded, err := openapi3.NewLoader().LoadFromData([]byte(got.text))
			require.NoError(t, err)
			require.Len(t, loaded.Paths.Map(), s.document.Paths.Len())
		}
	})
	t.Run("every operation has id, summary, description, tag, problems", func(t *testing.T) {
		t.Parallel()
		ids := map[string]bool{}
		for path, item := range s.document.Paths.Map() {
			for method, op := range item.Operations() {
				name := method + " " + path
				require.NotEmpty(t, op.OperationID, name)
				require.False(t, ids[op.OperationID], "%s is taken twice", op.OperationID)
				ids[op.OperationID] = true
				require.NotEmpty(t, op.Summary, name)
				require.NotEmpty(t, op.Description, name)
				require.Len(t, op.Tags, 1, name)
				require.NotNil(t, s.document.Tags.Get(op.Tags[0]), name)
				for status, response := range op.Responses.Map() {
					if status >= "400" {
						require.NotNil(t, response.Value.Content["application/problem+json"], "%s %s", name, status)
					}
				}
				for _, parameter := range op.Parameters {
					require.NotEmpty(t, parameter.Value.Description, "%s: %s", name, parameter.Value.Name)
				}
				require.NotNil(t, op.Responses.Value("500"), name)
				if method != http.MethodGet {
					require.NotNil(t, op.Parameters.GetByInAndName("header", "Idempotency-Key"), name)
				}
			}
		}
		require.GreaterOrEqual(t, len(ids), 28)
	})
	t.Run("money is integer fen", func(t *testing.T) {
		t.Parallel()
		for name, schema := range s.document.Components.Schemas {
			for field, property := range schema.Value.Properties {
				if strings.HasSuffix(field, "_fen") {
					require.True(t, property.Value.Type.Includes("integer"), "%s.%s", name, field)
				}
			}
		}
	})
	t.Run("its pages load nothing from elsewhere", func(t *testing.T) {
		t.Parallel()
		for _, path := range []string{"/", "/docs", "/docs/docs.js", "/docs/pages.css"} {
			got := c.call(http.MethodGet, path, nil)
			require.Equal(t, http.StatusOK, got.status, path)
			require.NotContains(t, got.text, "http:/"+"/")
			require.NotContains(t, got.text, "https:/"+"/")
			require.Contains(t, got.header.Get("Content-Security-Policy"), "default-src 'none'")
		}
	})
}
