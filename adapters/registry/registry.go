// Package registry looks business licences up over our own contract
// (adapters/contract/registry.yaml): as a step of registration and as a source
// of evidence. The one rule: "no such licence" is an answer, and an answer
// about another licence than the one asked for is none.
package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"loan310/adapters/breaker"
	"loan310/adapters/httpx"
	"loan310/app/fault"
	"loan310/app/merchant"
	"loan310/app/money"
	"loan310/app/underwriting"
	"loan310/scoring/evidence"
)

// Options configure the registry.
type Options struct {
	BaseURL string // required
	Token   string // bearer token
	// Guard stands before the registry; required. Lookups are hedged when its
	// settings say so: they are free and change nothing.
	Guard *breaker.Guard
	// Transport carries the requests. Nil means one of its own.
	Transport http.RoundTripper
}

// Registry is the business registry. It is safe for concurrent use.
type Registry struct {
	guard  *breaker.Guard
	client *httpx.Client
}

var (
	_ merchant.Registry                          = (*Registry)(nil)
	_ underwriting.Feed[evidence.RegistryRecord] = (*Registry)(nil)
)

// New makes a registry; missing options are an error.
func New(options Options) (*Registry, error) {
	if options.Guard == nil {
		return nil, errors.New("registry: guard is missing")
	}
	client, err := httpx.New(httpx.Options{
		Provider: "registry", BaseURL: options.BaseURL, Authorize: httpx.Bearer(options.Token),
		Transport: options.Transport, MaxBody: 64 << 10,
	})
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	return &Registry{guard: options.Guard, client: client}, nil
}

// Close lets go of idle connections.
func (r *Registry) Close() { r.client.Close() }

// Lookup gives the record of a licence; fault.NotFound when there is none,
// fault.Unavailable when the registry does not answer.
func (r *Registry) Lookup(ctx context.Context, licence string) (evidence.RegistryRecord, error) {
	found, err := r.lookup(ctx, licence)
	return found.record, err
}

// Fetch emits the record of the query's licence, or nothing when the registry
// has none.
func (r *Registry) Fetch(ctx context.Context, query underwriting.Query, emit func(*evidence.RegistryRecord) error) (underwriting.Fetched, error) {
	found, err := r.lookup(ctx, query.LicenceNumber)
	if fault.KindOf(err) == fault.NotFound {
		return underwriting.Fetched{}, nil
	}
	if err != nil {
		return underwriting.Fetched{}, err
	}
	if err := emit(&found.record); err != nil {
		return underwriting.Fetched{}, err
	}
	return underwriting.Fetched{Found: true, DataAsOf: found.asOf}, nil
}

type dated struct {
	record evidence.RegistryRecord
	asOf   time.Time
}

func (r *Registry) lookup(ctx context.Context, licence string) (dated, error) {
	return breaker.HedgedRead(ctx, r.guard, "lookup", func(ctx context.Context) (dated, error) {
		var said answer
		err := r.client.JSON(ctx, httpx.Request{
			Op: "lookup", Path: "v1/licences/lookup", JSON: map[string]string{"licence_number": licence},
		}, &said)
		if err != nil {
			return dated{}, err
		}
		found, err := said.record()
		if err != nil || !strings.EqualFold(found.record.LicenceNumber, strings.TrimSpace(licence)) {
			return dated{}, r.client.Malformed("lookup", "record breaks the contract or is another licence's")
		}
		return found, nil
	})
}

// answer is the wire form of a record. Dates are YYYY-MM-DD, taken
// as midnight UTC; an absent one means the registry did not say.
type answer struct {
	LicenceNumber        string    `json:"licence_number"`
	Name                 string    `json:"name"`
	LegalRepresentative  string    `json:"legal_representative"`
	Status               string    `json:"status"`
	EstablishedOn        string    `json:"established_on"`
	ExpiresOn            string    `json:"expires_on"`
	Region               string    `json:"region"`
	Industry             string    `json:"industry"`
	Kind                 string    `json:"kind"`
	RegisteredCapitalFen int64     `json:"registered_capital_fen"`
	ChangedOn            string    `json:"changed_on"`
	DataAsOf             time.Time `json:"data_as_of"`
}

func (a answer) record() (dated, error) {
	status := evidence.RegistryStatus(a.Status)
	switch status {
	case evidence.RegistryActive, evidence.RegistryAbnormal, evidence.RegistryRevoked, evidence.RegistryClosed:
	default:
		return dated{}, errors.New("unknown status")
	}
	if a.LicenceNumber == "" || a.Name == "" || a.RegisteredCapitalFen < 0 {
		return dated{}, errors.New("incomplete record")
	}
	record := evidence.RegistryRecord{
		LicenceNumber: a.LicenceNumber, Name: a.Name, LegalRep: a.LegalRepresentative, Status: status,
		Region: a.Region, Industry: a.Industry, Kind: a.Kind, RegisteredCapital: money.Amount(a.RegisteredCapitalFen),
	}
	err := errors.Join(
		parseDay(a.EstablishedOn, &record.EstablishedAt),
		parseDay(a.ExpiresOn, &record.ExpiresAt),
		parseDay(a.ChangedOn, &record.ChangedAt),
	)
	return dated{record: record, asOf: a.DataAsOf.UTC()}, err
}

func parseDay(text string, into *time.Time) error {
	if text == "" {
		return nil
	}
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return errors.New("unreadable date")
	}
	*into = at
	return nil
}
