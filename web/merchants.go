package web

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"loan310/app/ident"
	"loan310/app/merchant"
	"loan310/scoring/evidence"
)

// stepWithin bounds handing in one registration step.
const stepWithin = 25 * time.Second

type stepView struct {
	Step  string    `json:"step" enum:"phone,licence,legal_representative,payout_account,consents"`
	State string    `json:"state" enum:"missing,checking,verified,rejected" doc:"checking: the source that knows is not answering; it is asked again by itself."`
	Code  string    `json:"code,omitempty" doc:"Why it was rejected or is still being checked." example:"licence_not_found"`
	At    time.Time `json:"at,omitzero"`
}

type licenceView struct {
	Number              string    `json:"number" example:"91350100M000100Y43"`
	Name                string    `json:"name,omitempty" doc:"As the registry knows it; empty until it has answered."`
	LegalRepresentative string    `json:"legal_representative,omitempty" doc:"Masked." example:"张**"`
	Status              string    `json:"status,omitempty" example:"active"`
	EstablishedAt       time.Time `json:"established_at,omitzero"`
	Region              string    `json:"region,omitempty" example:"330100"`
	Industry            string    `json:"industry,omitempty"`
	Kind                string    `json:"kind,omitempty"`
}

type legalRepView struct {
	Name           string `json:"name" doc:"Masked." example:"张**"`
	IdentityNumber string `json:"identity_number" doc:"Masked." example:"1***************2X"`
}

type payoutView struct {
	Rail          string `json:"rail" enum:"wallet,bank"`
	AccountNumber string `json:"account_number" doc:"Masked." example:"************7893"`
	Holder        string `json:"holder" doc:"Masked." example:"张**"`
}

type consentView struct {
	Source      string    `json:"source" enum:"marketplace,logistics,bank,utility,bureau,registry"`
	Version     string    `json:"version" example:"2026-12"`
	Language    string    `json:"language" enum:"zh-CN,en"`
	GivenAt     time.Time `json:"given_at"`
	WithdrawnAt time.Time `json:"withdrawn_at,omitzero" doc:"Absent while in force."`
}

type merchantView struct {
	ID                  string        `json:"id" example:"0192f0c4-7a10-7c3e-9d2b-5f6a7b8c9d0e"`
	State               string        `json:"state" enum:"registering,active,suspended,closed"`
	NextStep            string        `json:"next_step" enum:",phone,licence,legal_representative,payout_account,consents" doc:"The first step that still needs the merchant; empty when none does."`
	Language            string        `json:"language" enum:"zh-CN,en"`
	PlatformID          string        `json:"platform_id,omitempty" doc:"The platform it came through; absent for our own app."`
	Phone               string        `json:"phone" doc:"Masked." example:"+86138****5678"`
	Licence             *licenceView  `json:"licence,omitempty"`
	LegalRepresentative *legalRepView `json:"legal_representative,omitempty"`
	PayoutAccount       *payoutView   `json:"payout_account,omitempty"`
	Steps               []stepView    `json:"steps" doc:"In the order they are asked."`
	Consents            []consentView `json:"consents"`
	CreatedAt           time.Time     `json:"created_at"`
	ActivatedAt         time.Time     `json:"activated_at,omitzero"`
}

// showMerchant shows a merchant with its personal data masked.
func showMerchant(m merchant.Merchant) merchantView {
	view := merchantView{
		ID: m.ID, State: string(m.State), NextStep: string(m.Next()), Language: m.Language, PlatformID: m.PlatformID,
		Phone: ident.Mask(m.Phone.Reveal(), 6, 4), Consents: []consentView{}, CreatedAt: m.CreatedAt, ActivatedAt: m.ActivatedAt,
	}
	for _, step := range merchant.Steps {
		progress := m.Steps[step]
		if progress.State == "" {
			progress.State = merchant.StepMissing
		}
		view.Steps = append(view.Steps, stepView{Step: string(step), State: string(progress.State), Code: string(progress.Code), At: progress.At})
	}
	for _, c := range m.Consents {
		view.Consents = append(view.Consents, consentView{Source: string(c.Source), Version: c.Version, Language: c.Language, GivenAt: c.GivenAt, WithdrawnAt: c.WithdrawnAt})
	}
	if l := m.Licence; l.Number != "" {
		view.Licence = &licenceView{
			Number: l.Number, Name: l.Name, LegalRepresentative: ident.Mask(l.LegalRepName.Reveal(), 1, 0), Status: string(l.Status),
			EstablishedAt: l.EstablishedAt, Region: l.Region, Industry: l.Industry, Kind: l.Kind,
		}
	}
	if r := m.LegalRep; r.IdentityNumber != "" {
		view.LegalRepresentative = &legalRepView{Name: ident.Mask(r.Name.Reveal(), 1, 0), IdentityNumber: ident.Mask(r.IdentityNumber.Reveal(), 1, 2)}
	}
	if p := m.Payout; p.Number != "" {
		view.PayoutAccount = &payoutView{Rail: p.Rail, AccountNumber: ident.Mask(p.Number.Reveal(), 0, 4), Holder: ident.Mask(p.Holder.Reveal(), 1, 0)}
	}
	return view
}

type licenceRequest struct {
	ByID
	Keyed
	Body struct {
		LicenceNumber string `json:"licence_number" minLength:"1" maxLength:"64" doc:"The unified social credit code, top line of the licence." example:"91350100M000100Y43"`
	}
}

type legalRepRequest struct {
	ByID
	Keyed
	Body struct {
		Name           string `json:"name" minLength:"1" maxLength:"100" doc:"As on the licence." example:"张三丰"`
		IdentityNumber string `json:"identity_number" minLength:"1" maxLength:"64" doc:"Resident identity number." example:"11010519491231002X"`
	}
}

