package dossier

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"strconv"
	"time"
)

// hash gives a number that depends on the seed and the parts alone. It stands
// in for state: whatever is asked for twice comes out the same.
func (g *Generated) hash(purpose string, parts ...int) uint64 {
	sum := mix(g.options.Seed ^ 0x6c6f616e33313021)
	for i := range len(purpose) {
		sum = mix(sum ^ uint64(purpose[i]))
	}
	for _, part := range parts {
		sum = mix(sum ^ uint64(part))
	}
	return sum
}

// mix is the finaliser of SplitMix64 after one step of its counter.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// oldest is a day before every application: what is shared among merchants is
// dated from here, so that it is the same for each of them.
func (g *Generated) oldest() time.Time { return g.asOf.Add(-g.spread).Truncate(days(1)) }

// dice are the random draws of one purpose.
type dice struct{ *rand.Rand }

func (g *Generated) dice(purpose string, parts ...int) dice {
	seed := g.hash(purpose, parts...)
	return dice{rand.New(rand.NewPCG(seed, mix(seed)))}
}

func (d dice) chance(p float64) bool             { return d.Float64() < p }
func (d dice) between(low, high float64) float64 { return low + d.Float64()*(high-low) }
func (d dice) whole(low, high int) int           { return low + d.IntN(high-low+1) }

// hours is a random duration between so many hours.
func (d dice) hours(low, high float64) time.Duration { return hours(d.between(low, high)) }

// lognormal is a positive number around median.
func (d dice) lognormal(median, sigma float64) float64 {
	return median * math.Exp(sigma*d.NormFloat64())
}

func pick[T any](d dice, from []T) T { return from[d.IntN(len(from))] }

// hours is a duration in whole seconds, the resolution of all generated times.
func hours(n float64) time.Duration { return time.Duration(n*3600) * time.Second }

func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }

func mulMod(a, b, m uint64) uint64 {
	high, low := bits.Mul64(a%m, b%m)
	_, rest := bits.Div64(high, low, m)
	return rest
}

// label writes prefix and numbers padded to width, with dashes between.
func label(prefix string, width int, numbers ...int) string {
	text := make([]byte, 0, 40)
	text = append(text, prefix...)
	for i, number := range numbers {
		if i > 0 {
			text = append(text, '-')
		}
		var digits [20]byte
		written := strconv.AppendInt(digits[:0], int64(number), 10)
		for range width - len(written) {
			text = append(text, '0')
		}
		text = append(text, written...)
	}
	return string(text)
}

// pseudonym is a prefix and twelve hexadecimal digits of a hash.
func pseudonym(prefix byte, hash uint64) string {
	const digits = "0123456789abcdef"
	text := [13]byte{prefix}
	for i := 1; i < len(text); i++ {
		text[i] = digits[hash&15]
		hash >>= 4
	}
	return string(text[:])
}
