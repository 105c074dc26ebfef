package servicing

import (
	"context"
	"errors"
	"sync"
	"time"

	"loan310/app/fault"
	"loan310/app/servicing/loan"
)

// CodeLeaseLost marks work on a part of a day that another process has taken
// over.
const CodeLeaseLost fault.Code = "lease_lost"

// DayPart is a part of a day's end, held by an owner until its lease is over.
type DayPart struct {
	Day   loan.Date
	Part  int
	Owner string
}

// Aged counts what a step of the end of day did.
type Aged struct {
	Loans    int    // brought through the day
	Journals int    // booked
	Failed   int    // left as they were, for the next run
	Left     int    // of the part, still to be brought through the day; told with the last step
	Last     string // id of the last loan looked at
	More     bool   // there may be more after it
}

// DayStatus is how far a day's end has come.
type DayStatus struct {
	Day      loan.Date
	Parts    int
	Done     int
	Leased   int // parts somebody works on
	Loans    int64
	Journals int64
	Kept     int64 // loans whose month's end was kept
	Failed   int64
	Error    string // of a loan that could not be brought through the day
	Started  time.Time
	Finished time.Time // of the last part; zero = not yet
}

// Days keeps the ends of days. What is left to do is in the loans themselves
// (those that wake on the day or before), so a part may be begun again at any
// point and does nothing twice.
type Days interface {
	// BeginDay makes the parts of a day that are not there; those without
	// anything to do may be done at once.
	BeginDay(ctx context.Context, day loan.Date, at time.Time) error
	// Lease takes an open part of a day that nobody holds; false when there
	// is none now, and whether all parts are done.
	Lease(ctx context.Context, day loan.Date, owner string, at, until time.Time) (part DayPart, leased, done bool, err error)
	// Age brings at most limit loans of a part, those after an id, through
	// the day by what plan gives, and renews the lease. Loans that somebody
	// else holds are left out, and so is one whose plan fails. Conflict with
	// CodeLeaseLost when the part is no longer the owner's.
	Age(ctx context.Context, part DayPart, after string, limit int, at, until time.Time, plan func(Record) (Update, error)) (Aged, error)
	// FinishPart closes a part.
	FinishPart(ctx context.Context, part DayPart, at time.Time) error
	// Days lists the latest days, newest first.
	Days(ctx context.Context, limit int) ([]DayStatus, error)
	// LastDay is the latest day all of whose parts are done; 0 = none yet.
	LastDay(ctx context.Context) (loan.Date, error)
	MonthEnds
}

const (
	leaseFor = 2 * time.Minute
	ageBatch = 64
)

// EndOfDay brings every loan through the end of a day.
type EndOfDay struct {
	Days    Days
	Service *Service
	Owner   string // names this process
	Workers int    // parts worked on at once; 0 = 2
	// Told hears of progress: parts done of a day's Parts; nil = nobody does.
	Told func(day loan.Date, done int)
	// MonthClosed is called once the last day of a month is closed whole, with
	// how every loan stood then kept; it may be called again. Nil = nothing is.
	MonthClosed func(ctx context.Context, day loan.Date) error
}

// mostDays bounds how many missed days one call catches up with.
const mostDays = 400

// Run closes every day from the one after the last closed through the given
// one, in order; with none closed yet, the given one alone. Parts that other
// processes hold are waited for only in that the call gives false: run it
// again later.
func (e *EndOfDay) Run(ctx context.Context, through loan.Date) (bool, error) {
	if through >= e.Service.Today() {
		return false, fault.Field("date", fault.CodeInvalid, "%s is not over yet: want a day before %s", through, e.Service.Today())
	}
	last, err := e.Days.LastDay(ctx)
	if err != nil {
		return false, err
	}
	day := through
	if last != 0 {
		day = last + 1
	}
	for n := 0; day <= through && n < mostDays; n++ {
		done, err := e.close(ctx, day)
		if err != nil || !done {
			return false, err
		}
		if e.MonthClosed != nil && day == day.MonthEnd() {
			if err := e.MonthClosed(ctx, day); err != nil {
				return false, err
			}
		}
		day++
	}
	return day > through, nil
}

// close closes one day.
func (e *EndOfDay) close(ctx context.Context, day loan.Date) (bool, error) {
	if err := e.Days.BeginDay(ctx, day, e.Service.deps.Now()); err != nil {
		return false, err
	}
	var group sync.WaitGroup
	var mu sync.Mutex
	var problems []error
	complete, finished := false, 0
	for range max(e.Workers, 1) {
		group.Go(func() {
			for {
				now := e.Service.deps.Now()
				part, leased, done, err := e.Days.Lease(ctx, day, e.Owner, now, now.Add(leaseFor))
				if err == nil && leased {
					err = e.finish(ctx, part)
				}
				mu.Lock()
				complete = complete || done
				switch {
				case fault.CodeOf(err) == CodeLeaseLost: // another process has it
				case err != nil:
					problems = append(problems, err)
				case leased:
					finished++
					if e.Told != nil {
						e.Told(day, finished)
					}
				}
				mu.Unlock()
				if err != nil && fault.CodeOf(err) != CodeLeaseLost || !leased {
					return
				}
			}
		})
	}
	group.Wait()
	return complete, errors.Join(problems...)
}

// finish brings one part through its day, keeps how its loans stood when the
// day is a month's last, and closes it.
func (e *EndOfDay) finish(ctx context.Context, part DayPart) error {
	if err := e.age(ctx, part); err != nil {
		return err
	}
	if part.Day == part.Day.MonthEnd() {
		if err := e.keep(ctx, part); err != nil {
			return err
		}
	}
	return e.Days.FinishPart(ctx, part, e.Service.deps.Now())
}

// age brings one part through its day. Loans somebody held are come back to.
func (e *EndOfDay) age(ctx context.Context, part DayPart) error {
	cause := "day:" + part.Day.String()
	for round := 0; ; round++ {
		brought, failed, left := 0, 0, 0
		for after, more := "", true; more; {
			now := e.Service.deps.Now()
			aged, err := e.Days.Age(ctx, part, after, ageBatch, now, now.Add(leaseFor), func(record Record) (Update, error) {
				return plan(&record, nil, part.Day, now, cause)
			})
			if err != nil {
				return err
			}
			after, more = aged.Last, aged.More
			brought += aged.Loans
			failed += aged.Failed
			left = aged.Left
		}
		if left <= failed || brought == 0 || round > 0 && failed > 0 {
			return nil
		}
	}
}
