package httpx_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/adapters/httpx"
	"loan310/app/clock"
	"loan310/app/fault"
)

func serve(t *testing.T, handler http.HandlerFunc, options ...func(*httpx.Options)) *httpx.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	o := httpx.Options{Provider: "test", BaseURL: server.URL + "/base"}
	for _, option := range options {
		option(&o)
	}
	client, err := httpx.New(o)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

func TestNewRefusesAddressesThatAreNone(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "localhost:80", "ftp://x", "http://", "://"} {
		_, err := httpx.New(httpx.Options{Provider: "test", BaseURL: address})
		require.Error(t, err, address)
	}
}

func TestRequestsAreBuilt(t *testing.T) {
	t.Parallel()
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_ = json.NewEncoder(w).Encode([]string{r.Method, r.URL.RequestURI(), r.Header.Get("Content-Type"), string(body), r.Header.Get("Authorization")})
	}, func(o *httpx.Options) { o.Authorize = httpx.Bearer("t") })
	tests := map[string]struct {
		request httpx.Request
		want    []string
	}{
		"get with query": {
			httpx.Request{Path: "a/b", Query: url.Values{"since": {"2026"}}},
			[]string{"GET", "/base/a/b?since=2026", "", "", "Bearer t"},
		},
		"json is posted": {
			httpx.Request{Path: "a", JSON: map[string]int{"n": 1}},
			[]string{"POST", "/base/a", "application/json", `{"n":1}`, "Bearer t"},
		},
		"form is posted": {
			httpx.Request{Form: url.Values{"k": {"v w"}}},
			[]string{"POST", "/base", "application/x-www-form-urlencoded;charset=utf-8", "k=v+w", "Bearer t"},
		},
		"a link is followed on the same host": {
			httpx.Request{Path: "/other?page=2", Link: true},
			[]string{"GET", "/other?page=2", "", "", "Bearer t"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			require.NoError(t, client.JSON(t.Context(), test.request, &got))
			require.Equal(t, test.want, got)
		})
	}
	err := client.JSON(t.Context(), httpx.Request{Op: "page", Path: "http://elsewhere.example/x", Link: true}, nil)
	require.Equal(t, httpx.CodeRequest, fault.CodeOf(err))
}

func TestStatusBecomesFault(t *testing.T) {
	t.Parallel()
	tests := []struct {
		status int
		body   string
		kind   fault.Kind
		code   fault.Code
	}{
		{404, "", fault.NotFound, fault.CodeNotFound},
		{410, "", fault.NotFound, fault.CodeNotFound},
		{401, "", fault.Unavailable, httpx.CodeCredentials},
		{403, "", fault.Unavailable, httpx.CodeCredentials},
		{408, "", fault.Unavailable, httpx.CodeDown},
		{429, "", fault.Unavailable, httpx.CodeLimited},
		{500, "", fault.Unavailable, httpx.CodeDown},
		{302, "", fault.Unavailable, httpx.CodeDown},
		{409, `{"code":"taken"}`, fault.Conflict, "taken"},
		{422, `{"code":"too_big"}`, fault.Invalid, "too_big"},
		{400, `{"code":"no such person 110105"}`, fault.Invalid, httpx.CodeRefused},
		{400, `<html>`, fault.Invalid, httpx.CodeRefused},
	}
	for _, test := range tests {
		t.Run(strconv.Itoa(test.status)+test.body, func(t *testing.T) {
			t.Parallel()
			made := httpx.StatusFault("test", "op", test.status, []byte(test.body))
			require.Equal(t, test.kind, made.Kind)
			require.Equal(t, test.code, made.Code)
			require.NotContains(t, made.Error(), "110105")
		})
	}
}

func TestErrorsShowNeitherAddressNorBody(t *testing.T) {
	t.Parallel()
	const secret = "11010519491231002X"
	client, err := httpx.New(httpx.Options{Provider: "test", BaseURL: "http://127.0.0.1:1/" + secret})
	require.NoError(t, err)
	err = client.JSON(t.Context(), httpx.Request{Op: "op", JSON: map[string]string{"id": secret}, Query: url.Values{"q": {secret}}}, nil)
	require.Equal(t, httpx.CodeDown, fault.CodeOf(err))
	require.NotContains(t, err.Error(), secret)

	garbled := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"id":"` + secret)) })
	var out map[string]string
	err = garbled.JSON(t.Context(), httpx.Request{Op: "op"}, &out)
	require.Equal(t, httpx.CodeMalformed, fault.CodeOf(err))
	require.NotContains(t, err.Error(), secret)
}

func TestBodiesAreBounded(t *testing.T) {
	t.Parallel()
	client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`"` + strings.Repeat("x", 2000) + `"`))
	}, func(o *httpx.Options) { o.MaxBody = 1000 })
	_, _, err := client.Bytes(t.Context(), httpx.Request{Op: "op"})
	require.Equal(t, httpx.CodeTooLarge, fault.CodeOf(err))
}

