package model

import (
	"fmt"
	"math"
	"slices"
)

// Binner finds the bin of a value. Safe for concurrent use.
type Binner struct {
	kind     Kind
	cuts     []float64 // lower bounds of the second and later ranges
	special  []float64
	specials []int // bin of each special value
	levels   map[string]int
	other    int
	missing  int
}

// NewBinner checks a binning: ranges without gap or overlap, each level and
// special value once, one bin of missing values. The error is a *PathError
// below the binning.
func NewBinner(binning *Binning) (*Binner, error) {
	b := &Binner{kind: binning.Kind, other: -1, missing: -1, levels: map[string]int{}}
	if len(binning.Bins) == 0 {
		return nil, faultAt("bins", "none")
	}
	ranges := 0
	for i := range binning.Bins {
		path := fmt.Sprintf("bins[%d]", i)
		bin := &binning.Bins[i]
		if err := checkBin(bin, path); err != nil {
			return nil, err
		}
		if err := b.add(bin, i, ranges, path); err != nil {
			return nil, err
		}
		if bin.isRange() && binning.Kind != Category {
			ranges++
		}
	}
	last := ranges - 1
	switch {
	case b.missing < 0:
		return nil, faultAt("bins", "none of missing values")
	case binning.Kind == Category && b.other < 0:
		return nil, faultAt("bins", "none of other levels")
	case binning.Kind != Category && last < 0:
		return nil, faultAt("bins", "no range")
	case binning.Kind != Category && binning.Bins[last].Max != nil:
		return nil, faultAt(fmt.Sprintf("bins[%d].max", last), "the last range must be open above")
	}
	return b, b.checkMonotone(binning, ranges)
}

func (bin *Bin) isRange() bool {
	return !bin.Missing && !bin.Other && len(bin.Levels) == 0 && len(bin.Special) == 0
}

func checkBin(bin *Bin, path string) error {
	set := 0
	for _, is := range []bool{bin.Missing, bin.Other, len(bin.Levels) > 0, len(bin.Special) > 0, bin.Min != nil || bin.Max != nil} {
		if is {
			set++
		}
	}
	if set > 1 {
		return faultAt(path, "more than one of range, special, levels, other and missing")
	}
	if !(bin.Rows >= 0) || !(bin.Bad >= 0) || bin.Bad > bin.Rows*(1+1e-9) {
		return faultAt(path, "%v bad of %v rows", bin.Bad, bin.Rows)
	}
	if math.Abs(bin.WoE) > 50 {
		return faultAt(path+".woe", "%v: want at most 50 either way", bin.WoE)
	}
	return nil
}

// add takes one bin; ranges is how many came before.
func (b *Binner) add(bin *Bin, at, ranges int, path string) error {
	switch {
	case bin.Missing:
		if b.missing >= 0 {
			return faultAt(path, "a second bin of missing values")
		}
		b.missing = at
	case len(bin.Special) > 0:
		for _, value := range bin.Special {
			if slices.Contains(b.special, value) || b.kind == Category {
				return faultAt(path+".special", "%v twice, or of a category", value)
			}
			b.special, b.specials = append(b.special, value), append(b.specials, at)
		}
	case b.kind == Category:
		return b.addLevels(bin, at, path)
	case len(bin.Levels) > 0 || bin.Other:
		return faultAt(path, "levels, but the feature is a %s", b.kind)
	default:
		return b.addRange(bin, at, ranges, path)
	}
	return nil
}

func (b *Binner) addLevels(bin *Bin, at int, path string) error {
	if bin.Other {
		if b.other >= 0 {
			return faultAt(path, "a second bin of other levels")
		}
		b.other = at
		return nil
	}
	if len(bin.Levels) == 0 {
		return faultAt(path, "a range, but the feature is a category")
	}
	for _, level := range bin.Levels {
		if _, twice := b.levels[level]; twice {
			return faultAt(path+".levels", "%q is in two bins", level)
		}
		b.levels[level] = at
	}
	return nil
}

func (b *Binner) addRange(bin *Bin, at, ranges int, path string) error {
	if at != ranges {
		return faultAt(path, "a range after other bins")
	}
	if at == 0 {
		if bin.Min != nil {
			return faultAt(path+".min", "the first range must be open below")
		}
	} else if bin.Min == nil {
		return faultAt(path+".min", "open inside")
	}
	if bin.Min != nil {
		before := math.Inf(-1)
		if len(b.cuts) > 0 {
			before = b.cuts[len(b.cuts)-1]
		}
		if *bin.Min <= before {
			return faultAt(path+".min", "%v does not rise", *bin.Min)
		}
		b.cuts = append(b.cuts, *bin.Min)
	}
	if bin.Max != nil && bin.Min != nil && *bin.Max <= *bin.Min {
		return faultAt(path+".max", "%v is not above %v", *bin.Max, *bin.Min)
	}
	return nil
}

// checkMonotone also finds gaps and overlaps, which need both neighbours.
func (b *Binner) checkMonotone(binning *Binning, ranges int) error {
	switch binning.Monotone {
	case "", Rising, Falling:
	default:
		return faultAt("monotone", "%q, want \"rising\", \"falling\" or nothing", binning.Monotone)
	}
	if binning.Kind == Category {
		if binning.Monotone != "" {
			return faultAt("monotone", "a category has no direction")
		}
		return nil
	}
	for i := 1; i < ranges; i++ {
		low, high := &binning.Bins[i-1], &binning.Bins[i]
		path := fmt.Sprintf("bins[%d]", i)
		switch {
		case low.Max == nil:
			return faultAt(fmt.Sprintf("bins[%d].max", i-1), "open inside")
		case *low.Max < *high.Min:
			return faultAt(path, "leaves a gap from %v to %v", *low.Max, *high.Min)
		case *low.Max > *high.Min:
			return faultAt(path, "overlaps from %v to %v", *high.Min, *low.Max)
		case binning.Monotone == Rising && high.WoE > low.WoE:
			return faultAt(path+".woe", "the risk falls although it is declared rising")
		case binning.Monotone == Falling && high.WoE < low.WoE:
			return faultAt(path+".woe", "the risk rises although it is declared falling")
		}
	}
	return nil
}

// Find gives the index of the bin that a value is in. It allocates nothing.
func (b *Binner) Find(value Value) int {
	if !value.Known {
		return b.missing
	}
	if b.kind == Category {
		if at, ok := b.levels[value.Text]; ok {
			return at
		}
		return b.other
	}
	for i, special := range b.special {
		if special == value.Num {
			return b.specials[i]
		}
	}
	at, exact := slices.BinarySearch(b.cuts, value.Num)
	if exact {
		at++
	}
	return at
}
