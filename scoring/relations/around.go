package relations

import (
	"cmp"
	"math"
	"slices"

	"loan310/scoring/evidence"
)

// Bounds of a neighbourhood.
const (
	maxFirst     = 40 // merchants one step away
	maxMerchants = 64 // with those two steps away
)

// Named is one identifier by kind and key.
type Named struct {
	Kind evidence.IdentifierKind
	Key  string
}

// Row is one merchant's hold on one identifier.
type Row struct {
	Merchant string
	Named
	Orders int64
}

// Index is a book of identifiers. Errors are returned as they are.
type Index interface {
	// Of lists the identifiers of some merchants, in any order.
	Of(merchants []string) ([]Row, error)
	// Carriers lists the merchants that carry each identifier, in any order,
	// for each at most evidence.MaxHolders+1 of them.
	Carriers(ids []Named) ([]Row, error)
	// Applied counts, for each identifier, the merchants that applied with it
	// within 24 hours, 72 hours and 90 days before the moment, each up to
	// MaxApplied.
	Applied(ids []Named) ([][3]int64, error)
	// Book counts merchants that applied, as Applied does, in the whole book
	// and without a bound.
	Book() (evidence.BookRate, error)
	// Standing gives what is known of some merchants, in any order.
	Standing(merchants []string) ([]evidence.RelatedMerchant, error)
}

// Around reads the bounded neighbourhood of a merchant: the merchants that
// share an identifier with it, at most 40, those most of whose identifiers few
// others carry; and the merchants that share one of their own identifiers with
// these, at most 64 in all.
func Around(index Index, self string) (*evidence.Relations, error) {
	walk := &walk{index: index, self: self, inside: map[string]bool{self: true}, carriers: map[Named][]Row{}}
	own, err := index.Of([]string{self})
	if err != nil {
		return nil, err
	}
	if err := walk.ask(namedOf(own, func(evidence.IdentifierKind) bool { return true })); err != nil {
		return nil, err
	}
	walk.admit(maxFirst, func(kind evidence.IdentifierKind) bool { return kind != evidence.LinkPattern })
	first := walk.others()
	if len(first) > 0 {
		theirs, err := index.Of(first)
		if err != nil {
			return nil, err
		}
		second := namedOf(theirs, func(kind evidence.IdentifierKind) bool { return !kind.Customer() && kind != evidence.LinkPattern })
		second = append(second, repeated(append(theirs, own...))...)
		if err := walk.ask(second); err != nil {
			return nil, err
		}
		walk.admit(maxMerchants-1, func(kind evidence.IdentifierKind) bool { return !kind.Customer() && kind != evidence.LinkPattern })
	}
	return walk.result(own)
}

// Near lists the merchants one step from a merchant, over identifiers that at
// most evidence.MaxHolders carry: all of them, by id.
func Near(index Index, self string) ([]string, error) {
	walk := &walk{index: index, self: self, inside: map[string]bool{self: true}, carriers: map[Named][]Row{}}
	own, err := index.Of([]string{self})
	if err != nil {
		return nil, err
	}
	joins := func(kind evidence.IdentifierKind) bool { return kind != evidence.LinkPattern }
	if err := walk.ask(namedOf(own, joins)); err != nil {
		return nil, err
	}
	walk.admit(math.MaxInt32, joins)
	return walk.others(), nil
}

// walk is a neighbourhood being read.
type walk struct {
	index     Index
	self      string
	inside    map[string]bool
	carriers  map[Named][]Row // asked already
	truncated bool
}

// ask reads who carries identifiers, and, where a device or an address is a
// merchant's own here and a customer's there, both roles.
func (w *walk) ask(ids []Named) error {
	var open []Named
	for _, id := range ids {
		for _, role := range roles(id) {
			if _, asked := w.carriers[role]; !asked {
				w.carriers[role] = nil
				open = append(open, role)
			}
		}
	}
	slices.SortFunc(open, compareNamed)
	rows, err := w.index.Carriers(open)
	if err != nil {
		return err
	}
	for _, row := range rows {
		w.carriers[row.Named] = append(w.carriers[row.Named], row)
	}
	return nil
}

// roles gives an identifier in each role it may have.
func roles(id Named) []Named {
	switch id.Kind {
	case evidence.LinkDevice:
		return []Named{id, {evidence.LinkOrderDevice, id.Key}}
	case evidence.LinkOrderDevice:
		return []Named{id, {evidence.LinkDevice, id.Key}}
	default:
		return []Named{id}
	}
}

