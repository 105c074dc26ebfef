package portfolio

import (
	"loan310/app/fault"
	"loan310/app/money"
)

// ProvisionRates is how much of each class must be provided for.
type ProvisionRates map[Class]money.BasisPoints

// DefaultProvisionRates are 1, 3, 30, 60 and 100 %.
func DefaultProvisionRates() ProvisionRates {
	return ProvisionRates{Normal: 100, SpecialMention: 300, Substandard: 3000, Doubtful: 6000, Loss: 10_000}
}

// Check reports a class without a rate, a rate outside 0 to 100 %, or a worse
// class with a lower rate.
func (r ProvisionRates) Check() error {
	least := money.BasisPoints(0)
	for _, class := range Classes {
		rate, ok := r[class]
		switch {
		case !ok:
			return fault.Field(string(class), fault.CodeInvalid, "the provision rates lack class %s", class)
		case rate < 0 || rate > 10_000:
			return fault.Field(string(class), fault.CodeInvalid, "the provision rate of class %s is %d basis points; it must be 0 to 10000", class, rate)
		case rate < least:
			return fault.Field(string(class), fault.CodeInvalid, "the provision rate of class %s is below that of a better class", class)
		}
		least = rate
	}
	if len(r) != len(Classes) {
		return fault.New(fault.Invalid, fault.CodeInvalid, "the provision rates name a class that is none of the five")
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
