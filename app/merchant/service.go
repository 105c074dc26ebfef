package merchant

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"loan310/app/audit"
	"loan310/app/clock"
	"loan310/app/cost"
	"loan310/app/fault"
	"loan310/app/ident"
	"loan310/scoring/evidence"
)

// Codes of refused registration steps.
const (
	CodeLicenceUnknown   fault.Code = "licence_not_found"
	CodeLicenceInactive  fault.Code = "licence_not_active"
	CodeNotLegalRep      fault.Code = "not_the_legal_representative"
	CodeIdentityMismatch fault.Code = "identity_not_matched"
	CodeAccountMismatch  fault.Code = "account_not_matched"
	CodeStepOrder        fault.Code = "step_out_of_order"
	CodeConsentVersion   fault.Code = "consent_wording_outdated"
	CodeReopened         fault.Code = "held_against_new_answer"
	CodeConsentSource    fault.Code = "consent_source_unknown"
	CodeRail             fault.Code = "payout_rail_unknown"
	CodeLanguage         fault.Code = "language_unknown"
)

// ConsentVersion is the wording now shown.
const ConsentVersion = "2026-12"

// Deps are what a Service stands on; all are required.
type Deps struct {
	Store    Store
	Registry Registry
	Identity Identity
	Notifier Notifier
	Now      clock.Clock
	NewID    func() string
}

// Service registers merchants.
type Service struct{ deps Deps }

// NewService makes a Service.
func NewService(deps Deps) *Service { return &Service{deps: deps} }

// Register gives the merchant of a phone that was just proven by a one-time
// code, making one in state Registering when there is none. The bool tells
// whether it was made now; where from is then kept with it.
func (s *Service) Register(ctx context.Context, phone, platformID, language string, origin ident.Origin) (Merchant, bool, error) {
	found, err := s.deps.Store.ByPhone(ctx, phone)
	if err == nil {
		return found, false, nil
	}
	if fault.KindOf(err) != fault.NotFound {
		return Merchant{}, false, err
	}
	if language != "en" {
		language = "zh-CN"
	}
	now := s.deps.Now()
	made := Merchant{
		ID: s.deps.NewID(), State: Registering, PlatformID: platformID, Language: language,
		Phone: Secret(phone), CreatedAt: now, Origin: origin,
		Steps: map[Step]Progress{StepPhone: {State: StepVerified, At: now}},
	}
	err = s.deps.Store.Create(ctx, made, s.entry(made.ID, "merchant.registered", ""))
	if fault.CodeOf(err) == fault.CodeDuplicate { // two devices at once: the other one made it
		found, err = s.deps.Store.ByPhone(ctx, phone)
		return found, false, err
	}
	return made, err == nil, err
}

// Merchant gives one merchant.
func (s *Service) Merchant(ctx context.Context, id string) (Merchant, error) {
	return s.deps.Store.Merchant(ctx, id)
}

// SubmitLicence checks a licence number and asks the registry about it. When
// the registry does not answer the step is left Checking and Recheck goes on.
func (s *Service) SubmitLicence(ctx context.Context, id, number string) (Merchant, error) {
	ctx = cost.About(ctx, "merchant/"+id)
	code, err := ident.Licence(number)
	if err != nil {
		return Merchant{}, err
	}
	return s.change(ctx, id, StepLicence, func(m *Merchant) error {
		if code != m.Licence.Number {
			m.reopen(StepLicence)
		}
		m.Licence = Licence{Number: code}
		return s.checkLicence(ctx, m)
	})
}

func (s *Service) checkLicence(ctx context.Context, m *Merchant) error {
	record, err := s.deps.Registry.Lookup(ctx, m.Licence.Number)
	switch fault.KindOf(err) {
	case fault.NotFound:
		return fault.Field("licence_number", CodeLicenceUnknown, "The business registry has no licence with this number. Compare with the licence and try again.")
	default:
		if err != nil {
			return err
		}
	}
	if record.Status != evidence.RegistryActive {
		return fault.Field("licence_number", CodeLicenceInactive, "The business registry says this licence is %s. Only an active licence can borrow.", record.Status)
	}
	m.Licence = Licence{
		Number: m.Licence.Number, Name: record.Name, LegalRepName: Secret(record.LegalRep), Status: record.Status,
		EstablishedAt: record.EstablishedAt, Region: record.Region, Industry: record.Industry, Kind: record.Kind,
	}
	return nil
}

