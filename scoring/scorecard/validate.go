package scorecard

import (
	"errors"
	"fmt"

	"loan310/scoring/features"
)

// Monotone declarations.
const (
	Rising  = "rising"
	Falling = "falling"
)

const maxPoints = 100_000

func validate(card *Card) error {
	scaling := card.Scaling
	switch {
	case card.Name == "" || card.Version == "":
		return errors.New("name and version: both must be given")
	case scaling.PDO <= 0 || scaling.PDO > maxPoints:
		return errors.New("scaling.pdo: want 1 to 100000")
	case scaling.BaseOdds <= 0 || scaling.BaseOdds > 1_000_000:
		return errors.New("scaling.base_odds: want 1 to 1000000")
	case within(card.Start) != nil || within(scaling.BasePoints) != nil:
		return errors.New("start_points and scaling.base_points: want at most 100000 either way")
	case len(card.Attributes) == 0:
		return errors.New("attributes: none")
	}
	for i := 1; i < len(card.PDTable); i++ {
		if card.PDTable[i].Points <= card.PDTable[i-1].Points || card.PDTable[i].PDPpm > card.PDTable[i-1].PDPpm {
			return fmt.Errorf("pd_table[%d]: points must rise and the probability must not", i)
		}
	}
	for i, anchor := range card.PDTable {
		if anchor.PDPpm < 1 || anchor.PDPpm > 999_999 || within(anchor.Points) != nil {
			return fmt.Errorf("pd_table[%d]: want 1 to 999999 per million", i)
		}
	}
	seen := map[string]bool{}
	for i := range card.Attributes {
		attribute := &card.Attributes[i]
		if seen[attribute.Feature] {
			return fmt.Errorf("attributes[%d] (%s): used twice", i, attribute.Feature)
		}
		seen[attribute.Feature] = true
		if err := attribute.validate(); err != nil {
			return fmt.Errorf("attributes[%d] (%s): %w", i, attribute.Feature, err)
		}
	}
	return nil
}

func (a *Attribute) validate() error {
	if _, known := features.Index(a.Feature); !known {
		return errors.New("no such feature")
	}
	if a.Reason == "" {
		return errors.New("reason: none")
	}
	if len(a.Bins) == 0 {
		return errors.New("bins: none")
	}
	if a.Bins[0].Min != nil || a.Bins[len(a.Bins)-1].Max != nil {
		return errors.New("bins: the first must be open below and the last above")
	}
	for i := range a.Bins {
		if err := within(a.Bins[i].Points); err != nil {
			return fmt.Errorf("bins[%d]: %w", i, err)
		}
		if i == 0 {
			continue
		}
		below, bin := a.Bins[i-1], a.Bins[i]
		switch {
		case below.Max == nil || bin.Min == nil:
			return fmt.Errorf("bins[%d]: open inside the range", i)
		case *bin.Min < *below.Max:
			return fmt.Errorf("bins[%d]: overlaps the bin below (%d < %d)", i, *bin.Min, *below.Max)
		case *bin.Min > *below.Max:
			return fmt.Errorf("bins[%d]: leaves a gap above %d", i, *below.Max)
		case bin.Max != nil && *bin.Max <= *bin.Min:
			return fmt.Errorf("bins[%d]: empty", i)
		case a.Monotone == Rising && bin.Points < below.Points, a.Monotone == Falling && bin.Points > below.Points:
			return fmt.Errorf("bins[%d]: points are not %s", i, a.Monotone)
		}
	}
	if a.Monotone != "" && a.Monotone != Rising && a.Monotone != Falling {
		return fmt.Errorf("monotone: want %q, %q or none", Rising, Falling)
	}
	return errors.Join(within(a.Missing), within(a.Stale))
}

func within(points int64) error {
	if points < -maxPoints || points > maxPoints {
		return fmt.Errorf("%d points: want at most %d either way", points, maxPoints)
	}
	return nil
}
