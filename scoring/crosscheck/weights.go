package crosscheck

// weights finds weights that many parcels share, whatever was in them: eight
// counters in the manner of Misra and Gries keep every weight of more than a
// ninth of the parcels, in bounded memory.
type weights struct {
	held   [8]weightCount
	parcel int64
}

// weightCount is one weight in grams with the catalogue weights seen at it.
type weightCount struct {
	grams, votes      int32
	lightest, heavier int32 // catalogue: 0 = none said
}

func (w *weights) add(grams, catalogue int32) {
	w.parcel++
	free := -1
	for i := range w.held {
		known := &w.held[i]
		switch {
		case known.votes > 0 && known.grams == grams:
			known.votes++
			if catalogue > 0 {
				known.heavier = max(known.heavier, catalogue)
				if known.lightest == 0 || catalogue < known.lightest {
					known.lightest = catalogue
				}
			}
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
