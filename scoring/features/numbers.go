package features

import "math/bits"

// ratioCap keeps a ratio to ten times its base: beyond that it says no more.
const ratioCap = 100_000

// ratio gives part/whole in basis points, truncated, capped at ratioCap; whole
// must be positive.
func ratio(part, whole int64) int64 {
	if part <= 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(part), 10_000)
	if hi >= uint64(whole) { //nolint:gosec // positive by contract
		return ratioCap
	}
	quotient, _ := bits.Div64(hi, lo, uint64(whole)) //nolint:gosec // positive by contract
	return int64(min(quotient, ratioCap))
}

// monthly scales a sum over days to 30 days, truncated.
func monthly(sum, days int64) int64 {
	return sum/days*30 + sum%days*30/days
}

// volatility gives the population standard deviation over the mean in basis
// points: sqrt(mean((10,000*x/mean - 10,000)^2)). The mean must be positive.
func volatility(values []int64) int64 {
	var sum int64
	for _, value := range values {
		sum += value
	}
	count := int64(len(values))
	if sum < count {
		return 0
	}
	var squares int64
	for _, value := range values {
		deviation := ratio(value, sum/count) - 10_000
		squares += deviation * deviation
	}
	return root(squares / count)
}

// root gives the integer square root, rounded down.
func root(value int64) int64 {
	if value < 2 {
		return max(value, 0)
	}
	guess := value
	for next := (guess + 1) / 2; next < guess; next = (guess + value/guess) / 2 {
		guess = next
	}
	return guess
}
