package stack

import (
	"context"
	"errors"
	"log/slog"
	"slices"

	"loan310/app/clock"
	"loan310/app/fault"
	"loan310/app/ident"
	"loan310/app/portfolio"
	"loan310/app/servicing"
	"loan310/app/servicing/loan"
)

// ClosedDays is what CloseDays has done.
type ClosedDays struct {
	Through string // the last day asked for, such as 2026-11-21
	Made    int    // loans made for drawdowns that had none
	// Provisions of the month ends among Days, and of the last one kept before.
	Provisions []portfolio.Provision
	Days       []servicing.DayStatus // closed by this call or meanwhile, oldest first
}

// CloseDays closes every day up to one that is not closed yet; date is the
// last (2026-11-21), empty = the day before today. Told hears how many of a
// day's parts are done. fault.Conflict when another process holds parts.
func CloseDays(ctx context.Context, config Config, logger *slog.Logger, date string, told func(day string, done, parts int)) (closed ClosedDays, err error) {
	db, err := OpenDatabase(ctx, config)
	if err != nil {
		return ClosedDays{}, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	provisions, err := newProvisioner(db, config.Provisions, clock.System)
	if err != nil {
		return ClosedDays{}, err
	}
	provisions.told = func(p portfolio.Provision) { closed.Provisions = append(closed.Provisions, p) }
	service := servicing.NewService(servicing.Deps{Store: db.Servicing(), Now: clock.System, Logger: logger})
	closing := &servicing.EndOfDay{
		Days: db.Days(), Service: service, Owner: "command/" + ident.NewID(), Workers: 2,
		MonthClosed: func(ctx context.Context, _ loan.Date) error { return provisions.book(ctx) },
	}
	through := closing.Service.Today() - 1
	if date != "" {
		if through, err = loan.ParseDate(date); err != nil {
			return ClosedDays{}, err
		}
	}
	closed.Through = through.String()
	if closed.Made, err = closing.Service.CatchUp(ctx); err != nil {
		return closed, err
	}
	closing.Told = func(day loan.Date, done int) { told(day.String(), done, servicing.Parts) }
	before, err := db.Days().LastDay(ctx)
	if err != nil {
		return closed, err
	}
	whole, err := closing.Run(ctx, through)
	if err != nil {
		return closed, err
	}
	found, err := db.Days().Days(ctx, 400)
	if err != nil {
		return closed, err
	}
	for _, day := range slices.Backward(found) {
		if day.Day > before && day.Day <= through {
			closed.Days = append(closed.Days, day)
		}
	}
	if !whole {
		return closed, fault.New(fault.Conflict, servicing.CodeLeaseLost, "another process holds parts of the day; run it again in two minutes")
	}
	return closed, provisions.book(ctx) // where a process died between the day and its provisions
}
