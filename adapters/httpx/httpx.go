// Package httpx is the HTTP plumbing that the adapters share: request
// building, credentials, status to fault, bounded bodies, NDJSON and pages.
// The one rule: neither a URL nor an error ever carries personal data, so
// lookups by licence, identity or account number are POST bodies and errors
// name the operation, never the address or the values asked for.
package httpx

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"loan310/app/fault"
)

// Codes of the faults made here.
const (
	CodeDown        fault.Code = fault.CodeProviderDown       // transport error or 5xx
	CodeLimited     fault.Code = "provider_limited"           // 429
	CodeCredentials fault.Code = "provider_credentials"       // 401 or 403: ours are wrong
	CodeMalformed   fault.Code = "provider_malformed_answer"  // not what the contract says
	CodeRefused     fault.Code = "provider_refused_request"   // another 4xx without a code of its own
	CodeTooLarge    fault.Code = "provider_answer_too_large"  // body or line over the limit
	CodeRequest     fault.Code = "provider_request_not_built" // ours to mend; nothing was sent
)

// Headers of our own contracts.
const (
	// HeaderDataAsOf carries the newest moment the source vouches for, RFC 3339.
	HeaderDataAsOf = "X-Data-As-Of"
	// HeaderRowCount carries the number of lines of an NDJSON answer; as a
	// trailer it is read after the body.
	HeaderRowCount = "X-Row-Count"
)

// defaultMaxBody bounds an answer that is read whole.
const defaultMaxBody = 4 << 20

// Authorizer adds credentials to a request whose body is given.
type Authorizer func(request *http.Request, body []byte) error

// Options configure a Client.
type Options struct {
	// Provider names the system in errors ("registry"); required.
	Provider string
	// BaseURL is an absolute http or https address; required.
	BaseURL string
	// Authorize adds credentials. Nil means none.
	Authorize Authorizer
	// Transport carries the requests. Nil means a Transport of its own.
	Transport http.RoundTripper
	// MaxBody bounds a body read whole, in bytes. Zero means 4 MiB. Streams
	// are bounded by line instead.
	MaxBody int64
}

// Client talks to one provider. It is safe for concurrent use.
type Client struct {
	provider  string
	base      *url.URL
	authorize Authorizer
	http      *http.Client
	maxBody   int64
}

// Transport makes a transport for server-to-server calls: kept-alive
// connections, no proxy, no redirect following (see New), bounded waits for
// dialling and headers. Whole calls are bounded by their context.
func Transport() *http.Transport {
	return &http.Transport{
		DialContext:           (&net.Dialer{Timeout: 3 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          256,
		MaxIdleConnsPerHost:   64,
		IdleConnTimeout:       60 * time.Second,
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
}

// New makes a client; an unusable BaseURL is an error. Redirects are not
// followed: a provider's contract has none, and credentials would travel.
func New(options Options) (*Client, error) {
	base, err := url.Parse(options.BaseURL)
	if err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" {
		return nil, fmt.Errorf("base url of %s is not an absolute http address", options.Provider)
	}
	transport := options.Transport
	if transport == nil {
		transport = Transport()
	}
	maxBody := options.MaxBody
	if maxBody <= 0 {
		maxBody = defaultMaxBody
	}
	return &Client{
		provider:  options.Provider,
		base:      base,
		authorize: options.Authorize,
		maxBody:   maxBody,
		http: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Request is one call. At most one of JSON and Form is set.
type Request struct {
	// Op names the operation in errors ("look licence up"); required.
	Op     string
	Method string     // zero: GET, or POST when there is a body
	Path   string     // below the base URL; may hold a query when Link is set
	Query  url.Values // dates and cursors only, never personal data
	JSON   any        // body, encoded as JSON
	Form   url.Values // body, form-encoded
	Header http.Header
	// Link says that Path is a link the provider gave: absolute or relative.
	// A link to another host is refused.
	Link bool
}

// Do sends a request and gives the answer of a 2xx status; the caller closes
// its body. Other statuses and transport errors become faults (see
// StatusFault). The context bounds the reading of the body too.
func (c *Client) Do(ctx context.Context, request Request) (*http.Response, error) {
	built, err := c.build(ctx, request)
	if err != nil {
		return nil, fault.New(fault.Internal, CodeRequest, "%s: %s: request not built", c.provider, request.Op).Wrap(err)
	}
	response, err := c.http.Do(built)
	if err != nil {
		return nil, c.transportFault(request.Op, err)
	}
	if response.StatusCode >= 200 && response.StatusCode <= 299 {
		return response, nil
	}
	defer func() { _ = response.Body.Close() }()
	text, _ := io.ReadAll(io.LimitReader(response.Body, 8<<10)) // a code is a bonus
	return nil, StatusFault(c.provider, request.Op, response.StatusCode, text)
}

// Bytes sends a request and gives the whole body, bounded by MaxBody.
func (c *Client) Bytes(ctx context.Context, request Request) ([]byte, http.Header, error) {
	response, err := c.Do(ctx, request)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, c.maxBody+1))
	if err != nil {
		return nil, nil, c.transportFault(request.Op, err)
	}
	if int64(len(body)) > c.maxBody {
		return nil, nil, fault.New(fault.Unavailable, CodeTooLarge, "%s: %s: answer is over %d bytes", c.provider, request.Op, c.maxBody)
	}
	return body, response.Header, nil
}

// JSON sends a request and decodes the whole body into out: one JSON value,
// nothing after it, unknown fields ignored.
func (c *Client) JSON(ctx context.Context, request Request, out any) error {
	body, _, err := c.Bytes(ctx, request)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, out); err != nil {
		return c.Malformed(request.Op, "answer is not the JSON agreed on")
	}
	return nil
}

// Malformed is the fault of an answer that breaks the contract. what must not
// quote the answer.
func (c *Client) Malformed(op, what string) *fault.Error {
	return fault.New(fault.Unavailable, CodeMalformed, "%s: %s: %s", c.provider, op, what)
}

func (c *Client) build(ctx context.Context, request Request) (*http.Request, error) {
	target, err := c.target(request)
	if err != nil {
		return nil, err
	}
	body, contentType, err := encode(request)
	if err != nil {
		return nil, err
	}
	method := request.Method
	if method == "" {
		method = http.MethodGet
		if contentType != "" {
			method = http.MethodPost
		}
	}
	built, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("method or address is not usable")
	}
	for name, values := range request.Header {
		built.Header[http.CanonicalHeaderKey(name)] = values
	}
	if contentType != "" {
		built.Header.Set("Content-Type", contentType)
	}
	if c.authorize != nil {
		if err := c.authorize(built, body); err != nil {
			return nil, fmt.Errorf("adding credentials: %w", err)
		}
	}
	return built, nil
}

