// Package underwriting takes an application from submission to a decision and
// an accepted credit line. A decision always comes within Within; it is stored
// with everything needed to replay it bit for bit.
package underwriting

import (
	"context"
	"io"
	"time"

	"loan310/app/audit"
	"loan310/app/fault"
	"loan310/app/money"
	"loan310/scoring"
	"loan310/scoring/evidence"
)

// Within is the promise: from submission to a decision or a deferral.
const Within = 60 * time.Second

// Codes of refused requests.
const (
	CodeNotActive    fault.Code = "merchant_not_active"
	CodeOpenExists   fault.Code = "application_open"
	CodeAmount       fault.Code = "amount_out_of_range"
	CodeOfferExpired fault.Code = "offer_expired"
	CodeContract     fault.Code = "contract_changed"
	CodeNotApproved  fault.Code = "not_approved"
)

// State is where an application stands.
type State string

// Application states.
const (
	Submitted State = "submitted"
	Deferred  State = "deferred"
	Approved  State = "approved"
	Declined  State = "declined"
	Accepted  State = "accepted"
	Expired   State = "expired"
)

// Open tells whether a decision or an acceptance is still to come.
func (s State) Open() bool { return s == Submitted || s == Deferred || s == Approved }

// Application is one request for a credit line.
type Application struct {
	ID           string
	Version      int64
	MerchantID   string
	State        State
	AmountWanted money.Amount
	Purpose      string
	SubmittedAt  time.Time
	DecideBy     time.Time
	DecidedAt    time.Time // first decision or deferral; zero before
	DecisionID   string    // latest decision
	Origin       Origin    // told when submitting; afterwards only its hashes are kept
}

// Decision is one verdict on an application with its replay snapshot.
type Decision struct {
	ID            string
	ApplicationID string
	MerchantID    string
	Seq           int // 1 = first; a deferral is followed by another
	Verdict       scoring.Verdict
	Snapshot      Snapshot
	InputHash     string // SHA-256 (hex) of the canonical JSON of Snapshot
	VerdictHash   string // SHA-256 (hex) of the canonical JSON of Verdict
	DecidedAt     time.Time
	LatencyMS     int64     // from submission
	OfferExpires  time.Time // approved only
	ContractHash  string    // approved only: SHA-256 (hex) of the contract text
	// Near are the merchants the decision knew to be around its own; nil = not
	// asked. It is not stored: Decide holds it against the books.
	Near []string
}

// Snapshot is what a replay starts from; evidence is named by reference and
// hash, never copied.
type Snapshot struct {
	AsOf      time.Time         `json:"as_of"`
	Applicant scoring.Applicant `json:"applicant"`
	Evidence  []evidence.Meta   `json:"evidence"` // in the order of evidence.Sources
	Final     bool              `json:"final"`
	Strategy  string            `json:"strategy_hash"`
}

// Line is an accepted credit line.
type Line struct {
	ID            string
	Version       int64
	MerchantID    string
	ApplicationID string // unique: one application makes one line
	DecisionID    string
	Limit         money.Amount
	Used          money.Amount // drawn or reserved
	Terms         scoring.Terms
	State         string // active, frozen, closed
	ContractHash  string
	AcceptedAt    time.Time
}

// Page asks for part of a list. Cursor is opaque; empty = from the start.
type Page struct {
	Cursor string
	Limit  int // 1..200
}

// Store keeps applications, decisions and lines.
type Store interface {
	// Submit stores a new application. An open one of the same merchant is a
	// Conflict with CodeOpenExists. Submit, Decide and Accept store what is
	// told in the same transaction; an event that finds no number is lost
	// and fails nothing.
	Submit(ctx context.Context, a Application, entry audit.Entry, told ...Event) error
	// Application gives one; fault.NotFound when there is none.
	Application(ctx context.Context, id string) (Application, error)
	// Applications lists newest first; merchantID empty = all. The string is
	// the next cursor, empty at the end.
	Applications(ctx context.Context, merchantID string, page Page) ([]Application, string, error)
	// Undecided lists ids of applications still Submitted or Deferred whose
	// submission is before the given time, oldest first, at most limit.
	Undecided(ctx context.Context, before time.Time, limit int) ([]string, error)
	// Decide stores a decision and moves the application to its state, in one
	// transaction. Deciding the same Seq again gives the stored decision; the
	// application must be Submitted or Deferred, else Conflict with
	// fault.CodeWrongState. An approval of a connected group that together
	// would be committed to more than Verdict.Relations.Limit, or one that did
	// not know of a merchant near it, is a Conflict with CodeGroupChanged.
	Decide(ctx context.Context, d Decision, entry audit.Entry, told ...Event) (Decision, error)
	// Decision gives one; fault.NotFound when there is none.
	Decision(ctx context.Context, id string) (Decision, error)
	// DecisionsOf lists an application's decisions by Seq.
	DecisionsOf(ctx context.Context, applicationID string) ([]Decision, error)
	// Accept moves an approved application to Accepted and opens its line, in
	// one transaction. Accepting again gives the same line. An application
	// in another state is a Conflict with fault.CodeWrongState.
	Accept(ctx context.Context, line Line, entry audit.Entry, told ...Event) (Line, error)
	// Line gives one; fault.NotFound when there is none.
	Line(ctx context.Context, id string) (Line, error)
	// LinesOf lists a merchant's lines, newest first.
	LinesOf(ctx context.Context, merchantID string) ([]Line, error)
	// Standing reads what we know of a merchant as an applicant: state,
	// consents, exposure, and what it did with its loans as was known at
	// asOf; events recorded or dated after it change nothing. AppliedAt,
	// AmountWanted and Purpose are left for the caller; exclude is the
	// application being decided.
	Standing(ctx context.Context, merchantID, exclude string, asOf time.Time) (Standing, error)
	// Watch gives a channel that is signalled when the application may stand
	// otherwise, and a function that stops it. Signals may be spurious or
	// coalesced; what other processes change is signalled a little later.
	Watch(applicationID string) (<-chan struct{}, func())
	// SaveStrategy stores the bytes of a strategy under their hash, once.
	SaveStrategy(ctx context.Context, hash string, body []byte, at time.Time) error
	// Strategy gives the bytes of a strategy; fault.NotFound when there is none.
	Strategy(ctx context.Context, hash string) ([]byte, error)
}

