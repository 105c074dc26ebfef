package boost

// random is SplitMix64 (Steele, Lea and Flood 2014): small, and the same
// numbers from the same seed for ever.
type random struct{ state uint64 }

const golden = 0x9e3779b97f4a7c15

// mix is the finaliser of SplitMix64.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func (r *random) next() uint64 {
	r.state += golden
	return mix(r.state)
}

// below gives a number from 0 up to without n; n is small beside 2^64.
func (r *random) below(n int) int {
	return int(r.next() % uint64(n)) //nolint:gosec // below n
}

// choose gives k of the numbers up to without n, ascending.
func (r *random) choose(n, k int) []int {
	chosen := make([]int, 0, k)
	for i := range n {
		// Selection sampling (Knuth 3.4.2 S): i is taken with (still needed) / (still left).
		if r.below(n-i) < k-len(chosen) {
			chosen = append(chosen, i)
		}
	}
	return chosen
}

// drawn says whether a row is in the sample of a tree: a coin of its own per
// row, so that no order of drawing matters.
func drawn(key uint64, row int, share float64) bool {
	return float64(mix(key+uint64(row)*golden)>>11)*0x1p-53 < share //nolint:gosec // a row is not negative
}

// HoldOut parts the rows of a target into two, by seed, with share of either
// class (rounded down, at least one where the class has two) in the second.
// Both parts ascend.
func HoldOut(target []bool, share float64, seed uint64) (train, held []int) {
	var counts [2]int
	for _, bad := range target {
		counts[class(bad)]++
	}
	var parts [2][]int
	for i, n := range counts {
		generator := random{mix(seed + uint64(i))}
		k := min(int(share*float64(n)), n)
		if k == 0 && n > 1 && share > 0 {
			k = 1
		}
		parts[i] = generator.choose(n, k)
	}
	var at [2]int // rows of the class so far
	for row, bad := range target {
		i := class(bad)
		if len(parts[i]) > 0 && parts[i][0] == at[i] {
			parts[i] = parts[i][1:]
			held = append(held, row)
		} else {
			train = append(train, row)
		}
		at[i]++
	}
	return train, held
}

// Folds deals the rows of a target to k folds, by seed, either class evenly.
// The result names each row's fold.
func Folds(target []bool, k int, seed uint64) []int {
	generator := random{mix(seed)}
	out := make([]int, len(target))
	var dealt [2][]int // the folds left in this round of the class
	for row, bad := range target {
		deck := &dealt[class(bad)]
		if len(*deck) == 0 {
			for fold := range k {
				*deck = append(*deck, fold)
			}
		}
		at := generator.below(len(*deck))
		out[row] = (*deck)[at]
		(*deck)[at] = (*deck)[len(*deck)-1]
		*deck = (*deck)[:len(*deck)-1]
	}
	return out
}

func class(bad bool) int {
	if bad {
		return 1
	}
	return 0
}
