package relations

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"loan310/app/money"
	"loan310/scoring/evidence"
)

// ErrOrder reports an application handed to a Tracker out of time order.
var ErrOrder = errors.New("application out of time order")

// Application is one application as a Tracker takes it.
type Application struct {
	Merchant string
	At       time.Time
	// Found are the merchant's identifiers known at that moment: its own, and
	// what a Sketch of its rows up to the moment found.
	Found   []Found
	Held    []Held // the same, found before and kept small; both may be given
	Orders  int64  // Sketch.Orders
	Pattern string
}

// Pattern names applications that look alike: the same amount, purpose,
// industry and region.
func Pattern(amount money.Amount, purpose, industry, region string) string {
	return strconv.FormatInt(int64(amount), 10) + "\x1f" + purpose + "\x1f" + industry + "\x1f" + region
}

// Tracker is a book of identifiers in memory, for walking applications in the
// order of time: what it says of one never depends on a later one. It keeps
// about 5 kB a merchant. Not for concurrent use.
type Tracker struct {
	numbers   map[string]int
	merchants []tracked
	heads     map[slot]int // newest hold on an identifier, in holds
	holds     []hold
	times     []int64 // moments of applications, rising
}

// slot is an identifier: kind by its place, and the hash of space and value.
type slot struct {
	kind int
	key  uint64
}

// hold is one merchant's hold on an identifier; the holds of an identifier
// make a list.
type hold struct {
	slot     slot
	merchant int
	next     int // -1 = the last
	orders   int64
	applied  int64 // seconds of the last application with it
}

// tracked is what a Tracker knows of one merchant.
type tracked struct {
	id     string
	holds  []int
	orders int64
	events []event
}

type eventKind uint8

const (
	eventLine eventKind = iota
	eventDecline
	eventDone
	eventDefault
)

type event struct {
	at     time.Time
	kind   eventKind
	amount money.Amount
}

// NewTracker starts an empty book.
func NewTracker() *Tracker {
	return &Tracker{numbers: map[string]int{}, heads: map[slot]int{}}
}

// Apply records an application and gives the applicant's neighbourhood as of
// its moment. Applications come in order of time, else ErrOrder.
func (t *Tracker) Apply(a Application) (*evidence.Relations, error) {
	second := a.At.Unix()
	if last := len(t.times) - 1; last >= 0 && t.times[last] > second {
		return nil, fmt.Errorf("%w: merchant %s at %s", ErrOrder, a.Merchant, a.At.Format(time.RFC3339))
	}
	t.times = append(t.times, second)
	merchant := t.number(a.Merchant)
	t.merchants[merchant].orders = a.Orders
	found := a.Found
	if a.Pattern != "" {
		found = append(slices.Clip(found), Found{Kind: evidence.LinkPattern, Value: a.Pattern})
	}
	for _, list := range [2][]Held{a.Held, Hold(found)} {
		for _, one := range list {
			t.hold(merchant, slot{int(one.kind), one.key}, int64(one.orders), second)
		}
	}
	return Around(moment{t, a.At}, a.Merchant)
}

// Approved records a limit granted; it is committed until Closed.
func (t *Tracker) Approved(merchant string, at time.Time, limit money.Amount) {
	t.add(merchant, event{at, eventLine, limit})
}

// Declined records a decline.
func (t *Tracker) Declined(merchant string, at time.Time) {
	t.add(merchant, event{at: at, kind: eventDecline})
}

// Closed records that a limit granted is free again: it was repaid, or never
// taken.
func (t *Tracker) Closed(merchant string, at time.Time, limit money.Amount) {
	t.add(merchant, event{at, eventDone, limit})
}

// Defaulted records that a loan turned bad. It may be told ahead: no answer
// before its moment knows it.
func (t *Tracker) Defaulted(merchant string, at time.Time) {
	t.add(merchant, event{at: at, kind: eventDefault})
}

func (t *Tracker) add(merchant string, e event) {
	number := t.number(merchant)
	t.merchants[number].events = append(t.merchants[number].events, e)
}

func (t *Tracker) number(id string) int {
	number, known := t.numbers[id]
	if !known {
		number = len(t.merchants)
		t.numbers[id] = number
		t.merchants = append(t.merchants, tracked{id: id})
	}
	return number
}

// hold records that a merchant carries an identifier, or applied with it again.
func (t *Tracker) hold(merchant int, at slot, orders, second int64) {
	for _, own := range t.merchants[merchant].holds {
		if h := &t.holds[own]; h.slot == at {
			h.orders, h.applied = orders, second
			return
		}
	}
	next, exists := t.heads[at]
	if !exists {
		next = -1
	}
	number := len(t.holds)
	t.holds = append(t.holds, hold{at, merchant, next, orders, second})
	t.heads[at] = number
	t.merchants[merchant].holds = append(t.merchants[merchant].holds, number)
}

