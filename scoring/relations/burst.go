package relations

import (
	"loan310/scoring/evidence"
	"loan310/scoring/verdict"
)

// MaxApplied bounds how many applications of one identifier are counted. One
// that reaches it within 90 days is a hub of which no usual rate is known.
const MaxApplied = 1_000

// baseWindows is how many windows of 72 hours lie between 90 days and 72
// hours before the moment.
const baseWindows = 29

// burst finds the largest burst the application is part of.
func (v *view) burst(result *verdict.Relations) {
	for i := range v.around.Shared {
		shared := &v.around.Shared[i]
		least := v.leastBurst(shared.Kind)
		if least == 0 || shared.Applied72H < least || shared.Applied90D >= MaxApplied || shared.Applied72H <= result.Burst {
			continue
		}
		if crowded(shared.Kind) && v.young() {
			continue
		}
		if shared.Applied72H >= v.rules.Burst.Times*v.expected(shared) {
			result.Burst, result.BurstKind = shared.Applied72H, shared.Kind
		}
	}
}

// crowded tells of kinds that strangers share by nature, so that only a usual
// rate can tell a burst from a crowd: a carrier's address, a logistics park, a
// sum that many ask for.
func crowded(kind evidence.IdentifierKind) bool {
	return kind != evidence.LinkDevice && kind != evidence.LinkPhone && kind != evidence.LinkMeter
}

// young tells whether the book has too little behind it to know what is
// usual: less than five times what the last 72 hours brought.
func (v *view) young() bool {
	book := v.around.Book
	return book.Applied90D-book.Applied72H < 5*book.Applied72H
}

// leastBurst is the smallest burst of a kind; 0 = the kind makes none.
func (v *view) leastBurst(kind evidence.IdentifierKind) int64 {
	switch kind {
	case evidence.LinkDevice, evidence.LinkAddress, evidence.LinkPhone, evidence.LinkMeter:
		return v.rules.Burst.Min
	case evidence.LinkIP:
		return v.rules.Burst.MinIP
	case evidence.LinkPattern:
		return v.rules.Burst.MinPattern
	default:
		return 0
	}
}

// expected is how many applications the days before let expect within 72
// hours, rounded up; more where the whole book is busier than it was.
func (v *view) expected(shared *evidence.SharedIdentifier) int64 {
	base := max(shared.Applied90D-shared.Applied72H, 0)
	book := max(v.around.Book.Applied90D-v.around.Book.Applied72H, 0)
	busy := max(v.around.Book.Applied72H, 0)
	if book == 0 || busy*baseWindows <= book {
		return (base + baseWindows - 1) / baseWindows
	}
	return (base*busy + book - 1) / book // base/29 * busy/(book/29)
}
