package sandbox

import (
	"net/http"
	"strings"
	"time"

	"loan310/scoring/evidence"
)

// registryAnswer is the wire form of a registry record
// (adapters/contract/registry.yaml).
type registryAnswer struct {
	LicenceNumber        string `json:"licence_number"`
	Name                 string `json:"name"`
	LegalRepresentative  string `json:"legal_representative"`
	Status               string `json:"status"`
	EstablishedOn        string `json:"established_on,omitempty"`
	ExpiresOn            string `json:"expires_on,omitempty"`
	Region               string `json:"region,omitempty"`
	Industry             string `json:"industry,omitempty"`
	Kind                 string `json:"kind,omitempty"`
	RegisteredCapitalFen int64  `json:"registered_capital_fen"`
	ChangedOn            string `json:"changed_on,omitempty"`
	DataAsOf             string `json:"data_as_of"`
}

// newRegistry looks licences up.
func newRegistry(c *core) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/licences/lookup", c.bearer(Registry, func(w http.ResponseWriter, request *http.Request) {
		var asked struct {
			LicenceNumber string `json:"licence_number"`
		}
		if !decode(w, request, &asked) {
			return
		}
		record, found := c.book.Registry(strings.ToUpper(strings.TrimSpace(asked.LicenceNumber)))
		if !found {
			problem(w, http.StatusNotFound, "licence_not_found")
			return
		}
		answer(w, http.StatusOK, registryWire(record, c.dataAsOf(request)))
	}))
	return mux
}

func registryWire(record evidence.RegistryRecord, asOf time.Time) registryAnswer {
	return registryAnswer{
		LicenceNumber: record.LicenceNumber, Name: record.Name, LegalRepresentative: record.LegalRep,
		Status: string(record.Status), EstablishedOn: day(record.EstablishedAt), ExpiresOn: day(record.ExpiresAt),
		Region: record.Region, Industry: record.Industry, Kind: record.Kind,
		RegisteredCapitalFen: int64(record.RegisteredCapital), ChangedOn: day(record.ChangedAt),
		DataAsOf: moment(asOf),
	}
}

// day writes a moment as its date in UTC, "" when the source did not say.
func day(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.DateOnly)
}

// moment writes RFC 3339 in UTC, "" when the source did not say.
func moment(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339Nano)
}