type payoutRequest struct {
	ByID
	Keyed
	Body struct {
		Rail          string `json:"rail" enum:"wallet,bank" doc:"Where the account is held."`
		AccountNumber string `json:"account_number" minLength:"1" maxLength:"64" doc:"An account of the legal representative's." example:"6123451234567893"`
	}
}

type consentsRequest struct {
	ByID
	Keyed
	Body struct {
		Version  string   `json:"version" minLength:"1" maxLength:"32" doc:"Of the wording that was shown, from GET /api/consent-texts." example:"2026-12"`
		Language string   `json:"language" enum:"zh-CN,en" doc:"In which it was shown."`
		Sources  []string `json:"sources" minItems:"1" maxItems:"6" uniqueItems:"true" enum:"marketplace,logistics,bank,utility,bureau,registry" doc:"What may be read. registry and bureau are needed for any decision."`
	}
}

type withdrawRequest struct {
	ByID
	Keyed
	Source string `path:"source" enum:"marketplace,logistics,bank,utility,bureau,registry" doc:"What may no longer be read."`
}

type merchantRequest struct{ ByID }

func (s *server) merchantEndpoints() {
	tags := []string{"registration"}
	endpoint(s, huma.Operation{
		OperationID: "list-consent-texts", Method: http.MethodGet, Path: "/api/consent-texts", Tags: tags,
		Summary: "Read the consent wording", Description: "In plain words, source by source: what is fetched, from whom, and what for.",
	}, s.consentTexts)
	endpoint(s, huma.Operation{
		OperationID: "get-merchant", Method: http.MethodGet, Path: "/api/merchants/{id}", Tags: tags,
		Summary: "Read a merchant's registration", Description: "Personal data is masked.",
	}, s.getMerchant)
	put := func(id, path, summary, description string) huma.Operation {
		return huma.Operation{
			OperationID: id, Method: http.MethodPut, Path: "/api/merchants/{id}/" + path, Tags: tags, Summary: summary,
			Description: description + " A source that does not answer leaves the step checking; it is asked again by itself, and the merchant goes on.",
		}
	}
	endpoint(s, put("put-licence", "licence", "Hand in the business licence", "Checked by its checksum, then with the business registry."),
		func(ctx context.Context, who Principal, in *licenceRequest) (*body[merchantView], error) {
			return s.step(ctx, who, in.ID, StepSubmission{Step: merchant.StepLicence, LicenceNumber: in.Body.LicenceNumber})
		})
	endpoint(s, put("put-legal-representative", "legal-representative", "Hand in the legal representative", "Name and identity number must belong together and to the licence."),
		func(ctx context.Context, who Principal, in *legalRepRequest) (*body[merchantView], error) {
			return s.step(ctx, who, in.ID, StepSubmission{Step: merchant.StepLegalRep, Name: in.Body.Name, IdentityNumber: in.Body.IdentityNumber})
		})
	endpoint(s, put("put-payout-account", "payout-account", "Hand in the payout account", "It must belong to the legal representative."),
		func(ctx context.Context, who Principal, in *payoutRequest) (*body[merchantView], error) {
			return s.step(ctx, who, in.ID, StepSubmission{Step: merchant.StepPayout, Rail: in.Body.Rail, AccountNumber: in.Body.AccountNumber})
		})
	endpoint(s, put("put-consents", "consents", "Give consents", "Recorded with the wording and the language that were shown."),
		func(ctx context.Context, who Principal, in *consentsRequest) (*body[merchantView], error) {
			sources := make([]evidence.Source, len(in.Body.Sources))
			for i, source := range in.Body.Sources {
				sources[i] = evidence.Source(source)
			}
			return s.step(ctx, who, in.ID, StepSubmission{Step: merchant.StepConsents, ConsentVersion: in.Body.Version, Language: in.Body.Language, Sources: sources})
		})
	endpoint(s, huma.Operation{
		OperationID: "withdraw-consent", Method: http.MethodDelete, Path: "/api/merchants/{id}/consents/{source}", Tags: tags,
		Summary: "Withdraw a consent", Description: "Nothing new is read from the source. What was decided on stays, for the replay of that decision.",
	}, s.withdrawConsent)
}

func (s *server) getMerchant(ctx context.Context, who Principal, in *merchantRequest) (*body[merchantView], error) {
	found, err := s.merchantFor(ctx, who, in.ID)
	if err != nil {
		return nil, err
	}
	return &body[merchantView]{showMerchant(found)}, nil
}

// step hands one registration step in and shows where that leaves the merchant.
func (s *server) step(ctx context.Context, who Principal, id string, step StepSubmission) (*body[merchantView], error) {
	if _, err := s.merchantFor(ctx, who, id); err != nil {
		return nil, err
	}
	within, cancel := context.WithTimeout(ctx, stepWithin)
	defer cancel()
	if err := s.Chain.SubmitStep(within, id, derived(ctx, "step"), step); err != nil {
		return nil, err
	}
	found, err := s.Merchants.Merchant(ctx, id)
	if err != nil {
		return nil, err
	}
	return &body[merchantView]{showMerchant(found)}, nil
}

func (s *server) withdrawConsent(ctx context.Context, who Principal, in *withdrawRequest) (*body[merchantView], error) {
	if _, err := s.merchantFor(ctx, who, in.ID); err != nil {
		return nil, err
	}
	found, err := s.Merchants.WithdrawConsent(ctx, in.ID, evidence.Source(in.Source))
	if err != nil {
		return nil, err
	}
	return &body[merchantView]{showMerchant(found)}, nil
}
