package crosscheck

import "math/bits"

// nat is a logarithm in 2^-32 nats.
type nat int64

const (
	oneNat nat = 1 << 32
	ln2    nat = 2_977_044_472 // ln 2 * 2^32, rounded
	tenth  nat = oneNat / 1_000
)

// ln gives the natural logarithm of num/den, both positive: the exponent from
// the bits, the mantissa by squaring, one binary digit of its logarithm a
// step. Integers only, so that it is the same everywhere.
func ln(num, den uint64) nat {
	return (log2(num) - log2(den)).nats()
}

// log2 in 2^-32.
func log2(x uint64) binary {
	if x == 0 {
		return 0
	}
	lead := bits.LeadingZeros64(x)
	whole := binary(63 - lead)
	mantissa := x << lead // 1.63
	var fraction binary
	for bit := binary(1) << 31; bit > 0; bit >>= 1 {
		high, low := bits.Mul64(mantissa, mantissa) // 2.126
		if high>>63 != 0 {
			fraction |= bit
			mantissa = high
		} else {
			mantissa = high<<1 | low>>63
		}
	}
	return whole<<32 | fraction
}

// binary is a logarithm to base two in 2^-32.
type binary int64

func (b binary) nats() nat {
	negative := b < 0
	if negative {
		b = -b
	}
	high, low := bits.Mul64(uint64(b), uint64(ln2)) //nolint:gosec // positive by now
	value := nat(high<<32 | low>>32)                //nolint:gosec // logarithms of 64 bits are below 45
	if negative {
		return -value
	}
	return value
}

const (
	million   = 1_000_000
	exactRuns = 64      // up to so many successes the binomial coefficient is summed
	mostRuns  = 1 << 20 // more trials are scaled down: the logarithm is then surer than needed
)

// surprise measures how unlikely so many marks are among trials orders of an
// honest shop, each of which bears one with the chance ppm (parts per
// million): a lower bound of -ln P(X >= found), X binomial.
//
// Up to 64 marks the tail is its first term times a geometric series:
// C(n,x) p^x q^(n-x) / (1 - r) with r = (n-x)p / ((x+1)q). Above, Chernoff's
// bound, the log-likelihood ratio n KL(x/n || p), which is sharp enough there.
// Nothing at or below what is expected is surprising.
func surprise(found, trials, ppm int64) nat {
	if found <= 0 || trials <= 0 || ppm <= 0 || ppm >= million {
		return 0
	}
	found = min(found, trials)
	for trials > mostRuns {
		found, trials = found/2, (trials+1)/2
	}
	if found*million <= trials*ppm {
		return 0
	}
	rest, clean := trials-found, int64(million)-ppm
	if found > exactRuns {
		sum := nat(found) * ln(uint64(found)*million, uint64(trials)*uint64(ppm))
		if rest > 0 {
			sum += nat(rest) * ln(uint64(rest)*million, uint64(trials)*uint64(clean))
		}
		return max(sum, 0)
	}
	term := nat(found)*ln(uint64(ppm), million) + nat(rest)*ln(uint64(clean), million)
	for i := range found {
		term += ln(uint64(trials-i), uint64(i+1)) //nolint:gosec // i is below found, at most trials
	}
	above, below := rest*ppm, (found+1)*clean
	if above >= below {
		return 0
	}
	term += ln(uint64(below), uint64(below-above)) //nolint:gosec // above is below it
	return max(-term, 0)
}