// admit takes in the merchants most closely tied to those inside, up to so
// many others in all: what few carry ties closer.
func (w *walk) admit(most int, through func(evidence.IdentifierKind) bool) {
	near := map[string]int64{}
	for id, rows := range w.carriers {
		if len(rows) > evidence.MaxHolders || !through(id.Kind) || !w.touches(id) {
			continue
		}
		for _, row := range rows {
			if !w.inside[row.Merchant] {
				near[row.Merchant] += 1_000 / int64(len(rows))
			}
		}
	}
	list := make([]string, 0, len(near))
	for merchant := range near {
		list = append(list, merchant)
	}
	slices.SortFunc(list, func(a, b string) int { return cmp.Or(cmp.Compare(near[b], near[a]), cmp.Compare(a, b)) })
	room := max(most-(len(w.inside)-1), 0)
	if len(list) > room {
		w.truncated = true
		list = list[:room]
	}
	for _, merchant := range list {
		w.inside[merchant] = true
	}
}

// touches tells whether a merchant inside carries the identifier in any role.
func (w *walk) touches(id Named) bool {
	for _, role := range roles(id) {
		if slices.ContainsFunc(w.carriers[role], func(row Row) bool { return w.inside[row.Merchant] }) {
			return true
		}
	}
	return false
}

func (w *walk) others() []string {
	var list []string
	for merchant := range w.inside {
		if merchant != w.self {
			list = append(list, merchant)
		}
	}
	slices.Sort(list)
	return list
}

// result keeps the identifiers that two merchants inside share, those of the
// applicant that too many share, and those bursts are counted by.
func (w *walk) result(own []Row) (*evidence.Relations, error) {
	merchants, err := w.index.Standing(append(w.others(), w.self))
	if err != nil {
		return nil, err
	}
	slices.SortFunc(merchants, func(a, b evidence.RelatedMerchant) int { return cmp.Compare(a.ID, b.ID) })
	around := &evidence.Relations{Self: w.self, Merchants: merchants, Shared: []evidence.SharedIdentifier{}, Truncated: w.truncated}
	if around.Book, err = w.index.Book(); err != nil {
		return nil, err
	}
	mine := namedOf(own, func(kind evidence.IdentifierKind) bool { return !kind.Customer() })
	counts, err := w.index.Applied(mine)
	if err != nil {
		return nil, err
	}
	applied := map[Named][3]int64{}
	for i, id := range mine {
		applied[id] = counts[i]
	}
	places := make(map[string]int32, len(merchants))
	for i := range merchants {
		places[merchants[i].ID] = int32(i)
	}
	for id, rows := range w.carriers {
		if shared, worth := w.shared(id, rows, applied[id], places); worth {
			around.Shared = append(around.Shared, shared)
		}
	}
	slices.SortFunc(around.Shared, func(a, b evidence.SharedIdentifier) int {
		return compareNamed(Named{a.Kind, a.Key}, Named{b.Kind, b.Key})
	})
	return around, nil
}

func (w *walk) shared(id Named, rows []Row, applied [3]int64, places map[string]int32) (evidence.SharedIdentifier, bool) {
	shared := evidence.SharedIdentifier{
		Kind: id.Kind, Key: id.Key, Degree: int64(len(rows)), Applied24H: applied[0], Applied72H: applied[1], Applied90D: applied[2],
	}
	carriers := map[string]bool{}
	for _, role := range roles(id) {
		for _, row := range w.carriers[role] {
			if w.inside[row.Merchant] {
				carriers[row.Merchant] = true
			}
		}
	}
	if len(rows) == 0 || len(carriers) < 2 && applied[1] < 2 && len(rows) <= evidence.MaxHolders {
		return shared, false
	}
	if len(rows) <= evidence.MaxHolders {
		for _, row := range rows {
			if at, inside := places[row.Merchant]; inside {
				shared.Holders = append(shared.Holders, evidence.Holder{At: at, Orders: row.Orders})
			}
		}
		slices.SortFunc(shared.Holders, func(a, b evidence.Holder) int { return cmp.Compare(a.At, b.At) })
	}
	return shared, true
}

// namedOf lists the identifiers of rows, each once, by kind and key.
func namedOf(rows []Row, wanted func(evidence.IdentifierKind) bool) []Named {
	var list []Named
	for i := range rows {
		if wanted(rows[i].Kind) {
			list = append(list, rows[i].Named)
		}
	}
	slices.SortFunc(list, compareNamed)
	return slices.Compact(list)
}

// repeated lists the customers' identifiers that two of the rows' merchants
// carry.
func repeated(rows []Row) []Named {
	carriers := map[Named]string{}
	var list []Named
	for i := range rows {
		if !rows[i].Kind.Customer() {
			continue
		}
		if first, seen := carriers[rows[i].Named]; seen && first != rows[i].Merchant {
			list = append(list, rows[i].Named)
		} else if !seen {
			carriers[rows[i].Named] = rows[i].Merchant
		}
	}
	slices.SortFunc(list, compareNamed)
	return slices.Compact(list)
}

func compareNamed(a, b Named) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Key, b.Key))
}
