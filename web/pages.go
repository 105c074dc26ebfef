package web

import (
	"context"
	"embed"
	"encoding/json"
	"net/http"
	"path"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"loan310/app/fault"
)

// assets are the pages without a front end: a notice and the API's document.
//
//go:embed assets
var assets embed.FS

// readyWithin bounds each readiness check.
const readyWithin = 3 * time.Second

// plain registers what is no operation of the API: health, metrics, pages and
// the OpenAPI document, which is written once, here.
func (s *server) plain(engine *gin.Engine) {
	engine.GET("/livez", func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"status": "ok", "version": s.Version}) })
	engine.GET("/readyz", s.ready)
	if s.Metrics != nil {
		engine.GET("/metrics", gin.WrapH(s.Metrics))
	}
	text, err := json.Marshal(s.api.OpenAPI())
	s.document(engine, "/api/openapi.json", "application/openapi+json", text, err)
	text, err = s.api.OpenAPI().YAML()
	s.document(engine, "/api/openapi.yaml", "application/openapi+yaml", text, err)
	s.page(engine, "/", "assets/notice.html")
	s.page(engine, "/docs", "assets/docs.html")
	for _, name := range []string{"docs.js", "pages.css"} {
		s.page(engine, "/docs/"+name, "assets/"+name)
	}
}

func (s *server) document(engine *gin.Engine, at, contentType string, text []byte, err error) {
	engine.GET(at, func(c *gin.Context) {
		if err != nil {
			s.refuse(c, fault.New(fault.Internal, fault.CodeInternal, "no OpenAPI document").Wrap(err))
			return
		}
		c.Data(http.StatusOK, contentType, text)
	})
}

// page serves one embedded file.
func (s *server) page(engine *gin.Engine, at, name string) {
	types := map[string]string{".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
	text, err := assets.ReadFile(name)
	engine.GET(at, func(c *gin.Context) {
		if err != nil {
			s.refuse(c, fault.New(fault.Internal, fault.CodeInternal, "no page").Wrap(err))
			return
		}
		c.Header("Cache-Control", "no-cache")
		c.Data(http.StatusOK, types[path.Ext(name)], text)
	})
}

// ready answers 200 when every check passes, each named with ok or its fault
// code.
func (s *server) ready(c *gin.Context) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), readyWithin)
	defer cancel()
	results := make([]string, len(s.Ready))
	var group sync.WaitGroup
	for i, check := range s.Ready {
		group.Go(func() {
			results[i] = "ok"
			if err := check.Check(ctx); err != nil {
				results[i] = string(fault.CodeOf(err))
			}
		})
	}
	group.Wait()
	status, word, checks := http.StatusOK, "ok", gin.H{}
	for i, check := range s.Ready {
		checks[check.Name] = results[i]
		if results[i] != "ok" {
			status, word = http.StatusServiceUnavailable, "unavailable"
		}
	}
	c.JSON(status, gin.H{"status": word, "version": s.Version, "checks": checks})
}
