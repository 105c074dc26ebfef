// Package identity checks people and accounts over our own contract
// (adapters/contract/identity.yaml). The one rule: a provider that does not
// answer is never read as a mismatch.
package identity

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"loan310/adapters/breaker"
	"loan310/adapters/httpx"
	"loan310/app/clock"
	"loan310/app/merchant"
)

// Options configure the identity provider.
type Options struct {
	BaseURL    string         // required
	KeyID, Key string         // HMAC credentials
	Guard      *breaker.Guard // required; its hedging is not used, a check costs a fee
	Clock      clock.Clock    // dates the signatures; required
	// Transport carries the requests. Nil means one of its own.
	Transport http.RoundTripper
}

// Identity checks people and accounts. It is safe for concurrent use.
type Identity struct {
	guard  *breaker.Guard
	client *httpx.Client
}

var _ merchant.Identity = (*Identity)(nil)

// New makes an identity provider; missing options are an error.
func New(options Options) (*Identity, error) {
	if options.Guard == nil || options.Clock == nil {
		return nil, errors.New("identity: guard or clock is missing")
	}
	client, err := httpx.New(httpx.Options{
		Provider: "identity", BaseURL: options.BaseURL, Authorize: httpx.HMAC(options.KeyID, options.Key, options.Clock),
		Transport: options.Transport, MaxBody: 16 << 10,
	})
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	return &Identity{guard: options.Guard, client: client}, nil
}

// Close lets go of idle connections.
func (i *Identity) Close() { i.client.Close() }

// Person checks a name against a resident identity number.
// fault.Unavailable when the provider does not answer.
func (i *Identity) Person(ctx context.Context, name, identityNumber string) (merchant.Match, error) {
	return i.check(ctx, "person", map[string]string{"name": name, "identity_number": identityNumber})
}

// Account checks that an account belongs to the named holder; an empty
// identity number is not compared. fault.Unavailable when the provider does
// not answer.
func (i *Identity) Account(ctx context.Context, account, holder, identityNumber string) (merchant.Match, error) {
	question := map[string]string{"account": account, "holder": holder}
	if identityNumber != "" {
		question["identity_number"] = identityNumber
	}
	return i.check(ctx, "account", question)
}

func (i *Identity) check(ctx context.Context, what string, question map[string]string) (merchant.Match, error) {
	return breaker.Call(ctx, i.guard, what, func(ctx context.Context) (merchant.Match, error) {
		var said struct {
			Match merchant.Match `json:"match"`
		}
		err := i.client.JSON(ctx, httpx.Request{Op: what, Path: "v1/" + what + "-checks", JSON: question}, &said)
		if err != nil {
			return "", err
		}
		switch said.Match {
		case merchant.Matched, merchant.Mismatched, merchant.NoRecord:
			return said.Match, nil
		default:
			return "", i.client.Malformed(what, "unknown kind of match")
		}
	})
}
