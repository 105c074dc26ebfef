// Package money holds amounts in integer fen (1/100 yuan); nothing in the
// product adds or compares money in floating point.
package money

import (
	"errors"
	"fmt"
	"math"
	"math/big"
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

// MulDiv gives a * num / den rounded half away from zero, without overflow in
// between. It saturates at the ends of the range; den must not be zero.
func MulDiv(a Amount, num, den int64) Amount {
	product := new(big.Int).Mul(big.NewInt(int64(a)), big.NewInt(num))
	divisor := big.NewInt(den)
	if divisor.Sign() < 0 {
		divisor.Neg(divisor)
		product.Neg(product)
	}
	twice := new(big.Int).Lsh(product, 1)
	if product.Sign() < 0 {
		twice.Sub(twice, divisor)
	} else {
		twice.Add(twice, divisor)
	}
	quotient := twice.Quo(twice, new(big.Int).Lsh(divisor, 1))
	if !quotient.IsInt64() {
		if quotient.Sign() < 0 {
			return math.MinInt64
		}
		return math.MaxInt64
	}
	return Amount(quotient.Int64())
}

// FloorTo rounds a down to a multiple of step (fen, positive).
func (a Amount) FloorTo(step Amount) Amount {
	remainder := a % step
	if remainder < 0 {
		remainder += step
	}
	return a - remainder
}
