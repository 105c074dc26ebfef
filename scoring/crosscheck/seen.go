package crosscheck

// seenSet is a set that must answer at once, while its keys lie in main
// memory. A small filter that fits a cache knows most new keys for new; they
// then wait and are put away together, so that the trips to memory overlap.
// Only a key the filter may have met before is looked up at once. Two bytes a
// key beside the set's own.
type seenSet struct {
	set
	filter  []uint64
	room    int // keys the filter was made for
	waiting []uint64
	touched uint64 // keeps the reads of settle from being left out
}

// filterKeys is how many keys share one word of the filter, three bits each:
// about one new key in a hundred is looked up in vain.
const filterKeys = 4

// add takes a key that is not 0 and says whether it is new.
func (s *seenSet) add(key uint64) bool {
	if s.count+len(s.waiting) >= s.room {
		s.widen(max(1<<10, 2*s.room))
	}
	word, mask := s.bits(key)
	if *word&mask == mask {
		s.settle()
		return s.set.add(key)
	}
	*word |= mask
	if s.waiting = append(s.waiting, key); len(s.waiting) == batch {
		s.settle()
	}
	return true
}

func (s *seenSet) bits(key uint64) (word *uint64, mask uint64) {
	return &s.filter[place(key, len(s.filter))], 1<<(key&63) | 1<<(key>>6&63) | 1<<(key>>12&63)
}

// settle puts away what waits.
func (s *seenSet) settle() {
	for _, key := range s.waiting {
		if len(s.keys) > 0 {
			s.touched ^= s.keys[place(key, len(s.keys))]
		}
	}
	for _, key := range s.waiting {
		s.set.add(key)
	}
	s.waiting = s.waiting[:0]
}

// expect makes room for so many keys.
func (s *seenSet) expect(keys int) {
	s.set.expect(keys)
	s.waiting = make([]uint64, 0, batch)
	s.widen(max(keys, 256))
}

// widen makes a filter for more keys from those that are known.
func (s *seenSet) widen(keys int) {
	s.settle()
	s.room, s.filter = keys, make([]uint64, keys/filterKeys+1)
	for _, key := range s.keys {
		if key != 0 {
			word, mask := s.bits(key)
			*word |= mask
		}
	}
}
