// Package merchant registers merchants: phone, licence, legal representative,
// payout account and consents, each checked with the source that knows. A
// merchant may borrow only when every step is verified.
package merchant

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"loan310/app/audit"
	"loan310/app/fault"
	"loan310/app/ident"
	"loan310/scoring/evidence"
)

// State is where a merchant stands with us.
type State string

// Merchant states.
const (
	Registering State = "registering"
	Active      State = "active"
	Suspended   State = "suspended"
	Closed      State = "closed"
)

// Step is one part of the registration.
type Step string

// Registration steps in the order they are asked.
const (
	StepPhone    Step = "phone"
	StepLicence  Step = "licence"
	StepLegalRep Step = "legal_representative"
	StepPayout   Step = "payout_account"
	StepConsents Step = "consents"
)

// Steps lists the registration steps in order.
var Steps = [...]Step{StepPhone, StepLicence, StepLegalRep, StepPayout, StepConsents}

// StepState is how far a step is.
type StepState string

// Step states. Checking means the source that knows is not answering; the
// workflow asks again by itself.
const (
	StepMissing  StepState = "missing"
	StepChecking StepState = "checking"
	StepVerified StepState = "verified"
	StepRejected StepState = "rejected"
)

// Progress is a step's state with the fault code that rejected it.
type Progress struct {
	State StepState
	Code  fault.Code
	At    time.Time
}

// Secret is personal data: it prints masked and is stored encrypted.
type Secret string

// LogValue keeps the secret out of logs.
func (Secret) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// String keeps the secret out of messages; use Reveal where it must be seen.
func (Secret) String() string { return "[redacted]" }

// Reveal gives the plain text.
func (s Secret) Reveal() string { return string(s) }

// Licence is a business licence as the registry knows it.
type Licence struct {
	Number        string
	Name          string
	LegalRepName  Secret
	Status        evidence.RegistryStatus
	EstablishedAt time.Time
	Region        string
	Industry      string
	Kind          string
}

// LegalRep is the person who signs for the merchant.
type LegalRep struct {
	Name           Secret
	IdentityNumber Secret
}

// PayoutAccount is where the money goes.
type PayoutAccount struct {
	Rail   string // wallet or bank
	Number Secret
	Holder Secret
}

// Consent is a permission to read one source, with the wording shown.
type Consent struct {
	Source      evidence.Source
	Version     string // wording version
	Language    string // zh-CN or en
	GivenAt     time.Time
	WithdrawnAt time.Time // zero = in force
}

// Merchant is one merchant with its registration.
type Merchant struct {
	ID          string
	Version     int64 // optimistic lock
	State       State
	PlatformID  string // API client it came through; empty = our own app
	Language    string // zh-CN or en
	Phone       Secret
	Licence     Licence
	LegalRep    LegalRep
	Payout      PayoutAccount
	Consents    []Consent
	Steps       map[Step]Progress
	CreatedAt   time.Time
	ActivatedAt time.Time
	// Origin is where it registers from. It is given to Create alone, which
	// keeps keyed hashes of it; a merchant that is read has none.
	Origin ident.Origin
}

// Next gives the first step that still needs the merchant, or empty.
func (m Merchant) Next() Step {
	for _, step := range Steps {
		if state := m.Steps[step].State; state != StepVerified && state != StepChecking {
			return step
		}
	}
	return ""
}

// needs names the step whose answer a step is held against.
func (s Step) needs() (Step, bool) {
	switch s {
	case StepLegalRep:
		return StepLicence, true
	case StepPayout:
		return StepLegalRep, true
	default:
		return "", false
	}
}

// pending tells whether asking again may bring a step on: a source has not
// answered about it, and the step it is held against does not wait for the
// merchant.
func (m Merchant) pending(step Step) bool {
	if m.Steps[step].State != StepChecking {
		return false
	}
	before, held := step.needs()
	return !held || m.Steps[before].State == StepVerified || m.pending(before)
}

// Checking tells whether asking the sources again may bring any step on.
func (m Merchant) Checking() bool { return slices.ContainsFunc(Steps[:], m.pending) }

// reopen puts the steps held against this one back to be checked: what they
// were compared with has been given anew.
func (m Merchant) reopen(step Step) {
	for _, later := range Steps {
		if before, held := later.needs(); held && before == step && m.Steps[later].State != "" {
			m.Steps[later] = Progress{State: StepChecking, Code: CodeReopened, At: m.Steps[later].At}
			m.reopen(later)
		}
	}
}

// Complete tells whether every step is verified.
func (m Merchant) Complete() bool {
	for _, step := range Steps {
		if m.Steps[step].State != StepVerified {
			return false
		}
	}
	return true
}

// Consented tells whether reading a source is allowed now.
func (m Merchant) Consented(source evidence.Source) bool {
	for _, consent := range m.Consents {
		if consent.Source == source && consent.WithdrawnAt.IsZero() {
			return true
		}
	}
	return false
}

// Store keeps merchants. Personal data is encrypted at rest; phone and
// licence number are found through keyed blind indexes.
type Store interface {
	// Create stores a new merchant. A phone already registered is a Conflict
	// fault with fault.CodeDuplicate.
	Create(ctx context.Context, m Merchant, entry audit.Entry) error
	// Merchant gives one merchant; fault.NotFound when there is none.
	Merchant(ctx context.Context, id string) (Merchant, error)
	// ByPhone finds by phone in E.164; fault.NotFound when there is none.
	ByPhone(ctx context.Context, phone string) (Merchant, error)
	// Update stores m where the stored version is m.Version and gives it
	// with the next version. Another version is a Conflict with
	// fault.CodeStale; a licence number held by another merchant a Conflict
	// with fault.CodeDuplicate.
	Update(ctx context.Context, m Merchant, entry audit.Entry) (Merchant, error)
}

// Match is an identity provider's answer.
type Match string

// Matches.
const (
	Matched    Match = "matched"
	Mismatched Match = "mismatched"
	NoRecord   Match = "no_record"
)

// Registry looks a licence up. No such licence is fault.NotFound; a registry
// that does not answer fault.Unavailable.
type Registry interface {
	Lookup(ctx context.Context, licence string) (evidence.RegistryRecord, error)
}

// Identity checks people and accounts. fault.Unavailable when it does not answer.
type Identity interface {
	// Person checks a name against a resident identity number.
	Person(ctx context.Context, name, identityNumber string) (Match, error)
	// Account checks that an account belongs to the named holder.
	Account(ctx context.Context, account, holder, identityNumber string) (Match, error)
}

// Message is a notification to one phone.
type Message struct {
	Phone    string // E.164
	Template string // code of the text
	Language string // zh-CN or en
	Args     map[string]string
	Key      string // sending the same key again sends nothing
}

// Notifier sends messages.
type Notifier interface {
	Send(ctx context.Context, message Message) error
}
