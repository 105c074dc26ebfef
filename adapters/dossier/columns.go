package dossier

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"loan310/app/money"
)

// column is one column of a file: the one table that reading, writing,
// checking and docs/dossier.md are driven by.
type column[T any] struct {
	name     string
	kind     string // type shown in the documentation
	unit     string
	required bool // must stand in the header and hold a value
	meaning  string
	write    func(*T) string
	read     func(row *T, text string) error // never called with ""
	blank    func(*T)                        // sets the unsaid value where it is not the zero; nil = it is
}

// must makes a column required.
func (c column[T]) must() column[T] {
	c.required = true
	return c
}

// checked adds a check that may also put the value into its normal form.
func (c column[T]) checked(check func(string) (string, error)) column[T] {
	read := c.read
	c.read = func(row *T, text string) error {
		normal, err := check(text)
		if err != nil {
			return err
		}
		return read(row, normal)
	}
	return c
}

func textColumn[T any](name, meaning string, at func(*T) *string) column[T] {
	return column[T]{
		name: name, kind: "text", meaning: meaning,
		write: func(row *T) string { return *at(row) },
		read: func(row *T, text string) error {
			if strings.TrimSpace(text) != text {
				return errors.New("has blanks around the value")
			}
			if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }) {
				return errors.New("contains a control character")
			}
			*at(row) = text
			return nil
		},
	}
}

// listColumn holds several texts with semicolons between.
func listColumn[T any](name, meaning string, at func(*T) *[]string) column[T] {
	return column[T]{
		name: name, kind: "list", unit: "semicolons between", meaning: meaning,
		write: func(row *T) string { return strings.Join(*at(row), ";") },
		read: func(row *T, text string) error {
			*at(row) = strings.Split(text, ";")
			return nil
		},
	}
}

func choiceColumn[T any, V ~string](name, meaning string, choices []V, at func(*T) *V) column[T] {
	words := make([]string, len(choices))
	for i, choice := range choices {
		words[i] = string(choice)
	}
	return column[T]{
		name: name, kind: "one of", unit: strings.Join(words, ", "), meaning: meaning,
		write: func(row *T) string { return string(*at(row)) },
		read: func(row *T, text string) error {
			if !slices.Contains(words, text) {
				return fmt.Errorf("is none of %s", strings.Join(words, ", "))
			}
			*at(row) = V(text)
			return nil
		},
	}
}

// moneyColumn holds fen, refused below zero unless signed.
func moneyColumn[T any](name, meaning string, signed bool, at func(*T) *money.Amount) column[T] {
	lowest := int64(0)
	if signed {
		lowest = -maxFen
	}
	return column[T]{
		name: name, kind: "integer", unit: "fen", meaning: meaning,
		write: func(row *T) string { return strconv.FormatInt(int64(*at(row)), 10) },
		read: func(row *T, text string) error {
			fen, err := wholeNumber(text, lowest, maxFen)
			*at(row) = money.Amount(fen)
			return err
		},
	}
}

// maxFen is a trillion yuan: no merchant's row is larger, and sums of millions
// of rows of that size still fit.
const maxFen = 100_000_000_000_000

// optionalMoneyColumn holds signed fen, or nothing where the source did not say.
func optionalMoneyColumn[T any](name, meaning string, at func(*T) **money.Amount) column[T] {
	return column[T]{
		name: name, kind: "integer", unit: "fen", meaning: meaning,
		write: func(row *T) string {
			if *at(row) == nil {
				return ""
			}
			return strconv.FormatInt(int64(**at(row)), 10)
		},
		read: func(row *T, text string) error {
			fen, err := wholeNumber(text, -maxFen, maxFen)
			amount := money.Amount(fen)
			*at(row) = &amount
			return err
		},
	}
}

// countColumn holds a number from lowest up; the value unsaid is written empty
// (and stands in the row where the field is empty).
func countColumn[T any, V int | int32 | int64](name, unit, meaning string, lowest, unsaid V, at func(*T) *V) column[T] {
	highest := int64(math.MaxInt32)
	if _, wide := any(lowest).(int64); wide {
		highest = math.MaxInt64
	}
	return column[T]{
		name: name, kind: "integer", unit: unit, meaning: meaning,
		write: func(row *T) string {
			if *at(row) == unsaid {
				return ""
			}
			return strconv.FormatInt(int64(*at(row)), 10)
		},
		read: func(row *T, text string) error {
			value, err := wholeNumber(text, int64(lowest), highest)
			*at(row) = V(value)
			return err
		},
		blank: func(row *T) {
			if unsaid < 0 && int64(unsaid) != always {
				*at(row) = unsaid
			}
		},
	}
}

// always is an unsaid value no row holds: the number is written even when it
// is zero.
const always = math.MinInt32

func boolColumn[T any](name, meaning string, at func(*T) *bool) column[T] {
	return column[T]{
		name: name, kind: "boolean", unit: "true or false", meaning: meaning,
		write: func(row *T) string { return strconv.FormatBool(*at(row)) },
		read: func(row *T, text string) error {
			if text != "true" && text != "false" {
				return errors.New("is neither true nor false")
			}
			*at(row) = text == "true"
			return nil
		},
	}
}

// timeColumn holds a moment, RFC 3339.
func timeColumn[T any](name, meaning string, at func(*T) *time.Time) column[T] {
	return column[T]{
		name: name, kind: "time", unit: "RFC 3339, UTC", meaning: meaning,
		write: func(row *T) string { return formatTime(*at(row)) },
		read: func(row *T, text string) error {
			moment, err := parseTime(text, false)
			*at(row) = moment
			return err
		},
	}
}

// dayColumn holds a day (2006-01-02) or a moment.
func dayColumn[T any](name, meaning string, at func(*T) *time.Time) column[T] {
	return column[T]{
		name: name, kind: "day", unit: "2006-01-02 or RFC 3339, UTC", meaning: meaning,
		write: func(row *T) string {
			day := *at(row)
			if !day.IsZero() && day.Equal(day.Truncate(24*time.Hour)) {
				return day.UTC().Format(time.DateOnly)
			}
			return formatTime(day)
		},
		read: func(row *T, text string) error {
			day, err := parseTime(text, true)
			*at(row) = day
			return err
		},
	}
}

func formatTime(moment time.Time) string {
	if moment.IsZero() {
		return ""
	}
	return moment.UTC().Format(time.RFC3339Nano)
}

func parseTime(text string, dayAllowed bool) (time.Time, error) {
	moment, err := time.Parse(time.RFC3339Nano, text)
	if err != nil && dayAllowed {
		moment, err = time.Parse(time.DateOnly, text)
	}
	if err != nil {
		if dayAllowed {
			return time.Time{}, errors.New("is not a day such as 2026-11-01")
		}
		return time.Time{}, errors.New("is not a time such as 2026-11-01T08:30:00Z")
	}
	if moment.Year() < 1900 || moment.Year() > 2200 {
		return time.Time{}, errors.New("is outside the years 1900 to 2200")
	}
	return moment.UTC(), nil
}

func wholeNumber(text string, lowest, highest int64) (int64, error) {
	if strings.HasPrefix(text, "+") {
		return 0, errors.New("is not a whole number")
	}
	value, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil:
		return 0, errors.New("is not a whole number")
	case value < lowest && lowest == 0:
		return 0, errors.New("must not be negative")
	case value < lowest:
		return 0, fmt.Errorf("must be at least %d", lowest)
	case value > highest:
		return 0, fmt.Errorf("must be at most %d", highest)
	}
	return value, nil
}
