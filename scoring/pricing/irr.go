package pricing

import (
	"fmt"
	"math/bits"

	"loan310/app/money"
)

// maxPrincipal keeps discounted sums inside 128 bits (1,000,000,000.00 yuan).
const maxPrincipal money.Amount = 100_000_000_000

// one is 1 in the fixed point of discount factors (62 fractional bits).
const one uint64 = 1 << 62

// rateParts is the resolution of the search: 1/1,000 basis point a year.
const rateParts = 1_000

// maxIRR is the highest rate the search knows: 1,000 % a year.
const maxIRR = 100_000 * rateParts

// IRR gives the all-in rate in basis points, annualised nominally as twelve
// times the monthly internal rate: the i for which
//
//	received = sum over k of paid_k / (1 + i/12)^k
//
// where received is what reaches the borrower (principal less fees kept back)
// and paid_k the total of line k. Periods are whole months. It is found by
// bisection in fixed-point integers, so it is the same on every machine, and
// rounded half up. Zero when no more is paid than received; 100,000 (1,000 %)
// stands for anything above. ErrSchedule when nothing was received.
func IRR(received money.Amount, schedule []Line) (money.BasisPoints, error) {
	if received <= 0 || received > maxPrincipal || len(schedule) == 0 || len(schedule) > MaxTenor {
		return 0, fmt.Errorf("%w: %s received against %d lines", ErrSchedule, received, len(schedule))
	}
	low, high := uint64(0), uint64(maxIRR)
	if !worthMore(received, schedule, low) {
		return 0, nil
	}
	for high-low > 1 {
		middle := low + (high-low)/2
		if worthMore(received, schedule, middle) {
			low = middle
		} else {
			high = middle
		}
	}
	return money.BasisPoints((high + rateParts/2) / rateParts), nil
}

// worthMore says whether the payments, discounted at an annual rate (1/1,000
// basis points), are worth more than what was received.
func worthMore(received money.Amount, schedule []Line, rate uint64) bool {
	const whole = 12 * 10_000 * rateParts
	hi, lo := bits.Mul64(one, whole)
	step, _ := bits.Div64(hi, lo, whole+rate)
	factor := one
	var sumHi, sumLo uint64
	for k := range schedule {
		hi, lo = bits.Mul64(factor, step)
		factor = hi<<2 | lo>>62
		if schedule[k].Total <= 0 {
			continue
		}
		hi, lo = bits.Mul64(uint64(schedule[k].Total), factor)
		var carry uint64
		sumLo, carry = bits.Add64(sumLo, lo, 0)
		sumHi, _ = bits.Add64(sumHi, hi, carry)
	}
	hi, lo = bits.Mul64(uint64(received), one) //nolint:gosec // positive, checked by IRR
	return sumHi > hi || sumHi == hi && sumLo > lo
}
