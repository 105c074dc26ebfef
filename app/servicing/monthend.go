package servicing

import (
	"context"
	"time"

	"loan310/app/servicing/loan"
)

// Kept counts what a step of a month's end did.
type Kept struct {
	Loans  int    // kept
	Failed int    // that no replay could be made of: left out
	Last   string // id of the last loan looked at
	More   bool   // there may be more after it
}

// MonthEnds keeps how each loan stood at the end of a month: those that were
// open, and those that were closed since the end of the month before. What is
// kept is replaced when it is kept again.
type MonthEnds interface {
	// Keep stores at most limit loans of a part, those after an id, as they
	// stood at the end of the part's day, and renews the lease. A loan that has
	// been brought further, or not as far, is asked for by stand. It locks no
	// loan. Conflict with CodeLeaseLost when the part is no longer the owner's.
	Keep(ctx context.Context, part DayPart, after string, limit int, at, until time.Time, stand func(*Record) (Loan, error)) (Kept, error)
}

// keepBatch is how many loans are kept at a time.
const keepBatch = 512

// keep keeps how the loans of a part stood at the end of its day. Begun again
// it keeps the same.
func (e *EndOfDay) keep(ctx context.Context, part DayPart) error {
	for after, more := "", true; more; {
		now := e.Service.deps.Now()
		kept, err := e.Days.Keep(ctx, part, after, keepBatch, now, now.Add(leaseFor), func(record *Record) (Loan, error) {
			return StoodOn(record, part.Day)
		})
		if err != nil {
			return err
		}
		after, more = kept.Last, kept.More
	}
	return nil
}

// StoodOn gives a loan as it stood at the end of a day, by all that is known
// now; the record needs no journals.
func StoodOn(record *Record, day loan.Date) (Loan, error) {
	position, _, err := loan.Replay(record.Loan.Contract, record.events(), day)
	if err != nil {
		return Loan{}, err
	}
	return stand(record.Loan, &position), nil
}
