package pricing

import (
	"errors"
	"fmt"
	"math/big"
	"time"

	"loan310/app/money"
	"loan310/scoring/verdict"
)

// Line is one instalment of a schedule. Total = Principal + Interest.
type Line struct {
	Number    int          // 1..tenor
	Due       time.Time    // same clock time and zone as the first due date
	Principal money.Amount // fen
	Interest  money.Amount // fen
	Total     money.Amount // fen
	Remaining money.Amount // principal outstanding after this line, fen
}

// MaxTenor is the longest schedule we make, in months.
const MaxTenor = 120

// DefaultDayCount is the day-count base of a contract that names none.
const DefaultDayCount = 365

// monthlyParts is the denominator of a monthly rate: an annual rate of r basis
// points is r / (12 * 10,000) a month.
const monthlyParts = 120_000

// ErrSchedule reports terms that no schedule can be made of; the wrapped text
// says which.
var ErrSchedule = errors.New("impossible schedule")

// Schedule lays out how principal (fen) is repaid in tenor months at an annual
// nominal rate (basis points), the first line falling on firstDue and each
// other one a month later; a day the month does not have becomes its last day.
// The first period is taken as one whole month. There are always exactly tenor
// lines, principal sums exactly, every line is rounded half up and the last
// takes the remainder.
//
// Formulas, with i = annual/12 and n = tenor:
// equal instalments pay P*i*(1+i)^n/((1+i)^n-1) a month; equal principal pays
// P/n and i on the outstanding; bullet pays i*P a month and P at the end;
// any time is bullet with simple interest for the actual days on a base of
// 365 (ScheduleDayCount for another). ErrSchedule for impossible terms.
func Schedule(kind verdict.RepaymentType, principal money.Amount, annualRate money.BasisPoints, tenor int, firstDue time.Time) ([]Line, error) {
	return ScheduleDayCount(kind, principal, annualRate, tenor, firstDue, DefaultDayCount)
}

// ScheduleDayCount is Schedule with the contract's day-count base, 360 or 365,
// which only repayment at any time reads.
func ScheduleDayCount(kind verdict.RepaymentType, principal money.Amount, annualRate money.BasisPoints, tenor int, firstDue time.Time, dayCount int) ([]Line, error) {
	if err := checkSchedule(kind, principal, annualRate, tenor, dayCount); err != nil {
		return nil, err
	}
	lines := make([]Line, tenor)
	lay(lines, kind, principal, annualRate)
	for k := range lines {
		line := &lines[k]
		line.Due = addMonths(firstDue, k)
		if kind == verdict.AnyTime {
			days := daysBetween(addMonths(firstDue, k-1), line.Due)
			line.Interest = DailyInterest(line.Principal+line.Remaining, annualRate, days, dayCount)
			line.Total = line.Principal + line.Interest
		}
	}
	return lines, nil
}

// Lay fills lines with the amounts of Schedule, len(lines) being the tenor,
// without dates and without a list of its own; repayment at any time, whose
// interest follows from dates, is laid as a bullet. ErrSchedule for impossible
// terms.
func Lay(lines []Line, kind verdict.RepaymentType, principal money.Amount, annualRate money.BasisPoints) error {
	if err := checkSchedule(kind, principal, annualRate, len(lines), DefaultDayCount); err != nil {
		return err
	}
	lay(lines, kind, principal, annualRate)
	return nil
}

// checkSchedule says what is wrong with terms.
func checkSchedule(kind verdict.RepaymentType, principal money.Amount, annualRate money.BasisPoints, tenor, dayCount int) error {
	switch {
	case principal <= 0 || principal > maxPrincipal:
		return fmt.Errorf("%w: principal %s", ErrSchedule, principal)
	case annualRate < 0 || annualRate > 100_000:
		return fmt.Errorf("%w: annual rate of %d basis points", ErrSchedule, annualRate)
	case tenor < 1 || tenor > MaxTenor:
		return fmt.Errorf("%w: tenor of %d months", ErrSchedule, tenor)
	case dayCount != 360 && dayCount != 365:
		return fmt.Errorf("%w: day-count base %d", ErrSchedule, dayCount)
	}
	switch kind {
	case verdict.EqualInstalments, verdict.EqualPrincipal, verdict.Bullet, verdict.AnyTime:
		return nil
	default:
		return fmt.Errorf("%w: repayment type %q", ErrSchedule, kind)
	}
}

