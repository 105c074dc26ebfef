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

// trend gives the least-squares slope of values, oldest first, a step over
// their mean, in basis points: sum((i - m) x) / sum((i - m)^2) / mean with m
// the middle index. The mean must be at least 1; capped at ratioCap either way.
func trend(values []int64) int64 {
	var sum, up, down, squares int64
	count := int64(len(values))
	for i, value := range values {
		sum += value
		twice := 2*int64(i) - (count - 1) // twice the distance from the middle
		squares += twice * twice
	}
	mean := sum / count
	if mean < 1 {
		return 0
	}
	// Weighed as shares of the mean, so that no sum can overflow.
	for i, value := range values {
		twice := 2*int64(i) - (count - 1)
		if twice >= 0 {
			up += twice * ratio(value, mean)
		} else {
			down -= twice * ratio(value, mean)
		}
	}
	return max(min(2*(up-down)/squares, ratioCap), -ratioCap)
}

// mean gives sum/count truncated, 0 of nothing.
func mean(sum, count int64) int64 { return sum / max(count, 1) }

// scaled gives sum*num/den, truncated, for small num and den.
func scaled(sum, num, den int64) int64 { return sum/den*num + sum%den*num/den }

// concentration adds up a Herfindahl index, sum((part/total)^2), of parts that
// are known only with their total: millionths squared.
type concentration struct{ total, squares int64 }

func (c *concentration) add(part int64) {
	if part <= 0 || c.total <= 0 {
		return
	}
	hi, lo := bits.Mul64(uint64(part), 1_000_000)
	share, _ := bits.Div64(hi, lo, uint64(c.total)) // part <= total, so it fits
	c.squares += int64(share * share)               //nolint:gosec // at most 10^12
}

// bps gives the index: 10,000 = one part is all.
func (c *concentration) bps() int64 { return c.squares / 100_000_000 }