func TestTrailingTextIsMalformed(t *testing.T) {
	t.Parallel()
	client := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{} {}`)) })
	var out map[string]string
	require.Equal(t, httpx.CodeMalformed, fault.CodeOf(client.JSON(t.Context(), httpx.Request{Op: "op"}, &out)))
}

type row struct {
	N int `json:"n"`
}

func TestLines(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		body, count string
		sum         int
		code        fault.Code
		says        string
	}{
		"rows and empty lines":         {body: "{\"n\":1}\n\n{\"n\":2}\n", sum: 3},
		"no newline at the end":        {body: "{\"n\":1}\n{\"n\":2}", count: "2", sum: 3},
		"nothing":                      {},
		"garbage names its line":       {body: "{\"n\":1}\n{\"n\":", code: httpx.CodeMalformed, says: "line 2"},
		"a line too long":              {body: "{\"n\":1}\n\"" + strings.Repeat("x", httpx.MaxLine) + "\"\n", code: httpx.CodeMalformed, says: "line 2"},
		"fewer rows than it said":      {body: "{\"n\":1}\n", count: "2", code: httpx.CodeMalformed, says: "line 1"},
		"rows of another shape":        {body: "{\"n\":\"x\"}\n", code: httpx.CodeMalformed, says: "line 1"},
		"a line of several json texts": {body: "{\"n\":1}{\"n\":2}\n", code: httpx.CodeMalformed, says: "line 1"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Trailer", httpx.HeaderRowCount)
				w.Header().Set(httpx.HeaderDataAsOf, "2026-01-02T03:04:05Z")
				_, _ = w.Write([]byte(test.body))
				w.Header().Set(httpx.HeaderRowCount, test.count)
			})
			sum := 0
			answer, err := httpx.Lines(t.Context(), client, httpx.Request{Op: "rows"}, func(r *row) error {
				sum += r.N
				return nil
			})
			if test.code != "" {
				require.Equal(t, test.code, fault.CodeOf(err))
				require.Equal(t, fault.Unavailable, fault.KindOf(err))
				require.ErrorContains(t, err, test.says)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.sum, sum)
			asOf, err := answer.DataAsOf()
			require.NoError(t, err)
			require.Equal(t, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), asOf)
		})
	}
}

func TestLinesOfABrokenStreamAreUnavailable(t *testing.T) {
	t.Parallel()
	client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte("{\"n\":1}\n"))
	})
	_, err := httpx.Lines(t.Context(), client, httpx.Request{Op: "rows"}, func(*row) error { return nil })
	require.Equal(t, httpx.CodeDown, fault.CodeOf(err))
	require.ErrorContains(t, err, "after line 1")
}

func TestLinesEndWithTheSinksError(t *testing.T) {
	t.Parallel()
	client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("{\"n\":1}\n{\"n\":2}\n"))
	})
	full := errors.New("disk full")
	_, err := httpx.Lines(t.Context(), client, httpx.Request{Op: "rows"}, func(*row) error { return full })
	require.ErrorIs(t, err, full)
}

func TestLinesEndWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("{\"n\":1}\n"))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	_, err := httpx.Lines(ctx, client, httpx.Request{Op: "rows"}, func(*row) error { return nil })
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestWalk(t *testing.T) {
	t.Parallel()
	pages := map[string]string{"": "b", "b": "c", "c": "", "loop": "loop2", "loop2": "loop"}
	var seen []string
	fetch := func(cursor string) (string, error) {
		seen = append(seen, cursor)
		return pages[cursor], nil
	}
	require.NoError(t, httpx.Walk("", 3, fetch))
	require.Equal(t, []string{"", "b", "c"}, seen)
	require.Equal(t, httpx.CodeMalformed, fault.CodeOf(httpx.Walk("", 2, fetch)), "three pages where two are allowed")
	require.Equal(t, httpx.CodeMalformed, fault.CodeOf(httpx.Walk("loop", 10, fetch)))
	stop := errors.New("stop")
	require.Equal(t, stop, httpx.Walk("", 3, func(string) (string, error) { return "", stop }))
}

func TestSignatureVector(t *testing.T) {
	t.Parallel()
	// printf 'POST\n/v1/reports\n1767225600\n%s' "$(printf '{}' | sha256sum | cut -d' ' -f1)" |
	//   openssl dgst -sha256 -hmac key
	const want = "159296e5e48d54b801116e12a1387e24f67be73dfd17e25a347278ed5a3517fa"
	require.Equal(t, want, httpx.Signature("key", "POST", "/v1/reports", "1767225600", []byte("{}")))

	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://x/v1/reports", nil)
	at := time.Unix(1767225600, 0)
	require.NoError(t, httpx.HMAC("id", "key", clock.Fixed(at))(request, []byte("{}")))
	require.Equal(t, want, request.Header.Get(httpx.HeaderSignature))
	require.Equal(t, "id", request.Header.Get(httpx.HeaderKeyID))
}
