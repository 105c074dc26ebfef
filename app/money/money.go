// Package money holds amounts in integer fen (1/100 yuan); nothing in the
// product adds or compares money in floating point.
package money

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// Amount is a sum of money in fen. The zero value is no money; negative
// amounts are debts or outflows where a type says so.
type Amount int64

// Yuan is one yuan in fen.
const Yuan Amount = 100

// ErrSyntax reports text that is not an amount in yuan.
var ErrSyntax = errors.New("not an amount: want digits with at most two decimals, such as 1234.50")

// ErrRange reports an amount too large to hold.
var ErrRange = errors.New("amount out of range")

// Parse reads an amount in yuan with at most two decimals ("100", "100.5",
// "-3.07"). Exponents, signs other than one leading minus, separators and
// more decimals are refused with ErrSyntax; overflow with ErrRange.
func Parse(text string) (Amount, error) {
	digits, negative := strings.CutPrefix(text, "-")
	whole, fraction, hasPoint := strings.Cut(digits, ".")
	if whole == "" || (hasPoint && (fraction == "" || len(fraction) > 2)) {
		return 0, ErrSyntax
	}
	for _, part := range []string{whole, fraction} {
		for _, r := range part {
			if r < '0' || r > '9' {
				return 0, ErrSyntax
			}
		}
	}
	for len(fraction) < 2 {
		fraction += "0"
	}
	fen, err := strconv.ParseInt(whole+fraction, 10, 64)
	if err != nil {
		return 0, ErrRange
	}
	if negative {
		fen = -fen
	}
	return Amount(fen), nil
}

// String gives the amount in yuan with two decimals and no separators, as the
// payment rails write it ("-12.30").
func (a Amount) String() string {
	sign, whole, fraction := "", int64(a/100), int64(a%100)
	if a < 0 {
		sign, whole, fraction = "-", -whole, -fraction
	}
	return fmt.Sprintf("%s%d.%02d", sign, whole, fraction)
}

// BasisPoints is a rate in 1/10,000.
type BasisPoints int64

// Share gives a * bps / 10,000, rounded half away from zero.
func (a Amount) Share(bps BasisPoints) Amount {
	return MulDiv(a, int64(bps), 10_000)
}

// MulDiv gives a * num / den rounded half away from zero, with 128 bits in
// between. It saturates at the ends of the range; den must not be zero.
func MulDiv(a Amount, num, den int64) Amount {
	negative := (a < 0) != (num < 0) != (den < 0)
	divisor := magnitude(den)
	high, low := bits.Mul64(magnitude(int64(a)), magnitude(num))
	if high >= divisor { // the quotient does not fit 64 bits
		return saturated(negative)
	}
	quotient, remainder := bits.Div64(high, low, divisor)
	if quotient <= math.MaxInt64 && remainder >= divisor-remainder { // half or more
		quotient++
	}
	if quotient > math.MaxInt64 {
		return saturated(negative)
	}
	if negative {
		return -Amount(quotient)
	}
	return Amount(quotient)
}

// magnitude is the absolute value; that of the least int64 fits uint64 only.
func magnitude(v int64) uint64 {
	if v < 0 {
		return -uint64(v) //nolint:gosec // two's complement: exact for every negative value
	}
	return uint64(v)
}

func saturated(negative bool) Amount {
	if negative {
		return math.MinInt64
	}
	return math.MaxInt64
}

// FloorTo rounds a down to a multiple of step (fen, positive).
func (a Amount) FloorTo(step Amount) Amount {
	remainder := a % step
	if remainder < 0 {
		remainder += step
	}
	return a - remainder
}