// SubmitLegalRep checks that the person is the licence's legal representative
// and that name and identity number belong together.
func (s *Service) SubmitLegalRep(ctx context.Context, id, name, number string) (Merchant, error) {
	ctx = cost.About(ctx, "merchant/"+id)
	name = strings.TrimSpace(name)
	if name == "" {
		return Merchant{}, fault.Field("name", fault.CodeInvalid, "Give the legal representative's name as on the licence.")
	}
	code, err := ident.Identity(number, s.deps.Now())
	if err != nil {
		return Merchant{}, err
	}
	return s.change(ctx, id, StepLegalRep, func(m *Merchant) error {
		if err := after(m, StepLicence); err != nil {
			return err
		}
		if given := (LegalRep{Name: Secret(name), IdentityNumber: Secret(code)}); given != m.LegalRep {
			m.reopen(StepLegalRep)
			m.LegalRep = given
		}
		return s.checkLegalRep(ctx, m)
	})
}

func (s *Service) checkLegalRep(ctx context.Context, m *Merchant) error {
	if m.Steps[StepLicence].State == StepVerified && m.Licence.LegalRepName != m.LegalRep.Name {
		return fault.Field("name", CodeNotLegalRep, "The registry names another legal representative for this licence. The legal representative must sign.")
	}
	match, err := s.deps.Identity.Person(ctx, m.LegalRep.Name.Reveal(), m.LegalRep.IdentityNumber.Reveal())
	if err != nil {
		return err
	}
	if match != Matched {
		return fault.Field("identity_number", CodeIdentityMismatch, "Name and identity number do not belong together. Compare both with the identity card.")
	}
	if m.Steps[StepLicence].State != StepVerified { // the registry has not answered yet: the name cannot be held against it
		return fault.New(fault.Unavailable, fault.CodeProviderDown, "the registry has not answered yet")
	}
	return nil
}

// SubmitPayout checks that an account belongs to the legal representative.
// Rail is wallet or bank.
func (s *Service) SubmitPayout(ctx context.Context, id, rail, account string) (Merchant, error) {
	ctx = cost.About(ctx, "merchant/"+id)
	if rail != "wallet" && rail != "bank" {
		return Merchant{}, fault.Field("rail", CodeRail, "Choose wallet or bank.")
	}
	number, err := ident.Card(account)
	if err != nil {
		return Merchant{}, err
	}
	return s.change(ctx, id, StepPayout, func(m *Merchant) error {
		if err := after(m, StepLegalRep); err != nil {
			return err
		}
		m.Payout = PayoutAccount{Rail: rail, Number: Secret(number)}
		return s.checkPayout(ctx, m)
	})
}

func (s *Service) checkPayout(ctx context.Context, m *Merchant) error {
	m.Payout.Holder = m.LegalRep.Name
	match, err := s.deps.Identity.Account(ctx, m.Payout.Number.Reveal(), m.Payout.Holder.Reveal(), m.LegalRep.IdentityNumber.Reveal())
	if err != nil {
		return err
	}
	if match != Matched {
		return fault.Field("account_number", CodeAccountMismatch, "This account does not belong to the legal representative. Money is paid only to an account of theirs.")
	}
	return nil
}

// after refuses a step before the one it needs was given.
func after(m *Merchant, step Step) error {
	if state := m.Steps[step].State; state != StepVerified && state != StepChecking {
		return fault.New(fault.Conflict, CodeStepOrder, "Complete %s first.", step)
	}
	return nil
}

// GiveConsents records permissions to read sources, with the wording shown.
func (s *Service) GiveConsents(ctx context.Context, id, version, language string, sources []evidence.Source) (Merchant, error) {
	if version != ConsentVersion {
		return Merchant{}, fault.Field("version", CodeConsentVersion, "The consent text has changed; show version %s.", ConsentVersion)
	}
	if language != "zh-CN" && language != "en" {
		return Merchant{}, fault.Field("language", CodeLanguage, "The language is zh-CN or en.")
	}
	for _, source := range sources {
		if !slices.Contains(evidence.Sources[:], source) {
			return Merchant{}, fault.Field("sources", CodeConsentSource, "%q is not a source of data.", source)
		}
	}
	give := func(m *Merchant) {
		now := s.deps.Now()
		for _, source := range sources {
			if !m.Consented(source) {
				m.Consents = append(m.Consents, Consent{Source: source, Version: version, Language: language, GivenAt: now})
			}
		}
	}
	m, err := s.deps.Store.Merchant(ctx, id)
	if err != nil {
		return Merchant{}, err
	}
	if m.State == Active { // a permission withdrawn before may be given again
		give(&m)
		return s.deps.Store.Update(ctx, m, s.entry(id, "consent.given", ""))
	}
	return s.change(ctx, id, StepConsents, func(m *Merchant) error {
		give(m)
		for _, required := range []evidence.Source{evidence.Registry, evidence.Bureau} {
			if !m.Consented(required) {
				return fault.Field("sources", fault.CodeInvalid, "Consent to read %s is needed for any decision.", required)
			}
		}
		return nil
	})
}

