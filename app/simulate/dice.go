package simulate

// dice are random numbers that follow from their seed alone (SplitMix64:
// Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
// 2014).
type dice uint64

// newDice gives dice of their own for a seed and what they are for.
func newDice(seed uint64, of ...uint64) dice {
	d := dice(seed)
	for _, each := range of {
		d = dice(d.next() ^ each*0x9E3779B97F4A7C15)
	}
	return d
}

func (d *dice) next() uint64 {
	*d += 0x9E3779B97F4A7C15
	z := uint64(*d)
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// below gives 0 to n-1.
func (d *dice) below(n int) int { return int(d.next() >> 33 % uint64(n)) } //nolint:gosec // 31 bits fit an int

// between gives first to last.
func (d *dice) between(first, last int) int { return first + d.below(last-first+1) }

// chance tells true so many times in a thousand.
func (d *dice) chance(perMille int) bool { return d.below(1000) < perMille }

// pick gives an index by weights.
func (d *dice) pick(weights ...int) int {
	total := 0
	for _, weight := range weights {
		total += weight
	}
	at := d.below(total)
	for i, weight := range weights {
		if at -= weight; at < 0 {
			return i
		}
	}
	return len(weights) - 1
}

// hash gives a number for a text (FNV-1a).
func hash(text string) uint64 {
	h := uint64(14_695_981_039_346_656_037)
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * 1_099_511_628_211
	}
	return h
}
