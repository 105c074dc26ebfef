package crosscheck

import "math/bits"

// halves is a hashed key in two halves, so that what holds it is aligned to
// four bytes and not to eight.
type halves struct{ low, high uint32 }

func halve(key uint64) halves { return halves{uint32(key), uint32(key >> 32)} } //nolint:gosec // cut on purpose

func (h halves) key() uint64 { return uint64(h.high)<<32 | uint64(h.low) }

// slot is one place of a table: a key, 0 = free, and the number kept for it.
type slot struct {
	halves
	value int32
}

// table maps hashed keys to numbers: open addressing with linear probing, at
// most two thirds full. A key's place is its share of the range of keys, so a
// table of any length will do, and growing copies from front to back.
type table struct {
	slots []slot
	count int
}

// place scales a well-mixed key to [0, length).
func place(key uint64, length int) int {
	high, _ := bits.Mul64(key, uint64(length)) //nolint:gosec // a length
	return int(high)                           //nolint:gosec // below length
}

// find gives the number of key, or unknown.
func (t *table) find(key uint64) int32 {
	if len(t.slots) == 0 {
		return unknown
	}
	for at := place(key, len(t.slots)); ; {
		found := &t.slots[at]
		switch found.key() {
		case 0:
			return unknown
		case key:
			return found.value
		}
		if at++; at == len(t.slots) {
			at = 0
		}
	}
}

// put keeps value for a key that is not 0, unless it has one already, which is
// given instead.
func (t *table) put(key uint64, value int32) (kept int32, fresh bool) {
	if 3*t.count >= 2*len(t.slots) {
		t.resize(max(64, 2*len(t.slots)))
	}
	for at := place(key, len(t.slots)); ; {
		found := &t.slots[at]
		switch found.key() {
		case 0:
			*found = slot{halve(key), value}
			t.count++
			return value, true
		case key:
			return found.value, false
		}
		if at++; at == len(t.slots) {
			at = 0
		}
	}
}

// expect makes room for so many keys.
func (t *table) expect(keys int) {
	if keys > 0 {
		t.resize(keys + keys/2 + 8)
	}
}

func (t *table) resize(length int) {
	old := t.slots
	t.slots, t.count = make([]slot, length), 0
	for i := range old {
		if key := old[i].key(); key != 0 {
			t.put(key, old[i].value)
		}
	}
}

// index numbers hashed keys in the order they come. Its places hold numbers of
// four bytes, so a million of them still fit a cache; what a number leaves of
// its 32 bits are bits of the key, so that another key is hardly ever read.
type index struct {
	keys  []uint64 // by number; 0 = a row without a key
	slots []uint32 // number + 1 below, bits of the key above; 0 = free
	low   uint32   // the bits of a number
	held  int      // keys that are not 0
}

// touch reads the place where key will be looked for and gives what lies
// there: see Batch.
func (x *index) touch(key uint64) uint64 {
	if len(x.slots) == 0 {
		return 0
	}
	return uint64(x.slots[place(key, len(x.slots))])
}

// find gives the number of a key that is not 0, or unknown.
func (x *index) find(key uint64) int32 {
	if len(x.slots) == 0 {
		return unknown
	}
	for at := place(key, len(x.slots)); ; {
		found := x.slots[at]
		if found == 0 {
			return unknown
		}
		if number := found&x.low - 1; (found^x.tag(key))&^x.low == 0 && x.keys[number] == key {
			return int32(number) //nolint:gosec // bounded by memory, far below 2^31
		}
		if at++; at == len(x.slots) {
			at = 0
		}
	}
}

// put numbers a key, unless it has been seen, and says whether it is new. Keys
// of 0 are all new.
func (x *index) put(key uint64) (fresh bool) {
	if key == 0 {
		x.keys = append(x.keys, 0)
		return true
	}
	if 3*x.held >= 2*len(x.slots) || len(x.keys) >= int(x.low) {
		x.resize(max(64, 3*x.held), 2*len(x.keys))
	}
	for at := place(key, len(x.slots)); ; {
		found := x.slots[at]
		if found == 0 {
			x.keys = append(x.keys, key)
			x.slots[at] = x.tag(key)&^x.low | uint32(len(x.keys)) //nolint:gosec // at most low
			x.held++
			return true
		}
		if (found^x.tag(key))&^x.low == 0 && x.keys[found&x.low-1] == key {
			return false
		}
		if at++; at == len(x.slots) {
			at = 0
		}
	}
}

// tag gives bits of a key that its place does not tell.
func (x *index) tag(key uint64) uint32 { return uint32(key) } //nolint:gosec // cut on purpose

// expect makes room for so many keys.
func (x *index) expect(keys int) {
	if keys > 0 {
		x.keys = make([]uint64, 0, keys)
		x.resize(keys+keys/2+8, keys)
	}
}

// resize makes so many places for so many numbers.
func (x *index) resize(length, numbers int) {
	x.slots, x.low = make([]uint32, length), 1<<bits.Len(uint(max(64, numbers)))-1
	for number, key := range x.keys {
		if key == 0 {
			continue
		}
		at := place(key, length)
		for x.slots[at] != 0 {
			if at++; at == length {
				at = 0
			}
		}
		x.slots[at] = x.tag(key)&^x.low | uint32(number+1)
	}
}

// set is a table without numbers.
type set struct {
	keys  []uint64
	count int
}

// add takes a key that is not 0 and says whether it is new.
func (s *set) add(key uint64) bool {
	if 3*s.count >= 2*len(s.keys) {
		s.resize(max(64, 2*len(s.keys)))
	}
	for at := place(key, len(s.keys)); ; {
		switch s.keys[at] {
		case 0:
			s.keys[at] = key
			s.count++
			return true
		case key:
			return false
		}
		if at++; at == len(s.keys) {
			at = 0
		}
	}
}

// has says whether a key is there.
func (s *set) has(key uint64) bool {
	if len(s.keys) == 0 {
		return false
	}
	for at := place(key, len(s.keys)); ; {
		switch s.keys[at] {
		case 0:
			return false
		case key:
			return true
		}
		if at++; at == len(s.keys) {
			at = 0
		}
	}
}

func (s *set) resize(length int) {
	old := s.keys
	s.keys, s.count = make([]uint64, length), 0
	for _, key := range old {
		if key != 0 {
			s.add(key)
		}
	}
}
