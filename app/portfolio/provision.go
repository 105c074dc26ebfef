package portfolio

import (
	"bytes"
	"context"
	_ "embed" // the standard rates
	"encoding/json"
	"errors"
	"io"
	"slices"
	"time"

	"loan310/app/audit"
	"loan310/app/fault"
	"loan310/app/money"
)

// ProvisionRates is how much of each class must be provided for.
type ProvisionRates map[Class]money.BasisPoints

// standardRates are assumed rates, to be replaced by the lender's.
//
//go:embed provisions.json
var standardRates []byte

// StandardProvisionRates gives the built-in rates: 1, 3, 30, 60 and 100 %.
func StandardProvisionRates() (ProvisionRates, error) { return ParseProvisionRates(standardRates) }

// ParseProvisionRates reads a table of rates. Errors name line and column, or
// the JSON path of what is wrong.
func ParseProvisionRates(text []byte) (ProvisionRates, error) {
	var file struct {
		Name  string                       `json:"name"`
		Note  string                       `json:"note"`
		Rates map[Class]*money.BasisPoints `json:"rates_bps"`
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&file)
	if err == nil {
		if _, more := decoder.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("there is more after the table")
		}
	}
	if err != nil {
		line, column := place(text, err, decoder.InputOffset())
		return nil, fault.New(fault.Invalid, fault.CodeInvalid, "the provision rates are not JSON of the expected form: line %d, column %d: %v", line, column, err)
	}
	if file.Name == "" {
		return nil, fault.Field("name", fault.CodeInvalid, "the provision rates have no name: give the table one in \"name\"")
	}
	rates := ProvisionRates{}
	for class, rate := range file.Rates {
		if rate == nil {
			return nil, fault.Field("rates_bps."+string(class), fault.CodeInvalid, "rates_bps.%s is null: give basis points, 0 to 10000", class)
		}
		rates[class] = *rate
	}
	return rates, rates.Check()
}

// place gives line and column, from 1, of where reading went wrong.
func place(text []byte, err error, read int64) (line, column int) {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		read = syntax.Offset
	} else if typed, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		read = typed.Offset
	}
	before := text[:min(max(read, 0), int64(len(text)))]
	return bytes.Count(before, []byte{'\n'}) + 1, len(before) - bytes.LastIndexByte(before, '\n')
}

// Check reports a class without a rate, a rate outside 0 to 100 %, a worse
// class with a lower rate, and a class that is none of the five. The field is
// the JSON path.
func (r ProvisionRates) Check() error {
	least, better := money.BasisPoints(0), Class("")
	for _, class := range Classes {
		rate, ok := r[class]
		path := "rates_bps." + string(class)
		switch {
		case !ok:
			return fault.Field(path, fault.CodeInvalid, "%s is missing: give basis points, 0 to 10000", path)
		case rate < 0 || rate > 10_000:
			return fault.Field(path, fault.CodeInvalid, "%s is %d: give basis points, 0 to 10000", path, rate)
		case rate < least:
			return fault.Field(path, fault.CodeInvalid, "%s is %d, less than the %d of %s, which is a better class", path, rate, least, better)
		}
		least, better = rate, class
	}
	for class := range r {
		if !slices.Contains(Classes[:], class) {
			path := "rates_bps." + string(class)
			return fault.Field(path, fault.CodeInvalid, "%s: no such class; there are %v", path, Classes)
		}
	}
	return nil
}

// Provision is what must be set aside for a month's book.
type Provision struct {
	Month    Month
	Lines    []ProvisionLine // a line per class, best first
	Required money.Amount
	Booked   money.Amount // the allowance on the books
}

// ProvisionLine is one class.
type ProvisionLine struct {
	Class       Class
	Outstanding money.Amount
	Rate        money.BasisPoints
	Required    money.Amount // rounded half up, per class
	Booked      money.Amount // the class's allowance on the books
}

// Difference is what remains to be booked: positive is expense.
func (p Provision) Difference() money.Amount { return p.Required - p.Booked }

// Provide computes what must be set aside for a book.
func Provide(q Quality, rates ProvisionRates) Provision {
	p := Provision{Month: q.Month}
	for _, class := range Classes {
		line := ProvisionLine{Class: class, Outstanding: q.All.Classes[class], Rate: rates[class]}
		line.Required = line.Outstanding.Share(line.Rate)
		p.Required += line.Required
		p.Lines = append(p.Lines, line)
	}
	return p
}

// On puts beside what is required the allowance on the books.
func (p Provision) On(booked map[Class]money.Amount) Provision {
	p.Lines = slices.Clone(p.Lines)
	p.Booked = 0
	for i := range p.Lines {
		p.Lines[i].Booked = booked[p.Lines[i].Class]
		p.Booked += p.Lines[i].Booked
	}
	return p
}

// BookProvisions computes what the book at a month's end requires and books
// the difference to the allowance, class by class. It gives the provision with
// the allowance from before; booked again, nothing is left to book.
func BookProvisions(ctx context.Context, books Store, month Month, rates ProvisionRates, now time.Time, by audit.Actor) (Provision, error) {
	quality, err := QualityOf(books.Snapshots(ctx, month), month)
	if err != nil {
		return Provision{}, err
	}
	p := Provide(quality, rates)
	before, err := books.Provide(ctx, p, now, audit.Entry{
		At: now, Actor: by, Action: "provision.booked", Subject: "provision/" + month.String(), Detail: p.Required.String(),
	})
	if err != nil {
		return Provision{}, err
	}
	return p.On(before), nil
}
