package tabular

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"loan310/scoring/model"
	"loan310/scoring/train"
)

// MaxDistinct is up to how many texts of a column are told apart while it is
// looked at.
const MaxDistinct = 20_000

// layouts are the ways to write a date that are found without a word from the
// spec. Month and day first are told apart by days above 12.
func layouts() []string {
	return []string{
		time.DateOnly, "2006-01-02 15:04:05", "2006-01-02T15:04:05", time.RFC3339, "2006-01-02 15:04", "2006/01/02", "2006/1/2",
		"2006/1/2 15:04:05", "2006/1/2 15:04", "2006.01.02", "2-Jan-06", "2-Jan-2006", "2 Jan 2006", "Jan 2, 2006", "January 2, 2006",
		"2006年1月2日", "2.1.2006",
		monthFirst, monthFirst + " 15:04", monthFirst + " 15:04:05", monthFirstShort, monthFirstShort + " 15:04", monthFirstShort + " 15:04:05",
		dayFirst, dayFirst + " 15:04", dayFirst + " 15:04:05", dayFirstShort, dayFirstShort + " 15:04", dayFirstShort + " 15:04:05",
	}
}

const (
	monthFirst      = "1/2/2006"
	monthFirstShort = "1/2/06"
	dayFirst        = "2/1/2006"
	dayFirstShort   = "2/1/06"
)

// look gathers what a column holds.
type look struct {
	reader   *model.Reader // for the missing tokens
	column   train.ColumnProfile
	distinct map[string]struct{}
	numbers  int
	whole    int // of these
	dates    int
	tries    int   // texts that might have been dates
	used     []int // by layout, cells that it reads and no earlier one does
	month    int   // cells that only month first reads
	day      int   // cells that only day first reads
	odd      example
	oddDate  example
}

// example is a cell that does not fit.
type example struct {
	text string
	line int
}

// Scan reads a whole file once and tells for each column what it holds, so that
// kinds are found from all of the data. missing are the tokens of no value.
// Progress, when not nil, is called every 100,000 rows.
func Scan(ctx context.Context, r *Reader, missing []string, progress func(rows int)) ([]train.ColumnProfile, error) {
	looks := make([]look, len(r.Header()))
	for i, name := range r.Header() {
		reader, err := model.NewReader(model.Input{Name: name, Kind: model.Category}, missing)
		if err != nil {
			return nil, r.fault(1, name, err)
		}
		looks[i] = look{reader: reader, column: train.ColumnProfile{Name: name}, distinct: map[string]struct{}{}, used: make([]int, len(layouts()))}
	}
	known := layouts()
	for {
		cells, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		for i := range looks {
			looks[i].add(strings.TrimSpace(cells[i]), known, r, i)
		}
		if r.Rows()%100_000 == 0 {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if progress != nil {
				progress(r.Rows())
			}
		}
	}
	profiles := make([]train.ColumnProfile, len(looks))
	for i := range looks {
		profiles[i] = looks[i].conclude(known)
	}
	return profiles, nil
}

func (l *look) add(text string, known []string, r *Reader, column int) {
	l.column.Rows++
	if l.reader.IsMissing(text) {
		l.column.Missing++
		return
	}
	if len(l.distinct) < MaxDistinct {
		if _, seen := l.distinct[text]; !seen {
			l.distinct[strings.Clone(text)] = struct{}{}
		}
	}
	if num, ok := model.ParseNumber(text); ok {
		l.numbers++
		if num == math.Trunc(num) {
			l.whole++
		}
	} else if l.odd.line == 0 {
		l.odd = example{strings.Clone(text), r.line(column)}
	}
	if l.date(text, known) {
		l.dates++
	} else if l.oddDate.line == 0 {
		l.oddDate = example{strings.Clone(text), r.line(column)}
	}
}

// date tells whether a text is a date, and counts by which layout.
func (l *look) date(text string, known []string) bool {
	// After so many texts none of which was a date, none is looked for.
	const patience = 200
	if l.tries >= patience && l.dates == 0 || !likeDate(text) {
		return false
	}
	l.tries++
	found, month, day := -1, false, false
	for i, layout := range known {
		if found >= 0 && (layout[0] != '1' && !strings.HasPrefix(layout, "2/1")) {
			continue // only the slash layouts can be taken for one another
		}
		if _, err := time.Parse(layout, text); err != nil {
			continue
		}
		if found < 0 {
			found = i
		}
		month = month || strings.HasPrefix(layout, "1/2")
		day = day || strings.HasPrefix(layout, "2/1")
		if !month && !day {
			break
		}
	}
	if found < 0 {
		return false
	}
	if month != day {
		if month {
			l.month++
		} else {
			l.day++
		}
	}
	l.used[found]++
	return true
}

// likeDate is a cheap test that spares most texts the layouts.
func likeDate(text string) bool {
	if len(text) < 6 || len(text) > 35 {
		return false
	}
	digits, marks := 0, 0
	for i := range len(text) {
		switch c := text[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c == '-' || c == '/' || c == '.' || c == ' ' || c == ',' || c >= 0x80:
			marks++
		}
	}
	return digits >= 3 && marks >= 2
}

// conclude decides what the column is: numbers or dates when all cells are,
// else categories. A column of which nearly all cells are numbers or dates
// carries an example of the rest, for the error of a spec that uses it.
func (l *look) conclude(known []string) train.ColumnProfile {
	const nearly = 0.9
	column := l.column
	column.Distinct = len(l.distinct)
	column.ManyDistinct = len(l.distinct) >= MaxDistinct
	filled := column.Rows - column.Missing
	column.Kind = model.Category
	column.Whole = l.whole == filled
	switch {
	case filled == 0:
	case l.numbers == filled:
		column.Kind = model.Number
	case l.dates == filled:
		column.Kind = model.Date
	case float64(l.numbers) >= nearly*float64(filled):
		column.Odd = fmt.Sprintf("line %d: %q, although %d of %d cells are numbers", l.odd.line, l.odd.text, l.numbers, filled)
	case float64(l.dates) >= nearly*float64(filled):
		column.Odd = fmt.Sprintf("line %d: %q, although %d of %d cells are dates", l.oddDate.line, l.oddDate.text, l.dates, filled)
	}
	if column.Kind == model.Number && column.Distinct <= 3 {
		column.Values = l.values()
	}
	if column.Kind == model.Category && column.Distinct <= 50 {
		column.Values = l.values()
	}
	if l.dates > 0 {
		column.Layouts = l.layouts(known)
		column.Mixed = l.month > 0 && l.day > 0
		column.Ambiguous = l.month == 0 && l.day == 0 && slashed(column.Layouts)
	}
	return column
}

// layouts are those that read some cell, in the order of the list, with day
// first in place of month first where the days say so.
func (l *look) layouts(known []string) []string {
	var used []string
	for i, count := range l.used {
		if count == 0 {
			continue
		}
		layout := known[i]
		if l.day > 0 && l.month == 0 {
			layout = strings.Replace(layout, "1/2/", "2/1/", 1)
		}
		if len(used) == 0 || used[len(used)-1] != layout {
			used = append(used, layout)
		}
	}
	return used
}

func slashed(used []string) bool {
	for _, layout := range used {
		if strings.HasPrefix(layout, "1/2/") || strings.HasPrefix(layout, "2/1/") {
			return true
		}
	}
	return false
}

func (l *look) values() []string {
	values := make([]string, 0, len(l.distinct))
	for text := range l.distinct {
		values = append(values, text)
	}
	return sorted(values)
}
