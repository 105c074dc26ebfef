// Package sandboxtest helps tests of adapters: a small book in memory and a
// sandbox that serves it over HTTP for the length of a test. The one rule: the
// book is written out by hand in the test, so that what the provider said is
// read beside what the adapter made of it.
package sandboxtest

import (
	"bytes"
	"errors"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/stretchr/testify/require"

	"loan310/adapters/breaker"
	"loan310/adapters/dossier"
	"loan310/adapters/sandbox"
	"loan310/app/clock"
	"loan310/scoring/evidence"
)

// Book is a dossier.Book in memory. Rows are by merchant id, registry records
// by licence number.
type Book struct {
	People       []dossier.Merchant
	OrderRows    map[string][]evidence.Order
	WaybillRows  map[string][]evidence.Waybill
	BankRows     map[string][]evidence.Transaction
	BillRows     map[string][]evidence.UtilityBill
	Reports      map[string]evidence.BureauReport
	Records      map[string]evidence.RegistryRecord
	Applied      []dossier.Application
	Observed     []dossier.Outcome
	NewestMoment time.Time
}

var _ dossier.Book = (*Book)(nil)

// Merchants lists People.
func (b *Book) Merchants() []dossier.Merchant { return b.People }

// Applications lists Applied.
func (b *Book) Applications() []dossier.Application { return b.Applied }

// Outcomes lists Observed.
func (b *Book) Outcomes() []dossier.Outcome { return b.Observed }

// Orders walks OrderRows.
func (b *Book) Orders(id string) iter.Seq2[*evidence.Order, error] {
	return evidence.Slice(b.OrderRows[id])
}

// Waybills walks WaybillRows.
func (b *Book) Waybills(id string) iter.Seq2[*evidence.Waybill, error] {
	return evidence.Slice(b.WaybillRows[id])
}

// Transactions walks BankRows.
func (b *Book) Transactions(id string) iter.Seq2[*evidence.Transaction, error] {
	return evidence.Slice(b.BankRows[id])
}

// Bills walks BillRows.
func (b *Book) Bills(id string) iter.Seq2[*evidence.UtilityBill, error] {
	return evidence.Slice(b.BillRows[id])
}

// Bureau gives a merchant's report.
func (b *Book) Bureau(id string) (evidence.BureauReport, bool) {
	report, ok := b.Reports[id]
	return report, ok
}

// Registry gives a licence's record.
func (b *Book) Registry(licence string) (evidence.RegistryRecord, bool) {
	record, ok := b.Records[licence]
	return record, ok
}

// AsOf is NewestMoment.
func (b *Book) AsOf() time.Time { return b.NewestMoment }

// Example is a book of one merchant, "m1", whose identifiers have valid check
// digits.
func Example() *Book {
	asOf := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	return &Book{
		NewestMoment: asOf,
		People: []dossier.Merchant{{
			ID: "m1", Name: "杭州晨光百货店", LicenceNumber: "91330100799655058B", LegalRep: "陈晨",
			IdentityNumber: "11010519491231002X", Phone: "+8613800138000",
			PayoutAccount: "6123451234567893", PayoutBank: "wallet",
		}},
		Reports: map[string]evidence.BureauReport{"m1": {
			ReportID: "r-1", PulledAt: asOf.AddDate(0, 0, -1), Found: true, OpenLoans: 2, Outstanding: 5_000_000,
			MonthlyDebt: 310_000, MaxDPD24M: 12, CurrentDPD: 0, WrittenOff: 0, Inquiries90D: 3, CourtRecords: 1,
			OldestOpenedAt: time.Date(2019, 5, 4, 0, 0, 0, 0, time.UTC),
		}},
		Records: map[string]evidence.RegistryRecord{"91330100799655058B": {
			LicenceNumber: "91330100799655058B", Name: "杭州晨光百货店", LegalRep: "陈晨", Status: evidence.RegistryActive,
			EstablishedAt: time.Date(2018, 3, 1, 0, 0, 0, 0, time.UTC), ExpiresAt: time.Date(2038, 3, 1, 0, 0, 0, 0, time.UTC),
			Region: "330100", Industry: "retail", Kind: "individual", RegisteredCapital: 10_000_000,
			ChangedAt: time.Date(2018, 3, 1, 0, 0, 0, 0, time.UTC),
		}},
	}
}

