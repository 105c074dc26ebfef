// Package model is a trained model as a versioned JSON file, and scores rows
// with it. The one rule: what a file says is checked wholly before a row is
// scored, and the same file and row give the same bits everywhere.
package model

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kind is what the values of a column are.
type Kind string

// Kinds of columns.
const (
	Number   Kind = "number"
	Date     Kind = "date" // held as days since 1970-01-01, with the time of day as fraction
	Category Kind = "category"
)

// Value is one cell. Num holds numbers and dates, Text categories.
type Value struct {
	Num   float64
	Text  string
	Known bool // false: missing; Num and Text are zero
}

// Input is a column of the data that a model reads.
type Input struct {
	Name string `json:"name"`
	Kind Kind   `json:"kind"`
	// Layouts of a date, tried in this order: Go layouts such as "2006-01-02",
	// or "days:1960-01-01" for a count of days since a date.
	Layouts []string `json:"layouts,omitempty"`
	// Missing are more tokens that stand for no value in this column.
	Missing []string `json:"missing,omitempty"`
	// Unreadable says what a cell that is no number or date means: "" refuses
	// the row, "missing" takes it for no value.
	Unreadable string `json:"unreadable,omitempty"`
}

// DefaultMissing are the tokens that stand for no value unless a spec says
// otherwise; an empty cell always does. Letter case does not matter.
func DefaultMissing() []string {
	return []string{"NA", "N/A", "NaN", "null", "NULL", "None", "nil", "#N/A", "?", "-", "."}
}

// Reader turns a cell's text into a value.
type Reader struct {
	input   Input
	missing map[string]bool
	layouts []layout
}

// layout is one way to write a date.
type layout struct {
	text  string
	epoch float64 // of "days:" layouts
	days  bool
}

// NewReader prepares to read an input; missing are the tokens of all columns.
func NewReader(input Input, missing []string) (*Reader, error) {
	if input.Name == "" {
		return nil, errors.New("name: none")
	}
	if input.Unreadable != "" && input.Unreadable != "missing" {
		return nil, fmt.Errorf("unreadable: %q, want \"missing\" or nothing", input.Unreadable)
	}
	r := &Reader{input: input, missing: map[string]bool{}}
	for _, token := range slices.Concat(missing, input.Missing) {
		r.missing[token] = true
		r.missing[strings.ToLower(token)] = true
		r.missing[strings.ToUpper(token)] = true
	}
	switch input.Kind {
	case Number, Category:
		if len(input.Layouts) > 0 {
			return nil, errors.New("layouts: only a date has them")
		}
	case Date:
		if len(input.Layouts) == 0 {
			return nil, errors.New("layouts: a date needs at least one")
		}
	default:
		return nil, fmt.Errorf("kind: %q, want \"number\", \"date\" or \"category\"", input.Kind)
	}
	for i, text := range input.Layouts {
		l, err := parseLayout(text)
		if err != nil {
			return nil, fmt.Errorf("layouts[%d]: %w", i, err)
		}
		r.layouts = append(r.layouts, l)
	}
	return r, nil
}

func parseLayout(text string) (layout, error) {
	if day, ok := strings.CutPrefix(text, "days:"); ok {
		epoch, err := time.Parse(time.DateOnly, day)
		if err != nil {
			return layout{}, fmt.Errorf("%q: want days:YYYY-MM-DD", text)
		}
		return layout{text: text, epoch: days(epoch), days: true}, nil
	}
	// A layout that does not read back what it writes names no full date.
	sample := time.Date(2003, 11, 28, 0, 0, 0, 0, time.UTC)
	if back, err := time.Parse(text, sample.Format(text)); err != nil || !back.Equal(sample) {
		return layout{}, fmt.Errorf("%q names no date in Go's way (2006-01-02 is 2 January 2006)", text)
	}
	return layout{text: text}, nil
}

// days since 1970-01-01.
func days(t time.Time) float64 { return float64(t.Unix())/86_400 + float64(t.Nanosecond())/86_400e9 }

// DayText writes a date value as 2006-01-02.
func DayText(day float64) string {
	return time.Unix(int64(math.Floor(day*86_400)), 0).UTC().Format(time.DateOnly)
}

// ParseDay reads 2006-01-02 as days since 1970-01-01.
func ParseDay(text string) (float64, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return 0, fmt.Errorf("%q is no date, want YYYY-MM-DD", text)
	}
	return days(t), nil
}

// ErrUnreadable is wrapped by what Read returns for a cell of the wrong kind.
var ErrUnreadable = errors.New("cannot be read")

// Input gives the column read.
func (r *Reader) Input() Input { return r.input }

// IsMissing tells whether a cell's text, trimmed, stands for no value.
func (r *Reader) IsMissing(text string) bool { return text == "" || r.missing[text] }

// Read gives the value of a cell. A cell of the wrong kind is an error that
// wraps ErrUnreadable, unless the input takes such cells for missing. It
// allocates nothing for numbers and categories that can be read.
func (r *Reader) Read(text string) (Value, error) {
	text = strings.TrimSpace(text)
	if r.IsMissing(text) {
		return Value{}, nil
	}
	var num float64
	var ok bool
	switch r.input.Kind {
	case Category:
		return Value{Text: text, Known: true}, nil
	case Number:
		num, ok = ParseNumber(text)
	default:
		num, ok = r.date(text)
	}
	if ok {
		return Value{Num: num, Known: true}, nil
	}
	if r.input.Unreadable == "missing" {
		return Value{}, nil
	}
	return Value{}, fmt.Errorf("%q %w as a %s", clip(text), ErrUnreadable, r.input.Kind)
}

func (r *Reader) date(text string) (float64, bool) {
	for i := range r.layouts {
		if r.layouts[i].days {
			if num, ok := ParseNumber(text); ok && math.Abs(num) < 1e6 {
				return num + r.layouts[i].epoch, true
			}
			continue
		}
		if t, err := time.Parse(r.layouts[i].text, text); err == nil {
			return days(t), true
		}
	}
	return 0, false
}

func clip(text string) string {
	if runes := []rune(text); len(runes) > 40 {
		return string(runes[:40]) + "…"
	}
	return text
}

// ParseNumber reads a finite decimal number, also as money: one currency sign
// before it and commas between groups of three.
func ParseNumber(text string) (float64, bool) {
	if !plain(text) {
		cleaned, ok := money(text)
		if !ok {
			return 0, false
		}
		text = cleaned
	}
	num, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(num) || math.IsInf(num, 0) {
		return 0, false
	}
	return num, true
}

// plain tells whether a text holds nothing but what a decimal number may, so
// that "Inf", "0x1p4" and "1_000" are not taken for numbers.
func plain(text string) bool {
	for i := range len(text) {
		switch c := text[i]; {
		case c >= '0' && c <= '9', c == '.', c == '-', c == '+', c == 'e', c == 'E':
		default:
			return false
		}
	}
	return text != ""
}

func money(text string) (string, bool) {
	sign := ""
	if rest, ok := strings.CutPrefix(text, "-"); ok {
		sign, text = "-", rest
	}
	for _, currency := range []string{"$", "¥", "€", "£", "￥"} {
		if rest, ok := strings.CutPrefix(text, currency); ok {
			text = rest
			break
		}
	}
	whole, fraction, point := strings.Cut(text, ".")
	groups := strings.Split(whole, ",")
	for i, group := range groups {
		if group == "" || len(group) > 3 && len(groups) > 1 || i > 0 && len(group) != 3 {
			return "", false
		}
	}
	text = sign + strings.Join(groups, "")
	if point {
		text += "." + fraction
	}
	return text, plain(text)
}