// Standing is a merchant as an applicant and as external sources know it.
type Standing struct {
	Applicant     scoring.Applicant
	LicenceNumber string
	LegalRep      string
	Identity      string // resident identity number
	AccountNumber string // payout account
	Phone         string // E.164
	Language      string
	Consents      []evidence.Source // in force
}

// EvidenceStore keeps what sources said: compressed, encrypted, hashed, in
// chunks, so that neither side ever holds a whole source in memory.
type EvidenceStore interface {
	// Begin opens a sink for one source of one application. Nothing is seen
	// by readers before Commit; Abort (or a crash) leaves nothing visible.
	Begin(ctx context.Context, applicationID string, source evidence.Source) (Sink, error)
	// Latest gives the committed metas of an application, newest per source.
	Latest(ctx context.Context, applicationID string) ([]evidence.Meta, error)
	// Open reads the plain bytes of one committed evidence; fault.NotFound
	// when there is none. The caller closes it.
	Open(ctx context.Context, ref string) (io.ReadCloser, error)
}

// Sink receives the plain bytes of one source.
type Sink interface {
	io.Writer
	// Commit stores meta with Ref, Hash filled in and makes the evidence
	// visible.
	Commit(ctx context.Context, meta evidence.Meta) (evidence.Meta, error)
	// Abort drops what was written. Calling it after Commit does nothing.
	Abort(ctx context.Context) error
}

// Query names a merchant to an external source and bounds the window.
type Query struct {
	ApplicationID string
	MerchantID    string
	LicenceNumber string
	LegalRep      string
	Identity      string
	AccountNumber string
	Since, Until  time.Time // rows with Since <= time < Until
}

// Fetched is what a source says of its own answer.
type Fetched struct {
	Found    bool      // false: the source has nothing on this merchant
	DataAsOf time.Time // newest moment the source vouches for; zero = not said
}

// Feed reads one source row by row in bounded memory. An error from emit ends
// the read and is returned. fault.Unavailable when the source cannot be read
// (down, breaker open, budget over, malformed answer).
type Feed[T any] interface {
	Fetch(ctx context.Context, query Query, emit func(*T) error) (Fetched, error)
}

// Feeds are all sources of evidence.
type Feeds struct {
	Orders       Feed[evidence.Order]
	Waybills     Feed[evidence.Waybill]
	Transactions Feed[evidence.Transaction]
	Bills        Feed[evidence.UtilityBill]
	Bureau       Feed[evidence.BureauReport]
	Registry     Feed[evidence.RegistryRecord]
}

// Event is one step of an application's progress as shown to the merchant.
type Event struct {
	ApplicationID string            `json:"application_id"`
	Seq           int64             `json:"seq"` // set by the store, 1.. per application
	At            time.Time         `json:"at"`
	Kind          string            `json:"kind"` // submitted, source_started, source_arrived, checked, decided, accepted
	Source        evidence.Source   `json:"source,omitempty"`
	State         evidence.State    `json:"state,omitempty"`
	Rows          int64             `json:"rows,omitempty"`
	Outcome       scoring.Outcome   `json:"outcome,omitempty"`
	WaitFor       []evidence.Source `json:"wait_for,omitempty"`
}

// ProgressLog keeps events for streaming.
type ProgressLog interface {
	// Append stores events in one transaction, all or none, and gives the Seq
	// of the last.
	Append(ctx context.Context, events ...Event) (int64, error)
	// After lists events with Seq > after in order, at most 200.
	After(ctx context.Context, applicationID string, after int64) ([]Event, error)
	// Watch gives a channel that is signalled when events may have been added
	// and a function that stops it. Signals may be spurious or coalesced;
	// events added by other processes are found by reading again.
	Watch(applicationID string) (<-chan struct{}, func())
}