// Secrets gives the credentials that Start uses; they are the same in every
// test.
func Secrets() sandbox.Secrets {
	made := sandbox.Secrets{
		AppID:         "2021000000000310",
		AppPrivateKey: appPrivateKey, AppPublicKey: appPublicKey,
		RailPrivateKey: railPrivateKey, RailPublicKey: railPublicKey,
		Tokens: map[string]string{}, KeyIDs: map[string]string{}, Keys: map[string]string{},
	}
	for _, kind := range sandbox.Kinds() {
		made.Tokens[kind] = "token-of-" + kind
		made.KeyIDs[kind] = "key-of-" + kind
		made.Keys[kind] = "secret-of-" + kind
	}
	return made
}

// Start runs a sandbox for the length of the test. Secrets are filled in.
func Start(tb testing.TB, options sandbox.Options) *sandbox.Server {
	tb.Helper()
	options.Secrets = Secrets()
	server, err := sandbox.Start(tb.Context(), options)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, server.Close()) })
	return server
}

// Guard makes a guard with a board of its own on the system's clock.
func Guard(settings breaker.Settings) *breaker.Guard {
	return breaker.New(settings, breaker.NewBoard(clock.System, slog.New(slog.DiscardHandler)))
}

// Contract makes a transport that checks every request and every answer
// against adapters/contract/<name>.yaml, and fails the test where they differ.
// Answers of injected faults are not checked.
func Contract(tb testing.TB, name string) http.RoundTripper {
	tb.Helper()
	_, here, _, ok := runtime.Caller(0)
	require.True(tb, ok)
	document, err := openapi3.NewLoader().LoadFromFile(filepath.Join(filepath.Dir(here), "..", "..", "contract", name+".yaml"))
	require.NoError(tb, err)
	require.NoError(tb, document.Validate(tb.Context()))
	document.Servers = nil // any host
	router, err := legacy.NewRouter(document)
	require.NoError(tb, err)
	transport := &http.Transport{}
	tb.Cleanup(transport.CloseIdleConnections)
	return &contract{t: tb, router: router, next: transport}
}

type contract struct {
	t      testing.TB
	router routers.Router
	next   http.RoundTripper
}

// RoundTrip checks, sends and checks. It runs on whatever goroutine the
// adapter asks from, so it reports without ending the test.
func (c *contract) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := c.roundTrip(request)
	if broken, ok := errors.AsType[*contractError](err); ok {
		c.t.Errorf("contract broken: %v", broken.err)
	}
	return response, err
}

// contractError is a request or an answer that the contract does not allow.
type contractError struct{ err error }

func (e *contractError) Error() string { return e.err.Error() }

func (c *contract) roundTrip(request *http.Request) (*http.Response, error) {
	route, parameters, err := c.router.FindRoute(request)
	if err != nil {
		return nil, &contractError{err}
	}
	checked := request.Clone(request.Context())
	if checked.Body, err = request.GetBody(); err != nil {
		return nil, err
	}
	input := &openapi3filter.RequestValidationInput{
		Request: checked, Route: route, PathParams: parameters,
		Options: &openapi3filter.Options{
			AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true,
		},
	}
	if err := openapi3filter.ValidateRequest(request.Context(), input); err != nil {
		return nil, &contractError{err}
	}
	response, err := c.next.RoundTrip(request)
	if err != nil || response.StatusCode >= http.StatusInternalServerError {
		return response, err
	}
	body, err := io.ReadAll(response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return nil, err
	}
	answer := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: response.StatusCode, Header: response.Header, Options: input.Options,
	}
	answer.SetBodyBytes(body)
	if err := openapi3filter.ValidateResponse(request.Context(), answer); err != nil {
		return nil, &contractError{err}
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, nil
}
