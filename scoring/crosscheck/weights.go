package crosscheck

// weights finds weights that many parcels share, whatever was in them: eight
// counters in the manner of Misra and Gries keep every weight of more than a
// ninth of the parcels, in bounded memory.
type weights struct {
	held [8]weightCount
	last int // found last
}

// weightCount is one weight in grams with the catalogue weights seen at it.
type weightCount struct {
	grams, votes      int32
	lightest, heavier int32 // catalogue: 0 = none said
}

func (w *weights) add(grams, catalogue int32) {
	if known := &w.held[w.last]; known.votes > 0 && known.grams == grams {
		known.again(catalogue)
		return
	}
	free := -1
	for i := range w.held {
		known := &w.held[i]
		switch {
		case known.votes > 0 && known.grams == grams:
			known.again(catalogue)
			w.last = i
			return
		case known.votes == 0:
			free = i
		}
	}
	if free >= 0 {
		w.held[free] = weightCount{grams: grams, votes: 1, lightest: catalogue, heavier: catalogue}
		return
	}
	for i := range w.held {
		w.held[i].votes--
	}
}

func (c *weightCount) again(catalogue int32) {
	c.votes++
	if catalogue > 0 {
		c.heavier = max(c.heavier, catalogue)
		if c.lightest == 0 || catalogue < c.lightest {
			c.lightest = catalogue
		}
	}
}

// constant gives the weight held longest of goods of which some weigh three
// times as much as others; 0 = none.
func (w *weights) constant() int32 {
	var best weightCount
	for _, known := range w.held {
		if known.votes > best.votes && known.lightest > 0 && known.heavier >= 3*known.lightest {
			best = known
		}
	}
	return best.grams
}
