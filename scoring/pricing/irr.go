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

// maxIRR is the highest rate the search knows, in basis points: 1,000 % a year.
const maxIRR money.BasisPoints = 100_000

// IRR gives the all-in rate in basis points, annualised nominally as twelve
// times the monthly internal rate: the i for which
//
//	received = sum over k of paid_k / (1 + i/12)^k
//
// where received is what reaches the borrower (principal less fees kept back)
// and paid_k the total of line k. Periods are whole months. It is searched in
// fixed-point integers, so it is the same on every machine, and rounded half
// up. Zero when no more is paid than received; 100,000 (1,000 %) stands for
// anything above. ErrSchedule when nothing was received.
func IRR(received money.Amount, schedule []Line) (money.BasisPoints, error) {
	if err := checkReceived(received, len(schedule)); err != nil {
		return 0, err
	}
	var paid, weighted money.Amount
	for k := range schedule {
		paid += schedule[k].Total
		weighted += schedule[k].Total * money.Amount(k+1)
	}
	guess := money.Amount(0)
	if paid > received && weighted > 0 { // simple interest over the mean time money is out
		guess = money.MulDiv(money.MulDiv(paid-received, monthlyParts, int64(received)), int64(paid), int64(weighted))
	}
	return search(received, schedule, money.BasisPoints(guess)), nil
}

func checkReceived(received money.Amount, lines int) error {
	if received <= 0 || received > maxPrincipal || lines == 0 || lines > MaxTenor {
		return fmt.Errorf("%w: %s received against %d lines", ErrSchedule, received, lines)
	}
	return nil
}

// search finds the least whole rate that the IRR, rounded, is not above, going
// out from a guess in doubling steps and halving what they enclose. worthMore
// falls with the rate, so the guess decides how long it takes, never what is
// found.
func search(received money.Amount, schedule []Line, guess money.BasisPoints) money.BasisPoints {
	low, high := money.BasisPoints(-1), maxIRR // the answer is above low, at most high
	at, step := min(max(guess, 0), maxIRR-1), money.BasisPoints(1)
	if above(received, schedule, at) {
		for low = at; low+step < maxIRR; step *= 2 {
			if !above(received, schedule, low+step) {
				high = low + step
				break
			}
			low += step
		}
	} else {
		for high = at; high-step >= 0; step *= 2 {
			if above(received, schedule, high-step) {
				low = high - step
				break
			}
			high -= step
		}
	}
	for high-low > 1 {
		middle := low + (high-low)/2
		if above(received, schedule, middle) {
			low = middle
		} else {
			high = middle
		}
	}
	return high
}

// above says whether the IRR, rounded half up, is above a rate below maxIRR.
func above(received money.Amount, schedule []Line, rate money.BasisPoints) bool {
	return worthMore(received, schedule, edge(rate))
}

// edge is the last rate (1/1,000 basis points) that is rounded to a rate.
func edge(rate money.BasisPoints) uint64 {
	return uint64(rate)*rateParts + rateParts/2 - 1 //nolint:gosec // never negative: searched from 0 up
}

// neverAbove says, without a schedule, that none of EqualInstalments,
// EqualPrincipal and Bullet has an IRR above highest when nothing is kept
// back. False: it may have. An interest line is at most outstanding*rate plus
// half a fen; where that is no more than the outstanding earns at highest, the
// payments cannot be worth more than the principal. It is tightest for the
// least outstanding, the last line's: about principal/tenor/(1+rate/12), less
// what rounding adds up to, which within 24 months and 36 % is under 64 fen.
func neverAbove(principal money.Amount, rate money.BasisPoints, tenor int, highest money.BasisPoints) bool {
	if tenor > 24 || rate > 3_600 || highest >= maxIRR || highest < rate {
		return false
	}
	least := principal*9/money.Amount(10*tenor) - 64
	room := money.Amount(edge(highest)) - money.Amount(rate)*rateParts //nolint:gosec // under 10^8
	return least > monthlyParts*rateParts/2/room
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
