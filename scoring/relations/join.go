package relations

import (
	"cmp"
	"slices"

	"loan310/scoring/evidence"
)

// Identifier is one identifier with the merchants that carry it, by number.
type Identifier struct {
	Kind    evidence.IdentifierKind
	Key     string  // tells identifiers of a kind apart; also the reference shown
	Degree  int64   // merchants in the whole book; 0 = as many as there are holders
	Holders []int32 // each once
}

// Link is a pair of merchants that an identifier, or several of a kind,
// connects.
type Link struct {
	A, B   int32 // A < B
	Kind   evidence.IdentifierKind
	Weight int64
	Count  int64 // identifiers of this kind between the two
	Degree int64 // of the strongest of them
	Ref    string
}

// Groups is who belongs together.
type Groups struct {
	// Of gives for each merchant the smallest number in its group.
	Of []int32
	// Joins are the pairs that made the groups, strongest first: a spanning
	// forest. Each pair's links follow one another.
	Joins []Link
	// Ignored counts, by kind, the identifiers above their cap.
	Ignored map[evidence.IdentifierKind]Ignored
}

// Ignored is what was left out because too many share it.
type Ignored struct {
	Count     int64
	MaxDegree int64 // largest seen
}

// Join finds the groups among count merchants. The order of identifiers and
// of their holders changes nothing. Time is that of sorting the pairs, of
// which an identifier has at most MaxDegree squared over two.
func Join(rules *Rules, count int, identifiers []Identifier) Groups {
	groups := Groups{Of: make([]int32, count), Ignored: map[evidence.IdentifierKind]Ignored{}}
	for i := range groups.Of {
		groups.Of[i] = int32(i)
	}
	pairs := weighPairs(rules, identifiers, groups.Ignored)
	// Strongest first, so that what is kept as the reason is the strongest there is.
	slices.SortFunc(pairs, func(a, b pair) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(a.a, b.a), cmp.Compare(a.b, b.b))
	})
	for _, p := range pairs {
		if groups.union(p.a, p.b) {
			groups.Joins = append(groups.Joins, p.links...)
		}
	}
	for i := range groups.Of {
		groups.Of[i] = groups.find(int32(i))
	}
	return groups
}

// find gives the root of a merchant, halving the path on the way.
func (g *Groups) find(i int32) int32 {
	for g.Of[i] != i {
		g.Of[i] = g.Of[g.Of[i]]
		i = g.Of[i]
	}
	return i
}

// union joins two groups; the smaller number becomes the root, so that roots
// do not depend on the order of joins. False when they were one already.
func (g *Groups) union(a, b int32) bool {
	a, b = g.find(a), g.find(b)
	if a == b {
		return false
	}
	g.Of[max(a, b)] = min(a, b)
	return true
}

// pair is two merchants whose identifiers are heavy enough together.
type pair struct {
	a, b   int32
	weight int64
	links  []Link
}

// tie is one identifier between two merchants; small, for there are millions.
type tie struct {
	a, b   int32 // a < b
	id     int
	weight int64
	kind   int // place in evidence.IdentifierKinds
}

// weighPairs sums up what connects each pair of merchants and keeps the pairs
// that are to be joined.
func weighPairs(rules *Rules, identifiers []Identifier, ignored map[evidence.IdentifierKind]Ignored) []pair {
	ties := tiesOf(rules, identifiers, ignored)
	slices.SortFunc(ties, func(a, b tie) int {
		switch {
		case a.a != b.a:
			return cmp.Compare(a.a, b.a)
		case a.b != b.b:
			return cmp.Compare(a.b, b.b)
		}
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(b.weight, a.weight), cmp.Compare(identifiers[a.id].Key, identifiers[b.id].Key))
	})
	var pairs []pair
	for from := 0; from < len(ties); {
		to := from
		for to < len(ties) && ties[to].a == ties[from].a && ties[to].b == ties[from].b {
			to++
		}
		if weight := together(rules, ties[from:to]); weight >= rules.JoinWeight {
			pairs = append(pairs, pair{ties[from].a, ties[from].b, weight, linksOf(rules, identifiers, ties[from:to])})
		}
		from = to
	}
	return pairs
}

// tiesOf lists every pair of every identifier's holders.
func tiesOf(rules *Rules, identifiers []Identifier, ignored map[evidence.IdentifierKind]Ignored) []tie {
	var ties []tie
	for i := range identifiers {
		id := &identifiers[i]
		rule, judged := rules.Kinds[id.Kind]
		if !judged {
			continue
		}
		degree := id.degree()
		if degree > rule.MaxDegree {
			was := ignored[id.Kind]
			ignored[id.Kind] = Ignored{was.Count + 1, max(was.MaxDegree, degree)}
			continue
		}
		weight := rule.weigh(degree)
		for n, a := range id.Holders {
			for _, b := range id.Holders[n+1:] {
				if a != b && weight > 0 {
					ties = append(ties, tie{min(a, b), max(a, b), i, weight, place(id.Kind)})
				}
			}
		}
	}
	return ties
}

// degree is how many merchants carry the identifier.
func (i *Identifier) degree() int64 { return max(i.Degree, int64(len(i.Holders))) }

// bound keeps what identifiers of one kind weigh together within its limit.
func (k KindRule) bound(weight int64) int64 {
	if k.MaxTotal > 0 {
		return min(weight, k.MaxTotal)
	}
	return weight
}

// together is what the ties of one pair weigh, sorted by kind.
func together(rules *Rules, ties []tie) int64 {
	var sum, ofKind int64
	for i := range ties {
		ofKind += ties[i].weight
		if i+1 == len(ties) || ties[i+1].kind != ties[i].kind {
			sum += rules.Kinds[evidence.IdentifierKinds[ties[i].kind]].bound(ofKind)
			ofKind = 0
		}
	}
	return sum
}

// linksOf shows the ties of one pair, those of a kind as one link.
func linksOf(rules *Rules, identifiers []Identifier, ties []tie) []Link {
	var links []Link
	for _, t := range ties {
		id := &identifiers[t.id]
		if last := len(links) - 1; last >= 0 && links[last].Kind == id.Kind {
			links[last].Weight = rules.Kinds[id.Kind].bound(links[last].Weight + t.weight)
			links[last].Count++
			continue
		}
		links = append(links, Link{
			A: t.a, B: t.b, Kind: id.Kind,
			Weight: rules.Kinds[id.Kind].bound(t.weight), Count: 1, Degree: id.degree(), Ref: id.Key,
		})
	}
	return links
}
