package portfolio

import (
	"bytes"
	_ "embed" // the example price list
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"loan310/app/fault"
)

// Micro is money in millionths of a yuan: a call costs a fraction of a fen.
type Micro int64

// String gives yuan with four decimals, rounded half away from zero.
func (m Micro) String() string {
	sign := ""
	if m < 0 {
		sign, m = "-", -m
	}
	m = (m + 50) / 100
	return fmt.Sprintf("%s%d.%04d", sign, m/10_000, m%10_000)
}

// Prices is a price list: what a unit of each item costs from a day on. An
// item is a provider's kind of call (bureau.report) or, for all kinds without
// a price of their own, the provider (bureau).
type Prices struct {
	Name   string
	Target Micro // that a loan may cost
	from   map[string][]price
}

type price struct {
	day   int // days since 1970-01-01
	micro Micro
}

// exampleList holds assumed prices, to be replaced by contracts'.
//
//go:embed prices.json
var exampleList []byte

// ExamplePrices gives the built-in list of assumed prices.
func ExamplePrices() (Prices, error) { return ParsePrices(exampleList) }

// ParsePrices reads a price list. Errors name the entry that is wrong.
func ParsePrices(text []byte) (Prices, error) {
	var file struct {
		Name   string `json:"name"`
		Note   string `json:"note"`
		Target int64  `json:"target_micro_yuan"`
		Prices []struct {
			Item  string `json:"item"`
			From  string `json:"from"`
			Micro *int64 `json:"micro_yuan"`
		} `json:"prices"`
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&file); err != nil {
		return Prices{}, fault.New(fault.Invalid, fault.CodeInvalid, "the price list is not JSON of the expected form: %v", err)
	}
	if file.Name == "" || file.Target <= 0 {
		return Prices{}, fault.New(fault.Invalid, fault.CodeInvalid, "the price list needs a name and a positive target_micro_yuan")
	}
	list := Prices{Name: file.Name, Target: Micro(file.Target), from: map[string][]price{}}
	for i, entry := range file.Prices {
		day, err := time.Parse(time.DateOnly, entry.From)
		place := fmt.Sprintf("prices[%d]", i)
		switch {
		case entry.Item == "":
			return Prices{}, fault.Field(place+".item", fault.CodeInvalid, "%s of the price list names no item", place)
		case err != nil:
			return Prices{}, fault.Field(place+".from", fault.CodeInvalid, "%s.from must be a date such as 2026-11-01", place)
		case entry.Micro == nil || *entry.Micro < 0:
			return Prices{}, fault.Field(place+".micro_yuan", fault.CodeInvalid, "%s.micro_yuan must be given and not be negative", place)
		}
		known := list.from[entry.Item]
		next := price{int(day.Unix() / 86_400), Micro(*entry.Micro)}
		if len(known) > 0 && known[len(known)-1].day >= next.day {
			return Prices{}, fault.Field(place+".from", fault.CodeInvalid, "%s: the prices of %s must stand in order of their dates", place, entry.Item)
		}
		list.from[entry.Item] = append(known, next)
	}
	return list, nil
}

// At gives the price of an item on a day; false = the list has none.
func (p Prices) At(item string, day int) (Micro, bool) {
	provider, _, _ := strings.Cut(item, ".")
	for _, name := range []string{item, provider} {
		for _, known := range slices.Backward(p.from[name]) {
			if known.day <= day {
				return known.micro, true
			}
		}
	}
	return 0, false
}