// lay fills the amounts of lines, a month's interest on each. Dates, and the
// interest of repayment at any time, are for the caller.
func lay(lines []Line, kind verdict.RepaymentType, principal money.Amount, annualRate money.BasisPoints) {
	var instalment money.Amount // 0 = all of it with the last line
	switch kind {
	case verdict.EqualInstalments:
		instalment = equalInstalment(principal, annualRate, len(lines))
	case verdict.EqualPrincipal:
		instalment = money.MulDiv(principal, 1, int64(len(lines)))
	}
	outstanding := principal
	for k := range lines {
		interest := money.MulDiv(outstanding, int64(annualRate), monthlyParts)
		part := instalment
		if kind == verdict.EqualInstalments {
			part = instalment - interest
		}
		// Rounding may use up a tiny principal early; the lines stay.
		part = min(max(part, 0), outstanding)
		if k == len(lines)-1 {
			part = outstanding
		}
		outstanding -= part
		lines[k] = Line{Number: k + 1, Principal: part, Interest: interest, Total: part + interest, Remaining: outstanding}
	}
}

// DailyInterest is simple interest on an outstanding principal (fen) for days
// at an annual rate (basis points) on a base of 360 or 365 days, rounded half
// up: P * rate * days / (10,000 * base).
func DailyInterest(outstanding money.Amount, annualRate money.BasisPoints, days int64, dayCount int) money.Amount {
	if days <= 0 || outstanding <= 0 || dayCount <= 0 {
		return 0
	}
	return money.MulDiv(outstanding, int64(annualRate)*days, 10_000*int64(dayCount))
}

// equalInstalment gives P*i*(1+i)^n/((1+i)^n-1) rounded half up, exactly, with
// i = r/q: P*r*(q+r)^n / (q*((q+r)^n-q^n)).
func equalInstalment(principal money.Amount, annualRate money.BasisPoints, tenor int) money.Amount {
	if annualRate == 0 {
		return money.MulDiv(principal, 1, int64(tenor))
	}
	n := big.NewInt(int64(tenor))
	q := big.NewInt(monthlyParts)
	grown := new(big.Int).Exp(big.NewInt(monthlyParts+int64(annualRate)), n, nil)
	flat := new(big.Int).Exp(q, n, nil)
	num := new(big.Int).Mul(big.NewInt(int64(principal)), big.NewInt(int64(annualRate)))
	num.Mul(num, grown)
	den := new(big.Int).Sub(grown, flat)
	den.Mul(den, q)
	num.Lsh(num, 1)
	num.Add(num, den)
	num.Quo(num, den.Lsh(den, 1))
	return money.Amount(num.Int64())
}

// addMonths moves a date by whole months, keeping its day where the month has
// it and taking the month's last day otherwise.
func addMonths(date time.Time, months int) time.Time {
	year, month, day := date.Date()
	hour, minute, second := date.Clock()
	last := time.Date(year, month+time.Month(months)+1, 0, 0, 0, 0, 0, date.Location()).Day()
	return time.Date(year, month+time.Month(months), min(day, last), hour, minute, second, date.Nanosecond(), date.Location())
}

// daysBetween counts calendar days, so that a change to summer time is none.
func daysBetween(from, to time.Time) int64 {
	return civilDay(to) - civilDay(from)
}

func civilDay(t time.Time) int64 {
	year, month, day := t.Date()
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / 86_400
}
