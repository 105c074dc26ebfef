// Package notify sends messages to phones over our own contract
// (adapters/contract/notify.yaml). The one rule: a message is sent under its
// key, so that sending it again sends nothing.
package notify

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"loan310/adapters/breaker"
	"loan310/adapters/httpx"
	"loan310/app/fault"
	"loan310/app/merchant"
)

// Options configure the notifier.
type Options struct {
	BaseURL string         // required
	Token   string         // bearer token
	Guard   *breaker.Guard // required; its hedging is not used
	// Transport carries the requests. Nil means one of its own.
	Transport http.RoundTripper
}

// Notifier sends messages. It is safe for concurrent use.
type Notifier struct {
	guard  *breaker.Guard
	client *httpx.Client
}

var _ merchant.Notifier = (*Notifier)(nil)

// New makes a notifier; missing options are an error.
func New(options Options) (*Notifier, error) {
	if options.Guard == nil {
		return nil, errors.New("notify: guard is missing")
	}
	client, err := httpx.New(httpx.Options{
		Provider: "notify", BaseURL: options.BaseURL, Authorize: httpx.Bearer(options.Token),
		Transport: options.Transport, MaxBody: 16 << 10,
	})
	if err != nil {
		return nil, fmt.Errorf("notify: %w", err)
	}
	return &Notifier{guard: options.Guard, client: client}, nil
}

// Close lets go of idle connections.
func (n *Notifier) Close() { n.client.Close() }

type message struct {
	Key      string            `json:"key"`
	Phone    string            `json:"phone"`
	Template string            `json:"template"`
	Language string            `json:"language"`
	Args     map[string]string `json:"args,omitempty"`
}

// Send hands a message over. The same key with other content is a Mismatch
// with fault.CodeKeyReused; fault.Unavailable when the provider does not
// answer, after which sending again under the same key is safe.
func (n *Notifier) Send(ctx context.Context, m merchant.Message) error {
	if m.Key == "" || m.Phone == "" || m.Template == "" {
		return fault.New(fault.Invalid, fault.CodeInvalid, "notify: key, phone and template are needed")
	}
	_, err := breaker.Call(ctx, n.guard, "send", func(ctx context.Context) (struct{}, error) {
		var said struct {
			Key string `json:"key"`
		}
		err := n.client.JSON(ctx, httpx.Request{Op: "send", Path: "v1/messages", JSON: message{
			Key: m.Key, Phone: m.Phone, Template: m.Template, Language: m.Language, Args: m.Args,
		}}, &said)
		switch {
		case fault.KindOf(err) == fault.Conflict:
			return struct{}{}, fault.New(fault.Mismatch, fault.CodeKeyReused, "notify: another message was sent under this key").Wrap(err)
		case err == nil && said.Key != m.Key:
			return struct{}{}, n.client.Malformed("send", "answer names another message")
		}
		return struct{}{}, err
	})
	return err
}