func (c *Client) target(request Request) (string, error) {
	if !request.Link {
		target := c.base.JoinPath(request.Path)
		target.RawQuery = request.Query.Encode()
		return target.String(), nil
	}
	link, err := c.base.Parse(request.Path)
	if err != nil || link.Host != c.base.Host || link.Scheme != c.base.Scheme {
		return "", errors.New("link leads to another host")
	}
	return link.String(), nil
}

func encode(request Request) (body []byte, contentType string, err error) {
	switch {
	case request.JSON != nil:
		body, err = json.Marshal(request.JSON)
		return body, "application/json", err
	case request.Form != nil:
		return []byte(request.Form.Encode()), "application/x-www-form-urlencoded;charset=utf-8", nil
	default:
		return nil, "", nil
	}
}

// transportFault hides the address that net/http puts into its errors.
func (c *Client) transportFault(op string, err error) *fault.Error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	return fault.New(fault.Unavailable, CodeDown, "%s: %s: no answer", c.provider, op).Wrap(err)
}

// StatusFault maps a status that is not 2xx: 404 and 410 NotFound; 409
// Conflict; 429, 5xx, 408, 3xx and credentials refused (401, 403) Unavailable;
// other 4xx Invalid. A JSON body's "code" is taken over for Invalid and
// Conflict when it looks like a code.
func StatusFault(provider, op string, status int, body []byte) *fault.Error {
	at := func(kind fault.Kind, code fault.Code) *fault.Error {
		return fault.New(kind, code, "%s: %s: status %d", provider, op, status)
	}
	switch {
	case status == http.StatusNotFound || status == http.StatusGone:
		return at(fault.NotFound, fault.CodeNotFound)
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return at(fault.Unavailable, CodeCredentials)
	case status == http.StatusTooManyRequests:
		return at(fault.Unavailable, CodeLimited)
	case status == http.StatusConflict:
		return at(fault.Conflict, codeIn(body))
	case status >= 400 && status <= 499 && status != http.StatusRequestTimeout:
		return at(fault.Invalid, codeIn(body))
	default:
		return at(fault.Unavailable, CodeDown)
	}
}

// codeIn reads {"code":"lower_case_words"} and refuses anything that could be
// more than a code.
func codeIn(body []byte) fault.Code {
	var answer struct {
		Code string `json:"code"`
	}
	if json.Unmarshal(body, &answer) != nil || answer.Code == "" || len(answer.Code) > 64 {
		return CodeRefused
	}
	if strings.Trim(answer.Code, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_.-") != "" {
		return CodeRefused
	}
	return fault.Code(answer.Code)
}
