package crosscheck

import "math/bits"

// table gives each distinct hashed key a dense index 0, 1, 2, …: open
// addressing with linear probing, half full at most, two integers a key.
type table struct {
	slots []uint64 // upper half: tag of the key; lower half: index + 1; 0 = free
	keys  []uint64
}

const tagMask = 0xffffffff00000000

// find gives the index of key, or -1.
func (t *table) find(key uint64) int32 {
	if len(t.slots) == 0 {
		return -1
	}
	mask := uint64(len(t.slots) - 1) //nolint:gosec // not empty
	for at := key & mask; ; at = (at + 1) & mask {
		slot := t.slots[at]
		if slot == 0 {
			return -1
		}
		index := int32(uint32(slot)) - 1 //nolint:gosec // the lower half is an index below 2^31
		if slot&tagMask == key&tagMask && t.keys[index] == key {
			return index
		}
	}
}

// put gives the index of key, making one when it is new.
func (t *table) put(key uint64) (index int32, fresh bool) {
	if 2*len(t.keys) >= len(t.slots) {
		t.grow()
	}
	mask := uint64(len(t.slots) - 1) //nolint:gosec // not empty
	at := key & mask
	for ; t.slots[at] != 0; at = (at + 1) & mask {
		slot := t.slots[at]
		index = int32(uint32(slot)) - 1 //nolint:gosec // the lower half is an index below 2^31
		if slot&tagMask == key&tagMask && t.keys[index] == key {
			return index, false
		}
	}
	t.keys = append(t.keys, key)
	t.slots[at] = key&tagMask | uint64(len(t.keys))
	return int32(len(t.keys) - 1), true //nolint:gosec // bounded by memory, far below 2^31
}

// expect makes room for so many keys.
func (t *table) expect(keys int) {
	if keys > 0 {
		t.keys = make([]uint64, 0, keys)
		t.resize(1 << bits.Len(uint(2*keys)))
	}
}

func (t *table) grow() { t.resize(max(64, 2*len(t.slots))) }

// resize makes a new index of a power of two and puts the keys back.
func (t *table) resize(size int) {
	t.slots = make([]uint64, size)
	mask := uint64(size - 1) //nolint:gosec // a power of two
	for i, key := range t.keys {
		at := key & mask
		for t.slots[at] != 0 {
			at = (at + 1) & mask
		}
		t.slots[at] = key&tagMask | uint64(i+1)
	}
}

// Odd constants with well-mixed bits (from the fractional digits of pi).
const (
	mixA uint64 = 0x243f6a8885a308d3
	mixB uint64 = 0x13198a2e03707345
)

// hash folds a text into 64 bits by multiply-and-mix, eight bytes a step. It
// is fixed, not seeded, because a decision must repeat bit for bit. Never 0,
// which stands for "not said"; the empty text gives 0.
func hash(text string) uint64 {
	if text == "" {
		return 0
	}
	sum := uint64(len(text)) ^ mixA
	for len(text) >= 8 {
		sum = mix(sum ^ word(text))
		text = text[8:]
	}
	var tail uint64
	for i := range len(text) {
		tail |= uint64(text[i]) << (8 * i)
	}
	sum = mix(mix(sum^tail) ^ mixB)
	if sum == 0 {
		return 1
	}
	return sum
}

func word(text string) uint64 {
	_ = text[7]
	return uint64(text[0]) | uint64(text[1])<<8 | uint64(text[2])<<16 | uint64(text[3])<<24 |
		uint64(text[4])<<32 | uint64(text[5])<<40 | uint64(text[6])<<48 | uint64(text[7])<<56
}

func mix(value uint64) uint64 {
	hi, lo := bits.Mul64(value^mixB, mixA)
	return hi ^ lo ^ value>>29
}
