package relations

import (
	"math"

	"loan310/scoring/evidence"
)

// Held is an identifier as a Tracker keeps it: its kind, the hash of its space
// and value, and the orders behind it, in 16 bytes.
type Held struct {
	key    uint64
	orders int32
	kind   uint8
}

// Hold makes them of what was found, in the same order; empty values and
// unknown kinds are left out.
func Hold(found []Found) []Held {
	list := make([]Held, 0, len(found))
	for _, one := range found {
		if one.Value != "" && known(one.Kind) {
			orders, kind := int32(min(one.Orders, math.MaxInt32)), uint8(place(one.Kind)) //nolint:gosec // bounded; a dozen kinds
			list = append(list, Held{hashOf(one.Kind, one.Value), orders, kind})
		}
	}
	return list
}

// Key is the hash of space and value: the same in both roles a device or an
// address may have.
func (h Held) Key() uint64 { return h.key }

// Customer tells whether it is of a merchant's customers.
func (h Held) Customer() bool { return evidence.IdentifierKinds[h.kind].Customer() }
