// Package payout is the drawdown.Rail over the Alipay open gateway
// (alipay.fund.trans.uni.transfer and alipay.fund.trans.common.query, as
// documented at opendocs.alipay.com/open/309), and the collection.Collector
// over the same (Debits). The one rule: only an answer that the rail signed
// and that names our reference and amount counts; everything else leaves the
// payout unknown, and nothing here ever repeats or hedges a movement of money.
package payout

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"time"

	"loan310/adapters/breaker"
	"loan310/adapters/httpx"
	"loan310/app/clock"
	"loan310/app/drawdown"
	"loan310/app/fault"
)

// Options configure the rail.
type Options struct {
	// GatewayURL is the one address of the gateway; required.
	GatewayURL string
	// AppID is our account at the gateway; required.
	AppID string
	// PrivateKey signs our requests; PublicKey verifies the rail's answers.
	// Both required (see ParsePrivateKey, ParsePublicKey).
	PrivateKey *rsa.PrivateKey
	PublicKey  *rsa.PublicKey
	// AppCertSN and RootCertSN are sent in certificate mode. Empty means
	// public key mode.
	AppCertSN, RootCertSN string
	// IdentityType says what accounts are. Empty means ALIPAY_LOGON_ID.
	IdentityType string
	// SceneName and SceneReports are asked of merchants who joined since 2024.
	// Empty means not sent.
	SceneName    string
	SceneReports []SceneReport
	// Guard stands before the gateway; required. It is used without hedging.
	Guard *breaker.Guard
	// Clock dates the requests; required.
	Clock clock.Clock
	// Transport carries the requests. Nil means one of its own.
	Transport http.RoundTripper
}

// SceneReport is one fact about the purpose of transfers.
type SceneReport struct {
	Type    string `json:"info_type"`
	Content string `json:"info_content"`
}

// Rail pays through the gateway. It is safe for concurrent use.
type Rail struct {
	options Options
	client  *httpx.Client
}

var _ drawdown.Rail = (*Rail)(nil)

// New makes a rail; missing options are an error.
func New(options Options) (*Rail, error) {
	switch {
	case options.AppID == "":
		return nil, errors.New("payout: app id is missing")
	case options.PrivateKey == nil || options.PublicKey == nil:
		return nil, errors.New("payout: a key is missing")
	case options.Guard == nil || options.Clock == nil:
		return nil, errors.New("payout: guard or clock is missing")
	}
	if options.IdentityType == "" {
		options.IdentityType = "ALIPAY_LOGON_ID"
	}
	client, err := httpx.New(httpx.Options{
		Provider: "payout", BaseURL: options.GatewayURL, Transport: options.Transport, MaxBody: 256 << 10,
	})
	if err != nil {
		return nil, fmt.Errorf("payout: %w", err)
	}
	return &Rail{options: options, client: client}, nil
}

// Pay sends the instruction once. An error for which errors.Is finds
// drawdown.ErrNotSent means that nothing left this process; after any other
// error the money may or may not have moved and Query must be asked.
func (r *Rail) Pay(ctx context.Context, told drawdown.Instruction) (drawdown.Receipt, error) {
	form, err := r.transferForm(told)
	if err != nil {
		return drawdown.Receipt{}, notSent(err)
	}
	receipt, err := breaker.Call(ctx, r.options.Guard, "transfer", func(ctx context.Context) (drawdown.Receipt, error) {
		reply, err := r.ask(ctx, "transfer", methodTransfer, form)
		if err != nil {
			return drawdown.Receipt{}, err
		}
		return r.transferReceipt(reply, told)
	})
	if breaker.NotSent(err) {
		return drawdown.Receipt{}, notSent(err)
	}
	return receipt, err
}

// Query asks what became of one of our references. RailNoRecord means that
// the rail has never seen it.
func (r *Rail) Query(ctx context.Context, key string) (drawdown.Receipt, error) {
	form, err := r.queryForm(key)
	if err != nil {
		return drawdown.Receipt{}, err
	}
	return breaker.Call(ctx, r.options.Guard, "query", func(ctx context.Context) (drawdown.Receipt, error) {
		reply, err := r.ask(ctx, "query", methodQuery, form)
		if err != nil {
			return drawdown.Receipt{}, err
		}
		return r.queryReceipt(reply, key)
	})
}

// Close lets go of idle connections.
func (r *Rail) Close() { r.client.Close() }

func notSent(err error) error { return fmt.Errorf("%w: %w", drawdown.ErrNotSent, err) }

// unclear is the fault of an answer that settles nothing.
func unclear(code fault.Code, what string) *fault.Error {
	return fault.New(fault.Unavailable, code, "payout: %s", what)
}

// railZone is the gateway's time zone; China has had no daylight saving since
// 1991.
func railZone() *time.Location { return time.FixedZone("CST", 8*60*60) }

const railTime = time.DateTime
