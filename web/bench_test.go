package web_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
)

// BenchmarkGet holds an authenticated read of the API against a bare gin
// handler that answers as many bytes. Both leave the network out; ours
// includes reading session and record from SQLite.
func BenchmarkGet(b *testing.B) {
	s := newSite(b, nil)
	c := s.register("")
	path := "/api/lines/" + c.openLine()
	text := []byte(c.call(http.MethodGet, path, nil).text)
	gin.SetMode(gin.ReleaseMode)
	bare := gin.New()
	bare.GET("/api/lines/:id", func(c *gin.Context) { c.Data(http.StatusOK, "application/json", text) })
	run := func(b *testing.B, handler http.Handler, path, cookie string) float64 {
		b.Helper()
		b.ReportAllocs()
		for b.Loop() {
			request := httptest.NewRequestWithContext(b.Context(), http.MethodGet, path, nil)
			if cookie != "" {
				request.Header.Set("Cookie", cookie)
			}
			recorder := httptest.NewRecorder()
			handler.ServeHTTP(recorder, request)
			if recorder.Code != http.StatusOK {
				b.Fatal(recorder.Body.String())
			}
		}
		return float64(b.Elapsed().Nanoseconds()) / float64(b.N)
	}
	times := map[string]float64{}
	b.Run("bare gin", func(b *testing.B) { times["bare"] = run(b, bare, path, "") })
	b.Run("consent texts, nothing read", func(b *testing.B) {
		times["nothing read"] = run(b, s.server.Config.Handler, "/api/consent-texts", "")
		b.ReportMetric(times["nothing read"]/times["bare"], "x-bare")
	})
	b.Run("line, session and record read", func(b *testing.B) {
		times["line"] = run(b, s.server.Config.Handler, path, c.cookie)
		b.ReportMetric(times["line"]/times["bare"], "x-bare")
	})
}
