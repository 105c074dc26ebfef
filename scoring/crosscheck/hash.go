package crosscheck

import "math/bits"

// Odd constants with well-mixed bits (from the fractional digits of pi).
const (
	mixA uint64 = 0x243f6a8885a308d3
	mixB uint64 = 0x13198a2e03707345
	mixC uint64 = 0xa4093822299f31d1
)

// hash folds a text into 64 bits, sixteen bytes a step, in the manner of
// wyhash: multiply to 128 bits, fold the halves. It is fixed, not seeded,
// because a decision must repeat bit for bit. Never 0, which stands for "not
// said"; the empty text gives 0.
func hash(text string) uint64 {
	size := len(text)
	var head, tail uint64
	sum := mixA
	switch {
	case size == 0:
		return 0
	case size < 4:
		head = uint64(text[0])<<16 | uint64(text[size/2])<<8 | uint64(text[size-1])
	case size < 8:
		head, tail = half(text), half(text[size-4:])
	default:
		for rest := text; len(rest) > 16; rest = rest[16:] {
			sum = fold(word(rest)^mixB, word(rest[8:])^sum)
		}
		head, tail = word(text[max(0, size-16):]), word(text[size-8:])
	}
	sum = fold(fold(head^mixB, tail^sum)^mixC, uint64(size)^mixB)
	if sum == 0 {
		return 1
	}
	return sum
}

func fold(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
	return high ^ low
}

func half(text string) uint64 {
	_ = text[3]
	return uint64(text[0]) | uint64(text[1])<<8 | uint64(text[2])<<16 | uint64(text[3])<<24
}

func word(text string) uint64 {
	_ = text[7]
	return uint64(text[0]) | uint64(text[1])<<8 | uint64(text[2])<<16 | uint64(text[3])<<24 |
		uint64(text[4])<<32 | uint64(text[5])<<40 | uint64(text[6])<<48 | uint64(text[7])<<56
}
