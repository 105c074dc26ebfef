// Package bureau pulls credit reports over our own contract
// (adapters/contract/bureau.yaml); the credit reference centre's network is
// private, so a deployment maps it to this contract at its edge. The one rule:
// a pull may cost a fee and leaves a trace, so it is never hedged and carries
// the application's id as reference, under which a repeat is the same pull.
package bureau

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"loan310/adapters/breaker"
	"loan310/adapters/httpx"
	"loan310/app/clock"
	"loan310/app/money"
	"loan310/app/underwriting"
	"loan310/scoring/evidence"
)

// Options configure the bureau.
type Options struct {
	BaseURL    string         // required
	KeyID, Key string         // HMAC credentials
	Guard      *breaker.Guard // required; its hedging is not used
	Clock      clock.Clock    // dates the signatures; required
	// Transport carries the requests. Nil means one of its own.
	Transport http.RoundTripper
}

// Bureau is the credit reference centre. It is safe for concurrent use.
type Bureau struct {
	guard  *breaker.Guard
	client *httpx.Client
}

var _ underwriting.Feed[evidence.BureauReport] = (*Bureau)(nil)

// New makes a bureau; missing options are an error.
func New(options Options) (*Bureau, error) {
	if options.Guard == nil || options.Clock == nil {
		return nil, errors.New("bureau: guard or clock is missing")
	}
	client, err := httpx.New(httpx.Options{
		Provider: "bureau", BaseURL: options.BaseURL, Authorize: httpx.HMAC(options.KeyID, options.Key, options.Clock),
		Transport: options.Transport, MaxBody: 256 << 10,
	})
	if err != nil {
		return nil, fmt.Errorf("bureau: %w", err)
	}
	return &Bureau{guard: options.Guard, client: client}, nil
}

// Close lets go of idle connections.
func (b *Bureau) Close() { b.client.Close() }

// Fetch emits the one report. For a merchant the bureau does not know it emits
// a report with Found false, a thin file, and so says Fetched.Found false.
func (b *Bureau) Fetch(ctx context.Context, query underwriting.Query, emit func(*evidence.BureauReport) error) (underwriting.Fetched, error) {
	report, err := breaker.Call(ctx, b.guard, "report", func(ctx context.Context) (evidence.BureauReport, error) {
		var said answer
		err := b.client.JSON(ctx, httpx.Request{Op: "report", Path: "v1/reports", JSON: question{
			Reference: query.ApplicationID, LicenceNumber: query.LicenceNumber,
			LegalRepresentative: query.LegalRep, IdentityNumber: query.Identity,
		}}, &said)
		if err != nil {
			return evidence.BureauReport{}, err
		}
		report, err := said.report()
		if err != nil {
			return evidence.BureauReport{}, b.client.Malformed("report", err.Error())
		}
		return report, nil
	})
	if err != nil {
		return underwriting.Fetched{}, err
	}
	if err := emit(&report); err != nil {
		return underwriting.Fetched{}, err
	}
	return underwriting.Fetched{Found: report.Found, DataAsOf: report.PulledAt}, nil
}

type question struct {
	Reference           string `json:"reference"`
	LicenceNumber       string `json:"licence_number"`
	LegalRepresentative string `json:"legal_representative,omitempty"`
	IdentityNumber      string `json:"identity_number,omitempty"`
}

// answer is the wire form of a report. The parts are pointers because a part
// that is missing must not read as zeros.
type answer struct {
	ReportID string    `json:"report_id"`
	PulledAt time.Time `json:"pulled_at"`
	Found    bool      `json:"found"`
	Credit   *struct {
		OpenAccounts    *int32 `json:"open_accounts"`
		BalanceFen      *int64 `json:"balance_fen"`
		MonthlyDueFen   *int64 `json:"monthly_due_fen"`
		WorstDPD24M     *int32 `json:"worst_dpd_24m"`
		CurrentDPD      *int32 `json:"current_dpd"`
		WrittenOff      *int32 `json:"written_off"`
		OldestAccountOn string `json:"oldest_account_on"`
	} `json:"credit"`
	Public *struct {
		Enforcements *int32 `json:"enforcements"`
	} `json:"public_records"`
	Queries *struct {
		Last90D *int32 `json:"last_90d"`
	} `json:"queries"`
}

// report maps the wire form; its errors name fields, never values.
func (a answer) report() (evidence.BureauReport, error) {
	report := evidence.BureauReport{ReportID: a.ReportID, PulledAt: a.PulledAt.UTC(), Found: a.Found}
	if a.ReportID == "" || a.PulledAt.IsZero() {
		return evidence.BureauReport{}, errors.New("report has no id or date")
	}
	if !a.Found {
		return report, nil
	}
	if a.Credit == nil || a.Public == nil || a.Queries == nil {
		return evidence.BureauReport{}, errors.New("report lacks a part")
	}
	var balance, monthly int64
	err := errors.Join(
		take(&report.OpenLoans, a.Credit.OpenAccounts, "open_accounts"),
		take(&balance, a.Credit.BalanceFen, "balance_fen"),
		take(&monthly, a.Credit.MonthlyDueFen, "monthly_due_fen"),
		take(&report.MaxDPD24M, a.Credit.WorstDPD24M, "worst_dpd_24m"),
		take(&report.CurrentDPD, a.Credit.CurrentDPD, "current_dpd"),
		take(&report.WrittenOff, a.Credit.WrittenOff, "written_off"),
		take(&report.CourtRecords, a.Public.Enforcements, "enforcements"),
		take(&report.Inquiries90D, a.Queries.Last90D, "last_90d"),
	)
	if err != nil {
		return evidence.BureauReport{}, err
	}
	report.Outstanding, report.MonthlyDebt = money.Amount(balance), money.Amount(monthly)
	if a.Credit.OldestAccountOn != "" {
		report.OldestOpenedAt, err = time.Parse(time.DateOnly, a.Credit.OldestAccountOn)
		if err != nil {
			return evidence.BureauReport{}, errors.New("oldest_account_on is no date")
		}
	}
	return report, nil
}

// take copies a count that must be there and not negative.
func take[N int32 | int64](into, from *N, name string) error {
	if from == nil || *from < 0 {
		return fmt.Errorf("%s is missing or negative", name)
	}
	*into = *from
	return nil
}
