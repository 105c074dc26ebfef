// Package portfolio says how the loans as a whole do: vintages, roll rates,
// 30+ and 90+, the bad-debt rate, provisions, and what a loan costs. The rule:
// a rate is never shown without what it is a share of, and one whose
// denominator is zero is absent, never zero.
//
// What it reads are rows of loans at months' ends; it walks them once, in
// memory bounded by cohorts and months, not by loans.
package portfolio

import (
	"context"
	"fmt"
	"iter"
	"time"

	"loan310/app/audit"
	"loan310/app/fault"
	"loan310/app/money"
)

// Month counts months since January 1970 in the lender's zone.
type Month int

// MonthOf gives the month of a moment in its own location.
func MonthOf(t time.Time) Month { return Month((t.Year()-1970)*12 + int(t.Month()) - 1) }

// ParseMonth reads 2026-11.
func ParseMonth(text string) (Month, error) {
	t, err := time.Parse("2006-01", text)
	if err != nil {
		return 0, fault.Field("month", fault.CodeInvalid, "a month is written like 2026-11")
	}
	return MonthOf(t), nil
}

// String gives 2026-11.
func (m Month) String() string { return fmt.Sprintf("%04d-%02d", 1970+int(m)/12, int(m)%12+1) }

// Start is the month's first moment in a zone.
func (m Month) Start(zone *time.Location) time.Time {
	return time.Date(1970, time.Month(1+int(m)), 1, 0, 0, 0, 0, zone)
}

// Class is one of the five levels of loan classification.
type Class string

// The five levels; the last three are non-performing.
const (
	Normal         Class = "normal"
	SpecialMention Class = "special_mention"
	Substandard    Class = "substandard"
	Doubtful       Class = "doubtful"
	Loss           Class = "loss"
)

// Classes lists the levels from best to worst.
var Classes = [...]Class{Normal, SpecialMention, Substandard, Doubtful, Loss}

// NonPerforming tells whether a class is substandard or worse.
func (c Class) NonPerforming() bool { return c == Substandard || c == Doubtful || c == Loss }

// State is where a loan's life stands.
type State string

// The states. A settled loan needs no further snapshots; one charged off does,
// for what is recovered, until nothing is owed.
const (
	Active     State = "active"
	Settled    State = "settled"
	ChargedOff State = "charged_off"
)

// Snapshot is a loan at the end of a month. Amounts are principal.
type Snapshot struct {
	LoanID      string
	Month       Month
	Cohort      Month // of the payout
	OnDay       int   // days since 1970-01-01
	Disbursed   money.Amount
	Outstanding money.Amount // on the books; zero once settled or charged off
	DPD         int          // days past due
	Class       Class        // of the borrower
	State       State
	ChargedOff  money.Amount // all that was ever charged off, less what was put on the books again
	Recovered   money.Amount // of it, ever
}

// Store keeps snapshots, provisions and costs.
type Store interface {
	// SaveSnapshots stores rows; a row of the same loan and month is replaced.
	SaveSnapshots(ctx context.Context, rows []Snapshot) error
	// Snapshots walks the rows up to a month, in order of loan and month. An
	// error ends the walk.
	Snapshots(ctx context.Context, through Month) iter.Seq2[Snapshot, error]
	// LastMonth gives the newest month whose end is kept whole; none is
	// NotFound.
	LastMonth(ctx context.Context) (Month, error)
	// Provide books, for each class, the difference between what must be
	// provided and its allowance on the books, and gives the allowances before.
	// No difference books nothing.
	Provide(ctx context.Context, p Provision, now time.Time, entry audit.Entry) (before map[Class]money.Amount, err error)
	// Allowances gives the allowance on the books, by class.
	Allowances(ctx context.Context) (map[Class]money.Amount, error)
	// Usage sums what was used in a month, and says how many loans it was for.
	Usage(ctx context.Context, from, before time.Time) (Usage, error)
	// UsageOf sums what was used for one loan and its application.
	UsageOf(ctx context.Context, loanID string) (LoanUsage, error)
}

// Rate is a share in basis points, absent where there is nothing to share.
type Rate struct {
	Bps   money.BasisPoints
	Known bool
}

// share gives part of whole, rounded half up.
func share(part, whole money.Amount) Rate {
	if whole <= 0 {
		return Rate{}
	}
	return Rate{Bps: money.BasisPoints(money.MulDiv(part, 10_000, int64(whole))), Known: true}
}

// String gives a percentage with two decimals, or a dash.
func (r Rate) String() string {
	if !r.Known {
		return "-"
	}
	return fmt.Sprintf("%d.%02d%%", r.Bps/100, r.Bps%100)
}

// Bucket is a stretch of days past due, or how a loan left the books.
type Bucket int

// The buckets, from best to worst, then out.
const (
	Current  Bucket = iota // 0 days
	Days1                  // 1 to 29
	Days30                 // 30 to 59
	Days60                 // 60 to 89
	Days90                 // 90 and more
	Off                    // charged off
	Repaid                 // settled
	buckets  = 7
	overdues = 5 // of them on the books
)

// String gives the bucket's days.
func (b Bucket) String() string {
	return [buckets]string{"current", "1-29", "30-59", "60-89", "90+", "charged off", "settled"}[b]
}

// bucket gives where a loan stands.
func (s Snapshot) bucket() Bucket {
	switch {
	case s.State == ChargedOff:
		return Off
	case s.State == Settled:
		return Repaid
	case s.DPD >= 90:
		return Days90
	case s.DPD >= 60:
		return Days60
	case s.DPD >= 30:
		return Days30
	case s.DPD >= 1:
		return Days1
	default:
		return Current
	}
}