// moment is the book of a Tracker as an Index, as of a moment.
type moment struct {
	*Tracker
	at time.Time
}

func (m moment) row(h *hold) Row {
	return Row{
		Merchant: m.merchants[h.merchant].id, Orders: h.orders,
		Named: Named{evidence.IdentifierKinds[h.slot.kind], keyText(h.slot.key)},
	}
}

// Of lists the identifiers of some merchants.
func (m moment) Of(merchants []string) ([]Row, error) {
	var rows []Row
	for _, id := range merchants {
		for _, number := range m.merchants[m.numbers[id]].holds {
			rows = append(rows, m.row(&m.holds[number]))
		}
	}
	return rows, nil
}

// Carriers lists the merchants that carry each identifier.
func (m moment) Carriers(ids []Named) ([]Row, error) {
	var rows []Row
	for _, id := range ids {
		count := 0
		for h := range m.walk(id) {
			if count++; count > evidence.MaxHolders+1 {
				break
			}
			rows = append(rows, m.row(h))
		}
	}
	return rows, nil
}

func (m moment) walk(id Named) func(yield func(*hold) bool) {
	return func(yield func(*hold) bool) {
		head, exists := m.heads[slot{place(id.Kind), keyOf(id.Key)}]
		if !exists {
			return
		}
		for number := head; number >= 0; number = m.holds[number].next {
			if !yield(&m.holds[number]) {
				return
			}
		}
	}
}

// The windows applications are counted in, in seconds.
const (
	daySeconds  = 24 * 3600
	nearSeconds = 3 * daySeconds
	baseSeconds = 90 * daySeconds
)

// Applied counts merchants that applied with each identifier.
func (m moment) Applied(ids []Named) ([][3]int64, error) {
	counts := make([][3]int64, len(ids))
	for i, id := range ids {
		for h := range m.walk(id) {
			age := m.at.Unix() - h.applied
			if age > baseSeconds {
				continue
			}
			for window, longest := range [3]int64{daySeconds, nearSeconds, baseSeconds} {
				if age < longest {
					counts[i][window]++
				}
			}
			if counts[i][2] >= MaxApplied {
				break
			}
		}
	}
	return counts, nil
}

// Book counts the applications of the whole book.
func (m moment) Book() (evidence.BookRate, error) {
	since := func(seconds int64) int64 {
		from, _ := slices.BinarySearch(m.times, m.at.Unix()-seconds+1)
		return int64(len(m.times) - from)
	}
	return evidence.BookRate{Applied72H: since(nearSeconds), Applied90D: since(baseSeconds)}, nil
}

// badDays is what a default counts as in days past due.
const badDays = 90

// declineDays is how long a decline counts as recent.
const declineDays = 30

// Standing gives what is known of some merchants at the moment.
func (m moment) Standing(merchants []string) ([]evidence.RelatedMerchant, error) {
	list := make([]evidence.RelatedMerchant, 0, len(merchants))
	for _, id := range merchants {
		known := &m.merchants[m.numbers[id]]
		standing := evidence.RelatedMerchant{ID: id, Orders: known.orders}
		for _, e := range known.events {
			if !e.at.Before(m.at) {
				continue // only what was before the moment
			}
			switch e.kind {
			case eventLine:
				standing.Committed += e.amount
				standing.Borrowed = true
			case eventDone:
				standing.Committed -= e.amount
			case eventDecline:
				if m.at.Sub(e.at) < declineDays*24*time.Hour {
					standing.Declines30++
				}
			case eventDefault:
				standing.Defaults++
				standing.WorstDPD = max(standing.WorstDPD, badDays)
			}
		}
		standing.Committed = max(standing.Committed, 0)
		list = append(list, standing)
	}
	return list, nil
}

// place gives a kind's place in evidence.IdentifierKinds.
func place(kind evidence.IdentifierKind) int {
	return slices.Index(evidence.IdentifierKinds[:], kind)
}

// hashOf folds space and value into 64 bits (FNV-1a, finished by SplitMix64).
func hashOf(kind evidence.IdentifierKind, value string) uint64 {
	sum := uint64(14695981039346656037)
	for _, part := range [2]string{kind.Space(), value} {
		for i := range len(part) {
			sum = (sum ^ uint64(part[i])) * 1099511628211
		}
		sum = (sum ^ 0x1f) * 1099511628211
	}
	sum = (sum ^ sum>>30) * 0xbf58476d1ce4e5b9
	sum = (sum ^ sum>>27) * 0x94d049bb133111eb
	return sum ^ sum>>31
}

func keyText(key uint64) string { return fmt.Sprintf("%016x", key) }

func keyOf(text string) uint64 {
	key, err := strconv.ParseUint(text, 16, 64)
	if err != nil {
		return 0
	}
	return key
}
