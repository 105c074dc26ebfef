package loan

import (
	"cmp"
	"slices"
	"strconv"

	"loan310/app/ledger"
)

// Entry is one accounting entry that follows from a replay. Its postings sum
// to zero. Key is the same in every replay: "disbursement", "demand:3",
// "penalty:2026-12-31", "repayment:<event id>".
type Entry struct {
	Key      string
	On       Date
	Kind     string // the key up to its colon
	Postings []ledger.Posting
}

// Booked is a journal the store has for an entry of this loan.
type Booked struct {
	JournalID string
	Key       string // the entry's
	Revision  int    // 1..
	On        Date   // 0 = not kept: then not compared
	Reversed  bool   // another journal reverses it
	Postings  []ledger.Posting
}

// Booking is an entry to book, at a revision never used for its key.
type Booking struct {
	Entry
	Revision int
}

// Changes is what brings the books to what a replay wants.
type Changes struct {
	Reverse []Booked  // oldest first
	Book    []Booking // in the order of the replay
}

// Empty tells whether the books already stand as they should.
func (c Changes) Empty() bool { return len(c.Reverse) == 0 && len(c.Book) == 0 }

// JournalKey is the unique key of the journal that books an entry.
func JournalKey(loanID, key string, revision int) string {
	return loanID + ":" + key + ":r" + strconv.Itoa(revision)
}

// Diff compares all journals booked for a loan, reversed ones included since
// they hold revisions, with the entries a replay wants: a journal whose entry
// vanished or changed is reversed, an entry without its journal is booked.
// Applying the changes and asking again gives none.
func Diff(booked []Booked, wanted []Entry) Changes {
	type last struct {
		live     int // index into booked + 1
		revision int
	}
	known := make(map[string]last, len(booked))
	for i := range booked {
		at := known[booked[i].Key]
		at.revision = max(at.revision, booked[i].Revision)
		if !booked[i].Reversed {
			at.live = i + 1
		}
		known[booked[i].Key] = at
	}
	var changes Changes
	kept := make([]bool, len(booked))
	for i := range wanted {
		at := known[wanted[i].Key]
		if at.live > 0 && same(&booked[at.live-1], &wanted[i]) {
			kept[at.live-1] = true
			continue
		}
		changes.Book = append(changes.Book, Booking{Entry: wanted[i], Revision: at.revision + 1})
	}
	for i := range booked {
		if !booked[i].Reversed && !kept[i] {
			changes.Reverse = append(changes.Reverse, booked[i])
		}
	}
	slices.SortStableFunc(changes.Reverse, func(a, b Booked) int {
		return cmp.Or(cmp.Compare(a.On, b.On), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Revision, b.Revision))
	})
	return changes
}

func same(journal *Booked, entry *Entry) bool {
	return (journal.On == 0 || journal.On == entry.On) && slices.Equal(journal.Postings, entry.Postings)
}