// WithdrawConsent ends a permission; data already decided on is kept for the
// replay of that decision, nothing new is read.
func (s *Service) WithdrawConsent(ctx context.Context, id string, source evidence.Source) (Merchant, error) {
	m, err := s.deps.Store.Merchant(ctx, id)
	if err != nil {
		return Merchant{}, err
	}
	for i := range m.Consents {
		if m.Consents[i].Source == source && m.Consents[i].WithdrawnAt.IsZero() {
			m.Consents[i].WithdrawnAt = s.deps.Now()
			return s.deps.Store.Update(ctx, m, s.entry(id, "consent.withdrawn", string(source)))
		}
	}
	return m, nil
}

// Recheck asks again about every step left Checking, in order. A step held
// against one that waits for the merchant is left as it is.
func (s *Service) Recheck(ctx context.Context, id string) (Merchant, error) {
	ctx = cost.About(ctx, "merchant/"+id)
	checks := map[Step]func(context.Context, *Merchant) error{
		StepLicence: s.checkLicence, StepLegalRep: s.checkLegalRep, StepPayout: s.checkPayout,
	}
	m, err := s.deps.Store.Merchant(ctx, id)
	for _, step := range Steps {
		check := checks[step]
		if err != nil || check == nil || !m.pending(step) {
			continue
		}
		m, err = s.change(ctx, id, step, func(m *Merchant) error { return check(ctx, m) })
		if fault.KindOf(err) == fault.Invalid { // rejected and stored as such
			m, err = s.deps.Store.Merchant(ctx, id)
		}
	}
	return m, err
}

// change applies one step, stores its state and, when every step is verified,
// activates the merchant. An unavailable source leaves the step Checking and
// is no error; a refusal is stored and returned.
func (s *Service) change(ctx context.Context, id string, step Step, apply func(*Merchant) error) (Merchant, error) {
	m, err := s.deps.Store.Merchant(ctx, id)
	if err != nil {
		return Merchant{}, err
	}
	if m.State != Registering {
		return Merchant{}, fault.New(fault.Conflict, fault.CodeWrongState, "The registration is already %s.", m.State)
	}
	progress := Progress{State: StepVerified, At: s.deps.Now()}
	refusal := apply(&m)
	switch {
	case refusal == nil:
	case fault.KindOf(refusal) == fault.Unavailable:
		progress.State, progress.Code, refusal = StepChecking, fault.CodeOf(refusal), nil
	case fault.KindOf(refusal) == fault.Invalid:
		progress.State, progress.Code = StepRejected, fault.CodeOf(refusal)
	default:
		return Merchant{}, refusal
	}
	m.Steps[step] = progress
	action := "registration." + string(step)
	if m.Complete() {
		m.State, m.ActivatedAt, action = Active, s.deps.Now(), "merchant.activated"
	}
	stored, err := s.deps.Store.Update(ctx, m, s.entry(id, action, string(progress.State)+" "+string(progress.Code)))
	if err != nil {
		return Merchant{}, errors.Join(refusal, err)
	}
	if stored.State == Active {
		s.welcome(ctx, stored)
	}
	return stored, refusal
}

// welcome tells the merchant; a lost message changes nothing, so its error is
// not the caller's.
func (s *Service) welcome(ctx context.Context, m Merchant) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	_ = s.deps.Notifier.Send(cost.About(ctx, "merchant/"+m.ID), Message{Phone: m.Phone.Reveal(), Template: "registration_complete", Language: m.Language, Key: m.ID + ":welcome"})
}

func (s *Service) entry(id, action, detail string) audit.Entry {
	return audit.Entry{At: s.deps.Now(), Actor: audit.Workflow("registration/" + id), Action: action, Subject: "merchant/" + id, Detail: strings.TrimSpace(detail)}
}
