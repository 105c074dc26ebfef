package crosscheck

import "math/bits"

// slot is one place of a table: a hashed key, 0 = free, in two halves so that
// it takes 12 bytes and not 16, and the number kept for it.
type slot struct {
	low, high uint32
	value     int32
}

func slotOf(key uint64, value int32) slot {
	return slot{uint32(key), uint32(key >> 32), value} //nolint:gosec // cut on purpose
}

func (s *slot) key() uint64 { return uint64(s.high)<<32 | uint64(s.low) }

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

// touch reads the place where key will be looked for and gives what lies
// there: see batch.
func (t *table) touch(key uint64) uint64 {
	if len(t.slots) == 0 {
		return 0
	}
	return uint64(t.slots[place(key, len(t.slots))].low)
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
			*found = slotOf(key, value)
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

// set is a table without numbers.
type set struct {
	keys  []uint64
	count int
}

// touch reads the place where key will be looked for and gives what lies
// there: see batch.
func (s *set) touch(key uint64) uint64 {
	if len(s.keys) == 0 {
		return 0
	}
	return s.keys[place(key, len(s.keys))]
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

// expect makes room for so many keys.
func (s *set) expect(keys int) {
	if keys > 0 {
		s.resize(keys + keys/2 + 8)
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
