// Package apiclient speaks the product's HTTP API as a platform does. The
// demo, the benchmark and the end-to-end tests go through it, so that they
// see only what a customer sees.
package apiclient

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"loan310/app/fault"
	"loan310/app/ident"
)

// Client calls one server with one platform's key. It is safe for concurrent
// use.
type Client struct {
	base  string
	key   string
	http  *http.Client
	tries int
}

// mostTries is how often a call is made that may be made again.
const mostTries = 6

// New makes a client of the server at base (without /api) with an API key.
func New(base, key string) *Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 128
	return &Client{base: base, key: key, http: &http.Client{Transport: transport, Timeout: 90 * time.Second}, tries: mostTries}
}

// Once gives a client of the same server that makes each call once.
func (c *Client) Once() *Client {
	once := *c
	once.tries = 1
	return &once
}

// Base gives the server's address, without /api.
func (c *Client) Base() string { return c.base }

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Problem is a refusal of the server.
type Problem struct {
	Status int    `json:"status"`
	Code   string `json:"code"`
	Field  string `json:"field"`
	Detail string `json:"detail"`
}

// Error gives code and words.
func (p *Problem) Error() string {
	return fmt.Sprintf("%d %s: %s", p.Status, p.Code, p.Detail)
}

// Merchant is a merchant's registration as shown.
type Merchant struct {
	ID       string `json:"id"`
	State    string `json:"state"`
	NextStep string `json:"next_step"`
	Steps    []struct {
		Step  string `json:"step"`
		State string `json:"state"`
		Code  string `json:"code"`
	} `json:"steps"`
}

// Application is an application as shown.
type Application struct {
	ID          string    `json:"id"`
	MerchantID  string    `json:"merchant_id"`
	State       string    `json:"state"`
	SubmittedAt time.Time `json:"submitted_at"`
	DecidedAt   time.Time `json:"decided_at"`
	DecisionID  string    `json:"decision_id"`
	WaitFor     []string  `json:"wait_for"`
	Decision    *Decision `json:"decision"`
}

// Decided tells whether there is an answer, a deferral included.
func (a Application) Decided() bool { return a.DecisionID != "" }

// Decision is a decision as shown.
type Decision struct {
	ID      string `json:"id"`
	Seq     int    `json:"seq"`
	Outcome string `json:"outcome"`
	Reasons []struct {
		Code string `json:"code"`
		Text string `json:"text"`
	} `json:"reasons"`
	Terms *struct {
		IRRBps        int64    `json:"irr_bps"`
		AnnualRateBps int64    `json:"annual_rate_bps"`
		LimitFen      int64    `json:"limit_fen"`
		TenorMonths   []int    `json:"tenor_months"`
		Repayment     []string `json:"repayment"`
	} `json:"terms"`
	ContractHash string `json:"contract_hash"`
}

// Line is a credit line as shown.
type Line struct {
	ID       string `json:"id"`
	LimitFen int64  `json:"limit_fen"`
	UsedFen  int64  `json:"used_fen"`
}

// Drawdown is a draw as shown.
type Drawdown struct {
	ID          string    `json:"id"`
	LineID      string    `json:"line_id"`
	State       string    `json:"state"`
	AmountFen   int64     `json:"amount_fen"`
	FailureCode string    `json:"failure_code"`
	RequestedAt time.Time `json:"requested_at"`
	SettledAt   time.Time `json:"settled_at"`
}

// Final tells whether nothing more will happen to the draw.
func (d Drawdown) Final() bool {
	return d.State == "paid" || d.State == "failed" || d.State == "reversed"
}

// RequestCode asks for a one-time code and gives the challenge's id.
func (c *Client) RequestCode(ctx context.Context, phone string) (string, error) {
	var out struct {
		ChallengeID string `json:"challenge_id"`
	}
	err := c.call(ctx, http.MethodPost, "/api/auth/codes", ident.NewID(), map[string]string{"phone": phone, "language": "zh-CN"}, &out)
	return out.ChallengeID, err
}

// ProveCode hands in the code and gives the merchant's id.
func (c *Client) ProveCode(ctx context.Context, challengeID, code string) (string, error) {
	var out struct {
		MerchantID string `json:"merchant_id"`
	}
	err := c.call(ctx, http.MethodPost, "/api/auth/sessions", ident.NewID(), map[string]string{"challenge_id": challengeID, "code": code}, &out)
	return out.MerchantID, err
}

// PutStep hands in one registration step.
func (c *Client) PutStep(ctx context.Context, merchantID, step, key string, body any) (Merchant, error) {
	var out Merchant
	err := c.call(ctx, http.MethodPut, "/api/merchants/"+merchantID+"/"+step, key, body, &out)
	return out, err
}

// Merchant reads a registration.
func (c *Client) Merchant(ctx context.Context, id string) (Merchant, error) {
	var out Merchant
	err := c.call(ctx, http.MethodGet, "/api/merchants/"+id, "", nil, &out)
	return out, err
}

// Wish is what an application asks for, and where it comes from as far as is
// known.
type Wish struct {
	AmountFen int64  `json:"amount_fen"`
	Purpose   string `json:"purpose"`
	DeviceID  string `json:"device_id,omitempty"`
	IP        string `json:"ip,omitempty"`
}

