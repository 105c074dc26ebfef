// Package backtest decides a whole set of past applications by a strategy, as
// of each application's own date, and measures what would have come of it. The
// one rule a reader must know: nothing that was not known at the date of an
// application reaches its decision, and an outcome is read only after every
// decision it could have changed.
package backtest

import (
	"context"
	"iter"
	"time"

	"loan310/app/money"
	"loan310/scoring"
	"loan310/scoring/evidence"
	"loan310/scoring/relations"
)

// Application is one past request for a loan.
type Application struct {
	Place       int // in the applications file, from 0: where its result stands
	ID          string
	MerchantID  string
	AppliedAt   time.Time
	Amount      money.Amount // asked for, fen
	TenorMonths int
	Purpose     string
}

// Outcome is what became of the loan of an application.
type Outcome struct {
	Bad        bool
	ObservedAt time.Time // when it was known
}

// Rows are what the large sources say about one merchant. They may be walked
// several times; rows dated after an application are not there for it.
type Rows struct {
	Orders       iter.Seq2[*evidence.Order, error]
	Waybills     iter.Seq2[*evidence.Waybill, error]
	Transactions iter.Seq2[*evidence.Transaction, error]
	Bills        iter.Seq2[*evidence.UtilityBill, error]
	Counts       map[evidence.Source]int64 // rows by source, of any date; a hint of size
}

// Folder is one merchant with everything about it.
type Folder struct {
	MerchantID   string
	Region       string // six-digit division code
	Industry     string
	Applications []Application // by time
	Bureau       *evidence.BureauReport
	Registry     *evidence.RegistryRecord
	// Identifiers are the merchant's own: phone, person, account.
	Identifiers []relations.Found
	// Read gives the rows. It is called once, from any goroutine.
	Read func() (Rows, error)
}

// Book is what is decided.
type Book interface {
	// About describes the set.
	About() About
	// Outcome gives what became of an application, false when nobody knows.
	Outcome(applicationID string) (Outcome, bool)
	// Folders hands over every merchant that applied, in a stable order, until
	// each fails. It may be called again. Errors: those of reading, and each's
	// own.
	Folders(ctx context.Context, each func(*Folder) error) error
}

// About describes a set of applications.
type About struct {
	Name         string    `json:"name"`         // folder
	Hash         string    `json:"hash"`         // SHA-256 (hex) of its files
	Merchants    int       `json:"merchants"`    //
	Applications int       `json:"applications"` //
	Outcomes     int       `json:"outcomes"`     // applications whose outcome is known
	LastOutcome  time.Time `json:"last_outcome"` // newest moment an outcome was observed
	Synthetic    int       `json:"synthetic"`    // merchants of which everything is made up
	MadeUp       int       `json:"made_up"`      // other merchants of which something is made up
}

// Engine decides. *scoring.Engine is one.
type Engine interface {
	Decide(scoring.Input) (scoring.Verdict, error)
	Versions() scoring.Versions
	Strategy() scoring.Strategy
}

// Options say how to decide and to measure.
type Options struct {
	Champion   Engine
	Challenger Engine // nil = the champion is compared with itself
	Workers    int    // goroutines; 0 = 1
	// Assume replaces the state of a source for every application: what if it
	// were down, stale or withheld.
	Assume map[evidence.Source]evidence.State
	// Relations reads the book twice: first for who shares what with whom, as it
	// was at each application.
	Relations bool
	// Window is how long a loan is watched: an application counts towards bad
	// rates only when this long has passed between it and Until. 0 = 365 days.
	Window time.Duration
	// Until is up to when outcomes are known; zero = the newest observation.
	Until     time.Time
	Economics Economics
	// Progress is told, from one goroutine at a time, how many applications are
	// decided; nil = nobody.
	Progress func(done, of int)
	// Judged is told, from any goroutine, the champion's verdicts on a
	// merchant's applications, by time; place counts the merchants in the order
	// of the book, from 0. nil = nobody.
	Judged func(place int, judged []Judged)
	// Looking is told of the first reading, for relations; nil = nobody.
	Looking func(done, of int)
}

// Judged is an application with the champion's whole verdict.
type Judged struct {
	Case    *Case
	Verdict scoring.Verdict
}

// DefaultWindow is the performance window: the time the probability of default
// speaks of.
const DefaultWindow = 365 * 24 * time.Hour

// Case is one application with what both strategies answer and what became of
// it.
type Case struct {
	Application
	Outcome    Outcome
	Known      bool // the outcome is known by Until
	Mature     bool // known, and the window has passed: it counts
	Champion   Answer
	Challenger Answer // the champion's own when there is no challenger
}

// Answer is what remains of a verdict.
type Answer struct {
	Outcome         scoring.Outcome
	Waited          bool // deferred first, then answered finally
	Limit           money.Amount
	RateBps         money.BasisPoints // nominal, annual
	IRRBps          money.BasisPoints // all-in
	Score           int64
	PDPpm           int64
	Lane            string
	Reasons         []string
	AuthenticityBps money.BasisPoints
	Claimed         money.Amount
	Verified        money.Amount
	Hash            string // SHA-256 (hex) of the verdict's JSON, as decisions store it
	Money           Money  // of an approved application with a mature outcome
}

// Approved tells whether there is an offer.
func (a *Answer) Approved() bool { return a.Outcome == scoring.Approved }

// Run is everything that was decided.
type Run struct {
	About   About
	Options Options
	Cases   []Case // in the order of the applications file
	// Features counts the states of each feature in the verdicts of the
	// challenger, in the order of the features.
	Features []FeatureStates
	// Later counts what the set holds that was written after an application
	// and therefore was not used.
	Later Later
	Took  time.Duration // set by the caller; no part of the report's figures
}

// FeatureStates counts how often a feature was known, stale and missing.
type FeatureStates struct {
	Name    string `json:"name"`
	Known   int64  `json:"known"`
	Stale   int64  `json:"stale"`
	Missing int64  `json:"missing"`
}

// Later counts applications older than a record about their merchant.
type Later struct {
	Bureau   int64 `json:"bureau"`   // report pulled later: there was none
	Registry int64 `json:"registry"` // record changed later: what it said then is not known
}
