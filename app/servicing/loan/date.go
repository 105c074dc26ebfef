package loan

import (
	"time"

	"loan310/app/fault"
)

// Date is a civil day in the lender's zone: days since 1970-01-01. The zero
// value means no date.
type Date int32

// CodeDate marks text that is not a day of the calendar.
const CodeDate fault.Code = "date_invalid"

// DateOf gives the civil day of an instant in a zone.
func DateOf(at time.Time, zone *time.Location) Date {
	year, month, day := at.In(zone).Date()
	return NewDate(year, int(month), day)
}

// NewDate gives the day of a year, month (1..12) and day of the month; a day
// the month does not have becomes its last, a month outside its range counts
// on into other years.
func NewDate(year, month, day int) Date {
	month--
	year += month / 12
	month %= 12
	if month < 0 {
		month += 12
		year--
	}
	return fromCivil(year, month+1, min(max(day, 1), monthDays(year, month+1)))
}

// ParseDate reads "2026-11-22"; fault.Invalid with CodeDate for anything else,
// also for a day the month does not have.
func ParseDate(text string) (Date, error) {
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return 0, fault.New(fault.Invalid, CodeDate, "%q is no date: want year-month-day, such as 2026-11-22", text)
	}
	return NewDate(at.Year(), int(at.Month()), at.Day()), nil
}

// Civil gives year, month (1..12) and day of the month.
//
// After Howard Hinnant, "chrono-compatible low-level date algorithms":
// https://howardhinnant.github.io/date_algorithms.html
func (d Date) Civil() (year, month, day int) {
	z := int(d) + 719_468 // days since 0000-03-01
	era := z / 146_097
	if z < 0 {
		era = (z - 146_096) / 146_097
	}
	doe := z - era*146_097
	yoe := (doe - doe/1_460 + doe/36_524 - doe/146_096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	day = doy - (153*mp+2)/5 + 1
	month = mp + 3
	if month > 12 {
		month -= 12
	}
	year = yoe + era*400
	if month <= 2 {
		year++
	}
	return year, month, day
}

// fromCivil is the inverse of Civil.
func fromCivil(year, month, day int) Date {
	if month <= 2 {
		year--
	}
	era := year / 400
	if year < 0 {
		era = (year - 399) / 400
	}
	yoe := year - era*400
	mp := month - 3
	if mp < 0 {
		mp += 12
	}
	doy := (153*mp+2)/5 + day - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return Date(era*146_097 + doe - 719_468) //nolint:gosec // years of the calendar fit
}

func monthDays(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	default:
		return 31
	}
}

// AddMonths moves the day by whole months, keeping its day of the month where
// the month has it and taking the month's last day otherwise.
func (d Date) AddMonths(months int) Date {
	year, month, day := d.Civil()
	return NewDate(year, month+months, day)
}

// MonthEnd is the last day of the day's month.
func (d Date) MonthEnd() Date {
	year, month, day := d.Civil()
	return d + Date(monthDays(year, month)-day) //nolint:gosec // under 31
}

// Time is the day's midnight in UTC, to be shown or stored as a date.
func (d Date) Time() time.Time { return time.Unix(int64(d)*86_400, 0).UTC() }

// String gives "2026-11-22", and nothing for no date.
func (d Date) String() string {
	if d == 0 {
		return ""
	}
	return string(d.append(make([]byte, 0, len(time.DateOnly))))
}

// append writes year, month and day; years have four digits.
func (d Date) append(to []byte) []byte {
	const digits = "0123456789"
	year, month, day := d.Civil()
	to = append(to, digits[year/1000%10], digits[year/100%10], digits[year/10%10], digits[year%10])
	to = append(to, '-', digits[month/10], digits[month%10])
	return append(to, '-', digits[day/10], digits[day%10])
}

// MarshalText writes a date as String does.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText wrote; empty text is no date.
func (d *Date) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*d = 0
		return nil
	}
	parsed, err := ParseDate(string(text))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}