// Apply submits an application.
func (c *Client) Apply(ctx context.Context, merchantID, key string, wish Wish) (Application, error) {
	var out Application
	err := c.call(ctx, http.MethodPost, "/api/merchants/"+merchantID+"/applications", key, wish, &out)
	return out, err
}

// Application reads one.
func (c *Client) Application(ctx context.Context, id string) (Application, error) {
	var out Application
	err := c.call(ctx, http.MethodGet, "/api/applications/"+id, "", nil, &out)
	return out, err
}

// heldFor is how long the server is asked to hold an answer back for news.
const heldFor = "?wait=20s"

// FollowApplication reads one; while it is not answered the server holds the
// answer back until there is news, at most 20 s.
func (c *Client) FollowApplication(ctx context.Context, id string) (Application, error) {
	return c.Application(ctx, id+heldFor)
}

// Accept accepts the offer whose contract has the hash.
func (c *Client) Accept(ctx context.Context, applicationID, key, contractHash string) (Line, error) {
	var out Line
	err := c.call(ctx, http.MethodPost, "/api/applications/"+applicationID+"/acceptance", key, map[string]string{"contract_hash": contractHash}, &out)
	return out, err
}

// Line reads one.
func (c *Client) Line(ctx context.Context, id string) (Line, error) {
	var out Line
	err := c.call(ctx, http.MethodGet, "/api/lines/"+id, "", nil, &out)
	return out, err
}

// Draw asks for a draw.
func (c *Client) Draw(ctx context.Context, lineID, key string, amountFen int64, tenorMonths int, repayment string) (Drawdown, error) {
	var out Drawdown
	body := map[string]any{"amount_fen": amountFen, "tenor_months": tenorMonths, "repayment": repayment}
	err := c.call(ctx, http.MethodPost, "/api/lines/"+lineID+"/drawdowns", key, body, &out)
	return out, err
}

// Drawdown reads one.
func (c *Client) Drawdown(ctx context.Context, id string) (Drawdown, error) {
	var out Drawdown
	err := c.call(ctx, http.MethodGet, "/api/drawdowns/"+id, "", nil, &out)
	return out, err
}

// FollowDrawdown reads one; while it is not final the server holds the answer
// back until there is news, at most 20 s.
func (c *Client) FollowDrawdown(ctx context.Context, id string) (Drawdown, error) {
	return c.Drawdown(ctx, id+heldFor)
}

// CodeStillOpen marks a thing that did not come to its end in time.
const CodeStillOpen fault.Code = "still_open"

// Await reads until done says so, with pauses that grow from a quarter of most
// to most.
func Await[T any](ctx context.Context, read func(context.Context) (T, error), done func(T) bool, most time.Duration) (T, error) {
	pause := most / 4
	for {
		got, err := read(ctx)
		if err == nil && done(got) {
			return got, nil
		}
		if ctx.Err() != nil {
			return got, fault.New(fault.Unavailable, CodeStillOpen, "did not come to its end in time").Wrap(ctx.Err())
		}
		if problem, ok := err.(*Problem); ok && problem.Status < http.StatusInternalServerError && problem.Status != http.StatusTooManyRequests { //nolint:errorlint // call gives it unwrapped
			return got, err
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(pause*3/2, most)
	}
}

// call makes one request; with a key it is tried again after an error of the
// connection or a 5xx, since the key makes that safe.
func (c *Client) call(ctx context.Context, method, path, key string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return fmt.Errorf("encode %s: %w", path, err)
		}
	}
	for attempt := 1; ; attempt++ {
		wait, err := c.once(ctx, method, path, key, body, out)
		if err == nil || wait == 0 || attempt >= c.tries || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait * time.Duration(attempt)):
		}
	}
}

// once makes one request and says how long to wait before another try; 0 =
// another try is useless or unsafe.
func (c *Client) once(ctx context.Context, method, path, key string, body []byte, out any) (time.Duration, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("make request: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+c.key)
	request.Header.Set("Accept-Language", "en")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	again := time.Duration(0)
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
		again = 200 * time.Millisecond
	} else if method == http.MethodGet {
		again = 100 * time.Millisecond
	}
	response, err := c.http.Do(request)
	if err != nil {
		return again, fmt.Errorf("call %s %s: %w", method, path, err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 4<<20))
	if err != nil {
		return again, fmt.Errorf("read answer of %s %s: %w", method, path, err)
	}
	if response.StatusCode >= http.StatusBadRequest {
		problem := &Problem{Status: response.StatusCode, Detail: "no problem document"}
		_ = json.Unmarshal(answer, problem) // an answer of another shape keeps the status
		if response.StatusCode == http.StatusTooManyRequests || response.StatusCode >= http.StatusInternalServerError || problem.Code == "idempotency_key_in_use" {
			if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && again > 0 {
				again = min(time.Duration(seconds)*time.Second, 5*time.Second)
			}
			return again, problem
		}
		return 0, problem
	}
	if out == nil || len(answer) == 0 {
		return 0, nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return 0, fmt.Errorf("read answer of %s %s: %w", method, path, err)
	}
	return 0, nil
}
